//! One transaction: releases, moves, revocations and pins of the source become those of the mirror.

use std::collections::HashMap;

use jiff::Timestamp;
use objstore::Store;
use protocol::api::{App, AuditAction, Channel, ReflogLine, Release, Revocation, WantedObject};
use protocol::{AppSlug, ChannelName, RefName, ReleaseId};
use refs::sqlite::{Action, ApplyError, Edit, Expected, LogLine, ReadError};
use rusqlite::Transaction;
use serde_json::json;

use super::super::caller::Record;
use super::super::{Caller, OpError, commit, negotiate, release_id};
use super::read::Found;
use super::take::Taken;
use super::{MirrorError, Updated, Work};
use crate::db;

/// Makes the mirror equal to what was found. Another update may have come between: what is there already stays as it is.
pub(super) async fn apply(work: &Work, about: App, found: Found, taken: Taken) -> Result<Updated, MirrorError> {
    let (store, at) = (work.ground.store.clone(), work.ground.clock.now());
    let apply = move |tx: &Transaction<'_>| {
        let app = &about.slug;
        let mirror = db::mirrors::find(tx, app)?.ok_or_else(|| MirrorError::NotAMirror(app.clone()))?;
        let mut updated = Updated { objects: taken.received.len(), bytes: taken.bytes, ..Updated::default() };
        let revoked: HashMap<ReleaseId, Revocation> = db::revocations::list(tx, app)?.into_iter().collect();
        for release in &found.releases {
            let is_lacking = is_lacking(tx, &store, release, &taken)?;
            if found.new.contains(&release.id) && add_release(tx, &store, release, (is_lacking, at))? {
                updated.releases += 1;
                updated.withheld += usize::from(is_lacking);
            }
            updated.marks += usize::from(mark_revoked(tx, release, revoked.get(&release.id))?);
            mark_held(tx, release, &taken, (!is_lacking, at))?;
        }
        for moves in &found.channels {
            for line in &moves.lines {
                updated.moves += usize::from(add_move(tx, app, &moves.channel.name, line)?);
            }
            updated.marks += usize::from(mark_pinned(tx, app, &moves.channel)?);
        }
        let renamed = rename(tx, &about)?;
        db::mirrors::set_updated(tx, app, at)?;
        if renamed || updated != Updated::default() {
            let record = Record {
                action: AuditAction::MirrorUpdate,
                app: Some(app),
                subject: app.to_string(),
                old: None,
                new: None,
                reason: None,
                details: json!({ "source": mirror.source, "brought": updated }),
            };
            Caller::local().record(tx, at, record)?;
        }
        Ok(updated)
    };
    work.ground.db.write(apply).await
}

/// Whether the mirror does not have the artifacts of a release, since the source keeps them to itself.
fn is_lacking(tx: &Transaction<'_>, store: &Store, release: &Release, taken: &Taken) -> Result<bool, OpError> {
    let is_withheld = release.manifest.artifacts.iter().any(|line| taken.withheld.contains(&line.sha256));
    Ok(is_withheld || release.revoked.is_some() && first_missing(tx, store, release)?.is_some())
}

/// An artifact that this app does not hold. That another app here holds it is no matter.
fn first_missing(tx: &Transaction<'_>, store: &Store, release: &Release) -> Result<Option<WantedObject>, OpError> {
    let lines = release.manifest.artifacts.iter();
    let held: Vec<_> = lines.map(|line| WantedObject { digest: line.sha256, size: line.size }).collect();
    Ok(negotiate::missing(tx, store, &release.app, &held)?.first().copied())
}

/// Adds a release whose artifacts are all there, or are not to be had; `false` where it is there already.
fn add_release(
    tx: &Transaction<'_>,
    store: &Store,
    release: &Release,
    (is_lacking, at): (bool, Timestamp),
) -> Result<bool, MirrorError> {
    let Release { app, id, name, manifest, published_at, published_by, .. } = release;
    if db::releases::find(tx, app, id)?.is_some() {
        return Ok(false);
    }
    if let (false, Some(missing)) = (is_lacking, first_missing(tx, store, release)?) {
        let why = format!("{} with {} bytes did not come", missing.digest, missing.size);
        return Err(MirrorError::Invalid { app: app.clone(), name: name.clone(), why });
    }
    commit::keep_objects(tx, store, manifest, at)?;
    db::releases::insert(tx, manifest, published_by, *published_at)?;
    let new = Some((*id).into());
    let edit = Edit { name: RefName::Release(name.clone()), expected: Expected::MustNotExist, new };
    let line = LogLine { actor: published_by, action: Action::Publish, reason: None, at: *published_at };
    refs::sqlite::apply(tx, app, &[edit], &line).map_err(|error| refused(release, error))?;
    Ok(true)
}

