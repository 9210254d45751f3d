//! Schema versions, counted in SQLite's `user_version`. Forward only.

use rusqlite::{Connection, TransactionBehavior};

/// The statements that bring the tables from version N to N + 1, by N.
const STEPS: &[&[&str]] = &[
    &[include_str!("schema.sql"), refs::sqlite::SCHEMA_1],
    &[include_str!("reports.sql")],
    &[include_str!("publishers.sql")],
    &[include_str!("care.sql")],
    &[refs::sqlite::SCHEMA_2],
    &[include_str!("history.sql")],
    &[include_str!("install.sql")],
    &[include_str!("webhooks.sql")],
    &[include_str!("care_state.sql")],
    &[include_str!("console.sql")],
    &[include_str!("sizes.sql")],
    &[include_str!("mirrors.sql")],
];

/// Why the tables cannot be brought to this version.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A newer `distd` wrote them.
    #[error(
        "it has schema version {found}, this distd knows {known} at most; use the newer distd, or restore a backup"
    )]
    Newer {
        /// The version of the tables.
        found: usize,
        /// The newest version known here.
        known: usize,
    },
    /// The backup before the change cannot be made.
    #[error("cannot back it up to {path} before its tables are changed: {source}")]
    Backup {
        /// Where it was to go.
        path: String,
        /// Why.
        source: rusqlite::Error,
    },
    /// SQLite refuses a step.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// The newest schema version known here.
pub(crate) const NEWEST: usize = STEPS.len();

/// The schema version of a database.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<usize> {
    connection.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0)).map(|version| version as usize)
}

/// Brings the tables to the newest version, in one transaction per step. `before` is called once, with the version that the
/// tables have, before the first step that changes tables which exist.
pub(super) fn run(
    connection: &mut Connection,
    before: impl FnOnce(&Connection, usize) -> Result<(), MigrateError>,
) -> Result<(), MigrateError> {
    let found = version(connection)?;
    if found > NEWEST {
        return Err(MigrateError::Newer { found, known: NEWEST });
    }
    if found > 0 && found < NEWEST {
        before(connection, found)?;
    }
    loop {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = version(&transaction)?;
        if found == NEWEST {
            return Ok(());
        }
        let steps = STEPS.get(found).ok_or(MigrateError::Newer { found, known: NEWEST })?;
        super::step("migrate.step")?;
        steps.iter().try_for_each(|sql| transaction.execute_batch(sql))?;
        transaction.pragma_update(None, "user_version", u32::try_from(found + 1).expect("versions are few"))?;
        super::step("migrate.commit")?;
        transaction.commit()?;
        super::step("migrate.committed")?;
    }
}

/// Makes the tables of an older version, for tests of what comes after it.
#[cfg(test)]
pub(super) fn run_to(connection: &mut Connection, version: usize) -> Result<(), MigrateError> {
    for (number, steps) in STEPS.iter().enumerate().take(version) {
        steps.iter().try_for_each(|sql| connection.execute_batch(sql))?;
        connection.pragma_update(None, "user_version", u32::try_from(number + 1).unwrap())?;
    }
    Ok(())
}

/// A new database file as one of that version would have made it.
#[cfg(test)]
pub(crate) fn tables_of(path: &std::path::Path, version: usize) -> Connection {
    let mut connection = Connection::open(path).unwrap();
    run_to(&mut connection, version).unwrap();
    connection
}

#[cfg(test)]
mod tests {
    use super::super::copies::before_migration;
    use super::super::{Database, FILE_NAME, OpenError};
    use super::*;

    #[test]
    fn tables_of_every_earlier_version_are_brought_to_this_one_after_a_backup() {
        for found in 1..NEWEST {
            let data = tempfile::tempdir().unwrap();
            let mut connection = Connection::open(data.path().join(FILE_NAME)).unwrap();
            run_to(&mut connection, found).unwrap();
            let row =
                "INSERT INTO apps (slug, name, access, created_at, created_by) VALUES ('acme', 'A', 'token', '', '')";
            connection.execute(row, []).unwrap();
            drop(connection);
            assert!(matches!(Database::attach(data.path()), Err(OpenError::Older { .. })), "not beside a server");
            drop(Database::open(data.path()).unwrap());
            let apps = |path: &std::path::Path| {
                let connection = Connection::open(path).unwrap();
                let apps: u32 = connection.query_row("SELECT count(*) FROM apps", [], |row| row.get(0)).unwrap();
                (version(&connection).unwrap(), apps)
            };
            assert_eq!(apps(&data.path().join(FILE_NAME)), (NEWEST, 1));
            assert_eq!(apps(&before_migration(data.path(), found)), (found, 1));
        }
    }

    #[test]
    fn a_new_database_needs_no_backup_and_a_newer_one_is_refused() {
        let data = tempfile::tempdir().unwrap();
        drop(Database::open(data.path()).unwrap());
        assert!(!data.path().join("backups").exists());
        let connection = Connection::open(data.path().join(FILE_NAME)).unwrap();
        connection.pragma_update(None, "user_version", 1000).unwrap();
        let error = Database::open(data.path()).err().unwrap().to_string();
        assert!(error.contains("schema version 1000") && error.contains("newer distd"), "{error}");
    }
}
