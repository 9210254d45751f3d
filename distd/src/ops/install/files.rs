//! Files by address: what a channel points at now, and a file of a release for good.

use objstore::Digest;
use protocol::{AppSlug, Arch, ArtifactLine, ChannelName, FileName, Kind, Platform, RefName, ReleaseName, paths};
use rusqlite::Connection;

use super::super::download::{self, Download};
use super::super::{Caller, OpError, release_id};
use super::choose::{Wanted, choose};
use super::{audience, check_handed_out, head, load};
use crate::Server;
use crate::db;

/// Which file of a channel.
#[derive(Debug, Clone)]
pub(crate) struct CurrentFile {
    pub(crate) app: AppSlug,
    pub(crate) channel: ChannelName,
    pub(crate) platform: Platform,
    pub(crate) arch: Option<Arch>,
    pub(crate) kind: Option<Kind>,
}

/// Which file of a release.
#[derive(Debug, Clone)]
pub(crate) struct ReleasedFile {
    pub(crate) app: AppSlug,
    pub(crate) release: ReleaseName,
    pub(crate) filename: FileName,
    /// Tells files of one name apart.
    pub(crate) sha256: Option<Digest>,
}

/// Who may have an answer besides those who asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Anyone.
    Public,
    /// Those who may read the app.
    Private,
}

/// The address of the file that a channel has for a platform now.
pub(crate) async fn current(server: &Server, caller: Caller, wanted: CurrentFile) -> Result<String, OpError> {
    server
        .db
        .read(move |connection| {
            let view = caller.view(connection, &wanted.app)?;
            let row = head(connection, &view, &wanted.app, &wanted.channel)?;
            let lines = db::releases::artifacts(connection, &wanted.app, &row.id)?;
            let asked = Wanted { arch: wanted.arch.as_ref(), kind: wanted.kind };
            let line = choose(&lines, wanted.platform, asked).ok_or_else(|| OpError::FileNotFound {
                app: wanted.app.clone(),
                release: row.name.clone(),
                what: describe(&wanted),
            })?;
            Ok(address(&wanted.app, &row.name, &lines, line))
        })
        .await
}

fn describe(wanted: &CurrentFile) -> String {
    let arch = wanted.arch.as_ref().map(|arch| format!(" on {arch}")).unwrap_or_default();
    let kind = wanted.kind.map(|kind| format!(" ({kind})")).unwrap_or_default();
    format!("file for {}{arch}{kind}", wanted.platform)
}

/// The address of a file of a release, for good. Where several have its name it says which.
pub(crate) fn address(app: &AppSlug, release: &ReleaseName, lines: &[ArtifactLine], line: &ArtifactLine) -> String {
    let path = paths::artifact(app, release, &line.filename);
    let is_alone =
        lines.iter().filter(|other| other.filename == line.filename).all(|other| other.sha256 == line.sha256);
    if is_alone { path } else { format!("{path}?sha256={}", line.sha256) }
}

/// Opens a file of a release.
pub(crate) async fn open(server: &Server, caller: Caller, wanted: ReleasedFile) -> Result<(Download, Reach), OpError> {
    let now = server.clock.now();
    let (found, reach) = server
        .db
        .read(move |connection| {
            let view = caller.view(connection, &wanted.app)?;
            let not_found = || OpError::FileNotFound {
                app: wanted.app.clone(),
                release: wanted.release.clone(),
                what: format!("file {}", wanted.filename),
            };
            let found = refs::sqlite::find(connection, &wanted.app, &RefName::Release(wanted.release.clone()))?;
            let id = release_id(found.ok_or_else(not_found)?.target);
            if !view.has_release(connection, &wanted.app, id)? {
                return Err(not_found());
            }
            let row = load(connection, &wanted.app, id)?;
            let lines = db::releases::artifacts(connection, &wanted.app, &row.id)?;
            let line = find(&lines, &wanted)?.ok_or_else(not_found)?;
            check_handed_out(connection, &audience(&caller), line, now)?;
            let reach = reach(connection, &wanted.app, id)?;
            Ok((download::find_line(connection, &wanted.app, line)?, reach))
        })
        .await?;
    Ok((download::open_found(server, found).await?, reach))
}

fn find<'a>(lines: &'a [ArtifactLine], wanted: &ReleasedFile) -> Result<Option<&'a ArtifactLine>, OpError> {
    let is_wanted = |line: &&ArtifactLine| {
        line.filename == wanted.filename && wanted.sha256.is_none_or(|sha256| sha256 == line.sha256)
    };
    let mut found = lines.iter().filter(is_wanted);
    let first = found.next();
    match first {
        Some(first) if found.any(|other| other.sha256 != first.sha256) => Err(OpError::RequestInvalid(format!(
            "{} has several files called {}: add ?sha256= to say which",
            wanted.release, wanted.filename
        ))),
        first => Ok(first),
    }
}

fn reach(connection: &Connection, app: &AppSlug, id: protocol::ReleaseId) -> Result<Reach, OpError> {
    match Caller::anonymous().view(connection, app) {
        Ok(view) if view.has_release(connection, app, id)? => Ok(Reach::Public),
        Ok(_) | Err(OpError::Unauthenticated(_)) => Ok(Reach::Private),
        Err(error) => Err(error),
    }
}