/// Ends the uploads that a release now holds, or gives up its artifacts where they are not to be had.
fn mark_held(
    tx: &Transaction<'_>,
    release: &Release,
    taken: &Taken,
    (is_held, at): (bool, Timestamp),
) -> Result<(), OpError> {
    let Release { app, id, manifest, .. } = release;
    if !is_held {
        return Ok(db::care::expire(tx, app, id, at)?);
    }
    for line in manifest.artifacts.iter().filter(|line| taken.received.contains(&line.sha256)) {
        db::objects::forget_upload(tx, app, &line.sha256)?;
    }
    Ok(())
}

/// The name of a release is taken for good: the source has another release under it than before.
fn refused(release: &Release, error: ApplyError) -> MirrorError {
    match error {
        ApplyError::Sqlite(error) => error.into(),
        ApplyError::Corrupt(corrupt) => OpError::from(ReadError::Corrupt(corrupt)).into(),
        other => {
            let (app, name) = (release.app.clone(), release.name.clone());
            MirrorError::Invalid { app, name, why: other.to_string() }
        }
    }
}

/// Revokes or restores a release as the source did.
fn mark_revoked(tx: &Transaction<'_>, release: &Release, known: Option<&Revocation>) -> Result<bool, OpError> {
    let Release { app, id, revoked, .. } = release;
    if known == revoked.as_ref() {
        return Ok(false);
    }
    if db::revocations::remove(tx, app, id)? && revoked.is_none() {
        db::care::unexpire(tx, app, id)?;
    }
    if let Some(revocation) = revoked {
        db::revocations::insert(tx, app, id, revocation)?;
    }
    Ok(true)
}

/// Repeats a move of a channel, with who made it, when and why.
fn add_move(
    tx: &Transaction<'_>,
    app: &AppSlug,
    channel: &ChannelName,
    line: &ReflogLine,
) -> Result<bool, MirrorError> {
    let diverged = || MirrorError::Diverged { app: app.clone(), channel: channel.clone() };
    let name = RefName::Channel(channel.clone());
    let last = refs::sqlite::reflog(tx, app, &name, None, 1).map_err(OpError::from)?.pop();
    let seq = last.as_ref().map_or(0, |last| last.seq);
    if line.seq <= seq {
        return Ok(false);
    }
    let at_now = last.and_then(|last| last.new).map(release_id);
    let action: Action = line.action.parse().map_err(|_| diverged())?;
    if line.seq != seq + 1 || line.old.as_ref().map(|old| old.id) != at_now {
        return Err(diverged());
    }
    let edit = Edit { name, expected: Expected::Any, new: line.new.as_ref().map(|new| new.id.into()) };
    let logged = LogLine { actor: &line.actor, action, reason: line.reason.as_deref(), at: line.at };
    match refs::sqlite::apply(tx, app, &[edit], &logged) {
        Ok(_) => Ok(true),
        Err(ApplyError::Sqlite(error)) => Err(error.into()),
        Err(_) => Err(diverged()),
    }
}

/// Pins or unpins a channel as the source did.
fn mark_pinned(tx: &Transaction<'_>, app: &AppSlug, channel: &Channel) -> Result<bool, OpError> {
    if db::pins::find(tx, app, &channel.name)? == channel.pin {
        return Ok(false);
    }
    db::pins::remove(tx, app, &channel.name)?;
    if let Some(pin) = &channel.pin {
        db::pins::insert(tx, app, &channel.name, pin)?;
    }
    Ok(true)
}

/// The name for people is the source's; who may see the app is not.
fn rename(tx: &Transaction<'_>, about: &App) -> Result<bool, OpError> {
    let own = db::apps::find(tx, &about.slug)?.ok_or_else(|| OpError::AppNotFound(about.slug.clone()))?;
    if own.name == about.name {
        return Ok(false);
    }
    db::apps::update(tx, &App { name: about.name.clone(), ..own })?;
    Ok(true)
}
