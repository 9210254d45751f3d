//! What a server does by itself: gc, the background check, backups.

use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use objstore::CopyMethod;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::super::{Caller, OpError, staging};
use super::scrub::scrub;
use super::{backup, check_chain, gc, note_backup};
use crate::blocking::blocking;
use crate::{Server, db};

/// How often the background check looks what is due.
const SCRUB_TICK: Duration = Duration::from_mins(1);

/// How often it looks where nothing was due: it lists all objects to tell.
const SCRUB_IDLE: Duration = Duration::from_mins(30);

/// A server that has just started has other things to do than gc.
const FIRST_GC_AFTER: Duration = Duration::from_mins(1);

/// How often the audit chain is checked.
const CHAIN_EVERY: Duration = Duration::from_hours(24);

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
            tokio::time::sleep(until_due(&server, "gc", every).await.max(FIRST_GC_AFTER.min(every))).await;
            loop {
                collect(&server).await;
                tokio::time::sleep(every).await;
            }
        }));
    }
    let scrubbed = server.clone();
    tasks.push(tokio::spawn(async move {
        let mut wait = SCRUB_TICK;
        loop {
            tokio::time::sleep(wait).await;
            wait = SCRUB_TICK;
            if scrubbed.settings().policy.scrub_days == 0 {
                continue;
            }
            match scrub(&scrubbed).await {
                Ok(0) => wait = SCRUB_IDLE,
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "the background check could not go on"),
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
            tokio::time::sleep(until_due(&server, "backup", backups.every).await).await;
            loop {
                back_up(&server, &backups).await;
                tokio::time::sleep(backups.every).await;
            }
        }));
    }
    tasks
}

/// How long it is until a task is due that runs so often, by when it last ran: however often the server is started, it runs no
/// earlier and no later for it. Where that is not known it is due.
pub async fn until_due(server: &Server, task: &'static str, every: Duration) -> Duration {
    let last = server.db.read(move |connection| Ok::<_, OpError>(db::care::run::<Value>(connection, task)?)).await;
    match last {
        Ok(Some((at, _))) => left(at, every, server.clock.now()),
        Ok(None) => Duration::ZERO,
        Err(error) => {
            tracing::error!(%error, task, "when it last ran cannot be read");
            Duration::ZERO
        }
    }
}

/// What is left of a period that began at `at`. A clock that stepped back makes it no longer than the period.
fn left(at: Timestamp, every: Duration, now: Timestamp) -> Duration {
    let gone = now.duration_since(at).max(SignedDuration::ZERO);
    every.saturating_sub(gone.unsigned_abs())
}

async fn collect(server: &Server) {
    if let Err(error) = staging::expire(server).await {
        tracing::error!(%error, "staged parts whose time is over could not be dropped");
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_period_counts_from_the_last_run() {
        let now: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        let (day, hour) = (Duration::from_hours(24), SignedDuration::from_hours(1));
        let check = |at: Timestamp, expect: Duration| assert_eq!(left(at, day, now), expect, "{at}");
        check(now, day);
        check(now - hour * 23, Duration::from_hours(1));
        check(now - hour * 24, Duration::ZERO);
        check(now - hour * 1000, Duration::ZERO);
        check(now + hour, day);
    }
}
