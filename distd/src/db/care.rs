//! The tables of `care.sql`: checksums and checks of objects, the trash, holds, expired releases and the last runs of tasks.

use jiff::Timestamp;
use objstore::{BlockSums, Digest};
use protocol::{AppSlug, ReleaseId};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::convert::{DbResult, corrupt, integer, parse, parse_json, time, unsigned};

/// The checksums of an object's blocks; `None` where they are not known.
pub(crate) fn sums(connection: &Connection, digest: &Digest) -> DbResult<Option<BlockSums>> {
    let mut statement = connection.prepare_cached("SELECT size, sums FROM object_care WHERE digest = ?1")?;
    let found = statement
        .query_row([digest.to_string()], |row| Ok((unsigned(row, "size"), row.get::<_, Option<Vec<u8>>>("sums")?)))
        .optional()?;
    let Some((size, Some(sums))) = found else { return Ok(None) };
    Ok(BlockSums::decode(size?, &sums))
}

/// Notes that the bytes of an object are right, and the checksums of its blocks.
pub(crate) fn set_sums(tx: &Transaction<'_>, digest: &Digest, sums: &BlockSums, at: Timestamp) -> DbResult<()> {
    tx.prepare_cached(
        "INSERT INTO object_care (digest, size, sums, checked_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (digest) DO UPDATE SET size = ?2, sums = ?3, checked_at = ?4",
    )?
    .execute(params![digest.to_string(), integer(sums.size_bytes()), sums.encode(), time(at)])?;
    Ok(())
}

/// Notes that the bytes of an object were held against its digest.
pub(crate) fn set_checked(tx: &Transaction<'_>, digest: &Digest, size_bytes: u64, at: Timestamp) -> DbResult<()> {
    tx.prepare_cached(
        "INSERT INTO object_care (digest, size, checked_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (digest) DO UPDATE SET checked_at = ?3",
    )?
    .execute(params![digest.to_string(), integer(size_bytes), time(at)])?;
    Ok(())
}

/// Notes that an object was read at `at`, unless it was read later. Whether anything is known of it.
pub(crate) fn set_checked_again(tx: &Transaction<'_>, digest: &Digest, at: Timestamp) -> DbResult<bool> {
    let changed = tx
        .prepare_cached("UPDATE object_care SET checked_at = max(checked_at, ?2) WHERE digest = ?1")?
        .execute(params![digest.to_string(), time(at)])?;
    Ok(changed > 0)
}

/// Notes an object that was just written from bytes of its digest, unless more is known of it.
pub(crate) fn note_written(tx: &Transaction<'_>, digest: &Digest, size_bytes: u64, at: Timestamp) -> DbResult<()> {
    tx.prepare_cached(
        "INSERT INTO object_care (digest, size, checked_at) VALUES (?1, ?2, ?3) ON CONFLICT (digest) DO NOTHING",
    )?
    .execute(params![digest.to_string(), integer(size_bytes), time(at)])?;
    Ok(())
}

/// When each object was last held against its digest.
pub(crate) fn checks(connection: &Connection) -> DbResult<Vec<(Digest, Timestamp)>> {
    let mut statement = connection.prepare_cached("SELECT digest, checked_at FROM object_care")?;
    statement.query_and_then([], |row| Ok((parse(row, "digest")?, parse(row, "checked_at")?)))?.collect()
}

/// What there is in all, by what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
    pub(crate) oldest_check: Option<Timestamp>,
    pub(crate) newest_check: Option<Timestamp>,
    pub(crate) trashed: u64,
    pub(crate) trashed_bytes: u64,
}

