//! How SQLite goes about a statement, for tests that hold it to an index.

use rusqlite::Connection;

use super::migrate;

/// The lines of the plan, on the newest tables with nothing in them.
pub(crate) fn plan_of(sql: &str) -> Vec<String> {
    let mut connection = Connection::open_in_memory().unwrap();
    super::keep_statements(&connection).unwrap();
    migrate::run(&mut connection, |_, _| Ok(())).unwrap();
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let parameters = rusqlite::params_from_iter(vec!["1"; statement.parameter_count()]);
    statement.query_map(parameters, |row| row.get("detail")).unwrap().collect::<Result<_, _>>().unwrap()
}
