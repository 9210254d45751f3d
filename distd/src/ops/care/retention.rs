//! Retention: which releases give up their artifacts. Off unless an app's rules say otherwise.

use std::collections::{BTreeMap, HashSet};

use glob::Pattern;
use jiff::{SignedDuration, Timestamp};
use protocol::api::ExpiredRelease;
use protocol::rules::Retention;
use protocol::{AppSlug, ChannelName, RefName, ReleaseId};
use refs::sqlite::{RefKind, ReflogEntry};
use rusqlite::Connection;

use super::super::{OpError, release_id, rules};
use crate::db;

/// How many releases below the current one a channel can always be rolled back to.
const ROLLBACK_DEPTH: usize = 5;

/// Lines of a reflog that are looked at; older ones name what is long given up, or what another rule keeps.
const LINES: u32 = 100_000;

/// The releases of all apps that give up their artifacts now.
pub(super) fn plan(connection: &Connection, now: Timestamp) -> Result<Vec<ExpiredRelease>, OpError> {
    let mut expired = Vec::new();
    for app in db::apps::list(connection)? {
        let rules = rules::load(connection, &app.slug)?.retention;
        if rules.values().any(Retention::is_on) {
            expired.extend(plan_app(connection, &app.slug, &rules, now)?);
        }
    }
    Ok(expired)
}

fn plan_app(
    connection: &Connection,
    app: &AppSlug,
    rules: &BTreeMap<ChannelName, Retention>,
    now: Timestamp,
) -> Result<Vec<ExpiredRelease>, OpError> {
    let mut histories = Vec::new();
    let mut names = BTreeMap::new();
    for found in refs::sqlite::list(connection, app, RefKind::All)? {
        match found.name {
            RefName::Channel(channel) => histories.push(read_history(connection, app, channel, rules)?),
            RefName::Release(name) => {
                names.insert(release_id(found.target), name.to_string());
            }
            RefName::Staging { .. } => {}
        }
    }
    let mut expired = Vec::new();
    for release in choose(&histories, &names, now) {
        if db::care::is_expired(connection, app, &release)? {
            continue;
        }
        if let (Some(row), Some(name)) = (db::releases::find(connection, app, &release)?, names.get(&release)) {
            expired.push(ExpiredRelease { app: app.clone(), release, name: name.clone(), size: row.size_bytes });
        }
    }
    Ok(expired)
}

/// What was on a channel, newest first, each release once.
struct History {
    rule: Retention,
    /// With the moment at which it last was the channel's release; `None` for the current one.
    releases: Vec<(ReleaseId, Option<Timestamp>)>,
    /// What it can be rolled back to, the current one first.
    rollback: Vec<ReleaseId>,
}

fn read_history(
    connection: &Connection,
    app: &AppSlug,
    channel: ChannelName,
    rules: &BTreeMap<ChannelName, Retention>,
) -> Result<History, OpError> {
    let stack = refs::sqlite::read_undo_stack(connection, app, &channel)?;
    let rollback = stack.iter().rev().take(ROLLBACK_DEPTH + 1).map(|id| release_id(*id)).collect();
    let rule = rules.get(&channel).cloned().unwrap_or_default();
    let lines = refs::sqlite::reflog(connection, app, &RefName::Channel(channel), None, LINES)?;
    Ok(History { rule, releases: on_channel(&lines), rollback })
}

/// Newest first, with the moment at which each was last replaced.
fn on_channel(lines: &[ReflogEntry]) -> Vec<(ReleaseId, Option<Timestamp>)> {
    let mut seen = HashSet::new();
    let mut releases = Vec::new();
    let mut until = None;
    for line in lines {
        if let Some(id) = line.new.map(release_id).filter(|id| seen.insert(*id)) {
            releases.push((id, until));
        }
        until = Some(line.at);
    }
    releases
}

/// The releases that no channel keeps, of those that were on one. Knows nothing but what it is given.
fn choose(histories: &[History], names: &BTreeMap<ReleaseId, String>, now: Timestamp) -> Vec<ReleaseId> {
    let mut kept: HashSet<ReleaseId> = histories.iter().flat_map(|history| history.rollback.clone()).collect();
    let mut given_up = Vec::new();
    for History { rule, releases, .. } in histories {
        let last = rule.keep_last.map_or(0, |count| count as usize);
        let since = rule.keep_days.map(|days| super::live::ago(now, SignedDuration::from_hours(24 * i64::from(days))));
        let patterns: Vec<Pattern> = rule.keep_versions.iter().filter_map(|text| Pattern::new(text).ok()).collect();
        for (place, (release, until)) in releases.iter().enumerate() {
            let is_recent = since.is_some_and(|since| until.is_none_or(|until| until >= since));
            let is_named = names.get(release).is_some_and(|name| {
                let version = name.split('+').next().unwrap_or(name);
                patterns.iter().any(|pattern| pattern.matches(name) || pattern.matches(version))
            });
            if !rule.is_on() || place < last || is_recent || is_named {
                kept.insert(*release);
            } else {
                given_up.push(*release);
            }
        }
    }
    let mut seen = HashSet::new();
    given_up.into_iter().filter(|release| !kept.contains(release) && seen.insert(*release)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> ReleaseId {
        ReleaseId::of(&[number])
    }

    /// Ten releases, the newest first, each replaced a day after the one before; the clock is at day 10.
    fn history(rule: Retention) -> History {
        let day = |day: u8| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * i64::from(day));
        let releases = (0..10).rev().map(|number| (id(number), (number < 9).then(|| day(number + 1)))).collect();
        History { rule, releases, rollback: vec![id(9), id(8)] }
    }

    fn chosen(histories: &[History]) -> Vec<u8> {
        let names = (0..10).map(|number| (id(number), format!("{number}.0+{number}"))).collect();
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(240);
        let found = choose(histories, &names, now);
        (0..10).filter(|number| found.contains(&id(*number))).collect()
    }

    #[test]
    fn what_no_rule_keeps_is_given_up() {
        let check = |rule: &str, expect: &[u8]| {
            assert_eq!(chosen(&[history(serde_json::from_str(rule).unwrap())]), expect, "{rule}");
        };
        check("{}", &[]);
        check(r#"{"keep_versions": ["1.0"]}"#, &[]);
        check(r#"{"keep_last": 3}"#, &[0, 1, 2, 3, 4, 5, 6]);
        check(r#"{"keep_days": 4}"#, &[0, 1, 2, 3, 4]);
        check(r#"{"keep_last": 3, "keep_days": 4}"#, &[0, 1, 2, 3, 4]);
        check(r#"{"keep_last": 8, "keep_versions": ["1.*"]}"#, &[0]);
        // What it can be rolled back to stays whatever the rule says.
        check(r#"{"keep_last": 0}"#, &[0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_release_is_kept_where_one_of_its_channels_keeps_it() {
        let strict = || history(Retention { keep_last: Some(1), ..Retention::default() });
        assert_eq!(chosen(&[strict(), history(Retention { keep_last: Some(9), ..Retention::default() })]), [0]);
        assert_eq!(chosen(&[strict(), history(Retention::default())]), Vec::<u8>::new());
    }
}
