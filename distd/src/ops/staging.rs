//! Staging: parts of a release that several runners put together. Nothing of it is visible before the release is published.
//!
//! A part is a manifest of its own, an object that a ref under `staging/` points at. Staging it again replaces it. A part that was
//! not used goes away when its time is over.

use jiff::{SignedDuration, Timestamp};
use objstore::Store;
use protocol::api::{AuditAction, Stage, StageRequest, StagedRelease, Stages, WantedObject};
use protocol::scope::Need;
use protocol::{AppSlug, PartName, ReleaseManifest, ReleaseName, limits};
use refs::sqlite::{Action, Edit, Expected, LogLine};
use rusqlite::{Connection, Transaction};
use serde_json::json;

use super::caller::Record;
use super::channels::apply;
use super::commit::{keep_objects, put_manifest};
use super::negotiate::missing;
use super::releases::read_manifest;
use super::{Caller, OpError, reports, rules};
use crate::Server;
use crate::db::{self, stages::StageRow};

/// For how long a part is kept unless the server is told otherwise: 7 days.
pub const DEFAULT_TTL: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Parts that are dropped in one transaction.
const DROPPED_AT_ONCE: u32 = 500;

/// Stages a part in place of the one of the same name.
pub(crate) async fn put(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    (release, part): (ReleaseName, PartName),
    request: StageRequest,
) -> Result<Stage, OpError> {
    caller.require(Need::Publish(&app))?;
    let manifest = ReleaseManifest::parse(request.manifest.get().as_bytes())?;
    check(&manifest, &app, &release)?;
    check_count(request.of)?;
    expire(server).await?;
    admit(server, &manifest).await?;
    put_manifest(server, manifest.canonical_bytes()).await?;
    let staged_at = server.clock.now();
    let row = StageRow {
        app,
        release,
        part,
        of: request.of,
        manifest: manifest.id(),
        staged_at,
        staged_by: caller.actor().to_owned(),
        expires_at: staged_at + server.settings().stage_ttl,
    };
    let store = server.store.clone();
    server.db.write(move |tx| enter(tx, &store, &caller, row, manifest)).await
}

/// The part belongs to the release, and has nothing that only a whole release has.
fn check(manifest: &ReleaseManifest, app: &AppSlug, release: &ReleaseName) -> Result<(), OpError> {
    let invalid = |message: String| Err(OpError::UpdateInvalid(message));
    if manifest.app != *app || manifest.name() != *release {
        return invalid(format!(
            "the part is of {} {}, the request is for {app} {release}",
            manifest.app,
            manifest.name()
        ));
    }
    if manifest.parent.is_some() {
        return invalid("a part has no parent".to_owned());
    }
    Ok(())
}

/// As many parts as a release may have.
fn check_count(of: Option<u32>) -> Result<(), OpError> {
    match of {
        Some(of) if of == 0 || of as usize > limits::STAGED_PARTS => {
            let message = format!("a release is put together from 1 to {} parts, not {of}", limits::STAGED_PARTS);
            Err(OpError::RequestInvalid(message))
        }
        _ => Ok(()),
    }
}

/// The artifacts are there, and are what the part says: better told to the runner that has them than at the end.
async fn admit(server: &Server, manifest: &ReleaseManifest) -> Result<(), OpError> {
    let (store, asked) = (server.store.clone(), manifest.clone());
    server.db.read(move |connection| require_objects(connection, &store, &asked)).await?;
    let digests = manifest.artifacts.iter().map(|line| line.sha256).collect();
    let found = reports::ensure(&server.ground(), &server.inspector, digests).await?;
    let (asked, now) = (manifest.clone(), server.clock.now());
    server.db.read(move |connection| rules::admit(connection, &asked, &found, now).map(|_| ())).await
}

fn require_objects(connection: &Connection, store: &Store, manifest: &ReleaseManifest) -> Result<(), OpError> {
    let app = &manifest.app;
    db::apps::access(connection, app)?.ok_or_else(|| OpError::AppNotFound(app.clone()))?;
    let wanted: Vec<WantedObject> =
        manifest.artifacts.iter().map(|line| WantedObject { digest: line.sha256, size: line.size }).collect();
    let objects = missing(connection, store, app, &wanted)?;
    if objects.is_empty() { Ok(()) } else { Err(OpError::ObjectMissing { app: app.clone(), objects }) }
}

