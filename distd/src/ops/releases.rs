//! Releases: one by revision, all by age, and a release with its parents.

use std::collections::BTreeMap;

use jiff::Timestamp;
use objstore::{ReadError, Store};
use protocol::api::{PageQuery, RefsAnswer, Release, ReleasePage, ShownRelease, Stay};
use protocol::{AppRules, AppSlug, Platform, RefName, ReleaseId, ReleaseManifest, Revision, limits};
use refs::sqlite::RefKind;
use rusqlite::Connection;

use super::install::modes;
use super::page::Page;
use super::resolve::load;
use super::view::View;
use super::{Caller, OpError, release_id, reports, rules};
use crate::Server;
use crate::db::{self, releases::ReleaseRow};

/// Times that a channel was at a release, told of each.
const STAYS: u32 = 100;

/// The release of a revision, and where it was.
pub(crate) async fn show(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    revision: Revision,
) -> Result<ShownRelease, OpError> {
    let (store, now) = (server.store.clone(), server.clock.now());
    server
        .db
        .read(move |connection| {
            let view = caller.view(connection, &app)?;
            let row = view.resolve(connection, &app, &revision)?;
            let stays = view.stays(connection, &app, row.id)?;
            let release = view.describe(&Known::of(connection, &store, &app, now)?, row)?;
            Ok(ShownRelease { release, stays })
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
            let mut rows = db::releases::list(connection, &app, page.before, None, page.rows_and_one())?;
            let next = page.cut(&mut rows, |row| row.seq);
            Ok(ReleasePage { releases: view.describe_all(connection, &store, &app, rows, now)?, next })
        })
        .await
}

/// Which releases are looked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// Part of the name or of who published it, or the first digits of the id; nothing for all.
    pub(crate) text: String,
    /// With an artifact for this platform.
    pub(crate) platform: Option<Platform>,
    /// `next` of the page before.
    pub(crate) after: Option<String>,
    /// Rows, 1 to 500; 50 unless given.
    pub(crate) limit: Option<u32>,
}

/// Releases of an app that a text leads to, newest first.
pub(crate) async fn search(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    wanted: Wanted,
) -> Result<ReleasePage, OpError> {
    let page = Page::parse(wanted.after.as_deref(), wanted.limit)?;
    let (store, now) = (server.store.clone(), server.clock.now());
    server
        .db
        .read(move |connection| {
            let view = caller.view(connection, &app)?;
            let asked = (wanted.platform, wanted.text.trim());
            let mut rows = db::releases::search(connection, &app, page.before, asked, page.rows_and_one())?;
            let next = page.cut(&mut rows, |row| row.seq);
            Ok(ReleasePage { releases: view.describe_all(connection, &store, &app, rows, now)?, next })
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
    // What is stored under this id was parsed before it was, and these are its bytes.
    ReleaseManifest::parse_again(&bytes).map_err(|error| OpError::storage("reading a manifest")(error.into()))
}

fn damaged(error: ReadError) -> OpError {
    match error {
        ReadError::NotFound { digest } | ReadError::Damaged { digest, .. } => OpError::ObjectDamaged { digest },
        other => OpError::storage("reading a manifest")(other.into()),
    }
}

impl View {
    /// What is known of the releases that are in the view.
    pub(super) fn describe_all(
        &self,
        connection: &Connection,
        store: &Store,
        app: &AppSlug,
        rows: Vec<ReleaseRow>,
        now: Timestamp,
    ) -> Result<Vec<Release>, OpError> {
        let known = Known::of(connection, store, app, now)?;
        let mut releases = Vec::with_capacity(rows.len());
        for row in rows {
            if self.has_release(connection, app, row.id)? {
                releases.push(self.describe(&known, row)?);
            }
        }
        Ok(releases)
    }

    /// What is known of a release, as far as the view goes.
    pub(super) fn describe(&self, known: &Known<'_>, row: ReleaseRow) -> Result<Release, OpError> {
        let mut release = known.describe(row)?;
        release.channels.retain(|channel| self.has_channel(channel));
        Ok(release)
    }

    /// Where a release was, as far as the view goes.
    fn stays(&self, connection: &Connection, app: &AppSlug, id: ReleaseId) -> Result<Vec<Stay>, OpError> {
        let mut stays = Vec::new();
        for stay in refs::sqlite::stays(connection, app, id.into(), STAYS)? {
            let RefName::Channel(channel) = stay.name else { continue };
            if !self.has_channel(&channel) {
                continue;
            }
            let next = stay.ended.as_ref().and_then(|ended| ended.new).map(release_id);
            stays.push(Stay {
                channel,
                since: stay.began.at,
                by: stay.began.actor,
                action: stay.began.action.as_str().to_owned(),
                reason: stay.began.reason,
                until: stay.ended.map(|ended| ended.at),
                followed_by: next.map(|id| load(connection, app, id)).transpose()?.map(|row| row.to_ref()),
            });
        }
        Ok(stays)
    }
}

/// What releases of one app are described from.
pub(super) struct Known<'a> {
    connection: &'a Connection,
    store: &'a Store,
    app: &'a AppSlug,
    rules: AppRules,
    now: Timestamp,
}

impl<'a> Known<'a> {
    pub(super) fn of(
        connection: &'a Connection,
        store: &'a Store,
        app: &'a AppSlug,
        now: Timestamp,
    ) -> Result<Self, OpError> {
        Ok(Self { connection, store, app, rules: rules::load(connection, app)?, now })
    }

    /// Everything known of a release.
    pub(super) fn describe(&self, row: ReleaseRow) -> Result<Release, OpError> {
        let pointing = refs::sqlite::pointing_at(self.connection, self.app, &row.id.into())?;
        let channels = pointing.into_iter().filter_map(|found| match found.name {
            RefName::Channel(name) => Some(name),
            _ => None,
        });
        let manifest = read_manifest(self.store, &row.id)?;
        let found = reports::load(self.connection, &manifest)?;
        let revoked = db::revocations::find(self.connection, self.app, &row.id)?;
        let mut install = modes::ways(&manifest, &found, self.now);
        if revoked.is_some() {
            install.iter_mut().for_each(modes::withdraw);
        }
        Ok(Release {
            app: self.app.clone(),
            revoked,
            install,
            id: row.id,
            published_at: row.published_at,
            published_by: row.published_by,
            channels: channels.collect(),
            size_bytes: row.size_bytes,
            reports: reports::check(&manifest, &found, &self.rules, self.now),
            manifest,
            name: row.name,
        })
    }
}
