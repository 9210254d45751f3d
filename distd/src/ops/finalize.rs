//! Finalize: a release from its staged parts, all or nothing. The parts go away in the transaction that publishes it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use objstore::Store;
use protocol::api::{FinalizeRequest, Finalized, RefUpdate};
use protocol::manifest::{ReadManifestError, SCHEMA, Source};
use protocol::scope::Need;
use protocol::{AppSlug, ErrorCode, PartName, Problem, RefName, ReleaseId, ReleaseManifest, ReleaseName};
use rusqlite::Connection;

use super::commit::{Plan, carry_out};
use super::releases::read_manifest;
use super::staging::expire;
use super::{Caller, OpError, check_reason, release_id};
use crate::Server;
use crate::db::{self, stages::StageRow};

/// Publishes a release from its parts. Once that is done, asking again changes nothing.
pub(crate) async fn finalize(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    release: ReleaseName,
    request: FinalizeRequest,
) -> Result<Finalized, OpError> {
    caller.require(Need::Publish(&app))?;
    if let Some(channel) = &request.channel {
        caller.require(Need::PublishTo(&app, channel))?;
    }
    if request.expect.is_empty() {
        return Err(OpError::RequestInvalid("a release has at least one part".to_owned()));
    }
    expire(server).await?;
    let (store, now) = (server.store.clone(), server.clock.now());
    let plan = server.db.read(move |connection| plan(connection, &store, (app, release), request, now)).await?;
    let planned = plan.manifest.clone();
    let committed = carry_out(server, caller, plan).await?;
    let manifest = if committed.release.id == planned.id() {
        planned
    } else {
        let (store, id) = (server.store.clone(), committed.release.id);
        server.db.read(move |_| read_manifest(&store, &id)).await?
    };
    Ok(Finalized { committed, manifest })
}

/// What to commit: the parts put together, or the release itself where it was published and its parts are gone.
fn plan(
    connection: &Connection,
    store: &Store,
    (app, release): (AppSlug, ReleaseName),
    request: FinalizeRequest,
    now: Timestamp,
) -> Result<Plan, OpError> {
    db::apps::access(connection, &app)?.ok_or_else(|| OpError::AppNotFound(app.clone()))?;
    let target = |name: &RefName| {
        Ok::<_, OpError>(refs::sqlite::find(connection, &app, name)?.map(|found| release_id(found.target)))
    };
    let parts = db::stages::of_release(connection, &app, &release, now)?;
    let own = RefName::Release(release.clone());
    let channel = request.channel.clone().map(RefName::Channel);
    let head = channel.as_ref().map(target).transpose()?.flatten();
    let published = target(&own)?;
    let manifest = match published {
        Some(id) if parts.is_empty() => read_manifest(store, &id)?,
        _ => {
            check_parts(&app, &release, &parts, &request.expect)?;
            assemble(store, (&app, &release), &parts, head, &request)?
        }
    };
    let id = manifest.id();
    let update = |name, expected| RefUpdate { name, expected, new: id };
    let updates = std::iter::once(update(own, None)).chain(channel.map(|channel| update(channel, head))).collect();
    Ok(Plan { app, manifest, id, updates, reason: check_reason(request.reason)?, parts })
}

/// The parts that are there are those that are expected.
fn check_parts(app: &AppSlug, release: &ReleaseName, parts: &[StageRow], expect: &[PartName]) -> Result<(), OpError> {
    let staged: BTreeSet<&PartName> = parts.iter().map(|part| &part.part).collect();
    let expected: BTreeSet<&PartName> = expect.iter().collect();
    let only = |these: &BTreeSet<&PartName>, others: &BTreeSet<&PartName>| {
        these.difference(others).map(|part| (*part).clone()).collect::<Vec<_>>()
    };
    let (missing, surplus) = (only(&expected, &staged), only(&staged, &expected));
    let told = |what: &str, parts: &[PartName]| {
        let names: Vec<&str> = parts.iter().map(PartName::as_str).collect();
        (!parts.is_empty()).then(|| format!("{what} {}", names.join(", ")))
    };
    let why = [told("missing", &missing), told("staged and not expected", &surplus)];
    let why: Vec<String> = why.into_iter().flatten().collect();
    if why.is_empty() {
        return Ok(());
    }
    Err(mismatch((app, release), why.join("; "), parts, missing))
}

