//! Care of the store: checks, repair, gc, retention, backups.
//!
//! What is derived heals itself; what is not is never thrown away without its SHA-256 having been computed. Everything here
//! runs beside pushes: what it decides on a snapshot it decides again in the transaction that acts on it.

pub mod backup;
mod chain;
pub mod check;
mod damage;
pub mod gc;
mod live;
pub mod repair;
mod retention;
mod runs;
pub mod schedule;
mod scrub;
mod state;
mod status;

use jiff::SignedDuration;

pub(crate) use chain::Chain;
pub use chain::{LastChain, check_chain};
pub(crate) use check::over_api;
pub(crate) use damage::{examine, note_replaced, open};
pub(crate) use gc::over_api as gc_over_api;
pub use runs::{note_backup, note_check};
pub(crate) use scrub::Unreadable;
pub use scrub::scrub;
pub(crate) use state::read;
pub use state::{State, state};
pub(crate) use status::show as status;

/// How long things are kept that nothing names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How long an object stays in the trash before it is deleted.
    pub grace: SignedDuration,
    /// How long an upload that nobody goes on with is kept.
    pub upload_lease: SignedDuration,
    /// For how long a reflog keeps what it names.
    pub reflog_window: SignedDuration,
    /// Within how many days every object is read by the background check; 0 for never.
    pub scrub_days: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            grace: SignedDuration::from_hours(7 * 24),
            upload_lease: SignedDuration::from_hours(7 * 24),
            reflog_window: SignedDuration::from_hours(90 * 24),
            scrub_days: 30,
        }
    }
}
