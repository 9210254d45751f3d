//! A server with many releases of one app, which nobody had to publish one by one.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;
use tempfile::TempDir;

use super::programs::Programs;
use crate::{
    client::Client,
    digest,
    manifest::{Entry, Manifest},
    process,
    server::Server,
    store,
    workspace::{Binaries, Profile},
};

/// What a benchmark with many releases is told. No group of its own: clap names it as the struct, and each benchmark has one so
/// named already.
#[derive(Args, Debug)]
#[group(skip)]
pub(super) struct Options {
    /// How many releases the app has
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    pub(super) count: u32,
    /// Time the programs as `cargo build` makes them, without optimization
    #[arg(long)]
    unoptimized: bool,
}

/// The app that has them: `1.0.1+1`, `1.0.2+2`, … in one line of parents, all on the reflog of `beta`.
pub(super) const APP: &str = "bench";

/// A server that has many releases, and a client of it.
pub(super) struct Stocked {
    pub(super) client: Client,
    pub(super) server: Server,
    /// Holds the data directory, `data`; gone with this value.
    pub(super) folder: TempDir,
}

/// Builds the programs, fills a data directory with releases and with what `also` adds to it, and starts a server there.
pub(super) fn start(options: &Options, programs: &Programs, also: impl FnOnce(&Path) -> Result<()>) -> Result<Stocked> {
    let profile = if options.unoptimized { Profile::Dev } else { Profile::Release };
    fill(&programs.find(profile)?, options.count, also)
}

/// The same with programs that are there.
pub(super) fn fill(binaries: &Binaries, count: u32, also: impl FnOnce(&Path) -> Result<()>) -> Result<Stocked> {
    let folder = tempfile::tempdir_in(super::folder()?).context("cannot create a folder")?;
    let data = folder.path().join("data");
    let server = Server::start(&binaries.distd, &data)?;
    let mut client = Client::new(binaries, &server, &data)?;
    client.run(["app", "create", APP, "--access", "token"])?;
    let first = client.publish(&write_manifest(folder.path())?)?.release.id;
    server.stop()?;
    add_releases(&data, &first, count)?;
    // What it prints would come before the JSON.
    process::read(Command::new(&binaries.distd).args(["reindex", "--data"]).arg(&data))?;
    also(&data)?;
    let server = Server::start(&binaries.distd, &data)?;
    client.move_to(&server);
    Ok(Stocked { client, server, folder })
}

fn write_manifest(folder: &Path) -> Result<PathBuf> {
    fs::write(folder.join("app.bin"), b"an app").context("cannot write an artifact")?;
    let artifacts = vec![Entry::opaque("app.bin")];
    Manifest { app: APP, version: "1.0.1".into(), build: "1".into(), channel: "beta", artifacts }.write(folder)
}

/// Puts further releases behind the first into the data directory of a server that does not run: their manifests as objects,
/// their refs and reflog lines as rows. What is an index over them, `distd reindex` makes.
fn add_releases(data: &Path, first: &str, count: u32) -> Result<()> {
    let file = store::object_path(data, first);
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut manifest: Value = serde_json::from_str(&text).context("a manifest is no JSON")?;
    let mut rows = Vec::new();
    writeln!(rows, "BEGIN;")?;
    let mut parent = first.to_owned();
    for number in 2..=count {
        manifest["version"] = format!("1.0.{number}").into();
        manifest["build"] = number.to_string().into();
        manifest["notes"] = format!("Notes of release {number}").into();
        manifest["parent"] = parent.clone().into();
        let id = write_object(data, canonical(&manifest)?.as_bytes())?;
        let at = format!(
            "2026-11-{:02}T{:02}:{:02}:{:02}.000Z",
            20 + number / 86_400,
            number / 3600 % 24,
            number / 60 % 60,
            number % 60
        );
        let name = format!("releases/1.0.{number}+{number}");
        writeln!(rows, "INSERT INTO refs VALUES ('{APP}', '{name}', '{id}', '{at}');")?;
        writeln!(
            rows,
            "INSERT INTO reflog VALUES ('{APP}', '{name}', 1, NULL, '{id}', 'ci', 'publish', NULL, '{at}');"
        )?;
        writeln!(
            rows,
            "INSERT INTO reflog VALUES ('{APP}', 'channels/beta', {number}, '{parent}', '{id}', 'ci', 'publish', NULL, '{at}');"
        )?;
        parent = id;
    }
    writeln!(rows, "UPDATE refs SET target = '{parent}' WHERE app = '{APP}' AND name = 'channels/beta';\nCOMMIT;")?;
    run_sql(data, &rows)
}

/// The canonical form of a manifest without anything that needs escaping: sorted keys, no blanks.
fn canonical(manifest: &Value) -> Result<String> {
    let fields = manifest.as_object().context("a manifest is an object")?;
    let sorted: std::collections::BTreeMap<_, _> = fields.iter().collect();
    serde_json::to_string(&sorted).context("cannot encode a manifest")
}

fn write_object(data: &Path, bytes: &[u8]) -> Result<String> {
    let id = digest::of_bytes(bytes);
    let file = store::object_path(data, &id);
    let context = || format!("cannot write {}", file.display());
    if let Some(shard) = file.parent() {
        fs::create_dir_all(shard).with_context(context)?;
    }
    fs::write(&file, bytes).with_context(context)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).with_context(context)?;
    Ok(id)
}

/// Runs statements on the database of a server that does not run.
pub(super) fn run_sql(data: &Path, statements: &[u8]) -> Result<()> {
    let file = data.join("statements.sql");
    fs::write(&file, statements).with_context(|| format!("cannot write {}", file.display()))?;
    let read = format!(".read {}", file.display());
    process::read(Command::new("sqlite3").arg("-bail").arg(data.join("dist.sqlite")).arg(read))?;
    fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))
}
