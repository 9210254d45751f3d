//! The answer of a command: on stdout, for a person or for a program.

use std::io::{self, IsTerminal, Write};

use protocol::ErrorCode;
use serde::Serialize;

use super::{Look, Pager, Paging};
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
    /// Whether long ones are shown a screen at a time.
    pub(crate) paging: Paging,
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

    /// As [`Output::answer`], and a screen at a time where a person reads it on a terminal.
    ///
    /// # Errors
    /// As [`Output::answer`].
    pub(crate) fn answer_paged<T: Serialize>(
        &self,
        document: &T,
        render: impl FnOnce(&Look, &T) -> String,
    ) -> Result<(), CliError> {
        match self.format {
            Format::Human => Pager::open(self.paging).write(&render(&self.look, document)).map(|_| ()),
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
    let mut text =
        text.map_err(|error| CliError::new(ErrorCode::Internal, "the answer has no JSON form").caused_by(error))?;
    text.push('\n');
    // It has no colours that would have to be taken out.
    written(io::stdout().lock(), &text).map(|_| ())
}

/// A document on one line of its own.
///
/// # Errors
/// When it has no JSON form.
pub(crate) fn json_line<T: Serialize>(document: &T) -> Result<String, CliError> {
    let text = serde_json::to_string(document);
    text.map(|text| text + "\n")
        .map_err(|error| CliError::new(ErrorCode::Internal, "the answer has no JSON form").caused_by(error))
}

/// Whether anybody reads stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// As far as can be told.
    There,
    /// The pipe was closed.
    Gone,
}

/// Writes text to stdout as it is.
///
/// # Errors
/// When it cannot be written, unless the reader closed the pipe.
pub(crate) fn write_stdout(text: &str) -> Result<(), CliError> {
    stream_stdout(text).map(|_| ())
}

/// Writes text to stdout as it is, and tells whether more of it would be read.
///
/// # Errors
/// When it cannot be written, unless the reader closed the pipe.
pub(crate) fn stream_stdout(text: &str) -> Result<Reader, CliError> {
    written(anstream::AutoStream::auto(io::stdout().lock()), text)
}

fn written(mut stdout: impl Write, text: &str) -> Result<Reader, CliError> {
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::new(ErrorCode::Io, "cannot write to stdout").caused_by(error))
        }
        Err(_) => Ok(Reader::Gone),
        Ok(()) => Ok(Reader::There),
    }
}
