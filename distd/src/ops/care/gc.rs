//! Gc: deletes what nothing names, beside running pushes.
//!
//! In two steps: what nothing names is put into the trash, and deleted by a later run where nothing names it still after the
//! grace period. Nothing is moved: the trash is a table, and an object in it is an object. A push that is about to name one
//! takes it out again.
//!
//! # Why nothing is lost
//!
//! - An upload is noted before its bytes get the name of the object, and a note counts for its lease.
//! - Objects are deleted inside a write transaction that has just looked at everything that names objects. A commit that
//!   would name one of them comes before it, and keeps it, or after it, and finds it missing.
//! - While a backup holds, nothing is deleted.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use objstore::{Digest, Partial, Store};
use protocol::api::{AbandonedUpload, AuditAction, ExpiredRelease, GcReport, GcRequest, LeftCopy, SizedObject};
use protocol::scope::Need;
use rusqlite::{Connection, Transaction};
use serde_json::json;

use super::super::caller::Record;
use super::super::{Caller, OpError};
use super::live::{Asked, ago, live};
use super::{Policy, retention};
use crate::db::{self, Database};
use crate::faults::step;
use crate::server::Clock;
use crate::{Server, blocking::blocking};

/// Objects that one transaction deletes: it holds up commits for as long as that takes.
const BATCH: usize = 100;

/// The schema of the report.
const SCHEMA: &str = "dist.gc/1";

/// What gc works on.
#[derive(Clone)]
pub struct Ground {
    /// The database.
    pub db: Database,
    /// The objects.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// How long things are kept.
    pub policy: Policy,
    /// Whose partial uploads these are.
    pub uploads: Uploads,
}

/// Whether partial uploads may be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uploads {
    /// They are this process's.
    Ours,
    /// Another process serves the directory and may be writing them.
    OfAnother,
}

/// Deletes what nothing names, or says what would be deleted. Needs `admin`.
pub(crate) async fn over_api(server: &Server, caller: Caller, request: GcRequest) -> Result<GcReport, OpError> {
    caller.require(Need::Admin)?;
    let ground = server.ground();
    if request.dry_run { rehearse(&ground).await } else { run(&ground, &caller).await }
}

/// Says what [`run`] would do now. Changes nothing.
///
/// # Errors
/// As [`run`].
pub async fn rehearse(ground: &Ground) -> Result<GcReport, OpError> {
    let plan = plan_on_snapshot(ground).await?;
    Ok(GcReport { dry_run: true, ..plan.into_report() })
}

/// Gives up what retention says, drops uploads whose lease is over, fills the trash and deletes what was in it for longer
/// than the grace period.
///
/// # Errors
/// When a ref points at something damaged, and what it holds is not known; when disk or database fail. What was done until
/// then is done.
pub async fn run(ground: &Ground, caller: &Caller) -> Result<GcReport, OpError> {
    let plan = plan_on_snapshot(ground).await?;
    step("gc.trash")?;
    let now = ground.clock.now();
    let deletable = plan.delete.clone();
    let mut done = Plan { held: plan.held.clone(), ..Plan::default() };
    if !plan.is_only_deletion() {
        let (worker, caller) = (ground.clone(), caller.clone());
        done = ground.db.write(move |tx| fill_trash(tx, &worker, &caller, &plan, now)).await?;
    }
    let mut report = done.into_report();
    for batch in deletable.chunks(BATCH) {
        step("gc.delete")?;
        let (batch, worker, caller) = (batch.to_vec(), ground.clone(), caller.clone());
        report.deleted.extend(ground.db.write(move |tx| delete(tx, &worker, &caller, &batch, now)).await?);
        step("gc.deleted")?;
    }
    let noted = report.clone();
    ground.db.write(move |tx| Ok::<_, OpError>(db::care::set_run(tx, "gc", now, &summary(&noted))?)).await?;
    Ok(report)
}

fn summary(report: &GcReport) -> serde_json::Value {
    json!({
        "expired": report.expired.len(), "abandoned": report.abandoned.len(), "trashed": report.trashed.len(),
        "deleted": report.deleted.len(), "freed_bytes": report.freed_bytes(), "held": report.held,
    })
}

/// What is to be done, decided on one look at everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Plan {
    expire: Vec<ExpiredRelease>,
    abandon: Vec<AbandonedUpload>,
    left_copies: Vec<LeftCopy>,
    trash: Vec<SizedObject>,
    restore: Vec<Digest>,
    delete: Vec<SizedObject>,
    held: Option<String>,
}

