//! Pages of listings: where one begins and how long it is.

use protocol::limits;

use super::OpError;

/// Rows wanted and the key before which they begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    pub(super) before: Option<u64>,
    pub(super) rows: u32,
}

impl Page {
    /// Reads `after` (a key that an earlier page gave as `next`) and `limit`.
    pub(crate) fn parse(after: Option<&str>, limit: Option<u32>) -> Result<Self, OpError> {
        let before = after
            .map(|key| key.parse().map_err(|_| OpError::RequestInvalid(format!("after={key:?} is not a page's next"))))
            .transpose()?;
        Ok(Self { before, rows: parse_limit(limit)? })
    }

    /// One row more than wanted, to see whether there is a next page.
    pub(super) fn rows_and_one(self) -> u32 {
        self.rows + 1
    }

    /// Cuts the row too many, and gives the key of the last row where there was one.
    pub(super) fn cut<T>(self, rows: &mut Vec<T>, key: impl Fn(&T) -> u64) -> Option<String> {
        let wanted = self.rows as usize;
        let has_more = rows.len() > wanted;
        rows.truncate(wanted);
        rows.last().filter(|_| has_more).map(|last| key(last).to_string())
    }
}

/// Rows of a page.
pub(super) fn parse_limit(limit: Option<u32>) -> Result<u32, OpError> {
    match limit.unwrap_or(limits::PAGE_ROWS) {
        rows @ 1..=limits::PAGE_ROWS_MAX => Ok(rows),
        rows => Err(OpError::RequestInvalid(format!("limit={rows} is not within 1 to {}", limits::PAGE_ROWS_MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_where_the_next_begins_only_where_there_is_one() {
        let page = Page::parse(Some("9"), Some(2)).unwrap();
        assert_eq!((page.before, page.rows_and_one()), (Some(9), 3));
        let mut rows = vec![8, 7, 6];
        assert_eq!(page.cut(&mut rows, |row| *row), Some("7".to_owned()));
        assert_eq!(rows, [8, 7]);
        assert_eq!(page.cut(&mut rows, |row| *row), None);
        assert!(Page::parse(Some("x"), None).is_err());
        assert!(Page::parse(None, Some(0)).is_err());
        assert!(Page::parse(None, Some(501)).is_err());
    }
}
