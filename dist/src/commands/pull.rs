//! `dist pull`: the files of a release, verified.

use std::path::{Path, PathBuf};

use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use protocol::api::{Release, ReleaseRef};
use protocol::{AppSlug, Arch, ArtifactLine, Digest, ErrorCode, Kind, Platform, Problem, paths};
use serde::Serialize;

use super::parse_revision;
use crate::client::Client;
use crate::download::{Download, Existing, has_digest};
use crate::error::CliError;
use crate::naming::plan_paths;
use crate::session::Session;
use crate::ui::{Align, Look, Table, size};

/// Files on the way at once.
const DOWNLOADS: usize = 4;

/// Fetch the files of a release, verified, continuing what is there
///
/// A file that is there with the right SHA-256 is not fetched again; one that was cut off is continued. Files whose names
/// collide go into folders such as linux-x86_64/.
#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// The release, as APP@REV
    #[arg(value_name = "APP@REV")]
    release: String,
    /// Only files for this platform
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<Platform>,
    /// Only files for this processor; universal ones do not count
    #[arg(long, value_name = "ARCH", value_parser = Arch::from_spelling)]
    arch: Option<Arch>,
    /// Only files of this kind
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    /// Folder to write into, made where it does not exist
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    output: PathBuf,
    /// Fetch nothing: only check the files that are there
    #[arg(long, conflicts_with = "force")]
    verify_only: bool,
    /// Replace files of other content
    #[arg(long)]
    force: bool,
}

/// The document of `dist pull --json`.
#[derive(Debug, Serialize)]
struct Pulled {
    schema: &'static str,
    app: AppSlug,
    release: ReleaseRef,
    directory: String,
    files: Vec<PulledFile>,
}

/// One file that is there now.
#[derive(Debug, Serialize)]
struct PulledFile {
    path: String,
    platform: Platform,
    arch: Arch,
    kind: Kind,
    sha256: Digest,
    size: u64,
    /// `present`, or `fetched` in whole or in part.
    status: &'static str,
    fetched_bytes: u64,
}

/// Runs `dist pull`.
///
/// # Errors
/// What the server refuses, and what becomes of files and network.
pub(crate) async fn run(args: PullArgs, session: &Session) -> Result<(), CliError> {
    let wanted = parse_revision(&args.release)?;
    let client = session.client()?;
    let release: Release = client.get(&paths::release(&wanted.app, &wanted.revision)).await?;
    check_id(&release)?;
    refuse_revoked(&release)?;
    let lines: Vec<ArtifactLine> =
        release.manifest.artifacts.iter().filter(|line| is_wanted(line, &args)).cloned().collect();
    if lines.is_empty() {
        return Err(nothing_wanted(&release));
    }
    let targets: Vec<PathBuf> = plan_paths(&lines).iter().map(|path| args.output.join(path)).collect();
    let fetched = if args.verify_only {
        verify(&lines, &targets)?
    } else {
        fetch(&client, session, &args, &wanted.app, &lines, &targets).await?
    };
    let files = lines.into_iter().zip(targets).zip(fetched);
    let pulled = Pulled {
        schema: "dist.pull/1",
        app: wanted.app,
        release: ReleaseRef { id: release.id, name: release.name },
        directory: args.output.display().to_string(),
        files: files.map(|((line, target), fetched)| pulled_file(line, &target, fetched)).collect(),
    };
    session.output.answer(&pulled, render)
}

/// The server names the release; only the manifest's bytes say what it is.
pub(super) fn check_id(release: &Release) -> Result<(), CliError> {
    let id = release.manifest.id();
    if id == release.id {
        return Ok(());
    }
    let message = format!("the manifest of {} has the digest {id}, not {}", release.name, release.id);
    Err(CliError::new(ErrorCode::ServerAnswerInvalid, message)
        .hint("the server's index is damaged: its administrator has to look at it"))
}

