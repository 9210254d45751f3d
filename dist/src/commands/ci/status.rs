//! `dist ci status`: what is staged.

use std::path::PathBuf;

use clap::Args;
use protocol::api::{Stage, Stages};
use protocol::{AppSlug, paths};

use crate::commands::parse_app;
use crate::error::CliError;
use crate::plan::{Outside, Overrides, PlanRequest, plan_outline};
use crate::session::Session;
use crate::ui::{Align, Look, Table, size};

/// List the parts of releases that are staged and not published yet
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The app [default: that of dist.json]
    app: Option<String>,
    /// The manifest that names the app [default: dist.json]
    #[arg(long, value_name = "FILE", conflicts_with = "app")]
    manifest: Option<PathBuf>,
}

/// Runs `dist ci status`.
///
/// # Errors
/// What the server refuses.
pub(super) async fn run(args: StatusArgs, session: &Session) -> Result<(), CliError> {
    let app: AppSlug = if let Some(app) = &args.app {
        parse_app(app)?
    } else {
        let (manifest, overrides) = (args.manifest, Overrides::default());
        plan_outline(&PlanRequest { manifest, overrides, outside: Outside::Refused })?.header.app
    };
    let stages: Stages = session.client()?.get(&paths::staging(&app)).await?;
    session.output.answer(&stages, |look, stages| render(look, &app, stages))
}

fn render(look: &Look, app: &AppSlug, stages: &Stages) -> String {
    let mut table = Table::new(&[
        ("release", Align::Left),
        ("part", Align::Left),
        ("files", Align::Right),
        ("size", Align::Right),
        ("commit", Align::Left),
        ("staged", Align::Left),
        ("by", Align::Left),
        ("expires", Align::Left),
    ]);
    for stage in stages.releases.iter().flat_map(|release| &release.parts) {
        table.row(row(look, stage));
    }
    if table.is_empty() { format!("Nothing of {app} is staged.\n") } else { table.render(look) }
}

fn row(look: &Look, stage: &Stage) -> [String; 8] {
    [
        stage.release.to_string(),
        stage.of.map_or_else(|| stage.part.to_string(), |of| format!("{} (1 of {of})", stage.part)),
        stage.artifacts.len().to_string(),
        size(stage.artifacts.iter().map(|line| line.size).sum()),
        stage.source.commit.as_ref().map(|commit| commit.chars().take(12).collect()).unwrap_or_default(),
        look.when(stage.staged_at),
        stage.staged_by.clone(),
        look.when(stage.expires_at),
    ]
}
