//! The table `audit_events`: append-only, hash-chained.

use jiff::Timestamp;
use objstore::Digest;
use protocol::AppSlug;
use protocol::api::{AuditAction, AuditEvent, AuditQuery};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde_json::{Value, json};

use super::convert::{DbResult, integer, parse, parse_json, parse_opt, time, unsigned};

/// What the first event has for the hash of the event before it.
const NO_HASH: [u8; 32] = [0; 32];

/// A change to be recorded, without what the chain adds.
#[derive(Debug, Clone)]
pub(crate) struct NewEvent<'a> {
    pub(crate) at: Timestamp,
    pub(crate) actor: &'a str,
    pub(crate) token_id: Option<&'a str>,
    pub(crate) action: AuditAction,
    pub(crate) app: Option<&'a AppSlug>,
    pub(crate) subject: String,
    pub(crate) old: Option<String>,
    pub(crate) new: Option<String>,
    pub(crate) reason: Option<&'a str>,
    pub(crate) address: Option<String>,
    pub(crate) request_id: Option<&'a str>,
    pub(crate) details: Value,
}

/// Appends an event to the chain, in the transaction of the change that it records.
pub(crate) fn append(tx: &Transaction<'_>, event: &NewEvent<'_>) -> DbResult<()> {
    let (seq, previous) = head(tx)?.map_or((1, Digest::from_bytes(NO_HASH)), |(seq, hash)| (seq + 1, hash));
    let hash = hash(&canonical_event(seq, event, &previous));
    tx.prepare_cached(
        "INSERT INTO audit_events (seq, at, actor, token_id, action, app, subject, old, new, reason, address, request_id,
           details, previous_hash, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    )?
    .execute(params![
        integer(seq),
        time(event.at),
        event.actor,
        event.token_id,
        event.action.as_str(),
        event.app.map(AppSlug::as_str),
        event.subject,
        event.old,
        event.new,
        event.reason,
        event.address,
        event.request_id,
        event.details.to_string(),
        previous.to_string(),
        hash.to_string()
    ])?;
    Ok(())
}

/// Number and hash of the newest event.
pub(crate) fn head(connection: &Connection) -> DbResult<Option<(u64, Digest)>> {
    let mut statement = connection.prepare_cached("SELECT seq, hash FROM audit_events ORDER BY seq DESC LIMIT 1")?;
    let found = statement.query_row([], |row| Ok((unsigned(row, "seq"), parse(row, "hash")))).optional()?;
    found.map(|(seq, hash)| Ok((seq?, hash?))).transpose()
}

/// What the hash covers: every column but the hash, as one JSON object with the column names as keys.
fn canonical_event(seq: u64, event: &NewEvent<'_>, previous: &Digest) -> Value {
    json!({
        "seq": seq, "at": time(event.at), "actor": event.actor, "token_id": event.token_id, "action": event.action,
        "app": event.app, "subject": event.subject, "old": event.old, "new": event.new, "reason": event.reason,
        "address": event.address, "request_id": event.request_id, "details": event.details, "previous_hash": previous,
    })
}

fn hash(event: &Value) -> Digest {
    Digest::of(&serde_json_canonicalizer::to_vec(event).expect("a JSON value always has a canonical form"))
}

/// Events newest first, before `before` where it is given.
pub(crate) fn list(
    connection: &Connection,
    query: &AuditQuery,
    before: Option<u64>,
    limit: u32,
) -> DbResult<Vec<AuditEvent>> {
    let mut statement = connection.prepare_cached(
        "SELECT * FROM audit_events
         WHERE (?1 IS NULL OR app = ?1) AND (?2 IS NULL OR actor = ?2) AND (?3 IS NULL OR action = ?3)
           AND (?4 IS NULL OR at >= ?4) AND (?5 IS NULL OR seq < ?5)
         ORDER BY seq DESC LIMIT ?6",
    )?;
    let rows = statement.query_and_then(
        params![
            query.app.as_ref().map(AppSlug::as_str),
            query.actor,
            query.action.map(AuditAction::as_str),
            query.since.map(time),
            before.map(integer),
            limit
        ],
        read,
    )?;
    rows.collect()
}

fn read(row: &Row<'_>) -> DbResult<AuditEvent> {
    Ok(AuditEvent {
        seq: unsigned(row, "seq")?,
        at: parse(row, "at")?,
        actor: row.get("actor")?,
        token_id: row.get("token_id")?,
        action: parse(row, "action")?,
        app: parse_opt(row, "app")?,
        subject: row.get("subject")?,
        old: row.get("old")?,
        new: row.get("new")?,
        reason: row.get("reason")?,
        address: row.get("address")?,
        request_id: row.get("request_id")?,
        details: parse_json(row, "details")?,
        previous_hash: parse(row, "previous_hash")?,
        hash: parse(row, "hash")?,
    })
}
