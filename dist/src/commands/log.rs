//! `dist log`: the history of an app, of one release, or of what lies between two.

use clap::Args;
use jiff::Timestamp;
use protocol::api::{LogQuery, Release, ReleasePage};
use protocol::{AppSelection, Platform, limits, paths};

use super::parse_selection;
use crate::client::Client;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Detail, Format, Lines, LogView, Pager, Reader, parse_since};

/// Releases of the first page: more than a screen shows, and few enough to be there at once.
const FIRST_PAGE: u32 = 30;

/// Show the history of an app, newest first
///
/// APP lists every release. APP@REV begins at one release and follows its parents. APP@A..B is what B's history has and A's has
/// not: what is new on beta since stable is acme@stable..beta.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// The app, a release to begin at, or a range
    #[arg(value_name = "APP[@REV|@A..B]")]
    from: String,
    /// Most releases to show; all of them unless given
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// One line for each release
    #[arg(long, conflicts_with = "notes")]
    oneline: bool,
    /// Join each release to its parent by a line, so that it shows where histories fork
    #[arg(long, conflicts_with_all = ["platform"])]
    graph: bool,
    /// Show all of the notes, not only their first line
    #[arg(long)]
    notes: bool,
    /// Only releases with an artifact for this platform
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<Platform>,
    /// Only since then: 7d for seven days ago, a date, or a time
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
}

/// Runs `dist log`.
///
/// # Errors
/// What the server refuses.
pub(crate) async fn run(args: LogArgs, session: &Session) -> Result<(), CliError> {
    let wanted = parse_selection(&args.from)?;
    let since = args.since.as_deref().map(|text| parse_since(text, session.now)).transpose()?;
    let client = session.client()?;
    let history = History::new(&client, &wanted, Only { platform: args.platform, since }, args.limit);
    match session.output.format {
        Format::Json => session.output.answer(&history.collect().await?, |_, _| String::new()),
        Format::Human => show(&args, &wanted, history, session).await,
    }
}

/// Shows releases as they come, as long as anybody reads on.
async fn show(
    args: &LogArgs,
    wanted: &AppSelection,
    mut history: History<'_>,
    session: &Session,
) -> Result<(), CliError> {
    let detail = match (args.oneline, args.notes) {
        (true, _) => Detail::OneLine,
        (_, true) => Detail::Notes,
        _ => Detail::Short,
    };
    let lines = if args.graph { Lines::Joined } else { Lines::Straight };
    let mut view = LogView::new(&session.output.look, detail, lines);
    let mut held: Vec<Release> = history.next().await?.unwrap_or_default();
    if held.is_empty() && history.is_over() {
        return session.output.answer(&(), |_, ()| nothing(args, wanted));
    }
    let mut pager = Pager::open(session.output.paging);
    loop {
        // The last one is shown with what follows it: what it grew by shows against its parent.
        let ready = if history.is_over() { held.len() } else { held.len().saturating_sub(1) };
        if pager.write(&view.render(&held, ready))? == Reader::Gone {
            return Ok(());
        }
        held.drain(..ready);
        match history.next().await? {
            Some(more) => held.extend(more),
            None => return Ok(()),
        }
    }
}

fn nothing(args: &LogArgs, wanted: &AppSelection) -> String {
    match (&wanted.selection, args.platform.is_some() || args.since.is_some()) {
        (None, false) => format!("{} has no releases yet. `dist push` publishes one.\n", wanted.app),
        _ => "No releases.\n".to_owned(),
    }
}

/// Which releases of a history are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Only {
    /// With an artifact for this platform.
    pub(crate) platform: Option<Platform>,
    /// Published then or later.
    pub(crate) since: Option<Timestamp>,
}

/// Part of an app's history, fetched a page at a time, newest first.
pub(crate) struct History<'a> {
    client: &'a Client,
    path: String,
    query: LogQuery,
    left: u32,
    is_over: bool,
}

impl<'a> History<'a> {
    /// At most `limit` releases of a history, or all of it.
    pub(crate) fn new(client: &'a Client, wanted: &AppSelection, only: Only, limit: Option<u32>) -> Self {
        let query = LogQuery {
            revision: wanted.selection.as_ref().map(ToString::to_string),
            platform: only.platform,
            since: only.since,
            after: None,
            limit: Some(FIRST_PAGE),
        };
        Self { client, path: paths::log(&wanted.app), query, left: limit.unwrap_or(u32::MAX), is_over: false }
    }

    /// Whether there is no further page.
    fn is_over(&self) -> bool {
        self.is_over
    }

    /// The next page, which may be empty; `None` after the last.
    ///
    /// # Errors
    /// What the server refuses.
    async fn next(&mut self) -> Result<Option<Vec<Release>>, CliError> {
        if self.is_over {
            return Ok(None);
        }
        self.query.limit = self.query.limit.map(|limit| limit.min(self.left));
        let page: ReleasePage = self.client.get_query(&self.path, &self.query).await?;
        self.left = self.left.saturating_sub(u32::try_from(page.releases.len()).unwrap_or(u32::MAX));
        self.is_over = page.next.is_none() || self.left == 0;
        self.query.limit = Some(limits::PAGE_ROWS_MAX);
        self.query.after = page.next;
        Ok(Some(page.releases))
    }

    /// All of it as one page, whose `next` tells whether there is more than was asked for.
    ///
    /// # Errors
    /// What the server refuses.
    pub(crate) async fn collect(mut self) -> Result<ReleasePage, CliError> {
        let mut releases = Vec::new();
        while let Some(more) = self.next().await? {
            releases.extend(more);
        }
        Ok(ReleasePage { releases, next: self.query.after })
    }
}
