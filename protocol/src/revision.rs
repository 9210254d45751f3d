//! Revisions: how a person names a release.
//!
//! `acme@beta` is where the channel points, `acme@2.4.0+241` the release of that name, `acme@9f3ac01` the release whose
//! id starts so (at least 7 digits). After any of them come steps: `~N` goes N parents back, `@{N}` is what the channel
//! was N moves ago, `@{2026-11-01}` what it was then. Steps apply from left to right. `A..B` is a range of them.

mod range;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use refs::{AppSlug, ChannelName, ReleaseName};
use serde::{Deserialize, Serialize};

use crate::limits;

pub use range::{AppSelection, RevisionRange, Selection};

/// Fewest digits of a release id that name a release.
pub const PREFIX_DIGITS: usize = 7;

/// A release of one app, as a person names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Revision {
    base: String,
    steps: Vec<Step>,
}

/// One step from a release or channel to another release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// `~N`: N parents back.
    Parent(u32),
    /// `@{N}`: what the channel was N moves ago.
    Back(u32),
    /// `@{date}`: what the channel was at that moment.
    At(Timestamp),
}

/// Text that is not a [`Revision`] or [`AppRevision`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseRevisionError {
    /// No app in `APP@REV`.
    #[error("{0:?} does not name a release: write APP@REV, such as acme@beta or acme@2.4.0+241")]
    NoApp(String),
    /// The app part is not a slug.
    #[error("{0}")]
    App(#[from] refs::NameError),
    /// The part before the steps can be no channel, release name or id.
    #[error("{0:?} is not a channel, a release name or at least 7 digits of a release id")]
    Base(String),
    /// A step that is not `~N`, `@{N}` or `@{date}`.
    #[error("{step:?} in {revision:?} is not ~N, @{{N}} or @{{date}}")]
    Step {
        /// The whole revision.
        revision: String,
        /// From where it stops making sense.
        step: String,
    },
    /// `@{…}` after something that is not a channel.
    #[error("{0:?}: @{{…}} asks for a channel's history, so it comes right after a channel")]
    NotAChannel(String),
    /// Too many steps, or one too far.
    #[error("{0:?} goes further back than a revision may")]
    TooFar(String),
    /// No revision on one side of `..`.
    #[error("{0:?} is not a range: write A..B with a revision on both sides, such as stable..beta")]
    Range(String),
}

impl Revision {
    /// The release that a channel points at.
    pub fn channel(name: &ChannelName) -> Self {
        Self { base: name.to_string(), steps: Vec::new() }
    }

    /// The release of a name.
    pub fn release(name: &ReleaseName) -> Self {
        Self { base: name.to_string(), steps: Vec::new() }
    }

    /// The part before the steps.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The steps, from left to right.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The base as a channel, where it can be one.
    pub fn as_channel(&self) -> Option<ChannelName> {
        self.base.parse().ok()
    }

    /// The base as a release name, where it can be one.
    pub fn as_release_name(&self) -> Option<ReleaseName> {
        self.base.parse().ok()
    }

    /// The base as the beginning of a release id, where it can be one: 7 to 64 lowercase hexadecimal digits.
    pub fn as_id_prefix(&self) -> Option<&str> {
        let is_hex = self.base.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        (is_hex && (PREFIX_DIGITS..=64).contains(&self.base.len())).then_some(self.base.as_str())
    }

    fn check(&self, whole: &str) -> Result<(), ParseRevisionError> {
        let is_channel = self.as_channel().is_some();
        if !is_channel && self.as_release_name().is_none() && self.as_id_prefix().is_none() {
            return Err(ParseRevisionError::Base(self.base.clone()));
        }
        let history_at = self.steps.iter().rposition(|step| !matches!(step, Step::Parent(_)));
        if history_at.is_some_and(|at| at > 0 || !is_channel) {
            return Err(ParseRevisionError::NotAChannel(whole.to_owned()));
        }
        let is_far = |step: &Step| matches!(step, Step::Parent(n) | Step::Back(n) if *n > limits::REVISION_DISTANCE);
        if self.steps.len() > limits::REVISION_STEPS || self.steps.iter().any(is_far) {
            return Err(ParseRevisionError::TooFar(whole.to_owned()));
        }
        Ok(())
    }
}

impl FromStr for Revision {
    type Err = ParseRevisionError;

    fn from_str(text: &str) -> Result<Self, ParseRevisionError> {
        let base_len = text.find(['~', '@']).unwrap_or(text.len());
        let (base, mut rest) = text.split_at(base_len);
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let wrong = || ParseRevisionError::Step { revision: text.to_owned(), step: rest.to_owned() };
            let (step, after) = parse_step(rest).ok_or_else(wrong)?;
            steps.push(step);
            rest = after;
        }
        let revision = Self { base: base.to_owned(), steps };
        revision.check(text)?;
        Ok(revision)
    }
}

