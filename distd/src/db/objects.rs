//! Which bytes an app holds: the tables `uploads` and, for what is published, `artifacts` and `releases`.

use std::collections::HashSet;

use jiff::Timestamp;
use protocol::api::WantedObject;
use protocol::{AppSlug, Digest, FileName, Kind, ReleaseId};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::convert::{DbResult, integer, parse, time, unsigned};

/// An object that an app has negotiated and that no release of it holds yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PendingUpload {
    /// Its size in bytes, as negotiated.
    pub(crate) size: u64,
    /// Whether all of it has arrived.
    pub(crate) is_received: bool,
}

// Left to itself, SQLite reads every artifact of the app, because they come in the order of their releases.
const PUBLISHED: &str = "SELECT filename, kind FROM artifacts INDEXED BY artifacts_by_object
    WHERE app = ?1 AND sha256 = ?2 ORDER BY release, position LIMIT 1";
const HOLDERS: &str =
    "SELECT DISTINCT release FROM artifacts INDEXED BY artifacts_by_object WHERE app = ?1 AND sha256 = ?2";

const HAS_SIZE: &str =
    "SELECT EXISTS (SELECT 1 FROM artifacts INDEXED BY artifacts_by_size WHERE app = ?1 AND size = ?2)
     OR EXISTS (SELECT 1 FROM uploads WHERE app = ?1 AND size = ?2 AND received_at IS NOT NULL)";

/// Whether a published release or a staged part of the app holds this object, or the app has received it whole.
pub(crate) fn holds(connection: &Connection, app: &AppSlug, object: &WantedObject) -> DbResult<bool> {
    let mut statement = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM artifacts WHERE app = ?1 AND sha256 = ?2 AND size = ?3)
             OR EXISTS (SELECT 1 FROM uploads WHERE app = ?1 AND digest = ?2 AND size = ?3 AND received_at IS NOT NULL)
             OR EXISTS (SELECT 1 FROM stage_objects WHERE app = ?1 AND digest = ?2)",
    )?;
    let holds = statement
        .query_row(params![app.as_str(), object.digest.to_string(), integer(object.size)], |row| row.get(0))?;
    Ok(holds)
}

/// How a published object is called and what it is; `None` where no release of the app holds it.
pub(crate) fn published(connection: &Connection, app: &AppSlug, digest: &Digest) -> DbResult<Option<(FileName, Kind)>> {
    let mut statement = connection.prepare_cached(PUBLISHED)?;
    statement
        .query_row(params![app.as_str(), digest.to_string()], |row| Ok((parse(row, "filename"), parse(row, "kind"))))
        .optional()?
        .map(|(filename, kind)| Ok((filename?, kind?)))
        .transpose()
}

/// The releases of the app that hold an object.
pub(crate) fn holders(connection: &Connection, app: &AppSlug, digest: &Digest) -> DbResult<Vec<ReleaseId>> {
    let mut statement = connection.prepare_cached(HOLDERS)?;
    statement.query_and_then(params![app.as_str(), digest.to_string()], |row| parse(row, "release"))?.collect()
}

/// Whether the app has, or is about to get, any object of so many bytes.
pub(crate) fn has_size(connection: &Connection, app: &AppSlug, size: u64) -> DbResult<bool> {
    let has = connection.prepare_cached(HAS_SIZE)?.query_row(params![app.as_str(), integer(size)], |row| row.get(0))?;
    Ok(has)
}

/// Notes that the app is about to upload an object. An earlier note of the same object stays, unless its size was other.
pub(crate) fn expect_upload(
    tx: &Transaction<'_>,
    app: &AppSlug,
    object: &WantedObject,
    actor: &str,
    at: Timestamp,
) -> DbResult<()> {
    tx.prepare_cached(
        "INSERT INTO uploads (app, digest, size, actor, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (app, digest) DO UPDATE SET size = excluded.size, received_at = NULL, actor = excluded.actor,
           created_at = excluded.created_at",
    )?
    .execute(params![app.as_str(), object.digest.to_string(), integer(object.size), actor, time(at)])?;
    Ok(())
}

