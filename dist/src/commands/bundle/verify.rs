//! `dist bundle verify`: every byte of a bundle, without a server.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use protocol::api::ReleaseRef;
use protocol::{AppSlug, ChannelName, ReleaseId};
use serde::Serialize;

use super::count;
use crate::bundle::OpenBundle;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Align, Look, Table, size};

/// Check every byte of a bundle, and show what is in it; needs no server
///
/// Whether it is whole, agrees with itself and has the digests that its names say. That is no signature: who made it has to be
/// known from elsewhere.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The bundle
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// The document of `dist bundle verify --json`.
#[derive(Debug, Serialize)]
struct Verified {
    schema: &'static str,
    file: String,
    app: AppSlug,
    selection: String,
    releases: Vec<ReleaseRef>,
    channels: BTreeMap<ChannelName, ReleaseId>,
    prerequisites: Vec<ReleaseRef>,
    objects: u64,
    size: u64,
}

/// Runs `dist bundle verify`.
///
/// # Errors
/// [`protocol::ErrorCode::BundleInvalid`], or what keeps the file from being read.
pub(crate) async fn run(args: VerifyArgs, session: &Session) -> Result<(), CliError> {
    let bundle = open(args.file.clone(), session).await?;
    let (about, size) = (bundle.about, bundle.size_bytes);
    let verified = Verified {
        schema: "dist.bundle-verify/1",
        file: args.file.display().to_string(),
        app: about.app,
        selection: about.selection,
        releases: about.releases,
        channels: about.channels.into_iter().map(|(name, at)| (name, at.release)).collect(),
        prerequisites: about.prerequisites.releases,
        objects: about.objects.len() as u64,
        size,
    };
    session.output.answer(&verified, render)
}

/// Reads and verifies a bundle, off the async threads.
///
/// # Errors
/// As [`OpenBundle::open`].
pub(super) async fn open(path: PathBuf, session: &Session) -> Result<OpenBundle, CliError> {
    let terminal = Arc::clone(&session.terminal);
    let opening = tokio::task::spawn_blocking(move || OpenBundle::open(&path, &terminal));
    opening.await.expect("reading a bundle does not panic")
}

fn render(look: &Look, verified: &Verified) -> String {
    let mut table = Table::new(&[("release", Align::Left), ("id", Align::Left), ("channels", Align::Left)]);
    // Newest first, as everywhere.
    for release in verified.releases.iter().rev() {
        let here = verified.channels.iter().filter(|(_, at)| **at == release.id);
        let channels: Vec<String> = here.map(|(name, _)| name.to_string()).collect();
        table.row([release.name.to_string(), release.id.short(), channels.join(", ")]);
    }
    for base in &verified.prerequisites {
        table.row([base.name.to_string(), base.id.short(), "not in it: has to be there".to_owned()]);
    }
    let objects = count(usize::try_from(verified.objects).unwrap_or(usize::MAX), "object");
    let releases = count(verified.releases.len(), "release");
    let file = look.bold(&verified.file);
    let head = format!("{file} is whole: {releases} of {}, {objects}, {}\n\n", verified.app, size(verified.size));
    head + &table.render(look)
}
