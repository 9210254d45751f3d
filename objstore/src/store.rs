//! The store itself: opening it, and what all its operations share.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use crate::{Digest, disk, layout::Layout, space::Space, upload::Sessions};

/// A directory of objects. Cheap to clone; clones share their state. `Send` and `Sync`.
///
/// Open one per directory and process, under a [`DirLock`](crate::DirLock): that partial uploads
/// have one writer, and that free space is not promised twice, is known in memory only.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    layout: Layout,
    space: Arc<Space>,
    sessions: Sessions,
    shards: Vec<RwLock<()>>,
}

/// How a [`Store`] behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Free-space floor, in bytes: a write that would leave the file system with less is refused
    /// before it starts. 0, the default, refuses only what does not fit.
    pub reserve_bytes: u64,
}

/// [`Store::open`] failed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory could not be created, listed, cleaned or synced.
    #[error("cannot prepare the object store at {path}")]
    Io {
        /// The file or directory it failed on.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl OpenError {
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        |source| Self::Io { path, source }
    }
}

impl Store {
    /// Opens the store at `root`, creating what is missing of it, and removes temporary files
    /// that a crash left behind. Its directories are durable on return.
    ///
    /// # Errors
    ///
    /// When a directory cannot be created, listed or synced, or a stale file not be removed.
    pub fn open(root: &Path, options: Options) -> Result<Self, OpenError> {
        let layout = Layout::new(root);
        layout.create()?;
        layout.remove_stale_temps()?;
        Ok(Self::of(layout, options))
    }

    /// Opens the store at `root` beside the process that holds it, or to look at it: creates nothing and removes nothing.
    /// Objects may be read, written, moved aside and removed; uploads belong to the other process.
    pub fn attach(root: &Path, options: Options) -> Self {
        Self::of(Layout::new(root), options)
    }

    fn of(layout: Layout, options: Options) -> Self {
        Self {
            inner: Arc::new(Inner {
                space: Arc::new(Space::new(&layout.objects, options.reserve_bytes)),
                layout,
                sessions: Sessions::default(),
                shards: (0..=u8::MAX).map(|_| RwLock::new(())).collect(),
            }),
        }
    }

    /// The size in bytes of a held object, `None` when it is not held.
    ///
    /// `Some` is a promise: the object is durable, bytes and name. To keep it, the call waits
    /// while another thread is just publishing into the same one of the 256 shards.
    ///
    /// # Errors
    ///
    /// When the file system does not tell; the message names the path.
    pub fn len(&self, digest: &Digest) -> io::Result<Option<u64>> {
        let path = self.layout().object(digest);
        let _settled = self.shard_settled(digest);
        disk::file_len(&path).map_err(|error| disk::about(&path, &error))
    }

    /// Free space in bytes that this process may use, before the reserve and before what open
    /// uploads have been promised.
    ///
    /// # Errors
    ///
    /// When the file system does not tell; the message names the path.
    pub fn available_space(&self) -> io::Result<u64> {
        self.space().available_bytes()
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.inner.layout
    }

    pub(crate) fn space(&self) -> &Arc<Space> {
        &self.inner.space
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.inner.sessions
    }

    /// Waits until nothing in the shard of `digest` is visible but not yet durable.
    pub(crate) fn shard_settled(&self, digest: &Digest) -> RwLockReadGuard<'_, ()> {
        self.shard_lock(digest).read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to change entries of the shard of `digest`. Held from the first look until the
    /// directory is synced: no one acts on an entry that a power cut could still take back.
    pub(crate) fn shard_change(&self, digest: &Digest) -> RwLockWriteGuard<'_, ()> {
        self.shard_lock(digest).write().unwrap_or_else(PoisonError::into_inner)
    }

    fn shard_lock(&self, digest: &Digest) -> &RwLock<()> {
        &self.inner.shards[usize::from(digest.as_bytes()[0])]
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("objects", &self.layout().objects).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_threads_share_can_be_shared() {
        fn check<T: Send + Sync>() {}
        check::<crate::Store>();
        check::<crate::Upload>();
        check::<crate::ObjectReader>();
        check::<crate::DirLock>();
    }
}
