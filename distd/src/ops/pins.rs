//! Pins: a channel that is pinned stays where it is, whatever is published or promoted onto it.

use jiff::Timestamp;
use protocol::api::{AuditAction, Channel, Pin, PinRequest};
use protocol::scope::Need;
use protocol::{AppSlug, ChannelName, RefName};
use rusqlite::Transaction;
use serde_json::json;

use super::caller::Record;
use super::channels::{describe, find};
use super::{Caller, OpError, check_reason};
use crate::Server;
use crate::db;

/// Pins a channel. One that is pinned stays so, with its older reason.
pub(crate) async fn pin(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    channel: ChannelName,
    request: PinRequest,
) -> Result<Channel, OpError> {
    caller.require(Need::Promote(&app, &channel))?;
    let pin = Pin { at: server.clock.now(), by: caller.actor().to_owned(), reason: check_reason(request.reason)? };
    change(server, caller, app, channel, move |tx, caller, app, channel| {
        if db::pins::insert(tx, app, channel, &pin)? {
            record(tx, caller, AuditAction::ChannelPin, (app, channel), pin.reason.as_deref(), pin.at)?;
        }
        Ok(())
    })
    .await
}

/// Lets a channel move again.
pub(crate) async fn unpin(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    channel: ChannelName,
) -> Result<Channel, OpError> {
    caller.require(Need::Promote(&app, &channel))?;
    let at = server.clock.now();
    change(server, caller, app, channel, move |tx, caller, app, channel| {
        if db::pins::remove(tx, app, channel)? {
            record(tx, caller, AuditAction::ChannelUnpin, (app, channel), None, at)?;
        }
        Ok(())
    })
    .await
}

async fn change(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    channel: ChannelName,
    work: impl FnOnce(&Transaction<'_>, &Caller, &AppSlug, &ChannelName) -> Result<(), OpError> + Send + 'static,
) -> Result<Channel, OpError> {
    server
        .db
        .write(move |tx| {
            db::apps::access(tx, &app)?.ok_or_else(|| OpError::AppNotFound(app.clone()))?;
            let found = find(tx, &app, &channel)?;
            work(tx, &caller, &app, &channel)?;
            describe(tx, &app, found)
        })
        .await
}

fn record(
    tx: &Transaction<'_>,
    caller: &Caller,
    action: AuditAction,
    (app, channel): (&AppSlug, &ChannelName),
    reason: Option<&str>,
    at: Timestamp,
) -> Result<(), OpError> {
    let subject = RefName::Channel(channel.clone()).to_string();
    let record = Record { action, app: Some(app), subject, old: None, new: None, reason, details: json!({}) };
    caller.record(tx, at, record)
}
