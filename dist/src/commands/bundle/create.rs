//! `dist bundle create`: part of an app's history in one file.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::IsTerminal;
use std::path::Path;

use clap::Args;
use protocol::api::{Channels, PageQuery, ReflogPage, Release, ReleaseRef, WantedObject};
use protocol::bundle::{BUNDLE_SCHEMA, Bundle, BundledChannel, Prerequisites};
use protocol::paths;
use protocol::{AppSelection, AppSlug, ChannelName, Digest, ErrorCode, ReleaseId, ReleaseManifest, Revision, limits};
use serde::Serialize;

use super::count;
use crate::bundle::{Target, write_bundle};
use crate::client::Client;
use crate::commands::log::{History, Only};
use crate::commands::parse_selection;
use crate::commands::pull::{check_id, refuse_revoked};
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Format, Look, size};

/// Write releases into one file that can be imported where there is no network
///
/// Holds what `dist log` shows of the same argument: APP every release, APP@REV a release and its parents, APP@A..B what B's
/// history has and A's has not. The parents of what is in it, and objects of theirs, are left out of a range: they have to be
/// where it is imported. The channels that point at a release in it come along, and so do checksums of everything.
///
/// A run that was stopped is continued by the next one. The file is a plain tar; docs/FORMAT.md says what is in it.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The releases
    #[arg(value_name = "APP[@REV|@A..B]")]
    releases: String,
    /// The file to write; - for stdout
    #[arg(long, short, value_name = "FILE")]
    output: String,
    /// Replace the file where it exists
    #[arg(long)]
    force: bool,
}

/// The document of `dist bundle create --json`.
#[derive(Debug, Serialize)]
struct Created {
    schema: &'static str,
    file: String,
    app: AppSlug,
    releases: Vec<ReleaseRef>,
    channels: BTreeMap<ChannelName, ReleaseId>,
    prerequisites: Vec<ReleaseRef>,
    objects: u64,
    size: u64,
    fetched_bytes: u64,
}

/// Runs `dist bundle create`.
///
/// # Errors
/// What the server refuses, and what becomes of files and network.
pub(crate) async fn run(args: CreateArgs, session: &Session) -> Result<(), CliError> {
    let wanted = parse_selection(&args.releases)?;
    let target = target(&args, session)?;
    let client = session.client()?;
    let bundle = describe(&client, &wanted, &args.releases).await?;
    let bytes = bundle.objects.iter().map(|object| object.size).sum();
    let bar = session.terminal.bar(&args.releases, bytes, 0);
    let written = write_bundle(&client, &bundle, &target, &bar).await;
    bar.finish();
    let written = written?;
    let created = Created {
        schema: "dist.bundle-create/1",
        file: args.output,
        app: bundle.app,
        releases: bundle.releases,
        channels: bundle.channels.into_iter().map(|(name, at)| (name, at.release)).collect(),
        prerequisites: bundle.prerequisites.releases,
        objects: bundle.objects.len() as u64,
        size: written.size_bytes,
        fetched_bytes: written.fetched_bytes,
    };
    if target == Target::Stdout {
        session.terminal.note(render(&session.output.look, &created).trim_end());
        return Ok(());
    }
    session.output.answer(&created, render)
}

fn target(args: &CreateArgs, session: &Session) -> Result<Target, CliError> {
    if args.output != "-" {
        let path = Path::new(&args.output);
        if fs::symlink_metadata(path).is_ok() && !args.force {
            let error = CliError::new(ErrorCode::FileExists, format!("{} exists", path.display()));
            return Err(error.hint("give --force to replace it, or another name with -o"));
        }
        return Ok(Target::File(path.to_owned()));
    }
    if session.output.format == Format::Json {
        return Err(CliError::usage("-o - writes the bundle to stdout, where --json would print a document"));
    }
    if std::io::stdout().is_terminal() {
        return Err(
            CliError::usage("-o - would write the bundle to the terminal").hint("pipe it, or name a file with -o")
        );
    }
    Ok(Target::Stdout)
}

