//! Counts of what is there, for those who watch a server.

use rusqlite::Connection;

use super::convert::{DbResult, unsigned};

/// What the tables say.
pub(crate) struct Rows {
    pub(crate) apps: u64,
    pub(crate) releases: u64,
    pub(crate) uploads: u64,
    pub(crate) audit_events: u64,
}

const READ: &str = "SELECT
  (SELECT count(*) FROM apps) AS apps,
  (SELECT count(*) FROM releases) AS releases,
  (SELECT count(*) FROM uploads WHERE received_at IS NULL) AS uploads,
  (SELECT coalesce(max(seq), 0) FROM audit_events) AS audit_events";

/// Counts everything in one statement.
pub(crate) fn read(connection: &Connection) -> DbResult<Rows> {
    let mut statement = connection.prepare_cached(READ)?;
    let mut rows = statement.query([])?;
    let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    Ok(Rows {
        apps: unsigned(row, "apps")?,
        releases: unsigned(row, "releases")?,
        uploads: unsigned(row, "uploads")?,
        audit_events: unsigned(row, "audit_events")?,
    })
}