/// Counts objects that were checked and the trash. Reads an index and the trash, no checksums.
pub(crate) fn totals(connection: &Connection) -> DbResult<Totals> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*) AS objects, coalesce(sum(size), 0) AS bytes, min(checked_at) AS oldest,
                max(checked_at) AS newest, (SELECT count(*) FROM trash) AS trashed,
                (SELECT coalesce(sum(size), 0) FROM trash) AS trashed_bytes
         FROM object_care",
    )?;
    let time_of = |row: &rusqlite::Row<'_>, column: &str| match row.get::<_, Option<String>>(column)? {
        Some(_) => parse(row, column).map(Some),
        None => Ok(None),
    };
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Totals {
            objects: unsigned(row, "objects")?,
            bytes: unsigned(row, "bytes")?,
            oldest_check: time_of(row, "oldest")?,
            newest_check: time_of(row, "newest")?,
            trashed: unsigned(row, "trashed")?,
            trashed_bytes: unsigned(row, "trashed_bytes")?,
        })
    };
    statement.query_row([], |row| Ok(read(row)))?
}

/// Forgets everything that is derived from an object's bytes.
pub(crate) fn forget_object(tx: &Transaction<'_>, digest: &Digest) -> DbResult<()> {
    const TABLES: [&str; 3] = [
        "DELETE FROM object_care WHERE digest = ?1",
        "DELETE FROM trash WHERE digest = ?1",
        "DELETE FROM chunk_sums WHERE digest = ?1",
    ];
    for sql in TABLES {
        tx.prepare_cached(sql)?.execute([digest.to_string()])?;
    }
    Ok(())
}

/// An object in the trash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trashed {
    pub(crate) digest: Digest,
    pub(crate) trashed_at: Timestamp,
}

/// Everything in the trash, by digest.
pub(crate) fn trash(connection: &Connection) -> DbResult<Vec<Trashed>> {
    let mut statement = connection.prepare_cached("SELECT digest, trashed_at FROM trash ORDER BY digest")?;
    let read =
        |row: &rusqlite::Row<'_>| Ok(Trashed { digest: parse(row, "digest")?, trashed_at: parse(row, "trashed_at")? });
    statement.query_and_then([], read)?.collect()
}

/// Whether an object is in the trash.
pub(crate) fn is_trashed(connection: &Connection, digest: &Digest) -> DbResult<bool> {
    let mut statement = connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM trash WHERE digest = ?1)")?;
    Ok(statement.query_row([digest.to_string()], |row| row.get(0))?)
}

/// Puts an object into the trash. One that is there stays as it is; `false` then.
pub(crate) fn put_in_trash(tx: &Transaction<'_>, digest: &Digest, size_bytes: u64, at: Timestamp) -> DbResult<bool> {
    let added = tx
        .prepare_cached("INSERT INTO trash (digest, size, trashed_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute(params![digest.to_string(), integer(size_bytes), time(at)])?;
    Ok(added == 1)
}

/// Takes an object out of the trash.
pub(crate) fn take_from_trash(tx: &Transaction<'_>, digest: &Digest) -> DbResult<()> {
    tx.prepare_cached("DELETE FROM trash WHERE digest = ?1")?.execute([digest.to_string()])?;
    Ok(())
}

/// Takes all artifacts of a release out of the trash.
pub(crate) fn take_artifacts_from_trash(tx: &Transaction<'_>, app: &AppSlug, release: &ReleaseId) -> DbResult<()> {
    tx.prepare_cached(
        "DELETE FROM trash WHERE digest IN (SELECT sha256 FROM artifacts WHERE app = ?1 AND release = ?2)",
    )?
    .execute([app.as_str(), &release.to_string()])?;
    Ok(())
}

/// Keeps gc from deleting until `expires_at`, or until the hold is ended.
pub(crate) fn hold(tx: &Transaction<'_>, id: &str, reason: &str, expires_at: Timestamp) -> DbResult<()> {
    tx.execute(
        "INSERT OR REPLACE INTO gc_holds (id, reason, expires_at) VALUES (?1, ?2, ?3)",
        params![id, reason, time(expires_at)],
    )?;
    Ok(())
}

/// Ends a hold.
pub(crate) fn end_hold(tx: &Transaction<'_>, id: &str) -> DbResult<()> {
    tx.execute("DELETE FROM gc_holds WHERE id = ?1", [id])?;
    Ok(())
}

/// Why nothing may be deleted now, where that is so.
pub(crate) fn held(connection: &Connection, now: Timestamp) -> DbResult<Option<String>> {
    let mut statement = connection.prepare_cached("SELECT reason FROM gc_holds WHERE expires_at > ?1 LIMIT 1")?;
    Ok(statement.query_row([time(now)], |row| row.get(0)).optional()?)
}

/// Whether retention gave up the artifacts of a release.
pub(crate) fn is_expired(connection: &Connection, app: &AppSlug, release: &ReleaseId) -> DbResult<bool> {
    let mut statement =
        connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM expired_releases WHERE app = ?1 AND release = ?2)")?;
    Ok(statement.query_row([app.as_str(), &release.to_string()], |row| row.get(0))?)
}

