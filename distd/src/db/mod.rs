//! SQLite: where everything that moves lives.
//!
//! One writer connection, several readers, all used from blocking threads. A write is one `BEGIN IMMEDIATE` transaction that
//! is durable when [`Database::write`] returns (`journal_mode=WAL`, `synchronous=FULL`). The modules beside this one are
//! plain functions on a connection or transaction; they decide nothing and know no HTTP.

pub(crate) mod apps;
pub(crate) mod audit;
pub(crate) mod chunks;
mod convert;
pub(crate) mod downloads;
pub(crate) mod links;
mod migrate;
pub(crate) mod objects;
pub(crate) mod publishers;
pub(crate) mod releases;
pub(crate) mod reports;
pub(crate) mod sessions;
pub(crate) mod tokens;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use tokio::sync::Semaphore;

use crate::blocking::blocking;
pub use convert::{Corrupt, DbError};
pub use migrate::MigrateError;

/// The database file in the data directory.
pub const FILE_NAME: &str = "dist.sqlite";

const READERS: usize = 4;
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// The database of one data directory. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    writer: Arc<tokio::sync::Mutex<Connection>>,
    readers: Arc<Readers>,
}

struct Readers {
    idle: Mutex<Vec<Connection>>,
    free: Semaphore,
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
        migrate::run(&mut writer).map_err(|source| OpenError::Migrate { path: path.clone(), source })?;
        let idle = (0..READERS).map(|_| open_reader(&path)).collect::<Result<Vec<_>, _>>().map_err(sqlite)?;
        let readers = Readers { idle: Mutex::new(idle), free: Semaphore::new(READERS) };
        Ok(Self { writer: Arc::new(tokio::sync::Mutex::new(writer)), readers: Arc::new(readers) })
    }

    /// Runs `work` in one write transaction. What it did is durable on return, or undone when it fails.
    ///
    /// # Errors
    /// Those of `work`, and those of SQLite.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<rusqlite::Error> + Send + 'static,
    {
        let mut writer = Arc::clone(&self.writer).lock_owned().await;
        blocking(move || transact(&mut writer, work)).await
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
        let _permit = readers.free.acquire().await.expect("the semaphore is never closed");
        let readers = Arc::clone(&self.readers);
        blocking(move || {
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
    let path = data.join(FILE_NAME);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(&path, flags);
    let ready = opened.and_then(|connection| connection.busy_timeout(BUSY_TIMEOUT).map(|()| connection));
    ready.map_err(|source| OpenError::Sqlite { path, source })
}

fn transact<T, E: From<rusqlite::Error>>(
    writer: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = work(&transaction)?;
    transaction.commit()?;
    Ok(done)
}

fn open_writer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}
