//! Reports: what inspection read out of objects. Made when an upload completes, at the latest before a commit.

use std::collections::HashMap;
use std::io;

use futures_util::{StreamExt, TryStreamExt, stream};
use inspect::{Finding, Report, Severity};
use jiff::Timestamp;
use objstore::{Digest, ReadError, Store};
use protocol::api::ArtifactReport;
use protocol::checks::Claim;
use protocol::{AppRules, AppSlug, ReleaseManifest};
use rusqlite::Connection;

use super::care::gc::Ground;
use super::{Caller, OpError};
use crate::blocking::blocking;
use crate::db;
use crate::{Inspector, Server};

/// Inspections that one request waits for at a time.
const AT_ONCE: usize = 8;

/// The whole report on an object that a release of the app holds.
pub(crate) async fn show(server: &Server, caller: Caller, app: AppSlug, digest: Digest) -> Result<Report, OpError> {
    server
        .db
        .read(move |connection| {
            require_published(connection, &caller, &app, &digest)?;
            db::reports::find_whole(connection, &digest)?.ok_or(OpError::ReportNotFound(digest))
        })
        .await
}

/// The icon of an object that a release of the app holds, as PNG.
pub(crate) async fn icon(server: &Server, caller: Caller, app: AppSlug, digest: Digest) -> Result<Vec<u8>, OpError> {
    server
        .db
        .read(move |connection| {
            require_published(connection, &caller, &app, &digest)?;
            db::reports::find_icon(connection, &digest)?.ok_or(OpError::ReportNotFound(digest))
        })
        .await
}

fn require_published(connection: &Connection, caller: &Caller, app: &AppSlug, digest: &Digest) -> Result<(), OpError> {
    let is_there = caller.view(connection, app)?.has_object(connection, app, digest)?
        && db::objects::published(connection, app, digest)?.is_some();
    if is_there { Ok(()) } else { Err(OpError::ObjectNotFound { app: app.clone(), digest: *digest }) }
}

/// The reports of this inspector on the objects, made where they are lacking.
pub(crate) async fn ensure(
    ground: &Ground,
    inspector: &Inspector,
    digests: Vec<Digest>,
) -> Result<HashMap<Digest, Report>, OpError> {
    let wanted = digests.clone();
    let found = ground.db.read(move |connection| {
        let find = |digest: Digest| Ok((digest, db::reports::find_current(connection, &digest)?));
        wanted.into_iter().map(find).collect::<Result<HashMap<Digest, Option<Report>>, OpError>>()
    });
    let found = found.await?;
    stream::iter(found)
        .map(|(digest, report)| async move {
            match report {
                Some(report) => Ok((digest, report)),
                None => Ok((digest, make(ground, inspector, digest).await?)),
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// Inspects an object and keeps the report, unless someone else has just done it.
async fn make(ground: &Ground, inspector: &Inspector, digest: Digest) -> Result<Report, OpError> {
    let _turn = inspector.turn(digest).await;
    let made = ground.db.read(move |connection| Ok::<_, OpError>(db::reports::find_current(connection, &digest)?));
    if let Some(report) = made.await? {
        return Ok(report);
    }
    let report = match look(&ground.store, digest).await? {
        Some(plain) => plain,
        None => read(&ground.store, inspector, digest).await?,
    };
    let at = ground.clock.now();
    ground
        .db
        .write(move |tx| {
            db::reports::insert(tx, &digest, &report, at)?;
            Ok(report)
        })
        .await
}

/// The report on a file that is no package, for which no worker is needed.
async fn look(store: &Store, digest: Digest) -> Result<Option<Report>, OpError> {
    let store = store.clone();
    let looked = blocking(move || {
        let object = store.read(&digest).map_err(unopened)?;
        let size_bytes = object.len();
        inspect::inspect_plain(object, size_bytes).map_err(|error| OpError::storage("reading an object")(error.into()))
    });
    looked.await
}

/// The report of a worker. The object is opened when there is one: many that wait hold no files open.
async fn read(store: &Store, inspector: &Inspector, digest: Digest) -> Result<Report, OpError> {
    let failed = |error: io::Error| OpError::storage("starting an inspection")(error.into());
    let slot = inspector.slot().await.map_err(failed)?;
    let store = store.clone();
    let object = blocking(move || store.read(&digest)).await.map_err(unopened)?;
    let size_bytes = object.len();
    inspector.inspect(&slot, object.into_file(), size_bytes).await.map_err(failed)
}

fn unopened(error: ReadError) -> OpError {
    OpError::storage("reading an object to inspect it")(error.into())
}

/// The reports on the artifacts of a release, as far as they are there.
pub(super) fn load(connection: &Connection, manifest: &ReleaseManifest) -> Result<HashMap<Digest, Report>, OpError> {
    let mut reports = HashMap::new();
    for line in &manifest.artifacts {
        if let Some(report) = db::reports::find(connection, &line.sha256)? {
            reports.insert(line.sha256, report);
        }
    }
    Ok(reports)
}

/// What the reports say of each artifact against its release and the app's rules.
pub(super) fn check(
    manifest: &ReleaseManifest,
    reports: &HashMap<Digest, Report>,
    rules: &AppRules,
    now: Timestamp,
) -> Vec<ArtifactReport> {
    let describe = |line: &protocol::ArtifactLine| {
        let claim = Claim { line, version: &manifest.version, build: manifest.build.as_ref() };
        let report = reports.get(&line.sha256);
        ArtifactReport {
            platform: line.platform,
            filename: line.filename.clone(),
            sha256: line.sha256,
            summary: report.map(Report::summary),
            findings: report.map_or_else(not_yet, |report| claim.check(report, rules, now)),
        }
    };
    manifest.artifacts.iter().map(describe).collect()
}

fn not_yet() -> Vec<Finding> {
    let message = "it was published before artifacts were inspected; `distd reindex` does it".to_owned();
    vec![Finding { code: "not-inspected-yet".to_owned(), severity: Severity::Info, message }]
}
