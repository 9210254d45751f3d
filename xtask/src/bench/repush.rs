//! Many small files, pushed a second time: what is left when there is nothing to send.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::{
    ceilings, data,
    programs::Programs,
    table::{self, Row},
    time,
};
use crate::{
    client::{Client, Status},
    manifest::{Entry, Manifest},
    server::Server,
    tools::{self, OPENSSL},
    workspace::Profile,
};

/// What `cargo xtask bench repush` is told.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// How many artifacts the release has; more than 4000 would not fit into a manifest
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=4000))]
    count: u32,
    /// How often the second push is timed
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// Push the real artifacts that `cargo xtask fixtures` fetched instead
    #[arg(long, conflicts_with = "count")]
    real: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

const APP: &str = "bench";
const FILE_BYTES: u64 = 4096;
const BUDGET_REQUESTS: u64 = 2;
/// Beyond hashing.
const BUDGET_SECONDS: f64 = 0.1;

pub(super) fn run(options: &Options, programs: &Programs) -> Result<()> {
    tools::ensure(&[OPENSSL])?;
    let binaries = programs.find(Profile::Release)?;
    let folder = tempfile::tempdir_in(super::folder()?).context("cannot create a folder")?;
    let files = if options.real { copy_real(folder.path())? } else { generate(folder.path(), options.count)? };
    let manifest = write_manifest(folder.path(), &files)?;
    let data_folder = folder.path().join("data");
    let server = Server::start(&binaries.distd, &data_folder)?;
    let client = Client::new(&binaries, &server, &data_folder)?;
    client.run(["app", "create", APP, "--access", "token"])?;
    client.publish(&manifest)?;

    let bytes = files.iter().map(|file| file.metadata().map_or(0, |found| found.len())).sum();
    let (mut hashing, mut pushing) =
        (Row::new("openssl dgst -sha256", bytes), Row::new("push with nothing new", bytes));
    let mut requests = Vec::new();
    for _ in 0..options.runs {
        let (seconds, ()) = time(|| ceilings::hash_all(&files))?;
        hashing.seconds.push(seconds);
        let (seconds, publication) = time(|| client.publish(&manifest))?;
        ensure!(publication.status == Status::Unchanged, "the second push changed something");
        pushing.seconds.push(seconds);
        requests.push(publication.transfer.requests);
    }
    server.stop()?;
    print_figures(&[hashing, pushing], &requests, files.len(), options);
    Ok(())
}

/// Small files, each of its own.
fn generate(folder: &Path, count: u32) -> Result<Vec<PathBuf>> {
    let files: Vec<PathBuf> = (0..count).map(|number| folder.join(format!("part-{number:05}.bin"))).collect();
    for (seed, file) in (0..).zip(&files) {
        let mut bytes = vec![0; usize::try_from(FILE_BYTES).context("a small file fits in memory")?];
        fastrand::Rng::with_seed(seed).fill(&mut bytes);
        fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(files)
}

fn copy_real(folder: &Path) -> Result<Vec<PathBuf>> {
    let copy = |file: PathBuf| {
        let to = folder.join(file.file_name().context("a file has a name")?);
        fs::copy(&file, &to).with_context(|| format!("cannot copy {}", file.display()))?;
        Ok(to)
    };
    data::list_real()?.into_iter().map(copy).collect()
}

fn write_manifest(folder: &Path, files: &[PathBuf]) -> Result<PathBuf> {
    let names = files.iter().filter_map(|file| file.file_name()?.to_str());
    let artifacts = names.map(Entry::opaque).collect();
    Manifest { app: APP, version: "1.0.0".into(), build: "1".into(), channel: "beta", artifacts }.write(folder)
}

fn print_figures(rows: &[Row; 2], requests: &[u64], count: usize, options: &Options) {
    let beyond = rows[1].time().median - rows[0].time().median;
    if options.json {
        let document = serde_json::json!({
            "schema": "dist.bench.repush/1",
            "runs": options.runs,
            "artifacts": count,
            "real": options.real,
            "rows": table::to_json(rows),
            "seconds_beyond_hashing": beyond,
            "requests": requests,
        });
        println!("{document:#}");
        return;
    }
    println!("\n{count} artifacts, {} bytes, {} runs\n", rows[0].bytes, options.runs);
    print!("{}", table::render(rows));
    println!("\nbeyond hashing: {:.0} ms; requests: {requests:?}", beyond * 1e3);
    let is_held = beyond <= BUDGET_SECONDS && requests.iter().all(|&requests| requests <= BUDGET_REQUESTS);
    let judged = if is_held { "held" } else { "NOT held" };
    println!("budget of {BUDGET_REQUESTS} requests and {:.0} ms: {judged}", BUDGET_SECONDS * 1e3);
}