/// Gives up the artifacts of a release.
pub(crate) fn expire(tx: &Transaction<'_>, app: &AppSlug, release: &ReleaseId, at: Timestamp) -> DbResult<()> {
    tx.prepare_cached(
        "INSERT INTO expired_releases (app, release, expired_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    )?
    .execute(params![app.as_str(), release.to_string(), time(at)])?;
    Ok(())
}

/// A release whose artifacts came back.
pub(crate) fn unexpire(tx: &Transaction<'_>, app: &AppSlug, release: &ReleaseId) -> DbResult<()> {
    tx.prepare_cached("DELETE FROM expired_releases WHERE app = ?1 AND release = ?2")?
        .execute([app.as_str(), &release.to_string()])?;
    Ok(())
}

/// Every artifact of a release that has not expired, with the app and the release that hold it.
pub(crate) fn held_artifacts(
    connection: &Connection,
    mut take: impl FnMut(AppSlug, ReleaseId, Digest),
) -> DbResult<()> {
    let mut statement = connection.prepare_cached(
        "SELECT app, release, sha256 FROM artifacts WHERE NOT EXISTS
           (SELECT 1 FROM expired_releases e WHERE e.app = artifacts.app AND e.release = artifacts.release)",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        take(parse(row, "app")?, parse(row, "release")?, parse(row, "sha256")?);
    }
    Ok(())
}

/// The ids of all releases.
pub(crate) fn release_ids(connection: &Connection) -> DbResult<Vec<Digest>> {
    let mut statement = connection.prepare_cached("SELECT id FROM releases")?;
    statement.query_and_then([], |row| parse(row, "id"))?.collect()
}

/// The artifacts of releases that have expired.
pub(crate) fn expired_artifacts(connection: &Connection) -> DbResult<Vec<Digest>> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT sha256 FROM artifacts JOIN expired_releases e ON e.app = artifacts.app AND e.release = artifacts.release",
    )?;
    statement.query_and_then([], |row| parse(row, "sha256"))?.collect()
}

/// Each table by its index over app and object: an app is one look into each. Every row of them belongs to an app.
const NAMES: &str = "SELECT EXISTS (SELECT 1 FROM apps a CROSS JOIN releases r ON r.app = a.slug AND r.id = ?1)
     OR EXISTS (SELECT 1 FROM apps a CROSS JOIN artifacts t INDEXED BY artifacts_by_object ON t.app = a.slug AND t.sha256 = ?1
                WHERE NOT EXISTS (SELECT 1 FROM expired_releases e WHERE e.app = t.app AND e.release = t.release))
     OR EXISTS (SELECT 1 FROM stages WHERE manifest = ?1 AND expires_at > ?2)
     OR EXISTS (SELECT 1 FROM apps a CROSS JOIN stage_objects o INDEXED BY stage_objects_by_object
                  ON o.app = a.slug AND o.digest = ?1
                JOIN stages s ON s.app = o.app AND s.release = o.release AND s.part = o.part WHERE s.expires_at > ?2)
     OR EXISTS (SELECT 1 FROM apps a CROSS JOIN uploads u ON u.app = a.slug AND u.digest = ?1
                WHERE max(u.created_at, coalesce(u.received_at, '')) > ?3)";