/// The first step of `text`, and what follows it.
fn parse_step(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix('~') {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let parents = if number.is_empty() { 1 } else { number.parse().ok()? };
        return Some((Step::Parent(parents), after));
    }
    let (inside, after) = text.strip_prefix("@{")?.split_once('}')?;
    let is_number = !inside.is_empty() && inside.bytes().all(|byte| byte.is_ascii_digit());
    let step = if is_number { Step::Back(inside.parse().ok()?) } else { Step::At(parse_moment(inside)?) };
    Some((step, after))
}

/// A moment: RFC 3339, or a date or time without a zone, which is UTC. A bare date is its first instant.
fn parse_moment(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    let local = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(Date::into)).ok()?;
    local.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Parent(1) => f.write_str("~"),
            Step::Parent(parents) => write!(f, "~{parents}"),
            Step::Back(moves) => write!(f, "@{{{moves}}}"),
            Step::At(moment) => write!(f, "@{{{moment}}}"),
        }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)?;
        self.steps.iter().try_for_each(|step| write!(f, "{step}"))
    }
}

impl TryFrom<String> for Revision {
    type Error = ParseRevisionError;

    fn try_from(text: String) -> Result<Self, ParseRevisionError> {
        text.parse()
    }
}

impl From<Revision> for String {
    fn from(revision: Revision) -> Self {
        revision.to_string()
    }
}

/// `APP@REV`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRevision {
    /// The app.
    pub app: AppSlug,
    /// Which of its releases.
    pub revision: Revision,
}

impl FromStr for AppRevision {
    type Err = ParseRevisionError;

    fn from_str(text: &str) -> Result<Self, ParseRevisionError> {
        let (app, revision) = text.split_once('@').ok_or_else(|| ParseRevisionError::NoApp(text.to_owned()))?;
        Ok(Self { app: app.parse()?, revision: revision.parse()? })
    }
}

impl fmt::Display for AppRevision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.app, self.revision)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn revisions_are_read_as_the_grammar_says() {
        let check = |text: &str, base: &str, steps: &[Step]| {
            let revision: Revision = text.parse().unwrap();
            assert_eq!((revision.base(), revision.steps()), (base, steps), "{text}");
        };
        check("beta", "beta", &[]);
        check("2.4.0+241", "2.4.0+241", &[]);
        check("9f3ac01~", "9f3ac01", &[Step::Parent(1)]);
        check("beta@{2}~3~", "beta", &[Step::Back(2), Step::Parent(3), Step::Parent(1)]);
        let november: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        check("beta@{2026-11-01}", "beta", &[Step::At(november)]);
        check("beta@{2026-11-01T01:00:00+01:00}", "beta", &[Step::At(november)]);
    }

    #[test]
    fn what_names_nothing_is_refused() {
        let refused = |text: &str| text.parse::<Revision>().unwrap_err();
        assert!(matches!(refused(""), ParseRevisionError::Base(_)));
        assert!(matches!(refused("Beta"), ParseRevisionError::Base(_)));
        assert!(matches!(refused("beta~x"), ParseRevisionError::Step { .. }));
        assert!(matches!(refused("beta@{"), ParseRevisionError::Step { .. }));
        assert!(matches!(refused("beta@{soon}"), ParseRevisionError::Step { .. }));
        assert!(matches!(refused("beta~99999999999"), ParseRevisionError::Step { .. }));
        assert!(matches!(refused("2.4.0@{1}"), ParseRevisionError::NotAChannel(_)));
        assert!(matches!(refused("beta~1@{1}"), ParseRevisionError::NotAChannel(_)));
        assert!(matches!(refused("beta~10001"), ParseRevisionError::TooFar(_)));
        assert!(matches!("beta".parse::<AppRevision>(), Err(ParseRevisionError::NoApp(_))));
        assert!(matches!("Ac me@beta".parse::<AppRevision>(), Err(ParseRevisionError::App(_))));
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        prop::collection::vec((1u32..=limits::REVISION_DISTANCE).prop_map(Step::Parent), 0..5)
    }

    fn history() -> impl Strategy<Value = Option<Step>> {
        let moment = (0i64..4_000_000_000).prop_map(|s| Step::At(Timestamp::from_second(s).unwrap()));
        prop::option::of(prop_oneof![(0u32..=limits::REVISION_DISTANCE).prop_map(Step::Back), moment])
    }

    /// Any revision: channels with their history, release names and ids.
    pub(super) fn revision() -> impl Strategy<Value = Revision> {
        let of_channel = ("[a-z][a-z0-9-]{0,20}", history(), steps())
            .prop_map(|(base, first, rest)| Revision { base, steps: first.into_iter().chain(rest).collect() });
        let name = "[0-9]{1,3}(\\.[0-9]{1,3}){0,2}(-rc[0-9])?(\\+[0-9a-z]{1,6})?";
        let of_release =
            (prop_oneof![name, "[0-9a-f]{7,64}"], steps()).prop_map(|(base, steps)| Revision { base, steps });
        prop_oneof![of_channel, of_release]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(revision in revision()) {
            prop_assert_eq!(revision.to_string().parse::<Revision>().unwrap(), revision);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,60}") {
            let _ = text.parse::<AppRevision>();
        }
    }
}
