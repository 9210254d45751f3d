use gix_hash::ObjectId;
use rusqlite::{Connection, Params};

use super::column::{encode_id, parse_id, parse_time};
use super::error::{Corrupt, ReadError, Row};
use crate::{AppSlug, Ref, RefKind, RefName};

/// Left to itself, SQLite reads every ref of the app, because they come in the order of their names.
pub(super) const POINTING_AT: &str = "SELECT name, target, updated_at FROM refs INDEXED BY refs_by_target
    WHERE app = ?1 AND target = ?2 ORDER BY name";

/// The ref of this name, if it exists.
///
/// # Errors
/// When the database fails, or the row holds text that does not parse.
pub fn find(conn: &Connection, app: &AppSlug, name: &RefName) -> Result<Option<Ref>, ReadError> {
    const SQL: &str = "SELECT name, target, updated_at FROM refs WHERE app = ?1 AND name = ?2";
    Ok(read_refs(conn, SQL, app, (app.as_str(), name.to_string()))?.pop())
}

/// The refs of an app that are of this kind, in the byte order of their names.
///
/// # Errors
/// When the database fails, or a row holds text that does not parse.
pub fn list(conn: &Connection, app: &AppSlug, kind: RefKind) -> Result<Vec<Ref>, ReadError> {
    // A range of the primary key: no name is above a prefix followed by the last of all characters.
    const SQL: &str = "SELECT name, target, updated_at FROM refs
        WHERE app = ?1 AND name >= ?2 AND name < ?3 ORDER BY name";
    let prefix = kind.prefix();
    read_refs(conn, SQL, app, (app.as_str(), prefix, format!("{prefix}\u{10ffff}")))
}

/// The refs of an app that point at `target`, in the byte order of their names.
///
/// # Errors
/// When the database fails, or a row holds text that does not parse.
pub fn pointing_at(conn: &Connection, app: &AppSlug, target: &ObjectId) -> Result<Vec<Ref>, ReadError> {
    read_refs(conn, POINTING_AT, app, (app.as_str(), encode_id(*target)))
}

fn read_refs(conn: &Connection, sql: &str, app: &AppSlug, params: impl Params) -> Result<Vec<Ref>, ReadError> {
    let mut statement = conn.prepare_cached(sql)?;
    statement.query_and_then(params, |row| read_ref(app, row))?.collect()
}

fn read_ref(app: &AppSlug, row: &rusqlite::Row<'_>) -> Result<Ref, ReadError> {
    let (name, target, updated_at): (String, String, String) = row.try_into()?;
    Ok(parse_ref(app, &name, &target, &updated_at)?)
}

fn parse_ref(app: &AppSlug, name: &str, target: &str, updated_at: &str) -> Result<Ref, Corrupt> {
    let row = Row { app, name };
    Ok(Ref {
        name: row.or_corrupt(name.parse().ok(), "refs.name", name, "a ref name")?,
        target: parse_id(row, "refs.target", target)?,
        updated_at: parse_time(row, "refs.updated_at", updated_at)?,
    })
}