/// Whether a release that has not expired, a staged part that is there at `now` or an upload touched since `since` names an
/// object. What a document holds that a ref points at is asked elsewhere.
pub(crate) fn is_named(connection: &Connection, digest: &Digest, now: Timestamp, since: Timestamp) -> DbResult<bool> {
    let mut statement = connection.prepare_cached(NAMES)?;
    Ok(statement.query_row(params![digest.to_string(), time(now), time(since)], |row| row.get(0))?)
}

/// What refs point at, and what reflogs since `since` say they pointed at, that is not a release in the index. A staged part
/// that was replaced or has expired is wanted by nobody.
pub(crate) fn unindexed_targets(connection: &Connection, since: Timestamp) -> DbResult<Vec<Digest>> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT target FROM (
           SELECT app, target FROM refs
           UNION ALL SELECT app, new FROM reflog WHERE new IS NOT NULL AND at >= ?1 AND ref NOT GLOB 'staging/*'
           UNION ALL SELECT app, old FROM reflog WHERE old IS NOT NULL AND at >= ?1 AND ref NOT GLOB 'staging/*') t
         WHERE NOT EXISTS (SELECT 1 FROM releases r WHERE r.app = t.app AND r.id = t.target)",
    )?;
    statement.query_and_then([time(since)], |row| parse(row, "target"))?.collect()
}

/// An upload that was announced and that no release holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Announced {
    pub(crate) app: AppSlug,
    pub(crate) digest: Digest,
    pub(crate) size_bytes: u64,
    /// When it was last negotiated, or arrived.
    pub(crate) touched_at: Timestamp,
}

/// Every upload that was announced and that no release holds.
pub(crate) fn announced(connection: &Connection) -> DbResult<Vec<Announced>> {
    let mut statement = connection.prepare_cached(
        "SELECT app, digest, size, max(created_at, coalesce(received_at, '')) AS touched FROM uploads
         ORDER BY app, digest",
    )?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Announced {
            app: parse(row, "app")?,
            digest: parse(row, "digest")?,
            size_bytes: unsigned(row, "size")?,
            touched_at: parse(row, "touched")?,
        })
    };
    statement.query_and_then([], read)?.collect()
}

/// Notes the last run of a task.
pub(crate) fn set_run(tx: &Transaction<'_>, task: &str, at: Timestamp, answer: &impl Serialize) -> DbResult<()> {
    let text = serde_json::to_string(answer).map_err(|why| corrupt("care_runs.answer", task, why))?;
    tx.execute(
        "INSERT OR REPLACE INTO care_runs (task, at, answer) VALUES (?1, ?2, ?3)",
        params![task, time(at), text],
    )?;
    Ok(())
}

/// The last run of a task.
pub(crate) fn run<T: DeserializeOwned>(connection: &Connection, task: &str) -> DbResult<Option<(Timestamp, T)>> {
    let mut statement = connection.prepare_cached("SELECT at, answer FROM care_runs WHERE task = ?1")?;
    let found = statement.query_row([task], |row| Ok((parse(row, "at"), parse_json(row, "answer")))).optional()?;
    found.map(|(at, answer)| Ok((at?, answer?))).transpose()
}

#[cfg(test)]
mod tests {
    use super::NAMES;

    #[test]
    fn whether_an_object_is_named_is_asked_of_indexes() {
        let plan = crate::db::plan::plan_of(NAMES);
        let scans: Vec<_> = plan.iter().filter(|line| line.starts_with("SCAN")).collect();
        let is_small =
            |line: &&String| line.starts_with("SCAN a") || line.starts_with("SCAN stages") || line.contains("CONSTANT");
        assert!(scans.iter().all(is_small), "{plan:?}");
    }
}