fn is_wanted(line: &ArtifactLine, args: &PullArgs) -> bool {
    args.platform.is_none_or(|platform| line.platform == platform)
        && args.arch.as_ref().is_none_or(|arch| line.arch == *arch)
        && args.kind.is_none_or(|kind| line.kind == kind)
}

/// The server would not hand out its files either, one by one.
pub(super) fn refuse_revoked(release: &Release) -> Result<(), CliError> {
    let Some(revoked) = &release.revoked else { return Ok(()) };
    let message = format!("{} {} was revoked: {} ({})", release.app, release.name, revoked.reason, revoked.by);
    Err(CliError::new(ErrorCode::ReleaseRevoked, message).hint("take another release: see `dist log`"))
}

fn nothing_wanted(release: &Release) -> CliError {
    let has: Vec<String> = release
        .manifest
        .artifacts
        .iter()
        .map(|line| format!("{} {} {}", line.platform, line.arch, line.kind))
        .collect();
    let error = CliError::new(ErrorCode::NotFound, format!("{} {} has no such artifact", release.app, release.name));
    if has.is_empty() {
        error.hint("it has links only: see `dist show`")
    } else {
        error.hint(format!("it has {}", has.join(", ")))
    }
}

async fn fetch(
    client: &Client,
    session: &Session,
    args: &PullArgs,
    app: &AppSlug,
    lines: &[ArtifactLine],
    targets: &[PathBuf],
) -> Result<Vec<Option<u64>>, CliError> {
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    let downloads = lines.iter().zip(targets).map(|(line, target)| async move {
        let bar = session.terminal.bar(line.filename.as_str(), line.size, 0);
        let download = Download { client, app, digest: line.sha256, size_bytes: line.size, target, existing, bar };
        let outcome = download.run().await;
        download.bar.finish();
        outcome
    });
    // In order, so that the answer lists files as the manifest does.
    stream::iter(downloads).buffered(DOWNLOADS).try_collect().await
}

/// Checks that every file is there and right; nothing is fetched.
fn verify(lines: &[ArtifactLine], targets: &[PathBuf]) -> Result<Vec<Option<u64>>, CliError> {
    let mut problems = Vec::new();
    for (line, target) in lines.iter().zip(targets) {
        let at = target.display().to_string();
        if !target.is_file() {
            problems.push(Problem::new(ErrorCode::ArtifactMissing, at, "is not there"));
        } else if !has_digest(target, &line.sha256)? {
            problems.push(Problem::new(
                ErrorCode::DigestMismatch,
                at,
                format!("does not have the digest {}", line.sha256),
            ));
        }
    }
    if problems.is_empty() {
        Ok(vec![None; lines.len()])
    } else {
        Err(CliError::from_problems("the folder", &problems))
    }
}

fn pulled_file(line: ArtifactLine, target: &Path, fetched: Option<u64>) -> PulledFile {
    PulledFile {
        path: target.display().to_string(),
        platform: line.platform,
        arch: line.arch,
        kind: line.kind,
        sha256: line.sha256,
        size: line.size,
        status: if fetched.is_some() { "fetched" } else { "present" },
        fetched_bytes: fetched.unwrap_or_default(),
    }
}

fn render(look: &Look, pulled: &Pulled) -> String {
    let count = pulled.files.len();
    let plural = if count == 1 { "file" } else { "files" };
    let name = look.bold(&format!("{} {}", pulled.app, pulled.release.name));
    let mut text = format!("{name} ({}): {count} {plural} verified\n", pulled.release.id.short());
    let mut table = Table::new(&[("file", Align::Left), ("size", Align::Right), ("", Align::Left)]);
    for file in &pulled.files {
        let how = match file.fetched_bytes {
            _ if file.status == "present" => "was there".to_owned(),
            fetched if fetched < file.size => format!("continued, {} fetched", size(fetched)),
            _ => "fetched".to_owned(),
        };
        table.row([file.path.clone(), size(file.size), how]);
    }
    text.push_str(&table.render(look));
    text
}
