use crate::AppSlug;

/// Why refs or a reflog could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database failed.
    #[error("refs could not be read")]
    Sqlite(#[from] rusqlite::Error),
    /// A row holds text that this crate would not have written.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
}

/// Text in a table that does not parse: written by something else, or damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{column} of {row} holds {text:?}, which is not {expected}")]
pub struct Corrupt {
    /// The table and column, such as `refs.target`.
    pub column: &'static str,
    /// Which row: the app and the name of the ref, with a space between them.
    pub row: String,
    /// What the column holds.
    pub text: String,
    /// What it should hold, in words.
    pub expected: &'static str,
}

/// The row that is being read, for naming it should it be corrupt.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) app: &'a AppSlug,
    pub(super) name: &'a str,
}

impl Row<'_> {
    /// `parsed`, or the error that `column` of this row holds `text`.
    pub(super) fn or_corrupt<T>(
        self,
        parsed: Option<T>,
        column: &'static str,
        text: &str,
        expected: &'static str,
    ) -> Result<T, Corrupt> {
        parsed.ok_or_else(|| Corrupt {
            column,
            row: format!("{} {}", self.app, self.name),
            text: text.to_owned(),
            expected,
        })
    }
}
