//! `dist audit export`: the log as JSON Lines.

use clap::Args;

use super::{Filter, oldest_first};
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Reader, json_line, stream_stdout};

/// Print events as JSON Lines, oldest first, one event a line
///
/// Each line is the event as the API gives it, with its hash, so that the chain can be verified from the file.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    filter: Filter,
}

/// Runs `dist audit export`.
///
/// # Errors
/// What the server refuses, or a stdout that cannot be written.
pub(super) async fn run(args: ExportArgs, session: &Session) -> Result<(), CliError> {
    let mut query = args.filter.query(session.now)?;
    let client = session.client()?;
    oldest_first(&client, &mut query, |events| {
        let lines = events.iter().map(json_line).collect::<Result<String, _>>()?;
        Ok(stream_stdout(&lines)? == Reader::There)
    })
    .await
    .map(|_| ())
}
