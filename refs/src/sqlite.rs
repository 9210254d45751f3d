//! Refs and their reflogs in `SQLite`, on the caller's connection or transaction.
//!
//! Nothing here opens a connection, begins or commits: what [`apply`] writes is durable when the
//! caller's transaction is. Begin it with `BEGIN IMMEDIATE`. A deferred one loses no update either,
//! but fails with `SQLITE_BUSY_SNAPSHOT` when another writer came between its read and its write.
//!
//! Everything is stored as text that a person with `sqlite3` can read: ids as 64 lowercase hex
//! digits, times as RFC 3339 UTC with three digits of a second, which sort as they are.
//!
//! ```
//! use refs::sqlite::{self, Action, Edit, Expected, LogLine};
//! use rusqlite::{Connection, TransactionBehavior};
//!
//! let mut conn = Connection::open_in_memory()?;
//! conn.execute_batch(sqlite::SCHEMA_1)?;
//!
//! let app = "acme".parse()?;
//! let edit = Edit {
//!     name: "channels/beta".parse()?,
//!     expected: Expected::MustNotExist,
//!     new: Some(gix_hash::ObjectId::from([7; 32])),
//! };
//! let line = LogLine {
//!     actor: "ci",
//!     action: Action::Promote,
//!     reason: Some("nightly"),
//!     at: "2026-11-22T09:00:00Z".parse()?,
//! };
//! let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
//! let changes = sqlite::apply(&tx, &app, &[edit], &line)?;
//! tx.commit()?;
//!
//! assert_eq!(sqlite::value_back(&conn, &app, &changes[0].name, 0)?, changes[0].new);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod apply;
mod column;
mod error;
mod read;
mod reflog;
mod schema;
mod stays;

pub use apply::{ApplyError, apply};
pub use error::{Corrupt, ReadError};
pub use read::{find, list, pointing_at};
pub use reflog::{ROLLBACK_WINDOW, read_rollback_target, read_undo_stack, reflog, value_at, value_back, was_at};
pub use schema::{SCHEMA_1, SCHEMA_2};
pub use stays::{Stay, stays};

pub use crate::{Action, Change, Edit, Expected, LogLine, Ref, RefKind, ReflogEntry};
