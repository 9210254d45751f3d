//! The table `downloads`: how often, by artifact and day.

use jiff::civil::Date;
use protocol::api::{DownloadCount, ReleaseRef};
use protocol::{AppSlug, Digest};
use rusqlite::{Connection, Row, Transaction, params};

use super::convert::{DbResult, integer, parse, unsigned};

/// Adds to the count of an artifact on a day.
pub(crate) fn add(tx: &Transaction<'_>, app: &AppSlug, digest: &Digest, day: Date, count: u64) -> DbResult<()> {
    tx.prepare_cached(
        "INSERT INTO downloads (app, digest, day, count) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET count = count + excluded.count",
    )?
    .execute(params![app.as_str(), digest.to_string(), day.to_string(), integer(count)])?;
    Ok(())
}

/// The counts from a day on, newest day first, then the largest. What no release holds any more is left out.
pub(crate) fn list(connection: &Connection, app: &AppSlug, from: Date) -> DbResult<Vec<DownloadCount>> {
    let mut statement = connection.prepare_cached(
        "SELECT d.day, d.digest, d.count, a.filename, r.id, r.name, max(r.seq)
         FROM downloads d
         JOIN artifacts a INDEXED BY artifacts_by_object ON a.app = d.app AND a.sha256 = d.digest
         JOIN releases r ON r.app = a.app AND r.id = a.release
         WHERE d.app = ?1 AND d.day >= ?2
         GROUP BY d.day, d.digest ORDER BY d.day DESC, d.count DESC, d.digest",
    )?;
    statement.query_and_then(params![app.as_str(), from.to_string()], read)?.collect()
}

fn read(row: &Row<'_>) -> DbResult<DownloadCount> {
    Ok(DownloadCount {
        day: parse(row, "day")?,
        sha256: parse(row, "digest")?,
        filename: parse(row, "filename")?,
        release: ReleaseRef { id: parse(row, "id")?, name: parse(row, "name")? },
        count: unsigned(row, "count")?,
    })
}
