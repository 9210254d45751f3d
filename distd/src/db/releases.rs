//! The tables `releases` and `artifacts`: an index over manifests.

use jiff::Timestamp;
use protocol::api::ReleaseRef;
use protocol::manifest::ArtifactLine;
use protocol::{AppSlug, ReleaseId, ReleaseManifest, ReleaseName};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::convert::{DbResult, integer, parse, parse_opt, time, unsigned};

/// What the index says of a release; the rest is in its manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReleaseRow {
    /// Orders the releases of a server by publication; the key for paging.
    pub(crate) seq: u64,
    pub(crate) id: ReleaseId,
    pub(crate) name: ReleaseName,
    pub(crate) parent: Option<ReleaseId>,
    pub(crate) size_bytes: u64,
    pub(crate) published_at: Timestamp,
    pub(crate) published_by: String,
}

impl ReleaseRow {
    /// Its id and name.
    pub(crate) fn to_ref(&self) -> ReleaseRef {
        ReleaseRef { id: self.id, name: self.name.clone() }
    }
}

const COLUMNS: &str = "seq, id, name, parent, size_bytes, published_at, published_by";

/// Empties the index.
pub(crate) fn clear(tx: &Transaction<'_>) -> DbResult<()> {
    tx.execute("DELETE FROM artifacts", [])?;
    tx.execute("DELETE FROM releases", [])?;
    Ok(())
}

/// Adds a release and its artifacts to the index.
pub(crate) fn insert(tx: &Transaction<'_>, manifest: &ReleaseManifest, actor: &str, at: Timestamp) -> DbResult<()> {
    let id = manifest.id().to_string();
    tx.prepare_cached(
        "INSERT INTO releases (app, id, name, version, build, parent, size_bytes, created_at, published_at, published_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        manifest.app.as_str(),
        id,
        manifest.name().to_string(),
        manifest.version.as_str(),
        manifest.build.as_ref().map(protocol::Build::as_str),
        manifest.parent.map(|parent| parent.to_string()),
        integer(manifest.size_bytes()),
        time(manifest.created_at),
        time(at),
        actor
    ])?;
    for (position, line) in (0i64..).zip(&manifest.artifacts) {
        insert_artifact(tx, &manifest.app, &id, position, line)?;
    }
    Ok(())
}

fn insert_artifact(
    tx: &Transaction<'_>,
    app: &AppSlug,
    release: &str,
    position: i64,
    line: &ArtifactLine,
) -> DbResult<()> {
    tx.prepare_cached(
        "INSERT INTO artifacts (app, release, position, platform, arch, kind, filename, size, sha256)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        app.as_str(),
        release,
        position,
        line.platform.as_str(),
        line.arch.as_str(),
        line.kind.as_str(),
        line.filename.as_str(),
        integer(line.size),
        line.sha256.to_string()
    ])?;
    Ok(())
}

/// The release of an id.
pub(crate) fn find(connection: &Connection, app: &AppSlug, id: &ReleaseId) -> DbResult<Option<ReleaseRow>> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM releases WHERE app = ?1 AND id = ?2"))?;
    statement.query_row([app.as_str(), &id.to_string()], |row| Ok(read(row))).optional()?.transpose()
}

/// Releases whose id begins with `prefix`, at most `limit`.
pub(crate) fn find_by_prefix(
    connection: &Connection,
    app: &AppSlug,
    prefix: &str,
    limit: u32,
) -> DbResult<Vec<ReleaseRow>> {
    // Every digit sorts before `g`, so the range holds exactly the ids that begin with the prefix.
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM releases WHERE app = ?1 AND id >= ?2 AND id < ?2 || 'g' ORDER BY id LIMIT ?3"
    ))?;
    statement.query_and_then(params![app.as_str(), prefix, limit], read)?.collect()
}

/// Releases newest first, before `before` where it is given.
pub(crate) fn list(
    connection: &Connection,
    app: &AppSlug,
    before: Option<u64>,
    limit: u32,
) -> DbResult<Vec<ReleaseRow>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM releases WHERE app = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3"
    ))?;
    let before = before.map_or(i64::MAX, integer);
    statement.query_and_then(params![app.as_str(), before, limit], read)?.collect()
}

fn read(row: &Row<'_>) -> DbResult<ReleaseRow> {
    Ok(ReleaseRow {
        seq: unsigned(row, "seq")?,
        id: parse(row, "id")?,
        name: parse(row, "name")?,
        parent: parse_opt(row, "parent")?,
        size_bytes: unsigned(row, "size_bytes")?,
        published_at: parse(row, "published_at")?,
        published_by: row.get("published_by")?,
    })
}
