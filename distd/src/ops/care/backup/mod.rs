//! Backups: a folder with one pool of objects and any number of snapshots of the database.
//!
//! ```text
//! DIR
//!   objects/ab/ab12…            shared by all snapshots; the names are the digests
//!   snapshots/2026-11-22T09:00:00.000Z/dist.sqlite
//!   LOCK                        held while one is made
//! ```
//!
//! The keys that sign links are no part of it: who steals a backup can read, and make no link that works. Who wants links to
//! work after a restore keeps `config/link.keys` elsewhere.
//!
//! # Order
//!
//! Writing: gc is held off; the database; then every object that this copy of it names; then the snapshot gets its name. So
//! a snapshot that has its name is whole. Restoring: objects first, the database last. So a directory that has a database has
//! what it names.
//!
//! A snapshot stays as it was made, also where its tables are those of an older version: a copy is brought to this one, to
//! restore it or to look at what it names. One of a newer version is refused.

mod restore;
mod verify;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use jiff::{SignedDuration, Timestamp};
use objstore::{CopyError, CopyMethod, Digest, DirLock, Options as StoreOptions, Store};
use protocol::audit_chain::Mark;
use rusqlite::Connection;
use serde::Serialize;

use super::super::OpError;
use super::live::live_for_ever;
use crate::db::{self, Database};
use crate::faults::step;
pub use restore::{Chosen, RestoreReport, choose, restore};
pub use verify::{Verified, verify};

/// How long gc is held off by a backup that ended without saying so.
const HOLD: SignedDuration = SignedDuration::from_hours(24);

/// The name that a snapshot has while it is made.
const UNFINISHED: &str = ".unfinished";

/// The folder beside the snapshots with databases that are only looked at.
const SCRATCH: &str = ".older";

