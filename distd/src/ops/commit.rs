//! Commit: the one moment at which a release becomes visible.
//!
//! A channel that is pinned, or whose gates block, does not keep the release from being published: it stays where it is, and the
//! answer says so.
//!
//! Everything is judged once on a snapshot, so that a refusal costs no write; then artifacts that were not inspected yet are, and
//! judged; then the manifest object is made durable; then one transaction judges again and moves the refs, indexes the release
//! and writes the audit event.

use std::collections::HashMap;
use std::sync::Arc;

use inspect::Report;
use jiff::Timestamp;
use objstore::{Digest, Store};
use protocol::api::{
    AuditAction, CommitRequest, Committed, GateResult, Held, RefMove, RefUpdate, ReleaseRef, WantedObject,
};
use protocol::publish::PublishStatus;
use protocol::scope::Need;
use protocol::{AppSlug, RefName, ReleaseId, ReleaseManifest, limits};
use refs::sqlite::{Action, Edit, Expected, LogLine};
use rusqlite::{Connection, Transaction};
use serde_json::json;

use super::caller::Record;
use super::channels::{apply, ref_moved};
use super::gates::{self, Ground};
use super::negotiate::{missing, no_space};
use super::{Caller, OpError, care, check_reason, release_id, reports, rules};
use crate::Server;
use crate::blocking::blocking;
use crate::db::{self, stages::StageRow};
use crate::faults::step;

/// A commit whose request is in order; whether it goes through depends on the state of the app.
pub(super) struct Plan {
    pub(super) app: AppSlug,
    pub(super) manifest: ReleaseManifest,
    pub(super) id: ReleaseId,
    pub(super) updates: Vec<RefUpdate>,
    pub(super) reason: Option<String>,
    /// The staged parts that the release is put together from, which go away with it.
    pub(super) parts: Vec<StageRow>,
}

/// What a release of this name means for the app as it is.
enum Verdict {
    New,
    Unchanged(ReleaseId),
}

impl Verdict {
    /// The release that the refs will point at.
    fn release(&self, plan: &Plan) -> ReleaseId {
        match self {
            Verdict::New => plan.id,
            Verdict::Unchanged(existing) => *existing,
        }
    }
}

/// Publishes a release and moves the channels that were asked for, all or nothing.
pub(crate) async fn commit(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    request: CommitRequest,
) -> Result<Committed, OpError> {
    caller.require(Need::Publish(&app))?;
    carry_out(server, caller, plan(app, request)?).await
}

/// Carries out a plan. The caller may publish.
pub(super) async fn carry_out(server: &Server, caller: Caller, plan: Plan) -> Result<Committed, OpError> {
    for update in &plan.updates {
        if let RefName::Channel(channel) = &update.name {
            caller.require(Need::PublishTo(&plan.app, channel))?;
        }
    }
    let (store, at) = (server.store.clone(), server.clock.now());
    let plan = Arc::new(plan);
    let judged = plan.clone();
    let verdict = server
        .db
        .read(move |connection| {
            let verdict = judge(connection, &store, &judged, None)?;
            check_expected(connection, &judged, verdict.release(&judged))?;
            Ok::<_, OpError>(verdict)
        })
        .await?;
    let (same, found) = match verdict {
        Verdict::New => (None, prepare(server, &plan, at).await?),
        Verdict::Unchanged(existing) => (Some(existing), Found::new()),
    };
    let store = server.store.clone();
    server.db.write(move |tx| publish(tx, &store, &caller, (&plan, same), &found, at)).await
}

/// What inspection found in the objects of a release.
pub(super) type Found = HashMap<Digest, Report>;

/// Everything that a new release needs before its transaction: its artifacts inspected and admitted, its manifest durable.
async fn prepare(server: &Server, plan: &Plan, at: Timestamp) -> Result<Found, OpError> {
    let digests = plan.manifest.artifacts.iter().map(|line| line.sha256).collect();
    let found = reports::ensure(&server.ground(), &server.inspector, digests).await?;
    let manifest = plan.manifest.clone();
    let (found, bytes) = server
        .db
        .read(move |connection| {
            rules::admit(connection, &manifest, &found, at)?;
            Ok::<_, OpError>((found, manifest.canonical_bytes()))
        })
        .await?;
    put_manifest(server, bytes).await?;
    Ok(found)
}

/// Reads the manifest and checks that the updates belong to it.
fn plan(app: AppSlug, request: CommitRequest) -> Result<Plan, OpError> {
    let manifest = ReleaseManifest::parse(request.manifest.get().as_bytes())?;
    let id = manifest.id();
    let invalid = |message: String| Err(OpError::UpdateInvalid(message));
    if manifest.app != app {
        return invalid(format!("the manifest is of {}, the request is for {app}", manifest.app));
    }
    if request.updates.len() > limits::COMMIT_UPDATES {
        return invalid(format!("{} ref updates, the limit is {}", request.updates.len(), limits::COMMIT_UPDATES));
    }
    let own = RefName::Release(manifest.name());
    if !request.updates.iter().any(|update| update.name == own) {
        return invalid(format!("the updates do not create {own}"));
    }
    for update in &request.updates {
        let belongs = update.name == own || matches!(update.name, RefName::Channel(_));
        if !belongs {
            return invalid(format!("{} cannot be moved by a commit of {own}", update.name));
        }
        if update.new != id {
            return invalid(format!("{} is to point at {}, the manifest is {id}", update.name, update.new));
        }
    }
    Ok(Plan { app, manifest, id, updates: request.updates, reason: check_reason(request.reason)?, parts: Vec::new() })
}

