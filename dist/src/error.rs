//! The one error of the command line, and the exit code it ends in.
//!
//! Whatever goes wrong becomes a [`CliError`]: a stable code, one sentence on what happened, one thing to do about it and
//! facts for scripts. Which exit code a code means is decided in [`exit_code`] and nowhere else.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use protocol::error::ErrorClass;
use protocol::publish::{ERROR_SCHEMA, Failed};
use protocol::{ErrorBody, ErrorCode, Problem};
use serde_json::{Value, json};

/// Every exit code and what it means, in the order of the documentation.
pub(crate) const EXIT_CODES: &[(u8, &str)] = &[
    (0, "Done."),
    (1, "Unexpected, or the app, release, channel or token named does not exist; the error's code tells which."),
    (2, "Usage: the command line, the configuration, a revision or a scope is malformed."),
    (3, "The manifest or an artifact is invalid."),
    (4, "Not allowed: no token, an expired or revoked one, or one that may not do this."),
    (5, "Conflict: a name is taken, a ref moved, or a file would be overwritten."),
    (6, "Refused by a policy of the app or the server."),
    (7, "The server or the network did not answer as it should, after all retries."),
    (130, "Interrupted. The same command continues where this one stopped."),
];

/// The exit code that an error of this class ends in.
pub(crate) fn exit_code(class: ErrorClass) -> u8 {
    match class {
        ErrorClass::NotFound | ErrorClass::Unexpected => 1,
        ErrorClass::Usage => 2,
        ErrorClass::Invalid => 3,
        ErrorClass::Denied => 4,
        ErrorClass::Conflict => 5,
        ErrorClass::Policy => 6,
        ErrorClass::Unavailable => 7,
        ErrorClass::Interrupted => 130,
    }
}

/// What a command fails with. The facts are boxed: it travels through every result of the crate.
#[derive(Debug)]
pub(crate) struct CliError(Box<Facts>);

#[derive(Debug)]
struct Facts {
    code: ErrorCode,
    message: String,
    hint: Option<String>,
    request_id: Option<String>,
    details: Value,
    source: Option<Box<dyn Error + Send + Sync>>,
    is_told: bool,
}

impl CliError {
    /// An error with its code and what happened, to what, and why.
    pub(crate) fn new(code: ErrorCode, message: impl fmt::Display) -> Self {
        Self(Box::new(Facts {
            code,
            message: message.to_string(),
            hint: None,
            request_id: None,
            details: Value::Null,
            source: None,
            is_told: false,
        }))
    }

