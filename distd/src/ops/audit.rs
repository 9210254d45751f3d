//! The audit log.

use protocol::api::{AuditPage, AuditQuery};
use protocol::scope::Need;

use super::page::Page;
use super::{Caller, OpError};
use crate::Server;
use crate::db;

/// Events newest first. Those of one app need `admin` on it, all of them `admin`.
pub(crate) async fn list(server: &Server, caller: Caller, query: AuditQuery) -> Result<AuditPage, OpError> {
    caller.require(query.app.as_ref().map_or(Need::Admin, Need::AdminApp))?;
    let page = Page::parse(query.after.as_deref(), query.limit)?;
    server
        .db
        .read(move |connection| {
            let mut events = db::audit::list(connection, &query, page.before, page.rows_and_one())?;
            let next = page.cut(&mut events, |event| event.seq);
            Ok(AuditPage { events, next })
        })
        .await
}
