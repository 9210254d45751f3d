//! Objects that arrive in pieces, over more than one connection, across restarts.
//!
//! What has arrived is the file `uploads/OWNER/DIGEST`; its length is the offset to go on from.
//! There is no other record, so there is nothing to repair after a crash.
//!
//! # What is durable when
//!
//! - [`Upload::write`]: nothing. What the operating system took survives the end of the process,
//!   not a power cut.
//! - [`Upload::park`], on return: the bytes and the file's name. A power cut costs nothing.
//! - dropping an [`Upload`]: as `write`. A power cut may then leave a file whose tail was never
//!   written; the digest at the end tells, and the upload starts over.
//! - [`Upload::finish`], on return: the object, bytes and name. `uploads/` itself needs no sync
//!   there: should the old name come back after a power cut, it is a complete partial of an object
//!   that is held, and the next upload of it finishes at once.
//!
//! Hashing goes along with writing, so that finishing reads nothing back. The hash in progress
//! is kept in memory between connections; after a restart it is rebuilt from the file.
//!
//! An upload may begin before its sender knows the digest, under a name that was made up: it ends
//! with [`Upload::seal_as`].

mod begin;
mod error;
mod owner;
mod sessions;

use std::{
    fs::File,
    io::{self, Write},
    path::PathBuf,
};

use tempfile::TempPath;

use crate::{BlockSums, Digest, Put, disk, faults, space::Claim, sums::Running};
pub use error::UploadError;
pub(crate) use sessions::Sessions;
use sessions::{Progress, Session};

/// After how many bytes the kernel is told to begin writing them out.
const WRITEBACK_BYTES: u64 = 16 * 1024 * 1024;

/// An upload in progress, the only one of its object and owner.
///
/// Dropping it keeps what arrived, to be resumed by
/// [`Store::upload`](crate::Store::upload).
pub struct Upload {
    session: Session,
    claim: Claim,
    path: PathBuf,
    file: File,
    running: Running,
    offset: u64,
    size_bytes: u64,
    hinted: u64,
    resumable: bool,
}

impl Upload {
    /// How many bytes have arrived: what comes next belongs here.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes the object is announced to have.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Appends the next bytes. Chunks of 64 KiB and more are best; each is one system call.
    ///
    /// # Errors
    ///
    /// [`UploadError::TooLong`] past the announced size, with nothing of the chunk written.
    /// [`UploadError::Io`], with [`Upload::offset`] telling how much of the chunk was: it can be
    /// parked or written on from there.
    pub fn write(&mut self, chunk: &[u8]) -> Result<(), UploadError> {
        let would_be = self.offset.saturating_add(chunk.len() as u64);
        if would_be > self.size_bytes {
            let (digest, size_bytes) = (self.session.digest(), self.size_bytes);
            return Err(UploadError::TooLong { digest, size_bytes, would_be });
        }
        let mut rest = chunk;
        while !rest.is_empty() {
            let written = self.write_some(rest).map_err(UploadError::at(&self.path))?;
            rest = &rest[written..];
        }
        Ok(())
    }

    /// Keeps what arrived for later and makes it durable. Returns the offset.
    ///
    /// # Errors
    ///
    /// [`UploadError::Io`] when it cannot be synced. The partial is then dropped: what the disk
    /// has of it is not known any more.
    pub fn park(mut self) -> Result<u64, UploadError> {
        let dir = self.path.parent().unwrap_or(&self.path);
        if let Err(error) =
            faults::step("upload.park").and_then(|()| self.file.sync_data()).and_then(|()| disk::sync_dir(dir))
        {
            self.remove_partial()?;
            return Err(UploadError::at(&self.path)(error));
        }
        Ok(self.offset)
    }

    /// Makes the complete upload an object. It is durable on return, bytes and name, also where
    /// it was held already.
    ///
    /// # Errors
    ///
    /// [`UploadError::Incomplete`] when bytes are missing. [`UploadError::DigestMismatch`] when
    /// they are wrong; the partial is then removed. [`UploadError::Io`] when the bytes cannot be
    /// synced (the partial is removed as well) or not be moved to their place.
    pub fn finish(self) -> Result<Put, UploadError> {
        self.seal()?.publish()
    }

