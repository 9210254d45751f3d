//! `dist check`: everything that a push checks before it sends a byte.

use std::sync::Arc;

use clap::Args;
use inspect::Severity;
use protocol::api::ArtifactReport;
use protocol::manifest::Link;
use protocol::{
    AppRules, AppSlug, ArtifactLine, Build, ChannelName, ErrorCode, Problem, ReleaseManifest, ReleaseName, Version,
};
use serde::Serialize;
use serde_json::json;

use super::release::{ReleaseArgs, hash_plan};
use super::show::links;
use crate::error::CliError;
use crate::examine::{ask_rules, examine};
use crate::plan::{Origin, Plan};
use crate::session::Session;
use crate::ui::{Look, artifact_table, contents, findings, size};

/// Check everything that a push would check before it sends a byte
///
/// Reads every file, hashes and inspects it, and applies the app's rules where a server is configured that tells them. Exits 3
/// when something is wrong and lists all of it.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    release: ReleaseArgs,
    /// Ask no server; the app's own rules are not checked
    #[arg(long)]
    offline: bool,
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
    reports: Vec<ArtifactReport>,
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
    let rules = if args.offline { AppRules::default() } else { ask_rules(&manifest, session).await };
    let reports = examine_plan(&plan, &manifest, rules, session).await?;
    refuse_errors(&plan.label, &reports)?;
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
        reports,
        warnings: plan.warnings.clone(),
    };
    for warning in &plan.warnings {
        session.terminal.note(&format!("warning: {warning}"));
    }
    session.output.answer(&checked, render)
}

/// The reports on the plan's files, made off the async threads.
async fn examine_plan(
    plan: &Plan,
    manifest: &ReleaseManifest,
    rules: AppRules,
    session: &Session,
) -> Result<Vec<ArtifactReport>, CliError> {
    let (files, manifest) = (plan.files.clone(), manifest.clone());
    let (terminal, now) = (Arc::clone(&session.terminal), session.now);
    let work = move || examine(&files, &manifest, &rules, now, &terminal);
    tokio::task::spawn_blocking(work).await.expect("inspection does not panic")
}

/// Everything that the server would refuse, in one error.
fn refuse_errors(label: &str, reports: &[ArtifactReport]) -> Result<(), CliError> {
    let errors = reports.iter().flat_map(|report| &report.findings).filter(|it| it.severity == Severity::Error).count();
    if errors == 0 {
        return Ok(());
    }
    let plural = if errors == 1 { "" } else { "s" };
    let message = format!("{label} would be refused: {errors} error{plural} in its artifacts");
    let error = CliError::new(ErrorCode::ArtifactRefused, message).details(json!({ "artifacts": reports }));
    Err(error.hint("dist inspect FILE shows a file whole; dist app rules APP shows what the app asks; kind \"file\" publishes a file as it is"))
}

fn render(look: &Look, checked: &Checked) -> String {
    let channel = checked.channel.as_ref().map(|channel| format!(" for {channel}")).unwrap_or_default();
    let name = look.bold(&format!("{} {}", checked.app, checked.name));
    let count = checked.artifacts.len();
    let plural = if count == 1 { "" } else { "s" };
    let head = format!("{name}{channel}: {count} artifact{plural}, {}\n", size(checked.size_bytes));
    let lines = checked.artifacts.iter().map(|artifact| &artifact.line);
    let files = artifact_table(look, lines, contents(&checked.reports));
    let blocks = [head + &files, links(&checked.links), findings(look, &checked.reports)];
    blocks.iter().filter(|block| !block.is_empty()).cloned().collect::<Vec<_>>().join("\n")
}
