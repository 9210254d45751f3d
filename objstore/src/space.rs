//! The free-space floor.
//!
//! Free space is checked before a write starts, against what the file system has *minus what
//! writes already under way have been promised*: ten uploads of 1 GiB that start at once do not
//! all pass on the same free gigabyte.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::disk;

/// The free space of the file system that holds the objects.
pub(crate) struct Space {
    dir: PathBuf,
    reserve_bytes: u64,
    promised_bytes: Mutex<u64>,
}

/// Space set aside for one write; what is left of it is given back on drop.
pub(crate) struct Claim {
    space: Arc<Space>,
    left_bytes: u64,
}

/// A claim was refused. Each operation turns this into its own error.
pub(crate) enum SpaceError {
    NoSpace { needed: u64, available: u64, reserve: u64 },
    Io { path: PathBuf, source: io::Error },
}

impl Space {
    pub(crate) fn new(dir: &Path, reserve_bytes: u64) -> Self {
        Self { dir: dir.to_owned(), reserve_bytes, promised_bytes: Mutex::new(0) }
    }

    pub(crate) fn available_bytes(&self) -> io::Result<u64> {
        fs2::available_space(&self.dir).map_err(|error| disk::about(&self.dir, &error))
    }

    pub(crate) fn check(&self, size_bytes: u64) -> Result<(), SpaceError> {
        let promised = *self.promised();
        self.check_beside(promised, size_bytes)
    }

    /// Sets `size_bytes` aside, or says why not.
    pub(crate) fn claim(self: &Arc<Self>, size_bytes: u64) -> Result<Claim, SpaceError> {
        let mut promised = self.promised();
        self.check_beside(*promised, size_bytes)?;
        *promised = promised.saturating_add(size_bytes);
        Ok(Claim { space: Arc::clone(self), left_bytes: size_bytes })
    }

    fn check_beside(&self, promised: u64, needed: u64) -> Result<(), SpaceError> {
        let free =
            fs2::available_space(&self.dir).map_err(|source| SpaceError::Io { path: self.dir.clone(), source })?;
        let available = free.saturating_sub(promised);
        match available.checked_sub(needed) {
            Some(left) if left >= self.reserve_bytes => Ok(()),
            _ => Err(SpaceError::NoSpace { needed, available, reserve: self.reserve_bytes }),
        }
    }

    fn promised(&self) -> MutexGuard<'_, u64> {
        self.promised_bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// `bytes` of the claim are on disk now and no longer counted as free anyway.
    pub(crate) fn spend(&mut self, bytes: u64) {
        let bytes = bytes.min(self.left_bytes);
        self.left_bytes -= bytes;
        let mut promised = self.space.promised();
        *promised = promised.saturating_sub(bytes);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.spend(self.left_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_is_promised_once_and_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let space = Arc::new(Space::new(dir.path(), 0));
        // More than half of what is free, so that two do not fit, however it moves meanwhile.
        let most = space.available_bytes().unwrap() / 4 * 3;

        let mut first = space.claim(most).ok().unwrap();
        assert!(matches!(space.claim(most), Err(SpaceError::NoSpace { needed, .. }) if needed == most));
        assert!(space.check(most).is_err());

        first.spend(most);
        assert!(space.check(most).is_ok(), "what is spent shows in the free space itself");
        drop(first);
        assert_eq!(*space.promised(), 0);
    }

    #[test]
    fn absurd_sizes_are_refused_without_overflow() {
        let dir = tempfile::tempdir().unwrap();
        let space = Arc::new(Space::new(dir.path(), u64::MAX));
        assert!(space.check(0).is_err());
        assert!(space.claim(u64::MAX).is_err());
    }
}
