//! What checks and backups came to, noted for who asks later: the console, metrics, `distd doctor`.

use jiff::Timestamp;
use protocol::api::{CheckReport, FindingLevel, LastCheck};
use serde::{Deserialize, Serialize};

use super::super::OpError;
use super::backup::{BackupError, BackupReport};
use super::check::CheckError;
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

/// Notes how a check ended.
///
/// # Errors
/// Those of the database.
pub async fn note_check(
    db: &Database,
    quick: bool,
    outcome: Result<&CheckReport, &CheckError>,
    at: Timestamp,
) -> Result<(), OpError> {
    let last = match outcome {
        Ok(report) => {
            let is_wrong = |level| level == FindingLevel::Error;
            let errors = report.findings.iter().filter(|finding| is_wrong(finding.level)).count() as u64;
            LastCheck { quick, interrupted: report.interrupted, errors, failure: None }
        }
        Err(error) => LastCheck { quick, interrupted: false, errors: 0, failure: Some(error.to_string()) },
    };
    db.write(move |tx| Ok(db::care::set_run(tx, "fsck", at, &last)?)).await
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
