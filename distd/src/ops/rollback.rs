//! Rollback: back along a channel's own reflog, never forward again.

use protocol::api::{Moved, ReleaseRef, RollbackRequest};
use protocol::scope::Need;
use protocol::{AppSlug, ChannelName, Revision};
use refs::sqlite::{Action, Expected, LogLine, read_undo_stack};
use rusqlite::Connection;

use super::channels::{find, move_channel};
use super::resolve::{load, resolve};
use super::{Caller, OpError, check_reason, release_id};
use crate::Server;
use crate::db;

/// Moves a channel back: to the release asked for, or to the one before.
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
    server
        .db
        .write(move |tx| {
            db::apps::access(tx, &app)?.ok_or_else(|| OpError::AppNotFound(app.clone()))?;
            find(tx, &app, &channel)?;
            let to = target(tx, &app, &channel, request.to.as_ref())?;
            let expected = request.expected.map_or(Expected::Any, |id| Expected::MustExistAndMatch(id.into()));
            let line = LogLine { actor: caller.actor(), action: Action::Rollback, reason: reason.as_deref(), at };
            move_channel(tx, &caller, &app, channel, to, expected, &line)
        })
        .await
}

/// The release to go back to. The stack holds what the channel was, the current release on top.
fn target(
    connection: &Connection,
    app: &AppSlug,
    channel: &ChannelName,
    wanted: Option<&Revision>,
) -> Result<ReleaseRef, OpError> {
    let stack = read_undo_stack(connection, app, channel)?;
    if let Some(wanted) = wanted {
        let release = resolve(connection, app, wanted)?;
        let was_there = stack.iter().any(|id| release_id(*id) == release.id);
        return if was_there {
            Ok(release.to_ref())
        } else {
            Err(OpError::RollbackTargetInvalid { app: app.clone(), channel: channel.clone(), release: release.name })
        };
    }
    let nothing = || OpError::NothingToRollBack { app: app.clone(), channel: channel.clone() };
    let before = stack.iter().rev().nth(1).ok_or_else(nothing)?;
    Ok(load(connection, app, release_id(*before))?.to_ref())
}
