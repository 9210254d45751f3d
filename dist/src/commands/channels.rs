//! `dist channels`: where the channels of an app point.

use clap::Args;
use protocol::api::{Channels, Pin};
use protocol::paths;

use super::parse_app;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Align, Look, Table};

/// List the channels of an app
#[derive(Debug, Args)]
pub(crate) struct ChannelsArgs {
    /// The app
    app: String,
}

/// Runs `dist channels`.
///
/// # Errors
/// What the server refuses.
pub(crate) async fn run(args: &ChannelsArgs, session: &Session) -> Result<(), CliError> {
    let app = parse_app(&args.app)?;
    let channels: Channels = session.client()?.get(&paths::channels(&app)).await?;
    session.output.answer(&channels, render)
}

/// `by ana: crashes on start`
fn pinned(pin: &Pin) -> String {
    pin.reason.as_ref().map_or_else(|| format!("by {}", pin.by), |reason| format!("by {}: {reason}", pin.by))
}

fn render(look: &Look, channels: &Channels) -> String {
    let mut table = Table::new(&[
        ("channel", Align::Left),
        ("release", Align::Left),
        ("id", Align::Left),
        ("moved", Align::Left),
        ("by", Align::Left),
        ("moves", Align::Right),
        ("pinned", Align::Left),
    ]);
    for channel in &channels.channels {
        table.row([
            channel.name.to_string(),
            channel.release.name.to_string(),
            channel.release.id.short(),
            look.when(channel.moved_at),
            channel.moved_by.clone(),
            channel.moves.to_string(),
            channel.pin.as_ref().map(pinned).unwrap_or_default(),
        ]);
    }
    if table.is_empty() {
        "No channels yet. A push with --channel, or `dist promote`, makes one.\n".to_owned()
    } else {
        table.render(look)
    }
}
