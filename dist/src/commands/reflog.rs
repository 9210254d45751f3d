//! `dist reflog`: how a channel moved.

use clap::Args;
use protocol::api::{PageQuery, ReflogPage};
use protocol::{ChannelName, limits, paths};

use super::parse_channel_of_app;
use crate::client::Client;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Align, Look, Table};

/// Show how a channel moved, newest first
///
/// The first column is the revision that names what the channel was then.
#[derive(Debug, Args)]
pub(crate) struct ReflogArgs {
    /// The channel, as APP@CHANNEL
    #[arg(value_name = "APP@CHANNEL")]
    channel: String,
    /// Most moves to show
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// Runs `dist reflog`.
///
/// # Errors
/// What the server refuses.
pub(crate) async fn run(args: ReflogArgs, session: &Session) -> Result<(), CliError> {
    let (app, channel) = parse_channel_of_app(&args.channel)?;
    let page = fetch(&session.client()?, &paths::reflog(&app, &channel), args.limit).await?;
    session.output.answer_paged(&page, |look, page| render(look, &channel, page))
}

/// So many moves, a page at a time.
async fn fetch(client: &Client, path: &str, limit: u32) -> Result<ReflogPage, CliError> {
    let mut all = ReflogPage { entries: Vec::new(), next: None };
    let mut left = limit;
    loop {
        let query = PageQuery { after: all.next.take(), limit: Some(left.min(limits::PAGE_ROWS_MAX)) };
        let page: ReflogPage = client.get_query(path, &query).await?;
        left = left.saturating_sub(u32::try_from(page.entries.len()).unwrap_or(u32::MAX));
        all.entries.extend(page.entries);
        all.next = page.next;
        if all.next.is_none() || left == 0 {
            return Ok(all);
        }
    }
}

fn render(look: &Look, channel: &ChannelName, page: &ReflogPage) -> String {
    let mut table = Table::new(&[
        ("revision", Align::Left),
        ("release", Align::Left),
        ("id", Align::Left),
        ("how", Align::Left),
        ("when", Align::Left),
        ("by", Align::Left),
        ("why", Align::Left),
    ]);
    for (back, line) in page.entries.iter().enumerate() {
        let name = line.new.as_ref().map_or_else(|| "deleted".to_owned(), |release| release.name.to_string());
        table.row([
            format!("{channel}@{{{back}}}"),
            name,
            line.new.as_ref().map(|release| release.id.short()).unwrap_or_default(),
            line.action.clone(),
            look.when(line.at),
            line.actor.clone(),
            line.reason.clone().unwrap_or_default(),
        ]);
    }
    table.render(look)
}
