//! `dist show`: one release with everything that is known of it.

use clap::Args;
use protocol::api::{Release, Revocation};
use protocol::manifest::Link;
use protocol::paths;

use super::parse_revision;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Look, artifact_table, contents, findings, key_values, printable, size};

/// Show one release
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The release, as APP@REV
    #[arg(value_name = "APP@REV")]
    release: String,
}

/// Runs `dist show`.
///
/// # Errors
/// What the server refuses.
pub(crate) async fn run(args: &ShowArgs, session: &Session) -> Result<(), CliError> {
    let wanted = parse_revision(&args.release)?;
    let release: Release = session.client()?.get(&paths::release(&wanted.app, &wanted.revision)).await?;
    session.output.answer(&release, render)
}

/// `2 hours ago by ana: crashes on start`
fn revoked(look: &Look, revoked: &Revocation) -> String {
    format!("{} by {}: {}", look.when(revoked.at), revoked.by, revoked.reason)
}

fn render(look: &Look, release: &Release) -> String {
    let manifest = &release.manifest;
    let channels: Vec<String> = release.channels.iter().map(ToString::to_string).collect();
    let source = &manifest.source;
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let facts = [
        ("release", format!("{} {}", release.app, release.name)),
        ("id", release.id.to_string()),
        ("parent", manifest.parent.map(|parent| parent.to_string()).unwrap_or_default()),
        ("channels", channels.join(", ")),
        ("published", format!("{} by {}", look.when(release.published_at), release.published_by)),
        ("revoked", release.revoked.as_ref().map(|it| revoked(look, it)).unwrap_or_default()),
        ("size", size(release.size_bytes)),
        ("commit", text(&source.commit)),
        ("branch", text(&source.branch)),
        ("repository", text(&source.repository)),
        ("run", text(&source.run_url)),
    ];
    let notes = manifest.notes.as_deref().unwrap_or_default().trim_end();
    let files = artifact_table(look, &manifest.artifacts, contents(&release.reports));
    let found = findings(look, &release.reports);
    let blocks = [key_values(look, &facts), files, found, links(&manifest.links), printable(notes)];
    let shown = blocks.iter().map(|block| block.trim_end()).filter(|block| !block.is_empty());
    shown.collect::<Vec<_>>().join("\n\n") + "\n"
}

/// One line for each link of a release.
pub(crate) fn links(list: &[Link]) -> String {
    let lines: Vec<String> =
        list.iter().map(|link| format!("{} {} {}\n", link.platform, link.kind, printable(&link.url))).collect();
    lines.concat()
}
