use super::rule::{Class, Dots, LOWER, LOWER_OR_DIGIT, Rule};
use super::text::text_name;
use super::{NameError, NameKind};

const SLUG: Class = Class {
    has: |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
    words: "lowercase letters, digits and \"-\"",
};

const APP: Rule = Rule { kind: NameKind::App, max_bytes: 63, first: LOWER_OR_DIGIT, rest: SLUG, dots: Dots::Anywhere };

const CHANNEL: Rule = Rule { kind: NameKind::Channel, first: LOWER, ..APP };

const PART: Rule = Rule {
    kind: NameKind::Part,
    rest: Class {
        has: |c| (SLUG.has)(c) || c == '.' || c == '_',
        words: "lowercase letters, digits, \".\", \"_\" and \"-\"",
    },
    ..APP
};

text_name! {
    /// The name of an app: `[a-z0-9][a-z0-9-]{0,62}`.
    AppSlug, check_app
}

text_name! {
    /// The name of a channel without `channels/`: `[a-z][a-z0-9-]{0,62}`.
    ///
    /// It starts with a letter, so that it never reads as a version.
    ChannelName, check_channel
}

text_name! {
    /// The name of one part of a staged release, such as `linux`: `[a-z0-9][a-z0-9._-]{0,62}`.
    PartName, check_part
}

fn check_app(text: &str) -> Result<(), NameError> {
    APP.check(text)
}

fn check_channel(text: &str) -> Result<(), NameError> {
    CHANNEL.check(text)
}

fn check_part(text: &str) -> Result<(), NameError> {
    PART.check(text)
}
