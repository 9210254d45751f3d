//! Revocation: a release is withdrawn, and kept. Nothing but restoring it brings it back.

use jiff::Timestamp;
use objstore::Store;
use protocol::api::{AuditAction, Moved, ReleaseRef, RestoreRequest, Revocation, RevokeRequest, Withdrawn};
use protocol::scope::Need;
use protocol::{AppSlug, ChannelName, RefName, ReleaseId, Revision};
use refs::sqlite::{Action, Expected, LogLine};
use rusqlite::{Connection, Transaction};
use serde_json::json;

use super::caller::Record;
use super::resolve::resolve;
use super::rollback::{before, go_back};
use super::{Caller, OpError, check_reason};
use crate::Server;
use crate::db;

/// Withdraws a release. Channels that point at it keep it from being withdrawn, or are rolled back, as the request says. A release
/// that is withdrawn stays so, with its older reason.
pub(crate) async fn revoke(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    revision: Revision,
    request: RevokeRequest,
) -> Result<Withdrawn, OpError> {
    caller.require(Need::PromoteAll(&app))?;
    let reason = check_reason(Some(request.reason))?;
    let reason = reason.ok_or_else(|| OpError::RequestInvalid("revoking a release takes a reason".to_owned()))?;
    let revocation = Revocation { at: server.clock.now(), by: caller.actor().to_owned(), reason };
    let store = server.store.clone();
    server
        .db
        .write(move |tx| {
            db::apps::access(tx, &app)?.ok_or_else(|| OpError::AppNotFound(app.clone()))?;
            let release = resolve(tx, &app, &revision)?.to_ref();
            let channels = pointing(tx, &app, &release.id)?;
            if !channels.is_empty() && !request.rollback {
                return Err(OpError::ReleaseLive { app, release: release.name, channels });
            }
            if db::revocations::insert(tx, &app, &release.id, &revocation)? {
                let reason = Some(revocation.reason.as_str());
                record(tx, &caller, AuditAction::ReleaseRevoke, (&app, &release), reason, revocation.at)?;
            }
            let moved = channels.into_iter().map(|channel| leave(tx, &store, &caller, &app, channel, &revocation));
            let moved = moved.collect::<Result<Vec<_>, _>>()?;
            Ok(Withdrawn { revoked: db::revocations::find(tx, &app, &release.id)?, release, moved })
        })
        .await
}

/// Brings a withdrawn release back. Channels stay where they are.
pub(crate) async fn restore(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    revision: Revision,
    request: RestoreRequest,
) -> Result<Withdrawn, OpError> {
    caller.require(Need::PromoteAll(&app))?;
    let (reason, at) = (check_reason(request.reason)?, server.clock.now());
    server
        .db
        .write(move |tx| {
            db::apps::access(tx, &app)?.ok_or_else(|| OpError::AppNotFound(app.clone()))?;
            let release = resolve(tx, &app, &revision)?.to_ref();
            if db::revocations::remove(tx, &app, &release.id)? {
                record(tx, &caller, AuditAction::ReleaseRestore, (&app, &release), reason.as_deref(), at)?;
            }
            Ok(Withdrawn { release, revoked: None, moved: Vec::new() })
        })
        .await
}

/// The channels that point at a release.
fn pointing(connection: &Connection, app: &AppSlug, release: &ReleaseId) -> Result<Vec<ChannelName>, OpError> {
    let found = refs::sqlite::pointing_at(connection, app, &(*release).into())?;
    let channels = found.into_iter().filter_map(|found| match found.name {
        RefName::Channel(channel) => Some(channel),
        _ => None,
    });
    Ok(channels.collect())
}

/// Takes a channel back from a release that is withdrawn.
fn leave(
    tx: &Transaction<'_>,
    store: &Store,
    caller: &Caller,
    app: &AppSlug,
    channel: ChannelName,
    revocation: &Revocation,
) -> Result<Moved, OpError> {
    let to = before(tx, app, &channel)?;
    let (reason, at) = (Some(revocation.reason.as_str()), revocation.at);
    let line = LogLine { actor: caller.actor(), action: Action::Rollback, reason, at };
    go_back(tx, store, caller, app, channel, (to, Expected::Any), &line)
}

fn record(
    tx: &Transaction<'_>,
    caller: &Caller,
    action: AuditAction,
    (app, release): (&AppSlug, &ReleaseRef),
    reason: Option<&str>,
    at: Timestamp,
) -> Result<(), OpError> {
    let subject = RefName::Release(release.name.clone()).to_string();
    let id = Some(release.id.to_string());
    let (old, new) = if action == AuditAction::ReleaseRevoke { (id, None) } else { (None, id) };
    let record = Record { action, app: Some(app), subject, old, new, reason, details: json!({}) };
    caller.record(tx, at, record)
}
