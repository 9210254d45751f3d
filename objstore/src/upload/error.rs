//! What can go wrong on the way.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{Digest, WriteError, space::SpaceError};

/// An upload was refused or failed. What had arrived is kept for a resume, unless said otherwise.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The owner cannot be a directory's name.
    #[error("upload owner {owner:?} is not 1 to 128 of a-z, 0-9 and -")]
    BadOwner {
        /// What was given.
        owner: String,
    },
    /// The same owner is uploading the same object right now.
    #[error("{owner} is already uploading object {digest}")]
    Busy {
        /// Who.
        owner: String,
        /// What.
        digest: Digest,
    },
    /// The rest would leave less free space than the reserve. All three are bytes.
    #[error("{needed} bytes would leave less than the reserve: {available} free, {reserve} reserved")]
    NoSpace {
        /// What the rest of the upload takes.
        needed: u64,
        /// What is free and not promised to other writes.
        available: u64,
        /// What has to stay free.
        reserve: u64,
    },
    /// More bytes than were announced. Nothing of the chunk was written.
    #[error("{digest} was announced with {size_bytes} bytes, this would make {would_be}")]
    TooLong {
        /// The object.
        digest: Digest,
        /// Its announced size.
        size_bytes: u64,
        /// How long it would have become.
        would_be: u64,
    },
    /// Fewer bytes than were announced.
    #[error("{digest} was announced with {size_bytes} bytes, {offset} have arrived")]
    Incomplete {
        /// The object.
        digest: Digest,
        /// Its announced size.
        size_bytes: u64,
        /// How many have arrived.
        offset: u64,
    },
    /// All bytes are there and they are not the object's. The partial was removed.
    #[error("the bytes sent for {expected} hash to {actual}")]
    DigestMismatch {
        /// The object announced.
        expected: Digest,
        /// What the bytes hash to.
        actual: Digest,
    },
    /// The file system failed. When the disk filled up, `source` is of kind
    /// [`io::ErrorKind::StorageFull`].
    #[error("cannot write {path}")]
    Io {
        /// The file or directory it failed on.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl UploadError {
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        |source| Self::Io { path, source }
    }
}

impl From<SpaceError> for UploadError {
    fn from(error: SpaceError) -> Self {
        WriteError::from(error).into()
    }
}

impl From<WriteError> for UploadError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::NoSpace { needed, available, reserve } => Self::NoSpace { needed, available, reserve },
            WriteError::Io { path, source } => Self::Io { path, source },
        }
    }
}
