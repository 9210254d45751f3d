//! A store made from a backup: objects first, the database last.

use std::path::{Path, PathBuf};
use std::{fs, io};

use objstore::{CopyMethod, Digest, DirLock, Options as StoreOptions, Store};
use protocol::audit_chain::Mark;
use serde::Serialize;

use super::super::super::OpError;
use super::{BackupError, Needed, at, copy_objects, snapshots, sync_dir};
use crate::db;
use crate::faults::step;

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
    let database = data.join(db::FILE_NAME);
    if database.exists() {
        return Err(BackupError::NotEmpty(data.to_owned()));
    }
    if let Some(log) = db::find_log(&database) {
        return Err(BackupError::LeftOver(log));
    }
    let store = Store::open(data, StoreOptions::default())?;
    let pool = Store::attach(&chosen.pool, StoreOptions::default());
    // A database beside which a server ran has a log; a copy has not.
    let copy = data.join("dist.sqlite.part");
    db::copy_as_newest(&chosen.folder.join(db::FILE_NAME), &copy)?;
    step("restore.copied").map_err(at(&copy))?;
    let connection = db::open_read_only(&copy)?;
    let needed = Needed::of(&connection, &pool)?;
    let (_, _, missing) = copy_objects(&store, &pool, &needed, CopyMethod::Copy, "restore.object")?;
    let audit_head = db::audit::check(&connection, None).map_err(OpError::from)?.head;
    drop(connection);
    fs::rename(&copy, &database).map_err(at(&database))?;
    step("restore.named").map_err(at(&database))?;
    sync_dir(data)?;
    let objects = needed.objects.len().saturating_sub(missing.len()) as u64;
    Ok(RestoreReport { schema: "dist.restore/1", objects, audit_head, missing })
}
