//! What a promotion would do, before it does.

use jiff::Timestamp;
use objstore::Store;
use protocol::api::{PassedRelease, Promotion, PromotionQuery};
use protocol::{AppSlug, ChannelName, ReleaseId, Revision};
use rusqlite::Connection;

use super::gates::{self, Ground};
use super::history::meeting;
use super::releases::read_manifest;
use super::resolve::{load, resolve};
use super::{Caller, OpError};
use crate::Server;
use crate::db;

/// Releases that are told by name and notes.
const TOLD: usize = 100;

/// What promoting a release to a channel would do.
pub(crate) async fn show(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    channel: ChannelName,
    query: PromotionQuery,
) -> Result<Promotion, OpError> {
    let revision: Revision = query.revision.parse()?;
    let (store, now) = (server.store.clone(), server.clock.now());
    server
        .db
        .read(move |connection| {
            caller.require_read(connection, &app)?;
            let to = resolve(connection, &app, &revision)?;
            plan(connection, &store, &app, channel, to.id, now)
        })
        .await
}

fn plan(
    connection: &Connection,
    store: &Store,
    app: &AppSlug,
    channel: ChannelName,
    to: ReleaseId,
    now: Timestamp,
) -> Result<Promotion, OpError> {
    let judged = gates::judge(Ground { connection, store, app, now }, &channel, to)?;
    let allowed = judged.blocks(&[]).is_empty();
    let from = judged.from.as_ref().map(|from| from.id);
    let parent = |id: ReleaseId| Ok::<_, OpError>(db::releases::parent(connection, app, &id)?);
    let shared = from.map(|from| meeting(from, to, parent)).transpose()?.flatten();
    let line = |from: ReleaseId| db::releases::line(connection, app, from, shared);
    let ahead = line(to)?;
    let behind = from.map(line).transpose()?.map_or(0, |left| left.len() as u64);
    let told = ahead.iter().take(TOLD).map(|id| passed(connection, store, app, *id));
    let releases = told.collect::<Result<Vec<_>, _>>()?;
    Ok(Promotion {
        app: app.clone(),
        channel,
        from: judged.from,
        to: load(connection, app, to)?.to_ref(),
        ahead: ahead.len() as u64,
        notes: releases.iter().filter(|release| release.notes.is_some()).count() as u64,
        behind,
        releases,
        report: judged.report,
        allowed,
    })
}

fn passed(connection: &Connection, store: &Store, app: &AppSlug, id: ReleaseId) -> Result<PassedRelease, OpError> {
    let row = load(connection, app, id)?;
    let notes = read_manifest(store, &id)?.notes.filter(|notes| !notes.trim().is_empty());
    Ok(PassedRelease { release: row.to_ref(), published_at: row.published_at, notes })
}
