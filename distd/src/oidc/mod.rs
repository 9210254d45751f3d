//! Identity tokens of pipelines (`OpenID` Connect): reading, keys, signatures, and the rules of trusted publishers.
//!
//! Knows no database and no HTTP of ours. Only [`Issuers`] reaches out, and only to an issuer that the caller took from a
//! publisher's rule: what stands in a token that nobody has verified never decides where a request goes.

mod issuers;
mod jwt;
mod ring;
mod rule;

pub(crate) use issuers::{IssuerError, Issuers};
pub(crate) use jwt::{Claims, Unverified};
pub(crate) use rule::{Miss, check_rule, judge};

use jiff::SignedDuration;
use protocol::ErrorCode;

/// By how much the clocks of issuers may differ from ours.
pub(crate) const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// Why an identity token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Its own code.
    pub code: ErrorCode,
    /// What is not as it should be. Tells what the token says, never the value that a rule asks for.
    pub message: String,
}

impl Refusal {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Text that someone else chose, for messages, names and the audit log: one line of at most `most` bytes.
pub(crate) fn clipped(text: &str, most: usize) -> String {
    let mut line: String = text.chars().map(|it| if it.is_control() { '\u{fffd}' } else { it }).collect();
    if line.len() > most {
        let end = (0..=most.saturating_sub('…'.len_utf8())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_one_bounded_line() {
        assert_eq!(clipped("a\nb", 10), "a\u{fffd}b");
        assert_eq!(clipped("0123456789", 10), "0123456789");
        assert_eq!(clipped("0123456789x", 10), "0123456…");
        assert_eq!(clipped("ééééé", 8), "éé…");
    }
}
