//! `dist bundle import`: what a bundle holds, published as a push would.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use protocol::api::{Access, App, CreateApp, ReleaseRef};
use protocol::publish::{PublishStatus, Transfer};
use protocol::{AppSlug, ErrorCode, paths};
use serde::Serialize;
use serde_json::json;

use super::count;
use super::round::{ChannelStatus, Import, ImportedChannel, MoveChannels};
use super::verify::open;
use crate::bundle::OpenBundle;
use crate::client::{Client, Repeat};
use crate::commands::push::summary;
use crate::error::CliError;
use crate::publish::{Again, is_worth_another_round};
use crate::session::Session;
use crate::ui::{Align, Look, Table, parse_size};
use crate::upload::Meter;

/// Publish what a bundle holds
///
/// Verifies all of it first, then does what a push does for each release: asks the server what it lacks, sends that, and
/// publishes, with the same rights, gates and audit. Releases keep their ids. A channel moves to where the bundle has it, if it
/// is new or where the bundle knows that it was; one that was moved here stays. Running it again changes nothing.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The bundle
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Publish releases and move no channel
    #[arg(long)]
    no_channels: bool,
    /// Create the app when it does not exist and the token may
    #[arg(long)]
    create_app: bool,
    /// Why, for the reflog and the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Most bytes in one request, for proxies that limit it, such as 64MiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size, env = "DIST_CHUNK_SIZE")]
    chunk_size: Option<u64>,
}

/// The document of `dist bundle import --json`.
#[derive(Debug, Serialize)]
struct Imported {
    schema: &'static str,
    app: AppSlug,
    releases: Vec<ImportedRelease>,
    channels: Vec<ImportedChannel>,
    transfer: Transfer,
}

#[derive(Debug, Serialize)]
struct ImportedRelease {
    #[serde(flatten)]
    release: ReleaseRef,
    status: PublishStatus,
}

/// Runs `dist bundle import`.
///
/// # Errors
/// What is wrong with the bundle, and what the server refuses. A channel that is held is an error once all else is done.
pub(crate) async fn run(args: ImportArgs, session: &Session) -> Result<(), CliError> {
    let started = Instant::now();
    let bundle = open(args.file, session).await?;
    let client = session.client()?;
    let mut import = Import {
        client: &client,
        terminal: &session.terminal,
        bundle: &bundle,
        move_channels: if args.no_channels { MoveChannels::No } else { MoveChannels::Yes },
        reason: args.reason,
        chunk_bytes: args.chunk_size,
        meter: Arc::new(Meter::default()),
        published: HashSet::new(),
        uploaded: HashSet::new(),
        moved: BTreeMap::new(),
    };
    let (mut again, mut may_create) = (Again::default(), args.create_app);
    let channels = loop {
        match import.round().await {
            Err(error) if error.code() == ErrorCode::AppNotFound && may_create => {
                import.refuse_new_app()?;
                create_app(&client, &bundle.about.app).await?;
                may_create = false;
            }
            Err(error) if is_worth_another_round(error.code()) && again.is_left() => {
                again.wait(&session.terminal, &error).await;
            }
            outcome => break outcome.map_err(|error| unknown_app(error, &bundle.about.app))?,
        }
    };
    let milliseconds = u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX);
    let imported = document(&import, channels, f64::from(milliseconds) / 1000.0);
    session.terminal.note(&summary(&imported.transfer));
    refuse_held(&imported, &bundle)?;
    session.output.answer(&imported, render)
}

/// Creates the app unless it is there.
async fn create_app(client: &Client, app: &AppSlug) -> Result<(), CliError> {
    let request = CreateApp { slug: app.clone(), name: None, access: Access::default() };
    match client.post::<_, App>(paths::APPS, &request, Repeat::Freely).await {
        Err(error) if error.code() != ErrorCode::AppExists => Err(error),
        _ => Ok(()),
    }
}

fn unknown_app(error: CliError, app: &AppSlug) -> CliError {
    if error.code() == ErrorCode::AppNotFound {
        return error.hint(format!("create it with `dist app create {app}`, or give --create-app"));
    }
    error
}

