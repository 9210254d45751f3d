//! What a server does by itself: gc, the background check, backups.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use objstore::{BLOCK_BYTES, CopyMethod, Digest, SurveyedObject, VerifyError};
use tokio::task::JoinHandle;

use super::super::{Caller, OpError};
use super::live::ago;
use super::{backup, check_chain, examine, gc, note_backup};
use crate::blocking::blocking;
use crate::{Server, db};

/// How often the background check looks what is due.
const SCRUB_TICK: Duration = Duration::from_mins(1);

/// How often the audit chain is checked.
const CHAIN_EVERY: Duration = Duration::from_hours(24);

/// What is read at least in one go: a small store is not read byte by byte.
const SCRUB_LEAST_BYTES: u64 = 64 * 1024 * 1024;

/// What a server does by itself, and how often. What is `None` it does not do.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    /// Gc.
    pub gc_every: Option<Duration>,
    /// Backups.
    pub backup: Option<Backups>,
}

/// Where backups go.
#[derive(Debug, Clone)]
pub struct Backups {
    /// The folder.
    pub directory: PathBuf,
    /// How often one is made.
    pub every: Duration,
    /// How many are kept.
    pub keep: usize,
    /// How objects get there.
    pub method: CopyMethod,
}

/// Begins to care. The tasks end with the runtime, or when they are aborted; nothing of theirs is lost by that.
pub fn start(server: &Server, schedule: Schedule) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::new();
    if let Some(every) = schedule.gc_every {
        let server = server.clone();
        tasks.push(tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                collect(&server).await;
            }
        }));
    }
    let scrubbed = server.clone();
    tasks.push(tokio::spawn(async move {
        loop {
            tokio::time::sleep(SCRUB_TICK).await;
            if scrubbed.settings().policy.scrub_days == 0 {
                continue;
            }
            if let Err(error) = scrub(&scrubbed).await {
                tracing::error!(%error, "the background check could not go on");
            }
        }
    }));
    let chained = server.clone();
    tasks.push(tokio::spawn(async move {
        loop {
            if let Err(error) = check_chain(&chained).await {
                tracing::error!(%error, "the audit chain could not be checked");
            }
            tokio::time::sleep(CHAIN_EVERY).await;
        }
    }));
    if let Some(backups) = schedule.backup {
        let server = server.clone();
        tasks.push(tokio::spawn(async move {
            loop {
                back_up(&server, &backups).await;
                tokio::time::sleep(backups.every).await;
            }
        }));
    }
    tasks
}

async fn collect(server: &Server) {
    match gc::run(&server.ground(), &Caller::local()).await {
        Ok(report) if report.is_empty() => {}
        Ok(report) => tracing::info!(
            expired = report.expired.len(),
            abandoned = report.abandoned.len(),
            trashed = report.trashed.len(),
            deleted = report.deleted.len(),
            freed_bytes = report.freed_bytes(),
            "gc"
        ),
        Err(error) => tracing::error!(%error, "gc could not go on"),
    }
}

async fn back_up(server: &Server, backups: &Backups) {
    let (job, worker, now) = (backups.clone(), server.clone(), server.clock.now());
    let made = blocking(move || {
        let made = backup::create(worker.data(), &worker.store, &worker.db, &job.directory, job.method, now)?;
        let removed = backup::rotate(&job.directory, job.keep)?;
        Ok::<_, backup::BackupError>(backup::BackupReport { removed, ..made })
    });
    let made = made.await;
    match &made {
        Ok(report) if report.missing.is_empty() => {
            tracing::info!(snapshot = report.snapshot, copied = report.copied, "backup made");
        }
        Ok(report) => {
            tracing::error!(missing = report.missing.len(), "a backup was made of a store that lacks objects");
        }
        Err(error) => tracing::error!(%error, "no backup was made"),
    }
    if let Err(error) = note_backup(&server.db, made.as_ref(), now).await {
        tracing::error!(%error, "the backup could not be noted");
    }
}

/// Reads what is due, as much as keeps up with the period.
///
/// # Errors
/// When the objects cannot be listed or the database fails. A damaged object is none: it is moved aside and told.
pub async fn scrub(server: &Server) -> Result<u64, OpError> {
    let store = server.store.clone();
    let survey = blocking(move || store.survey()).await;
    let survey = survey.map_err(|error| OpError::storage("listing the objects")(error.into()))?;
    let checks = server.db.read(|connection| Ok::<_, OpError>(db::care::checks(connection)?)).await?;
    let due =
        plan(&survey.objects, &checks.into_iter().collect(), server.settings().policy.scrub_days, server.clock.now());
    let count = due.len() as u64;
    for object in due {
        let (store, digest, at) = (server.store.clone(), object.digest, server.clock.now());
        match blocking(move || store.verify_and_sum(&digest)).await {
            Ok(sums) => {
                server
                    .db
                    .write(move |tx| {
                        match object.size_bytes {
                            size @ ..=BLOCK_BYTES => db::care::set_checked(tx, &digest, size, at)?,
                            _ => db::care::set_sums(tx, &digest, &sums, at)?,
                        }
                        Ok::<_, OpError>(())
                    })
                    .await?;
            }
            Err(VerifyError::NotFound { .. }) => {}
            Err(_) => examine(server.clone(), digest).await,
        }
    }
    Ok(count)
}

/// What to read now: what was not read for half of the period, the longest first, so much that all of it is read within the
/// other half. Knows nothing but what it is given.
fn plan(
    objects: &[SurveyedObject],
    checks: &HashMap<Digest, Timestamp>,
    days: u32,
    now: Timestamp,
) -> Vec<SurveyedObject> {
    let half = ago(now, SignedDuration::from_hours(12 * i64::from(days)));
    let last = |object: &SurveyedObject| checks.get(&object.digest).copied().unwrap_or(Timestamp::MIN);
    let mut due: Vec<SurveyedObject> = objects.iter().filter(|object| last(object) < half).copied().collect();
    due.sort_by_key(|object| (last(object), object.digest));
    let total: u64 = objects.iter().map(|object| object.size_bytes).sum();
    let ticks = 12 * 60 * u64::from(days.max(1));
    let budget = (total / ticks + 1).max(SCRUB_LEAST_BYTES);
    let mut bytes = 0;
    let within = due.iter().take_while(|object| {
        let fits = bytes < budget;
        bytes += object.size_bytes;
        fits
    });
    within.copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_read_for_the_longest_is_read_first_and_no_more_than_keeps_up() {
        let object =
            |name: u8, size_bytes| SurveyedObject { digest: Digest::of(&[name]), size_bytes, is_read_only: true };
        let now: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        let days_ago = |days: i64| now - SignedDuration::from_hours(24 * days);
        let objects = [object(1, 50 << 20), object(2, 50 << 20), object(3, 50 << 20), object(4, 1)];
        let at = [(1, 20), (2, 25), (3, 16), (4, 3)];
        let checks = at.iter().map(|(name, days)| (Digest::of(&[*name]), days_ago(*days))).collect();
        let planned = plan(&objects, &checks, 30, now);
        assert_eq!(planned, [objects[1], objects[0]], "two are over the budget, and the fourth is not due");
        assert_eq!(plan(&objects, &HashMap::new(), 30, now).len(), 2, "what was never read is due");
        assert!(plan(&objects, &checks, 60, now).is_empty());
    }
}
