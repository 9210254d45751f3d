//! Where things are in the directory, and how it comes to be.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use walkdir::WalkDir;

use crate::{Digest, OpenError, disk};

/// What the name of a temporary file in a shard starts with. No digest can: `.` is not a digit.
pub(crate) const TEMP_PREFIX: &str = ".tmp-";

/// The paths below one root. Knows names, not contents.
pub(crate) struct Layout {
    root: PathBuf,
    pub(crate) objects: PathBuf,
    pub(crate) uploads: PathBuf,
    pub(crate) quarantine: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            objects: root.join("objects"),
            uploads: root.join("uploads"),
            quarantine: root.join("quarantine"),
        }
    }

    /// `objects/ab`
    pub(crate) fn shard(&self, digest: &Digest) -> PathBuf {
        self.objects.join(shard_name(digest.as_bytes()[0]))
    }

    /// `objects/ab/ab12…`
    pub(crate) fn object(&self, digest: &Digest) -> PathBuf {
        self.shard(digest).join(digest.to_string())
    }

    /// Creates what is missing, all 256 shards included, so that a write never has to make, and
    /// make durable, a directory. Durable on return.
    pub(crate) fn create(&self) -> Result<(), OpenError> {
        create_durably(&self.root).map_err(OpenError::at(&self.root))?;
        create_in(&self.root, [&self.objects, &self.uploads, &self.quarantine])?;
        let shards: Vec<_> = (0..=u8::MAX).map(|n| self.objects.join(shard_name(n))).collect();
        create_in(&self.objects, &shards)
    }

    /// Removes what a crash left half-written in the shards. Anything else there is not ours to
    /// touch.
    pub(crate) fn remove_stale_temps(&self) -> Result<(), OpenError> {
        for entry in WalkDir::new(&self.objects).min_depth(2).max_depth(2) {
            let entry = entry.map_err(|error| OpenError::Io {
                path: error.path().unwrap_or(&self.objects).to_owned(),
                source: error.into(),
            })?;
            let is_temp =
                entry.file_type().is_file() && entry.file_name().as_encoded_bytes().starts_with(TEMP_PREFIX.as_bytes());
            if is_temp {
                disk::remove_file(entry.path()).map_err(OpenError::at(entry.path()))?;
            }
        }
        Ok(())
    }
}

fn shard_name(first_byte: u8) -> String {
    format!("{first_byte:02x}")
}

/// Creates those of `dirs` that are missing, all of them entries of `parent`. The one sync is not
/// left out where nothing was missing: whoever created them may have been killed before it.
fn create_in<'a>(parent: &Path, dirs: impl IntoIterator<Item = &'a PathBuf>) -> Result<(), OpenError> {
    for dir in dirs {
        match fs::create_dir(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(OpenError::at(dir)(error)),
            _ => {}
        }
    }
    disk::sync_dir(parent).map_err(OpenError::at(parent))
}

/// Creates `dir` and its missing ancestors, each durable in its parent.
pub(crate) fn create_durably(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = match dir.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    create_durably(parent)?;
    match fs::create_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => disk::sync_dir(parent),
    }
}
