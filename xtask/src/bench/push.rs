//! One large file: a cold push, a push with nothing new and a pull, beside hashing and copying it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::{
    programs::Programs,
    table::{self, Row},
    time,
};
use crate::{
    client::{Client, Status},
    manifest::{Entry, Manifest},
    process,
    server::Server,
    tools::{self, OPENSSL},
    workspace::{Binaries, Profile},
};

/// What `cargo xtask bench push` is told.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// How often each is timed, every time on a fresh data directory
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// The file's size, in MiB
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u64).range(1..=65536))]
    size_mib: u64,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

const APP: &str = "bench";
const FILE: &str = "noise.bin";

/// What is measured. The order of the fields is the order within a run.
struct Figures {
    hash: Row,
    copy: Row,
    push: Row,
    push_again: Row,
    pull: Row,
    /// Requests of a push with nothing new; one figure a run.
    push_again_requests: Vec<u64>,
    /// The server's peak memory after a run; one figure a run.
    server_peak_bytes: Vec<u64>,
}

impl Figures {
    fn new(bytes: u64) -> Self {
        Self {
            hash: Row::new("openssl dgst -sha256", bytes),
            copy: Row::new("cp, sync", bytes),
            push: Row::new("cold push", bytes),
            push_again: Row::new("push with nothing new", bytes),
            pull: Row::new("pull", bytes),
            push_again_requests: Vec::new(),
            server_peak_bytes: Vec::new(),
        }
    }
}

pub(super) fn run(options: &Options, programs: &Programs) -> Result<()> {
    tools::ensure(&[OPENSSL])?;
    let binaries = programs.find(Profile::Release)?;
    let folder = super::folder()?;
    let manifest = prepare(&folder, options.size_mib << 20)?;
    let mut figures = Figures::new(options.size_mib << 20);
    for run in 1..=options.runs {
        eprintln!("run {run} of {}", options.runs);
        time_tools(&folder, &mut figures)?;
        time_product(&binaries, &folder, &manifest, &mut figures)?;
    }
    print_figures(&figures, options);
    Ok(())
}

/// The file and its `dist.json`. The file stays for the next time.
fn prepare(folder: &Path, bytes: u64) -> Result<PathBuf> {
    let file = folder.join(FILE);
    if !fs::metadata(&file).is_ok_and(|found| found.len() == bytes) {
        super::write_noise(&file, bytes, bytes)?;
    }
    let artifacts = vec![Entry::opaque(FILE)];
    Manifest { app: APP, version: "1.0.0".into(), build: "1".into(), channel: "beta", artifacts }.write(folder)
}

fn time_tools(folder: &Path, figures: &mut Figures) -> Result<()> {
    let (file, copy) = (folder.join(FILE), folder.join("copy.bin"));
    let (seconds, _) = time(|| process::read(Command::new("openssl").args(["dgst", "-sha256"]).arg(&file)))?;
    figures.hash.seconds.push(seconds);
    let (seconds, ()) = time(|| {
        process::run(Command::new("cp").arg(&file).arg(&copy))?;
        process::run(Command::new("sync").arg(&copy))
    })?;
    figures.copy.seconds.push(seconds);
    fs::remove_file(&copy).with_context(|| format!("cannot remove {}", copy.display()))
}

fn time_product(binaries: &Binaries, folder: &Path, manifest: &Path, figures: &mut Figures) -> Result<()> {
    let run = tempfile::tempdir_in(folder).context("cannot create a data directory")?;
    let data = run.path().join("data");
    let server = Server::start(&binaries.distd, &data)?;
    let client = Client::new(binaries, &server, &data)?;
    client.run(["app", "create", APP, "--access", "token"])?;

    let (seconds, cold) = time(|| client.publish(manifest))?;
    ensure!(cold.status == Status::Published, "the cold push found something there");
    figures.push.seconds.push(seconds);

    let (seconds, again) = time(|| client.publish(manifest))?;
    ensure!(again.status == Status::Unchanged, "the second push changed something");
    figures.push_again.seconds.push(seconds);
    figures.push_again_requests.push(again.transfer.requests);

    let pulled = run.path().join("pulled");
    let output = pulled.to_str().context("the folder's name is not UTF-8")?;
    let (seconds, _) = time(|| client.run(["pull", &format!("{APP}@beta"), "-o", output, "--json"]))?;
    figures.pull.seconds.push(seconds);
    ensure!(pulled.join(FILE).is_file(), "the pull wrote no {FILE}");

    figures.server_peak_bytes.push(server.read_peak_memory_bytes()?);
    server.stop()
}

fn print_figures(figures: &Figures, options: &Options) {
    let rows = [&figures.hash, &figures.copy, &figures.push, &figures.push_again, &figures.pull].map(Clone::clone);
    if options.json {
        let document = serde_json::json!({
            "schema": "dist.bench.push/1",
            "runs": options.runs,
            "rows": table::to_json(&rows),
            "push_again_requests": figures.push_again_requests,
            "server_peak_bytes": figures.server_peak_bytes,
        });
        println!("{document:#}");
        return;
    }
    println!("\n{} MiB over loopback, {} runs, files in the page cache\n", options.size_mib, options.runs);
    print!("{}", table::render(&rows));
    println!("\nrequests of a push with nothing new: {:?}", figures.push_again_requests);
    let peak_mib = figures.server_peak_bytes.iter().max().map_or(0, |bytes| bytes >> 20);
    println!("the server's peak memory: {peak_mib} MiB");
}
