//! Channels: where they are, how they moved, and promotion.

use protocol::api::{
    AuditAction, Channel, Channels, ExpectedRelease, Moved, PromoteRequest, ReflogLine, ReflogPage, ReleaseRef,
};
use protocol::scope::Need;
use protocol::{AppSlug, ChannelName, GateCode, RefName, ReleaseId};
use refs::sqlite::{Action, ApplyError, Change, Edit, Expected, LogLine, Ref, RefKind, ReflogEntry};
use rusqlite::{Connection, Transaction};
use serde_json::json;

use super::caller::Record;
use super::gates::{self, Ground, Judged};
use super::history::count_ahead;
use super::page::Page;
use super::resolve::{channel_names, closest, load, resolve};
use super::{Caller, OpError, check_reason, release_id};
use crate::Server;
use crate::db;

/// Releases that are looked at, at most, to tell how far a channel is ahead of another.
const AHEAD: usize = 200;

/// All channels of an app, by name.
pub(crate) async fn list(server: &Server, caller: Caller, app: AppSlug) -> Result<Channels, OpError> {
    server
        .db
        .read(move |connection| {
            let view = caller.view(connection, &app)?;
            let found = refs::sqlite::list(connection, &app, RefKind::Channels)?;
            let channels = found.into_iter().map(|found| describe(connection, &app, found));
            let mut channels = channels.collect::<Result<Vec<_>, _>>()?;
            channels.retain(|channel| view.has_channel(&channel.name));
            Ok(Channels { channels })
        })
        .await
}

/// How many releases the second of each pair has that the first has not; `None` where that is more than can be told quickly.
pub(crate) async fn ahead(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    pairs: Vec<(ReleaseId, ReleaseId)>,
) -> Result<Vec<Option<usize>>, OpError> {
    server
        .db
        .read(move |connection| {
            caller.view(connection, &app)?;
            let parent = |id: ReleaseId| db::releases::parent(connection, &app, &id);
            let count = |(from, to)| count_ahead(from, to, AHEAD, parent);
            Ok(pairs.into_iter().map(count).collect::<Result<_, _>>()?)
        })
        .await
}

/// One channel.
pub(crate) async fn show(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    channel: ChannelName,
) -> Result<Channel, OpError> {
    server
        .db
        .read(move |connection| {
            require_channel(&caller, connection, &app, &channel)?;
            let found = find(connection, &app, &channel)?;
            describe(connection, &app, found)
        })
        .await
}

/// How a channel moved, newest first.
pub(crate) async fn reflog(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    channel: ChannelName,
    page: Page,
) -> Result<ReflogPage, OpError> {
    server
        .db
        .read(move |connection| {
            require_channel(&caller, connection, &app, &channel)?;
            find(connection, &app, &channel)?;
            let name = RefName::Channel(channel);
            let mut entries = refs::sqlite::reflog(connection, &app, &name, page.before, page.rows_and_one())?;
            let next = page.cut(&mut entries, |entry| entry.seq);
            let entries = entries.into_iter().map(|entry| line(connection, &app, entry)).collect::<Result<_, _>>()?;
            Ok(ReflogPage { entries, next })
        })
        .await
}