impl Plan {
    fn into_report(self) -> GcReport {
        GcReport {
            schema: SCHEMA.to_owned(),
            dry_run: false,
            expired: self.expire,
            abandoned: self.abandon,
            left_copies: self.left_copies,
            trashed: self.trash,
            restored: self.restore,
            deleted: self.delete,
            held: self.held,
        }
    }

    fn is_only_deletion(&self) -> bool {
        self.expire.is_empty()
            && self.abandon.is_empty()
            && self.left_copies.is_empty()
            && self.trash.is_empty()
            && self.restore.is_empty()
    }
}

async fn plan_on_snapshot(ground: &Ground) -> Result<Plan, OpError> {
    step("gc.plan")?;
    let store = ground.store.clone();
    // Files before records: an object that arrives in between is not in the list, and so not thrown away.
    let objects = blocking(move || store.survey()).await;
    let objects = objects.map_err(|error| OpError::storage("listing the objects")(error.into()))?.objects;
    let objects: Vec<SizedObject> =
        objects.iter().map(|object| SizedObject { digest: object.digest, size: object.size_bytes }).collect();
    let worker = ground.clone();
    ground.db.read(move |connection| plan(connection, &worker, &objects)).await
}

fn plan(connection: &Connection, ground: &Ground, objects: &[SizedObject]) -> Result<Plan, OpError> {
    let now = ground.clock.now();
    let expire = retention::plan(connection, now)?;
    let (abandon, left_copies) = plan_uploads(connection, ground, now)?;
    let live = live(connection, &ground.store, &ground.policy, &expire, now)?;
    let mut trashed: HashMap<Digest, Timestamp> =
        db::care::trash(connection)?.into_iter().map(|entry| (entry.digest, entry.trashed_at)).collect();
    let mut plan = Plan { expire, abandon, left_copies, held: db::care::held(connection, now)?, ..Plan::default() };
    for object in objects {
        match (live.contains(&object.digest), trashed.remove(&object.digest)) {
            (true, Some(_)) => plan.restore.push(object.digest),
            (false, None) => plan.trash.push(*object),
            (false, Some(since)) if since <= ago(now, ground.policy.grace) && plan.held.is_none() => {
                plan.delete.push(*object);
            }
            // It is used, or in the trash for too short a time.
            (true, None) | (false, Some(_)) => {}
        }
    }
    // What is left has no file any more.
    plan.restore.extend(trashed.into_keys());
    plan.restore.sort_unstable();
    Ok(plan)
}

/// Uploads whose lease is over, with what arrived of them; partials that belong to no note. Those of distd's own tasks, which
/// make no notes, have their lease too: another process may be writing one.
fn plan_uploads(
    connection: &Connection,
    ground: &Ground,
    now: Timestamp,
) -> Result<(Vec<AbandonedUpload>, Vec<LeftCopy>), OpError> {
    let over = ago(now, ground.policy.upload_lease);
    let listed = ground.store.partials().map_err(|error| OpError::storage("listing the uploads")(error.into()))?;
    let mut partials: HashMap<(String, Digest), Partial> =
        listed.into_iter().map(|partial| ((partial.owner.clone(), partial.digest), partial)).collect();
    if ground.uploads == Uploads::OfAnother {
        partials.clear();
    }
    let mut abandon = Vec::new();
    for upload in db::care::announced(connection)? {
        let partial = partials.remove(&(upload.app.to_string(), upload.digest));
        let has_partial_elsewhere = ground.uploads == Uploads::OfAnother
            && ground.store.upload_offset(upload.app.as_str(), &upload.digest)?.is_some();
        if upload.touched_at <= over && !has_partial_elsewhere {
            let (app, digest) = (upload.app.clone(), upload.digest);
            abandon.push(AbandonedUpload { app, digest, partial: partial.map_or(0, |it| it.size_bytes) });
        }
    }
    let mut left_copies = Vec::new();
    for Partial { owner, digest, size_bytes, changed_at } in partials.into_values() {
        if let Ok(app) = owner.parse() {
            abandon.push(AbandonedUpload { app, digest, partial: size_bytes });
        } else if Timestamp::try_from(changed_at).is_ok_and(|at| at <= over) {
            left_copies.push(LeftCopy { owner, digest, partial: size_bytes });
        }
    }
    abandon.sort_by(|a, b| (a.app.as_str(), a.digest).cmp(&(b.app.as_str(), b.digest)));
    left_copies.sort_by(|a, b| (&a.owner, a.digest).cmp(&(&b.owner, b.digest)));
    Ok((abandon, left_copies))
}

