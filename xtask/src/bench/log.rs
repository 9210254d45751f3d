//! A log of many releases: how long until the first page is there.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;

use super::{
    programs::Programs,
    table::{self, Row},
    time,
};
use crate::{
    client::Client,
    digest,
    manifest::{Entry, Manifest},
    process,
    server::Server,
    store,
    workspace::Profile,
};

/// What `cargo xtask bench log` is told.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// How many releases the app has
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    count: u32,
    /// How often each command is timed
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// Time the programs as `cargo build` makes them, without optimization
    #[arg(long)]
    unoptimized: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

const APP: &str = "bench";

pub(super) fn run(options: &Options, programs: &Programs) -> Result<()> {
    let profile = if options.unoptimized { Profile::Dev } else { Profile::Release };
    let binaries = programs.find(profile)?;
    let folder = tempfile::tempdir_in(super::folder()?).context("cannot create a folder")?;
    let data = folder.path().join("data");
    let server = Server::start(&binaries.distd, &data)?;
    let mut client = Client::new(&binaries, &server, &data)?;
    publish_first(&client, folder.path(), &data, options.count, server)?;
    process::run(Command::new(&binaries.distd).args(["reindex", "--data"]).arg(&data))?;

    let mut server = Server::start(&binaries.distd, &data)?;
    client.move_to(&server);
    let known = options.count - 60;
    let range = format!("{APP}@1.0.{known}+{known}..beta");
    let commands: [(&'static str, Vec<&str>); 4] = [
        ("all releases", vec!["log", APP]),
        ("a channel's history", vec!["log", "bench@beta"]),
        ("a range", vec!["log", &range]),
        ("lines that join", vec!["log", APP, "--graph", "--oneline"]),
    ];
    let mut rows = Vec::new();
    for (name, arguments) in &commands {
        let mut row = Row::new(*name, 0);
        for _ in 0..options.runs {
            row.seconds
                .push(time_first_line(&client, arguments).map_err(|error| server.quote_log(&format!("{error:#}")))?);
        }
        rows.push(row);
    }
    let (whole, text) = time(|| client.run(["log", APP, "--oneline"]))?;
    ensure!(text.lines().count() == options.count as usize, "the log is not whole");
    server.stop()?;
    print_figures(&rows, whole, options);
    Ok(())
}

/// Publishes the first release of an app, ends the server, and puts the others beside it. `distd reindex` has to come after.
pub(super) fn publish_first(client: &Client, folder: &Path, data: &Path, count: u32, server: Server) -> Result<()> {
    client.run(["app", "create", APP, "--access", "token"])?;
    let first = client.publish(&write_manifest(folder)?)?.release.id;
    server.stop()?;
    add_releases(data, &first, count)
}

fn write_manifest(folder: &Path) -> Result<std::path::PathBuf> {
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
    let sql = data.join("releases.sql");
    let mut rows = fs::File::create(&sql).map(std::io::BufWriter::new).context("cannot write SQL")?;
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
    rows.flush().context("cannot write SQL")?;
    let read = format!(".read {}", sql.display());
    process::read(Command::new("sqlite3").arg("-bail").arg(data.join("dist.sqlite")).arg(read)).map(drop)
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

/// From the start of `dist` until its first line is there; what would follow is not waited for.
fn time_first_line(client: &Client, arguments: &[&str]) -> Result<f64> {
    let mut command = client.command();
    command.args(arguments).stdout(Stdio::piped()).stdin(Stdio::null());
    let (seconds, (mut child, line)) = time(|| {
        let mut child = command.spawn().context("cannot start dist")?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("dist has no standard output")?;
        BufReader::new(stdout).read_line(&mut line).context("cannot read what dist prints")?;
        Ok((child, line))
    })?;
    // It would fetch the next page before it sees that nobody reads on. Where it has ended already there is nothing to kill.
    let _ = child.kill();
    child.wait().context("cannot wait for dist")?;
    ensure!(line.starts_with('●'), "dist printed no release but {line:?}");
    Ok(seconds)
}

fn print_figures(rows: &[Row], whole: f64, options: &Options) {
    if options.json {
        let document = serde_json::json!({
            "schema": "dist.bench.log/1",
            "runs": options.runs,
            "releases": options.count,
            "rows": table::to_json(rows),
            "seconds_of_all_in_one_line_each": whole,
        });
        println!("{document:#}");
        return;
    }
    println!("\n{} releases, {} runs, milliseconds until the first page is printed\n", options.count, options.runs);
    println!("{:<24} {:>10} {:>10} {:>10}", "", "median", "min", "max");
    for row in rows {
        let spread = row.time();
        let [median, min, max] = [spread.median, spread.min, spread.max].map(|seconds| format!("{:.1}", seconds * 1e3));
        println!("{:<24} {median:>10} {min:>10} {max:>10}", row.name);
    }
    println!("\nall of it, one line each: {whole:.2} s");
}
