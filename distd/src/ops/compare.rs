//! What differs between two releases.

use std::collections::HashMap;

use inspect::Report;
use objstore::{Digest, Store};
use protocol::compare::{Comparison, Side};
use protocol::{AppSlug, ReleaseManifest, RevisionRange};
use rusqlite::Connection;

use super::releases::read_manifest;
use super::{Caller, OpError};
use crate::Server;
use crate::db;

/// Compares the two ends of a range, whether or not one came from the other. Lists of each archive the `files` whose size
/// changed most.
pub(crate) async fn compare(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    range: RevisionRange,
    files: usize,
) -> Result<Comparison, OpError> {
    let store = server.store.clone();
    server
        .db
        .read(move |connection| {
            let view = caller.view(connection, &app)?;
            let from = view.resolve(connection, &app, &range.from)?;
            let to = view.resolve(connection, &app, &range.to)?;
            let mut comparison = of_releases(connection, &store, (&from.id, &to.id))?;
            comparison.keep_largest_files(files);
            Ok(comparison)
        })
        .await
}

/// Compares two releases by what is known of their artifacts.
pub(super) fn of_releases(
    connection: &Connection,
    store: &Store,
    (from, to): (&Digest, &Digest),
) -> Result<Comparison, OpError> {
    let (from, to) = (read_manifest(store, from)?, read_manifest(store, to)?);
    let reports = reports_of_changed(connection, &from, &to)?;
    Ok(Comparison::of(Side { manifest: &from, reports: &reports }, Side { manifest: &to, reports: &reports }))
}

/// The whole reports on the artifacts that only one of two releases has.
fn reports_of_changed(
    connection: &Connection,
    from: &ReleaseManifest,
    to: &ReleaseManifest,
) -> Result<HashMap<Digest, Report>, OpError> {
    let has = |manifest: &ReleaseManifest, digest| manifest.artifacts.iter().any(|line| line.sha256 == digest);
    let mut reports = HashMap::new();
    for line in from.artifacts.iter().chain(&to.artifacts) {
        if has(from, line.sha256) && has(to, line.sha256) {
            continue;
        }
        if let Some(report) = db::reports::find_whole(connection, &line.sha256)? {
            reports.insert(line.sha256, report);
        }
    }
    Ok(reports)
}
