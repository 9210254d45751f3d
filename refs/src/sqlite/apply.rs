use std::collections::HashSet;

use gix_hash::ObjectId;
use rusqlite::Transaction;

use super::column::{encode_id, encode_time};
use super::error::{Corrupt, ReadError};
use super::read::find;
use super::reflog::reflog;
use crate::{AppSlug, Change, Edit, Expected, LogLine, RefName, ReflogEntry};

/// Why edits were not made.
///
/// Names and entries are boxed to keep the error small: it travels through every caller's `Result`.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A ref is not what the edit expected. Read it again, decide again, retry.
    #[error("{name} {}, expected {expected}{}", describe(*actual), describe_last(last.as_deref()))]
    Moved {
        /// The ref.
        name: Box<RefName>,
        /// What the edit expected of it.
        expected: Expected,
        /// What it points at; `None` if it does not exist.
        actual: Option<ObjectId>,
        /// The last move of this ref, which tells who made it; `None` if it has never existed.
        last: Option<Box<ReflogEntry>>,
    },
    /// The ref exists, and one of its kind is never moved or deleted.
    #[error("{name} is taken by {current} for good: it can be neither moved nor deleted")]
    CreateOnly {
        /// The ref.
        name: Box<RefName>,
        /// What it points at.
        current: ObjectId,
    },
    /// One set of edits names a ref twice.
    #[error("{name} is edited twice in one set of edits")]
    Duplicate {
        /// The ref.
        name: Box<RefName>,
    },
    /// The database failed. The transaction may hold a part of the edits: roll it back.
    #[error("refs could not be edited")]
    Sqlite(#[from] rusqlite::Error),
    /// A row holds text that this crate would not have written.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
}

impl From<ReadError> for ApplyError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Sqlite(error) => Self::Sqlite(error),
            ReadError::Corrupt(corrupt) => Self::Corrupt(corrupt),
        }
    }
}

/// Makes all of `edits` in the caller's transaction and logs each under `line`, or makes none.
///
/// Every expectation is checked before anything is written, also that of an edit that would change
/// nothing. Such an edit writes nothing and logs nothing; its change [is a no-op](Change::is_noop).
/// The changes come in the order of the edits. They are durable once the caller has committed.
///
/// # Errors
/// Nothing has been written, unless it is [`ApplyError::Sqlite`]: then roll the transaction back.
/// For a ref that is create-only and taken, [`ApplyError::CreateOnly`] comes before
/// [`ApplyError::Moved`], as no retry can help.
pub fn apply(
    tx: &Transaction<'_>,
    app: &AppSlug,
    edits: &[Edit],
    line: &LogLine<'_>,
) -> Result<Vec<Change>, ApplyError> {
    check_unique(edits)?;
    let changes: Vec<Change> = edits.iter().map(|edit| plan_change(tx, app, edit)).collect::<Result<_, _>>()?;
    for change in changes.iter().filter(|change| !change.is_noop()) {
        write_log(tx, app, change, line)?;
        write_ref(tx, app, change, line)?;
    }
    Ok(changes)
}

fn check_unique(edits: &[Edit]) -> Result<(), ApplyError> {
    let mut seen = HashSet::with_capacity(edits.len());
    match edits.iter().find(|edit| !seen.insert(&edit.name)) {
        Some(edit) => Err(ApplyError::Duplicate { name: edit.name.clone().into() }),
        None => Ok(()),
    }
}

fn plan_change(tx: &Transaction<'_>, app: &AppSlug, edit: &Edit) -> Result<Change, ApplyError> {
    let actual = find(tx, app, &edit.name)?.map(|found| found.target);
    if let Some(current) = actual
        && edit.name.is_create_only()
        && edit.new != actual
    {
        return Err(ApplyError::CreateOnly { name: edit.name.clone().into(), current });
    }
    if !edit.expected.is_met_by(actual) {
        return Err(ApplyError::Moved {
            name: edit.name.clone().into(),
            expected: edit.expected,
            actual,
            last: reflog(tx, app, &edit.name, None, 1)?.pop().map(Box::new),
        });
    }
    Ok(Change { name: edit.name.clone(), old: actual, new: edit.new })
}

fn write_log(tx: &Transaction<'_>, app: &AppSlug, change: &Change, line: &LogLine<'_>) -> rusqlite::Result<()> {
    const SQL: &str = "INSERT INTO reflog (app, ref, seq, old, new, actor, action, reason, at)
        VALUES (?1, ?2, (SELECT coalesce(max(seq), 0) + 1 FROM reflog WHERE app = ?1 AND ref = ?2),
                ?3, ?4, ?5, ?6, ?7, ?8)";
    tx.prepare_cached(SQL)?.execute((
        app.as_str(),
        change.name.to_string(),
        change.old.map(encode_id),
        change.new.map(encode_id),
        line.actor,
        line.action.as_str(),
        line.reason,
        encode_time(line.at),
    ))?;
    Ok(())
}

fn write_ref(tx: &Transaction<'_>, app: &AppSlug, change: &Change, line: &LogLine<'_>) -> rusqlite::Result<()> {
    const PUT: &str = "INSERT INTO refs (app, name, target, updated_at) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (app, name) DO UPDATE SET target = ?3, updated_at = ?4";
    const DELETE: &str = "DELETE FROM refs WHERE app = ?1 AND name = ?2";
    let name = change.name.to_string();
    match change.new {
        Some(new) => {
            let params = (app.as_str(), name, encode_id(new), encode_time(line.at));
            tx.prepare_cached(PUT)?.execute(params)?;
        }
        None => {
            tx.prepare_cached(DELETE)?.execute((app.as_str(), name))?;
        }
    }
    Ok(())
}

fn describe(actual: Option<ObjectId>) -> String {
    actual.map_or_else(|| "does not exist".to_owned(), |id| format!("is at {id}"))
}

fn describe_last(last: Option<&ReflogEntry>) -> String {
    last.map_or_else(String::new, |last| format!("; last moved by {} ({}) at {:.3}", last.actor, last.action, last.at))
}
