//! Many small files, pushed a second time: what is left when there is nothing to send.

use std::{
    fs,
    path::{Path, PathBuf},
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
    digest,
    manifest::{Entry, Manifest},
    server::Server,
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
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

const APP: &str = "bench";
const FILE_BYTES: u64 = 4096;

pub(super) fn run(options: &Options, programs: &Programs) -> Result<()> {
    let binaries = programs.find(Profile::Release)?;
    let folder = tempfile::tempdir_in(super::folder()?).context("cannot create a folder")?;
    let (manifest, files) = prepare(folder.path(), options.count)?;
    let data = folder.path().join("data");
    let server = Server::start(&binaries.distd, &data)?;
    let client = Client::new(&binaries, &server, &data)?;
    client.run(["app", "create", APP, "--access", "token"])?;
    client.publish(&manifest)?;

    let bytes = FILE_BYTES * u64::from(options.count);
    let (mut hashing, mut pushing) = (Row::new("hashing alone", bytes), Row::new("push with nothing new", bytes));
    let mut requests = Vec::new();
    for _ in 0..options.runs {
        let (seconds, ()) = time(|| hash_all(&files))?;
        hashing.seconds.push(seconds);
        let (seconds, publication) = time(|| client.publish(&manifest))?;
        ensure!(publication.status == Status::Unchanged, "the second push changed something");
        pushing.seconds.push(seconds);
        requests.push(publication.transfer.requests);
    }
    server.stop()?;
    print_figures(&[hashing, pushing], &requests, options);
    Ok(())
}

fn prepare(folder: &Path, count: u32) -> Result<(PathBuf, Vec<PathBuf>)> {
    let names: Vec<String> = (0..count).map(|number| format!("part-{number:05}.bin")).collect();
    let files: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    for (seed, file) in (0..).zip(&files) {
        let mut bytes = vec![0; usize::try_from(FILE_BYTES).context("a small file fits in memory")?];
        fastrand::Rng::with_seed(seed).fill(&mut bytes);
        fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let artifacts = names.into_iter().map(Entry::opaque).collect();
    let manifest = Manifest { app: APP, version: "1.0.0".into(), build: "1".into(), channel: "beta", artifacts };
    Ok((manifest.write(folder)?, files))
}

fn hash_all(files: &[PathBuf]) -> Result<()> {
    files.iter().try_for_each(|file| digest::of_file(file).map(drop))
}

fn print_figures(rows: &[Row; 2], requests: &[u64], options: &Options) {
    let beyond = rows[1].time().median - rows[0].time().median;
    if options.json {
        let document = serde_json::json!({
            "schema": "dist.bench.repush/1",
            "runs": options.runs,
            "artifacts": options.count,
            "rows": table::to_json(rows),
            "seconds_beyond_hashing": beyond,
            "requests": requests,
        });
        println!("{document:#}");
        return;
    }
    println!("\n{} artifacts of {FILE_BYTES} bytes, {} runs\n", options.count, options.runs);
    print!("{}", table::render(rows));
    println!("\nbeyond hashing: {:.0} ms; requests: {requests:?}", beyond * 1e3);
}
