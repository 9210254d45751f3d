//! Between columns and validated types.

use std::fmt::Display;
use std::str::FromStr;

use jiff::Timestamp;
use protocol::{AppSlug, ReleaseId};
use rusqlite::Row;

/// A column whose text is not what the schema promises: the database was changed by something else.
#[derive(Debug, thiserror::Error)]
#[error("the database holds {text:?} in column {column}: {why}")]
pub struct Corrupt {
    column: String,
    text: String,
    why: String,
}

/// Why the database cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// SQLite says so.
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// It holds what no one of us wrote.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// A ref or reflog cannot be read.
    #[error(transparent)]
    Refs(#[from] refs::sqlite::ReadError),
}

impl DbError {
    /// A release that something refers to is not in the index.
    pub(crate) fn missing_release(app: &AppSlug, id: &ReleaseId) -> Self {
        let why = format!("{app} has no such release");
        Corrupt { column: "releases.id".to_owned(), text: id.to_string(), why }.into()
    }
}

/// What a column holds cannot be read or written as what it is.
pub(super) fn corrupt(column: &str, key: impl Display, why: impl Display) -> DbError {
    Corrupt { column: column.to_owned(), text: key.to_string(), why: why.to_string() }.into()
}

pub(crate) type DbResult<T> = Result<T, DbError>;

/// The value of a text column.
pub(super) fn parse<T: FromStr<Err: Display>>(row: &Row<'_>, column: &str) -> DbResult<T> {
    let text: String = row.get(column)?;
    parse_text(&text, column)
}

/// The value of a text column that may be NULL.
pub(super) fn parse_opt<T: FromStr<Err: Display>>(row: &Row<'_>, column: &str) -> DbResult<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| parse_text(&text, column)).transpose()
}

fn parse_text<T: FromStr<Err: Display>>(text: &str, column: &str) -> DbResult<T> {
    text.parse().map_err(|why: T::Err| {
        Corrupt { column: column.to_owned(), text: text.to_owned(), why: why.to_string() }.into()
    })
}

/// The value of a text column that holds JSON.
pub(super) fn parse_json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: &str) -> DbResult<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|why| Corrupt { column: column.to_owned(), text, why: why.to_string() }.into())
}

/// The value of an integer column that is never negative.
pub(super) fn unsigned(row: &Row<'_>, column: &str) -> DbResult<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number)
        .map_err(|why| Corrupt { column: column.to_owned(), text: number.to_string(), why: why.to_string() }.into())
}

/// How a time stands in a column: RFC 3339, UTC, three fractional digits, so that text order is time order.
pub(super) fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// How a size or count stands in a column.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).expect("sizes and counts are bounded far below 2^63")
}