/// Decides on the state of the app: is the name free, is the content the same, is the closure whole? Of `same` it is known
/// that its content is the same.
fn judge(connection: &Connection, store: &Store, plan: &Plan, same: Option<ReleaseId>) -> Result<Verdict, OpError> {
    let Plan { app, manifest, .. } = plan;
    db::apps::access(connection, app)?.ok_or_else(|| OpError::AppNotFound(app.clone()))?;
    if let Some(existing) = refs::sqlite::find(connection, app, &RefName::Release(manifest.name()))? {
        let existing = release_id(existing.target);
        return if same == Some(existing) {
            Ok(Verdict::Unchanged(existing))
        } else {
            judge_existing(store, plan, existing)
        };
    }
    if let Some(parent) = manifest.parent
        && db::releases::find(connection, app, &parent)?.is_none()
    {
        return Err(OpError::ParentUnknown { app: app.clone(), parent });
    }
    let wanted: Vec<WantedObject> =
        manifest.artifacts.iter().map(|line| WantedObject { digest: line.sha256, size: line.size }).collect();
    let objects = missing(connection, store, app, &wanted)?;
    if objects.is_empty() { Ok(Verdict::New) } else { Err(OpError::ObjectMissing { app: app.clone(), objects }) }
}

fn judge_existing(store: &Store, plan: &Plan, existing: ReleaseId) -> Result<Verdict, OpError> {
    if existing == plan.id {
        return Ok(Verdict::Unchanged(existing));
    }
    let published = super::releases::read_manifest(store, &existing)?;
    let difference = published.difference(&plan.manifest);
    if difference.is_empty() {
        return Ok(Verdict::Unchanged(existing));
    }
    Err(OpError::ReleaseExists { app: plan.app.clone(), name: plan.manifest.name(), existing, difference })
}

pub(super) async fn put_manifest(server: &Server, bytes: Vec<u8>) -> Result<(), OpError> {
    step("commit.manifest")?;
    let store = server.store.clone();
    let put = blocking(move || store.put(&bytes)).await.map_err(no_space)?;
    care::note_replaced(&server.db, Caller::local(), put, server.clock.now()).await
}

fn publish(
    tx: &Transaction<'_>,
    store: &Store,
    caller: &Caller,
    (plan, same): (&Plan, Option<ReleaseId>),
    found: &Found,
    at: Timestamp,
) -> Result<Committed, OpError> {
    let verdict = judge(tx, store, plan, same)?;
    let id = verdict.release(plan);
    let (status, reports) = match verdict {
        Verdict::Unchanged(existing) => {
            revive(tx, store, plan, existing)?;
            (PublishStatus::Unchanged, Vec::new())
        }
        Verdict::New => {
            let admission = rules::admit(tx, &plan.manifest, found, at)?;
            admission.keep(tx, caller, &plan.app, at)?;
            keep_objects(tx, store, &plan.manifest, at)?;
            index(tx, caller, plan, at)?;
            (PublishStatus::Published, admission.reports)
        }
    };
    let asked = ask_gates(Ground { connection: tx, store, app: &plan.app, now: at }, plan, id)?;
    let refs = move_refs(tx, caller, plan, (id, &asked.held), at)?;
    if refs.iter().any(|moved| moved.old != Some(moved.new)) || !plan.parts.is_empty() {
        record(tx, caller, plan, (id, &refs, &asked.held), at)?;
    }
    let release = ReleaseRef { id, name: plan.manifest.name() };
    Ok(Committed { status, release, refs, reports, gates: asked.warnings, held: asked.held })
}

/// Sees to it that gc leaves what a manifest is about to name, and the manifest. It may have deleted a manifest of the same bytes since this one
/// was written; that is then written again, in the transaction, which is slow and almost never needed.
pub(super) fn keep_objects(
    tx: &Transaction<'_>,
    store: &Store,
    manifest: &ReleaseManifest,
    at: Timestamp,
) -> Result<(), OpError> {
    let (id, bytes) = (manifest.id(), manifest.canonical_bytes());
    let artifacts = manifest.artifacts.iter().map(|line| line.sha256);
    artifacts.chain([id]).try_for_each(|digest| db::care::take_from_trash(tx, &digest))?;
    if store.len(&id)?.is_none() {
        store.put(&bytes).map_err(no_space)?;
    }
    Ok(db::care::note_written(tx, &id, bytes.len() as u64, at)?)
}

