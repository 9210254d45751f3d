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

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use jiff::{SignedDuration, Timestamp};
use objstore::{CopyError, CopyMethod, Digest, DirLock, Options as StoreOptions, Store};
use protocol::api::Finding;
use protocol::audit_chain::Mark;
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;

use super::super::OpError;
use super::Policy;
use super::check::{self, Listener};
use super::live::live;
use crate::db::{self, Database};

/// How long gc is held off by a backup that ended without saying so.
const HOLD: SignedDuration = SignedDuration::from_hours(24);

/// The name that a snapshot has while it is made.
const UNFINISHED: &str = ".unfinished";

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
    /// There is nothing to restore from.
    #[error("{path} is no backup: it has neither snapshots nor a dist.sqlite", path = .0.display())]
    NoBackup(PathBuf),
    /// There is something already where the backup is to go.
    #[error("{path} holds a store already; restore into an empty folder", path = .0.display())]
    NotEmpty(PathBuf),
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
    crate::faults::step("backup.copied").map_err(at(&copy))?;
    drop(source);
    let connection = open_copy(&copy)?;
    let needed = needed(&connection, store)?;
    let (mut objects, mut copied, mut missing) = (0, 0, Vec::new());
    for digest in &needed {
        crate::faults::step("backup.object").map_err(at(directory))?;
        match pool.copy_from(store, digest, method) {
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
    let missing = required(&connection, &missing)?;
    let audit_head = db::audit::check(&connection, None).map_err(OpError::from)?.head;
    drop(connection);
    let finished = snapshots.join(snapshot);
    sync_dir(&unfinished)?;
    fs::rename(&unfinished, &finished).map_err(at(&finished))?;
    crate::faults::step("backup.named").map_err(at(&finished))?;
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

/// Opens a copy of a database to look at it.
fn open_copy(path: &Path) -> Result<Connection, BackupError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    db::check_version(&connection, path)?;
    Ok(connection)
}

/// Every object that a copy of the database names, in order.
fn needed(connection: &Connection, store: &Store) -> Result<Vec<Digest>, BackupError> {
    let forever = Policy { reflog_window: SignedDuration::MAX, upload_lease: SignedDuration::MAX, ..Policy::default() };
    let mut needed: Vec<Digest> = live(connection, store, &forever, &[], Timestamp::MAX)?.into_iter().collect();
    needed.sort_unstable();
    Ok(needed)
}

/// Those of `missing` that a release needs. An upload may not have arrived yet, and a stage of old may be gone.
fn required(connection: &Connection, missing: &[Digest]) -> Result<Vec<Digest>, BackupError> {
    let mut required: HashSet<Digest> = db::care::release_ids(connection).map_err(OpError::from)?.into_iter().collect();
    db::care::held_artifacts(connection, |_, _, digest| {
        required.insert(digest);
    })
    .map_err(OpError::from)?;
    Ok(missing.iter().filter(|digest| required.contains(digest)).copied().collect())
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
    let mut kept = HashSet::new();
    for name in &stay {
        let connection = open_copy(&directory.join("snapshots").join(name).join(db::FILE_NAME))?;
        kept.extend(needed(&connection, &pool)?);
    }
    for name in &names {
        let folder = directory.join("snapshots").join(name);
        fs::remove_dir_all(&folder).map_err(at(&folder))?;
    }
    sync_dir(&directory.join("snapshots"))?;
    crate::faults::step("backup.rotated").map_err(at(directory))?;
    for object in pool.survey()?.objects {
        if !kept.contains(&object.digest) {
            pool.remove(&object.digest).map_err(at(directory))?;
        }
    }
    Ok(names)
}

/// Where a database to restore from is, and what is beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The folder with `dist.sqlite`.
    pub folder: PathBuf,
    /// The folder with `objects/`.
    pub pool: PathBuf,
}

