//! Apps.

use protocol::AppSlug;
use protocol::api::{Access, App, Apps, AuditAction, CreateApp};
use protocol::scope::Need;
use serde_json::json;

use super::caller::Record;
use super::{Caller, OpError};
use crate::Server;
use crate::db;

const NAME_BYTES: usize = 200;

/// Creates an app.
pub(crate) async fn create(server: &Server, caller: Caller, wanted: CreateApp) -> Result<App, OpError> {
    caller.require(Need::AdminApp(&wanted.slug))?;
    let name = wanted.name.unwrap_or_else(|| wanted.slug.to_string()).trim().to_owned();
    if name.is_empty() || name.len() > NAME_BYTES || name.chars().any(char::is_control) {
        return Err(OpError::RequestInvalid(format!("an app's name is one line of 1 to {NAME_BYTES} bytes")));
    }
    let (slug, access, at) = (wanted.slug, wanted.access, server.clock.now());
    server
        .db
        .write(move |tx| {
            if !db::apps::insert(tx, &slug, &name, access, caller.actor(), at)? {
                return Err(OpError::AppExists(slug));
            }
            let details = json!({"name": name, "access": access});
            let record = Record {
                action: AuditAction::AppCreate,
                app: Some(&slug),
                subject: slug.to_string(),
                old: None,
                new: None,
                reason: None,
                details,
            };
            caller.record(tx, at, record)?;
            db::apps::find(tx, &slug)?.ok_or(OpError::AppNotFound(slug))
        })
        .await
}

/// The apps that the caller may read, by slug.
pub(crate) async fn list(server: &Server, caller: Caller) -> Result<Apps, OpError> {
    server
        .db
        .read(move |connection| {
            let may_see = |app: &App| app.access == Access::Public || caller.may(Need::Read(&app.slug));
            Ok(Apps { apps: db::apps::list(connection)?.into_iter().filter(may_see).collect() })
        })
        .await
}

/// One app.
pub(crate) async fn show(server: &Server, caller: Caller, app: AppSlug) -> Result<App, OpError> {
    server
        .db
        .read(move |connection| {
            caller.require_read(connection, &app)?;
            db::apps::find(connection, &app)?.ok_or(OpError::AppNotFound(app))
        })
        .await
}
