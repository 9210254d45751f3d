//! The tables `releases` and `artifacts`: an index over manifests.

use jiff::Timestamp;
use protocol::api::ReleaseRef;
use protocol::manifest::ArtifactLine;
use protocol::{AppSlug, Platform, ReleaseId, ReleaseManifest, ReleaseName};
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

/// Which releases are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Filter {
    /// Only with an artifact for this platform.
    pub(crate) platform: Option<Platform>,
    /// Only published then or later.
    pub(crate) since: Option<Timestamp>,
}

impl Filter {
    /// Whether a release is not too old.
    pub(crate) fn is_recent(self, row: &ReleaseRow) -> bool {
        self.since.is_none_or(|since| row.published_at >= since)
    }
}

const PARENT: &str = "SELECT parent FROM releases WHERE app = ?1 AND id = ?2";
const LINE: &str = "WITH RECURSIVE line(id) AS (SELECT ?2 UNION ALL
        SELECT releases.parent FROM line JOIN releases ON releases.app = ?1 AND releases.id = line.id
        WHERE releases.parent <> ?3)
    SELECT id FROM line";
const HAS_PLATFORM: &str = "SELECT EXISTS (SELECT 1 FROM artifacts WHERE app = ?1 AND release = ?2 AND platform = ?3)";
const LIST: &str = "SELECT seq, id, name, parent, size_bytes, published_at, published_by FROM releases
    WHERE app = ?1 AND seq < ?2 AND (?4 IS NULL OR EXISTS
        (SELECT 1 FROM artifacts WHERE artifacts.app = ?1 AND release = releases.id AND platform = ?4))
    ORDER BY seq DESC LIMIT ?3";

const SEARCH: &str = "SELECT seq, id, name, parent, size_bytes, published_at, published_by FROM releases
    WHERE app = ?1 AND seq < ?2 AND (?4 IS NULL OR EXISTS
        (SELECT 1 FROM artifacts WHERE artifacts.app = ?1 AND release = releases.id AND platform = ?4))
    AND (instr(lower(name), ?5) > 0 OR substr(id, 1, length(?5)) = ?5 OR instr(lower(published_by), ?5) > 0)
    ORDER BY seq DESC LIMIT ?3";

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

