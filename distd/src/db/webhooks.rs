//! The tables `webhooks` and `webhook_deliveries`: the latter is the queue, and after that the log.

use jiff::Timestamp;
use protocol::api::{Delivery, DeliveryState, Webhook, WebhookEvent, WebhookPayload};
use protocol::{AppSlug, limits};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::convert::{DbResult, corrupt, integer, parse, parse_json, parse_opt, time, unsigned};

/// What a webhook's deliveries are signed with.
pub(crate) type Secret = [u8; 32];

/// A webhook with its secret.
pub(crate) struct Signing {
    pub(crate) webhook: Webhook,
    pub(crate) secret: Secret,
}

/// A delivery to be put into the queue.
pub(crate) struct NewDelivery<'a> {
    pub(crate) webhook: &'a str,
    pub(crate) message: &'a str,
    pub(crate) payload: &'a WebhookPayload,
    pub(crate) created_at: Timestamp,
    pub(crate) next_at: Timestamp,
    pub(crate) tries: Tries,
}

/// How often a delivery is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tries {
    /// Until it is given up.
    Many,
    /// Once: someone waits for the answer.
    One,
}

/// A delivery that is to be sent now.
pub(crate) struct Due {
    pub(crate) id: u64,
    pub(crate) webhook: String,
    pub(crate) message: String,
    pub(crate) payload: WebhookPayload,
    pub(crate) attempts: u32,
    pub(crate) tries: Tries,
}

/// How an attempt went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) status: Option<u16>,
    pub(crate) milliseconds: u64,
    pub(crate) error: Option<String>,
    pub(crate) answer: Option<String>,
}

/// What becomes of a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It arrived.
    Delivered,
    /// It is tried again then.
    Again(Timestamp),
    /// It is given up.
    Failed,
}

const SELECT: &str =
    "SELECT id, app, url, format, events, secret, created_at, created_by, failing_since, disabled_at FROM webhooks";

/// Adds a webhook.
pub(crate) fn insert(tx: &Transaction<'_>, webhook: &Webhook, secret: &Secret) -> DbResult<()> {
    let events = serde_json::to_string(&webhook.events).map_err(|why| corrupt("webhooks.events", &webhook.id, why))?;
    tx.prepare_cached(
        "INSERT INTO webhooks (id, app, url, format, events, secret, created_at, created_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        webhook.id,
        webhook.app.as_str(),
        webhook.url,
        webhook.format.as_str(),
        events,
        secret,
        time(webhook.created_at),
        webhook.created_by
    ])?;
    Ok(())
}

/// The webhooks of an app, oldest first.
pub(crate) fn list(connection: &Connection, app: &AppSlug) -> DbResult<Vec<Webhook>> {
    let sql = format!("{SELECT} WHERE app = ?1 ORDER BY created_at, id");
    connection.prepare_cached(&sql)?.query_and_then([app.as_str()], |row| Ok(read(row)?.webhook))?.collect()
}

/// One webhook, of whatever app.
pub(crate) fn find(connection: &Connection, id: &str) -> DbResult<Option<Signing>> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?;
    statement.query_row([id], |row| Ok(read(row))).optional()?.transpose()
}

/// Removes a webhook and its deliveries.
pub(crate) fn remove(tx: &Transaction<'_>, id: &str) -> DbResult<()> {
    tx.prepare_cached("DELETE FROM webhooks WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// Writes down since when a webhook fails, and since when it is given up.
pub(crate) fn set_health(
    tx: &Transaction<'_>,
    id: &str,
    failing_since: Option<Timestamp>,
    disabled_at: Option<Timestamp>,
) -> DbResult<()> {
    tx.prepare_cached("UPDATE webhooks SET failing_since = ?2, disabled_at = ?3 WHERE id = ?1")?.execute(params![
        id,
        failing_since.map(time),
        disabled_at.map(time)
    ])?;
    Ok(())
}

/// Puts a delivery into the queue, and drops what is too old or too much of the same webhook. Gives its id.
pub(crate) fn queue(tx: &Transaction<'_>, new: &NewDelivery<'_>, oldest: Timestamp) -> DbResult<u64> {
    let payload =
        serde_json::to_string(new.payload).map_err(|why| corrupt("webhook_deliveries.payload", new.message, why))?;
    tx.prepare_cached(
        "INSERT INTO webhook_deliveries (webhook, message, event, payload, created_at, state, once, next_at)
         VALUES (?1, ?2, ?3, ?4, ?5, 'waiting', ?6, ?7)",
    )?
    .execute(params![
        new.webhook,
        new.message,
        new.payload.event.as_str(),
        payload,
        time(new.created_at),
        new.tries == Tries::One,
        time(new.next_at)
    ])?;
    let id = tx.last_insert_rowid();
    tx.prepare_cached(
        "DELETE FROM webhook_deliveries WHERE webhook = ?1 AND (state <> 'waiting' AND created_at < ?2 OR id <=
           (SELECT id FROM webhook_deliveries WHERE webhook = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?3))",
    )?
    .execute(params![new.webhook, time(oldest), limits::WEBHOOK_DELIVERIES])?;
    u64::try_from(id).map_err(|why| corrupt("webhook_deliveries.id", id, why))
}

/// What is due: the oldest of each webhook, so that a slow one does not take every place.
pub(crate) fn due(connection: &Connection, now: Timestamp, limit: usize) -> DbResult<Vec<Due>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, webhook, message, payload, attempts, once FROM webhook_deliveries
         WHERE id IN (SELECT min(id) FROM webhook_deliveries WHERE state = 'waiting' AND next_at <= ?1 GROUP BY webhook)
         ORDER BY next_at, id LIMIT ?2",
    )?;
    statement.query_and_then(params![time(now), integer(limit as u64)], read_due)?.collect()
}

