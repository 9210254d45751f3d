//! The table `revocations`: releases that were withdrawn.

use protocol::api::Revocation;
use protocol::{AppSlug, ReleaseId};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::convert::{DbResult, parse, time};

/// Notes that a release is withdrawn; `false` where it was already, and then the older note stays.
pub(crate) fn insert(
    tx: &Transaction<'_>,
    app: &AppSlug,
    release: &ReleaseId,
    revocation: &Revocation,
) -> DbResult<bool> {
    let Revocation { at, by, reason } = revocation;
    let added = tx
        .prepare_cached(
            "INSERT INTO revocations (app, release, at, by, reason) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        )?
        .execute(params![app.as_str(), release.to_string(), time(*at), by, reason])?;
    Ok(added == 1)
}

/// Undoes it; `false` where the release was not withdrawn.
pub(crate) fn remove(tx: &Transaction<'_>, app: &AppSlug, release: &ReleaseId) -> DbResult<bool> {
    let removed = tx
        .prepare_cached("DELETE FROM revocations WHERE app = ?1 AND release = ?2")?
        .execute([app.as_str(), &release.to_string()])?;
    Ok(removed == 1)
}

/// That a release is withdrawn, where it is.
pub(crate) fn find(connection: &Connection, app: &AppSlug, release: &ReleaseId) -> DbResult<Option<Revocation>> {
    let mut statement =
        connection.prepare_cached("SELECT at, by, reason FROM revocations WHERE app = ?1 AND release = ?2")?;
    statement.query_row([app.as_str(), &release.to_string()], |row| Ok(read(row))).optional()?.transpose()
}

/// The withdrawn releases of an app.
pub(crate) fn list(connection: &Connection, app: &AppSlug) -> DbResult<Vec<(ReleaseId, Revocation)>> {
    let mut statement =
        connection.prepare_cached("SELECT release, at, by, reason FROM revocations WHERE app = ?1 ORDER BY release")?;
    statement.query_and_then([app.as_str()], |row| Ok((parse(row, "release")?, read(row)?)))?.collect()
}

fn read(row: &Row<'_>) -> DbResult<Revocation> {
    Ok(Revocation { at: parse(row, "at")?, by: row.get("by")?, reason: row.get("reason")? })
}
