//! `dist check`: everything that a push checks before it sends a byte.

use clap::Args;
use protocol::manifest::Link;
use protocol::{AppSlug, ArtifactLine, Build, ChannelName, Problem, ReleaseName, Version};
use serde::Serialize;

use super::release::{ReleaseArgs, hash_plan};
use super::show::links;
use crate::error::CliError;
use crate::plan::Origin;
use crate::session::Session;
use crate::ui::{Align, Look, Table, size};

/// Check everything that a push would check before it sends a byte
///
/// Needs no server. Exits 3 when something is wrong and lists all of it.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    release: ReleaseArgs,
}

/// The document of `dist check --json`.
#[derive(Debug, Serialize)]
struct Checked {
    schema: &'static str,
    app: AppSlug,
    name: ReleaseName,
    version: Version,
    build: Option<Build>,
    channel: Option<ChannelName>,
    artifacts: Vec<CheckedArtifact>,
    links: Vec<Link>,
    size_bytes: u64,
    warnings: Vec<Problem>,
}

/// One file, and where it lies.
#[derive(Debug, Serialize)]
struct CheckedArtifact {
    path: String,
    #[serde(flatten)]
    line: ArtifactLine,
}

/// Runs `dist check`.
///
/// # Errors
/// Everything that is wrong with the release.
pub(crate) async fn run(args: CheckArgs, session: &Session) -> Result<(), CliError> {
    let plan = args.release.plan()?;
    let digests = hash_plan(&plan, session).await?;
    let manifest = plan.manifest(&digests, &Origin::default());
    let paths = plan.files.iter().map(|file| file.path.display().to_string());
    let checked = Checked {
        schema: "dist.check/1",
        app: manifest.app.clone(),
        name: manifest.name(),
        version: manifest.version.clone(),
        build: manifest.build.clone(),
        channel: plan.header.channel.clone(),
        size_bytes: manifest.size_bytes(),
        artifacts: paths.zip(manifest.artifacts).map(|(path, line)| CheckedArtifact { path, line }).collect(),
        links: manifest.links,
        warnings: plan.warnings.clone(),
    };
    for warning in &plan.warnings {
        session.terminal.note(&format!("warning: {warning}"));
    }
    session.output.answer(&checked, render)
}

fn render(look: &Look, checked: &Checked) -> String {
    let channel = checked.channel.as_ref().map(|channel| format!(" for {channel}")).unwrap_or_default();
    let name = look.bold(&format!("{} {}", checked.app, checked.name));
    let count = checked.artifacts.len();
    let plural = if count == 1 { "" } else { "s" };
    let head = format!("{name}{channel}: {count} artifact{plural}, {}\n", size(checked.size_bytes));
    let mut table = Table::new(&[
        ("platform", Align::Left),
        ("arch", Align::Left),
        ("kind", Align::Left),
        ("file", Align::Left),
        ("size", Align::Right),
        ("sha256", Align::Left),
    ]);
    for CheckedArtifact { line, .. } in &checked.artifacts {
        table.row([
            line.platform.to_string(),
            line.arch.to_string(),
            line.kind.to_string(),
            line.filename.to_string(),
            size(line.size),
            line.sha256.short(),
        ]);
    }
    let files = if table.is_empty() { String::new() } else { table.render(look) };
    head + &files + &links(&checked.links)
}
