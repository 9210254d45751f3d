//! Long answers, a screen at a time: the pager that a person has chosen, or `less`.

use std::io::{ErrorKind, IsTerminal, Write};
use std::process::{Child, Command, Stdio};

use protocol::ErrorCode;

use super::output::{Reader, stream_stdout};
use crate::error::CliError;

/// Whether answers may be shown a screen at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paging {
    /// Where stdout is a terminal.
    Auto,
    /// Never.
    Never,
}

/// Where a long answer goes.
#[derive(Debug)]
pub(crate) struct Pager(Option<Child>);

impl Pager {
    /// The pager of `DIST_PAGER` or `PAGER`, or `less`, where stdout is a terminal; stdout itself elsewhere, and where the pager
    /// is empty, `cat` or not there.
    pub(crate) fn open(paging: Paging) -> Self {
        let lookup = |name: &str| std::env::var(name).ok();
        let command = match paging {
            Paging::Auto if std::io::stdout().is_terminal() => choose(&lookup),
            _ => None,
        };
        Self(command.and_then(|words| start(&words)))
    }

    /// Shows more text, and tells whether anybody wants what comes after it.
    ///
    /// # Errors
    /// When it cannot be written, unless the reader went away.
    pub(crate) fn write(&mut self, text: &str) -> Result<Reader, CliError> {
        let Some(stdin) = self.0.as_mut().and_then(|child| child.stdin.as_mut()) else { return stream_stdout(text) };
        match stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()) {
            Ok(()) => Ok(Reader::There),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::Gone),
            Err(error) => Err(CliError::new(ErrorCode::Io, "cannot write to the pager").caused_by(error)),
        }
    }
}

impl Drop for Pager {
    /// Waits until the person has read to the end: the pager and the shell would both read the keyboard otherwise.
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            drop(child.stdin.take());
            // Where it cannot be waited for there is nothing left to do.
            let _ = child.wait();
        }
    }
}

/// The words of the pager's command line; `None` where none is wanted.
fn choose(lookup: &dyn Fn(&str) -> Option<String>) -> Option<Vec<String>> {
    if lookup("TERM").is_some_and(|terminal| terminal == "dumb") {
        return None;
    }
    let command = lookup("DIST_PAGER").or_else(|| lookup("PAGER")).unwrap_or_else(|| "less".to_owned());
    let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
    (!words.is_empty() && words != ["cat"]).then_some(words)
}

fn start(words: &[String]) -> Option<Child> {
    let (program, arguments) = words.split_first()?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped());
    // As git does: leave where all fits one screen, colours as they are, and the screen as it was.
    if std::env::var_os("LESS").is_none() {
        command.env("LESS", "FRX");
    }
    command.spawn().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pager_is_the_one_that_was_chosen() {
        let check = |variables: &[(&str, &str)], expect: Option<&[&str]>| {
            let lookup = |name: &str| variables.iter().find(|it| it.0 == name).map(|it| it.1.to_owned());
            let words = choose(&lookup);
            assert_eq!(words.as_ref().map(|it| it.iter().map(String::as_str).collect::<Vec<_>>()).as_deref(), expect);
        };
        check(&[], Some(&["less"]));
        check(&[("PAGER", "most")], Some(&["most"]));
        check(&[("PAGER", "most"), ("DIST_PAGER", "less -S")], Some(&["less", "-S"]));
        check(&[("PAGER", "cat")], None);
        check(&[("DIST_PAGER", ""), ("PAGER", "most")], None);
        check(&[("TERM", "dumb")], None);
    }
}