/// Moves a channel to a release; makes the channel where it does not exist.
pub(crate) async fn promote(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    channel: ChannelName,
    request: PromoteRequest,
) -> Result<Moved, OpError> {
    caller.require(Need::Promote(&app, &channel))?;
    let reason = check_reason(request.reason)?;
    if !request.overrides.is_empty() {
        caller.require(Need::Override(&app, &channel))?;
        if reason.is_none() {
            return Err(OpError::RequestInvalid("overriding a gate takes a reason".to_owned()));
        }
    }
    let (store, at) = (server.store.clone(), server.clock.now());
    server
        .db
        .write(move |tx| {
            db::apps::access(tx, &app)?.ok_or_else(|| OpError::AppNotFound(app.clone()))?;
            let to = resolve(tx, &app, &request.revision)?;
            let expected = match request.expected {
                ExpectedRelease::Any => Expected::Any,
                ExpectedRelease::Nothing => Expected::MustNotExist,
                ExpectedRelease::Release(id) => Expected::MustExistAndMatch(id.into()),
            };
            let line = LogLine { actor: caller.actor(), action: Action::Promote, reason: reason.as_deref(), at };
            let judged = gates::judge(Ground { connection: tx, store: &store, app: &app, now: at }, &channel, to.id)?;
            // Where the channel was moved by someone else, that is the news, not what the gates would have said.
            let moved = move_channel(tx, &caller, &app, channel, to.to_ref(), expected, &line)?;
            if moved.from.as_ref().is_some_and(|from| from.id == to.id) {
                return Ok(Moved { pin: db::pins::find(tx, &app, &moved.channel)?, ..moved });
            }
            if let Some(refusal) = judged.refusal(&request.overrides) {
                return Err(refusal);
            }
            let moved = record_overrides(tx, &caller, &app, (moved, judged), &request.overrides, &line)?;
            Ok(Moved { pin: db::pins::find(tx, &app, &moved.channel)?, ..moved })
        })
        .await
}

/// Notes the gates that would have kept a release off a channel.
fn record_overrides(
    tx: &Transaction<'_>,
    caller: &Caller,
    app: &AppSlug,
    (moved, judged): (Moved, Judged),
    overrides: &[GateCode],
    line: &LogLine<'_>,
) -> Result<Moved, OpError> {
    let overridden = judged.overridden(overrides);
    if !overridden.is_empty() {
        let record = Record {
            action: AuditAction::GateOverride,
            app: Some(app),
            subject: RefName::Channel(moved.channel.clone()).to_string(),
            old: moved.from.as_ref().map(|from| from.id.to_string()),
            new: Some(moved.to.id.to_string()),
            reason: line.reason,
            details: json!({ "overridden": overridden }),
        };
        caller.record(tx, line.at, record)?;
    }
    let overridden = overridden.iter().map(|result| result.gate).collect();
    Ok(Moved { gates: judged.report.gates, passed: judged.report.passed, overridden, ..moved })
}

/// Moves a channel and records it. Nothing is written where the channel is there already.
pub(super) fn move_channel(
    tx: &Transaction<'_>,
    caller: &Caller,
    app: &AppSlug,
    channel: ChannelName,
    to: ReleaseRef,
    expected: Expected,
    line: &LogLine<'_>,
) -> Result<Moved, OpError> {
    let name = RefName::Channel(channel.clone());
    let edit = Edit { name: name.clone(), expected, new: Some(to.id.into()) };
    let changes = apply(tx, app, &[edit], line)?;
    let from = changes[0].old.map(|old| release_ref(tx, app, release_id(old))).transpose()?;
    if changes[0].is_noop() {
        return Ok(Moved::new(channel, from, to));
    }
    let is_rollback = line.action == Action::Rollback;
    let record = Record {
        action: if is_rollback { AuditAction::ChannelRollback } else { AuditAction::ChannelPromote },
        app: Some(app),
        subject: name.to_string(),
        old: from.as_ref().map(|from| from.id.to_string()),
        new: Some(to.id.to_string()),
        reason: line.reason,
        details: json!({ "from": from, "to": to }),
    };
    caller.record(tx, line.at, record)?;
    Ok(Moved::new(channel, from, to))
}