fn enter(
    tx: &Transaction<'_>,
    store: &Store,
    caller: &Caller,
    row: StageRow,
    manifest: ReleaseManifest,
) -> Result<Stage, OpError> {
    require_objects(tx, store, &manifest)?;
    keep_objects(tx, store, &manifest, row.staged_at)?;
    let others = db::stages::of_release(tx, &row.app, &row.release, row.staged_at)?;
    if others.iter().filter(|other| other.part != row.part).count() >= limits::STAGED_PARTS {
        let message = format!("a release is put together from at most {} parts", limits::STAGED_PARTS);
        return Err(OpError::RequestInvalid(message));
    }
    let line = LogLine { actor: caller.actor(), action: Action::Stage, reason: None, at: row.staged_at };
    let edit = Edit { name: row.ref_name(), expected: Expected::Any, new: Some(row.manifest.into()) };
    let changes = apply(tx, &row.app, &[edit], &line)?;
    db::stages::put(tx, &row, &manifest.artifacts)?;
    let record = Record {
        action: AuditAction::StagePut,
        app: Some(&row.app),
        subject: row.ref_name().to_string(),
        old: changes[0].old.map(|old| old.to_string()),
        new: Some(row.manifest.to_string()),
        reason: None,
        details: json!({ "artifacts": manifest.artifacts.len(), "expires_at": row.expires_at }),
    };
    caller.record(tx, row.staged_at, record)?;
    Ok(describe(row, manifest))
}

/// Everything that is staged in an app.
pub(crate) async fn list(server: &Server, caller: Caller, app: AppSlug) -> Result<Stages, OpError> {
    let (store, now) = (server.store.clone(), server.clock.now());
    server
        .db
        .read(move |connection| {
            caller.require_read(connection, &app)?;
            let mut releases: Vec<StagedRelease> = Vec::new();
            for row in db::stages::list(connection, &app, now)? {
                let manifest = read_manifest(&store, &row.manifest)?;
                let stage = describe(row, manifest);
                match releases.last_mut().filter(|last| last.release == stage.release) {
                    Some(last) => last.parts.push(stage),
                    None => releases.push(StagedRelease { release: stage.release.clone(), parts: vec![stage] }),
                }
            }
            Ok(Stages { releases })
        })
        .await
}

fn describe(row: StageRow, manifest: ReleaseManifest) -> Stage {
    Stage {
        release: row.release,
        part: row.part,
        of: row.of,
        id: row.manifest,
        staged_at: row.staged_at,
        staged_by: row.staged_by,
        expires_at: row.expires_at,
        source: manifest.source,
        artifacts: manifest.artifacts,
    }
}

/// Takes away the parts of every app whose time is over; tells how many.
///
/// # Errors
/// Those of the database.
pub async fn expire(server: &Server) -> Result<usize, OpError> {
    let now = server.clock.now();
    let is_due = server.db.read(move |connection| Ok::<_, OpError>(db::stages::expired(connection, now, 1)?)).await?;
    if is_due.is_empty() {
        return Ok(0);
    }
    server
        .db
        .write(move |tx| {
            let expired = db::stages::expired(tx, now, DROPPED_AT_ONCE)?;
            expired.iter().try_for_each(|row| drop_part(tx, row, now))?;
            Ok(expired.len())
        })
        .await
}

fn drop_part(tx: &Transaction<'_>, row: &StageRow, at: Timestamp) -> Result<(), OpError> {
    let caller = Caller::server();
    let line = LogLine { actor: caller.actor(), action: Action::Expire, reason: None, at };
    let edit = Edit { name: row.ref_name(), expected: Expected::Any, new: None };
    apply(tx, &row.app, &[edit], &line)?;
    db::stages::remove(tx, row)?;
    let record = Record {
        action: AuditAction::StageExpire,
        app: Some(&row.app),
        subject: row.ref_name().to_string(),
        old: Some(row.manifest.to_string()),
        new: None,
        reason: None,
        details: json!({ "staged_at": row.staged_at, "staged_by": row.staged_by }),
    };
    caller.record(tx, at, record)
}
