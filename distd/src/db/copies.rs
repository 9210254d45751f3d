//! Copies of the database: before its tables are changed, for a backup, and to look at one of an older version.

use std::path::{Path, PathBuf};
use std::{fs, io};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::{MigrateError, OpenError, check_version, migrate, open_read_only, step};

/// Where the database of version `version` is kept before it is changed: `backups/before-v4.sqlite` beside it.
pub(super) fn before_migration(data: &Path, version: usize) -> PathBuf {
    data.join("backups").join(format!("before-v{}.sqlite", version + 1))
}

/// Copies the database as it is before its tables are changed. What an earlier attempt left is replaced.
pub(super) fn back_up(connection: &Connection, data: &Path, version: usize) -> Result<(), MigrateError> {
    let path = before_migration(data, version);
    let copied = step("migrate.backup").and_then(|()| copy(connection, &path));
    copied.map_err(|source| MigrateError::Backup { path: path.display().to_string(), source })
}

/// Copies a database as one transaction sees it, whoever writes meanwhile (SQLite's backup interface). Durable on return.
pub(crate) fn copy(connection: &Connection, to: &Path) -> rusqlite::Result<()> {
    let failed = |error: io::Error| {
        let message = format!("{}: {error}", to.display());
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN), Some(message))
    };
    let temp = to.with_extension("sqlite.part");
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    remove_database(&temp).map_err(failed)?;
    {
        let mut copy = Connection::open(&temp)?;
        let backup = Backup::new(connection, &mut copy)?;
        // In one step, which is one read transaction: several would begin again whenever someone writes. It waits for a lock
        // for as long as the busy timeout of `connection`; without one, what was copied is nothing.
        match backup.step(-1)? {
            StepResult::Done => {}
            _ => return Err(failed(io::ErrorKind::ResourceBusy.into())),
        }
        drop(backup);
        // A copy is read where nothing can be written beside it.
        copy.pragma_update(None, "journal_mode", "DELETE")?;
    }
    let publish = || {
        let file = fs::File::open(&temp)?;
        // A log of what had the name before is not to be played into the copy.
        remove_logs(to)?;
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        file.sync_all()?;
        fs::rename(&temp, to)?;
        to.parent().map_or(Ok(()), |parent| fs::File::open(parent)?.sync_all())
    };
    publish().map_err(failed)
}

/// What SQLite keeps beside a database file, and plays into it when it is next opened.
const LOGS: [&str; 3] = ["-wal", "-shm", "-journal"];

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A log of a database file that is there, whether or not the file is.
pub(crate) fn find_log(path: &Path) -> Option<PathBuf> {
    LOGS.iter().map(|suffix| beside(path, suffix)).find(|log| fs::symlink_metadata(log).is_ok())
}

/// Removes a database file and what SQLite keeps beside it.
fn remove_database(path: &Path) -> io::Result<()> {
    remove_file(path)?;
    remove_logs(path)
}

fn remove_logs(path: &Path) -> io::Result<()> {
    LOGS.iter().try_for_each(|suffix| remove_file(&beside(path, suffix)))
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Opens a database that is never to be changed, to look at it. One with the tables of an older version is copied to
/// `scratch`, and the copy is brought to this version.
///
/// # Errors
/// When it cannot be read, or is of a newer version; when the copy cannot be made.
pub(crate) fn open_as_newest(path: &Path, scratch: &Path) -> Result<Connection, OpenError> {
    let connection = open_read_only(path)?;
    if is_older(&connection, path)? {
        copy_as_newest(path, scratch)?;
        return open_read_only(scratch);
    }
    Ok(connection)
}

/// Copies a database, and brings the copy to this version. Durable on return.
///
/// # Errors
/// As [`open_as_newest`].
pub(crate) fn copy_as_newest(from: &Path, to: &Path) -> Result<(), OpenError> {
    let sqlite = |path: &Path| {
        let path = path.to_owned();
        |source| OpenError::Sqlite { path, source }
    };
    let source = open_read_only(from)?;
    is_older(&source, from)?;
    copy(&source, to).map_err(sqlite(from))?;
    let mut copy = Connection::open(to).map_err(sqlite(to))?;
    migrate::run(&mut copy, |_, _| Ok(())).map_err(|source| OpenError::Migrate { path: to.to_owned(), source })
}

/// Whether a database has the tables of a version before this one. A file without any is refused: it is none of ours.
fn is_older(connection: &Connection, path: &Path) -> Result<bool, OpenError> {
    match check_version(connection, path) {
        Err(OpenError::Older { found: 1.., .. }) => Ok(true),
        checked => checked.map(|()| false),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Database, FILE_NAME, NEWEST};
    use super::*;

    #[test]
    fn a_database_that_is_locked_is_not_copied_as_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, to) = (folder.path().join("a.sqlite"), folder.path().join("b.sqlite"));
        let owner = Connection::open(&path).unwrap();
        owner.execute_batch("CREATE TABLE t (n); INSERT INTO t VALUES (7); BEGIN EXCLUSIVE").unwrap();
        let source = Connection::open(&path).unwrap();
        source.busy_timeout(Duration::ZERO).unwrap();
        copy(&source, &to).unwrap_err();
        assert!(!to.exists());
        owner.execute_batch("COMMIT").unwrap();
        copy(&source, &to).unwrap();
        let copied = Connection::open(&to).unwrap();
        assert_eq!(copied.query_row("SELECT n FROM t", [], |row| row.get::<_, u32>(0)).unwrap(), 7);
    }

    #[test]
    fn a_copy_has_nothing_of_what_had_its_name_before() {
        let folder = tempfile::tempdir().unwrap();
        let (path, to) = (folder.path().join("a.sqlite"), folder.path().join("b.sqlite"));
        let source = Connection::open(&path).unwrap();
        source.execute_batch("CREATE TABLE t (n)").unwrap();
        for suffix in LOGS {
            fs::write(beside(&to, suffix), "left over").unwrap();
        }
        assert!(find_log(&to).is_some());
        copy(&source, &to).unwrap();
        assert_eq!(find_log(&to), None);
    }

    #[test]
    fn one_of_an_older_version_is_looked_at_as_of_this_one_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (path, scratch) = (folder.path().join(FILE_NAME), folder.path().join("scratch").join(FILE_NAME));
        let version = |path: &Path| migrate::version(&open_read_only(path).unwrap()).unwrap();
        for found in 1..NEWEST {
            let mut connection = Connection::open(&path).unwrap();
            migrate::run_to(&mut connection, found).unwrap();
            drop(connection);
            check_version(&open_as_newest(&path, &scratch).unwrap(), &path).unwrap();
            assert_eq!(version(&path), found);
            copy_as_newest(&path, &folder.path().join("copy")).unwrap();
            assert_eq!(version(&folder.path().join("copy")), NEWEST);
            remove_database(&path).unwrap();
        }
    }

    #[test]
    fn one_of_a_newer_version_or_of_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, scratch) = (folder.path().join(FILE_NAME), folder.path().join("scratch"));
        drop(Database::open(folder.path()).unwrap());
        for (version, expect) in [(1000, "schema version 1000"), (0, "schema version 0")] {
            Connection::open(&path).unwrap().pragma_update(None, "user_version", version).unwrap();
            let errors = [open_as_newest(&path, &scratch).err(), copy_as_newest(&path, &scratch).err()];
            for error in errors {
                let error = error.unwrap().to_string();
                assert!(error.contains(expect), "{error}");
            }
            assert!(!scratch.exists());
        }
    }
}
