//! `dist ci finalize`: a release from the parts that jobs staged.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use protocol::api::{FinalizeRequest, Finalized};
use protocol::publish::{PublishStatus, Published, Transfer};
use protocol::{Digest, ErrorCode, PartName, ReleaseName, paths};

use super::Identify;
use super::publish::one_line;
use crate::client::{Answer, Client, Repeat};
use crate::commands::parse_name;
use crate::commands::push::render;
use crate::commands::release::origin;
use crate::error::CliError;
use crate::plan::{Outline, Outside, Overrides, PlanRequest, plan_outline};
use crate::publish::{Again, Document, is_worth_another_round, refuse_held};
use crate::session::Session;

/// Publish a release from the parts that jobs have staged, all or nothing
///
/// Waits for nothing: let it need the jobs that stage. Exits 5 where a part is missing, where one is there that is not expected,
/// or where parts were built from other commits. Takes app, version, build, channel and notes from dist.json and flags; its
/// artifacts are those of the parts. Running it again once it is done changes nothing. Prints what `dist ci publish` prints.
#[derive(Debug, Args)]
pub(crate) struct FinalizeArgs {
    /// The parts that the release has: these and no others. Separated by commas, or repeated
    #[arg(long, value_name = "NAME,…", required = true, value_delimiter = ',')]
    expect: Vec<String>,
    /// The manifest [default: dist.json, which may be missing where flags say enough]
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// The app, in place of the manifest's
    #[arg(long, value_name = "SLUG")]
    app: Option<String>,
    /// The version, in place of the manifest's
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// The build, in place of the manifest's
    #[arg(long, value_name = "BUILD")]
    build: Option<String>,
    /// The channel to move to the release, in place of the manifest's
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Release notes, in place of the manifest's and the parts'
    #[arg(long, value_name = "MARKDOWN", conflicts_with = "notes_file")]
    notes: Option<String>,
    /// A file with the release notes
    #[arg(long, value_name = "FILE")]
    notes_file: Option<PathBuf>,
    /// Why, for the reflog and the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    who: Identify,
}

/// Runs `dist ci finalize`.
///
/// # Errors
/// Whatever keeps the release from being published, or its channel from moving.
pub(super) async fn run(args: FinalizeArgs, session: &Session) -> Result<(), CliError> {
    let expect = args.expect.iter().map(|part| parse_name(part, ErrorCode::Usage));
    let expect: Vec<PartName> = expect.collect::<Result<_, _>>()?;
    let outline = plan_outline(&PlanRequest {
        manifest: args.manifest,
        overrides: Overrides {
            app: args.app,
            version: args.version,
            build: args.build,
            channel: args.channel,
            notes: args.notes,
            notes_file: args.notes_file,
            ..Overrides::default()
        },
        outside: Outside::Refused,
    })?;
    let pipeline = session.pipeline()?;
    let client = session.enter(pipeline, &outline.header.app, &args.who.audience).await?;
    let origin = origin(&outline.folder, session);
    let request = FinalizeRequest {
        expect,
        channel: outline.header.channel.clone(),
        notes: outline.notes.clone(),
        source: origin.source,
        created_at: origin.created_at,
        reason: args.reason,
    };
    let started = Instant::now();
    let done = finalize(&client, session, &outline, &request).await?;
    let published = refuse_held(document(&client, &outline, &done, started))?;
    session.terminal.note(&one_line(&published));
    session.output.answer(&published, render)
}

async fn finalize(
    client: &Client,
    session: &Session,
    outline: &Outline,
    request: &FinalizeRequest,
) -> Result<Finalized, CliError> {
    let header = &outline.header;
    let path = paths::finalize(&header.app, &ReleaseName::new(header.version.clone(), header.build.clone()));
    let mut again = Again::default();
    loop {
        match client.post::<_, Finalized>(&path, request, Repeat::Freely).await {
            Err(error) if is_worth_another_round(error.code()) && again.is_left() => {
                again.wait(&session.terminal, &error).await;
            }
            outcome => return outcome.map(as_ours),
        }
    }
}

/// Our own release of a moment ago, whose answer was lost, is no release that was there before.
fn as_ours(answer: Answer<Finalized>) -> Finalized {
    let mut done = answer.value;
    if answer.was_repeated && done.committed.status == PublishStatus::Unchanged {
        done.committed.status = PublishStatus::Published;
    }
    done
}

fn document(client: &Client, outline: &Outline, done: &Finalized, started: Instant) -> Published {
    let objects: BTreeSet<Digest> = done.manifest.artifacts.iter().map(|line| line.sha256).collect();
    let milliseconds = u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX);
    Document {
        server: client.server(),
        header: &outline.header,
        manifest: &done.manifest,
        committed: &done.committed,
        uploaded: &BTreeSet::new(),
        transfer: Transfer {
            objects: objects.len() as u64,
            total_bytes: done.manifest.size_bytes(),
            requests: client.requests(),
            seconds: f64::from(milliseconds) / 1000.0,
            ..Transfer::default()
        },
        warnings: Vec::new(),
    }
    .published()
}
