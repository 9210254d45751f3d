//! Schema versions, counted in SQLite's `user_version`. Forward only.

use rusqlite::{Connection, TransactionBehavior};

/// The statements that bring the tables from version N to N + 1, by N.
const STEPS: &[&[&str]] = &[
    &[include_str!("schema.sql"), refs::sqlite::SCHEMA_1],
    &[include_str!("reports.sql")],
    &[include_str!("publishers.sql")],
    &[include_str!("install.sql")],
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
    /// SQLite refuses a step.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// Brings the tables to the newest version, in one transaction per step.
pub(super) fn run(connection: &mut Connection) -> Result<(), MigrateError> {
    loop {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let found = version as usize;
        if found == STEPS.len() {
            return Ok(());
        }
        let step = STEPS.get(found).ok_or(MigrateError::Newer { found, known: STEPS.len() })?;
        step.iter().try_for_each(|sql| transaction.execute_batch(sql))?;
        transaction.pragma_update(None, "user_version", version + 1)?;
        transaction.commit()?;
    }
}
