//! File names that every system can hold and no header or terminal can be tricked with.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits;

/// The name of an artifact's file: UTF-8, 1 to 255 bytes, one path component. Spaces, umlauts and emoji are fine; path
/// separators, control characters, text-direction marks and names that Windows reserves are not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName(String);

/// Why text is not a [`FileName`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseFileNameError {
    /// Empty, or more than 255 bytes.
    #[error("a file name has 1 to {limit} bytes, this one has {0}", limit = limits::FILE_NAME_BYTES)]
    Length(usize),
    /// A character that is a separator, a control or a direction mark somewhere.
    #[error("file name {name:?} has the character {character:?}, which not every system can hold")]
    Character {
        /// The whole name.
        name: String,
        /// The first character refused.
        character: char,
    },
    /// `.`, `..`, a device name, or a name ending in a dot or space.
    #[error("file name {0:?} means something else on some systems")]
    Reserved(String),
}

const RESERVED_STEMS: &[&str] = &["con", "prn", "aux", "nul"];

impl FileName {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Separators and wildcards of Windows, controls, and the marks that reorder or hide text.
fn is_refused(character: char) -> bool {
    matches!(character, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
        || character.is_control()
        || matches!(character, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{61c}')
}

fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|rest| rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit())
    };
    name.starts_with(' ')
        || name.ends_with([' ', '.'])
        || RESERVED_STEMS.contains(&stem.as_str())
        || numbered("com")
        || numbered("lpt")
}

impl FromStr for FileName {
    type Err = ParseFileNameError;

    fn from_str(text: &str) -> Result<Self, ParseFileNameError> {
        if text.is_empty() || text.len() > limits::FILE_NAME_BYTES {
            return Err(ParseFileNameError::Length(text.len()));
        }
        if let Some(character) = text.chars().find(|character| is_refused(*character)) {
            return Err(ParseFileNameError::Character { name: text.to_owned(), character });
        }
        if is_reserved(text) {
            return Err(ParseFileNameError::Reserved(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for FileName {
    type Error = ParseFileNameError;

    fn try_from(text: String) -> Result<Self, ParseFileNameError> {
        text.parse()
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.0
    }
}

impl AsRef<str> for FileName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_some_system_cannot_hold_are_refused() {
        for good in ["acme.apk", "Mein Büro 🚀 2.ipa", "a", ".hidden", "console.log", "com10.exe"] {
            assert_eq!(good.parse::<FileName>().unwrap().as_str(), good);
        }
        for bad in
            ["", ".", "..", "a/b", "a\\b", "c:d", "x\n", "evil\u{202e}gpa.exe", "NUL.txt", "com1", "end.", "end "]
        {
            assert!(bad.parse::<FileName>().is_err(), "{bad:?}");
        }
        assert!(matches!("x".repeat(256).parse::<FileName>(), Err(ParseFileNameError::Length(256))));
    }
}