/// Everything but deletion, in one transaction, each part decided again. Returns what was done of the plan.
fn fill_trash(
    tx: &Transaction<'_>,
    ground: &Ground,
    caller: &Caller,
    plan: &Plan,
    now: Timestamp,
) -> Result<Plan, OpError> {
    let mut done = Plan { held: plan.held.clone(), ..Plan::default() };
    let still: HashSet<_> = retention::plan(tx, now)?.into_iter().map(|it| (it.app.to_string(), it.release)).collect();
    for release in plan.expire.iter().filter(|it| still.contains(&(it.app.to_string(), it.release))) {
        db::care::expire(tx, &release.app, &release.release, now)?;
        let record = Record {
            action: AuditAction::ReleaseExpire,
            app: Some(&release.app),
            subject: format!("releases/{}", release.name),
            old: None,
            new: None,
            reason: Some("retention"),
            details: json!({ "release": release.release, "size": release.size }),
        };
        caller.record(tx, now, record)?;
        done.expire.push(release.clone());
    }
    done.abandon = abandon_uploads(tx, ground, caller, plan, now)?;
    for copy in &plan.left_copies {
        if discard(&ground.store, &copy.owner, &copy.digest)? {
            done.left_copies.push(copy.clone());
        }
    }
    let live = live(tx, &ground.store, &ground.policy, &[], now)?;
    for object in plan.trash.iter().filter(|object| !live.contains(&object.digest)) {
        if db::care::put_in_trash(tx, &object.digest, object.size, now)? {
            done.trash.push(*object);
        }
    }
    for digest in &plan.restore {
        if db::care::is_trashed(tx, digest)? {
            db::care::take_from_trash(tx, digest)?;
            done.restore.push(*digest);
        }
    }
    Ok(done)
}

/// Removes a partial; `false` where someone writes it.
fn discard(store: &Store, owner: &str, digest: &Digest) -> Result<bool, OpError> {
    match store.discard_upload(owner, digest) {
        Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => Ok(false),
        done => Ok(done.map(|()| true)?),
    }
}

fn abandon_uploads(
    tx: &Transaction<'_>,
    ground: &Ground,
    caller: &Caller,
    plan: &Plan,
    now: Timestamp,
) -> Result<Vec<AbandonedUpload>, OpError> {
    let mut done = Vec::new();
    let announced: HashMap<_, _> =
        db::care::announced(tx)?.into_iter().map(|it| ((it.app.to_string(), it.digest), it.touched_at)).collect();
    for upload in &plan.abandon {
        let touched = announced.get(&(upload.app.to_string(), upload.digest));
        if touched.is_some_and(|touched| *touched > ago(now, ground.policy.upload_lease)) {
            continue;
        }
        if ground.uploads == Uploads::Ours && !discard(&ground.store, upload.app.as_str(), &upload.digest)? {
            continue;
        }
        db::objects::forget_upload(tx, &upload.app, &upload.digest)?;
        let record = Record {
            action: AuditAction::UploadAbandon,
            app: Some(&upload.app),
            subject: upload.digest.to_string(),
            old: None,
            new: None,
            reason: None,
            details: json!({ "partial": upload.partial }),
        };
        caller.record(tx, now, record)?;
        done.push(upload.clone());
    }
    Ok(done)
}

/// Deletes those of `batch` that nothing names still, in the transaction that says so. A crash in between leaves rows of the
/// trash without files, or files that nothing names: the next run finds both.
fn delete(
    tx: &Transaction<'_>,
    ground: &Ground,
    caller: &Caller,
    batch: &[SizedObject],
    now: Timestamp,
) -> Result<Vec<SizedObject>, OpError> {
    if db::care::held(tx, now)?.is_some() {
        return Ok(Vec::new());
    }
    let asked = Asked::new(tx, &ground.store, &ground.policy, now)?;
    let mut deleted = Vec::new();
    for object in batch {
        // One that a push is about to name is no longer in the trash.
        if asked.is_live(&object.digest)? || !db::care::is_trashed(tx, &object.digest)? {
            continue;
        }
        ground.store.remove(&object.digest)?;
        db::care::forget_object(tx, &object.digest)?;
        deleted.push(*object);
    }
    if deleted.is_empty() {
        return Ok(deleted);
    }
    let record = Record {
        action: AuditAction::ObjectDelete,
        app: None,
        subject: format!("{} objects", deleted.len()),
        old: None,
        new: None,
        reason: Some("nothing names them"),
        details: json!({ "objects": deleted }),
    };
    caller.record(tx, now, record)?;
    Ok(deleted)
}
