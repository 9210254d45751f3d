//! Checking that an object is still what it was.

use std::{io, path::PathBuf};

use crate::{Digest, ReadError, Store, hash_reader};

/// [`Store::verify`] found the object damaged, or could not tell.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The object is not held.
    #[error("object {digest} is not in the store")]
    NotFound {
        /// The object asked for.
        digest: Digest,
    },
    /// The bytes on disk are not those of the object: the disk is damaged.
    /// [`Store::quarantine`] moves it aside.
    #[error("object {digest} is damaged: its {size_bytes} bytes hash to {actual}")]
    Damaged {
        /// The object asked for.
        digest: Digest,
        /// What its file hashes to.
        actual: Digest,
        /// How large its file is.
        size_bytes: u64,
    },
    /// The file could not be opened or read.
    #[error("cannot verify object {path}")]
    Io {
        /// The object's file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Store {
    /// Reads an object whole and compares it to its digest, in constant memory. To check many,
    /// call it from one thread per core.
    ///
    /// # Errors
    ///
    /// [`VerifyError::NotFound`], [`VerifyError::Damaged`] or [`VerifyError::Io`]. Nothing is
    /// changed on disk.
    pub fn verify(&self, digest: &Digest) -> Result<(), VerifyError> {
        let digest = *digest;
        let path = self.layout().object(&digest);
        let reader = self.read(&digest).map_err(|error| match error {
            ReadError::Io { path, source } => VerifyError::Io { path, source },
            _ => VerifyError::NotFound { digest },
        })?;
        match hash_reader(reader) {
            Ok((actual, _)) if actual == digest => Ok(()),
            Ok((actual, size_bytes)) => Err(VerifyError::Damaged { digest, actual, size_bytes }),
            Err(source) => Err(VerifyError::Io { path, source }),
        }
    }
}
