//! `dist pin`, `dist unpin`: whether a channel stays where it is.

use clap::Args;
use protocol::api::{Channel, PinRequest};
use protocol::paths;

use super::parse_channel_of_app;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::printable;

/// Keep a channel where it is
///
/// Nothing is published or promoted onto it until `dist unpin`: a release that is published for it is published without moving
/// it, and the command exits 6. `dist rollback` pins by itself.
#[derive(Debug, Args)]
pub(crate) struct PinArgs {
    /// The channel, as APP@CHANNEL
    #[arg(value_name = "APP@CHANNEL")]
    channel: String,
    /// Why: whoever wants to move it is told
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Let a channel that was pinned or rolled back move again
#[derive(Debug, Args)]
pub(crate) struct UnpinArgs {
    /// The channel, as APP@CHANNEL
    #[arg(value_name = "APP@CHANNEL")]
    channel: String,
}

/// Runs `dist pin`.
///
/// # Errors
/// What the server refuses.
pub(crate) async fn pin(args: PinArgs, session: &Session) -> Result<(), CliError> {
    let (app, channel) = parse_channel_of_app(&args.channel)?;
    let request = PinRequest { reason: args.reason };
    let channel: Channel = session.client()?.put(&paths::pin(&app, &channel), &request).await?;
    session.output.answer(&channel, |_, channel| {
        let why = channel.pin.as_ref().and_then(|pin| pin.reason.as_ref());
        let why = why.map(|reason| format!(": {}", printable(reason))).unwrap_or_default();
        format!("{} is pinned at {}{why}.\n", channel.name, channel.release.name)
    })
}

/// Runs `dist unpin`.
///
/// # Errors
/// What the server refuses.
pub(crate) async fn unpin(args: &UnpinArgs, session: &Session) -> Result<(), CliError> {
    let (app, channel) = parse_channel_of_app(&args.channel)?;
    let channel: Channel = session.client()?.delete(&paths::pin(&app, &channel)).await?;
    session
        .output
        .answer(&channel, |_, channel| format!("{} is at {} and moves again.\n", channel.name, channel.release.name))
}
