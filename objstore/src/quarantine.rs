//! Moving damaged objects aside.

use std::{fs, io, path::PathBuf};

use crate::{Digest, FileId, Store, VerifyError, disk, faults};

/// A file that had the name of an object, and was not it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedAside {
    /// Where it is now.
    pub to: PathBuf,
    /// What its bytes hash to; `None` where they could not be read.
    pub actual: Option<Digest>,
    /// Its size in bytes.
    pub size_bytes: u64,
}

impl Store {
    /// Moves the file of an object that was found damaged to `quarantine/`, where it can be looked
    /// at, so that the object counts as not held and can be written again. Returns where it went,
    /// `None` when there was nothing to move: no file, or another one than was `found`, since a whole one may
    /// have come meanwhile. Durable on return.
    ///
    /// # Errors
    ///
    /// When the file cannot be moved or a directory not be synced; the message names the object's
    /// file.
    pub fn quarantine(&self, digest: &Digest, found: &FileId) -> io::Result<Option<PathBuf>> {
        let object = self.layout().object(digest);
        let _change = self.shard_change(digest);
        let moved = match FileId::at(&object) {
            Ok(Some(file)) if file == *found => self.move_to_quarantine(digest),
            Ok(_) => return Ok(None),
            Err(error) => Err(error),
        };
        moved
            .and_then(|path| disk::sync_dir(&self.layout().shard(digest)).map(|()| Some(path)))
            .map_err(|error| disk::about(&object, &error))
    }

    /// Moves aside what has the name of an object and is not it, for whoever has the object's bytes and is about to write them.
    /// That includes what cannot be read.
    ///
    /// # Errors
    ///
    /// As [`Store::quarantine`].
    pub(crate) fn make_way(&self, digest: &Digest) -> io::Result<Option<MovedAside>> {
        let Some(file) = FileId::at(&self.layout().object(digest))? else { return Ok(None) };
        let (actual, file) = match self.verify(digest) {
            Ok(()) | Err(VerifyError::NotFound { .. }) => return Ok(None),
            Err(VerifyError::Damaged { actual, file, .. }) => (Some(actual), file),
            Err(VerifyError::Io { .. }) => (None, file),
        };
        let moved = self.quarantine(digest, &file)?;
        Ok(moved.map(|to| MovedAside { to, actual, size_bytes: file.size_bytes() }))
    }

    /// The caller holds the shard and syncs it. The first free of `DIGEST.0`, `DIGEST.1`, … is
    /// taken: nothing that was moved aside earlier is overwritten.
    fn move_to_quarantine(&self, digest: &Digest) -> io::Result<PathBuf> {
        let dir = &self.layout().quarantine;
        let free = (0..u32::MAX)
            .map(|n| dir.join(format!("{digest}.{n}")))
            .find(|path| fs::symlink_metadata(path).is_err())
            .ok_or(io::ErrorKind::AlreadyExists)?;
        faults::step("quarantine.move")?;
        fs::rename(self.layout().object(digest), &free)?;
        faults::step("quarantine.moved")?;
        disk::sync_dir(dir)?;
        Ok(free)
    }

    /// Removes an object for good. Returns whether there was one. Not synced: after a power cut it may be back, as an object
    /// that nothing names.
    ///
    /// Who calls it has made sure that nothing names the object, and that nothing will before this returns.
    ///
    /// # Errors
    ///
    /// When the file cannot be removed; the message names it.
    pub fn remove(&self, digest: &Digest) -> io::Result<bool> {
        let object = self.layout().object(digest);
        let _change = self.shard_change(digest);
        let removed = faults::step("object.remove").and_then(|()| match fs::remove_file(&object) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
            Ok(()) => faults::step("object.removed").map(|()| true),
        });
        removed.map_err(|error| disk::about(&object, &error))
    }

    /// Gives an object's file the mode that objects have: read-only for everyone.
    ///
    /// # Errors
    ///
    /// When the mode cannot be set; the message names the file.
    pub fn restore_mode(&self, digest: &Digest) -> io::Result<()> {
        let object = self.layout().object(digest);
        disk::set_sealed_mode(&object).map_err(|error| disk::about(&object, &error))
    }
}
