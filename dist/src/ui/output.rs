//! The answer of a command: on stdout, for a person or for a program.

use std::io::{self, IsTerminal, Write};

use protocol::ErrorCode;
use serde::Serialize;

use super::Look;
use crate::error::CliError;

/// Who reads the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A person.
    Human,
    /// A program: exactly one JSON document.
    Json,
}

/// Where answers go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// Who reads them.
    pub(crate) format: Format,
    /// How they look to a person.
    pub(crate) look: Look,
}

impl Output {
    /// Prints the answer: `document` for a program, what `render` makes of it for a person.
    ///
    /// # Errors
    /// When stdout cannot be written. A reader that went away is not an error: it has what it wanted.
    pub(crate) fn answer<T: Serialize>(
        &self,
        document: &T,
        render: impl FnOnce(&Look, &T) -> String,
    ) -> Result<(), CliError> {
        match self.format {
            Format::Human => write_stdout(&render(&self.look, document)),
            Format::Json => write_json(document),
        }
    }
}

/// Prints a document for a program: on one line, or indented where stdout is a terminal.
///
/// # Errors
/// When stdout cannot be written.
pub(crate) fn write_json<T: Serialize>(document: &T) -> Result<(), CliError> {
    let text = if io::stdout().is_terminal() {
        serde_json::to_string_pretty(document)
    } else {
        serde_json::to_string(document)
    };
    let text =
        text.map_err(|error| CliError::new(ErrorCode::Internal, "the answer has no JSON form").caused_by(error))?;
    write_stdout(&format!("{text}\n"))
}

/// Writes text to stdout as it is.
///
/// # Errors
/// When it cannot be written, unless the reader closed the pipe.
pub(crate) fn write_stdout(text: &str) -> Result<(), CliError> {
    let mut stdout = anstream::AutoStream::auto(io::stdout().lock());
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::new(ErrorCode::Io, "cannot write to stdout").caused_by(error))
        }
        _ => Ok(()),
    }
}
