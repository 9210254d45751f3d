//! Moments as people write them.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::error::CliError;

/// So long ago, or a date or time in UTC.
///
/// # Errors
/// When it is neither.
pub(crate) fn parse_since(text: &str, now: Timestamp) -> Result<Timestamp, CliError> {
    let ago = || {
        let span = text.parse::<Span>().ok().filter(|span| span.is_positive())?;
        now.to_zoned(TimeZone::UTC).checked_sub(span).ok().map(|zoned| zoned.timestamp())
    };
    let date = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    text.parse::<Timestamp>().ok().or_else(date).or_else(ago).ok_or_else(|| {
        CliError::usage(format!("--since {text:?} is not a moment"))
            .hint("write 7d, 2026-11-01 or 2026-11-01T09:00:00Z")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_distance_or_a_moment() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let check = |text: &str, expected: &str| {
            assert_eq!(parse_since(text, now).unwrap().to_string(), expected, "{text}");
        };
        check("7d", "2026-11-15T12:00:00Z");
        check("2h", "2026-11-22T10:00:00Z");
        check("1 month", "2026-10-22T12:00:00Z");
        check("2026-11-01", "2026-11-01T00:00:00Z");
        check("2026-11-01T09:00:00+01:00", "2026-11-01T08:00:00Z");
        for bad in ["", "yesterday", "-7d", "7"] {
            assert!(parse_since(bad, now).is_err(), "{bad}");
        }
    }
}
