use super::rule::{ALPHANUMERIC, Class, DIGIT, Dots, Rule};
use super::text::text_name;
use super::{NameError, NameKind, NameReason};

const VERSION: Rule = Rule {
    kind: NameKind::Version,
    max_bytes: 64,
    first: DIGIT,
    rest: Class {
        has: |c| c.is_ascii_alphanumeric() || c == '.' || c == '-',
        words: "letters, digits, \".\" and \"-\"",
    },
    dots: Dots::Between,
};

const BUILD: Rule = Rule { kind: NameKind::Build, first: ALPHANUMERIC, ..VERSION };

text_name! {
    /// The version of a release, as its author wrote it: a digit, then `[0-9A-Za-z.-]`, at most
    /// 64 bytes, without `..`, ending in a letter or a digit.
    ///
    /// The order is that of the bytes, for maps and sets: `10.0` sorts before `9.0`. Which release
    /// is the newer one is told by history, not by this order.
    Version, check_version
}

text_name! {
    /// The build of a release, such as `241`: `[0-9A-Za-z][0-9A-Za-z.-]{0,63}`, without `..`,
    /// ending in a letter or a digit.
    Build, check_build
}

fn check_version(text: &str) -> Result<(), NameError> {
    match text.strip_prefix(['v', 'V']) {
        Some(rest) if rest.starts_with(DIGIT.has) => Err(NameError::new(NameKind::Version, text, NameReason::LeadingV)),
        _ => VERSION.check(text),
    }
}

fn check_build(text: &str) -> Result<(), NameError> {
    BUILD.check(text)
}
