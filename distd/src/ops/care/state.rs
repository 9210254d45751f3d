//! How care goes, cheaply: for metrics and the console, which ask often. Counts from an index, lists no objects.

use std::path::Path;

use jiff::Timestamp;
use protocol::api::LastCheck;
use rusqlite::Connection;
use serde_json::Value;

use super::super::OpError;
use super::runs::LastBackup;
use super::status::count_files;
use crate::blocking::blocking;
use crate::db::{self, Database, DbResult};

/// How care of the store goes. What never happened is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Objects that were held against their digests at least once; every upload is.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the bytes of the object that was not read for the longest were last read: how far the background check is.
    pub oldest_check: Option<Timestamp>,
    /// When the bytes of an object were last read.
    pub newest_check: Option<Timestamp>,
    /// Objects in the trash.
    pub trashed: u64,
    /// Their bytes.
    pub trashed_bytes: u64,
    /// Objects that were moved aside because they were damaged.
    pub quarantined: u64,
    /// The last check that was asked for over the API and came to its end, or could not be made.
    pub check: Option<(Timestamp, LastCheck)>,
    /// When gc last ran.
    pub gc_at: Option<Timestamp>,
    /// When a backup was last tried.
    pub backup_at: Option<Timestamp>,
    /// Why that backup is none, or lacks objects; `None` where it is whole.
    pub backup_error: Option<String>,
    /// When the last backup was made that lacks nothing.
    pub whole_backup_at: Option<Timestamp>,
}

/// What the database says of it: everything but what is in quarantine.
pub(crate) fn read(connection: &Connection) -> DbResult<State> {
    let totals = db::care::totals(connection)?;
    let (backup_at, backup) = db::care::run::<LastBackup>(connection, "backup")?.unzip();
    let LastBackup { error, whole_at } = backup.unwrap_or_default();
    Ok(State {
        objects: totals.objects,
        bytes: totals.bytes,
        oldest_check: totals.oldest_check,
        newest_check: totals.newest_check,
        trashed: totals.trashed,
        trashed_bytes: totals.trashed_bytes,
        quarantined: 0,
        check: db::care::run(connection, "fsck")?,
        gc_at: db::care::run::<Value>(connection, "gc")?.map(|(at, _)| at),
        backup_at,
        backup_error: error,
        whole_backup_at: whole_at,
    })
}

/// How care goes. Asks for no right: who calls it has asked.
///
/// # Errors
/// When the database cannot be read.
pub async fn state(database: &Database, data: &Path) -> Result<State, OpError> {
    let folder = data.join("quarantine");
    let quarantined = blocking(move || count_files(&folder)).await;
    database.read(move |connection| Ok(State { quarantined, ..read(connection)? })).await
}
