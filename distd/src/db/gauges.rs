//! Counts of what is there, for those who watch a server.

use jiff::Timestamp;
use rusqlite::Connection;

use super::convert::{DbResult, parse_opt, unsigned};

/// What the tables say.
pub(crate) struct Rows {
    pub(crate) apps: u64,
    pub(crate) releases: u64,
    pub(crate) objects: u64,
    pub(crate) object_bytes: u64,
    pub(crate) trashed: u64,
    pub(crate) uploads: u64,
    pub(crate) audit_events: u64,
    pub(crate) gc_at: Option<Timestamp>,
    pub(crate) backup_at: Option<Timestamp>,
    pub(crate) oldest_check: Option<Timestamp>,
}

const READ: &str = "SELECT
  (SELECT count(*) FROM apps) AS apps,
  (SELECT count(*) FROM releases) AS releases,
  (SELECT count(*) FROM object_care) AS objects,
  (SELECT coalesce(sum(size), 0) FROM object_care) AS object_bytes,
  (SELECT count(*) FROM trash) AS trashed,
  (SELECT count(*) FROM uploads WHERE received_at IS NULL) AS uploads,
  (SELECT coalesce(max(seq), 0) FROM audit_events) AS audit_events,
  (SELECT at FROM care_runs WHERE task = 'gc') AS gc_at,
  (SELECT at FROM care_runs WHERE task = 'backup') AS backup_at,
  (SELECT min(checked_at) FROM object_care) AS oldest_check";

/// Counts everything in one statement.
pub(crate) fn read(connection: &Connection) -> DbResult<Rows> {
    let mut statement = connection.prepare_cached(READ)?;
    let mut rows = statement.query([])?;
    let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    Ok(Rows {
        apps: unsigned(row, "apps")?,
        releases: unsigned(row, "releases")?,
        objects: unsigned(row, "objects")?,
        object_bytes: unsigned(row, "object_bytes")?,
        trashed: unsigned(row, "trashed")?,
        uploads: unsigned(row, "uploads")?,
        audit_events: unsigned(row, "audit_events")?,
        gc_at: parse_opt(row, "gc_at")?,
        backup_at: parse_opt(row, "backup_at")?,
        oldest_check: parse_opt(row, "oldest_check")?,
    })
}
