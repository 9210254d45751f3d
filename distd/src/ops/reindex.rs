//! Reindex: the index tables and the reports again, from objects and refs alone.

use jiff::Timestamp;
use objstore::{Digest, Store};
use protocol::{AppSlug, RefName, ReleaseId, ReleaseManifest};
use refs::sqlite::RefKind;
use rusqlite::{Connection, Transaction};
use serde::Serialize;

use super::releases::read_manifest;
use super::{OpError, release_id, reports};
use crate::Server;
use crate::db::{self, Database};

/// What was made again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reindexed {
    /// Releases in the index.
    pub releases: usize,
    /// Objects inspected.
    pub reports: usize,
}

/// Makes the tables `releases` and `artifacts` again in one transaction.
///
/// # Errors
/// When a ref points at a manifest that is missing or damaged; nothing has changed then.
pub async fn releases(server: &Server) -> Result<usize, OpError> {
    rebuild(&server.db, server.store.clone()).await
}

/// The same, on a database and a store.
pub(super) async fn rebuild(db: &Database, store: Store) -> Result<usize, OpError> {
    db.write(move |tx| {
        let mut published = Vec::new();
        for app in db::apps::list(tx)? {
            published.extend(read_published(tx, &store, &app.slug)?);
        }
        published.sort_by_key(|release| release.at);
        db::releases::clear(tx)?;
        published.iter().try_for_each(|release| insert(tx, release))?;
        Ok(published.len())
    })
    .await
}

/// The objects that this inspector has not reported on; with `all`, every object of a release.
///
/// # Errors
/// When the database cannot be read.
pub async fn lacking(server: &Server, all: bool) -> Result<Vec<Digest>, OpError> {
    if all {
        server.db.write(|tx| Ok::<_, OpError>(db::reports::clear(tx)?)).await?;
    }
    server.db.read(|connection| Ok::<_, OpError>(db::reports::lacking(connection)?)).await
}

/// Inspects one object and keeps the report.
///
/// # Errors
/// When the object cannot be read, or no inspection started.
pub async fn report(server: &Server, digest: Digest) -> Result<(), OpError> {
    reports::ensure(&server.ground(), &server.inspector, vec![digest]).await.map(|_| ())
}

/// A release as its own ref and manifest tell it.
struct Published {
    manifest: ReleaseManifest,
    actor: String,
    at: Timestamp,
}

fn read_published(connection: &Connection, store: &Store, app: &AppSlug) -> Result<Vec<Published>, OpError> {
    let mut published = Vec::new();
    for found in refs::sqlite::list(connection, app, RefKind::Releases)? {
        let (actor, at) = first_move(connection, app, &found.name)?;
        let id: ReleaseId = release_id(found.target);
        published.push(Published { manifest: read_manifest(store, &id)?, actor, at });
    }
    Ok(published)
}

/// A release's own ref never moves: its one reflog line says who published it, and when.
fn first_move(connection: &Connection, app: &AppSlug, name: &RefName) -> Result<(String, Timestamp), OpError> {
    let line = refs::sqlite::reflog(connection, app, name, None, 1)?.pop();
    let line = line.ok_or_else(|| OpError::storage("reading a reflog")(format!("{name} of {app} has none").into()))?;
    Ok((line.actor, line.at))
}

fn insert(tx: &Transaction<'_>, release: &Published) -> Result<(), OpError> {
    Ok(db::releases::insert(tx, &release.manifest, &release.actor, release.at)?)
}
