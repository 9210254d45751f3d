//! The tables `publishers` and `used_identities`.

use jiff::Timestamp;
use protocol::AppSlug;
use protocol::api::Publisher;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::convert::{DbResult, corrupt, parse, parse_json, time};

const SELECT: &str = "SELECT id, app, issuer, rule, created_at, created_by FROM publishers";

/// Adds a publisher.
pub(crate) fn insert(tx: &Transaction<'_>, publisher: &Publisher, issuer: &str) -> DbResult<()> {
    let rule = serde_json::to_string(&publisher.rule).map_err(|why| corrupt("publishers.rule", &publisher.id, why))?;
    tx.prepare_cached(
        "INSERT INTO publishers (id, app, issuer, rule, created_at, created_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        publisher.id,
        publisher.app.as_str(),
        issuer,
        rule,
        time(publisher.created_at),
        publisher.created_by
    ])?;
    Ok(())
}

/// The publishers of an app, oldest first.
pub(crate) fn list(connection: &Connection, app: &AppSlug) -> DbResult<Vec<Publisher>> {
    let sql = format!("{SELECT} WHERE app = ?1 ORDER BY created_at, id");
    connection.prepare_cached(&sql)?.query_and_then([app.as_str()], read)?.collect()
}

/// The publishers of an app whose tokens are of this issuer.
pub(crate) fn of_issuer(connection: &Connection, app: &AppSlug, issuer: &str) -> DbResult<Vec<Publisher>> {
    let sql = format!("{SELECT} WHERE app = ?1 AND issuer = ?2 ORDER BY created_at, id");
    connection.prepare_cached(&sql)?.query_and_then([app.as_str(), issuer], read)?.collect()
}

/// One publisher of an app.
pub(crate) fn find(connection: &Connection, app: &AppSlug, id: &str) -> DbResult<Option<Publisher>> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE app = ?1 AND id = ?2"))?;
    statement.query_row([app.as_str(), id], |row| Ok(read(row))).optional()?.transpose()
}

/// Removes a publisher.
pub(crate) fn remove(tx: &Transaction<'_>, app: &AppSlug, id: &str) -> DbResult<()> {
    tx.prepare_cached("DELETE FROM publishers WHERE app = ?1 AND id = ?2")?.execute([app.as_str(), id])?;
    Ok(())
}

/// Notes that an identity token was exchanged; `false` where it was before. Forgets those that expired before `now`.
pub(crate) fn use_identity(
    tx: &Transaction<'_>,
    issuer: &str,
    jti: &str,
    expires_at: Timestamp,
    now: Timestamp,
) -> DbResult<bool> {
    tx.prepare_cached("DELETE FROM used_identities WHERE expires_at <= ?1")?.execute([time(now)])?;
    let added = tx
        .prepare_cached(
            "INSERT INTO used_identities (issuer, jti, expires_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        )?
        .execute(params![issuer, jti, time(expires_at)])?;
    Ok(added == 1)
}

fn read(row: &Row<'_>) -> DbResult<Publisher> {
    Ok(Publisher {
        id: row.get("id")?,
        app: parse(row, "app")?,
        rule: parse_json(row, "rule")?,
        created_at: parse(row, "created_at")?,
        created_by: row.get("created_by")?,
    })
}
