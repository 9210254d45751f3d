//! What the tests have in common: a database with the tables, and short ways to edit and to read.

use gix_hash::ObjectId;
use jiff::{SignedDuration, Timestamp};
use refs::sqlite::{self, Action, ApplyError, Change, Edit, Expected, LogLine, ReflogEntry};
use refs::{AppSlug, RefName};
use rusqlite::{Connection, TransactionBehavior};

pub(crate) fn open() -> Connection {
    let conn = Connection::open_in_memory().expect("memory is there");
    conn.execute_batch(sqlite::SCHEMA_1).expect("the schema is valid");
    conn.execute_batch(sqlite::SCHEMA_2).expect("the schema is valid");
    conn
}

pub(crate) fn app() -> AppSlug {
    "acme".parse().expect("valid")
}

pub(crate) fn name(text: &str) -> RefName {
    text.parse().expect("valid")
}

pub(crate) fn id(release: u8) -> ObjectId {
    ObjectId::from([release; 32])
}

/// A time `seconds` after a fixed one.
pub(crate) fn time(seconds: i64) -> Timestamp {
    let start: Timestamp = "2026-11-22T09:00:00Z".parse().expect("valid");
    start + SignedDuration::from_secs(seconds)
}

pub(crate) fn line(action: Action, seconds: i64) -> LogLine<'static> {
    LogLine { actor: "ci", action, reason: None, at: time(seconds) }
}

pub(crate) fn edit(text: &str, expected: Expected, new: Option<u8>) -> Edit {
    Edit { name: name(text), expected, new: new.map(id) }
}

/// Applies the edits in a transaction of their own, and commits them if they went through.
pub(crate) fn apply(conn: &mut Connection, edits: &[Edit], line: &LogLine<'_>) -> Result<Vec<Change>, ApplyError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let changes = sqlite::apply(&tx, &app(), edits, line)?;
    tx.commit()?;
    Ok(changes)
}

/// Moves a ref without asking what it was.
pub(crate) fn put(conn: &mut Connection, text: &str, new: Option<u8>, seconds: i64) {
    let edits = [edit(text, Expected::Any, new)];
    apply(conn, &edits, &line(Action::Promote, seconds)).expect("nothing is in the way");
}

pub(crate) fn target(conn: &Connection, name: &RefName) -> Option<ObjectId> {
    sqlite::find(conn, &app(), name).expect("readable").map(|found| found.target)
}

/// The whole reflog of a ref, oldest first.
pub(crate) fn log(conn: &Connection, name: &RefName) -> Vec<ReflogEntry> {
    let mut entries = sqlite::reflog(conn, &app(), name, None, u32::MAX).expect("readable");
    entries.reverse();
    entries
}

/// Panics unless each line starts where the one before it ended, and the last where the ref is.
pub(crate) fn assert_unbroken(conn: &Connection, name: &RefName) {
    let mut previous = None;
    for (entry, seq) in log(conn, name).into_iter().zip(1..) {
        assert_eq!(entry.seq, seq, "{name}");
        assert_eq!(entry.old, previous, "{name} at {seq}");
        assert_ne!(entry.old, entry.new, "{name} at {seq}");
        previous = entry.new;
    }
    assert_eq!(target(conn, name), previous, "{name}");
}
