//! What rendering depends on: the time, the width, colours. Handed in, so that rendering stays pure.

use anstyle::{AnsiColor, Effects, Style};
use jiff::Timestamp;

/// How times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    /// `2 hours ago`.
    Relative,
    /// `2026-11-22T09:00:00Z`.
    Exact,
}

/// What rendering depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// What relative times are relative to.
    pub(crate) now: Timestamp,
    /// How times are written.
    pub(crate) times: Times,
    /// Columns of the terminal; `None` where output goes elsewhere and nothing is cut or wrapped.
    pub(crate) width: Option<u16>,
    /// Whether styles are written.
    pub(crate) colour: bool,
}

/// How a piece of text stands out. What it says, it says without colour too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Not at all.
    #[default]
    Plain,
    /// What matters.
    Strong,
    /// What may be passed over.
    Muted,
    /// Names of channels: where something is live.
    Accent,
    /// As it should be; added.
    Good,
    /// Worth a look; changed.
    Warn,
    /// Wrong; removed.
    Bad,
    /// What holds no more.
    Struck,
}

impl Tone {
    fn style(self) -> Style {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        match self {
            Tone::Plain => Style::new(),
            Tone::Strong => Style::new().effects(Effects::BOLD),
            Tone::Muted => Style::new().effects(Effects::DIMMED),
            Tone::Accent => colour(AnsiColor::Cyan),
            Tone::Good => colour(AnsiColor::Green),
            Tone::Warn => colour(AnsiColor::Yellow),
            Tone::Bad => colour(AnsiColor::Red),
            Tone::Struck => Style::new().effects(Effects::STRIKETHROUGH),
        }
    }
}

const SECONDS: &[(i64, &str)] =
    &[(365 * 86_400, "year"), (30 * 86_400, "month"), (86_400, "day"), (3_600, "hour"), (60, "minute")];

impl Look {
    /// A moment, as the person asked to see times.
    pub(crate) fn when(&self, moment: Timestamp) -> String {
        match self.times {
            Times::Exact => exact(moment),
            Times::Relative => relative(moment, self.now),
        }
    }

    /// Text that matters.
    pub(crate) fn bold(&self, text: &str) -> String {
        self.tone(Tone::Strong, text)
    }

    /// Text that may be passed over.
    pub(crate) fn dim(&self, text: &str) -> String {
        self.tone(Tone::Muted, text)
    }

    /// Text that stands out so.
    pub(crate) fn tone(&self, tone: Tone, text: &str) -> String {
        let style = tone.style();
        if self.colour && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// UTC to the second.
fn exact(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn relative(moment: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - moment.as_second();
    let distance = seconds.abs();
    let Some((unit_seconds, unit)) = SECONDS.iter().find(|(unit_seconds, _)| distance >= *unit_seconds) else {
        return if seconds >= 0 { "just now".to_owned() } else { "in a moment".to_owned() };
    };
    let count = distance / unit_seconds;
    let plural = if count == 1 { "" } else { "s" };
    if seconds > 0 { format!("{count} {unit}{plural} ago") } else { format!("in {count} {unit}{plural}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_relative_unless_asked_otherwise() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let look = Look { now, times: Times::Relative, width: None, colour: false };
        let check = |moment: &str, expected: &str| assert_eq!(look.when(moment.parse().unwrap()), expected);
        check("2026-11-22T11:59:30Z", "just now");
        check("2026-11-22T11:59:00Z", "1 minute ago");
        check("2026-11-22T09:30:00Z", "2 hours ago");
        check("2026-11-16T12:00:00Z", "6 days ago");
        check("2026-09-22T12:00:00Z", "2 months ago");
        check("2024-11-22T12:00:00Z", "2 years ago");
        check("2026-11-22T12:00:10Z", "in a moment");
        check("2027-02-19T12:00:00Z", "in 2 months");
        let exact = Look { times: Times::Exact, ..look };
        assert_eq!(exact.when("2026-11-22T09:30:00.123Z".parse().unwrap()), "2026-11-22T09:30:00Z");
    }

    #[test]
    fn nothing_is_styled_without_colour() {
        let now = Timestamp::UNIX_EPOCH;
        let plain = Look { now, times: Times::Relative, width: None, colour: false };
        assert_eq!(plain.bold("x"), "x");
        assert_eq!(Look { colour: true, ..plain }.bold("x"), "\u{1b}[1mx\u{1b}[0m");
    }
}
