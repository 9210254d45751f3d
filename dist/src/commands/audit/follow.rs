//! `dist audit --follow`: new events as they come.

use std::time::Duration;

use protocol::api::{AuditEvent, AuditQuery};

use super::{oldest_first, what};
use crate::client::Client;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Format, Look, Output, Reader, json_line, printable, stream_stdout};

/// How long to wait before the server is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// Prints the newest events, then every later one, until a person stops it or stdout is closed.
///
/// # Errors
/// What the server refuses, or a stdout that cannot be written.
pub(super) async fn run(
    client: &Client,
    mut query: AuditQuery,
    newest: Vec<AuditEvent>,
    session: &Session,
) -> Result<(), CliError> {
    query.from = Some(newest.first().map_or(0, |event| event.seq));
    let newest: Vec<AuditEvent> = newest.into_iter().rev().collect();
    tokio::select! {
        outcome = follow(client, query, &newest, &session.output) => outcome,
        // To be stopped is how this ends.
        Ok(()) = tokio::signal::ctrl_c() => Ok(()),
    }
}

async fn follow(
    client: &Client,
    mut query: AuditQuery,
    newest: &[AuditEvent],
    output: &Output,
) -> Result<(), CliError> {
    let mut reader = print(output, newest)?;
    while reader == Reader::There {
        tokio::time::sleep(PAUSE).await;
        oldest_first(client, &mut query, |events| {
            reader = print(output, &events)?;
            Ok(reader == Reader::There)
        })
        .await?;
    }
    Ok(())
}

fn print(output: &Output, events: &[AuditEvent]) -> Result<Reader, CliError> {
    let lines = match output.format {
        Format::Json => events.iter().map(json_line).collect::<Result<String, _>>()?,
        Format::Human => events.iter().map(|event| line(&output.look, event)).collect(),
    };
    stream_stdout(&lines)
}

/// One event on one line. The time is exact: what was just now is an hour ago an hour later.
fn line(look: &Look, event: &AuditEvent) -> String {
    let app = event.app.as_ref().map_or("", |app| app.as_str());
    let reason = event.reason.as_deref().map(|reason| format!("  {reason}")).unwrap_or_default();
    let (at, who) = (look.dim(&event.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()), &event.actor);
    let text = format!("{who}  {}  {app}  {}{reason}", event.action, what(event));
    format!("{:>6}  {at}  {}\n", event.seq, printable(&text))
}