    /// An error of the command line or the configuration.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(ErrorCode::Usage, message)
    }

    /// A local file or folder that cannot be read or written.
    pub(crate) fn io(doing: &str, path: &Path, error: io::Error) -> Self {
        Self::new(ErrorCode::Io, format!("cannot {doing} {}", path.display())).caused_by(error)
    }

    /// Everything that is wrong with a manifest: the first problem gives the code.
    pub(crate) fn from_problems(what: &str, problems: &[Problem]) -> Self {
        let Some(first) = problems.first() else {
            return Self::new(ErrorCode::Internal, format!("{what} was refused without a reason"));
        };
        let error = match problems.len() {
            1 => Self::new(first.code, format!("{what}: {first}")),
            count => Self::new(first.code, format!("{what} has {count} problems")).caused_by(first.to_string()),
        };
        let error = first.hint.clone().into_iter().fold(error, Self::hint);
        error.details(json!({ "problems": problems }))
    }

    /// What the server answered.
    pub(crate) fn from_body(body: ErrorBody) -> Self {
        let mut error = Self::new(body.code, body.message).details(body.details);
        error.0.hint = body.hint;
        error.0.request_id = body.request_id;
        error
    }

    /// The same error with one thing to do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same error with a hint, unless it has one.
    #[must_use]
    pub(crate) fn or_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// The same error with facts for scripts.
    #[must_use]
    pub(crate) fn details(mut self, details: Value) -> Self {
        self.0.details = details;
        self
    }

    /// The same error with what caused it.
    #[must_use]
    pub(crate) fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same error, which the person at the terminal has been told: only the exit code is left to say.
    #[must_use]
    pub(crate) fn told(mut self) -> Self {
        self.0.is_told = true;
        self
    }

    /// Whether the person at the terminal has been told.
    pub(crate) fn is_told(&self) -> bool {
        self.0.is_told
    }

    /// What kind of error, stable for scripts.
    pub(crate) fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// Facts for scripts; their shape depends on the code.
    pub(crate) fn facts(&self) -> &Value {
        &self.0.details
    }

    /// One thing to do about it.
    pub(crate) fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Finds the request in the server's log.
    pub(crate) fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// Every problem of a manifest, where that is what went wrong.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        self.0.details.get("problems").and_then(|list| serde_json::from_value(list.clone()).ok()).unwrap_or_default()
    }

    /// What happened, without what caused it.
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// The message and what caused it, in one line. A cause that the text above it already tells is left out.
    pub(crate) fn full_message(&self) -> String {
        let mut text = self.0.message.clone();
        let mut next: Option<&dyn Error> = self.0.source.as_deref().map(|source| source as &dyn Error);
        while let Some(cause) = next {
            let words = cause.to_string();
            if !text.contains(&words) {
                text = format!("{text}: {words}");
            }
            next = cause.source();
        }
        text
    }

    /// The document that `--json` prints for it.
    pub(crate) fn document(&self) -> Failed {
        let mut details = self.0.details.clone();
        if details.is_null() {
            details = json!({});
        }
        if let (Some(facts), Some(id)) = (details.as_object_mut(), self.request_id()) {
            facts.insert("request_id".to_owned(), json!(id));
        }
        Failed {
            schema: ERROR_SCHEMA.to_owned(),
            code: self.code(),
            message: self.full_message(),
            hint: self.0.hint.clone(),
            details,
        }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full_message())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_the_exit_code_that_scripts_are_told() {
        let check = |code: ErrorCode, expected: u8| {
            assert_eq!(exit_code(code.class()), expected, "{code}");
            assert!(EXIT_CODES.iter().any(|(documented, _)| *documented == expected), "{expected} is undocumented");
        };
        check(ErrorCode::Internal, 1);
        check(ErrorCode::RevisionUnknown, 1);
        check(ErrorCode::Usage, 2);
        check(ErrorCode::ConfigInvalid, 2);
        check(ErrorCode::RevisionInvalid, 2);
        check(ErrorCode::PathOutside, 3);
        check(ErrorCode::ArtifactMissing, 3);
        check(ErrorCode::Forbidden, 4);
        check(ErrorCode::ReleaseExists, 5);
        check(ErrorCode::RefMoved, 5);
        check(ErrorCode::FileExists, 5);
        check(ErrorCode::InsufficientStorage, 6);
        check(ErrorCode::ServerUnreachable, 7);
        check(ErrorCode::Interrupted, 130);
    }

    #[test]
    fn the_first_problem_gives_the_code_and_all_are_in_the_details() {
        let problems = vec![
            Problem::new(ErrorCode::PathOutside, "artifacts[0].path", "leads out").hint("move it"),
            Problem::new(ErrorCode::ReleaseEmpty, "artifacts", "is empty"),
        ];
        let error = CliError::from_problems("dist.json", &problems);
        assert_eq!(error.code(), ErrorCode::PathOutside);
        assert_eq!(error.problems(), problems);
        let document = serde_json::to_value(error.document()).unwrap();
        assert_eq!(document["schema"], "dist.error/1");
        assert_eq!(document["hint"], "move it");
        assert_eq!(document["details"]["problems"][1]["code"], "release_empty");
    }

    #[test]
    fn a_cause_is_told_once() {
        let cause = io::Error::other("disk is gone");
        let error = CliError::new(ErrorCode::Io, "cannot read a: disk is gone").caused_by(cause);
        assert_eq!(error.full_message(), "cannot read a: disk is gone");
        let error = CliError::new(ErrorCode::Io, "cannot read a").caused_by(io::Error::other("disk is gone"));
        assert_eq!(error.full_message(), "cannot read a: disk is gone");
    }
}
