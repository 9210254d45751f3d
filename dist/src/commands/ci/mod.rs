//! `dist ci`: the same engine as `dist push`, with the contract that pipelines lean on.

mod finalize;
mod publish;
mod stage;
mod status;

use clap::{Args, Subcommand};
use protocol::api::DEFAULT_AUDIENCE;

use crate::error::CliError;
use crate::session::Session;

/// Commands for continuous integration.
#[derive(Debug, Subcommand)]
pub(crate) enum CiCommand {
    Publish(publish::CiPublishArgs),
    Stage(stage::StageArgs),
    Finalize(finalize::FinalizeArgs),
    Status(status::StatusArgs),
}

/// Whom a job proves to be what it is.
#[derive(Debug, Args)]
struct Identify {
    /// Whom the job's identity token is asked for, as the app's trusted publisher says
    ///
    /// Without a token, the identity of the CI job is exchanged for one; see `dist publisher add`.
    #[arg(long, value_name = "TEXT", env = "DIST_AUDIENCE", default_value = DEFAULT_AUDIENCE)]
    audience: String,
}

/// Runs `dist ci …`.
///
/// # Errors
/// Whatever the command fails with.
pub(crate) async fn run(command: CiCommand, session: &Session) -> Result<(), CliError> {
    match command {
        CiCommand::Publish(args) => publish::run(args, session).await,
        CiCommand::Stage(args) => stage::run(args, session).await,
        CiCommand::Finalize(args) => finalize::run(args, session).await,
        CiCommand::Status(args) => status::run(args, session).await,
    }
}
