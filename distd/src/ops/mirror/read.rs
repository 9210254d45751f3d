//! What the source has: first how its channels moved, then its releases, so that each release that a channel moved to is among
//! them, whatever is published meanwhile.

use std::collections::HashSet;

use protocol::api::{App, Channel, Channels, ReflogLine, ReflogPage, Release, ReleasePage};
use protocol::{AppSlug, RefName, ReleaseId, ReleaseManifest, limits, paths};
use refs::sqlite::ReflogEntry;

use super::super::remote::RemoteError;
use super::super::{OpError, apps, release_id};
use super::{MirrorError, Work};
use crate::db;

/// Everything that a mirror is to be equal to.
pub(super) struct Found {
    /// Oldest first.
    pub(super) releases: Vec<Release>,
    /// Those of them that the mirror lacks.
    pub(super) new: HashSet<ReleaseId>,
    pub(super) channels: Vec<Moves>,
}

impl Found {
    /// The releases that the mirror lacks, oldest first.
    pub(super) fn new_releases(&self) -> impl Iterator<Item = &Release> {
        self.releases.iter().filter(|release| self.new.contains(&release.id))
    }
}

/// A channel of the source, with the moves that the mirror lacks, oldest first.
pub(super) struct Moves {
    pub(super) channel: Channel,
    pub(super) lines: Vec<ReflogLine>,
}

/// What the source says of the app itself.
pub(super) async fn read_app(work: &Work, app: &AppSlug) -> Result<App, MirrorError> {
    let about: App = work.remote.get(&paths::app(app)).await?;
    let strange = |why: String| RemoteError::Strange { url: work.remote.url().clone(), why };
    if about.slug != *app {
        return Err(strange(format!("asked for {app}, it tells of {}", about.slug)).into());
    }
    let name = apps::check_name(&about.name).map_err(|error| strange(error.to_string()))?;
    Ok(App { name, ..about })
}

pub(super) async fn read(work: &Work, app: &AppSlug) -> Result<Found, MirrorError> {
    let listed: Channels = work.remote.get(&paths::channels(app)).await?;
    let mut channels = Vec::new();
    for channel in listed.channels {
        channels.push(read_moves(work, app, channel).await?);
    }
    let releases = read_releases(work, app).await?;
    Ok(Found { new: find_new(work, &releases).await?, releases, channels })
}

async fn find_new(work: &Work, releases: &[Release]) -> Result<HashSet<ReleaseId>, OpError> {
    let ids: Vec<(AppSlug, ReleaseId)> = releases.iter().map(|release| (release.app.clone(), release.id)).collect();
    work.ground
        .db
        .read(move |connection| {
            let mut new = HashSet::new();
            for (app, id) in ids {
                if db::releases::find(connection, &app, &id)?.is_none() {
                    new.insert(id);
                }
            }
            Ok(new)
        })
        .await
}

/// Reads a reflog back to the last move that the mirror has, and holds that against what the mirror has.
async fn read_moves(work: &Work, app: &AppSlug, channel: Channel) -> Result<Moves, MirrorError> {
    let known = last_move(work, app, RefName::Channel(channel.name.clone())).await?;
    let seq = known.as_ref().map_or(0, |entry| entry.seq);
    let mut lines: Vec<ReflogLine> = Vec::new();
    let mut next = None;
    while lines.last().is_none_or(|line| line.seq > seq.max(1)) {
        let path = paths::reflog(app, &channel.name);
        let page: ReflogPage = work.remote.get(&page_of(&path, next.take())).await?;
        lines.extend(page.entries);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    let same = match known {
        None => true,
        Some(known) => lines.iter().find(|line| line.seq == known.seq).is_some_and(|line| is_same(&known, line)),
    };
    if !same {
        return Err(MirrorError::Diverged { app: app.clone(), channel: channel.name });
    }
    lines.retain(|line| line.seq > seq);
    lines.reverse();
    Ok(Moves { channel, lines })
}

async fn last_move(work: &Work, app: &AppSlug, name: RefName) -> Result<Option<ReflogEntry>, OpError> {
    let app = app.clone();
    work.ground.db.read(move |connection| Ok(refs::sqlite::reflog(connection, &app, &name, None, 1)?.pop())).await
}

fn is_same(known: &ReflogEntry, line: &ReflogLine) -> bool {
    known.new.map(release_id) == line.new.as_ref().map(|new| new.id) && known.at == line.at
}

async fn read_releases(work: &Work, app: &AppSlug) -> Result<Vec<Release>, MirrorError> {
    let mut releases = Vec::new();
    let mut next = None;
    loop {
        let page: ReleasePage = work.remote.get(&page_of(&paths::releases(app), next)).await?;
        page.releases.iter().try_for_each(|release| check(app, release))?;
        releases.extend(page.releases);
        next = page.next;
        if next.is_none() {
            releases.reverse();
            return Ok(releases);
        }
    }
}

/// A release is what its id says, and belongs to the app.
fn check(app: &AppSlug, release: &Release) -> Result<(), MirrorError> {
    let invalid = |why: String| Err(MirrorError::Invalid { app: app.clone(), name: release.name.clone(), why });
    let bytes = release.manifest.canonical_bytes();
    if release.app != *app {
        return invalid(format!("it is listed as one of {}", release.app));
    }
    match ReleaseManifest::parse(&bytes) {
        Err(error) => invalid(error.to_string()),
        Ok(manifest) if manifest.app != *app => invalid(format!("its manifest is of {}", manifest.app)),
        Ok(manifest) if manifest.name() != release.name => invalid(format!("its manifest is of {}", manifest.name())),
        Ok(manifest) if manifest.id() != release.id => invalid(format!("its manifest is {}", manifest.id())),
        Ok(_) => Ok(()),
    }
}

/// The longest page of a listing, after the one before it.
fn page_of(path: &str, after: Option<String>) -> String {
    let after = after.map(|after| format!("&after={}", paths::query_value(&after))).unwrap_or_default();
    format!("{path}?limit={}{after}", limits::PAGE_ROWS_MAX)
}
