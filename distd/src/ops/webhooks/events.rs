//! From a change to the events that webhooks are told: written in the transaction of the change, so that either both are there
//! or neither is.

use jiff::Timestamp;
use protocol::api::{AuditAction, MoveAction, RefMove, ReleaseRef, WebhookData, WebhookEvent, WebhookPayload};
use protocol::{AppSlug, RefName, ReleaseId};
use rusqlite::Transaction;
use serde_json::Value;

use super::super::OpError;
use super::super::caller::Record;
use super::super::resolve::load;
use super::queue;
use crate::db;
use crate::db::webhooks::{NewDelivery, Tries};
use crate::webhooks::sign;

/// Queues what the webhooks of the app are to be told of a change.
pub(in super::super) fn enqueue(
    tx: &Transaction<'_>,
    actor: &str,
    at: Timestamp,
    record: &Record<'_>,
) -> Result<(), OpError> {
    let Some(app) = record.app.filter(|_| is_told(record.action)) else { return Ok(()) };
    let webhooks = db::webhooks::list(tx, app)?;
    let mut webhooks = webhooks.iter().filter(|webhook| webhook.disabled_at.is_none()).peekable();
    if webhooks.peek().is_none() {
        return Ok(());
    }
    let about = WebhookData {
        app: app.clone(),
        actor: actor.to_owned(),
        channel: None,
        action: None,
        release: None,
        from: None,
        reason: record.reason.map(str::to_owned),
        url: None,
    };
    let events = events(tx, app, record, &about)?;
    for webhook in webhooks {
        for (event, data) in events.iter().filter(|(event, _)| webhook.events.contains(event)) {
            let payload = WebhookPayload { event: *event, timestamp: at, data: data.clone() };
            let message = sign::new_message_id();
            let new = NewDelivery {
                webhook: &webhook.id,
                message: &message,
                payload: &payload,
                created_at: at,
                next_at: at,
                tries: Tries::Many,
            };
            db::webhooks::queue(tx, &new, queue::oldest(at))?;
        }
    }
    Ok(())
}

fn is_told(action: AuditAction) -> bool {
    matches!(
        action,
        AuditAction::ReleasePublish
            | AuditAction::ReleaseRevoke
            | AuditAction::ReleaseRestore
            | AuditAction::ChannelPromote
            | AuditAction::ChannelRollback
            | AuditAction::ChannelPin
            | AuditAction::ChannelUnpin
    )
}

/// What a change is to webhooks.
fn events(
    tx: &Transaction<'_>,
    app: &AppSlug,
    record: &Record<'_>,
    about: &WebhookData,
) -> Result<Vec<(WebhookEvent, WebhookData)>, OpError> {
    let one = |event, data| Ok(vec![(event, data)]);
    match (record.action, record.subject.parse::<RefName>()) {
        (AuditAction::ReleasePublish, _) => published(tx, app, record, about),
        (AuditAction::ChannelPromote | AuditAction::ChannelRollback, Ok(RefName::Channel(channel))) => {
            let is_rollback = record.action == AuditAction::ChannelRollback;
            let data = WebhookData {
                channel: Some(channel),
                action: Some(if is_rollback { MoveAction::Rollback } else { MoveAction::Promote }),
                release: release_in(&record.details["to"]),
                from: release_in(&record.details["from"]),
                ..about.clone()
            };
            one(WebhookEvent::ChannelMove, data)
        }
        (AuditAction::ChannelPin, Ok(RefName::Channel(channel))) => {
            one(WebhookEvent::ChannelPin, WebhookData { channel: Some(channel), ..about.clone() })
        }
        (AuditAction::ChannelUnpin, Ok(RefName::Channel(channel))) => {
            one(WebhookEvent::ChannelUnpin, WebhookData { channel: Some(channel), ..about.clone() })
        }
        (action @ (AuditAction::ReleaseRevoke | AuditAction::ReleaseRestore), Ok(RefName::Release(name))) => {
            let is_revoke = action == AuditAction::ReleaseRevoke;
            let id = if is_revoke { &record.old } else { &record.new };
            let id = id.as_deref().and_then(|id| id.parse::<ReleaseId>().ok());
            let data = WebhookData { release: id.map(|id| ReleaseRef { id, name }), ..about.clone() };
            one(if is_revoke { WebhookEvent::ReleaseRevoke } else { WebhookEvent::ReleaseRestore }, data)
        }
        _ => Ok(Vec::new()),
    }
}

/// A publication is the release, where it is new, and each channel that moved with it.
fn published(
    tx: &Transaction<'_>,
    app: &AppSlug,
    record: &Record<'_>,
    about: &WebhookData,
) -> Result<Vec<(WebhookEvent, WebhookData)>, OpError> {
    let moves: Vec<RefMove> = serde_json::from_value(record.details["refs"].clone()).unwrap_or_default();
    let mut events = Vec::new();
    for moved in moves.into_iter().filter(|moved| moved.old != Some(moved.new)) {
        let release = Some(load(tx, app, moved.new)?.to_ref());
        let from = moved.old.map(|old| Ok::<_, OpError>(load(tx, app, old)?.to_ref())).transpose()?;
        match moved.name {
            RefName::Release(_) => {
                events.push((WebhookEvent::ReleasePublish, WebhookData { release, ..about.clone() }));
            }
            RefName::Channel(channel) => {
                let (channel, action) = (Some(channel), Some(MoveAction::Publish));
                let data = WebhookData { channel, action, release, from, ..about.clone() };
                events.push((WebhookEvent::ChannelMove, data));
            }
            RefName::Staging { .. } => {}
        }
    }
    Ok(events)
}

fn release_in(value: &Value) -> Option<ReleaseRef> {
    serde_json::from_value(value.clone()).ok()
}
