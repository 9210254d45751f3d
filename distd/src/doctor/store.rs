//! What the database says of itself and of the care that was taken.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;

use super::Check;
use crate::db;
use crate::ops::care;

/// The clock may be behind the newest event by so much: more than that is refused at the start.
const CLOCK_STEP: SignedDuration = SignedDuration::from_hours(24);

/// After how long something is overdue, what does it, and what it is.
struct Habit {
    code: &'static str,
    after: SignedDuration,
    mend: &'static str,
}

const FSCK: Habit =
    Habit { code: "fsck", after: SignedDuration::from_hours(24 * 60), mend: "dist fsck, or scrub_days = 30" };
const GC: Habit = Habit {
    code: "gc",
    after: SignedDuration::from_hours(24 * 30),
    mend: "dist gc; the server does it by itself while it runs",
};
const BACKUP: Habit = Habit {
    code: "backup",
    after: SignedDuration::from_hours(24 * 7),
    mend: "distd backup DIR, or backup = \"DIR\" in distd.toml",
};

/// What mends a database that is damaged.
const RESTORE: &str = "move it away, then distd restore DIR, the folder with the backups";

/// Everything that the database says.
pub(crate) fn database(data: &Path, now: Timestamp) -> Vec<Check> {
    let connection = match open(data) {
        Ok(connection) => connection,
        Err(error) => return vec![Check::fail("database", error.to_string()).mended_by(RESTORE)],
    };
    let mut checks = vec![integrity(&connection)];
    match (db::audit::newest(&connection), care::read(&connection)) {
        (Ok(newest), Ok(state)) => {
            checks.push(clock(newest, now));
            // Nothing is to be checked, deleted or saved where nothing is.
            let is_empty = state.objects == 0;
            let ages = [(&FSCK, state.oldest_check), (&GC, state.gc_at), (&BACKUP, state.whole_backup_at)];
            checks.extend(ages.iter().map(|(habit, at)| age(habit, *at, now, is_empty)));
        }
        (Err(error), _) | (_, Err(error)) => {
            checks.push(Check::fail("database", error.to_string()).mended_by(RESTORE));
        }
    }
    checks
}

fn open(data: &Path) -> Result<Connection, db::OpenError> {
    let connection = db::open_existing(data)?;
    db::check_version(&connection, &data.join(db::FILE_NAME))?;
    Ok(connection)
}

fn integrity(connection: &Connection) -> Check {
    match connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)) {
        Ok(said) if said == "ok" => Check::ok("database", "SQLite finds nothing wrong"),
        Ok(said) => Check::fail("database", said).mended_by(RESTORE),
        Err(error) => Check::fail("database", error.to_string()).mended_by(RESTORE),
    }
}

fn clock(newest: Option<Timestamp>, now: Timestamp) -> Check {
    let code = "clock";
    match newest {
        Some(newest) if now < newest - CLOCK_STEP => {
            Check::fail(code, format!("it says {now:.0}, and the newest audit event is of {newest:.0}"))
                .mended_by("set the clock (NTP)")
        }
        Some(newest) if now < newest => {
            Check::warn(code, format!("it is behind the newest audit event, of {newest:.0}"))
                .mended_by("set the clock (NTP)")
        }
        _ => Check::ok(code, format!("{now:.0}")),
    }
}

fn age(habit: &Habit, at: Option<Timestamp>, now: Timestamp, is_empty: bool) -> Check {
    match at {
        None if is_empty => Check::ok(habit.code, "nothing is stored yet"),
        None => Check::warn(habit.code, "never").mended_by(habit.mend),
        Some(at) => {
            let days = now.duration_since(at).as_hours() / 24;
            let seen = format!("{days} days ago");
            if now.duration_since(at) > habit.after {
                Check::warn(habit.code, seen).mended_by(habit.mend)
            } else {
                Check::ok(habit.code, seen)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::diagnosis::Level;

    use super::*;

    #[test]
    fn what_is_overdue_is_told() {
        let now: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        let days = |days: i64| Some(now - SignedDuration::from_hours(24 * days));
        assert_eq!(age(&BACKUP, None, now, true).level, Level::Ok);
        assert_eq!(age(&BACKUP, None, now, false).level, Level::Warn);
        assert_eq!(age(&BACKUP, days(7), now, false), Check::ok("backup", "7 days ago"));
        assert_eq!(age(&BACKUP, days(8), now, false).level, Level::Warn);
        assert_eq!(clock(days(-2), now).level, Level::Fail);
        assert_eq!(clock(days(-1), now).level, Level::Warn);
        assert_eq!(clock(days(0), now).level, Level::Ok);
        assert_eq!(clock(None, now).level, Level::Ok);
    }

    #[test]
    fn a_database_that_is_not_there_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let checks = database(folder.path(), Timestamp::now());
        assert_eq!(
            checks.iter().map(|check| (check.code, check.level)).collect::<Vec<_>>(),
            [("database", Level::Fail)]
        );
    }
}
