//! SQLite: where everything that moves lives.
//!
//! One writer connection, several readers, all used from blocking threads. A write is all or nothing and durable when
//! [`Database::write`] returns (`BEGIN IMMEDIATE`, `journal_mode=WAL`, `synchronous=FULL`); writes that wait for the writer at the
//! same time share a transaction, and so one sync (`group.rs`). The modules beside this one are
//! plain functions on a connection or transaction; they decide nothing and know no HTTP.

pub(crate) mod apps;
pub(crate) mod audit;
pub(crate) mod care;
pub(crate) mod chunks;
mod convert;
mod copies;
pub(crate) mod downloads;
pub(crate) mod gauges;
mod group;
pub(crate) mod links;
mod migrate;
pub(crate) mod mirrors;
pub(crate) mod objects;
pub(crate) mod pins;
#[cfg(test)]
mod plan;
pub(crate) mod publishers;
pub(crate) mod releases;
pub(crate) mod reports;
pub(crate) mod revocations;
pub(crate) mod sessions;
pub(crate) mod stages;
pub(crate) mod tokens;
pub(crate) mod webhooks;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use tokio::sync::{Notify, Semaphore};

use crate::blocking::blocking;
pub(crate) use convert::DbResult;
pub use convert::{Corrupt, DbError};
use copies::back_up;
pub(crate) use copies::{copy, copy_as_newest, find_log, open_as_newest};
pub use migrate::MigrateError;
pub(crate) use migrate::NEWEST;
#[cfg(test)]
pub(crate) use migrate::tables_of;

/// The database file in the data directory.
pub const FILE_NAME: &str = "dist.sqlite";

const READERS: usize = 4;
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// The database of one data directory. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    writer: Arc<tokio::sync::Mutex<Connection>>,
    waiting: Arc<group::Queue>,
    readers: Arc<Readers>,
    written: Arc<Notify>,
}

struct Readers {
    idle: Mutex<Vec<Connection>>,
    free: Arc<Semaphore>,
}

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// SQLite refuses.
    #[error("cannot open the database {path}: {source}", path = path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// Its tables are those of an older version, and whoever opens it does not change them.
    #[error("{path} has schema version {found}, this distd has {known}; distd serve changes it, after a backup", path = path.display())]
    Older {
        /// The file.
        path: PathBuf,
        /// The version of its tables.
        found: usize,
        /// The version known here.
        known: usize,
    },
    /// Its tables cannot be brought to this version.
    #[error("cannot use the database {path}: {source}", path = path.display())]
    Migrate {
        /// The file.
        path: PathBuf,
        /// Why.
        source: MigrateError,
    },
}

impl Database {
    /// Opens or creates the database of a data directory and brings its tables to this version.
    ///
    /// # Errors
    /// When the file cannot be opened, or belongs to a newer version.
    pub fn open(data: &Path) -> Result<Self, OpenError> {
        let path = data.join(FILE_NAME);
        let sqlite = |source| OpenError::Sqlite { path: path.clone(), source };
        let mut writer = open_writer(&path).map_err(sqlite)?;
        let before = |connection: &Connection, version| back_up(connection, data, version);
        migrate::run(&mut writer, before).map_err(|source| OpenError::Migrate { path: path.clone(), source })?;
        let idle = (0..READERS).map(|_| open_reader(&path)).collect::<Result<Vec<_>, _>>().map_err(sqlite)?;
        let readers = Readers { idle: Mutex::new(idle), free: Arc::new(Semaphore::new(READERS)) };
        Ok(Self {
            writer: Arc::new(tokio::sync::Mutex::new(writer)),
            waiting: Arc::default(),
            readers: Arc::new(readers),
            written: Arc::default(),
        })
    }

    /// Opens the database of a data directory beside the server that uses it: its tables must have this version already.
    ///
    /// # Errors
    /// When the file cannot be opened, or has other tables.
    pub fn attach(data: &Path) -> Result<Self, OpenError> {
        check_version(&open_existing(data)?, &data.join(FILE_NAME))?;
        Self::open(data)
    }

    /// Runs `work` in a write transaction. What it did is durable on return, or undone when it fails. Where nobody waits for it
    /// any more when its turn comes, it does not run.
    ///
    /// # Errors
    /// Those of `work`, and those of SQLite.
    ///
    /// # Panics
    /// Only where `work` does.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<rusqlite::Error> + Send + 'static,
    {
        let mut outcome = self.waiting.add(work);
        let told = tokio::select! {
            biased;
            // Whoever had the writer took this along.
            told = &mut outcome => told,
            mut writer = Arc::clone(&self.writer).lock_owned() => {
                let together = self.waiting.take();
                blocking(move || group::run(&mut writer, together)).await;
                outcome.await
            }
        };
        let written = match told.expect("whoever takes work tells what became of it") {
            Ok(written) => written,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        if written.is_ok() {
            self.written.notify_one();
        }
        written
    }

    /// Waits for a write of this process: one that ends from now on, or ended since the last wait.
    pub(crate) async fn written(&self) {
        self.written.notified().await;
    }

    /// The same as [`Database::write`], for a caller that has no async runtime.
    ///
    /// # Errors
    /// Those of `work`, and those of SQLite.
    pub fn write_blocking<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        transact(&mut self.writer.blocking_lock(), work)
    }