/// A release that is published again with the same content gets back what damage or retention took from it.
fn revive(tx: &Transaction<'_>, store: &Store, plan: &Plan, existing: ReleaseId) -> Result<(), OpError> {
    let mut is_whole = true;
    for line in &plan.manifest.artifacts {
        is_whole &= store.len(&line.sha256)? == Some(line.size);
    }
    if is_whole {
        db::care::unexpire(tx, &plan.app, &existing)?;
        db::objects::forget_uploads_of(tx, &plan.app, &existing)?;
        db::care::take_artifacts_from_trash(tx, &plan.app, &existing)?;
    }
    if existing == plan.id && store.len(&existing)?.is_none() {
        store.put(&plan.manifest.canonical_bytes()).map_err(no_space)?;
    }
    Ok(())
}

/// What the gates of the channels say that are to move.
#[derive(Default)]
struct Asked {
    warnings: Vec<GateResult>,
    held: Vec<Held>,
}

/// Asks the gates of each channel that is not at the release yet.
fn ask_gates(ground: Ground<'_>, plan: &Plan, id: ReleaseId) -> Result<Asked, OpError> {
    let mut asked = Asked::default();
    for update in &plan.updates {
        let RefName::Channel(channel) = &update.name else { continue };
        let at = refs::sqlite::find(ground.connection, ground.app, &update.name)?;
        if at.is_some_and(|at| release_id(at.target) == id) {
            continue;
        }
        let judged = gates::judge(ground, channel, id)?;
        match judged.held() {
            Some(held) => asked.held.push(held),
            None => asked.warnings.extend(judged.report.gates),
        }
    }
    Ok(asked)
}

/// Enters the release into the index, and ends the uploads that it now holds.
fn index(tx: &Transaction<'_>, caller: &Caller, plan: &Plan, at: Timestamp) -> Result<(), OpError> {
    db::releases::insert(tx, &plan.manifest, caller.actor(), at)?;
    for line in &plan.manifest.artifacts {
        db::objects::forget_upload(tx, &plan.app, &line.sha256)?;
    }
    Ok(())
}

/// Refuses a stale request before anything is written for it. The transaction checks again.
fn check_expected(connection: &Connection, plan: &Plan, id: ReleaseId) -> Result<(), OpError> {
    for RefUpdate { name, expected, .. } in &plan.updates {
        let actual = refs::sqlite::find(connection, &plan.app, name)?.map(|found| release_id(found.target));
        if actual != Some(id) && actual != *expected {
            let last = refs::sqlite::reflog(connection, &plan.app, name, None, 1)?.pop();
            return Err(ref_moved(connection, &plan.app, name.clone(), actual, last)?);
        }
    }
    Ok(())
}

/// Moves every ref asked for to the release, but for channels that are held, and takes the refs of its parts away. One that is there
/// already stays, whatever was expected of it.
fn move_refs(
    tx: &Transaction<'_>,
    caller: &Caller,
    plan: &Plan,
    (id, held): (ReleaseId, &[Held]),
    at: Timestamp,
) -> Result<Vec<RefMove>, OpError> {
    let mut edits = Vec::new();
    let mut moves = Vec::new();
    let is_held = |name: &RefName| held.iter().any(|held| *name == RefName::Channel(held.channel.clone()));
    for RefUpdate { name, expected, .. } in plan.updates.iter().filter(|update| !is_held(&update.name)) {
        let old = refs::sqlite::find(tx, &plan.app, name)?.map(|found| release_id(found.target));
        moves.push(RefMove { name: name.clone(), old, new: id });
        if old != Some(id) {
            let expected = expected.map_or(Expected::MustNotExist, |id| Expected::MustExistAndMatch(id.into()));
            edits.push(Edit { name: name.clone(), expected, new: Some(id.into()) });
        }
    }
    for part in &plan.parts {
        let expected = Expected::MustExistAndMatch(part.manifest.into());
        edits.push(Edit { name: part.ref_name(), expected, new: None });
        db::stages::remove(tx, part)?;
    }
    let line = LogLine { actor: caller.actor(), action: Action::Publish, reason: plan.reason.as_deref(), at };
    apply(tx, &plan.app, &edits, &line)?;
    Ok(moves)
}

fn record(
    tx: &Transaction<'_>,
    caller: &Caller,
    plan: &Plan,
    (id, refs, held): (ReleaseId, &[RefMove], &[Held]),
    at: Timestamp,
) -> Result<(), OpError> {
    let mut details = json!({ "refs": refs });
    if !held.is_empty() {
        details["held"] = json!(held);
    }
    if !plan.parts.is_empty() {
        details["parts"] = plan.parts.iter().map(|part| json!({ "part": part.part, "id": part.manifest })).collect();
    }
    let own = RefName::Release(plan.manifest.name());
    let record = Record {
        action: AuditAction::ReleasePublish,
        app: Some(&plan.app),
        subject: own.to_string(),
        old: refs.iter().find(|moved| moved.name == own).and_then(|moved| moved.old).map(|old| old.to_string()),
        new: Some(id.to_string()),
        reason: plan.reason.as_deref(),
        details,
    };
    caller.record(tx, at, record)
}
