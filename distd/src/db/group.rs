//! Group commit: what waits for the writer at the same time is committed at once, so that a push of a thousand small files waits
//! for fewer syncs. Each piece of work stays all or nothing, and its caller hears of it only when it is durable.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior, ffi};
use tokio::sync::oneshot;

use super::step;

/// Most that is committed at once, so that the first does not wait for very many.
const MOST: usize = 64;

/// What becomes of a piece of work, or what it panicked with.
type Outcome<T, E> = Result<Result<T, E>, Box<dyn Any + Send>>;

/// What waits for the writer, first come first.
#[derive(Default)]
pub(super) struct Queue(Mutex<VecDeque<Box<dyn Job>>>);

impl Queue {
    /// Adds work. It runs when someone who has the writer takes it.
    pub(super) fn add<T, E, F>(&self, work: F) -> oneshot::Receiver<Outcome<T, E>>
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<rusqlite::Error> + Send + 'static,
    {
        let (caller, outcome) = oneshot::channel();
        let job = Work { begin: Some(work), outcome: None, caller };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(Box::new(job));
        outcome
    }

    /// Takes what is to be committed next.
    pub(super) fn take(&self) -> VecDeque<Box<dyn Job>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.len().min(MOST);
        waiting.drain(..count).collect()
    }
}

/// A piece of work, whatever its types.
pub(super) trait Job: Send {
    /// Whether anyone still waits for it.
    fn is_awaited(&self) -> bool;
    /// Does it. `false` where what it did is to be undone.
    fn run(&mut self, tx: &Transaction<'_>) -> bool;
    /// Tells the caller what became of it. `failure` is why nothing is durable.
    fn tell(self: Box<Self>, failure: Option<&rusqlite::Error>);
}

struct Work<T, E, F> {
    begin: Option<F>,
    outcome: Option<Outcome<T, E>>,
    caller: oneshot::Sender<Outcome<T, E>>,
}

impl<T, E, F> Job for Work<T, E, F>
where
    F: FnOnce(&Transaction<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<rusqlite::Error> + Send,
{
    fn is_awaited(&self) -> bool {
        !self.caller.is_closed()
    }

    fn run(&mut self, tx: &Transaction<'_>) -> bool {
        let Some(work) = self.begin.take() else { return false };
        // What it left half done is undone.
        let outcome = catch_unwind(AssertUnwindSafe(|| work(tx)));
        let is_done = matches!(outcome, Ok(Ok(_)));
        self.outcome = Some(outcome);
        is_done
    }

    fn tell(self: Box<Self>, failure: Option<&rusqlite::Error>) {
        let outcome = match (self.outcome, failure) {
            (Some(Ok(Ok(_))) | None, Some(error)) => Ok(Err(again(error).into())),
            (Some(outcome), _) => outcome,
            (None, None) => return,
        };
        // Whoever waited may have given up.
        let _ = self.caller.send(outcome);
    }
}

/// Runs and commits all of it, in as few transactions as can be, and tells each caller.
pub(super) fn run(writer: &mut Connection, mut waiting: VecDeque<Box<dyn Job>>) {
    waiting.retain(|job| job.is_awaited());
    while !waiting.is_empty() {
        let mut ran = Vec::new();
        let committed = transact(writer, &mut waiting, &mut ran);
        for job in ran {
            job.tell(committed.as_ref().err());
        }
    }
}

/// One transaction. What takes part in it goes from `waiting` to `ran`, and that is at least one.
fn transact(
    writer: &mut Connection,
    waiting: &mut VecDeque<Box<dyn Job>>,
    ran: &mut Vec<Box<dyn Job>>,
) -> rusqlite::Result<()> {
    let begun = step("db.begin").and_then(|()| writer.transaction_with_behavior(TransactionBehavior::Immediate));
    let tx = begun.inspect_err(|_| ran.extend(waiting.drain(..)))?;
    let is_alone = waiting.len() == 1;
    while let Some(mut job) = waiting.pop_front() {
        let done = if is_alone { Ok(job.run(&tx)) } else { run_apart(&tx, &mut *job) };
        ran.push(job);
        match done {
            Ok(false) if is_alone => return tx.rollback(),
            // On a full or failing disk SQLite may undo all that others did, too. Those that follow get a transaction of their own.
            Ok(false) if tx.is_autocommit() => return Err(undone()),
            Ok(_) => {}
            Err(error) => return Err(error),
        }
    }
    step("db.commit")?;
    tx.commit()?;
    step("db.committed")
}

/// Runs one of several, so that what it did can be undone without what the others did.
fn run_apart(tx: &Transaction<'_>, job: &mut dyn Job) -> rusqlite::Result<bool> {
    tx.prepare_cached("SAVEPOINT job")?.execute([])?;
    let is_done = job.run(tx);
    if tx.is_autocommit() {
        return Ok(is_done);
    }
    if !is_done {
        tx.prepare_cached("ROLLBACK TO job")?.execute([])?;
    }
    tx.prepare_cached("RELEASE job")?.execute([])?;
    Ok(is_done)
}

fn undone() -> rusqlite::Error {
    let why = "SQLite undid it with a write that failed beside it".to_owned();
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_ABORT), Some(why))
}