    /// Runs `work` on one reader, on one snapshot of the database.
    ///
    /// # Errors
    /// Those of `work`, and those of SQLite.
    ///
    /// # Panics
    /// Only where `work` does.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<rusqlite::Error> + Send + 'static,
    {
        let readers = Arc::clone(&self.readers);
        let permit = Arc::clone(&readers.free).acquire_owned().await.expect("the semaphore is never closed");
        blocking(move || {
            // Goes with the work and not with whoever waits for it: they may give up, and the work goes on.
            let _permit = permit;
            let mut reader = readers.take();
            let snapshot = reader.0.as_mut().expect("taken above").transaction()?;
            work(&snapshot)
        })
        .await
    }
}

/// A reader that goes back to the idle ones however its work ends.
struct Borrowed<'a>(Option<Connection>, &'a Readers);

impl Readers {
    fn take(&self) -> Borrowed<'_> {
        let connection = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Borrowed(Some(connection.expect("a permit stands for an idle reader")), self)
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        self.1.idle.lock().unwrap_or_else(PoisonError::into_inner).extend(self.0.take());
    }
}

/// Opens the database of a data directory to look at it, beside whoever else uses it.
///
/// # Errors
/// When there is none, or it cannot be read.
pub(crate) fn open_existing(data: &Path) -> Result<Connection, OpenError> {
    open_read_only(&data.join(FILE_NAME))
}

/// Opens a database file to look at it.
///
/// # Errors
/// When there is none, or it cannot be read.
pub(crate) fn open_read_only(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags);
    let ready = opened.and_then(|connection| connection.busy_timeout(BUSY_TIMEOUT).map(|()| connection));
    ready.map_err(|source| OpenError::Sqlite { path: path.to_owned(), source })
}

/// Refuses a database whose tables are not those of this version.
///
/// # Errors
/// When they are older or newer, or it cannot be read.
pub(crate) fn check_version(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let sqlite = |source| OpenError::Sqlite { path: path.to_owned(), source };
    match migrate::version(connection).map_err(sqlite)? {
        found if found == NEWEST => Ok(()),
        found if found > NEWEST => {
            Err(OpenError::Migrate { path: path.to_owned(), source: MigrateError::Newer { found, known: NEWEST } })
        }
        found => Err(OpenError::Older { path: path.to_owned(), found, known: NEWEST }),
    }
}

fn transact<T, E: From<rusqlite::Error>>(
    writer: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
) -> Result<T, E> {
    step("db.begin")?;
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = work(&transaction)?;
    step("db.commit")?;
    transaction.commit()?;
    step("db.committed")?;
    Ok(done)
}

/// A step of [`crate::faults`], failing as SQLite would.
fn step(name: &'static str) -> rusqlite::Result<()> {
    use rusqlite::ffi;
    crate::faults::step(name).map_err(|error| {
        let code = match error.kind() {
            io::ErrorKind::StorageFull => ffi::SQLITE_FULL,
            io::ErrorKind::ReadOnlyFilesystem => ffi::SQLITE_READONLY,
            io::ErrorKind::ResourceBusy => ffi::SQLITE_BUSY,
            _ => ffi::SQLITE_IOERR,
        };
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some(error.to_string()))
    })
}

fn open_writer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    keep_statements(&connection)?;
    Ok(connection)
}

fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "query_only", true)?;
    keep_statements(&connection)?;
    Ok(connection)
}

/// Statements are prepared once. Left to itself, SQLite prepares some again for each value that is bound, in case that another
/// plan fits it better; ours are held to their plans by tests.
fn keep_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_reader_stays_taken_while_work_that_nobody_waits_for_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::open(folder.path()).unwrap();
        let (begun, has_begun) = mpsc::channel();
        let (release, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        for _ in 0..READERS {
            let (db, begun, gate) = (db.clone(), begun.clone(), Arc::clone(&gate));
            let reading = tokio::spawn(async move {
                let work = move |_: &Connection| {
                    begun.send(()).unwrap();
                    let _ = gate.lock().unwrap().recv();
                    Ok::<_, rusqlite::Error>(())
                };
                db.read(work).await
            });
            tokio::task::yield_now().await;
            tokio::task::block_in_place(|| has_begun.recv()).unwrap();
            reading.abort();
            assert!(reading.await.unwrap_err().is_cancelled());
        }
        assert_eq!(db.readers.free.available_permits(), 0);
        drop(release);
        db.read(|_| Ok::<_, rusqlite::Error>(())).await.unwrap();
    }
}
