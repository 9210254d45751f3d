//! Checking that an object is still what it was.

use std::{
    io::{self, Read},
    path::PathBuf,
};

use crate::{
    BlockSums, Digest, FileId, Hasher, ObjectReader, ReadError, Store, faults,
    hash::{hash_readers, read_through},
    sums::Running,
};

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
    #[error("object {digest} is damaged: its {} bytes hash to {actual}", file.size_bytes())]
    Damaged {
        /// The object asked for.
        digest: Digest,
        /// What its file hashes to.
        actual: Digest,
        /// The file with these bytes, for [`Store::quarantine`].
        file: FileId,
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
    /// Reads an object whole and compares it to its digest, in constant memory.
    ///
    /// # Errors
    ///
    /// [`VerifyError::NotFound`], [`VerifyError::Damaged`] or [`VerifyError::Io`]. Nothing is
    /// changed on disk.
    pub fn verify(&self, digest: &Digest) -> Result<(), VerifyError> {
        let mut hasher = Hasher::new();
        let file = self.read_whole(digest, |bytes| {
            hasher.update(bytes);
            Ok(())
        })?;
        judge(*digest, hasher.finish(), file)
    }

    /// Verifies several objects side by side; what is said of each is in their order. [`batch`](crate::batch) tells how many are
    /// best taken at once. To check many, call it from one thread per core.
    ///
    /// `watch` is told of bytes as they are read. It may wait, or end it with an error.
    ///
    /// # Errors
    ///
    /// Of each object as [`Store::verify`]; [`VerifyError::Io`] with what `watch` says.
    pub fn verify_together(
        &self,
        digests: &[Digest],
        watch: impl FnMut(u64) -> io::Result<()>,
    ) -> Vec<Result<(), VerifyError>> {
        let (mut readers, mut files) = (Vec::new(), Vec::new());
        let open = |digest| {
            self.open_whole(digest).map(|reader| {
                files.push(reader.object.id());
                readers.push(reader);
            })
        };
        let mut outcomes: Vec<Result<(), VerifyError>> = digests.iter().map(open).collect();
        let hashed = hash_readers(readers, watch);
        let opened = digests.iter().zip(&mut outcomes).filter(|(_, outcome)| outcome.is_ok());
        for ((digest, outcome), (hashed, file)) in opened.zip(hashed.into_iter().zip(files)) {
            *outcome = match hashed {
                Ok((actual, _)) => judge(*digest, actual, file),
                Err(source) => Err(self.unread(digest, source)),
            };
        }
        outcomes
    }

    /// Verifies an object and returns the checksums of its blocks.
    ///
    /// # Errors
    ///
    /// As [`Store::verify`].
    pub fn verify_and_sum(&self, digest: &Digest) -> Result<BlockSums, VerifyError> {
        let mut running = Running::default();
        let file = self.read_whole(digest, |bytes| {
            running.update(bytes);
            Ok(())
        })?;
        let (actual, sums) = running.finish();
        judge(*digest, actual, file).map(|()| sums)
    }

    fn read_whole(&self, digest: &Digest, take: impl FnMut(&[u8]) -> io::Result<()>) -> Result<FileId, VerifyError> {
        let reader = self.open_whole(digest)?;
        let file = reader.object.id();
        read_through(reader, take).map(|_| file).map_err(|source| self.unread(digest, source))
    }

    fn open_whole(&self, digest: &Digest) -> Result<Ahead, VerifyError> {
        let object = self.read(digest).map_err(|error| match error {
            ReadError::Io { path, source } => VerifyError::Io { path, source },
            _ => VerifyError::NotFound { digest: *digest },
        })?;
        faults::step("object.read").map_err(|source| self.unread(digest, source))?;
        Ok(Ahead { object, at: 0 })
    }

    fn unread(&self, digest: &Digest, source: io::Error) -> VerifyError {
        VerifyError::Io { path: self.layout().object(digest), source }
    }
}

/// Has the disk read on while what came before is hashed: much at a time, because other objects are read beside it.
struct Ahead {
    object: ObjectReader,
    at: u64,
}

const AHEAD_BYTES: u64 = 1024 * 1024;

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.object.read(buffer)?;
        let before = self.at.div_ceil(AHEAD_BYTES);
        self.at += count as u64;
        let begun = self.at.div_ceil(AHEAD_BYTES);
        if begun > before && begun * AHEAD_BYTES < self.object.len() {
            self.object.start_reading(begun * AHEAD_BYTES..(begun + 1) * AHEAD_BYTES);
        }
        Ok(count)
    }
}

fn judge(digest: Digest, actual: Digest, file: FileId) -> Result<(), VerifyError> {
    if actual == digest { Ok(()) } else { Err(VerifyError::Damaged { digest, actual, file }) }
}
