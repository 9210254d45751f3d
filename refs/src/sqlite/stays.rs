use gix_hash::ObjectId;
use rusqlite::Connection;

use super::column::encode_id;
use super::error::{ReadError, Row};
use super::reflog::read_entry;
use crate::{AppSlug, RefKind, RefName, ReflogEntry};

/// A range of the index: no name is above a prefix followed by the last of all characters. The planner would rather read the
/// whole reflogs of all channels.
const STAYS: &str = "SELECT ref, seq FROM reflog INDEXED BY reflog_by_new
    WHERE app = ?1 AND new = ?2 AND ref >= ?3 AND ref < ?4 ORDER BY at DESC, ref, seq DESC LIMIT ?5";

/// A time during which a ref was at one release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stay {
    /// The ref.
    pub name: RefName,
    /// The move that brought it there.
    pub began: ReflogEntry,
    /// The move that took it away; `None` while it is there.
    pub ended: Option<ReflogEntry>,
}

/// When the channels of an app were at `target`: the newest `limit` times, the newest first.
///
/// # Errors
/// When the database fails, or a row holds text that does not parse.
pub fn stays(conn: &Connection, app: &AppSlug, target: ObjectId, limit: u32) -> Result<Vec<Stay>, ReadError> {
    let prefix = RefKind::Channels.prefix();
    let mut statement = conn.prepare_cached(STAYS)?;
    let found = statement
        .query_map((app.as_str(), encode_id(target), prefix, format!("{prefix}\u{10ffff}"), limit), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let found: Vec<(String, i64)> = found.collect::<Result<_, _>>()?;
    found.into_iter().map(|(name, seq)| read_stay(conn, app, &name, seq)).collect()
}

/// The move numbered `seq` and the one after it.
fn read_stay(conn: &Connection, app: &AppSlug, name: &str, seq: i64) -> Result<Stay, ReadError> {
    const SQL: &str = "SELECT seq, old, new, actor, action, reason, at FROM reflog
        WHERE app = ?1 AND ref = ?2 AND seq BETWEEN ?3 AND ?3 + 1 ORDER BY seq";
    let row = Row { app, name };
    let mut statement = conn.prepare_cached(SQL)?;
    let lines = statement.query_and_then((app.as_str(), name, seq), |columns| read_entry(row, columns))?;
    let mut lines = lines.collect::<Result<Vec<_>, ReadError>>()?.into_iter();
    let began = row.or_corrupt(lines.next(), "reflog.seq", &seq.to_string(), "a line number")?;
    let name = row.or_corrupt(name.parse().ok(), "reflog.ref", name, "a ref name")?;
    Ok(Stay { name, began, ended: lines.next() })
}

#[cfg(test)]
mod tests {
    use super::super::read::POINTING_AT;
    use super::super::reflog::WAS_AT;
    use super::super::{SCHEMA_1, SCHEMA_2};
    use super::*;

    #[test]
    fn where_a_release_was_is_found_without_reading_a_whole_reflog() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(&format!("{SCHEMA_1}{SCHEMA_2}")).unwrap();
        let check = |sql: &str, expect: &str| {
            let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let parameters = vec!["x"; statement.parameter_count()];
            let lines = statement.query_map(rusqlite::params_from_iter(parameters), |row| row.get("detail")).unwrap();
            let plan = lines.collect::<Result<Vec<String>, _>>().unwrap().join("; ");
            assert!(plan.contains(expect), "{plan}");
        };
        check(WAS_AT, "USING COVERING INDEX reflog_by_new (app=? AND new=? AND ref=?)");
        check(POINTING_AT, "USING INDEX refs_by_target (app=? AND target=?)");
        check(STAYS, "USING INDEX reflog_by_new (app=? AND new=? AND ref>? AND ref<?)");
    }
}
