//! Everything that is not the answer: progress, notes and errors, on stderr.
//!
//! Progress is drawn only where stderr is a terminal; elsewhere a log would fill with it.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::size;

/// How much is said on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    /// Notes, and progress on a terminal.
    Normal,
    /// Errors only.
    Quiet,
}

/// The stderr of a command.
#[derive(Debug)]
pub(crate) struct Terminal {
    bars: MultiProgress,
    voice: Voice,
}

/// The progress of one object or of one step; draws nothing where nobody watches.
#[derive(Debug, Clone)]
pub(crate) struct Bar(ProgressBar);

const TEMPLATE: &str = "{prefix:24!} {done:>10} of {all:<10} {bar:20} {rate:>12} {eta:>4}";

impl Terminal {
    /// The stderr of this process.
    pub(crate) fn new(voice: Voice) -> Self {
        let draws = io::stderr().is_terminal() && voice == Voice::Normal;
        let target = if draws { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { bars: MultiProgress::with_draw_target(target), voice }
    }

    /// A progress line for `name`, of which `done` of `total` bytes are there already.
    pub(crate) fn bar(&self, name: &str, total: u64, done: u64) -> Bar {
        if self.bars.is_hidden() {
            return Bar(ProgressBar::hidden());
        }
        let bar = self.bars.add(ProgressBar::new(total).with_style(style()));
        bar.set_prefix(name.to_owned());
        bar.set_position(done);
        bar.reset_eta();
        Bar(bar)
    }

    /// Says something that a person may want to know, unless they asked for quiet.
    pub(crate) fn note(&self, text: &str) {
        if self.voice == Voice::Normal {
            self.bars.suspend(|| write_stderr(&format!("{text}\n")));
        }
    }

    /// Says something whatever the voice. Takes the progress lines away first.
    pub(crate) fn say(&self, text: &str) {
        // Clearing fails only where stderr is gone, and then there is nobody to tell.
        let _ = self.bars.clear();
        write_stderr(text);
    }
}

/// Name, bytes of total, rate and time left, with sizes as everywhere.
fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
    style
        .progress_chars("━╸ ")
        .with_key("done", shown(|state| size(state.pos())))
        .with_key("all", shown(|state| size(state.len().unwrap_or_default())))
        .with_key("rate", shown(|state| format!("{:.1} MiB/s", state.per_sec() / (1024.0 * 1024.0))))
}

fn shown(text: fn(&ProgressState) -> String) -> impl Fn(&ProgressState, &mut dyn fmt::Write) + Clone {
    move |state, line| {
        // A line that cannot be written is not drawn.
        let _ = line.write_str(&text(state));
    }
}

/// A stderr that is closed or full must not fail the command.
fn write_stderr(text: &str) {
    let mut stderr = anstream::AutoStream::auto(io::stderr().lock());
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}

impl Bar {
    /// A bar that draws nothing.
    #[cfg(test)]
    pub(crate) fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    /// So many more bytes are done.
    pub(crate) fn advance(&self, bytes: u64) {
        self.0.inc(bytes);
    }

    /// So many bytes are done, after going back or skipping ahead.
    pub(crate) fn set(&self, bytes: u64) {
        self.0.set_position(bytes);
    }

    /// Takes the line away.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
