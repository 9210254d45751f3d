//! What a doctor finds: `dist doctor` on the way to a server, `distd doctor` at the server itself.

use jiff::SignedDuration;
use serde::Serialize;

/// A certificate that ends sooner is worth a word.
pub const CERTIFICATE_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The columns that [`Level::word`] takes.
pub const WORD_COLUMNS: usize = 4;

/// How one check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works, and could be better.
    Warn,
    /// Does not work, or not for everyone, or will not for long.
    Fail,
}

impl Level {
    /// The word before a check in a terminal, [`WORD_COLUMNS`] columns wide. What fails is loud.
    pub fn word(self) -> &'static str {
        match self {
            Level::Ok => "ok  ",
            Level::Warn => "warn",
            Level::Fail => "FAIL",
        }
    }
}

/// One check, mended by an `M`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check<M> {
    /// What was looked at, stable for scripts.
    pub code: &'static str,
    /// How it ended.
    pub level: Level,
    /// What was seen.
    pub seen: String,
    /// What mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<M>,
}

impl<M> Check<M> {
    /// It is right.
    pub fn ok(code: &'static str, seen: impl Into<String>) -> Self {
        Self::new(code, Level::Ok, seen)
    }

    /// It could be better.
    pub fn warn(code: &'static str, seen: impl Into<String>) -> Self {
        Self::new(code, Level::Warn, seen)
    }

    /// It is wrong.
    pub fn fail(code: &'static str, seen: impl Into<String>) -> Self {
        Self::new(code, Level::Fail, seen)
    }

    /// The check with what mends it.
    #[must_use]
    pub fn mended_by(self, mend: impl Into<M>) -> Self {
        Self { mend: Some(mend.into()), ..self }
    }

    fn new(code: &'static str, level: Level, seen: impl Into<String>) -> Self {
        Self { code, level, seen: seen.into(), mend: None }
    }
}

/// How many checks failed.
pub fn count_failed<M>(checks: &[Check<M>]) -> usize {
    checks.iter().filter(|check| check.level == Level::Fail).count()
}

/// The columns that the codes of these checks take.
pub fn code_columns<M>(checks: &[Check<M>]) -> usize {
    checks.iter().map(|check| check.code.len()).max().unwrap_or_default()
}
