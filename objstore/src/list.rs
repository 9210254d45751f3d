//! Listing what is held.

use std::{io, path::PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::{Digest, Store};

/// An item of [`Store::digests`] could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot list {path}")]
pub struct ListError {
    /// The file or directory it failed on.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

impl Store {
    /// Every held object with its size in bytes, in the order of the digests, in constant memory
    /// per shard.
    ///
    /// What is not an object (other names, directories, temporary files) is skipped. Objects that
    /// appear or disappear meanwhile may or may not be listed.
    ///
    /// # Errors
    ///
    /// An item is an error where a directory or file cannot be read; the listing goes on.
    pub fn digests(&self) -> impl Iterator<Item = Result<(Digest, u64), ListError>> + Send + use<> {
        let store = self.clone();
        WalkDir::new(&store.layout().objects)
            .min_depth(2)
            .max_depth(2)
            .sort_by_file_name()
            .into_iter()
            .filter_map(move |entry| match entry {
                Ok(entry) => store.as_object(&entry).map(Ok),
                Err(error) => Some(Err(error)),
            })
            .map(|item| item.and_then(|(digest, entry)| Ok((digest, entry.metadata()?.len()))))
            .filter(|item| !matches!(item, Err(error) if is_gone(error)))
            .map(|item| item.map_err(ListError::from))
    }

    /// The digest that `entry` holds, where it is the file of one and in the right shard.
    fn as_object(&self, entry: &DirEntry) -> Option<(Digest, DirEntry)> {
        let digest = Digest::parse(entry.file_name().to_str()?).ok()?;
        let is_object = entry.file_type().is_file() && entry.path() == self.layout().object(&digest);
        is_object.then(|| (digest, entry.clone()))
    }
}

fn is_gone(error: &walkdir::Error) -> bool {
    error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

impl From<walkdir::Error> for ListError {
    fn from(error: walkdir::Error) -> Self {
        let path = error.path().map(PathBuf::from).unwrap_or_default();
        Self { path, source: error.into() }
    }
}
