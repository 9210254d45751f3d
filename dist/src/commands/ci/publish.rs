//! `dist ci publish`: a release from one job.

use clap::Args;
use protocol::publish::{PublishStatus, Published};

use super::Identify;
use crate::commands::push::{render, summary};
use crate::commands::release::{Credentials, PublishArgs, ReleaseArgs, publish_release};
use crate::error::CliError;
use crate::session::Session;

/// Publish a release from a pipeline
///
/// With --json, prints exactly one document on stdout, dist.publish/1 or dist.error/1; everything else goes to stderr. A
/// second identical run prints "status":"unchanged" and exits 0. Other bytes under a published name exit 5, with what
/// differs. Commit, branch, repository and run are taken from the environment that the CI system sets, or else from git.
///
/// Where the channel is pinned, or one of its gates blocks, the release is published, the channel stays, and the command
/// exits 6.
#[derive(Debug, Args)]
pub(crate) struct CiPublishArgs {
    #[command(flatten)]
    release: ReleaseArgs,
    #[command(flatten)]
    how: PublishArgs,
    #[command(flatten)]
    who: Identify,
}

/// Runs `dist ci publish`.
///
/// # Errors
/// Whatever keeps the release from being published, or its channel from moving.
pub(crate) async fn run(args: CiPublishArgs, session: &Session) -> Result<(), CliError> {
    let credentials = Credentials::Pipeline { audience: args.who.audience };
    let published = publish_release(args.release, args.how, credentials, session).await?;
    session.terminal.note(&one_line(&published));
    session.output.answer(&published, render)
}

/// The line that stays in the log of the pipeline.
pub(super) fn one_line(published: &Published) -> String {
    let status = match published.status {
        PublishStatus::Published => "published",
        PublishStatus::Unchanged => "unchanged",
    };
    let channel = published.channel.as_ref().map(|channel| format!(" on {}", channel.name)).unwrap_or_default();
    let (app, release) = (&published.app, &published.release.name);
    format!("{status} {app} {release}{channel}: {}", summary(&published.transfer))
}
