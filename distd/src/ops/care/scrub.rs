//! The background check: reads every object within a number of days, a little each minute.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use objstore::{BLOCK_BYTES, Digest, SurveyedObject, VerifyError};

use super::super::OpError;
use super::examine;
use super::live::ago;
use crate::blocking::in_background;
use crate::{Server, db};

/// What is read at least in one go: a small store is not read byte by byte.
const LEAST_BYTES: u64 = 64 * 1024 * 1024;

/// After how long an object that the disk did not give is tried again the first time. Twice as long each further time.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// So often the time is doubled at most: seven hours in the end.
const DOUBLED_AT_MOST: u32 = 5;

/// Objects that the disk did not give when they were last read, and when they are tried again: they are not to keep the others
/// from being read. Kept in memory: a server that starts tries them all.
#[derive(Debug, Default)]
pub(crate) struct Unreadable(Mutex<HashMap<Digest, Attempt>>);

#[derive(Debug, Clone, Copy)]
struct Attempt {
    failures: u32,
    again_at: Timestamp,
}

impl Unreadable {
    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.attempts().len() as u64
    }

    fn failed(&self, digest: Digest, now: Timestamp) {
        let mut attempts = self.attempts();
        let failures = attempts.get(&digest).map_or(0, |attempt| attempt.failures);
        let wait = AGAIN_AFTER * (1 << failures.min(DOUBLED_AT_MOST));
        let again_at = now.checked_add(wait).unwrap_or(Timestamp::MAX);
        attempts.insert(digest, Attempt { failures: failures + 1, again_at });
    }

    fn read(&self, digest: &Digest) {
        self.attempts().remove(digest);
    }

    /// Those whose time has not come. What is not among `objects` any more is forgotten.
    fn waiting(&self, objects: &[SurveyedObject], now: Timestamp) -> HashSet<Digest> {
        let mut attempts = self.attempts();
        if !attempts.is_empty() {
            let there: HashSet<Digest> = objects.iter().map(|object| object.digest).collect();
            attempts.retain(|digest, _| there.contains(digest));
        }
        attempts.iter().filter(|(_, attempt)| attempt.again_at > now).map(|(digest, _)| *digest).collect()
    }

    fn attempts(&self) -> MutexGuard<'_, HashMap<Digest, Attempt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads what is due, as much as keeps up with the period.
///
/// # Errors
/// When the objects cannot be listed or the database fails. A damaged object is none: it is moved aside and told. One that
/// cannot be read is none either: it is told, and tried again later.
pub async fn scrub(server: &Server) -> Result<u64, OpError> {
    let store = server.store.clone();
    let survey = in_background(move || store.survey()).await;
    let survey = survey.map_err(|error| OpError::storage("listing the objects")(error.into()))?;
    let checks = server.db.read(|connection| Ok::<_, OpError>(db::care::checks(connection)?)).await?;
    let (days, now) = (server.settings().policy.scrub_days, server.clock.now());
    let waiting = server.unreadable.waiting(&survey.objects, now);
    let due = plan(&survey.objects, &checks.into_iter().collect(), &waiting, days, now);
    let count = due.len() as u64;
    for object in due {
        let (store, digest, at) = (server.store.clone(), object.digest, server.clock.now());
        match in_background(move || store.verify_and_sum(&digest)).await {
            Ok(sums) => {
                server.unreadable.read(&digest);
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
            Err(VerifyError::NotFound { .. }) => server.unreadable.read(&digest),
            Err(VerifyError::Damaged { .. }) => {
                server.unreadable.read(&digest);
                examine(server.clone(), digest).await;
            }
            Err(VerifyError::Io { source, .. }) => {
                server.unreadable.failed(digest, at);
                tracing::error!(%digest, error = %source, "an object cannot be read; it is tried again later");
            }
        }
    }
    Ok(count)
}

/// What to read now: what was not read for half of the period, the longest first, so much that all of it is read within the
/// other half. Those that wait are left out. Knows nothing but what it is given.
fn plan(
    objects: &[SurveyedObject],
    checks: &HashMap<Digest, Timestamp>,
    waiting: &HashSet<Digest>,
    days: u32,
    now: Timestamp,
) -> Vec<SurveyedObject> {
    let half = ago(now, SignedDuration::from_hours(12 * i64::from(days)));
    let last = |object: &SurveyedObject| checks.get(&object.digest).copied().unwrap_or(Timestamp::MIN);
    let is_due = |object: &&SurveyedObject| last(object) < half && !waiting.contains(&object.digest);
    let mut due: Vec<SurveyedObject> = objects.iter().filter(is_due).copied().collect();
    due.sort_by_key(|object| (last(object), object.digest));
    let total: u64 = objects.iter().map(|object| object.size_bytes).sum();
    let ticks = 12 * 60 * u64::from(days.max(1));
    let budget = (total / ticks + 1).max(LEAST_BYTES);
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
        let none = HashSet::new();
        let planned = plan(&objects, &checks, &none, 30, now);
        assert_eq!(planned, [objects[1], objects[0]], "two are over the budget, and the fourth is not due");
        assert_eq!(plan(&objects, &HashMap::new(), &none, 30, now).len(), 2, "what was never read is due");
        assert!(plan(&objects, &checks, &none, 60, now).is_empty());
    }

    #[test]
    fn what_cannot_be_read_waits_longer_each_time_and_keeps_nothing_else_from_being_read() {
        let objects = [1, 2].map(|name| SurveyedObject {
            digest: Digest::of(&[name]),
            size_bytes: LEAST_BYTES,
            is_read_only: true,
        });
        let now: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        let minutes = |minutes: i64| now + SignedDuration::from_mins(minutes);
        let long_ago = now - SignedDuration::from_hours(24 * 40);
        let checks = HashMap::from([(objects[0].digest, long_ago), (objects[1].digest, minutes(-60 * 24 * 30))]);
        let unreadable = Unreadable::default();
        let next = |at: Timestamp| plan(&objects, &checks, &unreadable.waiting(&objects, at), 30, at)[0];
        assert_eq!(next(now), objects[0]);
        unreadable.failed(objects[0].digest, now);
        assert_eq!((next(minutes(9)), next(minutes(10)), unreadable.count()), (objects[1], objects[0], 1));
        unreadable.failed(objects[0].digest, minutes(10));
        assert_eq!((next(minutes(29)), next(minutes(30))), (objects[1], objects[0]));
        unreadable.read(&objects[0].digest);
        assert_eq!((next(now), unreadable.count()), (objects[0], 0));
        unreadable.failed(objects[0].digest, now);
        unreadable.waiting(&objects[1..], now);
        assert_eq!(unreadable.count(), 0, "it is gone");
    }
}