fn document(import: &Import<'_>, channels: Vec<ImportedChannel>, seconds: f64) -> Imported {
    let about = &import.bundle.about;
    let status = |release: &ReleaseRef| {
        if import.published.contains(&release.id) { PublishStatus::Published } else { PublishStatus::Unchanged }
    };
    let releases = about.releases.iter();
    Imported {
        schema: "dist.bundle-import/1",
        app: about.app.clone(),
        releases: releases
            .map(|release| ImportedRelease { status: status(release), release: release.clone() })
            .collect(),
        channels,
        transfer: Transfer {
            objects: (about.objects.len() - about.releases.len()) as u64,
            uploaded_objects: import.uploaded.len() as u64,
            uploaded_bytes: import.meter.bytes(),
            total_bytes: about.objects[about.releases.len()..].iter().map(|object| object.size).sum(),
            requests: import.client.requests(),
            seconds,
        },
    }
}

/// Fails where everything is published and a channel did not move: the exit code has to tell.
fn refuse_held(imported: &Imported, bundle: &OpenBundle) -> Result<(), CliError> {
    let held = imported.channels.iter().find(|channel| channel.status == ChannelStatus::Held);
    let Some((held, code)) = held.and_then(|held| Some((held, held.code?))) else { return Ok(()) };
    let (app, channel) = (&imported.app, &held.name);
    let name = name_of(bundle, held);
    let why = held.message.as_deref().unwrap_or_default();
    let message = format!("the releases of {app} are imported, and {channel} did not move to {name}: {why}");
    let promote = format!("dist promote {app}@{name} {channel}");
    let hint = match code {
        ErrorCode::ChannelPinned => format!("`dist unpin {app}@{channel}`, then `{promote}`"),
        ErrorCode::ReleaseRevoked => "the release was revoked here: promote another one".to_owned(),
        _ => format!("`{promote} --dry-run` shows its gates, and how they are overridden"),
    };
    Err(CliError::new(code, message).hint(hint).details(json!({ "imported": imported })))
}

fn name_of(bundle: &OpenBundle, channel: &ImportedChannel) -> String {
    let release = bundle.about.releases.iter().find(|release| release.id == channel.to);
    release.map_or_else(|| channel.to.short(), |release| release.name.to_string())
}

fn render(look: &Look, imported: &Imported) -> String {
    let new = imported.releases.iter().filter(|release| release.status == PublishStatus::Published).count();
    let there = imported.releases.len() - new;
    let head = match (new, there) {
        (0, there) => format!("nothing new, {} there already", count(there, "release")),
        (new, 0) => format!("{} published", count(new, "release")),
        (new, there) => format!("{} published, {there} there already", count(new, "release")),
    };
    let mut text = format!("{}: {head}\n", look.bold(imported.app.as_str()));
    if imported.channels.is_empty() {
        return text;
    }
    let mut table = Table::new(&[("channel", Align::Left), ("release", Align::Left), ("", Align::Left)]);
    for channel in &imported.channels {
        let release = imported.releases.iter().find(|release| release.release.id == channel.to);
        let name = release.map_or_else(|| channel.to.short(), |release| release.release.name.to_string());
        table.row([channel.name.to_string(), name.clone(), what_became(imported, channel, &name)]);
    }
    text.push('\n');
    text.push_str(&table.render(look));
    text
}

fn what_became(imported: &Imported, channel: &ImportedChannel, name: &str) -> String {
    let was = channel.from.map_or_else(|| "new channel".to_owned(), |from| format!("was {}", from.short()));
    match channel.status {
        ChannelStatus::Moved => format!("moved ({was})"),
        ChannelStatus::Unchanged => "was there".to_owned(),
        ChannelStatus::Kept => {
            let promote = format!("dist promote {}@{name} {}", imported.app, channel.name);
            let at = channel.from.map(|from| from.short()).unwrap_or_default();
            format!("stays at {at}: it was moved here; `{promote}` moves it")
        }
        ChannelStatus::Held => "held".to_owned(),
    }
}
