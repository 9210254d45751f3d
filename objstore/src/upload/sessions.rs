//! Who is uploading right now, and where the others left off.
//!
//! Exclusivity is a set in memory and not a file lock: a lock on the partial would be taken on a
//! file that may just have become a published object.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{UploadError, owner::Owner};
use crate::{Digest, Store, sums::Running};

/// How many interrupted uploads are remembered, about 200 bytes each and 16 more for each MiB that arrived. An upload that was forgotten
/// still resumes; its beginning is read back once.
const MAX_REMEMBERED: usize = 256;

/// What an upload is exclusive in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) owner: Owner,
    pub(crate) digest: Digest,
}

/// How far an upload is.
pub(crate) struct Progress {
    pub(crate) running: Running,
    pub(crate) offset: u64,
}

/// All uploads of one store.
#[derive(Default)]
pub(crate) struct Sessions {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: HashSet<Key>,
    /// Oldest first.
    remembered: VecDeque<(Key, Progress)>,
}

/// The exclusive right to a partial upload, until dropped.
pub(crate) struct Session {
    store: Store,
    key: Key,
}

impl Session {
    pub(crate) fn begin(store: &Store, key: Key) -> Result<Self, UploadError> {
        if store.sessions().state().open.insert(key.clone()) {
            Ok(Self { store: store.clone(), key })
        } else {
            let owner = key.owner.as_str().to_owned();
            Err(UploadError::Busy { owner, digest: key.digest })
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn digest(&self) -> Digest {
        self.key.digest
    }

    /// What is remembered of the session before this one; it is forgotten by that.
    pub(crate) fn take_progress(&self) -> Option<Progress> {
        let mut state = self.store.sessions().state();
        let index = state.remembered.iter().position(|(key, _)| *key == self.key)?;
        state.remembered.remove(index).map(|(_, progress)| progress)
    }

    /// Remembers how far this session came, at the expense of the oldest one remembered.
    pub(crate) fn keep_progress(&self, progress: Progress) {
        let mut state = self.store.sessions().state();
        if state.remembered.len() == MAX_REMEMBERED {
            state.remembered.pop_front();
        }
        state.remembered.push_back((self.key.clone(), progress));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.store.sessions().state().open.remove(&self.key);
    }
}

impl Sessions {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
