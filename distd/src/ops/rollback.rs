//! Rollback: back along a channel's own reflog, never forward again. The channel is pinned there.

use objstore::Store;
use protocol::api::{Moved, Pin, ReleaseRef, RollbackRequest};
use protocol::clients::rollback_effects;
use protocol::scope::Need;
use protocol::{AppSlug, ChannelName, ReleaseId, Revision};
use refs::sqlite::{Action, Expected, LogLine, read_undo_stack};
use rusqlite::{Connection, Transaction};

use super::channels::{find, move_channel};
use super::releases::read_manifest;
use super::resolve::{load, resolve};
use super::{Caller, OpError, check_reason, release_id};
use crate::Server;
use crate::db;

/// Moves a channel back: to the release asked for, or to the nearest one before that is not revoked.
pub(crate) async fn rollback(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    channel: ChannelName,
    request: RollbackRequest,
) -> Result<Moved, OpError> {
    caller.require(Need::Promote(&app, &channel))?;
    let reason = check_reason(request.reason)?;
    let at = server.clock.now();
    let store = server.store.clone();
    server
        .db
        .write(move |tx| {
            db::apps::access(tx, &app)?.ok_or_else(|| OpError::AppNotFound(app.clone()))?;
            find(tx, &app, &channel)?;
            let to = target(tx, &app, &channel, request.to.as_ref())?;
            let expected = request.expected.map_or(Expected::Any, |id| Expected::MustExistAndMatch(id.into()));
            let line = LogLine { actor: caller.actor(), action: Action::Rollback, reason: reason.as_deref(), at };
            go_back(tx, &store, &caller, &app, channel, (to, expected), &line)
        })
        .await
}

/// Moves a channel back to a release, pins it there, and says whom that reaches.
pub(super) fn go_back(
    tx: &Transaction<'_>,
    store: &Store,
    caller: &Caller,
    app: &AppSlug,
    channel: ChannelName,
    (to, expected): (ReleaseRef, Expected),
    line: &LogLine<'_>,
) -> Result<Moved, OpError> {
    let pin = Pin { at: line.at, by: caller.actor().to_owned(), reason: line.reason.map(str::to_owned) };
    let moved = move_channel(tx, caller, app, channel, to, expected, line)?;
    db::pins::insert(tx, app, &moved.channel, &pin)?;
    let left = moved.from.as_ref().filter(|from| from.id != moved.to.id);
    let clients = match left {
        Some(left) => rollback_effects(&read_manifest(store, &left.id)?.artifacts),
        None => Vec::new(),
    };
    let pin = db::pins::find(tx, app, &moved.channel)?;
    Ok(Moved { pin, clients, ..moved })
}

/// The release to go back to.
fn target(
    connection: &Connection,
    app: &AppSlug,
    channel: &ChannelName,
    wanted: Option<&Revision>,
) -> Result<ReleaseRef, OpError> {
    let Some(wanted) = wanted else { return before(connection, app, channel) };
    let release = resolve(connection, app, wanted)?;
    let stack = read_undo_stack(connection, app, channel)?;
    if !stack.iter().any(|id| release_id(*id) == release.id) {
        let (app, channel) = (app.clone(), channel.clone());
        return Err(OpError::RollbackTargetInvalid { app, channel, release: release.name });
    }
    match db::revocations::find(connection, app, &release.id)? {
        Some(revocation) => {
            Err(OpError::ReleaseRevoked { app: app.clone(), what: release.name.to_string(), revocation })
        }
        None => Ok(release.to_ref()),
    }
}

/// The nearest release that the channel had before and that is not revoked. The stack holds what the channel was, the current
/// release on top.
pub(super) fn before(connection: &Connection, app: &AppSlug, channel: &ChannelName) -> Result<ReleaseRef, OpError> {
    let stack = read_undo_stack(connection, app, channel)?;
    let current = stack.last().copied();
    for id in stack.iter().rev().skip(1).filter(|id| Some(**id) != current) {
        let id: ReleaseId = release_id(*id);
        if db::revocations::find(connection, app, &id)?.is_none() {
            return Ok(load(connection, app, id)?.to_ref());
        }
    }
    Err(OpError::NothingToRollBack { app: app.clone(), channel: channel.clone() })
}
