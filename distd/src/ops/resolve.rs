//! From a revision to a release.

use protocol::revision::Step;
use protocol::{AppSlug, ChannelName, RefName, ReleaseId, Revision};
use refs::sqlite::RefKind;
use rusqlite::Connection;

use super::{OpError, release_id};
use crate::db::{self, DbError, releases::ReleaseRow};

/// Candidates that an error lists.
const CANDIDATES: usize = 5;

/// Releases looked at for one prefix: enough to see that it is ambiguous.
const MOST_MATCHES: u32 = 6;

/// Newest moves of a channel among which an error looks for candidates.
const REFLOG_LOOKED_AT: u32 = 1_000;

/// Newest releases among which an error looks for candidates.
const RECENT: u32 = 50;

/// The release that a revision names. A channel goes before a release name, and a release name before an id.
pub(super) fn resolve(connection: &Connection, app: &AppSlug, revision: &Revision) -> Result<ReleaseRow, OpError> {
    let mut steps = revision.steps();
    let id = match (base(connection, app, revision)?, steps) {
        (Base::Channel(name, _), [step @ (Step::Back(_) | Step::At(_)), rest @ ..]) => {
            steps = rest;
            match earlier(connection, app, &name, *step)? {
                Some(id) => id,
                None => return Err(never_there(connection, app, revision, &name, *step)?),
            }
        }
        (Base::Channel(_, id) | Base::Release(id), _) => id,
    };
    let mut release = load(connection, app, id)?;
    for step in steps {
        let Step::Parent(parents) = step else {
            let why = format!("{step} does not follow a channel");
            return Err(unknown(app, revision, why, Vec::new()));
        };
        for _ in 0..*parents {
            let Some(parent) = release.parent else {
                let why = format!("{} is the first of its history", release.name);
                return Err(unknown(app, revision, why, vec![release.name.to_string()]));
            };
            release = load(connection, app, parent)?;
        }
    }
    Ok(release)
}

/// The refusal of a step back to when the channel was nowhere, with the steps that lead somewhere.
fn never_there(
    connection: &Connection,
    app: &AppSlug,
    revision: &Revision,
    channel: &ChannelName,
    step: Step,
) -> Result<OpError, OpError> {
    let lines = refs::sqlite::reflog(connection, app, &RefName::Channel(channel.clone()), None, REFLOG_LOOKED_AT)?;
    let there = lines.iter().enumerate().filter(|(_, line)| line.new.is_some());
    let mut candidates: Vec<String> = there.map(|(back, _)| format!("{channel}@{{{back}}}")).collect();
    // The earliest are the likeliest: they are nearest to what was asked for.
    candidates.reverse();
    candidates.truncate(CANDIDATES);
    let first = lines.last().map_or_else(String::new, |line| format!(": it first moved {}", line.at));
    let why = match step {
        Step::Back(_) => format!("{channel} has moved {} times", lines.first().map_or(0, |line| line.seq)),
        _ => format!("{channel} was nowhere then{first}"),
    };
    Ok(unknown(app, revision, why, candidates))
}

enum Base {
    Channel(ChannelName, ReleaseId),
    Release(ReleaseId),
}

fn base(connection: &Connection, app: &AppSlug, revision: &Revision) -> Result<Base, OpError> {
    if let Some(channel) = revision.as_channel()
        && let Some(found) = refs::sqlite::find(connection, app, &RefName::Channel(channel.clone()))?
    {
        return Ok(Base::Channel(channel, release_id(found.target)));
    }
    if let Some(name) = revision.as_release_name()
        && let Some(found) = refs::sqlite::find(connection, app, &RefName::Release(name))?
    {
        return Ok(Base::Release(release_id(found.target)));
    }
    if let Some(prefix) = revision.as_id_prefix() {
        let found = db::releases::find_by_prefix(connection, app, prefix, MOST_MATCHES)?;
        match found.as_slice() {
            [] => {}
            [one] => return Ok(Base::Release(one.id)),
            several => {
                let candidates = several.iter().take(CANDIDATES).map(ReleaseRow::to_ref).collect();
                return Err(OpError::RevisionAmbiguous { app: app.clone(), revision: revision.clone(), candidates });
            }
        }
    }
    Err(OpError::RevisionUnknown {
        app: app.clone(),
        revision: revision.clone(),
        why: format!("{} is no channel, release or id here", revision.base()),
        candidates: candidates(connection, app, revision.base())?,
    })
}

fn earlier(
    connection: &Connection,
    app: &AppSlug,
    channel: &ChannelName,
    step: Step,
) -> Result<Option<ReleaseId>, OpError> {
    let name = RefName::Channel(channel.clone());
    let target = match step {
        Step::Back(moves) => refs::sqlite::value_back(connection, app, &name, u64::from(moves))?,
        Step::At(moment) => refs::sqlite::value_at(connection, app, &name, moment)?,
        Step::Parent(_) => None,
    };
    Ok(target.map(release_id))
}

/// The index row of a release that something else refers to.
pub(super) fn load(connection: &Connection, app: &AppSlug, id: ReleaseId) -> Result<ReleaseRow, OpError> {
    let row = db::releases::find(connection, app, &id)?;
    row.ok_or_else(|| OpError::Database(DbError::missing_release(app, &id)))
}

fn unknown(app: &AppSlug, revision: &Revision, why: String, candidates: Vec<String>) -> OpError {
    OpError::RevisionUnknown { app: app.clone(), revision: revision.clone(), why, candidates }
}

/// Channels and recent releases, those most like `text` first.
fn candidates(connection: &Connection, app: &AppSlug, text: &str) -> Result<Vec<String>, OpError> {
    let recent = db::releases::list(connection, app, None, None, RECENT)?;
    let mut names = channel_names(connection, app)?;
    names.extend(recent.into_iter().map(|row| row.name.to_string()));
    Ok(closest(text, &names))
}

/// The channels of an app, by name.
pub(super) fn channel_names(connection: &Connection, app: &AppSlug) -> Result<Vec<String>, OpError> {
    let found = refs::sqlite::list(connection, app, RefKind::Channels)?;
    let channels = found.into_iter().filter_map(|found| match found.name {
        RefName::Channel(name) => Some(name.to_string()),
        _ => None,
    });
    Ok(channels.collect())
}

/// Those of `names` that are most like `text`, or the first few where none is.
pub(super) fn closest(text: &str, names: &[String]) -> Vec<String> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let close = similar::get_close_matches(text, &names, CANDIDATES, 0.5);
    let chosen = if close.is_empty() { names.into_iter().take(CANDIDATES).collect() } else { close };
    chosen.into_iter().map(str::to_owned).collect()
}