/// The same error for one more caller.
fn again(error: &rusqlite::Error) -> rusqlite::Error {
    match error {
        rusqlite::Error::SqliteFailure(code, message) => rusqlite::Error::SqliteFailure(*code, message.clone()),
        other => rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_ERROR), Some(other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Inserted = Result<(), rusqlite::Error>;

    fn database() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "foreign_keys", true).unwrap();
        let tables = "CREATE TABLE a (n INTEGER PRIMARY KEY); \
                      CREATE TABLE b (n REFERENCES a DEFERRABLE INITIALLY DEFERRED);";
        connection.execute_batch(tables).unwrap();
        connection
    }

    fn insert(n: i64) -> impl FnOnce(&Transaction<'_>) -> Inserted + Send {
        move |tx| tx.execute("INSERT INTO a VALUES (?1)", [n]).map(drop)
    }

    fn rows(connection: &Connection) -> Vec<i64> {
        let mut rows = connection.prepare("SELECT n FROM a ORDER BY n").unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn what_fails_or_panics_takes_no_other_with_it() {
        let (mut connection, queue) = (database(), Queue::default());
        let first = queue.add(insert(1));
        let fails = queue.add(|tx: &Transaction<'_>| {
            insert(2)(tx)?;
            insert(1)(tx)
        });
        let panics = queue.add(|tx: &Transaction<'_>| -> Inserted {
            insert(3)(tx)?;
            panic!("in the middle")
        });
        let last = queue.add(insert(4));
        run(&mut connection, queue.take());
        assert_eq!(rows(&connection), [1, 4]);
        assert!(first.blocking_recv().unwrap().unwrap().is_ok());
        assert!(fails.blocking_recv().unwrap().unwrap().is_err());
        assert!(panics.blocking_recv().unwrap().is_err());
        assert!(last.blocking_recv().unwrap().unwrap().is_ok());
        assert!(queue.take().is_empty());
    }

    #[test]
    fn alone_it_is_undone_as_a_whole() {
        let (mut connection, queue) = (database(), Queue::default());
        let fails = queue.add(|tx: &Transaction<'_>| {
            insert(2)(tx)?;
            insert(2)(tx)
        });
        run(&mut connection, queue.take());
        assert!(fails.blocking_recv().unwrap().unwrap().is_err());
        assert_eq!(rows(&connection), [0; 0]);
    }

    #[test]
    fn all_hear_of_a_commit_that_fails() {
        let (mut connection, queue) = (database(), Queue::default());
        let one = queue.add(insert(1));
        let other = queue.add(|tx: &Transaction<'_>| tx.execute("INSERT INTO b VALUES (7)", []).map(drop));
        run(&mut connection, queue.take());
        for outcome in [one, other] {
            let error = outcome.blocking_recv().unwrap().unwrap().unwrap_err();
            assert_eq!(error.sqlite_error_code(), Some(ffi::ErrorCode::ConstraintViolation));
        }
        assert_eq!(rows(&connection), [0; 0]);
        assert!(connection.is_autocommit());
    }

    #[test]
    fn what_nobody_waits_for_does_not_run() {
        let (mut connection, queue) = (database(), Queue::default());
        drop(queue.add(insert(1)));
        let waits = queue.add(insert(2));
        run(&mut connection, queue.take());
        assert!(waits.blocking_recv().unwrap().unwrap().is_ok());
        assert_eq!(rows(&connection), [2]);
    }

    #[test]
    fn a_transaction_that_sqlite_gives_up_is_told_and_the_rest_goes_on() {
        let (mut connection, queue) = (database(), Queue::default());
        let before = queue.add(insert(1));
        let gives_up = queue.add(|tx: &Transaction<'_>| {
            tx.execute_batch("ROLLBACK")?;
            insert(1)(tx)?;
            insert(1)(tx)
        });
        let after = queue.add(insert(3));
        run(&mut connection, queue.take());
        assert!(before.blocking_recv().unwrap().unwrap().is_err());
        assert!(gives_up.blocking_recv().unwrap().unwrap().is_err());
        assert!(after.blocking_recv().unwrap().unwrap().is_ok());
        assert!(rows(&connection).contains(&3));
    }
}
