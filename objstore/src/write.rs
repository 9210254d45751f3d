//! How bytes become an object.
//!
//! The order is the same for a small object and for an upload, and each step is needed:
//!
//! 1. the bytes are complete and their digest is right, in a file under another name;
//! 2. the file is made read-only and synced, so that the name never points at missing bytes;
//! 3. it is renamed without replacing anything, so that an object is never overwritten;
//! 4. the shard directory is synced, so that the name survives a power cut.
//!
//! Only then does anyone learn that the object is held.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::{NamedTempFile, TempPath};

use crate::{Digest, MovedAside, Store, disk, faults, layout::TEMP_PREFIX, space::SpaceError};

/// An object that is now held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// Its name.
    pub digest: Digest,
    /// Its size.
    pub size_bytes: u64,
    /// Whether this write added it; `false` when it was held already.
    pub was_new: bool,
    /// What had its name until now and was not it: the disk had damaged it.
    pub replaced: Option<MovedAside>,
}

/// A write was refused or failed. The object is not held, unless it was before.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The write would leave less free space than the reserve. All three are bytes.
    #[error("{needed} bytes would leave less than the reserve: {available} free, {reserve} reserved")]
    NoSpace {
        /// What the write takes.
        needed: u64,
        /// What is free and not promised to other writes.
        available: u64,
        /// What has to stay free.
        reserve: u64,
    },
    /// The file system failed.
    #[error("cannot write {path}")]
    Io {
        /// The file or directory it failed on.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl WriteError {
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        |source| Self::Io { path, source }
    }
}

impl From<SpaceError> for WriteError {
    fn from(error: SpaceError) -> Self {
        match error {
            SpaceError::NoSpace { needed, available, reserve } => Self::NoSpace { needed, available, reserve },
            SpaceError::Io { path, source } => Self::Io { path, source },
        }
    }
}

impl Store {
    /// Writes a small object in one go. The object is durable on return, bytes and name, also
    /// where it was held already.
    ///
    /// # Errors
    ///
    /// [`WriteError::NoSpace`] before anything is written; [`WriteError::Io`].
    pub fn put(&self, bytes: &[u8]) -> Result<Put, WriteError> {
        let digest = Digest::of(bytes);
        let size_bytes = bytes.len() as u64;
        if self.verify(&digest).is_ok() {
            return Ok(Put { digest, size_bytes, was_new: false, replaced: None });
        }
        let _claim = self.space().claim(size_bytes)?;
        let temp = self.write_temp(&digest, bytes)?;
        self.publish(temp, &digest, size_bytes)
    }

    /// Whether `size_bytes` more can be written without going below the reserve, counting what
    /// open uploads still have to write. It sets nothing aside: another write may be faster.
    ///
    /// # Errors
    ///
    /// [`WriteError::NoSpace`] when not; [`WriteError::Io`] when the file system does not tell.
    pub fn check_space(&self, size_bytes: u64) -> Result<(), WriteError> {
        Ok(self.space().check(size_bytes)?)
    }

    /// Gives a sealed file the name of its object, steps 3 and 4 of the module's list. Where the object
    /// is held already, `temp` is removed; what is held is read first, so that whole bytes are never given up for damaged ones.
    pub(crate) fn publish(&self, temp: TempPath, digest: &Digest, size_bytes: u64) -> Result<Put, WriteError> {
        let (shard, object) = (self.layout().shard(digest), self.layout().object(digest));
        let replaced = self.make_way(digest).map_err(WriteError::at(&object))?;
        let _change = self.shard_change(digest);

        let held = disk::file_len(&object).map_err(WriteError::at(&object))?;
        if held == Some(size_bytes) {
            temp.close().map_err(WriteError::at(&object))?;
            disk::sync_dir(&shard).map_err(WriteError::at(&shard))?;
            return Ok(Put { digest: *digest, size_bytes, was_new: false, replaced });
        }
        faults::step("object.rename").map_err(WriteError::at(&object))?;
        temp.persist_noclobber(&object).map_err(|error| WriteError::at(&object)(error.error))?;
        if let Err(source) = faults::step("object.renamed").and_then(|()| disk::sync_dir(&shard)) {
            // Not durable, and a second sync may lie about it: better not there at all.
            let _ = disk::remove_file(&object);
            return Err(WriteError::Io { path: shard, source });
        }
        faults::step("object.durable").map_err(WriteError::at(&object))?;
        Ok(Put { digest: *digest, size_bytes, was_new: true, replaced })
    }

    /// Steps 1 and 2 for bytes in memory.
    fn write_temp(&self, digest: &Digest, bytes: &[u8]) -> Result<TempPath, WriteError> {
        let shard = self.layout().shard(digest);
        let write = || -> io::Result<NamedTempFile> {
            faults::step("object.temp")?;
            let mut temp = tempfile::Builder::new().prefix(TEMP_PREFIX).tempfile_in(&shard)?;
            temp.write_all(bytes)?;
            disk::seal(temp.as_file())?;
            Ok(temp)
        };
        write().map(NamedTempFile::into_temp_path).map_err(WriteError::at(&shard))
    }
}
