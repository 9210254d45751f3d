use super::{NameError, NameKind, NameReason};

/// A set of characters, and the words by which an error names it.
#[derive(Clone, Copy)]
pub(super) struct Class {
    pub(super) has: fn(char) -> bool,
    pub(super) words: &'static str,
}

pub(super) const DIGIT: Class = Class { has: |c| c.is_ascii_digit(), words: "a digit" };
pub(super) const LOWER: Class = Class { has: |c| c.is_ascii_lowercase(), words: "a lowercase letter" };
pub(super) const LOWER_OR_DIGIT: Class =
    Class { has: |c| c.is_ascii_lowercase() || c.is_ascii_digit(), words: "a lowercase letter or a digit" };
pub(super) const ALPHANUMERIC: Class = Class { has: |c| c.is_ascii_alphanumeric(), words: "a letter or a digit" };

/// Where dots may stand.
#[derive(Clone, Copy)]
pub(super) enum Dots {
    /// Wherever the character class lets them.
    Anywhere,
    /// One at a time, and neither a dot nor a hyphen at the end.
    Between,
}

/// The shape of one kind of name: `first` then `rest`, at most `max_bytes` together.
pub(super) struct Rule {
    pub(super) kind: NameKind,
    pub(super) max_bytes: usize,
    pub(super) first: Class,
    pub(super) rest: Class,
    pub(super) dots: Dots,
}

impl Rule {
    pub(super) fn check(&self, text: &str) -> Result<(), NameError> {
        self.check_text(text).map_err(|reason| NameError::new(self.kind, text, reason))
    }

    fn check_text(&self, text: &str) -> Result<(), NameReason> {
        let first = text.chars().next().ok_or(NameReason::Empty)?;
        if text.len() > self.max_bytes {
            return Err(NameReason::TooLong { max_bytes: self.max_bytes, actual_bytes: text.len() });
        }
        if !(self.first.has)(first) {
            return Err(NameReason::BadStart { found: first, allowed: self.first.words });
        }
        if let Some((at, found)) = text.char_indices().skip(1).find(|&(_, c)| !(self.rest.has)(c)) {
            return Err(NameReason::BadCharacter { found, at, allowed: self.rest.words });
        }
        match self.dots {
            Dots::Anywhere => Ok(()),
            Dots::Between => check_dots(text),
        }
    }
}

fn check_dots(text: &str) -> Result<(), NameReason> {
    if let Some(at) = text.find("..") {
        return Err(NameReason::DoubleDot { at });
    }
    match text.chars().last() {
        Some(found) if !found.is_ascii_alphanumeric() => Err(NameReason::BadEnd { found }),
        _ => Ok(()),
    }
}
