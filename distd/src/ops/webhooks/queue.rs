//! The queue of deliveries, in the database. One task sends what is due, a few at a time, and writes down how it went. What was
//! sent when the process ended, and not yet written down, is sent again: receivers know it by its `webhook-id`.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use protocol::api::{AuditAction, Delivery, Webhook, WebhookPayload};
use protocol::{Revision, limits, paths};
use rusqlite::Transaction;
use serde_json::json;

use super::super::{Caller, OpError, caller::Record};
use crate::db::webhooks::{Due, Outcome, Tries};
use crate::site::Site;
use crate::webhooks::{Reply, Verdict, retry};
use crate::{Server, db, faults};

/// Deliveries under way at a time, at most one for each webhook.
const PLACES: usize = 8;

/// The longest that the task sleeps, and how long it does when the database fails.
const LONGEST_SLEEP: Duration = Duration::from_hours(1);
const TROUBLE: Duration = Duration::from_mins(1);

/// Sends what is due, for as long as it runs. It wakes up when something was written, and when the next delivery is due.
pub async fn run(server: Server) {
    loop {
        match deliver_due(&server).await {
            Ok(0) => {
                let pause = pause(&server).await.unwrap_or(TROUBLE);
                tokio::select! {
                    () = server.db.written() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, "webhooks could not be sent");
                tokio::time::sleep(TROUBLE).await;
            }
        }
    }
}

async fn pause(server: &Server) -> Result<Duration, OpError> {
    let next = server.db.read(|connection| Ok::<_, OpError>(db::webhooks::next_due(connection)?)).await?;
    let now = server.clock.now();
    let until = next.map_or(LONGEST_SLEEP, |next| next.duration_since(now).try_into().unwrap_or(Duration::ZERO));
    Ok(until.min(LONGEST_SLEEP))
}

/// Sends what is due now, at most one delivery of each webhook. Gives how many it tried.
///
/// # Errors
/// When the database fails. What a receiver answers is none.
pub async fn deliver_due(server: &Server) -> Result<usize, OpError> {
    let now = server.clock.now();
    let due = server.db.read(move |connection| Ok::<_, OpError>(db::webhooks::due(connection, now, PLACES)?)).await?;
    let count = due.len();
    let tried = join_all(due.into_iter().map(|due| attempt(server, due))).await;
    tried.into_iter().collect::<Result<Vec<()>, _>>()?;
    Ok(count)
}

/// Sends one delivery now, whoever waits for it or goes away, and gives what became of it.
pub(super) async fn send_now(server: &Server, webhook: String, id: u64) -> Result<Delivery, OpError> {
    let server = server.clone();
    let sending = tokio::spawn(async move {
        let key = webhook.clone();
        let due =
            server.db.read(move |connection| Ok::<_, OpError>(db::webhooks::to_send(connection, &key, id)?)).await?;
        if let Some(due) = due {
            attempt(&server, due).await?;
        }
        let gone = OpError::DeliveryNotFound { id: webhook.clone(), delivery: id };
        let found =
            server.db.read(move |connection| Ok::<_, OpError>(db::webhooks::delivery(connection, &webhook, id)?));
        found.await?.ok_or(gone)
    });
    sending.await.map_err(|error| OpError::storage("sending a webhook")(error.into()))?
}

async fn attempt(server: &Server, due: Due) -> Result<(), OpError> {
    let id = due.webhook.clone();
    let found = server.db.read(move |connection| Ok::<_, OpError>(db::webhooks::find(connection, &id)?)).await?;
    let Some(signing) = found else { return Ok(()) };
    faults::step("webhook.send")?;
    let at = server.clock.now();
    let payload = addressed(&due.payload, &server.settings().site);
    let reply = server.webhooks.send(&signing, &due.message, &payload, at).await;
    let webhook = &signing.webhook.id;
    tracing::info!(
        webhook,
        delivery = due.id,
        status = reply.attempt.status,
        error = reply.attempt.error,
        milliseconds = reply.attempt.milliseconds,
        "webhook sent"
    );
    server.db.write(move |tx| note(tx, &due, &reply, at)).await
}

/// The same with the page to open, where the server knows its address.
fn addressed(payload: &WebhookPayload, site: &Site) -> WebhookPayload {
    let mut payload = payload.clone();
    let data = &payload.data;
    let path = match (&data.channel, &data.release) {
        (Some(channel), _) => Some(paths::install(&data.app, channel)),
        (None, Some(release)) => {
            let revision: Option<Revision> = release.name.to_string().parse().ok();
            revision.map(|revision| paths::install_release(&data.app, &revision))
        }
        (None, None) => None,
    };
    payload.data.url = path.and_then(|path| site.address(&path));
    payload
}

/// Writes down how an attempt went, and what that makes of the webhook.
fn note(tx: &Transaction<'_>, due: &Due, reply: &Reply, at: Timestamp) -> Result<(), OpError> {
    let Some(found) = db::webhooks::find(tx, &due.webhook)? else { return Ok(()) };
    let outcome = retry::outcome(reply, due.tries, due.attempts, at);
    db::webhooks::note(tx, due.id, at, &reply.attempt, outcome)?;
    let webhook = found.webhook;
    if outcome == Outcome::Delivered {
        if webhook.disabled_at.is_some() {
            record(tx, AuditAction::WebhookEnable, &webhook, None, at)?;
        }
        if webhook.failing_since.is_some() || webhook.disabled_at.is_some() {
            db::webhooks::set_health(tx, &webhook.id, None, None)?;
        }
        return Ok(());
    }
    let since = webhook.failing_since.unwrap_or(at);
    let is_over = reply.verdict == Verdict::Gone || due.tries == Tries::Many && retry::is_hopeless(since, at);
    let disabled_at = webhook.disabled_at.or(is_over.then_some(at));
    db::webhooks::set_health(tx, &webhook.id, Some(since), disabled_at)?;
    if disabled_at.is_some() && webhook.disabled_at.is_none() {
        db::webhooks::give_up(tx, &webhook.id)?;
        record(tx, AuditAction::WebhookDisable, &webhook, reply.attempt.error.as_deref(), at)?;
    }
    Ok(())
}

/// Deliveries from before then are not kept.
pub(super) fn oldest(now: Timestamp) -> Timestamp {
    now - SignedDuration::from_hours(24 * i64::from(limits::WEBHOOK_DELIVERY_DAYS))
}

fn record(
    tx: &Transaction<'_>,
    action: AuditAction,
    webhook: &Webhook,
    reason: Option<&str>,
    at: Timestamp,
) -> Result<(), OpError> {
    let (app, subject, details) = (Some(&webhook.app), webhook.id.clone(), json!({}));
    Caller::server().record(tx, at, Record { action, app, subject, old: None, new: None, reason, details })
}
