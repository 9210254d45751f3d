//! The table `sessions`: browsers that signed in with a token.

use jiff::Timestamp;
use protocol::Digest;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::convert::{DbResult, parse, time};

/// A session as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionRow {
    /// SHA-256 of what the cookie holds.
    pub(crate) secret_sha256: Digest,
    pub(crate) token_id: String,
    pub(crate) csrf: String,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// Adds a session.
pub(crate) fn insert(tx: &Transaction<'_>, session: &SessionRow) -> DbResult<()> {
    tx.prepare_cached(
        "INSERT INTO sessions (secret_sha256, token_id, csrf, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        session.secret_sha256.to_string(),
        session.token_id,
        session.csrf,
        time(session.created_at),
        time(session.expires_at)
    ])?;
    Ok(())
}

/// One session.
pub(crate) fn find(connection: &Connection, secret_sha256: &Digest) -> DbResult<Option<SessionRow>> {
    let mut statement = connection.prepare_cached("SELECT * FROM sessions WHERE secret_sha256 = ?1")?;
    statement.query_row([secret_sha256.to_string()], |row| Ok(read(row))).optional()?.transpose()
}

/// Sessions that have not ended, newest first: all, or those of one token.
pub(crate) fn list(connection: &Connection, token_id: Option<&str>, now: Timestamp) -> DbResult<Vec<SessionRow>> {
    let mut statement = connection.prepare_cached(
        "SELECT * FROM sessions WHERE expires_at > ?1 AND (?2 IS NULL OR token_id = ?2) ORDER BY created_at DESC LIMIT 500",
    )?;
    statement.query_and_then(params![time(now), token_id], read)?.collect()
}

/// Removes a session; `false` where there is none.
pub(crate) fn remove(tx: &Transaction<'_>, secret_sha256: &Digest) -> DbResult<bool> {
    let removed =
        tx.prepare_cached("DELETE FROM sessions WHERE secret_sha256 = ?1")?.execute([secret_sha256.to_string()])?;
    Ok(removed == 1)
}

/// Removes what has ended.
pub(crate) fn remove_ended(tx: &Transaction<'_>, now: Timestamp) -> DbResult<()> {
    tx.prepare_cached("DELETE FROM sessions WHERE expires_at <= ?1")?.execute([time(now)])?;
    Ok(())
}

fn read(row: &Row<'_>) -> DbResult<SessionRow> {
    Ok(SessionRow {
        secret_sha256: parse(row, "secret_sha256")?,
        token_id: row.get("token_id")?,
        csrf: row.get("csrf")?,
        created_at: parse(row, "created_at")?,
        expires_at: parse(row, "expires_at")?,
    })
}
