//! What the tests share: a store in a directory of its own, and ways to look at the files.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use objstore::{Digest, Options, Store};
use tempfile::TempDir;

pub(crate) struct TestStore {
    pub(crate) store: Store,
    dir: TempDir,
}

impl TestStore {
    pub(crate) fn new() -> Self {
        Self::with_reserve(0)
    }

    pub(crate) fn with_reserve(reserve_bytes: u64) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path(), Options { reserve_bytes }).expect("a fresh store opens");
        Self { store, dir }
    }

    /// As after a restart of the process.
    pub(crate) fn reopen(self) -> Self {
        let Self { store, dir } = self;
        drop(store);
        let store = Store::open(dir.path(), Options::default()).expect("an existing store opens");
        Self { store, dir }
    }

    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn object(&self, digest: &Digest) -> PathBuf {
        self.shard(digest).join(digest.to_string())
    }

    pub(crate) fn shard(&self, digest: &Digest) -> PathBuf {
        self.root().join("objects").join(&digest.to_string()[..2])
    }

    pub(crate) fn partial(&self, owner: &str, digest: &Digest) -> PathBuf {
        self.root().join("uploads").join(owner).join(digest.to_string())
    }

    /// The digests listed, which must all be readable.
    pub(crate) fn listed(&self) -> Vec<(Digest, u64)> {
        self.store.digests().map(|item| item.expect("an object lists")).collect()
    }

    /// How many files are anywhere below `objects/`, objects or not.
    pub(crate) fn files_in_objects(&self) -> usize {
        files_below(&self.root().join("objects"))
    }
}

pub(crate) fn files_below(dir: &Path) -> usize {
    let entries = fs::read_dir(dir).expect("a directory lists").map(|e| e.expect("an entry").path());
    entries.map(|path| if path.is_dir() { files_below(&path) } else { 1 }).sum()
}

pub(crate) fn overwrite(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).expect("the file is there");
    fs::write(path, bytes).expect("the file can be written");
}
