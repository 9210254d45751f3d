//! Mirrors: apps that are kept equal to the same app of another server, by asking it.
//!
//! An update reads what the source has (`read.rs`), takes the objects that this app lacks as a push would bring them
//! (`take.rs`), and makes everything visible in one transaction (`apply.rs`). Until then the mirror is as it was; a cut leaves
//! objects that the next update need not take again.
//!
//! Releases, refs with their reflogs, revocations and pins are the source's, to the letter. Who may see the app, its links,
//! rules and webhooks are the mirror's own.

mod apply;
mod read;
mod take;

use jiff::Timestamp;
use protocol::api::{Access, App, AuditAction};
use protocol::{AppSlug, ChannelName, ReleaseName, ServerUrl};
use rusqlite::{Connection, Transaction};
use serde::Serialize;
use serde_json::json;

use super::caller::Record;
use super::care::gc::Ground;
use super::remote::{Remote, RemoteError};
use super::{Caller, OpError};
use crate::Inspector;
use crate::db;
use crate::db::DbError;

/// What an update works on.
#[derive(Clone)]
pub struct Work {
    /// Database, objects and clock.
    pub ground: Ground,
    /// Reads the artifacts that arrive.
    pub inspector: Inspector,
    /// The source.
    pub remote: Remote,
}

/// What an update brought.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Updated {
    /// New releases.
    pub releases: usize,
    /// Objects that were taken from the source.
    pub objects: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Moves of channels.
    pub moves: usize,
    /// Revocations and pins that were made or undone.
    pub marks: usize,
    /// New releases whose artifacts the source does not give: they were revoked, or given up by retention.
    pub withheld: usize,
}

/// How far an update is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So much is to be taken.
    Lacking {
        /// Objects.
        objects: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// So many more bytes have come.
    Arrived(u64),
    /// An object is whole.
    Taken,
}

/// Why a mirror is not updated. What it had it has still.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The app was made here.
    #[error("{0} is an app of this server: a mirror would replace its history")]
    OwnApp(AppSlug),
    /// It is kept equal to another server.
    #[error("{app} is a mirror of {of} already: end that first, with distd mirror --stop --app {app}")]
    OtherSource {
        /// The app.
        app: AppSlug,
        /// What it is a mirror of.
        of: ServerUrl,
    },
    /// It is not kept equal to anything.
    #[error("{0} is not a mirror")]
    NotAMirror(AppSlug),
    /// The histories of a channel are not the same: the source was restored to an earlier state, or another one took its place.
    #[error(
        "{app} {channel} moved otherwise at the source than it says it did before: was it restored from a backup? \
         A new mirror, in another data directory, begins anew"
    )]
    Diverged {
        /// The app.
        app: AppSlug,
        /// The channel.
        channel: ChannelName,
    },
    /// A release is not what the source says it is.
    #[error("the source has {app} {name}, which is not in order: {why}")]
    Invalid {
        /// The app.
        app: AppSlug,
        /// The release.
        name: ReleaseName,
        /// What is wrong.
        why: String,
    },
    /// The source does not give it.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// Disk or database fail here.
    #[error(transparent)]
    Here(#[from] OpError),
}

impl From<DbError> for MirrorError {
    fn from(error: DbError) -> Self {
        Self::Here(error.into())
    }
}

impl From<rusqlite::Error> for MirrorError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Here(error.into())
    }
}

/// Refuses to change an app that is a mirror: the source is where it changes.
pub(super) fn refuse(connection: &Connection, app: &AppSlug) -> Result<(), OpError> {
    match db::mirrors::find(connection, app)? {
        Some(mirror) => Err(OpError::AppIsMirror { app: app.clone(), of: mirror.source }),
        None => Ok(()),
    }
}

/// Whether a change is one that only the source of a mirror makes.
pub(super) fn is_for_source(action: AuditAction) -> bool {
    matches!(
        action,
        AuditAction::ObjectUpload
            | AuditAction::ReleasePublish
            | AuditAction::ReleaseRevoke
            | AuditAction::ReleaseRestore
            | AuditAction::StagePut
            | AuditAction::ChannelPromote
            | AuditAction::ChannelRollback
            | AuditAction::ChannelPin
            | AuditAction::ChannelUnpin
            | AuditAction::GateOverride
    )
}

/// Makes an app equal to that of the source; makes the app, for holders of tokens, where there is none.
///
/// # Errors
/// When the source does not answer or says what cannot be, the app was made here, or disk or database fail.
pub async fn update(work: &Work, app: &AppSlug, hear: &(dyn Fn(Step) + Send + Sync)) -> Result<Updated, MirrorError> {
    let about = read::read_app(work, app).await?;
    let (of, at, begun) = (work.remote.url().clone(), work.ground.clock.now(), about.clone());
    work.ground.db.write(move |tx| begin(tx, &begun, &of, at)).await?;
    let found = read::read(work, app).await?;
    let taken = take::take(work, app, &found, hear).await?;
    apply::apply(work, about, found, taken).await
}

/// Makes a mirror an app like any other, with everything that it has.
///
/// # Errors
/// When it is no mirror, or the database fails.
pub async fn stop(ground: &Ground, app: &AppSlug) -> Result<(), MirrorError> {
    let (app, at) = (app.clone(), ground.clock.now());
    let end = move |tx: &Transaction<'_>| {
        let mirror = db::mirrors::find(tx, &app)?.ok_or_else(|| MirrorError::NotAMirror(app.clone()))?;
        db::mirrors::remove(tx, &app)?;
        let record = Record {
            action: AuditAction::MirrorEnd,
            app: Some(&app),
            subject: app.to_string(),
            old: Some(mirror.source.to_string()),
            new: None,
            reason: None,
            details: json!({}),
        };
        Ok(Caller::local().record(tx, at, record)?)
    };
    ground.db.write(end).await
}

/// Notes that an app is a mirror, and makes it where there is none.
fn begin(tx: &Transaction<'_>, about: &App, of: &ServerUrl, at: Timestamp) -> Result<(), MirrorError> {
    let (app, caller) = (&about.slug, Caller::local());
    match db::mirrors::find(tx, app)? {
        Some(mirror) if mirror.source == *of => return Ok(()),
        Some(mirror) => return Err(MirrorError::OtherSource { app: app.clone(), of: mirror.source }),
        None => {}
    }
    if !db::apps::insert(tx, app, &about.name, Access::Token, caller.actor(), at)? {
        return Err(MirrorError::OwnApp(app.clone()));
    }
    db::mirrors::insert(tx, app, of, at)?;
    let record = Record {
        action: AuditAction::MirrorBegin,
        app: Some(app),
        subject: app.to_string(),
        old: None,
        new: Some(of.to_string()),
        reason: None,
        details: json!({ "name": about.name, "access": Access::Token }),
    };
    Ok(caller.record(tx, at, record)?)
}
