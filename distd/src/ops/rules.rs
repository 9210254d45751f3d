//! What an app asks of its artifacts and channels.

use std::collections::HashMap;

use inspect::{Report, Severity};
use jiff::Timestamp;
use objstore::Digest;
use protocol::api::{ArtifactReport, AuditAction};
use protocol::scope::Need;
use protocol::{AppRules, AppSlug, ReleaseManifest, limits};
use rusqlite::{Connection, Transaction};
use serde_json::json;

use super::caller::Record;
use super::{Caller, OpError, reports};
use crate::Server;
use crate::db;

/// The rules of an app.
pub(crate) async fn show(server: &Server, caller: Caller, app: AppSlug) -> Result<AppRules, OpError> {
    server
        .db
        .read(move |connection| {
            caller.require_read(connection, &app)?;
            load(connection, &app)
        })
        .await
}

/// Replaces the rules of an app.
pub(crate) async fn replace(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    rules: AppRules,
) -> Result<AppRules, OpError> {
    caller.require(Need::AdminApp(&app))?;
    if serde_json::to_vec(&rules).map_or(true, |bytes| bytes.len() > limits::RULES_BYTES) {
        return Err(OpError::RulesInvalid(format!("rules are at most {} bytes of JSON", limits::RULES_BYTES)));
    }
    if let Some(problem) = rules.problem() {
        return Err(OpError::RulesInvalid(problem));
    }
    let at = server.clock.now();
    server
        .db
        .write(move |tx| {
            let old = load(tx, &app)?;
            if old != rules {
                save(tx, &caller, &app, (&old, &rules), None, at)?;
            }
            Ok(rules)
        })
        .await
}

/// The rules of an app as they are.
pub(super) fn load(connection: &Connection, app: &AppSlug) -> Result<AppRules, OpError> {
    db::apps::rules(connection, app)?.ok_or_else(|| OpError::AppNotFound(app.clone()))
}

/// What was found in the artifacts of a new release, and the rules with what they teach.
pub(super) struct Admission {
    pub(super) reports: Vec<ArtifactReport>,
    old: AppRules,
    rules: AppRules,
}

/// Decides whether the artifacts of a new release are what it says, and the app's.
pub(super) fn admit(
    connection: &Connection,
    manifest: &ReleaseManifest,
    found: &HashMap<Digest, Report>,
    now: Timestamp,
) -> Result<Admission, OpError> {
    let old = load(connection, &manifest.app)?;
    let reports = reports::check(manifest, found, &old, now);
    let is_refused = |report: &ArtifactReport| report.findings.iter().any(|it| it.severity == Severity::Error);
    if reports.iter().any(is_refused) {
        return Err(OpError::ArtifactRefused { name: manifest.name(), reports });
    }
    let mut rules = old.clone();
    rules.learn(reports.iter().filter_map(|report| Some((report.platform, report.summary.as_ref()?))));
    Ok(Admission { reports, old, rules })
}

impl Admission {
    /// Keeps what the release taught, in the transaction that publishes it.
    pub(super) fn keep(
        &self,
        tx: &Transaction<'_>,
        caller: &Caller,
        app: &AppSlug,
        at: Timestamp,
    ) -> Result<(), OpError> {
        if self.old == self.rules {
            return Ok(());
        }
        save(tx, caller, app, (&self.old, &self.rules), Some("learned from the first release of a platform"), at)
    }
}

fn save(
    tx: &Transaction<'_>,
    caller: &Caller,
    app: &AppSlug,
    (old, new): (&AppRules, &AppRules),
    reason: Option<&str>,
    at: Timestamp,
) -> Result<(), OpError> {
    db::apps::set_rules(tx, app, new)?;
    let record = Record {
        action: AuditAction::AppRules,
        app: Some(app),
        subject: app.to_string(),
        old: None,
        new: None,
        reason,
        details: json!({ "old": old, "new": new }),
    };
    caller.record(tx, at, record)
}
