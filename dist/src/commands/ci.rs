//! `dist ci`: the same engine as `dist push`, with the contract that pipelines lean on.

use clap::{Args, Subcommand};
use protocol::api::DEFAULT_AUDIENCE;
use protocol::publish::{PublishStatus, Published};

use super::push::{render, summary};
use super::release::{Credentials, PublishArgs, ReleaseArgs, publish_release};
use crate::error::CliError;
use crate::session::Session;

/// Commands for continuous integration.
#[derive(Debug, Subcommand)]
pub(crate) enum CiCommand {
    Publish(CiPublishArgs),
}

/// Publish a release from a pipeline
///
/// With --json, prints exactly one document on stdout, dist.publish/1 or dist.error/1; everything else goes to stderr. A
/// second identical run prints "status":"unchanged" and exits 0. Other bytes under a published name exit 5, with what
/// differs. Commit, branch, repository and run are taken from the environment that the CI system sets, or else from git.
#[derive(Debug, Args)]
pub(crate) struct CiPublishArgs {
    #[command(flatten)]
    release: ReleaseArgs,
    #[command(flatten)]
    how: PublishArgs,
    /// Whom the job's identity token is asked for, as the app's trusted publisher says
    ///
    /// Without a token, the identity of the CI job is exchanged for one; see `dist publisher add`.
    #[arg(long, value_name = "TEXT", env = "DIST_AUDIENCE", default_value = DEFAULT_AUDIENCE)]
    audience: String,
}

/// Runs `dist ci …`.
///
/// # Errors
/// Whatever keeps the release from being published.
pub(crate) async fn run(command: CiCommand, session: &Session) -> Result<(), CliError> {
    let CiCommand::Publish(args) = command;
    let credentials = Credentials::Pipeline { audience: args.audience };
    let published = publish_release(args.release, args.how, credentials, session).await?;
    session.terminal.note(&one_line(&published));
    session.output.answer(&published, render)
}

/// The line that stays in the log of the pipeline.
fn one_line(published: &Published) -> String {
    let status = match published.status {
        PublishStatus::Published => "published",
        PublishStatus::Unchanged => "unchanged",
    };
    let channel = published.channel.as_ref().map(|channel| format!(" on {}", channel.name)).unwrap_or_default();
    let (app, release) = (&published.app, &published.release.name);
    format!("{status} {app} {release}{channel}: {}", summary(&published.transfer))
}
