//! From a channel or a release to a device: what an install page shows, where its files are, what an installer fetches.

pub(crate) mod choose;
mod chunks;
pub(crate) mod counts;
pub(crate) mod fetch;
pub(crate) mod files;
pub(crate) mod modes;
mod plist;
pub(crate) mod update;

use inspect::Report;
use objstore::Digest;
use protocol::api::Release;
use protocol::{AppSlug, ChannelName, ReleaseId, Revision};
use rusqlite::Connection;

use super::releases::Known;
use super::view::View;
use super::{Caller, OpError, channels, release_id, resolve};
use crate::Server;
use crate::capability::Audience;
use crate::db::{self, releases::ReleaseRow};

/// What an install page shows, and to whom.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// What the app is called.
    pub(crate) name: String,
    /// The channel of the page; a page of one release has none.
    pub(crate) channel: Option<ChannelName>,
    /// The release.
    pub(crate) release: Release,
    /// Artifacts that have an icon.
    pub(crate) icons: Vec<Digest>,
    /// Whom the page was made for.
    pub(crate) audience: Audience,
}

/// The page of a channel.
pub(crate) async fn of_channel(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    channel: ChannelName,
) -> Result<Shown, OpError> {
    let (store, now) = (server.store.clone(), server.clock.now());
    server
        .db
        .read(move |connection| {
            let view = caller.view(connection, &app)?;
            let row = head(connection, &view, &app, &channel)?;
            let release = view.describe(&Known::of(connection, &store, &app, now)?, row)?;
            show(connection, release, Some(channel), audience(&caller))
        })
        .await
}

/// The page of one release.
pub(crate) async fn of_release(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    revision: Revision,
) -> Result<Shown, OpError> {
    let (store, now) = (server.store.clone(), server.clock.now());
    server
        .db
        .read(move |connection| {
            let view = caller.view(connection, &app)?;
            let found = view.resolve(connection, &app, &revision)?;
            let row = load(connection, &app, found.id)?;
            let release = view.describe(&Known::of(connection, &store, &app, now)?, row)?;
            show(connection, release, None, audience(&caller))
        })
        .await
}

/// What is shown of a release.
pub(super) fn show(
    connection: &Connection,
    release: Release,
    channel: Option<ChannelName>,
    audience: Audience,
) -> Result<Shown, OpError> {
    let app = db::apps::find(connection, &release.app)?.ok_or_else(|| OpError::AppNotFound(release.app.clone()))?;
    let mut icons = Vec::new();
    for line in &release.manifest.artifacts {
        if db::reports::has_icon(connection, &line.sha256)? {
            icons.push(line.sha256);
        }
    }
    Ok(Shown { name: app.name, channel, release, icons, audience })
}

/// The release that a page, the address of a file, an installer or an update leads to. All of them come through here: this is
/// where one that is not to be handed out is turned away.
pub(super) fn load(connection: &Connection, app: &AppSlug, id: ReleaseId) -> Result<ReleaseRow, OpError> {
    let row = resolve::load(connection, app, id)?;
    match db::revocations::find(connection, app, &id)? {
        Some(revocation) => Err(OpError::ReleaseRevoked { app: app.clone(), what: row.name.to_string(), revocation }),
        None => Ok(row),
    }
}

/// What a channel points at, for a caller who may see it.
fn head(connection: &Connection, view: &View, app: &AppSlug, channel: &ChannelName) -> Result<ReleaseRow, OpError> {
    if !view.has_channel(channel) {
        let (app, channel) = (app.clone(), channel.clone());
        return Err(OpError::ChannelNotFound { app, channel, candidates: Vec::new() });
    }
    load(connection, app, release_id(channels::find(connection, app, channel)?.target))
}

/// For whom what is made for a caller is good.
fn audience(caller: &Caller) -> Audience {
    let id = caller.token_id().and_then(|id| id.as_bytes().try_into().ok());
    id.map_or(Audience::Anyone, Audience::Token)
}

/// Refuses a file that installs nowhere to those who have no token: it is for its makers.
pub(super) fn check_handed_out(
    connection: &Connection,
    audience: &Audience,
    line: &protocol::ArtifactLine,
    now: jiff::Timestamp,
) -> Result<(), OpError> {
    if matches!(audience, Audience::Token(_)) {
        return Ok(());
    }
    let report: Option<Report> = db::reports::find(connection, &line.sha256)?;
    if modes::is_for_makers(line, report.as_ref(), now) {
        return Err(OpError::Unauthenticated("this file is for holders of a token"));
    }
    Ok(())
}
