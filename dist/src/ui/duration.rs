//! Durations as people write them.

use jiff::{Span, SpanRelativeTo, Unit};

/// A duration in hours, days or weeks, in seconds. A day has 24 hours.
pub(crate) fn parse_seconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a duration such as 30d");
    let span: Span = text.parse().map_err(|_| wrong())?;
    let seconds = span.total((Unit::Second, SpanRelativeTo::days_are_24_hours())).map_err(|_| wrong())?;
    // A duration of years still is far below what a float holds exactly.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be a small positive number"
    )]
    if (1.0..1e12).contains(&seconds) { Ok(seconds as u64) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_the_units_of_the_language() {
        let check = |text: &str, expected: u64| assert_eq!(parse_seconds(text), Ok(expected), "{text}");
        check("30d", 30 * 86_400);
        check("12h", 12 * 3_600);
        check("2w", 14 * 86_400);
        check("1d 12h", 36 * 3_600);
        check("90 days", 90 * 86_400);
        for bad in ["", "30", "0d", "-3d", "1 month", "soon"] {
            assert!(parse_seconds(bad).is_err(), "{bad}");
        }
    }
}
