//! How much of an app a caller gets to see.

use protocol::api::{Access, App};
use protocol::scope::Need;
use protocol::{AppSlug, ChannelName, RefName, ReleaseId, Revision};
use refs::sqlite::RefKind;
use rusqlite::Connection;

use super::resolve::resolve;
use super::{Caller, OpError, rules};
use crate::db::{self, releases::ReleaseRow};

/// What a caller may see of one app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum View {
    /// Everything.
    Whole,
    /// These channels, and the releases that are or were on one of them.
    Channels(Vec<ChannelName>),
}

impl Caller {
    /// What the caller may see of an app. One who may see nothing learns nothing, not even whether it exists.
    pub(super) fn view(&self, connection: &Connection, app: &AppSlug) -> Result<View, OpError> {
        let access = db::apps::access(connection, app)?;
        if self.may(Need::Read(app)) {
            return access.map(|_| View::Whole).ok_or_else(|| OpError::AppNotFound(app.clone()));
        }
        let public = match access {
            Some(access) => public_part(connection, app, access)?,
            None => None,
        };
        match public {
            Some(view) => Ok(view),
            None => Err(self.require(Need::Read(app)).err().unwrap_or_else(|| OpError::AppNotFound(app.clone()))),
        }
    }

    /// Whether an app is in the caller's list.
    pub(super) fn sees(&self, connection: &Connection, app: &App) -> Result<bool, OpError> {
        Ok(self.may(Need::Read(&app.slug)) || public_part(connection, &app.slug, app.access)?.is_some())
    }

    /// Refuses unless the caller may see the whole app.
    pub(super) fn require_read(&self, connection: &Connection, app: &AppSlug) -> Result<(), OpError> {
        match self.view(connection, app)? {
            View::Whole => Ok(()),
            View::Channels(_) => self.require(Need::Read(app)),
        }
    }
}

/// What anyone may see; `None` for nothing.
fn public_part(connection: &Connection, app: &AppSlug, access: Access) -> Result<Option<View>, OpError> {
    let rules = rules::load(connection, app)?;
    if access == Access::Public && rules.access.values().all(|channel| *channel == Access::Public) {
        return Ok(Some(View::Whole));
    }
    let is_public = |channel: &ChannelName| rules.channel_access(access, channel) == Access::Public;
    let channels =
        refs::sqlite::list(connection, app, RefKind::Channels)?.into_iter().filter_map(|found| match found.name {
            RefName::Channel(channel) => Some(channel).filter(is_public),
            _ => None,
        });
    let channels: Vec<ChannelName> = channels.collect();
    Ok((access == Access::Public || !channels.is_empty()).then_some(View::Channels(channels)))
}

impl View {
    /// Whether a channel is in it.
    pub(super) fn has_channel(&self, channel: &ChannelName) -> bool {
        match self {
            View::Whole => true,
            View::Channels(channels) => channels.contains(channel),
        }
    }

    /// Whether a release is in it.
    pub(super) fn has_release(&self, connection: &Connection, app: &AppSlug, id: ReleaseId) -> Result<bool, OpError> {
        let View::Channels(channels) = self else { return Ok(true) };
        for channel in channels {
            if refs::sqlite::was_at(connection, app, &RefName::Channel(channel.clone()), id.into())? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether an object is one of a release that is in it, or the manifest of one.
    pub(super) fn has_object(
        &self,
        connection: &Connection,
        app: &AppSlug,
        digest: &ReleaseId,
    ) -> Result<bool, OpError> {
        if self.has_release(connection, app, *digest)? {
            return Ok(true);
        }
        for release in db::objects::holders(connection, app, digest)? {
            if self.has_release(connection, app, release)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a ref is in it.
    pub(super) fn has_ref(
        &self,
        connection: &Connection,
        app: &AppSlug,
        name: &RefName,
        target: ReleaseId,
    ) -> Result<bool, OpError> {
        match name {
            RefName::Channel(channel) => Ok(self.has_channel(channel)),
            RefName::Release(_) => self.has_release(connection, app, target),
            RefName::Staging { .. } => Ok(*self == View::Whole),
        }
    }

    /// The release that a revision names. One that is not in the view is as unknown as one that does not exist.
    pub(super) fn resolve(
        &self,
        connection: &Connection,
        app: &AppSlug,
        revision: &Revision,
    ) -> Result<ReleaseRow, OpError> {
        let resolved = resolve(connection, app, revision);
        if *self == View::Whole {
            return resolved;
        }
        match resolved {
            Ok(row) if self.has_release(connection, app, row.id)? => Ok(row),
            Err(error @ (OpError::Database(_) | OpError::Storage { .. })) => Err(error),
            _ => Err(OpError::RevisionUnknown {
                app: app.clone(),
                revision: revision.clone(),
                why: "nothing public goes by it".to_owned(),
                candidates: Vec::new(),
            }),
        }
    }
}