/// One delivery as it is sent.
pub(crate) fn to_send(connection: &Connection, webhook: &str, id: u64) -> DbResult<Option<Due>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, webhook, message, payload, attempts, once FROM webhook_deliveries WHERE webhook = ?1 AND id = ?2",
    )?;
    let id = i64::try_from(id).unwrap_or(i64::MAX);
    statement.query_row(params![webhook, id], |row| Ok(read_due(row))).optional()?.transpose()
}

/// When the next delivery is due.
pub(crate) fn next_due(connection: &Connection) -> DbResult<Option<Timestamp>> {
    let mut statement = connection.prepare_cached(
        "SELECT min(next_at) AS next_at FROM webhook_deliveries WHERE state = 'waiting' AND next_at IS NOT NULL",
    )?;
    statement.query_row([], |row| Ok(parse_opt(row, "next_at")))?
}

/// Writes down how an attempt went. Where the delivery is gone there is nothing to write.
pub(crate) fn note(tx: &Transaction<'_>, id: u64, at: Timestamp, attempt: &Attempt, outcome: Outcome) -> DbResult<()> {
    let (state, next_at) = match outcome {
        Outcome::Delivered => (DeliveryState::Delivered, None),
        Outcome::Again(at) => (DeliveryState::Waiting, Some(time(at))),
        Outcome::Failed => (DeliveryState::Failed, None),
    };
    tx.prepare_cached(
        "UPDATE webhook_deliveries SET state = ?2, next_at = ?3, last_at = ?4, status = ?5, milliseconds = ?6, error = ?7,
           answer = ?8, attempts = attempts + 1 WHERE id = ?1",
    )?
    .execute(params![
        integer(id),
        state.as_str(),
        next_at,
        time(at),
        attempt.status,
        integer(attempt.milliseconds),
        attempt.error,
        attempt.answer
    ])?;
    Ok(())
}

/// Gives up everything of a webhook that waits.
pub(crate) fn give_up(tx: &Transaction<'_>, webhook: &str) -> DbResult<()> {
    tx.prepare_cached(
        "UPDATE webhook_deliveries SET state = 'failed', next_at = NULL WHERE webhook = ?1 AND state = 'waiting'",
    )?
    .execute([webhook])?;
    Ok(())
}

/// Deliveries of a webhook, newest first.
pub(crate) fn deliveries(
    connection: &Connection,
    webhook: &str,
    before: Option<u64>,
    limit: u32,
) -> DbResult<Vec<Delivery>> {
    let mut statement = connection
        .prepare_cached("SELECT * FROM webhook_deliveries WHERE webhook = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3")?;
    let before = before.map_or(i64::MAX, |id| i64::try_from(id).unwrap_or(i64::MAX));
    statement.query_and_then(params![webhook, before, limit], read_delivery)?.collect()
}

/// One delivery of a webhook.
pub(crate) fn delivery(connection: &Connection, webhook: &str, id: u64) -> DbResult<Option<Delivery>> {
    let mut statement = connection.prepare_cached("SELECT * FROM webhook_deliveries WHERE webhook = ?1 AND id = ?2")?;
    let id = i64::try_from(id).unwrap_or(i64::MAX);
    statement.query_row(params![webhook, id], |row| Ok(read_delivery(row))).optional()?.transpose()
}

fn read(row: &Row<'_>) -> DbResult<Signing> {
    let events: Vec<WebhookEvent> = parse_json(row, "events")?;
    let webhook = Webhook {
        id: row.get("id")?,
        app: parse(row, "app")?,
        url: row.get("url")?,
        format: parse(row, "format")?,
        events,
        created_at: parse(row, "created_at")?,
        created_by: row.get("created_by")?,
        failing_since: parse_opt(row, "failing_since")?,
        disabled_at: parse_opt(row, "disabled_at")?,
    };
    Ok(Signing { webhook, secret: row.get("secret")? })
}

fn read_due(row: &Row<'_>) -> DbResult<Due> {
    Ok(Due {
        id: unsigned(row, "id")?,
        webhook: row.get("webhook")?,
        message: row.get("message")?,
        payload: parse_json(row, "payload")?,
        attempts: row.get("attempts")?,
        tries: if row.get("once")? { Tries::One } else { Tries::Many },
    })
}

fn read_delivery(row: &Row<'_>) -> DbResult<Delivery> {
    let milliseconds: Option<i64> = row.get("milliseconds")?;
    Ok(Delivery {
        id: unsigned(row, "id")?,
        message: row.get("message")?,
        event: parse(row, "event")?,
        created_at: parse(row, "created_at")?,
        state: parse(row, "state")?,
        attempts: row.get("attempts")?,
        next_at: parse_opt(row, "next_at")?,
        last_at: parse_opt(row, "last_at")?,
        status: row.get("status")?,
        milliseconds: milliseconds.and_then(|number| u64::try_from(number).ok()),
        error: row.get("error")?,
        answer: row.get("answer")?,
    })
}
