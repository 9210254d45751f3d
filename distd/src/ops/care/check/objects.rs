//! Reading every object, on all cores, no faster than allowed, and from where an earlier check had got to.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use objstore::{Digest, Store, SurveyedObject, VerifyError};
use protocol::api::{CheckEvent, Finding, FindingKind, FindingLevel};
use serde::{Deserialize, Serialize};

use super::{CheckError, Findings, Options};

/// How often progress is told and the position kept.
const TICK: Duration = Duration::from_millis(250);

/// How far a check had got. The largest objects are read first, those of one size by digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Every object before this one was read.
    pub next: Digest,
    /// Its size.
    pub next_bytes: u64,
    /// What was found among those before.
    pub findings: Vec<Finding>,
}

/// What an earlier check left; `None` where there is nothing that can be understood.
pub fn read_position(path: &Path) -> Option<Position> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) bytes: u64,
    /// Those that are what their names say, with their sizes.
    pub(super) whole: Vec<(Digest, u64)>,
}

/// What the threads share.
struct Work<'a> {
    store: &'a Store,
    objects: Vec<&'a SurveyedObject>,
    next: Mutex<usize>,
    /// The first object that each thread is at.
    at: Vec<AtomicUsize>,
    done: AtomicU64,
    bytes: AtomicU64,
    /// With the place of the object.
    found: Mutex<Vec<(usize, Finding)>>,
    whole: Mutex<Vec<(Digest, u64)>>,
    ended: AtomicUsize,
    stop: &'a AtomicBool,
    begun: Instant,
    /// Woken when a thread is through.
    waiting: thread::Thread,
    max_bytes_per_second: u64,
}

/// Reads every object but those in `skip`, whose size is wrong already.
///
/// # Errors
/// [`CheckError::Panicked`].
pub(super) fn read(
    store: &Store,
    objects: &[SurveyedObject],
    skip: &HashSet<Digest>,
    options: &Options,
    stop: &AtomicBool,
    findings: &mut Findings<'_>,
) -> Result<Read, CheckError> {
    let order = |size_bytes: u64, digest: Digest| (Reverse(size_bytes), digest);
    let from = options.resume.as_ref().map(|position| order(position.next_bytes, position.next));
    let wanted = |object: &&SurveyedObject| {
        !skip.contains(&object.digest) && from.is_none_or(|it| order(object.size_bytes, object.digest) >= it)
    };
    let mut wanted: Vec<_> = objects.iter().filter(wanted).collect();
    wanted.sort_unstable_by_key(|object| order(object.size_bytes, object.digest));
    let threads = match options.threads {
        0 => thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let work = Work {
        store,
        objects: wanted,
        next: Mutex::new(0),
        at: (0..threads).map(|_| AtomicUsize::new(0)).collect(),
        done: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        found: Mutex::default(),
        whole: Mutex::default(),
        ended: AtomicUsize::new(0),
        stop,
        begun: Instant::now(),
        waiting: thread::current(),
        max_bytes_per_second: options.max_bytes_per_second,
    };
    let earlier = options.resume.as_ref().map(|position| position.findings.clone()).unwrap_or_default();
    let is_through = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|number| {
                scope.spawn({
                    let work = &work;
                    move || work.run(number)
                })
            })
            .collect();
        while work.ended.load(Ordering::Acquire) < threads {
            thread::park_timeout(TICK);
            work.tell(findings);
            work.keep_position(options.position.as_deref(), &earlier);
        }
        // All of them are waited for.
        workers.into_iter().map(thread::ScopedJoinHandle::join).filter(Result::is_err).count() == 0
    });
    if !is_through {
        return Err(CheckError::Panicked);
    }
    work.tell(findings);
    if let (Some(path), false) = (&options.position, stop.load(Ordering::Relaxed)) {
        let _ = fs::remove_file(path);
    }
    let found = work.found.into_inner().unwrap_or_else(PoisonError::into_inner);
    for finding in found.into_iter().map(|(_, finding)| finding).chain(earlier) {
        findings.push(finding);
    }
    let whole = work.whole.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Read { bytes: work.bytes.into_inner(), whole })
}

/// Counts a thread as through when it ends, in whatever way: who waits for it would wait for ever.
struct Ending<'a>(&'a Work<'a>);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Release);
        self.0.waiting.unpark();
    }
}

