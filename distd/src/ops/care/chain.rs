//! Whether the audit chain holds: looked at when the server starts, once a day, and with every check of the store. What came
//! of it is kept in memory, for metrics: whoever can change the log in the database could change an answer there as well.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use protocol::audit_chain::Mark;

use super::super::OpError;
use crate::{Server, db};

/// What the last look at the chain came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastChain {
    /// When it was.
    pub at: Timestamp,
    /// Faults; 0 where the chain holds.
    pub faults: usize,
    /// The newest event when the chain last held: it must stay, or the end of the log was cut off.
    held: Option<Mark>,
}

/// The last look, none before the first.
#[derive(Debug, Default)]
pub(crate) struct Chain(Mutex<Option<LastChain>>);

impl Chain {
    /// What the last look came to.
    pub(crate) fn last(&self) -> Option<LastChain> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks the whole chain, on one snapshot, and that what was its end is still in it. What is wrong is logged and remembered.
///
/// # Errors
/// When the database cannot be read; what was remembered stays.
pub async fn check_chain(server: &Server) -> Result<LastChain, OpError> {
    let held = server.chain.last().and_then(|last| last.held);
    let summary = server.db.read(move |connection| Ok::<_, OpError>(db::audit::check(connection, held)?)).await?;
    for fault in &summary.faults {
        tracing::error!(event = fault.seq, "the audit log was tampered with or is damaged: {}", fault.message);
    }
    let held = if summary.faults.is_empty() { Some(summary.head).filter(|head| head.seq > 0) } else { held };
    let last = LastChain { at: server.clock.now(), faults: summary.faults.len(), held };
    *server.chain.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
    Ok(last)
}