/// Why a backup or restore could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file or folder cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Someone else uses the folder.
    #[error(transparent)]
    Lock(#[from] objstore::LockError),
    /// The pool of objects cannot be opened.
    #[error(transparent)]
    Store(#[from] objstore::OpenError),
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] db::OpenError),
    /// The database cannot be copied or read.
    #[error(transparent)]
    Database(#[from] OpError),
    /// An object cannot be written.
    #[error("cannot copy object {digest}: {source}")]
    Copy {
        /// The object.
        digest: Digest,
        /// Why.
        source: CopyError,
    },
    /// The objects of the pool cannot be listed.
    #[error(transparent)]
    List(#[from] objstore::ListError),
    /// The objects cannot be read on.
    #[error(transparent)]
    Check(#[from] super::check::CheckError),
    /// There is nothing to restore from.
    #[error("{path} is no backup: it has neither snapshots nor a dist.sqlite", path = .0.display())]
    NoBackup(PathBuf),
    /// There is something already where the backup is to go.
    #[error("{path} holds a store already; restore into an empty folder", path = .0.display())]
    NotEmpty(PathBuf),
    /// SQLite would play it into the database that is restored.
    #[error("{path} is left of another database; move it away, or restore into an empty folder", path = .0.display())]
    LeftOver(PathBuf),
}

impl From<rusqlite::Error> for BackupError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> BackupError + use<> {
    let path = path.to_owned();
    |source| BackupError::Io { path, source }
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackupReport {
    /// `dist.backup/1`.
    pub schema: &'static str,
    /// The snapshot: a time.
    pub snapshot: String,
    /// Objects of it that are in the pool.
    pub objects: u64,
    /// Of these, objects that the pool did not have yet.
    pub copied: u64,
    /// The end of the audit chain in it.
    pub audit_head: Mark,
    /// Objects that it needs and that were damaged or missing.
    pub missing: Vec<Digest>,
    /// Older snapshots that were removed.
    pub removed: Vec<String>,
}

/// Makes a backup of a data directory, also of one that a server uses. Durable on return.
///
/// # Errors
/// When something cannot be read or written; the snapshot then does not have its name. An object that is damaged or missing
/// is no error but in the report.
pub fn create(
    data: &Path,
    store: &Store,
    database: &Database,
    directory: &Path,
    method: CopyMethod,
    now: Timestamp,
) -> Result<BackupReport, BackupError> {
    let _lock = DirLock::acquire(directory)?;
    let pool = Store::open(directory, StoreOptions::default())?;
    let snapshot = format!("{now:.3}");
    let hold = format!("backup {snapshot}");
    let reason = format!("a backup to {} is being made", directory.display());
    database.write_blocking(|tx| Ok::<_, OpError>(db::care::hold(tx, &hold, &reason, now + HOLD)?))?;
    let made = write_snapshot(data, store, directory, &pool, method, &snapshot);
    database.write_blocking(|tx| Ok::<_, OpError>(db::care::end_hold(tx, &hold)?))?;
    made
}

fn write_snapshot(
    data: &Path,
    store: &Store,
    directory: &Path,
    pool: &Store,
    method: CopyMethod,
    snapshot: &str,
) -> Result<BackupReport, BackupError> {
    let snapshots = directory.join("snapshots");
    let unfinished = snapshots.join(UNFINISHED);
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(at(&unfinished))?;
    }
    fs::create_dir_all(&unfinished).map_err(at(&unfinished))?;
    let copy = unfinished.join(db::FILE_NAME);
    let source = db::open_existing(data)?;
    db::copy(&source, &copy)?;
    step("backup.copied").map_err(at(&copy))?;
    drop(source);
    let connection = db::open_read_only(&copy)?;
    let needed = Needed::of(&connection, store)?;
    let (objects, copied, missing) = copy_objects(pool, store, &needed, method, "backup.object")?;
    let audit_head = db::audit::check(&connection, None).map_err(OpError::from)?.head;
    drop(connection);
    let finished = snapshots.join(snapshot);
    sync_dir(&unfinished)?;
    fs::rename(&unfinished, &finished).map_err(at(&finished))?;
    step("backup.named").map_err(at(&finished))?;
    sync_dir(&snapshots)?;
    sync_dir(directory)?;
    Ok(BackupReport {
        schema: "dist.backup/1",
        snapshot: snapshot.to_owned(),
        objects,
        copied,
        audit_head,
        missing,
        removed: Vec::new(),
    })
}

/// The snapshots of a backup, oldest first.
///
/// # Errors
/// When the folder cannot be listed.
pub fn snapshots(directory: &Path) -> Result<Vec<String>, BackupError> {
    let folder = directory.join("snapshots");
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(at(&folder))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(at(&folder))?.file_name().to_string_lossy().into_owned();
        if name.parse::<Timestamp>().is_ok() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Removes all but the newest `keep` snapshots, and the objects that only they need. Returns the names of those removed.
///
/// # Errors
/// When something cannot be read or removed; what is needed by a snapshot that stays is never removed.
pub fn rotate(directory: &Path, keep: usize) -> Result<Vec<String>, BackupError> {
    let _lock = DirLock::acquire(directory)?;
    let mut names = snapshots(directory)?;
    let stay = names.split_off(names.len().saturating_sub(keep.max(1)));
    if names.is_empty() {
        return Ok(names);
    }
    let pool = Store::attach(directory, StoreOptions::default());
    let databases = Snapshots::of(directory);
    let (mut kept, mut is_known) = (HashSet::new(), true);
    for name in &stay {
        let needed = Needed::of(&databases.open(name)?, &pool)?;
        kept.extend(needed.objects);
        is_known &= needed.unread.is_empty();
    }
    for name in &names {
        let folder = directory.join("snapshots").join(name);
        fs::remove_dir_all(&folder).map_err(at(&folder))?;
    }
    sync_dir(&directory.join("snapshots"))?;
    step("backup.rotated").map_err(at(directory))?;
    if !is_known {
        // What is damaged may need more than is known. Verifying moves it aside, and the next time it is not in the way.
        return Ok(names);
    }
    for object in pool.survey()?.objects {
        if !kept.contains(&object.digest) {
            pool.remove(&object.digest).map_err(at(directory))?;
        }
    }
    Ok(names)
}

/// What a copy of the database names.
struct Needed {
    /// Every object, in order.
    objects: Vec<Digest>,
    /// Those of them that say what else is needed, and cannot be read.
    unread: Vec<Digest>,
    /// Those that a release needs.
    required: HashSet<Digest>,
}

impl Needed {
    fn of(connection: &Connection, store: &Store) -> Result<Self, BackupError> {
        let (objects, unread) = live_for_ever(connection, store)?;
        let mut objects: Vec<Digest> = objects.into_iter().collect();
        objects.sort_unstable();
        let mut required: HashSet<Digest> =
            db::care::release_ids(connection).map_err(OpError::from)?.into_iter().collect();
        db::care::held_artifacts(connection, |_, _, digest| {
            required.insert(digest);
        })
        .map_err(OpError::from)?;
        Ok(Self { objects, unread, required })
    }

    /// Those of `missing` that somebody will miss. An upload may not have arrived yet, and a stage of old may be gone.
    fn missed(&self, missing: &[Digest]) -> Vec<Digest> {
        let is_missed = |digest: &&Digest| self.required.contains(digest) || self.unread.contains(digest);
        missing.iter().filter(is_missed).copied().collect()
    }
}

/// Has `store` hold what is needed, as far as `from` has it whole. Returns how many objects it holds of that, how many of these
/// are new, and what will be missed. `name` is the step of [`crate::faults`] before each.
fn copy_objects(
    store: &Store,
    from: &Store,
    needed: &Needed,
    method: CopyMethod,
    name: &'static str,
) -> Result<(u64, u64, Vec<Digest>), BackupError> {
    let (mut objects, mut copied, mut missing) = (0, 0, Vec::new());
    for digest in &needed.objects {
        let copied_one = step(name)
            .map_err(|source| CopyError::Link { digest: *digest, source })
            .and_then(|()| store.copy_from(from, digest, method));
        match copied_one {
            Ok(was_new) => {
                objects += 1;
                copied += u64::from(was_new);
            }
            Err(CopyError::Read(_) | CopyError::Write(objstore::UploadError::DigestMismatch { .. })) => {
                missing.push(*digest);
            }
            Err(source) => return Err(BackupError::Copy { digest: *digest, source }),
        }
    }
    Ok((objects, copied, needed.missed(&missing)))
}

/// The databases of a backup's snapshots, to look at.
struct Snapshots<'a> {
    directory: &'a Path,
    /// Where those of older versions are brought to this one. Removed at the end.
    scratch: PathBuf,
}

impl<'a> Snapshots<'a> {
    /// The caller holds the folder's lock.
    fn of(directory: &'a Path) -> Self {
        Self { directory, scratch: directory.join("snapshots").join(SCRATCH) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join("snapshots").join(name).join(db::FILE_NAME)
    }

    fn open(&self, name: &str) -> Result<Connection, BackupError> {
        Ok(db::open_as_newest(&self.path(name), &self.scratch.join(db::FILE_NAME))?)
    }
}

impl Drop for Snapshots<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

fn sync_dir(path: &Path) -> Result<(), BackupError> {
    fs::File::open(path).and_then(|folder| folder.sync_all()).map_err(at(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::tables_of;

    /// A snapshot as a `distd` of that version made it, of a store that had one object.
    fn snapshot_of_version(directory: &Path, name: &str, version: usize, object: &Digest) {
        let folder = directory.join("snapshots").join(name);
        fs::create_dir_all(&folder).unwrap();
        let connection = tables_of(&folder.join(db::FILE_NAME), version);
        connection
            .execute_batch(&format!(
                "INSERT INTO apps (slug, name, access, created_at, created_by) VALUES ('acme', 'A', 'token', '', '');
                 INSERT INTO refs VALUES ('acme', 'channels/beta', '{object}', '2025-01-01T00:00:00.000Z')"
            ))
            .unwrap();
    }

    fn version_of(folder: &Path) -> usize {
        let connection = db::open_read_only(&folder.join(db::FILE_NAME)).unwrap();
        connection.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0)).unwrap() as usize
    }

    #[test]
    fn backups_of_every_earlier_version_are_verified_kept_and_restored() {
        for version in [1, db::NEWEST / 2, db::NEWEST - 1] {
            let (backups, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let backups = backups.path();
            let pool = Store::open(backups, StoreOptions::default()).unwrap();
            let [old, kept] = [b"old", b"new"].map(|bytes| pool.put(bytes).unwrap().digest);
            snapshot_of_version(backups, "2025-01-01T00:00:00.000Z", version, &old);
            snapshot_of_version(backups, "2025-02-01T00:00:00.000Z", version, &kept);
            assert_eq!(verify(backups, &|_| {}).unwrap().faults, Vec::<String>::new(), "{version}");

            assert_eq!(rotate(backups, 1).unwrap(), ["2025-01-01T00:00:00.000Z"]);
            assert_eq!((pool.len(&old).unwrap(), pool.len(&kept).unwrap()), (None, Some(3)));
            let chosen = choose(backups, None).unwrap();
            assert_eq!(restore(&chosen, data.path()).unwrap().objects, 1);
            assert_eq!(version_of(data.path()), db::NEWEST);
            assert_eq!(version_of(&chosen.folder), version, "the backup stays as it was");
            Store::attach(data.path(), StoreOptions::default()).verify(&kept).unwrap();
            assert_eq!(fs::read_dir(backups.join("snapshots")).unwrap().count(), 1, "nothing else is left there");
        }
    }

    #[test]
    fn a_backup_of_a_newer_version_is_refused() {
        let (backups, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let name = "2025-01-01T00:00:00.000Z";
        snapshot_of_version(backups.path(), name, db::NEWEST, &Digest::of(b"x"));
        let database = backups.path().join("snapshots").join(name).join(db::FILE_NAME);
        Connection::open(&database).unwrap().pragma_update(None, "user_version", 1000).unwrap();
        let error = restore(&choose(backups.path(), None).unwrap(), data.path()).unwrap_err().to_string();
        assert!(error.contains("schema version 1000") && error.contains("newer distd"), "{error}");
        assert!(!data.path().join(db::FILE_NAME).exists());
    }

    #[test]
    fn a_log_of_another_database_is_not_played_into_the_one_that_is_restored() {
        for suffix in ["-wal", "-shm", "-journal"] {
            let (backups, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            snapshot_of_version(backups.path(), "2025-01-01T00:00:00.000Z", db::NEWEST, &Digest::of(b"x"));
            let chosen = choose(backups.path(), None).unwrap();
            let log = data.path().join(format!("{}{suffix}", db::FILE_NAME));
            fs::write(&log, "left over").unwrap();
            let error = restore(&chosen, data.path()).unwrap_err().to_string();
            assert!(error.starts_with(&log.display().to_string()) && error.contains("another database"), "{error}");
            fs::remove_file(log).unwrap();
            restore(&chosen, data.path()).unwrap();
        }
    }
}