/// The newest snapshot of a backup, or the one named; a folder that has `dist.sqlite` and `objects/` itself will do too.
///
/// # Errors
/// [`BackupError::NoBackup`] where there is none.
pub fn choose(directory: &Path, snapshot: Option<&str>) -> Result<Chosen, BackupError> {
    let none = || BackupError::NoBackup(directory.to_owned());
    let pool = directory.to_owned();
    let newest = match snapshot {
        Some(name) => Some(name.to_owned()),
        None => snapshots(directory)?.pop(),
    };
    let folder = newest.map_or_else(|| directory.to_owned(), |name| directory.join("snapshots").join(name));
    if folder.join(db::FILE_NAME).is_file() { Ok(Chosen { folder, pool }) } else { Err(none()) }
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestoreReport {
    /// `dist.restore/1`.
    pub schema: &'static str,
    /// Objects that are there now.
    pub objects: u64,
    /// The end of the audit chain.
    pub audit_head: Mark,
    /// Objects that the backup should have and does not, or not whole.
    pub missing: Vec<Digest>,
}

/// Restores into a data directory that holds no store yet. Every object is verified on the way. Durable on return; ended in
/// the middle, it can be done again.
///
/// # Errors
/// [`BackupError::NotEmpty`]; when something cannot be read or written.
pub fn restore(chosen: &Chosen, data: &Path) -> Result<RestoreReport, BackupError> {
    crate::server::make_directories(data).map_err(|error| at(data)(io::Error::other(error)))?;
    let _lock = DirLock::acquire(data)?;
    if data.join(db::FILE_NAME).exists() {
        return Err(BackupError::NotEmpty(data.to_owned()));
    }
    let store = Store::open(data, StoreOptions::default())?;
    let pool = Store::attach(&chosen.pool, StoreOptions::default());
    // A database beside which a server ran has a log; a copy has not.
    let copy = data.join("dist.sqlite.part");
    {
        let source = Connection::open_with_flags(chosen.folder.join(db::FILE_NAME), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        db::check_version(&source, &chosen.folder.join(db::FILE_NAME))?;
        db::copy(&source, &copy)?;
        crate::faults::step("restore.copied").map_err(at(&copy))?;
    }
    let connection = open_copy(&copy)?;
    let needed = needed(&connection, &pool)?;
    let mut missing = Vec::new();
    for digest in &needed {
        crate::faults::step("restore.object").map_err(at(data))?;
        match store.copy_from(&pool, digest, CopyMethod::Copy) {
            Ok(_) => {}
            Err(CopyError::Read(_) | CopyError::Write(objstore::UploadError::DigestMismatch { .. })) => {
                missing.push(*digest);
            }
            Err(source) => return Err(BackupError::Copy { digest: *digest, source }),
        }
    }
    let missing = required(&connection, &missing)?;
    let audit_head = db::audit::check(&connection, None).map_err(OpError::from)?.head;
    drop(connection);
    let database = data.join(db::FILE_NAME);
    fs::rename(&copy, &database).map_err(at(&database))?;
    crate::faults::step("restore.named").map_err(at(&database))?;
    sync_dir(data)?;
    let objects = needed.len().saturating_sub(missing.len()) as u64;
    Ok(RestoreReport { schema: "dist.restore/1", objects, audit_head, missing })
}

/// What a verification of a backup found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// `dist.backup-verify/1`.
    pub schema: &'static str,
    /// Snapshots looked at.
    pub snapshots: Vec<String>,
    /// Objects read.
    pub objects: u64,
    /// What is wrong, in words; empty where a restore would be whole.
    pub faults: Vec<String>,
}

/// Reads a backup whole: every object against its name, every database, and whether each snapshot has all it needs. `listener` is
/// told how far it is with the objects.
///
/// # Errors
/// When the folder cannot be listed.
pub fn verify(directory: &Path, listener: Listener<'_>) -> Result<Verified, BackupError> {
    let _lock = DirLock::acquire(directory)?;
    let pool = Store::attach(directory, StoreOptions::default());
    let names = snapshots(directory)?;
    let mut faults = Vec::new();
    if names.is_empty() {
        faults.push("there is no snapshot".to_owned());
    }
    let objects = pool.survey()?.objects;
    let mut whole: HashSet<Digest> = objects.iter().map(|object| object.digest).collect();
    for Finding { subject, message, .. } in check::read_objects(&pool, &objects, listener) {
        if let Ok(digest) = Digest::parse(&subject) {
            whole.remove(&digest);
        }
        faults.push(format!("object {subject}: {message}"));
    }
    for name in &names {
        if let Err(error) = verify_snapshot(directory, name, &pool, &whole, &mut faults) {
            faults.push(format!("{name}: {error}"));
        }
    }
    Ok(Verified { schema: "dist.backup-verify/1", snapshots: names, objects: objects.len() as u64, faults })
}

fn verify_snapshot(
    directory: &Path,
    name: &str,
    pool: &Store,
    whole: &HashSet<Digest>,
    faults: &mut Vec<String>,
) -> Result<(), BackupError> {
    let connection = open_copy(&directory.join("snapshots").join(name).join(db::FILE_NAME))?;
    let check: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if check != "ok" {
        faults.push(format!("{name}: dist.sqlite: {check}"));
    }
    let chain = db::audit::check(&connection, None).map_err(OpError::from)?;
    faults.extend(chain.faults.iter().map(|fault| format!("{name}: {}", fault.message)));
    let lacking: Vec<Digest> =
        needed(&connection, pool)?.into_iter().filter(|digest| !whole.contains(digest)).collect();
    for digest in required(&connection, &lacking)? {
        faults.push(format!("{name}: it needs {digest}, which is not there or not whole"));
    }
    Ok(())
}

fn sync_dir(path: &Path) -> Result<(), BackupError> {
    fs::File::open(path).and_then(|folder| folder.sync_all()).map_err(at(path))
}
