//! One file for each command: its arguments and what it does.

pub(crate) mod app;
pub(crate) mod audit;
pub(crate) mod bisect;
pub(crate) mod bundle;
pub(crate) mod channels;
pub(crate) mod check;
pub(crate) mod ci;
pub(crate) mod completions;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod fsck;
pub(crate) mod gc;
pub(crate) mod generate;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod link;
pub(crate) mod log;
pub(crate) mod man;
pub(crate) mod notes;
pub(crate) mod pin;
pub(crate) mod promote;
pub(crate) mod publisher;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod reflog;
mod release;
pub(crate) mod revoke;
pub(crate) mod rollback;
mod rules;
pub(crate) mod show;
pub(crate) mod token;
pub(crate) mod webhook;
pub(crate) mod whoami;

use std::str::FromStr;

use protocol::revision::ParseRevisionError;
use protocol::{AppRevision, AppSelection, AppSlug, ChannelName, ErrorCode};

use crate::cli::Command;
use crate::error::CliError;
use crate::session::Session;

/// Runs a command to its end.
///
/// # Errors
/// Whatever it fails with.
pub(crate) async fn run(command: Command, session: &Session) -> Result<(), CliError> {
    match command {
        Command::App(command) => app::run(command, session).await,
        Command::Init(args) => init::run(&args, session),
        Command::Check(args) => check::run(args, session).await,
        Command::Inspect(args) => inspect::run(&args, session),
        Command::Push(args) => push::run(args, session).await,
        Command::Ci(command) => ci::run(command, session).await,
        Command::Pull(args) => pull::run(args, session).await,
        Command::Log(args) => log::run(args, session).await,
        Command::Show(args) => show::run(&args, session).await,
        Command::Diff(args) => diff::run(&args, session).await,
        Command::Notes(args) => notes::run(&args, session).await,
        Command::Channels(args) => channels::run(&args, session).await,
        Command::Promote(args) => promote::run(args, session).await,
        Command::Rollback(args) => rollback::run(args, session).await,
        Command::Pin(args) => pin::pin(args, session).await,
        Command::Unpin(args) => pin::unpin(&args, session).await,
        Command::Revoke(args) => revoke::revoke(args, session).await,
        Command::Restore(args) => revoke::restore(args, session).await,
        Command::Reflog(args) => reflog::run(args, session).await,
        Command::Bisect(command) => bisect::run(command, session).await,
        Command::Bundle(command) => bundle::run(command, session).await,
        Command::Link(command) => link::run(command, session).await,
        Command::Token(command) => token::run(command, session).await,
        Command::Publisher(command) => publisher::run(command, session).await,
        Command::Webhook(command) => webhook::run(command, session).await,
        Command::Whoami(_) => whoami::run(session).await,
        Command::Audit(args) => audit::run(args, session).await,
        Command::Doctor(args) => doctor::run(args, session).await,
        Command::Fsck(args) => fsck::run(args, session).await,
        Command::Gc(args) => gc::run(args, session).await,
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args, session),
        Command::Generate(command) => generate::run(&command),
    }
}

/// Reads a slug from the command line.
fn parse_app(text: &str) -> Result<AppSlug, CliError> {
    parse_name(text, ErrorCode::AppInvalid)
}

/// Reads a name from the command line; `code` says which kind of name it is not.
fn parse_name<T: FromStr<Err: std::fmt::Display>>(text: &str, code: ErrorCode) -> Result<T, CliError> {
    text.parse().map_err(|error| CliError::new(code, error))
}

/// Reads `APP@REV`.
fn parse_revision(text: &str) -> Result<AppRevision, CliError> {
    text.parse().map_err(revision_refused)
}

/// Reads `APP`, `APP@REV` or `APP@A..B`.
fn parse_selection(text: &str) -> Result<AppSelection, CliError> {
    text.parse().map_err(revision_refused)
}

fn revision_refused(error: ParseRevisionError) -> CliError {
    match error {
        ParseRevisionError::App(error) => CliError::new(ErrorCode::AppInvalid, error),
        error => CliError::new(ErrorCode::RevisionInvalid, error),
    }
}

/// Reads `APP@CHANNEL`: a revision that is a channel and nothing else.
fn parse_channel_of_app(text: &str) -> Result<(AppSlug, ChannelName), CliError> {
    let (app, channel) = text.split_once('@').ok_or_else(|| {
        CliError::new(
            ErrorCode::RevisionInvalid,
            format!("{text:?} does not name a channel: write APP@CHANNEL, such as acme@beta"),
        )
    })?;
    Ok((parse_app(app)?, parse_name(channel, ErrorCode::ChannelInvalid)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_command_line_are_refused_with_their_code() {
        let revision = |text: &str| parse_revision(text).unwrap_err().code();
        assert_eq!(revision("acme"), ErrorCode::RevisionInvalid);
        assert_eq!(revision("Acme@beta"), ErrorCode::AppInvalid);
        assert_eq!(revision("acme@beta~x"), ErrorCode::RevisionInvalid);
        let channel = |text: &str| parse_channel_of_app(text).unwrap_err().code();
        assert_eq!(channel("acme"), ErrorCode::RevisionInvalid);
        assert_eq!(channel("acme@2.4.0"), ErrorCode::ChannelInvalid);
        assert_eq!(channel("acme@beta@{1}"), ErrorCode::ChannelInvalid);
        assert_eq!(parse_channel_of_app("acme@beta").unwrap().1.as_str(), "beta");
    }
}
