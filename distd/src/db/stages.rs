//! The tables `stages` and `stage_objects`: parts of releases that are not published yet, beside their refs under `staging/`.

use jiff::Timestamp;
use protocol::manifest::ArtifactLine;
use protocol::{AppSlug, Digest, PartName, RefName, ReleaseId, ReleaseName};
use rusqlite::{Connection, Row, Transaction, params};

use super::convert::{DbResult, parse, time};

/// One part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StageRow {
    pub(crate) app: AppSlug,
    pub(crate) release: ReleaseName,
    pub(crate) part: PartName,
    /// How many parts the release has in all, where that was told.
    pub(crate) of: Option<u32>,
    pub(crate) manifest: ReleaseId,
    pub(crate) staged_at: Timestamp,
    pub(crate) staged_by: String,
    pub(crate) expires_at: Timestamp,
}

impl StageRow {
    /// Its ref.
    pub(crate) fn ref_name(&self) -> RefName {
        RefName::Staging { release: self.release.clone(), part: self.part.clone() }
    }
}

const COLUMNS: &str = "app, release, part, of_parts, manifest, staged_at, staged_by, expires_at";

/// Notes a part in place of the one of the same name.
pub(crate) fn put(tx: &Transaction<'_>, stage: &StageRow, artifacts: &[ArtifactLine]) -> DbResult<()> {
    remove(tx, stage)?;
    let key = [stage.app.as_str(), stage.release.as_str(), stage.part.as_str()];
    tx.prepare_cached(
        "INSERT INTO stages (app, release, part, of_parts, manifest, staged_at, staged_by, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        key[0],
        key[1],
        key[2],
        stage.of,
        stage.manifest.to_string(),
        time(stage.staged_at),
        stage.staged_by,
        time(stage.expires_at)
    ])?;
    let mut statement = tx.prepare_cached(
        "INSERT INTO stage_objects (app, release, part, digest) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
    )?;
    for line in artifacts {
        statement.execute(params![key[0], key[1], key[2], line.sha256.to_string()])?;
    }
    Ok(())
}

/// Forgets a part.
pub(crate) fn remove(tx: &Transaction<'_>, stage: &StageRow) -> DbResult<()> {
    tx.prepare_cached("DELETE FROM stages WHERE app = ?1 AND release = ?2 AND part = ?3")?.execute([
        stage.app.as_str(),
        stage.release.as_str(),
        stage.part.as_str(),
    ])?;
    Ok(())
}

/// The parts of an app that are there at `now`, by release and name.
pub(crate) fn list(connection: &Connection, app: &AppSlug, now: Timestamp) -> DbResult<Vec<StageRow>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM stages WHERE app = ?1 AND expires_at > ?2 ORDER BY release, part"
    ))?;
    statement.query_and_then([app.as_str(), &time(now)], read)?.collect()
}

/// The parts of one release that are there at `now`, by name.
pub(crate) fn of_release(
    connection: &Connection,
    app: &AppSlug,
    release: &ReleaseName,
    now: Timestamp,
) -> DbResult<Vec<StageRow>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM stages WHERE app = ?1 AND release = ?2 AND expires_at > ?3 ORDER BY part"
    ))?;
    statement.query_and_then([app.as_str(), release.as_str(), &time(now)], read)?.collect()
}

/// The parts of every app whose time is over at `now`, at most `limit`.
pub(crate) fn expired(connection: &Connection, now: Timestamp, limit: u32) -> DbResult<Vec<StageRow>> {
    let mut statement = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM stages WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2"))?;
    statement.query_and_then(params![time(now), limit], read)?.collect()
}

/// Every object that a part needs that is there at `now`, of every app, each once: manifests and artifacts. What collects garbage
/// has to keep them.
pub(crate) fn live_objects(connection: &Connection, now: Timestamp) -> DbResult<Vec<Digest>> {
    let mut statement = connection.prepare_cached(
        "SELECT manifest AS digest FROM stages WHERE expires_at > ?1
         UNION SELECT digest FROM stage_objects JOIN stages USING (app, release, part) WHERE expires_at > ?1
         ORDER BY digest",
    )?;
    statement.query_and_then([time(now)], |row| parse(row, "digest"))?.collect()
}