/// Begins the lease of an upload anew.
pub(crate) fn renew_upload(tx: &Transaction<'_>, app: &AppSlug, digest: &Digest, at: Timestamp) -> DbResult<()> {
    tx.prepare_cached("UPDATE uploads SET created_at = ?3 WHERE app = ?1 AND digest = ?2")?.execute(params![
        app.as_str(),
        digest.to_string(),
        time(at)
    ])?;
    Ok(())
}

/// The uploads of an app that have arrived whole and that no release holds yet.
pub(crate) fn arrived(connection: &Connection, app: &AppSlug) -> DbResult<HashSet<Digest>> {
    let mut statement =
        connection.prepare_cached("SELECT digest FROM uploads WHERE app = ?1 AND received_at IS NOT NULL")?;
    statement.query_and_then([app.as_str()], |row| parse(row, "digest"))?.collect()
}

/// The note of an object that the app is uploading or has uploaded.
pub(crate) fn pending(connection: &Connection, app: &AppSlug, digest: &Digest) -> DbResult<Option<PendingUpload>> {
    let mut statement = connection.prepare_cached(
        "SELECT size, received_at IS NOT NULL AS received FROM uploads WHERE app = ?1 AND digest = ?2",
    )?;
    let found = statement
        .query_row(params![app.as_str(), digest.to_string()], |row| Ok((unsigned(row, "size"), row.get("received")?)))
        .optional()?;
    found.map(|(size, is_received)| Ok(PendingUpload { size: size?, is_received })).transpose()
}

/// Gives what was uploaded under a made-up name the name that it turned out to have.
pub(crate) fn rename_upload(tx: &Transaction<'_>, app: &AppSlug, made_up: &Digest, digest: &Digest) -> DbResult<()> {
    let names = params![app.as_str(), made_up.to_string(), digest.to_string()];
    tx.prepare_cached(
        "INSERT INTO uploads (app, digest, size, actor, created_at)
         SELECT app, ?3, size, actor, created_at FROM uploads WHERE app = ?1 AND digest = ?2
         ON CONFLICT (app, digest) DO UPDATE SET size = excluded.size, received_at = NULL WHERE size <> excluded.size",
    )?
    .execute(names)?;
    forget_upload(tx, app, made_up)
}

/// Notes that all of an object has arrived; `false` where that was noted before, or never negotiated.
pub(crate) fn mark_received(tx: &Transaction<'_>, app: &AppSlug, digest: &Digest, at: Timestamp) -> DbResult<bool> {
    let changed = tx
        .prepare_cached("UPDATE uploads SET received_at = ?3 WHERE app = ?1 AND digest = ?2 AND received_at IS NULL")?
        .execute(params![app.as_str(), digest.to_string(), time(at)])?;
    Ok(changed == 1)
}

/// Drops the note of an object that a release now holds.
pub(crate) fn forget_upload(tx: &Transaction<'_>, app: &AppSlug, digest: &Digest) -> DbResult<()> {
    tx.prepare_cached("DELETE FROM uploads WHERE app = ?1 AND digest = ?2")?
        .execute(params![app.as_str(), digest.to_string()])?;
    Ok(())
}

/// Drops the notes of all objects that a release holds.
pub(crate) fn forget_uploads_of(tx: &Transaction<'_>, app: &AppSlug, release: &ReleaseId) -> DbResult<()> {
    tx.prepare_cached(
        "DELETE FROM uploads WHERE app = ?1 AND digest IN (SELECT sha256 FROM artifacts WHERE app = ?1 AND release = ?2)",
    )?
    .execute(params![app.as_str(), release.to_string()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::plan::plan_of;
    use super::*;

    /// However many artifacts an app has.
    #[test]
    fn where_an_object_is_used_is_found_by_its_digest() {
        for sql in [PUBLISHED, HOLDERS] {
            let plan = plan_of(sql);
            assert!(plan[0].contains("INDEX artifacts_by_object (app=? AND sha256=?)"), "{plan:?}");
        }
    }

    #[test]
    fn whether_there_is_an_object_of_a_size_is_told_by_an_index() {
        let plan = plan_of(HAS_SIZE);
        assert!(plan.iter().any(|line| line.contains("INDEX artifacts_by_size (app=? AND size=?)")), "{plan:?}");
    }
}
