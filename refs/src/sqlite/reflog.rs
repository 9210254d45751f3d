use gix_hash::ObjectId;
use jiff::Timestamp;
use rusqlite::{Connection, Params};

use super::column::{encode_id, encode_time, parse_id, parse_time};
use super::error::{Corrupt, ReadError, Row};
use super::read::find;
use crate::{AppSlug, ChannelName, RefName, ReflogEntry, rollback_target, undo_stack};

/// How many of the newest lines of a reflog [`read_undo_stack`] and [`read_rollback_target`] look
/// at.
pub const ROLLBACK_WINDOW: u32 = 1_000;

pub(super) const WAS_AT: &str = "SELECT EXISTS (SELECT 1 FROM reflog WHERE app = ?1 AND ref = ?2 AND new = ?3)";

/// The lines of a ref's reflog, newest first: at most `limit` of those with a `seq` below `before`,
/// or of all. The next page starts before the last `seq` of this one.
///
/// The reflog of a deleted ref is still there.
///
/// # Errors
/// When the database fails, or a row holds text that does not parse.
pub fn reflog(
    conn: &Connection,
    app: &AppSlug,
    name: &RefName,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<ReflogEntry>, ReadError> {
    const SQL: &str = "SELECT seq, old, new, actor, action, reason, at FROM reflog
        WHERE app = ?1 AND ref = ?2 AND seq < ?3 ORDER BY seq DESC LIMIT ?4";
    let name = name.to_string();
    let before = before.map_or(i64::MAX, saturating_i64);
    let mut statement = conn.prepare_cached(SQL)?;
    statement
        .query_and_then((app.as_str(), &name, before, limit), |row| read_entry(Row { app, name: &name }, row))?
        .collect()
}

/// What a ref pointed at `n` moves ago, as `@{n}` asks: 0 is now. `None` if it did not exist then;
/// so it is before the first line of the reflog.
///
/// # Errors
/// When the database fails, or a row holds text that does not parse.
pub fn value_back(conn: &Connection, app: &AppSlug, name: &RefName, n: u64) -> Result<Option<ObjectId>, ReadError> {
    // `seq` has no gaps, so the line of the n-th last move is found by its number.
    const SQL: &str = "SELECT old FROM reflog WHERE app = ?1 AND ref = ?2
        AND seq = (SELECT max(seq) FROM reflog WHERE app = ?1 AND ref = ?2) - ?3";
    let Some(lines_above) = n.checked_sub(1) else {
        return Ok(find(conn, app, name)?.map(|found| found.target));
    };
    let name = name.to_string();
    let params = (app.as_str(), &name, saturating_i64(lines_above));
    read_value(conn, SQL, params, Row { app, name: &name }, "reflog.old")
}

/// What a ref pointed at when it was `at`, as `@{date}` asks, to the millisecond. `None` if it did
/// not exist then.
///
/// Where the clock was set back between two moves, the later move counts.
///
/// # Errors
/// When the database fails, or a row holds text that does not parse.
pub fn value_at(
    conn: &Connection,
    app: &AppSlug,
    name: &RefName,
    at: Timestamp,
) -> Result<Option<ObjectId>, ReadError> {
    const SQL: &str = "SELECT new FROM reflog
        WHERE app = ?1 AND ref = ?2 AND at <= ?3 ORDER BY seq DESC LIMIT 1";
    let name = name.to_string();
    let params = (app.as_str(), &name, encode_time(at));
    read_value(conn, SQL, params, Row { app, name: &name }, "reflog.new")
}

/// The [`undo_stack`] of a channel, the current release last, from the newest [`ROLLBACK_WINDOW`]
/// lines of its reflog. For a caller that has to pass over releases, such as revoked ones.
///
/// # Errors
/// When the database fails, or a row holds text that does not parse.
pub fn read_undo_stack(conn: &Connection, app: &AppSlug, channel: &ChannelName) -> Result<Vec<ObjectId>, ReadError> {
    Ok(undo_stack(&read_window(conn, app, channel)?))
}

/// The [`rollback_target`] of a channel, from the newest [`ROLLBACK_WINDOW`] lines of its reflog.
///
/// # Errors
/// When the database fails, or a row holds text that does not parse.
pub fn read_rollback_target(
    conn: &Connection,
    app: &AppSlug,
    channel: &ChannelName,
) -> Result<Option<ObjectId>, ReadError> {
    Ok(rollback_target(&read_window(conn, app, channel)?))
}

/// The newest lines of a channel's reflog, oldest first.
fn read_window(conn: &Connection, app: &AppSlug, channel: &ChannelName) -> Result<Vec<ReflogEntry>, ReadError> {
    let name = RefName::Channel(channel.clone());
    let mut entries = reflog(conn, app, &name, None, ROLLBACK_WINDOW)?;
    entries.reverse();
    Ok(entries)
}

fn read_value(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    row: Row<'_>,
    column: &'static str,
) -> Result<Option<ObjectId>, ReadError> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let text = rows.next()?.map(|row| row.get::<_, Option<String>>(0)).transpose()?.flatten();
    Ok(parse_optional_id(row, column, text.as_deref())?)
}

/// The columns of one line, as SQL holds them.
type Columns = (i64, Option<String>, Option<String>, String, String, Option<String>, String);

pub(super) fn read_entry(row: Row<'_>, columns: &rusqlite::Row<'_>) -> Result<ReflogEntry, ReadError> {
    Ok(parse_entry(row, columns.try_into()?)?)
}

fn parse_entry(row: Row<'_>, columns: Columns) -> Result<ReflogEntry, Corrupt> {
    let (seq, old, new, actor, action, reason, at) = columns;
    Ok(ReflogEntry {
        seq: row.or_corrupt(u64::try_from(seq).ok(), "reflog.seq", &seq.to_string(), "a line number")?,
        old: parse_optional_id(row, "reflog.old", old.as_deref())?,
        new: parse_optional_id(row, "reflog.new", new.as_deref())?,
        actor,
        action: row.or_corrupt(action.parse().ok(), "reflog.action", &action, "an action")?,
        reason,
        at: parse_time(row, "reflog.at", &at)?,
    })
}

fn parse_optional_id(row: Row<'_>, column: &'static str, text: Option<&str>) -> Result<Option<ObjectId>, Corrupt> {
    text.map(|text| parse_id(row, column, text)).transpose()
}

/// The database counts in `i64`, and no reflog gets near its end: what is beyond means "beyond them all".
fn saturating_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Whether a ref is or was at `target`.
///
/// # Errors
/// When the database fails.
pub fn was_at(conn: &Connection, app: &AppSlug, name: &RefName, target: ObjectId) -> Result<bool, ReadError> {
    let mut statement = conn.prepare_cached(WAS_AT)?;
    Ok(statement.query_row((app.as_str(), name.to_string(), encode_id(target)), |row| row.get(0))?)
}