/// The names of refs that are staged parts only by one of the tables `stages` and `refs`, or with other manifests.
pub(crate) fn unmatched(connection: &Connection, app: &AppSlug) -> DbResult<Vec<String>> {
    let mut statement = connection.prepare_cached(
        "WITH staged(name, target) AS (SELECT 'staging/' || release || '/' || part, manifest FROM stages WHERE app = ?1),
              named(name, target) AS (SELECT name, target FROM refs WHERE app = ?1 AND name GLOB 'staging/*')
         SELECT name FROM (SELECT * FROM staged EXCEPT SELECT * FROM named)
         UNION SELECT name FROM (SELECT * FROM named EXCEPT SELECT * FROM staged) ORDER BY name",
    )?;
    Ok(statement.query_map([app.as_str()], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> DbResult<StageRow> {
    Ok(StageRow {
        app: parse(row, "app")?,
        release: parse(row, "release")?,
        part: parse(row, "part")?,
        of: row.get("of_parts")?,
        manifest: parse(row, "manifest")?,
        staged_at: parse(row, "staged_at")?,
        staged_by: row.get("staged_by")?,
        expires_at: parse(row, "expires_at")?,
    })
}

#[cfg(test)]
mod tests {
    use protocol::{Arch, Kind, Platform};

    use super::*;
    use crate::db::migrate;

    fn line(bytes: &[u8]) -> ArtifactLine {
        let (filename, size) = ("a".parse().unwrap(), bytes.len() as u64);
        let (platform, kind) = (Platform::Linux, Kind::File);
        ArtifactLine { platform, arch: Arch::universal(), kind, filename, size, sha256: Digest::of(bytes) }
    }

    #[test]
    fn what_live_parts_need_is_told_once_and_until_they_expire() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "foreign_keys", true).unwrap();
        migrate::run(&mut connection, |_, _| Ok(())).unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let tx = connection.transaction().unwrap();
        let app: AppSlug = "acme".parse().unwrap();
        crate::db::apps::insert(&tx, &app, "Acme", protocol::api::Access::Token, "ana", at("2026-11-01T00:00:00Z"))
            .unwrap();
        let put = |part: &str, expires: &str, bytes: &[&[u8]]| {
            let stage = StageRow {
                app: app.clone(),
                release: "2.4.0+241".parse().unwrap(),
                of: None,
                part: part.parse().unwrap(),
                manifest: Digest::of(part.as_bytes()),
                staged_at: at("2026-11-01T00:00:00Z"),
                staged_by: "ci".to_owned(),
                expires_at: at(expires),
            };
            let lines: Vec<_> = bytes.iter().map(|bytes| line(bytes)).collect();
            put(&tx, &stage, &lines).unwrap();
        };
        put("linux", "2026-11-08T00:00:00Z", &[b"replaced"]);
        put("linux", "2026-11-08T00:00:00Z", &[b"one", b"both"]);
        put("macos", "2026-11-09T00:00:00Z", &[b"both"]);
        let live = |now: &str| live_objects(&tx, at(now)).unwrap();
        let sorted = |bytes: &[&[u8]]| {
            let mut digests: Vec<_> = bytes.iter().map(|bytes| Digest::of(bytes)).collect();
            digests.sort();
            digests
        };
        assert_eq!(live("2026-11-07T00:00:00Z"), sorted(&[b"linux", b"macos", b"one", b"both"]));
        assert_eq!(live("2026-11-08T00:00:00Z"), sorted(&[b"macos", b"both"]));
        assert_eq!(expired(&tx, at("2026-11-08T00:00:00Z"), 10).unwrap().len(), 1);
        assert!(live("2026-11-09T00:00:00Z").is_empty());
    }
}
