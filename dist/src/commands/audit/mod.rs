//! `dist audit`: who changed what, and whether the log of it is whole.

mod export;
mod follow;
mod verify;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use protocol::api::{AuditAction, AuditEvent, AuditPage, AuditQuery};
use protocol::{limits, paths};
use serde_json::Value;

use super::parse_app;
use crate::client::Client;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Align, Look, Table, parse_since};

/// Show who changed what, newest first; verify and export the log
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    command: Option<AuditCommand>,
    #[command(flatten)]
    filter: Filter,
    /// Most events to show
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Show new events as they come, below the newest ones; ends with Ctrl-C
    ///
    /// Oldest first, one line an event; with --json one JSON document an event.
    #[arg(long, short)]
    follow: bool,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    Verify(verify::VerifyArgs),
    Export(export::ExportArgs),
}

/// Which events.
#[derive(Debug, Clone, Args)]
struct Filter {
    /// Only of this app
    #[arg(long, value_name = "SLUG")]
    app: Option<String>,
    /// Only by this actor: a token's name
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Only of this kind, such as release.publish
    #[arg(long, value_name = "ACTION", value_parser = parse_action)]
    action: Option<AuditAction>,
    /// Only since then: 7d for seven days ago, a date, or a time
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only before then, said the same way
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
}

impl Filter {
    /// The query for these events, a full page at a time.
    fn query(self, now: Timestamp) -> Result<AuditQuery, CliError> {
        Ok(AuditQuery {
            app: self.app.as_deref().map(parse_app).transpose()?,
            actor: self.actor,
            action: self.action,
            since: self.since.as_deref().map(|text| parse_since(text, now)).transpose()?,
            until: self.until.as_deref().map(|text| parse_since(text, now)).transpose()?,
            limit: Some(limits::PAGE_ROWS_MAX),
            ..AuditQuery::default()
        })
    }
}

/// Runs `dist audit`.
///
/// # Errors
/// What the server refuses.
pub(crate) async fn run(args: AuditArgs, session: &Session) -> Result<(), CliError> {
    match args.command {
        Some(AuditCommand::Verify(args)) => verify::run(args, session).await,
        Some(AuditCommand::Export(args)) => export::run(args, session).await,
        None => {
            let query = args.filter.query(session.now)?;
            let client = session.client()?;
            let newest = newest(&client, query.clone(), args.limit).await?;
            if args.follow {
                return follow::run(&client, query, newest.events, session).await;
            }
            session.output.answer(&newest, render)
        }
    }
}

/// So many events, newest first.
async fn newest(client: &Client, mut query: AuditQuery, limit: u32) -> Result<AuditPage, CliError> {
    let mut all = AuditPage { events: Vec::new(), next: None };
    let mut left = limit;
    loop {
        query.limit = Some(left.min(limits::PAGE_ROWS_MAX));
        let page: AuditPage = client.get_query(paths::AUDIT, &query).await?;
        left = left.saturating_sub(u32::try_from(page.events.len()).unwrap_or(u32::MAX));
        let is_last = page.next.is_none() || page.events.is_empty() || left == 0;
        all.events.extend(page.events);
        all.next.clone_from(&page.next);
        query.after = page.next;
        if is_last {
            return Ok(all);
        }
    }
}

/// Every event after `from`, oldest first, a page at a time. `take` says whether it wants more.
async fn oldest_first(
    client: &Client,
    query: &mut AuditQuery,
    mut take: impl FnMut(Vec<AuditEvent>) -> Result<bool, CliError>,
) -> Result<bool, CliError> {
    loop {
        query.from.get_or_insert(0);
        let page: AuditPage = client.get_query(paths::AUDIT, query).await?;
        query.from = page.events.last().map(|event| event.seq).or(query.from);
        if !take(page.events)? {
            return Ok(false);
        }
        if page.next.is_none() {
            return Ok(true);
        }
    }
}

fn parse_action(text: &str) -> Result<AuditAction, String> {
    serde_json::from_value(Value::String(text.to_owned())).map_err(|_| {
        let words: Vec<&str> = AuditAction::ALL.iter().map(|action| action.as_str()).collect();
        format!("the actions are {}", words.join(", "))
    })
}

fn render(look: &Look, page: &AuditPage) -> String {
    let mut table = Table::new(&[
        ("seq", Align::Right),
        ("when", Align::Left),
        ("who", Align::Left),
        ("action", Align::Left),
        ("app", Align::Left),
        ("what", Align::Left),
        ("why", Align::Left),
    ]);
    for event in &page.events {
        table.row([
            event.seq.to_string(),
            look.when(event.at),
            event.actor.clone(),
            event.action.to_string(),
            event.app.as_ref().map(ToString::to_string).unwrap_or_default(),
            what(event),
            event.reason.clone().unwrap_or_default(),
        ]);
    }
    if table.is_empty() { "No such events.\n".to_owned() } else { table.render(look) }
}

/// The subject, and from where to where; digests as they are read.
fn what(event: &AuditEvent) -> String {
    let subject = shortened(&event.subject);
    match (&event.old, &event.new) {
        (Some(old), Some(new)) => format!("{subject}: {} → {}", shortened(old), shortened(new)),
        (None, Some(new)) => format!("{subject}: {}", shortened(new)),
        (Some(old), None) => format!("{subject}: was {}", shortened(old)),
        (None, None) => subject,
    }
}

fn shortened(text: &str) -> String {
    protocol::Digest::parse(text).map_or_else(|_| text.to_owned(), |digest| digest.short())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_those_of_the_server() {
        assert_eq!(parse_action("release.publish"), Ok(AuditAction::ReleasePublish));
        assert!(parse_action("publish").unwrap_err().contains("release.publish"));
    }
}
