//! How `distd` ends when it cannot work: one code for each cause that a script or a service manager treats differently.

use std::io;
use std::process::ExitCode;

use crate::db::{MigrateError, OpenError as DatabaseError};
use crate::server::OpenError;

/// Exit codes beyond 0, and beyond 2 for a command line that is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Anything that has no code of its own.
    Failure = 1,
    /// The configuration says what cannot be.
    Configuration = 3,
    /// The data directory cannot be read or written.
    Data = 4,
    /// Another `distd` serves the data directory.
    Busy = 5,
    /// The data directory was written by a newer version.
    Newer = 6,
    /// The address cannot be listened on.
    Address = 7,
    /// The clock is before the last audit event by more than a day.
    Clock = 8,
}

/// An error that ends the program with a code of its own.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Ended {
    code: Exit,
    message: String,
}

impl Ended {
    /// Ends with this code and says this.
    pub fn new(code: Exit, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// The code that an error ends the program with.
pub fn code(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(error.downcast_ref::<Ended>().map_or(Exit::Failure, |ended| ended.code) as u8)
}

/// The code for a data directory that cannot be opened.
pub(crate) fn of_open(error: &OpenError) -> Exit {
    match error {
        OpenError::Lock(objstore::LockError::Held { .. }) => Exit::Busy,
        OpenError::Database(DatabaseError::Migrate { source: MigrateError::Newer { .. }, .. }) => Exit::Newer,
        _ => Exit::Data,
    }
}

/// The code for an address that cannot be listened on.
pub(crate) fn of_listen(error: &io::Error) -> Exit {
    match error.kind() {
        io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable | io::ErrorKind::PermissionDenied => Exit::Address,
        _ => Exit::Failure,
    }
}
