//! The table `audit_events`: append-only, hash-chained.

use jiff::Timestamp;
use objstore::Digest;
use protocol::AppSlug;
use protocol::api::{AuditAction, AuditEvent, AuditQuery};
use protocol::audit_chain::{ChainCheck, ChainSummary, Mark};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde_json::Value;

use super::convert::{DbResult, corrupt, integer, parse, parse_json, parse_opt, time, unsigned};

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
    let (seq, previous) = head(tx)?.map_or((1, Digest::from_bytes(AuditEvent::NO_HASH)), |(seq, hash)| (seq + 1, hash));
    let event = event.chained(seq, previous);
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
        event.app.as_ref().map(AppSlug::as_str),
        event.subject,
        event.old,
        event.new,
        event.reason,
        event.address,
        event.request_id,
        event.details.to_string(),
        event.previous_hash.to_string(),
        event.hash.to_string()
    ])?;
    Ok(())
}

impl NewEvent<'_> {
    /// The event as it stands in the chain.
    fn chained(&self, seq: u64, previous: Digest) -> AuditEvent {
        let mut event = AuditEvent {
            seq,
            at: self.at,
            actor: self.actor.to_owned(),
            token_id: self.token_id.map(str::to_owned),
            action: self.action,
            app: self.app.cloned(),
            subject: self.subject.clone(),
            old: self.old.clone(),
            new: self.new.clone(),
            reason: self.reason.map(str::to_owned),
            address: self.address.clone(),
            request_id: self.request_id.map(str::to_owned),
            details: self.details.clone(),
            previous_hash: previous,
            hash: previous,
        };
        event.hash = event.computed_hash();
        event
    }
}

/// Number and hash of the newest event.
pub(crate) fn head(connection: &Connection) -> DbResult<Option<(u64, Digest)>> {
    let mut statement = connection.prepare_cached("SELECT seq, hash FROM audit_events ORDER BY seq DESC LIMIT 1")?;
    let found = statement.query_row([], |row| Ok((unsigned(row, "seq"), parse(row, "hash")))).optional()?;
    found.map(|(seq, hash)| Ok((seq?, hash?))).transpose()
}

/// When the newest event happened.
pub(crate) fn newest(connection: &Connection) -> DbResult<Option<Timestamp>> {
    let mut statement = connection.prepare_cached("SELECT at FROM audit_events ORDER BY seq DESC LIMIT 1")?;
    let found = statement.query_row([], |row| Ok(parse(row, "at"))).optional()?;
    found.transpose()
}

/// Events newest first, before `before` where it is given; oldest first where the query has `from`. Only what is asked for
/// stands in the statement, so that an index serves it.
pub(crate) fn list(
    connection: &Connection,
    query: &AuditQuery,
    before: Option<u64>,
    limit: u32,
) -> DbResult<Vec<AuditEvent>> {
    let asked: [(&str, Option<Sql>); 7] = [
        ("app = ", query.app.as_ref().map(|app| app.to_string().into())),
        ("actor = ", query.actor.clone().map(Sql::from)),
        ("action = ", query.action.map(|action| action.to_string().into())),
        ("at >= ", query.since.map(|since| time(since).into())),
        ("at < ", query.until.map(|until| time(until).into())),
        ("seq < ", before.map(|before| bound(before).into())),
        ("seq > ", query.from.map(|from| bound(from).into())),
    ];
    let (conditions, values): (Vec<&str>, Vec<Sql>) =
        asked.into_iter().filter_map(|(condition, value)| Some((condition, value?))).unzip();
    let mut statement = connection.prepare_cached(&select(&conditions, query.from.is_some()))?;
    let values = rusqlite::params_from_iter(values.into_iter().chain([limit.into()]));
    statement.query_and_then(values, read)?.collect()
}

/// Events for which all of these conditions hold, each with a parameter, and a last one for how many.
fn select(conditions: &[&str], is_oldest_first: bool) -> String {
    let mut sql = "SELECT * FROM audit_events".to_owned();
    for (word, condition) in std::iter::once(" WHERE ").chain(std::iter::repeat(" AND ")).zip(conditions) {
        sql.extend([word, condition, "?"]);
    }
    sql + " ORDER BY seq " + if is_oldest_first { "ASC" } else { "DESC" } + " LIMIT ?"
}

/// A number that came from outside and may be beyond every row.
fn bound(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// Looks at every row of the table, oldest first, as it is there.
pub(crate) fn check(connection: &Connection, expected: Option<Mark>) -> DbResult<ChainSummary> {
    let mut check = ChainCheck::new(expected);
    let mut statement = connection.prepare("SELECT * FROM audit_events ORDER BY seq")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        match read(row).and_then(|event| as_written(row, event)) {
            Ok(event) => check.push(event),
            Err(why) => check.push_unreadable(unsigned(row, "seq").unwrap_or(0), why),
        }
    }
    Ok(check.finish())
}

/// Columns that say the same in other words were not written here either.
fn as_written(row: &Row<'_>, event: AuditEvent) -> DbResult<AuditEvent> {
    let columns =
        [("at", time(event.at)), ("previous_hash", event.previous_hash.to_string()), ("hash", event.hash.to_string())];
    for (column, written) in columns {
        let found: String = row.get(column)?;
        if found != written {
            return Err(corrupt(column, found, format!("it was written as {written}")));
        }
    }
    Ok(event)
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