impl Work<'_> {
    fn run(&self, number: usize) {
        let _ending = Ending(self);
        while !self.stop.load(Ordering::Relaxed) {
            let batch = self.take();
            self.at[number].store(batch.start, Ordering::Relaxed);
            if batch.is_empty() {
                break;
            }
            self.done.fetch_add(self.check(batch), Ordering::Relaxed);
        }
        if !self.stop.load(Ordering::Relaxed) {
            self.at[number].store(self.objects.len(), Ordering::Relaxed);
        }
    }

    /// The next objects that nobody has taken, as many as are best read together.
    fn take(&self) -> Range<usize> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let left = self.objects[*next..].iter().map(|object| object.size_bytes);
        let start = *next;
        *next += objstore::batch(left, self.at.len());
        start..*next
    }

    /// Reads the objects; returns how many they are.
    fn check(&self, batch: Range<usize>) -> u64 {
        let digests: Vec<Digest> = self.objects[batch.clone()].iter().map(|object| object.digest).collect();
        let outcomes = self.store.verify_together(&digests, |bytes| self.watch(bytes));
        for ((index, digest), outcome) in batch.zip(&digests).zip(outcomes) {
            if outcome.is_ok() {
                let size_bytes = self.objects[index].size_bytes;
                self.whole.lock().unwrap_or_else(PoisonError::into_inner).push((*digest, size_bytes));
            }
            if let Some((kind, message)) = self.judge(outcome) {
                let subject = digest.to_string();
                let finding = Finding { kind, level: FindingLevel::Error, subject, message, repaired: None };
                self.found.lock().unwrap_or_else(PoisonError::into_inner).push((index, finding));
            }
        }
        digests.len() as u64
    }

    fn judge(&self, outcome: Result<(), VerifyError>) -> Option<(FindingKind, String)> {
        match outcome {
            // Gone since it was listed: whether it should be there is asked at the end.
            Ok(()) | Err(VerifyError::NotFound { .. }) => None,
            Err(VerifyError::Io { .. }) if self.stop.load(Ordering::Relaxed) => None,
            Err(VerifyError::Damaged { actual, file, .. }) => {
                Some((FindingKind::ObjectDamaged, format!("its {} bytes hash to {actual}", file.size_bytes())))
            }
            Err(VerifyError::Io { source, .. }) => Some((FindingKind::ObjectUnreadable, source.to_string())),
        }
    }

    /// Counts bytes, and waits where they come faster than allowed.
    fn watch(&self, bytes: u64) -> io::Result<()> {
        let total = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if self.max_bytes_per_second > 0 {
            let due = Duration::from_secs_f64(to_f64(total) / to_f64(self.max_bytes_per_second));
            while !self.stop.load(Ordering::Relaxed)
                && let Some(early) = due.checked_sub(self.begun.elapsed())
                && !early.is_zero()
            {
                thread::sleep(early.min(TICK));
            }
        }
        if self.stop.load(Ordering::Relaxed) { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    }

    fn tell(&self, findings: &Findings<'_>) {
        (findings.listener)(CheckEvent::Progress {
            objects: self.done.load(Ordering::Relaxed),
            of_objects: self.objects.len() as u64,
            bytes: self.bytes.load(Ordering::Relaxed),
            of_bytes: self.objects.iter().map(|object| object.size_bytes).sum(),
        });
    }

    /// Keeps how far it got. That this fails only means that the next check begins earlier.
    fn keep_position(&self, path: Option<&Path>, earlier: &[Finding]) {
        let first = self.at.iter().map(|at| at.load(Ordering::Relaxed)).min().unwrap_or(0);
        if let (Some(path), Some(object)) = (path, self.objects.get(first)) {
            let found = self.found.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let found = found.into_iter().filter(|(index, _)| *index < first).map(|(_, finding)| finding);
            let findings = earlier.iter().cloned().chain(found).collect();
            let position = Position { next: object.digest, next_bytes: object.size_bytes, findings };
            let temp = path.with_extension("part");
            let _ = serde_json::to_vec(&position)
                .map_err(io::Error::from)
                .and_then(|bytes| fs::write(&temp, bytes))
                .and_then(|()| fs::rename(&temp, path));
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
fn to_f64(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_panics_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (store, stop) = (Store::attach(folder.path(), objstore::Options::default()), AtomicBool::new(false));
        let object = SurveyedObject { digest: Digest::of(b""), size_bytes: 0, is_read_only: true };
        let work = Work {
            store: &store,
            objects: vec![&object],
            next: Mutex::new(0),
            at: vec![AtomicUsize::new(0)],
            done: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            found: Mutex::default(),
            whole: Mutex::default(),
            ended: AtomicUsize::new(0),
            stop: &stop,
            begun: Instant::now(),
            waiting: thread::current(),
            max_bytes_per_second: 0,
        };
        // There is no such thread: its place is out of bounds.
        let outcome = thread::scope(|scope| scope.spawn(|| work.run(7)).join());
        assert!(outcome.is_err());
        assert_eq!(work.ended.load(Ordering::Acquire), 1);
    }
}
