//! Releases: one by revision, all by age, and a release with its parents.

use std::collections::BTreeMap;

use jiff::Timestamp;
use objstore::{ReadError, Store};
use protocol::api::{LogQuery, PageQuery, RefsAnswer, Release, ReleasePage};
use protocol::{AppSlug, RefName, ReleaseId, ReleaseManifest, Revision, limits};
use refs::sqlite::RefKind;
use rusqlite::Connection;

use super::install::modes;
use super::page::{Page, parse_limit};
use super::resolve::load;
use super::view::View;
use super::{Caller, OpError, release_id, reports, rules};
use crate::Server;
use crate::db::{self, releases::ReleaseRow};

/// The release of a revision.
pub(crate) async fn show(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    revision: Revision,
) -> Result<Release, OpError> {
    let (store, now) = (server.store.clone(), server.clock.now());
    server
        .db
        .read(move |connection| {
            let view = caller.view(connection, &app)?;
            let row = view.resolve(connection, &app, &revision)?;
            view.describe(connection, &store, &app, row, now)
        })
        .await
}

/// All releases of an app, newest first.
pub(crate) async fn list(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    query: PageQuery,
) -> Result<ReleasePage, OpError> {
    let page = Page::parse(query.after.as_deref(), query.limit)?;
    let (store, now) = (server.store.clone(), server.clock.now());
    server
        .db
        .read(move |connection| {
            let view = caller.view(connection, &app)?;
            let mut rows = db::releases::list(connection, &app, page.before, page.rows_and_one())?;
            let next = page.cut(&mut rows, |row| row.seq);
            Ok(ReleasePage { releases: view.describe_all(connection, &store, &app, rows, now)?, next })
        })
        .await
}

/// A release and its parents, nearest first. `next` is the id of the first parent that no longer fits on the page.
pub(crate) async fn log(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    query: LogQuery,
) -> Result<ReleasePage, OpError> {
    let start: Revision = query.after.unwrap_or(query.revision).parse()?;
    let rows = parse_limit(query.limit)? as usize;
    let (store, now) = (server.store.clone(), server.clock.now());
    server
        .db
        .read(move |connection| {
            let view = caller.view(connection, &app)?;
            let mut chain = vec![view.resolve(connection, &app, &start)?];
            let next = loop {
                let parent = chain.last().and_then(|row| row.parent);
                match parent {
                    None => break None,
                    Some(parent) if !view.has_release(connection, &app, parent)? => break None,
                    Some(parent) if chain.len() == rows => break Some(parent.to_string()),
                    Some(parent) => chain.push(load(connection, &app, parent)?),
                }
            };
            Ok(ReleasePage { releases: view.describe_all(connection, &store, &app, chain, now)?, next })
        })
        .await
}

/// All refs of an app and where they point.
pub(crate) async fn refs(server: &Server, caller: Caller, app: AppSlug) -> Result<RefsAnswer, OpError> {
    server
        .db
        .read(move |connection| {
            let view = caller.view(connection, &app)?;
            let mut refs = BTreeMap::new();
            for found in refs::sqlite::list(connection, &app, RefKind::All)? {
                let target = release_id(found.target);
                if view.has_ref(connection, &app, &found.name, target)? {
                    refs.insert(found.name, target);
                }
            }
            Ok(RefsAnswer { refs })
        })
        .await
}

/// The manifest of a published release, verified against its id.
pub(super) fn read_manifest(store: &Store, id: &ReleaseId) -> Result<ReleaseManifest, OpError> {
    let bytes = store.read_to_vec(id, limits::MANIFEST_BYTES).map_err(damaged)?;
    ReleaseManifest::parse(&bytes).map_err(|error| OpError::storage("reading a manifest")(error.into()))
}

fn damaged(error: ReadError) -> OpError {
    OpError::storage("reading a manifest")(error.into())
}

impl View {
    /// What is known of the releases that are in the view.
    fn describe_all(
        &self,
        connection: &Connection,
        store: &Store,
        app: &AppSlug,
        rows: Vec<ReleaseRow>,
        now: Timestamp,
    ) -> Result<Vec<Release>, OpError> {
        let mut releases = Vec::with_capacity(rows.len());
        for row in rows {
            if self.has_release(connection, app, row.id)? {
                releases.push(self.describe(connection, store, app, row, now)?);
            }
        }
        Ok(releases)
    }

    /// What is known of a release, as far as the view goes.
    pub(super) fn describe(
        &self,
        connection: &Connection,
        store: &Store,
        app: &AppSlug,
        row: ReleaseRow,
        now: Timestamp,
    ) -> Result<Release, OpError> {
        let mut release = describe(connection, store, app, row, now)?;
        release.channels.retain(|channel| self.has_channel(channel));
        Ok(release)
    }
}

/// Everything known of a release.
pub(super) fn describe(
    connection: &Connection,
    store: &Store,
    app: &AppSlug,
    row: ReleaseRow,
    now: Timestamp,
) -> Result<Release, OpError> {
    let pointing = refs::sqlite::pointing_at(connection, app, &row.id.into())?;
    let channels = pointing.into_iter().filter_map(|found| match found.name {
        RefName::Channel(name) => Some(name),
        _ => None,
    });
    let manifest = read_manifest(store, &row.id)?;
    let rules = rules::load(connection, app)?;
    let found = reports::load(connection, &manifest)?;
    Ok(Release {
        app: app.clone(),
        id: row.id,
        published_at: row.published_at,
        published_by: row.published_by,
        channels: channels.collect(),
        size_bytes: row.size_bytes,
        reports: reports::check(&manifest, &found, &rules, now),
        install: modes::ways(&manifest, &found, now),
        manifest,
        name: row.name,
    })
}
