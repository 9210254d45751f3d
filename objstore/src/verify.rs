//! Checking that an object is still what it was.

use std::{io, path::PathBuf};

use crate::{BlockSums, Digest, Hasher, ReadError, Store, faults, hash::read_through, sums::Running};

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
        self.verify_watched(digest, |_| Ok(()))
    }

    /// The same, telling `watch` of every few hundred KiB how many bytes they were. It may wait, or end it with an error.
    ///
    /// # Errors
    ///
    /// As [`Store::verify`]; [`VerifyError::Io`] with what `watch` says.
    pub fn verify_watched(
        &self,
        digest: &Digest,
        mut watch: impl FnMut(u64) -> io::Result<()>,
    ) -> Result<(), VerifyError> {
        let mut hasher = Hasher::new();
        let size_bytes = self.read_whole(digest, |bytes| {
            hasher.update(bytes);
            watch(bytes.len() as u64)
        })?;
        judge(*digest, hasher.finish(), size_bytes)
    }

    /// Verifies an object and returns the checksums of its blocks.
    ///
    /// # Errors
    ///
    /// As [`Store::verify`].
    pub fn verify_and_sum(&self, digest: &Digest) -> Result<BlockSums, VerifyError> {
        let mut running = Running::default();
        let size_bytes = self.read_whole(digest, |bytes| {
            running.update(bytes);
            Ok(())
        })?;
        let (actual, sums) = running.finish();
        judge(*digest, actual, size_bytes).map(|()| sums)
    }

    fn read_whole(&self, digest: &Digest, take: impl FnMut(&[u8]) -> io::Result<()>) -> Result<u64, VerifyError> {
        let reader = self.read(digest).map_err(|error| match error {
            ReadError::Io { path, source } => VerifyError::Io { path, source },
            _ => VerifyError::NotFound { digest: *digest },
        })?;
        let read = faults::step("object.read").and_then(|()| read_through(reader, take));
        read.map_err(|source| VerifyError::Io { path: self.layout().object(digest), source })
    }
}

fn judge(digest: Digest, actual: Digest, size_bytes: u64) -> Result<(), VerifyError> {
    if actual == digest { Ok(()) } else { Err(VerifyError::Damaged { digest, actual, size_bytes }) }
}
