//! The tables `chunk_sums` and `link_installs`: what installers need that come without a login.

use jiff::Timestamp;
use protocol::Digest;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::convert::{DbResult, time};
use super::links::id_text;
use crate::capability::LinkId;

/// The sums of an object's chunks, 32 bytes each.
pub(crate) fn find(connection: &Connection, digest: &Digest) -> DbResult<Option<Vec<u8>>> {
    let mut statement = connection.prepare_cached("SELECT sums FROM chunk_sums WHERE digest = ?1")?;
    Ok(statement.query_row([digest.to_string()], |row| row.get(0)).optional()?)
}

/// Keeps the sums of an object's chunks.
pub(crate) fn insert(tx: &Transaction<'_>, digest: &Digest, sums: &[u8]) -> DbResult<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO chunk_sums (digest, sums) VALUES (?1, ?2)")?
        .execute(params![digest.to_string(), sums])?;
    Ok(())
}

/// Notes that an installation was begun through a link; `false` where it was noted before. Forgets those that have ended.
pub(crate) fn begin_install(
    tx: &Transaction<'_>,
    link: LinkId,
    fetch: &Digest,
    expires: Timestamp,
    now: Timestamp,
) -> DbResult<bool> {
    tx.prepare_cached("DELETE FROM link_installs WHERE expires_at <= ?1")?.execute([time(now)])?;
    let added = tx
        .prepare_cached("INSERT OR IGNORE INTO link_installs (link, fetch, expires_at) VALUES (?1, ?2, ?3)")?
        .execute(params![id_text(link), fetch.to_string(), time(expires)])?;
    Ok(added == 1)
}
