//! Trusted publishers: add, list, remove.

use data_encoding::BASE32_NOPAD;
use jiff::Timestamp;
use protocol::api::{AuditAction, Publisher, PublisherRule, Publishers};
use protocol::scope::Need;
use protocol::{AppSlug, limits};
use rusqlite::Connection;
use serde_json::json;

use super::caller::Record;
use super::{Caller, OpError};
use crate::{Server, db, oidc};

/// Adds a trusted publisher to an app.
pub(crate) async fn add(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    rule: PublisherRule,
) -> Result<Publisher, OpError> {
    caller.require(Need::AdminApp(&app))?;
    oidc::check_rule(&rule).map_err(OpError::PublisherInvalid)?;
    let publisher = make(app, rule, caller.actor(), server.clock.now());
    let issuer = publisher.rule.issuer().unwrap_or_default().to_owned();
    server
        .db
        .write(move |tx| {
            require_app(tx, &publisher.app)?;
            if db::publishers::list(tx, &publisher.app)?.len() >= limits::PUBLISHERS {
                let message = format!("an app has at most {} trusted publishers", limits::PUBLISHERS);
                return Err(OpError::PublisherInvalid(message));
            }
            db::publishers::insert(tx, &publisher, &issuer)?;
            caller.record(tx, publisher.created_at, record(AuditAction::PublisherAdd, &publisher))?;
            Ok(publisher)
        })
        .await
}

/// The issuer that the rule means is written down, so that a later version may mean another.
fn make(app: AppSlug, rule: PublisherRule, actor: &str, at: Timestamp) -> Publisher {
    let issuer = rule.issuer().map(str::to_owned);
    let mut id = [0; 5];
    getrandom::fill(&mut id).expect("the system has a source of random bytes");
    Publisher {
        id: BASE32_NOPAD.encode(&id).to_lowercase(),
        app,
        rule: PublisherRule { issuer, ..rule },
        created_at: at,
        created_by: actor.to_owned(),
    }
}

/// The trusted publishers of an app.
pub(crate) async fn list(server: &Server, caller: Caller, app: AppSlug) -> Result<Publishers, OpError> {
    caller.require(Need::AdminApp(&app))?;
    server
        .db
        .read(move |connection| {
            require_app(connection, &app)?;
            Ok(Publishers { publishers: db::publishers::list(connection, &app)? })
        })
        .await
}

/// Removes a trusted publisher. Tokens that it got work until they expire.
pub(crate) async fn remove(server: &Server, caller: Caller, app: AppSlug, id: String) -> Result<Publisher, OpError> {
    caller.require(Need::AdminApp(&app))?;
    let at = server.clock.now();
    server
        .db
        .write(move |tx| {
            require_app(tx, &app)?;
            let Some(publisher) = db::publishers::find(tx, &app, &id)? else {
                return Err(OpError::PublisherNotFound { app, id });
            };
            db::publishers::remove(tx, &app, &id)?;
            caller.record(tx, at, record(AuditAction::PublisherRemove, &publisher))?;
            Ok(publisher)
        })
        .await
}

fn require_app(connection: &Connection, app: &AppSlug) -> Result<(), OpError> {
    db::apps::access(connection, app)?.map(|_| ()).ok_or_else(|| OpError::AppNotFound(app.clone()))
}

fn record(action: AuditAction, publisher: &Publisher) -> Record<'_> {
    Record {
        action,
        app: Some(&publisher.app),
        subject: publisher.id.clone(),
        old: None,
        new: None,
        reason: None,
        details: json!({ "rule": publisher.rule }),
    }
}