    /// Makes the bytes of the complete upload durable, and nothing visible yet: the first half of
    /// [`Upload::finish`], for a caller that has something to record in between.
    ///
    /// # Errors
    ///
    /// As [`Upload::finish`], but for moving the bytes to their place.
    pub fn seal(self) -> Result<Sealed, UploadError> {
        let digest = self.session.digest();
        self.seal_as(digest)
    }

    /// As [`Upload::seal`], of an upload that was begun under a name that was made up: the object is to be `digest`.
    ///
    /// # Errors
    ///
    /// As [`Upload::seal`].
    pub fn seal_as(mut self, digest: Digest) -> Result<Sealed, UploadError> {
        let size_bytes = self.size_bytes;
        if self.offset != size_bytes {
            return Err(UploadError::Incomplete { digest, size_bytes, offset: self.offset });
        }
        let (actual, sums) = self.running.clone().finish();
        if actual != digest {
            self.remove_partial()?;
            return Err(UploadError::DigestMismatch { expected: digest, actual });
        }
        if let Err(error) = disk::seal(&self.file) {
            self.remove_partial()?;
            return Err(UploadError::at(&self.path)(error));
        }
        faults::step("object.sealed").map_err(UploadError::at(&self.path))?;
        Ok(Sealed { upload: self, digest, sums })
    }

    /// Drops what arrived.
    ///
    /// # Errors
    ///
    /// [`UploadError::Io`] when it cannot be removed.
    pub fn discard(mut self) -> Result<(), UploadError> {
        self.remove_partial()
    }

    /// One write, and everything that has to agree with how much it wrote, so that a disk that
    /// fills up midway leaves the upload consistent.
    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        faults::step("upload.write")?;
        let written = match self.file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(0),
            result => result?,
        };
        self.running.update(&bytes[..written]);
        self.offset += written as u64;
        self.claim.spend(written as u64);
        if self.offset - self.hinted >= WRITEBACK_BYTES {
            disk::start_writeback(&self.file, self.hinted..self.offset);
            self.hinted = self.offset;
        }
        Ok(written)
    }

    /// Removes the partial. After a failed sync this is the only safe end: the kernel may have
    /// dropped the pages it could not write, and a second sync would claim that all is well.
    fn remove_partial(&mut self) -> Result<(), UploadError> {
        self.resumable = false;
        disk::remove_file(&self.path).map_err(UploadError::at(&self.path))
    }
}

/// A complete upload whose bytes are verified and durable, and that is no object yet. Dropping it keeps it, to be
/// resumed at its end.
#[derive(Debug)]
pub struct Sealed {
    upload: Upload,
    digest: Digest,
    sums: BlockSums,
}

impl Sealed {
    /// The checksums of its blocks.
    pub fn sums(&self) -> &BlockSums {
        &self.sums
    }

    /// Makes it an object, durable on return: the second half of [`Upload::finish`].
    ///
    /// # Errors
    ///
    /// [`UploadError::Io`] when it cannot be moved to its place.
    pub fn publish(self) -> Result<Put, UploadError> {
        let Self { mut upload, digest, .. } = self;
        let size_bytes = upload.size_bytes;
        let mut partial = TempPath::try_from_path(&upload.path).map_err(UploadError::at(&upload.path))?;
        partial.disable_cleanup(true);
        let put = upload.session.store().publish(partial, &digest, size_bytes)?;
        upload.resumable = false;
        Ok(put)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.resumable {
            let progress = Progress { running: std::mem::take(&mut self.running), offset: self.offset };
            self.session.keep_progress(progress);
        }
    }
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload")
            .field("path", &self.path)
            .field("offset", &self.offset)
            .field("size_bytes", &self.size_bytes)
            .finish_non_exhaustive()
    }
}
