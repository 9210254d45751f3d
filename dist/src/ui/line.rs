//! One line of pieces that look differently, never wider than the terminal.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::look::{Look, Tone};
use super::table::printable;

/// A line being put together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line(Vec<(Tone, String)>);

impl Line {
    /// A line with nothing on it.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds text; what would move the cursor is made visible.
    pub(crate) fn add(mut self, tone: Tone, text: impl AsRef<str>) -> Self {
        let text = printable(text.as_ref()).replace('\n', " ");
        if !text.is_empty() {
            self.0.push((tone, text));
        }
        self
    }

    /// Adds all of another line.
    pub(crate) fn append(mut self, other: Line) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Adds blanks up to a column; none where the line is there already.
    pub(crate) fn pad_to(self, column: usize) -> Self {
        let missing = column.saturating_sub(self.width());
        self.add(Tone::Plain, " ".repeat(missing))
    }

    /// Columns that it takes.
    pub(crate) fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.width()).sum()
    }

    /// The line cut with `…` where it takes more columns.
    pub(crate) fn shorten_to(self, columns: usize) -> Self {
        if self.width() <= columns { self } else { Self(self.cut(columns)) }
    }

    /// Whether it fits the terminal.
    pub(crate) fn fits(&self, look: &Look) -> bool {
        look.width.is_none_or(|width| self.width() <= usize::from(width))
    }

    /// The line as it is printed, with its end: without blanks at the end, and cut with `…` where it is too wide.
    pub(crate) fn render(&self, look: &Look) -> String {
        let pieces = match look.width {
            Some(width) if !self.fits(look) => self.cut(usize::from(width)),
            _ => self.0.clone(),
        };
        let mut text = String::new();
        let last = pieces.iter().rposition(|(_, piece)| !piece.trim_end().is_empty());
        for (at, (tone, piece)) in pieces.iter().enumerate().take(last.map_or(0, |last| last + 1)) {
            let piece = if Some(at) == last { piece.trim_end() } else { piece };
            text.push_str(&look.tone(*tone, piece));
        }
        text + "\n"
    }

    fn cut(&self, width: usize) -> Vec<(Tone, String)> {
        let mut room = width.saturating_sub(1);
        let mut kept = Vec::new();
        for (tone, text) in &self.0 {
            let piece = take_columns(text, room);
            room -= piece.width();
            let is_whole = piece.len() == text.len();
            kept.push((*tone, piece));
            if !is_whole {
                break;
            }
        }
        kept.push((Tone::Muted, "…".to_owned()));
        kept
    }
}

/// As much of the beginning of a text as fits so many columns.
fn take_columns(text: &str, columns: usize) -> String {
    let mut used = 0;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= columns
    };
    text.chars().take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::Times;
    use super::*;

    fn look(width: u16, colour: bool) -> Look {
        Look { now: Timestamp::UNIX_EPOCH, times: Times::Relative, width: Some(width), colour }
    }

    #[test]
    fn a_line_is_cut_to_the_terminal_by_columns() {
        let line = Line::new().add(Tone::Strong, "2.4.0").pad_to(8).add(Tone::Plain, "日本語 notes  ");
        let check = |width, expect: &str| assert_eq!(line.render(&look(width, false)), format!("{expect}\n"));
        check(40, "2.4.0   日本語 notes");
        check(14, "2.4.0   日本…");
        check(12, "2.4.0   日…");
        check(4, "2.4…");
        assert_eq!(line.width(), 22);
        let coloured = line.render(&look(7, true));
        assert_eq!(coloured, "\u{1b}[1m2.4.0\u{1b}[0m \u{1b}[2m…\u{1b}[0m\n");
        assert_eq!(Line::new().add(Tone::Bad, "a\u{1b}[2J\nb").render(&look(20, false)), "a\u{fffd}[2J b\n");
    }
}