/// Moves refs, and says in our words who was faster where one has moved.
pub(super) fn apply(
    tx: &Transaction<'_>,
    app: &AppSlug,
    edits: &[Edit],
    log_line: &LogLine<'_>,
) -> Result<Vec<Change>, OpError> {
    for edit in edits {
        if let (RefName::Channel(_), Some(new)) = (&edit.name, edit.new)
            && db::care::is_expired(tx, app, &release_id(new))?
        {
            return Err(OpError::ReleaseExpired { app: app.clone(), release: load(tx, app, release_id(new))?.name });
        }
    }
    match refs::sqlite::apply(tx, app, edits, log_line) {
        Ok(changes) => Ok(changes),
        Err(ApplyError::Moved { name, actual, last, .. }) => {
            Err(ref_moved(tx, app, *name, actual.map(release_id), last.map(|entry| *entry))?)
        }
        Err(ApplyError::CreateOnly { name, current }) => {
            Err(ref_moved(tx, app, *name, Some(release_id(current)), None)?)
        }
        Err(ApplyError::Duplicate { name }) => Err(OpError::UpdateInvalid(format!("{name} is updated twice"))),
        Err(ApplyError::Sqlite(error)) => Err(error.into()),
        Err(ApplyError::Corrupt(corrupt)) => Err(refs::sqlite::ReadError::Corrupt(corrupt).into()),
    }
}

/// The refusal of a request that expected a ref elsewhere, with the move that brought it where it is.
pub(super) fn ref_moved(
    connection: &Connection,
    app: &AppSlug,
    name: RefName,
    actual: Option<ReleaseId>,
    last: Option<ReflogEntry>,
) -> Result<OpError, OpError> {
    let last = last.map(|entry| line(connection, app, entry)).transpose()?.map(Box::new);
    Ok(OpError::RefMoved { app: app.clone(), name, actual, last })
}

pub(super) fn find(connection: &Connection, app: &AppSlug, channel: &ChannelName) -> Result<Ref, OpError> {
    let found = refs::sqlite::find(connection, app, &RefName::Channel(channel.clone()))?;
    match found {
        Some(found) => Ok(found),
        None => Err(OpError::ChannelNotFound {
            app: app.clone(),
            channel: channel.clone(),
            candidates: closest(channel.as_str(), &channel_names(connection, app)?),
        }),
    }
}

/// A channel that the caller may not see is as one that does not exist.
fn require_channel(
    caller: &Caller,
    connection: &Connection,
    app: &AppSlug,
    channel: &ChannelName,
) -> Result<(), OpError> {
    if caller.view(connection, app)?.has_channel(channel) {
        return Ok(());
    }
    Err(OpError::ChannelNotFound { app: app.clone(), channel: channel.clone(), candidates: Vec::new() })
}

pub(super) fn describe(connection: &Connection, app: &AppSlug, found: Ref) -> Result<Channel, OpError> {
    let last = refs::sqlite::reflog(connection, app, &found.name, None, 1)?.into_iter().next();
    let RefName::Channel(name) = found.name else {
        return Err(OpError::RequestInvalid(format!("{} is not a channel", found.name)));
    };
    Ok(Channel {
        pin: db::pins::find(connection, app, &name)?,
        name,
        release: release_ref(connection, app, release_id(found.target))?,
        moved_at: found.updated_at,
        moves: last.as_ref().map_or(0, |entry| entry.seq),
        moved_by: last.map_or_else(String::new, |entry| entry.actor),
    })
}

fn line(connection: &Connection, app: &AppSlug, entry: ReflogEntry) -> Result<ReflogLine, OpError> {
    let named = |target: Option<gix_hash::ObjectId>| {
        target.map(|target| release_ref(connection, app, release_id(target))).transpose()
    };
    Ok(ReflogLine {
        seq: entry.seq,
        old: named(entry.old)?,
        new: named(entry.new)?,
        actor: entry.actor,
        action: entry.action.as_str().to_owned(),
        reason: entry.reason,
        at: entry.at,
    })
}

/// Id and name of a release that a ref points at or pointed at.
fn release_ref(connection: &Connection, app: &AppSlug, id: ReleaseId) -> Result<ReleaseRef, OpError> {
    Ok(load(connection, app, id)?.to_ref())
}