/// Which of the columns that [`find`] does not return, or that only a reflog has beside it, says otherwise than the manifest
/// or the reflog of the release's own ref; `None` where none does.
pub(crate) fn differing(connection: &Connection, manifest: &ReleaseManifest) -> DbResult<Option<String>> {
    let mut statement = connection.prepare_cached(
        "SELECT CASE WHEN version IS NOT ?3 THEN 'version' WHEN build IS NOT ?4 THEN 'build'
                     WHEN created_at IS NOT ?5 THEN 'created_at'
                     WHEN NOT EXISTS (SELECT 1 FROM reflog l WHERE l.app = ?1 AND l.ref = 'releases/' || name AND l.seq = 1
                                      AND l.at = published_at AND l.actor = published_by)
                     THEN 'when or by whom it was published' END
         FROM releases WHERE app = ?1 AND id = ?2",
    )?;
    let build = manifest.build.as_ref().map(protocol::Build::as_str);
    let found = statement
        .query_row(
            params![
                manifest.app.as_str(),
                manifest.id().to_string(),
                manifest.version.as_str(),
                build,
                time(manifest.created_at)
            ],
            |row| row.get(0),
        )
        .optional()?;
    Ok(found.flatten())
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

/// The parent of a release; `None` also where there is no such release.
pub(crate) fn parent(connection: &Connection, app: &AppSlug, id: &ReleaseId) -> DbResult<Option<ReleaseId>> {
    let mut statement = connection.prepare_cached(PARENT)?;
    let found = statement.query_row([app.as_str(), &id.to_string()], |row| Ok(parse_opt(row, "parent")));
    found.optional()?.transpose().map(Option::flatten)
}

/// A release and its parents, up to one that is not told any more; `None` for all of them. In one statement: a history is long.
pub(crate) fn line(
    connection: &Connection,
    app: &AppSlug,
    from: ReleaseId,
    end: Option<ReleaseId>,
) -> DbResult<Vec<ReleaseId>> {
    if Some(from) == end {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(LINE)?;
    let end = end.map(|end| end.to_string());
    let parameters = params![app.as_str(), from.to_string(), end.unwrap_or_default()];
    statement.query_and_then(parameters, |row| parse(row, "id"))?.collect()
}

/// Whether a release has an artifact for a platform.
pub(crate) fn has_platform(
    connection: &Connection,
    app: &AppSlug,
    id: &ReleaseId,
    platform: Platform,
) -> DbResult<bool> {
    let mut statement = connection.prepare_cached(HAS_PLATFORM)?;
    Ok(statement.query_row([app.as_str(), &id.to_string(), platform.as_str()], |row| row.get(0))?)
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

/// The artifacts of a release, in the order of its manifest.
pub(crate) fn artifacts(connection: &Connection, app: &AppSlug, id: &ReleaseId) -> DbResult<Vec<ArtifactLine>> {
    let mut statement = connection.prepare_cached(
        "SELECT platform, arch, kind, filename, size, sha256 FROM artifacts WHERE app = ?1 AND release = ?2 ORDER BY position",
    )?;
    let read = |row: &Row<'_>| {
        Ok(ArtifactLine {
            platform: parse(row, "platform")?,
            arch: parse(row, "arch")?,
            kind: parse(row, "kind")?,
            filename: parse(row, "filename")?,
            size: unsigned(row, "size")?,
            sha256: parse(row, "sha256")?,
        })
    };
    statement.query_and_then([app.as_str(), &id.to_string()], read)?.collect()
}

/// Releases newest first, before `before` where it is given, with an artifact for `platform` where it is given.
pub(crate) fn list(
    connection: &Connection,
    app: &AppSlug,
    before: Option<u64>,
    platform: Option<Platform>,
    limit: u32,
) -> DbResult<Vec<ReleaseRow>> {
    let mut statement = connection.prepare_cached(LIST)?;
    let before = before.map_or(i64::MAX, integer);
    statement.query_and_then(params![app.as_str(), before, limit, platform.map(Platform::as_str)], read)?.collect()
}

/// The bytes of all releases of each app.
pub(crate) fn sizes(connection: &Connection) -> DbResult<Vec<(AppSlug, u64)>> {
    let mut statement = connection.prepare_cached("SELECT app, sum(size_bytes) AS bytes FROM releases GROUP BY app")?;
    statement.query_and_then([], |row| Ok((parse(row, "app")?, unsigned(row, "bytes")?)))?.collect()
}

/// Releases as [`list`] gives them, whose name has `text`, whose id begins with it, or whose publisher's name has it.
pub(crate) fn search(
    connection: &Connection,
    app: &AppSlug,
    before: Option<u64>,
    (platform, text): (Option<Platform>, &str),
    limit: u32,
) -> DbResult<Vec<ReleaseRow>> {
    let mut statement = connection.prepare_cached(SEARCH)?;
    let before = before.map_or(i64::MAX, integer);
    let platform = platform.map(Platform::as_str);
    statement.query_and_then(params![app.as_str(), before, limit, platform, text.to_ascii_lowercase()], read)?.collect()
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

#[cfg(test)]
mod tests {
    use super::super::plan::plan_of;
    use super::*;

    /// What a log asks for each release is answered from an index, however many there are.
    #[test]
    fn no_question_of_a_log_reads_a_whole_table() {
        let check = |sql: &str, expect: &[&str]| {
            let plan = plan_of(sql);
            assert!(!plan.iter().any(|line| line.contains("SCAN") && line.contains("releases")), "{plan:?}");
            assert!(expect.iter().all(|part| plan.iter().any(|line| line.contains(part))), "{plan:?}");
        };
        let by_key = "SEARCH releases USING INDEX sqlite_autoindex_releases_1 (app=? AND id=?)";
        check(
            LIST,
            &["SEARCH releases USING INDEX releases_by_age (app=? AND seq<?)", "SEARCH artifacts USING PRIMARY KEY"],
        );
        check(&format!("SELECT {COLUMNS} FROM releases WHERE app = ?1 AND id = ?2"), &[by_key]);
        check(PARENT, &[by_key]);
        check(LINE, &[by_key]);
        check(HAS_PLATFORM, &["SEARCH artifacts USING PRIMARY KEY (app=? AND release=?)"]);
    }
}
