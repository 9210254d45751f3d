//! The table `apps`.

use jiff::Timestamp;
use protocol::api::{Access, App};
use protocol::{AppRules, AppSlug};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::convert::{DbResult, corrupt, parse, parse_json, time, unsigned};
use super::mirrors;

const SELECT: &str = "SELECT slug, name, access, created_at, created_by,
    (SELECT count(*) FROM releases WHERE releases.app = apps.slug) AS releases,
    mirrors.source, mirrors.since, mirrors.updated_at FROM apps LEFT JOIN mirrors ON mirrors.app = apps.slug";

/// Adds an app; `false` where the slug is taken.
pub(crate) fn insert(
    tx: &Transaction<'_>,
    slug: &AppSlug,
    name: &str,
    access: Access,
    actor: &str,
    at: Timestamp,
) -> DbResult<bool> {
    let added = tx
        .prepare_cached("INSERT INTO apps (slug, name, access, created_at, created_by) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING")?
        .execute(params![slug.as_str(), name, access.as_str(), time(at), actor])?;
    Ok(added == 1)
}

/// One app.
pub(crate) fn find(connection: &Connection, slug: &AppSlug) -> DbResult<Option<App>> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE slug = ?1"))?;
    statement.query_row([slug.as_str()], |row| Ok(read(row))).optional()?.transpose()
}

/// Who may read an app; `None` where there is no such app.
pub(crate) fn access(connection: &Connection, slug: &AppSlug) -> DbResult<Option<Access>> {
    let mut statement = connection.prepare_cached("SELECT access FROM apps WHERE slug = ?1")?;
    statement.query_row([slug.as_str()], |row| Ok(parse(row, "access"))).optional()?.transpose()
}

/// Replaces name and access of an app.
pub(crate) fn update(tx: &Transaction<'_>, app: &App) -> DbResult<()> {
    tx.prepare_cached("UPDATE apps SET name = ?2, access = ?3 WHERE slug = ?1")?.execute(params![
        app.slug.as_str(),
        app.name,
        app.access.as_str()
    ])?;
    Ok(())
}

/// What an app asks of its artifacts and channels; `None` where there is no such app.
pub(crate) fn rules(connection: &Connection, slug: &AppSlug) -> DbResult<Option<AppRules>> {
    let mut statement = connection.prepare_cached("SELECT rules FROM apps WHERE slug = ?1")?;
    statement.query_row([slug.as_str()], |row| Ok(parse_json(row, "rules"))).optional()?.transpose()
}

/// Replaces what an app asks.
pub(crate) fn set_rules(tx: &Transaction<'_>, slug: &AppSlug, rules: &AppRules) -> DbResult<()> {
    let text = serde_json::to_string(rules).map_err(|why| corrupt("apps.rules", slug, why))?;
    tx.prepare_cached("UPDATE apps SET rules = ?2 WHERE slug = ?1")?.execute(params![slug.as_str(), text])?;
    Ok(())
}

/// All apps, by slug.
pub(crate) fn list(connection: &Connection) -> DbResult<Vec<App>> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} ORDER BY slug"))?;
    statement.query_and_then([], read)?.collect()
}

fn read(row: &Row<'_>) -> DbResult<App> {
    Ok(App {
        slug: parse(row, "slug")?,
        name: row.get("name")?,
        access: parse(row, "access")?,
        created_at: parse(row, "created_at")?,
        created_by: row.get("created_by")?,
        releases: unsigned(row, "releases")?,
        mirror: mirrors::read_joined(row)?,
    })
}
