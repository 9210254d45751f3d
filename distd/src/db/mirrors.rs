//! The table `mirrors`: apps that are copies of an app of another server.

use jiff::Timestamp;
use protocol::api::Mirror;
use protocol::{AppSlug, ServerUrl};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::convert::{DbResult, parse, parse_opt, time};

/// Makes an app a mirror.
pub(crate) fn insert(tx: &Transaction<'_>, app: &AppSlug, source: &ServerUrl, at: Timestamp) -> DbResult<()> {
    tx.prepare_cached("INSERT INTO mirrors (app, source, since) VALUES (?1, ?2, ?3)")?.execute(params![
        app.as_str(),
        source.to_string(),
        time(at)
    ])?;
    Ok(())
}

/// Makes a mirror an app like any other; `false` where it was none.
pub(crate) fn remove(tx: &Transaction<'_>, app: &AppSlug) -> DbResult<bool> {
    Ok(tx.prepare_cached("DELETE FROM mirrors WHERE app = ?1")?.execute([app.as_str()])? == 1)
}

/// Notes that a mirror was found or made equal to its source.
pub(crate) fn set_updated(tx: &Transaction<'_>, app: &AppSlug, at: Timestamp) -> DbResult<()> {
    tx.prepare_cached("UPDATE mirrors SET updated_at = ?2 WHERE app = ?1")?.execute(params![app.as_str(), time(at)])?;
    Ok(())
}

/// What an app is a mirror of, where it is one.
pub(crate) fn find(connection: &Connection, app: &AppSlug) -> DbResult<Option<Mirror>> {
    let mut statement = connection.prepare_cached("SELECT source, since, updated_at FROM mirrors WHERE app = ?1")?;
    statement.query_row([app.as_str()], |row| Ok(read(row))).optional()?.transpose()
}

/// When the mirror that has waited longest was last equal to its source; `None` where there is no mirror, or one that never was.
pub(crate) fn oldest_update(connection: &Connection) -> DbResult<Option<Timestamp>> {
    const SQL: &str = "SELECT iif(count(*) = count(updated_at), min(updated_at), NULL) AS oldest FROM mirrors";
    connection.prepare_cached(SQL)?.query_row([], |row| Ok(parse_opt(row, "oldest")))?
}

/// What an app is a mirror of, from the columns of a row that is joined to the table.
pub(super) fn read_joined(row: &Row<'_>) -> DbResult<Option<Mirror>> {
    match row.get_ref("source")? {
        ValueRef::Null => Ok(None),
        _ => read(row).map(Some),
    }
}

fn read(row: &Row<'_>) -> DbResult<Mirror> {
    Ok(Mirror { source: parse(row, "source")?, since: parse(row, "since")?, updated_at: parse_opt(row, "updated_at")? })
}
