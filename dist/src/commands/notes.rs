//! `dist notes`: the notes of a release, or of all between two, as one Markdown text.

use clap::Args;
use jiff::Timestamp;
use protocol::notes::{ReleaseNotes, join_notes};
use protocol::{AppSlug, ReleaseId, ReleaseName, Selection};
use serde::Serialize;

use super::log::{History, Only};
use super::parse_selection;
use crate::error::CliError;
use crate::session::Session;

/// Print release notes as one Markdown text
///
/// APP@A..B joins the notes of what B's history has and A's has not, newest first: what is new since what is live is
/// acme@stable..beta. APP@REV prints those of one release.
#[derive(Debug, Args)]
pub(crate) struct NotesArgs {
    /// The range, or one release
    #[arg(value_name = "APP@A..B")]
    of: String,
}

/// What `dist notes` prints for a program.
#[derive(Debug, Serialize)]
struct Notes {
    app: AppSlug,
    /// Newest first, also those without notes.
    releases: Vec<Noted>,
    markdown: String,
}

#[derive(Debug, Serialize)]
struct Noted {
    id: ReleaseId,
    name: ReleaseName,
    published_at: Timestamp,
    notes: Option<String>,
}

/// Runs `dist notes`.
///
/// # Errors
/// What the server refuses.
pub(crate) async fn run(args: &NotesArgs, session: &Session) -> Result<(), CliError> {
    let wanted = parse_selection(&args.of)?;
    let limit = match wanted.selection {
        Some(Selection::Range(_)) => None,
        Some(Selection::History(_)) => Some(1),
        None => {
            return Err(CliError::usage(format!("{:?} does not say which notes", args.of))
                .hint("write APP@A..B or APP@REV, such as acme@stable..beta"));
        }
    };
    let client = session.client()?;
    let page = History::new(&client, &wanted, Only::default(), limit).collect().await?;
    let releases = page.releases.into_iter().map(|release| Noted {
        id: release.id,
        name: release.name,
        published_at: release.published_at,
        notes: release.manifest.notes,
    });
    let releases: Vec<Noted> = releases.collect();
    let notes = Notes { app: wanted.app, markdown: markdown(&releases), releases };
    if notes.markdown.is_empty() {
        session.terminal.note(&format!("{} releases, none with notes", notes.releases.len()));
    }
    session.output.answer_paged(&notes, |_, notes| crate::ui::printable(&notes.markdown))
}

fn markdown(releases: &[Noted]) -> String {
    let notes = releases.iter().map(|release| ReleaseNotes {
        name: &release.name,
        published_at: release.published_at,
        notes: release.notes.as_deref().unwrap_or_default(),
    });
    join_notes(&notes.collect::<Vec<_>>())
}
