//! One process per directory.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use crate::layout::create_durably;

/// The right to write in a directory: an exclusive lock on its `LOCK` file. Given back when
/// dropped, and by the operating system when the process ends, however it ends: a `LOCK` file
/// that is merely there means nothing.
#[derive(Debug)]
#[must_use = "the directory is unlocked as soon as this is dropped"]
pub struct DirLock {
    _file: File,
}

/// [`DirLock::acquire`] failed.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process (or another lock in this one) has the directory.
    #[error("{path} is held by {}", holder(*.pid))]
    Held {
        /// The lock file.
        path: PathBuf,
        /// The process that holds it, where it said so. For people: it may be in another
        /// container, or just gone.
        pid: Option<u32>,
    },
    /// The lock file cannot be created or locked.
    #[error("cannot lock {path}")]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

impl DirLock {
    /// Locks `dir`, created when missing, without waiting.
    ///
    /// # Errors
    ///
    /// [`LockError::Held`] when someone has it, [`LockError::Io`] when the lock file cannot be
    /// created or locked.
    pub fn acquire(dir: &Path) -> Result<Self, LockError> {
        let path = dir.join("LOCK");
        match create_durably(dir).and_then(|()| try_lock(&path)) {
            Ok(Some(file)) => Ok(Self { _file: file }),
            Ok(None) => Err(LockError::Held { pid: read_pid(&path), path }),
            Err(source) => Err(LockError::Io { path, source }),
        }
    }
}

/// The locked file with our process id in it, or `None` when someone else has it.
fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    match fs2::FileExt::try_lock_exclusive(&file) {
        Ok(()) => {}
        Err(error) if error.kind() == fs2::lock_contended_error().kind() => return Ok(None),
        Err(error) => return Err(error),
    }
    // Only for people: a full disk must not keep the server from starting.
    let _ = write_pid(&mut file);
    Ok(Some(file))
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

/// Only for the message, so whatever goes wrong here is no error.
fn read_pid(path: &Path) -> Option<u32> {
    let mut text = String::new();
    File::open(path).ok()?.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_lock_is_refused_and_names_the_holder() {
        let dir = tempfile::tempdir().unwrap();
        let held = DirLock::acquire(dir.path()).unwrap();

        let refused = DirLock::acquire(dir.path()).unwrap_err();
        assert!(
            matches!(&refused, LockError::Held { path, pid: Some(pid) }
                if *path == dir.path().join("LOCK") && *pid == std::process::id()),
            "{refused:?}"
        );
        assert!(refused.to_string().ends_with(&format!("held by process {}", std::process::id())));

        drop(held);
        let _again = DirLock::acquire(dir.path()).unwrap();
    }

    #[test]
    fn left_over_lock_file_holds_nothing() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("LOCK"), "4294967295 and more than that\n").unwrap();
        let _lock = DirLock::acquire(dir.path()).unwrap();
        let text = std::fs::read_to_string(dir.path().join("LOCK")).unwrap();
        assert_eq!(text, format!("{}\n", std::process::id()));
    }

    #[test]
    fn missing_directory_is_created() {
        let dir = tempfile::tempdir().unwrap();
        let _lock = DirLock::acquire(&dir.path().join("a/b")).unwrap();
        assert!(dir.path().join("a/b/LOCK").is_file());
    }
}