/// Asks the server for everything that a bundle says of itself.
async fn describe(client: &Client, wanted: &AppSelection, selection: &str) -> Result<Bundle, CliError> {
    let page = History::new(client, wanted, Only::default(), None).collect().await?;
    let mut releases = page.releases;
    // Newest first becomes parents first.
    releases.reverse();
    if releases.is_empty() {
        let error =
            CliError::new(ErrorCode::NotFound, format!("{selection} has no releases: there is nothing to bundle"));
        return Err(error.hint("`dist log` shows what a bundle of the same argument holds"));
    }
    for release in &releases {
        check_id(release)?;
        refuse_revoked(release).map_err(|error| error.hint(leave_out(release, selection)))?;
    }
    let included: HashSet<ReleaseId> = releases.iter().map(|release| release.id).collect();
    let bases = bases(client, &wanted.app, &releases, &included).await?;
    let held: HashSet<Digest> =
        bases.iter().filter(|base| base.revoked.is_none()).flat_map(|base| digests(&base.manifest)).collect();
    let (objects, left_out) = objects(&releases, &held);
    Ok(Bundle {
        schema: BUNDLE_SCHEMA.to_owned(),
        app: wanted.app.clone(),
        selection: selection.to_owned(),
        channels: channels(client, &wanted.app, &included).await?,
        prerequisites: Prerequisites { releases: bases.iter().map(to_ref).collect(), objects: left_out },
        releases: releases.iter().map(to_ref).collect(),
        objects,
    })
}

fn leave_out(release: &Release, selection: &str) -> String {
    let to = selection.rsplit_once("..").or_else(|| selection.split_once('@')).map_or("CHANNEL", |(_, to)| to);
    format!("its files cannot be had any more: bundle what came after it, {}@{}..{to}", release.app, release.name)
}

fn to_ref(release: &Release) -> ReleaseRef {
    ReleaseRef { id: release.id, name: release.name.clone() }
}

fn digests(manifest: &ReleaseManifest) -> impl Iterator<Item = Digest> {
    manifest.artifacts.iter().map(|line| line.sha256)
}

/// The parents that are not among the releases.
async fn bases(
    client: &Client,
    app: &AppSlug,
    releases: &[Release],
    included: &HashSet<ReleaseId>,
) -> Result<Vec<Release>, CliError> {
    let mut seen = included.clone();
    let mut bases = Vec::new();
    for parent in releases.iter().filter_map(|release| release.manifest.parent) {
        if seen.insert(parent) {
            let revision: Revision = parent.to_string().parse().map_err(CliError::usage)?;
            let base: Release = client.get(&paths::release(app, &revision)).await?;
            check_id(&base)?;
            bases.push(base);
        }
    }
    Ok(bases)
}

/// The objects of the releases, manifests first, and those of them that are left out because they are `held`.
fn objects(releases: &[Release], held: &HashSet<Digest>) -> (Vec<WantedObject>, Vec<WantedObject>) {
    let manifest =
        |release: &Release| WantedObject { digest: release.id, size: release.manifest.canonical_bytes().len() as u64 };
    let mut objects: Vec<WantedObject> = releases.iter().map(manifest).collect();
    let mut left_out = Vec::new();
    let mut seen: HashSet<Digest> = objects.iter().map(|object| object.digest).collect();
    for line in releases.iter().flat_map(|release| &release.manifest.artifacts) {
        if seen.insert(line.sha256) {
            let object = WantedObject { digest: line.sha256, size: line.size };
            if held.contains(&line.sha256) { left_out.push(object) } else { objects.push(object) }
        }
    }
    (objects, left_out)
}

/// The channels that point at one of the releases, and where they were before.
async fn channels(
    client: &Client,
    app: &AppSlug,
    included: &HashSet<ReleaseId>,
) -> Result<BTreeMap<ChannelName, BundledChannel>, CliError> {
    let all: Channels = client.get(&paths::channels(app)).await?;
    let mut found = BTreeMap::new();
    for channel in all.channels.into_iter().filter(|channel| included.contains(&channel.release.id)) {
        let query = PageQuery { after: None, limit: Some(limits::PAGE_ROWS_MAX) };
        let reflog: ReflogPage = client.get_query(&paths::reflog(app, &channel.name), &query).await?;
        let mut seen = HashSet::from([channel.release.id]);
        let was = reflog.entries.into_iter().filter_map(|line| line.new).map(|release| release.id);
        let was = was.filter(|id| seen.insert(*id)).collect();
        found.insert(channel.name, BundledChannel { release: channel.release.id, was });
    }
    Ok(found)
}

fn render(look: &Look, created: &Created) -> String {
    let releases = count(created.releases.len(), "release");
    let objects = count(usize::try_from(created.objects).unwrap_or(usize::MAX), "object");
    let file = if created.file == "-" { "stdout" } else { &created.file };
    let head = format!("{}: {releases} of {}, {objects}, {}", look.bold(file), created.app, size(created.size));
    let channels: Vec<String> = created.channels.keys().map(ToString::to_string).collect();
    let channels = if channels.is_empty() { String::new() } else { format!("channels  {}\n", channels.join(", ")) };
    let needs: Vec<String> =
        created.prerequisites.iter().map(|base| format!("{} ({})", base.name, base.id.short())).collect();
    let needs =
        if needs.is_empty() { String::new() } else { format!("needs     {} where it is imported\n", needs.join(", ")) };
    format!("{head}\n{channels}{needs}")
}
