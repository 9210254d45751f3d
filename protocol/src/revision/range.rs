//! Ranges of history: `A..B`.

use std::fmt;
use std::str::FromStr;

use refs::AppSlug;
use serde::{Deserialize, Serialize};

use super::{ParseRevisionError, Revision};

/// `A..B`: what B's history has and A's has not. Where both are on one line of parents, that is what came after A up to B.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RevisionRange {
    /// What is known already.
    pub from: Revision,
    /// Whose history is asked for.
    pub to: Revision,
}

/// Which part of history is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// A release and its parents.
    History(Revision),
    /// A range.
    Range(RevisionRange),
}

/// `APP`, `APP@REV` or `APP@A..B`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppSelection {
    /// The app.
    pub app: AppSlug,
    /// Which part of its history; all of it where nothing is said.
    pub selection: Option<Selection>,
}

impl FromStr for RevisionRange {
    type Err = ParseRevisionError;

    fn from_str(text: &str) -> Result<Self, ParseRevisionError> {
        // No channel, name or step has two dots in a row.
        match text.split_once("..") {
            Some((from, to)) if !from.is_empty() && !to.is_empty() => Ok(Self { from: from.parse()?, to: to.parse()? }),
            _ => Err(ParseRevisionError::Range(text.to_owned())),
        }
    }
}

impl FromStr for Selection {
    type Err = ParseRevisionError;

    fn from_str(text: &str) -> Result<Self, ParseRevisionError> {
        if text.contains("..") { text.parse().map(Self::Range) } else { text.parse().map(Self::History) }
    }
}

impl FromStr for AppSelection {
    type Err = ParseRevisionError;

    fn from_str(text: &str) -> Result<Self, ParseRevisionError> {
        let (app, selection) = match text.split_once('@') {
            Some((app, selection)) => (app, Some(selection.parse()?)),
            None => (text, None),
        };
        Ok(Self { app: app.parse()?, selection })
    }
}

impl fmt::Display for RevisionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.from, self.to)
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selection::History(revision) => revision.fmt(f),
            Selection::Range(range) => range.fmt(f),
        }
    }
}

impl TryFrom<String> for RevisionRange {
    type Error = ParseRevisionError;

    fn try_from(text: String) -> Result<Self, ParseRevisionError> {
        text.parse()
    }
}

impl From<RevisionRange> for String {
    fn from(range: RevisionRange) -> Self {
        range.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::revision;
    use super::*;

    #[test]
    fn a_range_has_a_revision_on_both_sides() {
        let check = |text: &str, from: &str, to: &str| {
            let range: RevisionRange = text.parse().unwrap();
            assert_eq!((range.from.to_string().as_str(), range.to.to_string().as_str()), (from, to));
        };
        check("stable..beta", "stable", "beta");
        check("1.0.0..2.4.0+241~2", "1.0.0", "2.4.0+241~2");
        check("beta@{1}..beta", "beta@{1}", "beta");
        for bad in ["", "..", "beta", "beta..", "..beta"] {
            assert_eq!(bad.parse::<RevisionRange>(), Err(ParseRevisionError::Range(bad.to_owned())), "{bad:?}");
        }
        assert!(matches!("a...b".parse::<RevisionRange>(), Err(ParseRevisionError::Base(_))));
        assert!(matches!("a..b..c".parse::<RevisionRange>(), Err(ParseRevisionError::Base(_))));
    }

    #[test]
    fn an_app_stands_for_all_of_its_history() {
        let parse = |text: &str| text.parse::<AppSelection>();
        assert_eq!(parse("acme").unwrap().selection, None);
        assert!(matches!(parse("acme@beta~2").unwrap().selection, Some(Selection::History(_))));
        assert!(matches!(parse("acme@stable..beta").unwrap().selection, Some(Selection::Range(_))));
        assert!(matches!(parse("acme@"), Err(ParseRevisionError::Base(_))));
        assert!(matches!(parse("Acme@beta"), Err(ParseRevisionError::App(_))));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(from in revision(), to in revision()) {
            let range = RevisionRange { from, to };
            prop_assert_eq!(&range.to_string().parse::<RevisionRange>().unwrap(), &range);
            let selection = Selection::Range(range);
            prop_assert_eq!(selection.to_string().parse::<Selection>().unwrap(), selection);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,60}") {
            let _ = text.parse::<AppSelection>();
        }
    }
}
