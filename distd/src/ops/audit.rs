//! The audit log: what is in it, and whether it is whole.

use jiff::Timestamp;
use std::path::Path;

use protocol::api::{AuditPage, AuditQuery};
use protocol::audit_chain::{ChainSummary, Mark};
use protocol::scope::Need;

use super::page::Page;
use super::{Caller, OpError};
use crate::Server;
use crate::db;

/// Why a chain could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// There is no database, or it cannot be read.
    #[error(transparent)]
    Open(#[from] db::OpenError),
    /// The table cannot be read.
    #[error(transparent)]
    Read(#[from] db::DbError),
}

/// When the newest event happened; `None` where nothing ever did.
///
/// # Errors
/// When the database cannot be read.
pub async fn newest(server: &Server) -> Result<Option<Timestamp>, OpError> {
    server.db.read(|connection| Ok(db::audit::newest(connection)?)).await
}

/// Events newest first, or oldest first after `from`. Those of one app need `admin` on it, all of them `admin`.
pub(crate) async fn list(server: &Server, caller: Caller, query: AuditQuery) -> Result<AuditPage, OpError> {
    caller.require(query.app.as_ref().map_or(Need::Admin, Need::AdminApp))?;
    let page = Page::parse(query.after.as_deref(), query.limit)?;
    if query.from.is_some() && query.after.is_some() {
        return Err(OpError::RequestInvalid("from and after exclude each other".to_owned()));
    }
    server
        .db
        .read(move |connection| {
            let mut events = db::audit::list(connection, &query, page.before, page.rows_and_one())?;
            let next = page.cut(&mut events, |event| event.seq);
            Ok(AuditPage { events, next })
        })
        .await
}

/// Checks the whole chain, on one snapshot. Needs `admin`. A broken chain is no error: the summary has the faults.
pub(crate) async fn chain(server: &Server, caller: Caller) -> Result<ChainSummary, OpError> {
    caller.require(Need::Admin)?;
    server.db.read(move |connection| Ok(db::audit::check(connection, None)?)).await
}

/// Checks the chain of a data directory, whether or not a server runs on it. Writes nothing.
///
/// # Errors
/// When the database cannot be read. A broken chain is no error: the summary has the faults.
pub fn verify(data: &Path, expected: Option<Mark>) -> Result<ChainSummary, VerifyError> {
    let connection = db::open_existing(data)?;
    Ok(db::audit::check(&connection, expected)?)
}
