//! `dist rollback`: move a channel back along its own history, and pin it there.

use clap::Args;
use protocol::api::{Moved, RollbackRequest};
use protocol::{ErrorCode, Revision, paths};

use super::promote::resolve;
use super::{parse_channel_of_app, parse_name};
use crate::client::Repeat;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::render_rollback;

/// Move a channel back along its own history
///
/// Without --to, to the nearest release before that is not revoked. Only to where the channel has been. The channel is pinned
/// there: what is published for it next is published without moving it, until `dist unpin`. Says for each platform and updater
/// whether apps that are installed go back too.
#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// The channel, as APP@CHANNEL
    #[arg(value_name = "APP@CHANNEL")]
    channel: String,
    /// The release to go back to: any revision that was on the channel
    #[arg(long, value_name = "REV")]
    to: Option<String>,
    /// Refuse unless the channel points there now: any revision
    #[arg(long, value_name = "REV")]
    expect: Option<String>,
    /// Why, for the reflog and the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Runs `dist rollback`.
///
/// # Errors
/// What the server refuses.
pub(crate) async fn run(args: RollbackArgs, session: &Session) -> Result<(), CliError> {
    let (app, channel) = parse_channel_of_app(&args.channel)?;
    let revision = |text: &String| parse_name::<Revision>(text, ErrorCode::RevisionInvalid);
    let (to, expect) = (args.to.as_ref().map(revision).transpose()?, args.expect.as_ref().map(revision).transpose()?);
    let client = session.client()?;
    let expected = match expect {
        None => None,
        Some(revision) => Some(resolve(&client, &app, &revision).await?),
    };
    let request = RollbackRequest { to, expected, reason: args.reason };
    // Twice would be two releases back.
    let path = paths::rollback(&app, &channel);
    let moved: Moved = client.post(&path, &request, Repeat::OnlyUnsent).await?.value;
    session.output.answer(&moved, |look, moved| render_rollback(look, app.as_str(), moved))
}
