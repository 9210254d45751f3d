//! Apps.

use std::collections::HashMap;

use protocol::AppSlug;
use protocol::api::{App, Apps, AuditAction, CreateApp, UpdateApp};
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
    let name = check_name(wanted.name.as_deref().unwrap_or(wanted.slug.as_str()))?;
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
            let mut apps = Vec::new();
            for app in db::apps::list(connection)? {
                if caller.sees(connection, &app)? {
                    apps.push(known_to(&caller, app));
                }
            }
            Ok(Apps { apps })
        })
        .await
}

/// All apps with the bytes of their releases, the largest first. Needs `admin`.
pub(crate) async fn sizes(server: &Server, caller: Caller) -> Result<Vec<(App, u64)>, OpError> {
    caller.require(Need::Admin)?;
    server
        .db
        .read(move |connection| {
            let bytes_of: HashMap<AppSlug, u64> = db::releases::sizes(connection)?.into_iter().collect();
            let sized = |app: App| (bytes_of.get(&app.slug).copied().unwrap_or(0), app);
            let mut apps: Vec<(u64, App)> = db::apps::list(connection)?.into_iter().map(sized).collect();
            apps.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
            Ok(apps.into_iter().map(|(bytes, app)| (app, bytes)).collect())
        })
        .await
}

/// One app.
pub(crate) async fn show(server: &Server, caller: Caller, app: AppSlug) -> Result<App, OpError> {
    server
        .db
        .read(move |connection| {
            caller.view(connection, &app)?;
            let found = db::apps::find(connection, &app)?.ok_or(OpError::AppNotFound(app))?;
            Ok(known_to(&caller, found))
        })
        .await
}

/// Where a mirror comes from is for those whose token reads it: it may be an address that only they know.
fn known_to(caller: &Caller, app: App) -> App {
    let mirror = app.mirror.filter(|_| caller.may(Need::Read(&app.slug)));
    App { mirror, ..app }
}

/// Changes the name of an app, or who may see it.
pub(crate) async fn update(server: &Server, caller: Caller, app: AppSlug, wanted: UpdateApp) -> Result<App, OpError> {
    caller.require(Need::AdminApp(&app))?;
    let name = wanted.name.as_deref().map(check_name).transpose()?;
    let at = server.clock.now();
    server
        .db
        .write(move |tx| {
            let old = db::apps::find(tx, &app)?.ok_or_else(|| OpError::AppNotFound(app.clone()))?;
            let new = App {
                name: name.unwrap_or_else(|| old.name.clone()),
                access: wanted.access.unwrap_or(old.access),
                ..old.clone()
            };
            if new == old {
                return Ok(old);
            }
            db::apps::update(tx, &new)?;
            let facts = |app: &App| json!({"name": app.name, "access": app.access});
            let record = Record {
                action: AuditAction::AppUpdate,
                app: Some(&app),
                subject: app.to_string(),
                old: Some(old.access.to_string()),
                new: Some(new.access.to_string()),
                reason: None,
                details: json!({"old": facts(&old), "new": facts(&new)}),
            };
            caller.record(tx, at, record)?;
            Ok(new)
        })
        .await
}

pub(super) fn check_name(text: &str) -> Result<String, OpError> {
    let name = text.trim();
    if name.is_empty() || name.len() > NAME_BYTES || name.chars().any(char::is_control) {
        return Err(OpError::RequestInvalid(format!("an app's name is one line of 1 to {NAME_BYTES} bytes")));
    }
    Ok(name.to_owned())
}
