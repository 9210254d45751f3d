//! `dist log`: the history of an app, or of one release.

use clap::Args;
use protocol::api::{LogQuery, PageQuery, ReleasePage};
use protocol::{AppSlug, Revision, limits, paths};

use super::{parse_app, parse_revision};
use crate::client::Client;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{render_log, render_oneline};

/// Show the history of an app, newest first
///
/// APP lists every release. APP@REV begins at one release and follows its parents.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// The app, or a release to begin at
    #[arg(value_name = "APP[@REV]")]
    from: String,
    /// Most releases to show
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// One line for each release
    #[arg(long)]
    oneline: bool,
}

/// Runs `dist log`.
///
/// # Errors
/// What the server refuses.
pub(crate) async fn run(args: LogArgs, session: &Session) -> Result<(), CliError> {
    let (app, revision) = if args.from.contains('@') {
        let from = parse_revision(&args.from)?;
        (from.app, Some(from.revision))
    } else {
        (parse_app(&args.from)?, None)
    };
    let page = fetch(&session.client()?, &app, revision.as_ref(), args.limit).await?;
    session.output.answer(&page, |look, page| match (page.releases.is_empty(), args.oneline) {
        (true, _) => format!("{app} has no releases yet. `dist push` publishes one.\n"),
        (false, true) => render_oneline(look, &page.releases),
        (false, false) => render_log(look, &page.releases),
    })
}

/// As many releases as were asked for, a page at a time.
async fn fetch(
    client: &Client,
    app: &AppSlug,
    revision: Option<&Revision>,
    limit: u32,
) -> Result<ReleasePage, CliError> {
    let mut all = ReleasePage { releases: Vec::new(), next: None };
    let mut left = limit;
    loop {
        let (after, limit) = (all.next.take(), Some(left.min(limits::PAGE_ROWS_MAX)));
        // The log follows parents from somewhere; the list needs no beginning.
        let page: ReleasePage = match revision {
            Some(revision) => {
                let query = LogQuery { revision: revision.to_string(), after, limit };
                client.get_query(&paths::log(app), &query).await?
            }
            None => client.get_query(&paths::releases(app), &PageQuery { after, limit }).await?,
        };
        left = left.saturating_sub(u32::try_from(page.releases.len()).unwrap_or(u32::MAX));
        let is_last = page.next.is_none() || page.releases.is_empty();
        all.releases.extend(page.releases);
        all.next = page.next;
        if is_last || left == 0 {
            return Ok(all);
        }
    }
}
