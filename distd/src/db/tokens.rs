//! The table `tokens`.

use jiff::Timestamp;
use protocol::api::Token;
use protocol::{Digest, Scope};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::convert::{DbResult, parse, parse_json, parse_opt, time};

const SELECT: &str =
    "SELECT id, name, scopes, created_at, created_by, expires_at, revoked_at, used_at, used_from, secret_sha256
     FROM tokens";

/// Adds a token.
pub(crate) fn insert(tx: &Transaction<'_>, token: &Token, secret_sha256: &Digest) -> DbResult<()> {
    let scopes = serde_json::to_string(&token.scopes).expect("scopes are strings");
    tx.prepare_cached(
        "INSERT INTO tokens (id, name, secret_sha256, scopes, created_at, created_by, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        token.id,
        token.name,
        secret_sha256.to_string(),
        scopes,
        time(token.created_at),
        token.created_by,
        token.expires_at.map(time)
    ])?;
    Ok(())
}

/// A token and the SHA-256 of its secret.
pub(crate) fn find(connection: &Connection, id: &str) -> DbResult<Option<(Token, Digest)>> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?;
    let found = statement.query_row([id], |row| Ok((read(row), parse(row, "secret_sha256")))).optional()?;
    found.map(|(token, secret)| Ok((token?, secret?))).transpose()
}

/// All tokens, newest first.
pub(crate) fn list(connection: &Connection) -> DbResult<Vec<Token>> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} ORDER BY created_at DESC, id"))?;
    statement.query_and_then([], read)?.collect()
}

/// Revokes a token; `false` where it was revoked before or does not exist.
pub(crate) fn revoke(tx: &Transaction<'_>, id: &str, at: Timestamp) -> DbResult<bool> {
    let changed = tx
        .prepare_cached("UPDATE tokens SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL")?
        .execute(params![id, time(at)])?;
    Ok(changed == 1)
}

/// Notes when and from where a token was last used.
pub(crate) fn note_use(tx: &Transaction<'_>, id: &str, from: Option<&str>, at: Timestamp) -> DbResult<()> {
    tx.prepare_cached("UPDATE tokens SET used_at = ?2, used_from = ?3 WHERE id = ?1")?.execute(params![
        id,
        time(at),
        from
    ])?;
    Ok(())
}

/// Lets a token end at `at` where it would have worked for longer.
pub(crate) fn end_by(tx: &Transaction<'_>, id: &str, at: Timestamp) -> DbResult<()> {
    tx.prepare_cached("UPDATE tokens SET expires_at = ?2 WHERE id = ?1 AND (expires_at IS NULL OR expires_at > ?2)")?
        .execute(params![id, time(at)])?;
    Ok(())
}

/// Whether a token that may do everything works at `now`.
pub(crate) fn has_admin(connection: &Connection, now: Timestamp) -> DbResult<bool> {
    let admin = Scope::admin();
    let is_admin = |token: &Token| {
        token.scopes.contains(&admin)
            && token.revoked_at.is_none()
            && token.expires_at.is_none_or(|expiry| expiry > now)
    };
    Ok(list(connection)?.iter().any(is_admin))
}

fn read(row: &Row<'_>) -> DbResult<Token> {
    Ok(Token {
        id: row.get("id")?,
        name: row.get("name")?,
        scopes: parse_json(row, "scopes")?,
        created_at: parse(row, "created_at")?,
        created_by: row.get("created_by")?,
        expires_at: parse_opt(row, "expires_at")?,
        revoked_at: parse_opt(row, "revoked_at")?,
        used_at: parse_opt(row, "used_at")?,
        used_from: row.get("used_from")?,
    })
}
