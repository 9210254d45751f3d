//! What checks and backups came to, noted for who asks later: the console, metrics, `distd doctor`.

use jiff::Timestamp;
use objstore::{Digest, Store};
use protocol::api::{FindingLevel, LastCheck};
use serde::{Deserialize, Serialize};

use super::super::OpError;
use super::backup::{BackupError, BackupReport};
use super::check::{CheckError, Checked};
use crate::db::{self, Database};

/// The last backup, whether or not there is one of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct LastBackup {
    /// Why it is none, or lacks objects.
    pub(super) error: Option<String>,
    /// When the last one was made that lacks nothing.
    pub(super) whole_at: Option<Timestamp>,
}

/// Objects that are noted as read in one transaction: it holds up commits for as long as that takes.
const NOTED_AT_ONCE: usize = 1000;

/// Notes how a check ended that began and ended then, and that what it found whole was read when it began: the background check
/// need not read that again so soon.
///
/// # Errors
/// Those of the database.
pub async fn note_check(
    db: &Database,
    store: &Store,
    quick: bool,
    outcome: Result<&Checked, &CheckError>,
    (begun, ended): (Timestamp, Timestamp),
) -> Result<(), OpError> {
    let whole = outcome.map(|checked| checked.whole.as_slice()).unwrap_or_default();
    for batch in whole.chunks(NOTED_AT_ONCE) {
        let (batch, store) = (batch.to_vec(), store.clone());
        db.write(move |tx| note_whole(tx, &store, &batch, begun)).await?;
    }
    let last = match outcome {
        Ok(Checked { report, .. }) => {
            let is_wrong = |level| level == FindingLevel::Error;
            let errors = report.findings.iter().filter(|finding| is_wrong(finding.level)).count() as u64;
            LastCheck { quick, interrupted: report.interrupted, errors, failure: None }
        }
        Err(error) => LastCheck { quick, interrupted: false, errors: 0, failure: Some(error.to_string()) },
    };
    db.write(move |tx| Ok(db::care::set_run(tx, "fsck", ended, &last)?)).await
}

/// Gc, which deletes in transactions, may have deleted some since: nothing is noted of what is not there.
fn note_whole(
    tx: &rusqlite::Transaction<'_>,
    store: &Store,
    whole: &[(Digest, u64)],
    at: Timestamp,
) -> Result<(), OpError> {
    for (digest, size_bytes) in whole {
        if !db::care::set_checked_again(tx, digest, at)? && store.len(digest)? == Some(*size_bytes) {
            db::care::note_written(tx, digest, *size_bytes, at)?;
        }
    }
    Ok(())
}

/// Notes how a backup ended.
///
/// # Errors
/// Those of the database.
pub async fn note_backup(
    db: &Database,
    outcome: Result<&BackupReport, &BackupError>,
    at: Timestamp,
) -> Result<(), OpError> {
    let error = match outcome {
        Ok(report) if report.missing.is_empty() => None,
        Ok(report) => Some(format!("{} objects are missing", report.missing.len())),
        Err(error) => Some(error.to_string()),
    };
    db.write(move |tx| {
        let before: Option<(_, LastBackup)> = db::care::run(tx, "backup")?;
        let whole_at = if error.is_none() { Some(at) } else { before.and_then(|(_, last)| last.whole_at) };
        Ok(db::care::set_run(tx, "backup", at, &LastBackup { error, whole_at })?)
    })
    .await
}
