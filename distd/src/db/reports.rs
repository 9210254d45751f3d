//! The table `reports`: what inspection read out of objects. Derived; can be made again.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use inspect::{Entry, INSPECTOR_VERSION, Report};
use jiff::Timestamp;
use protocol::Digest;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::convert::{DbResult, corrupt, integer, parse_json, time, unsigned};

/// Keeps a report, in place of those of other inspectors on the same object.
pub(crate) fn insert(tx: &Transaction<'_>, digest: &Digest, report: &Report, at: Timestamp) -> DbResult<()> {
    let mut report = report.clone();
    let icon = report.icon.as_mut().map(|icon| std::mem::take(&mut icon.png));
    let entries = report.entries.as_mut().map(|entries| std::mem::take(&mut entries.listed)).unwrap_or_default();
    let entries = serde_json::to_vec(&entries).map_err(|why| corrupt("reports.entries", digest, why))?;
    let deflated = deflate(&entries).map_err(|why| corrupt("reports.entries", digest, why))?;
    let text = serde_json::to_string(&report).map_err(|why| corrupt("reports.report", digest, why))?;
    tx.prepare_cached("DELETE FROM reports WHERE digest = ?1")?.execute([digest.to_string()])?;
    tx.prepare_cached(
        "INSERT INTO reports (digest, inspector, made_at, report, icon, entries, entries_size)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        digest.to_string(),
        report.inspector,
        time(at),
        text,
        icon,
        deflated,
        integer(entries.len() as u64)
    ])?;
    Ok(())
}

/// Forgets every report.
pub(crate) fn clear(tx: &Transaction<'_>) -> DbResult<()> {
    tx.execute("DELETE FROM reports", [])?;
    Ok(())
}

/// The report on an object, without the bytes of its icon and without the list of its entries.
pub(crate) fn find(connection: &Connection, digest: &Digest) -> DbResult<Option<Report>> {
    let mut statement =
        connection.prepare_cached("SELECT report FROM reports WHERE digest = ?1 ORDER BY inspector DESC LIMIT 1")?;
    statement.query_row([digest.to_string()], |row| Ok(parse_json(row, "report"))).optional()?.transpose()
}

/// The same, unless an older inspector made it.
pub(crate) fn find_current(connection: &Connection, digest: &Digest) -> DbResult<Option<Report>> {
    Ok(find(connection, digest)?.filter(|report| report.inspector == INSPECTOR_VERSION))
}

/// The whole report on an object.
pub(crate) fn find_whole(connection: &Connection, digest: &Digest) -> DbResult<Option<Report>> {
    let mut statement = connection.prepare_cached(
        "SELECT report, icon, entries, entries_size FROM reports WHERE digest = ?1 ORDER BY inspector DESC LIMIT 1",
    )?;
    statement.query_row([digest.to_string()], |row| Ok(read_whole(row, digest))).optional()?.transpose()
}

fn read_whole(row: &Row<'_>, digest: &Digest) -> DbResult<Report> {
    let mut report: Report = parse_json(row, "report")?;
    if let (Some(icon), Some(png)) = (report.icon.as_mut(), row.get("icon")?) {
        icon.png = png;
    }
    if let (Some(entries), Some(deflated)) = (report.entries.as_mut(), row.get::<_, Option<Vec<u8>>>("entries")?) {
        let size = unsigned(row, "entries_size")?;
        entries.listed = inflate(&deflated, size).map_err(|why| corrupt("reports.entries", digest, why))?;
    }
    Ok(report)
}

/// The icon of an object, as PNG.
pub(crate) fn find_icon(connection: &Connection, digest: &Digest) -> DbResult<Option<Vec<u8>>> {
    let mut statement =
        connection.prepare_cached("SELECT icon FROM reports WHERE digest = ?1 ORDER BY inspector DESC LIMIT 1")?;
    Ok(statement.query_row([digest.to_string()], |row| row.get(0)).optional()?.flatten())
}

/// Whether the object has an icon.
pub(crate) fn has_icon(connection: &Connection, digest: &Digest) -> DbResult<bool> {
    let mut statement = connection
        .prepare_cached("SELECT icon IS NOT NULL FROM reports WHERE digest = ?1 ORDER BY inspector DESC LIMIT 1")?;
    Ok(statement.query_row([digest.to_string()], |row| row.get(0)).optional()?.unwrap_or(false))
}

/// Every object that a release of any app holds and that this inspector has not reported on.
pub(crate) fn lacking(connection: &Connection) -> DbResult<Vec<Digest>> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT sha256 FROM artifacts
         WHERE NOT EXISTS (SELECT 1 FROM reports WHERE digest = sha256 AND inspector = ?1) ORDER BY sha256",
    )?;
    statement.query_and_then([INSPECTOR_VERSION], |row| super::convert::parse(row, "sha256"))?.collect()
}

fn deflate(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn inflate(deflated: &[u8], size: u64) -> std::io::Result<Vec<Entry>> {
    let mut bytes = Vec::new();
    ZlibDecoder::new(deflated).take(size).read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}
