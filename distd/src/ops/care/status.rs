//! How the store is, and when it was last cared for.

use std::fs;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use protocol::api::{ScrubStatus, StoreStatus};
use protocol::scope::Need;
use serde_json::Value;

use super::super::{Caller, OpError};
use super::live::ago;
use super::runs::LastBackup;
use crate::blocking::blocking;
use crate::{Server, db};

/// Counts objects and says how the tasks went. Needs `admin`.
pub(crate) async fn show(server: &Server, caller: Caller) -> Result<StoreStatus, OpError> {
    caller.require(Need::Admin)?;
    let (store, data) = (server.store.clone(), server.data().to_owned());
    let (survey, free_bytes, quarantined) = blocking(move || {
        let survey = store.survey().map_err(|error| OpError::storage("listing the objects")(error.into()))?;
        Ok::<_, OpError>((survey, store.available_space()?, count_files(&data.join("quarantine"))))
    })
    .await?;
    let unreadable = server.unreadable.count();
    let (days, now, reserve_bytes) = (server.settings().policy.scrub_days, server.clock.now(), server.reserve_bytes());
    server
        .db
        .read(move |connection| {
            let (backup_at, backup) = db::care::run::<LastBackup>(connection, "backup")?.unzip();
            let LastBackup { error, whole_at } = backup.unwrap_or_default();
            let (check_at, check) = db::care::run(connection, "fsck")?.unzip();
            Ok(StoreStatus {
                schema: "dist.store/1".to_owned(),
                objects: survey.objects.len() as u64,
                bytes: survey.objects.iter().map(|object| object.size_bytes).sum(),
                free_bytes,
                reserve_bytes,
                trashed: db::care::trash(connection)?.len() as u64,
                quarantined,
                unreadable,
                scrub: scrub(&db::care::checks(connection)?, &survey, days, now),
                check_at,
                check,
                gc_at: db::care::run::<Value>(connection, "gc")?.map(|(at, _)| at),
                backup_at,
                backup_error: error,
                whole_backup_at: whole_at,
            })
        })
        .await
}

/// How the background check is, by what is there and when it was read.
fn scrub(
    checks: &[(protocol::Digest, Timestamp)],
    survey: &objstore::Survey,
    days: u32,
    now: Timestamp,
) -> ScrubStatus {
    let checks: std::collections::HashMap<_, _> = checks.iter().copied().collect();
    let since = ago(now, SignedDuration::from_hours(24 * i64::from(days)));
    let known = survey.objects.iter().map(|object| checks.get(&object.digest).copied());
    let overdue = known.clone().filter(|at| at.is_none_or(|at| at < since)).count() as u64;
    ScrubStatus {
        days: u64::from(days),
        overdue: if days == 0 { 0 } else { overdue },
        oldest_check: known.flatten().min(),
    }
}

pub(super) fn count_files(folder: &Path) -> u64 {
    fs::read_dir(folder).map_or(0, |entries| entries.count() as u64)
}
