//! How often artifacts are downloaded: by artifact and day, without anything of who does it.
//!
//! Counts are kept in memory and written at most once a minute, when they are asked for and when the server ends, so that a
//! download costs no write. A server that is killed loses those of its last minute.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use protocol::api::{Downloads, DownloadsQuery};
use protocol::{AppSlug, Digest};

use super::super::{Caller, OpError};
use crate::Server;
use crate::db;

const BETWEEN_WRITES: SignedDuration = SignedDuration::from_mins(1);

const DEFAULT_DAYS: u32 = 30;
const MOST_DAYS: u32 = 366;

type Key = (AppSlug, Digest, Date);

/// What was not written yet.
#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<Pending>);

#[derive(Debug, Default)]
struct Pending {
    counts: HashMap<Key, u64>,
    written_at: Option<Timestamp>,
}

impl Counts {
    fn pending(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one download. Gives what is to be written, where that is due.
    fn add(&self, app: &AppSlug, digest: &Digest, now: Timestamp) -> Option<HashMap<Key, u64>> {
        let mut pending = self.pending();
        *pending.counts.entry((app.clone(), *digest, day(now))).or_default() += 1;
        let is_due = pending.written_at.is_none_or(|at| now.duration_since(at) >= BETWEEN_WRITES);
        is_due.then(|| pending.take(now))
    }
}

impl Pending {
    fn take(&mut self, now: Timestamp) -> HashMap<Key, u64> {
        self.written_at = Some(now);
        std::mem::take(&mut self.counts)
    }
}

fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// Counts a download that begins. A failure is logged: the download goes on.
pub(crate) fn note(server: &Server, app: &AppSlug, digest: &Digest) {
    let Some(due) = server.counts.add(app, digest, server.clock.now()) else { return };
    let server = server.clone();
    tokio::spawn(async move { write_or_log(&server, due).await });
}

/// Writes what there is when the server ends.
pub(crate) async fn flush_at_end(server: &Server) {
    let rest = server.counts.pending().take(server.clock.now());
    write_or_log(server, rest).await;
}

async fn write_or_log(server: &Server, counts: HashMap<Key, u64>) {
    if let Err(error) = write(server, counts).await {
        tracing::error!(%error, "downloads could not be counted");
    }
}

async fn write(server: &Server, counts: HashMap<Key, u64>) -> Result<(), OpError> {
    if counts.is_empty() {
        return Ok(());
    }
    let add = move |tx: &rusqlite::Transaction<'_>| {
        for ((app, digest, day), count) in &counts {
            db::downloads::add(tx, app, digest, *day, *count)?;
        }
        Ok(())
    };
    server.db.write(add).await
}

/// How often the artifacts of an app were downloaded lately, by day.
pub(crate) async fn list(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    query: DownloadsQuery,
) -> Result<Downloads, OpError> {
    let days = query.days.unwrap_or(DEFAULT_DAYS);
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(OpError::RequestInvalid(format!("days is 1 to {MOST_DAYS}")));
    }
    let now = server.clock.now();
    let from = day(now).saturating_sub(i64::from(days - 1).days());
    let asked = app.clone();
    server.db.read(move |connection| caller.require_read(connection, &asked)).await?;
    let pending = server.counts.pending().take(now);
    write(server, pending).await?;
    server.db.read(move |connection| Ok(Downloads { downloads: db::downloads::list(connection, &app, from)? })).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_due_once_a_minute() {
        let counts = Counts::default();
        let (app, digest) = ("acme".parse().unwrap(), Digest::of(b"a"));
        let start: Timestamp = "2026-11-22T23:59:30Z".parse().unwrap();
        let at = |seconds: i64| start + SignedDuration::from_secs(seconds);
        assert_eq!(counts.add(&app, &digest, at(0)).unwrap().len(), 1);
        for seconds in [1, 20, 40] {
            assert_eq!(counts.add(&app, &digest, at(seconds)), None);
        }
        let due = counts.add(&app, &digest, at(60)).unwrap();
        let today = due[&(app.clone(), digest, jiff::civil::date(2026, 11, 22))];
        let tomorrow = due[&(app.clone(), digest, jiff::civil::date(2026, 11, 23))];
        assert_eq!((today, tomorrow), (2, 2), "each on its own day");
    }
}