fn mismatch(
    (app, release): (&AppSlug, &ReleaseName),
    why: String,
    parts: &[StageRow],
    missing: Vec<PartName>,
) -> OpError {
    let staged = parts.iter().map(|part| part.part.clone()).collect();
    OpError::StageMismatch { app: app.clone(), release: release.clone(), why, staged, missing }
}

/// One manifest out of those of the parts.
fn assemble(
    store: &Store,
    (app, release): (&AppSlug, &ReleaseName),
    parts: &[StageRow],
    parent: Option<ReleaseId>,
    request: &FinalizeRequest,
) -> Result<ReleaseManifest, OpError> {
    let manifests =
        parts.iter().map(|part| read_manifest(store, &part.manifest)).collect::<Result<Vec<_>, OpError>>()?;
    let named: Vec<(&PartName, &ReleaseManifest)> = parts.iter().map(|part| &part.part).zip(&manifests).collect();
    let refuse = |why| mismatch((app, release), why, parts, Vec::new());
    let commit = agreed(&named, |it| it.source.commit.as_deref())
        .map_err(|(one, other)| refuse(format!("{} was built from {}, {} from {}", one.0, one.1, other.0, other.1)))?;
    if let (Some(of_parts), Some(ours)) = (commit, request.source.commit.as_deref())
        && of_parts != ours
    {
        return Err(refuse(format!("its parts were built from {of_parts}, it is finalized from {ours}")));
    }
    let notes = match &request.notes {
        Some(notes) => Some(notes.clone()),
        None => agreed(&named, |it| it.notes.as_deref())
            .map_err(|(one, other)| {
                refuse(format!("{} and {} have other notes: finalize with --notes", one.0, other.0))
            })?
            .map(str::to_owned),
    };
    let mut sources = std::iter::once(&request.source).chain(manifests.iter().map(|manifest| &manifest.source));
    let source = sources.find(|source| !source.is_empty()).cloned();
    let mut links: Vec<_> = manifests.iter().flat_map(|manifest| manifest.links.clone()).collect();
    links.sort();
    links.dedup();
    let mut manifest = ReleaseManifest {
        schema: SCHEMA.to_owned(),
        app: app.clone(),
        version: release.version().clone(),
        build: release.build().cloned(),
        parent,
        created_at: request.created_at,
        source: source.unwrap_or_else(Source::default),
        notes,
        artifacts: manifests.iter().flat_map(|manifest| manifest.artifacts.clone()).collect(),
        links,
    };
    manifest.sort();
    match whole(&manifest) {
        None => Ok(manifest),
        Some(problem) => Err(ReadManifestError::Invalid(problem).into()),
    }
}

/// What keeps the parts from being a release together.
fn whole(manifest: &ReleaseManifest) -> Option<Problem> {
    let size = manifest.canonical_bytes().len() as u64;
    let too_large = size > protocol::limits::MANIFEST_BYTES;
    let told = || {
        let message = format!("{size} bytes together, the limit is {}", protocol::limits::MANIFEST_BYTES);
        Problem::new(ErrorCode::ManifestTooLarge, "", message)
    };
    manifest.problems().into_iter().next().or_else(|| too_large.then(told))
}

/// A part and what it says.
type Says<'a> = (&'a PartName, &'a str);

/// What all parts say that say anything, or two that say something else.
fn agreed<'a>(
    parts: &[(&'a PartName, &'a ReleaseManifest)],
    says: impl Fn(&'a ReleaseManifest) -> Option<&'a str>,
) -> Result<Option<&'a str>, (Says<'a>, Says<'a>)> {
    let mut said = parts.iter().filter_map(|(part, manifest)| Some((*part, says(manifest)?)));
    let Some(first) = said.next() else { return Ok(None) };
    match said.find(|other| other.1 != first.1) {
        Some(other) => Err((first, other)),
        None => Ok(Some(first.1)),
    }
}
