//! Many small files, pushed a second time: what is left when there is nothing to send.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::{
    ceilings::Ceilings,
    compare::{self, STEPS},
    data,
    look::{self, Look},
    measure,
    peers::{self, Product, write_manifest},
    programs::Programs,
    table::{self, Row, Spread},
    time,
};
use crate::{
    client::Status,
    tools,
    workspace::{Binaries, Profile},
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

/// The size of each generated file.
pub(super) const FILE_BYTES: u64 = 4096;
const BUDGET_REQUESTS: u64 = 2;
/// Beyond hashing.
const BUDGET_SECONDS: f64 = 0.1;

pub(super) fn run(options: &Options, programs: &Programs) -> Result<()> {
    tools::ensure(&peers::tools_of(&[]))?;
    let binaries = programs.find(Profile::Release)?;
    let folder = tempfile::tempdir_in(super::folder()?).context("cannot create a folder")?;
    let files = if options.real {
        data::copy_real(folder.path(), usize::MAX)?
    } else {
        data::generate_many(folder.path(), options.count, FILE_BYTES)?
    };
    let timed = time_runs(&binaries, &files, folder.path(), options.runs)?;
    let looks = look::of_product(&binaries, &write_release(folder.path(), &files)?, folder.path())?;
    print_figures(&timed, &looks, files.len(), options);
    Ok(())
}

/// Publishes the files, and then times pushes of the same again.
///
/// # Errors
/// When a push fails, or changes something.
pub(super) fn time_runs(binaries: &Binaries, files: &[PathBuf], folder: &Path, runs: u32) -> Result<Timed> {
    let manifest = write_release(folder, files)?;
    let bytes = data::sum_sizes(files)?;
    let own = tempfile::tempdir_in(folder).context("cannot create a folder")?;
    let product = Product::of_manifest(binaries, own.path(), &manifest, None)?;
    product.client().publish(&manifest)?;
    let (pushing, ceilings) = (Row::new("push with nothing new", bytes), Ceilings::new(bytes));
    let mut timed = Timed { ceilings, pushing, requests: Vec::new() };
    for _ in 0..runs {
        timed.ceilings.measure(files, folder)?;
        measure::settle()?;
        let (seconds, publication) = time(|| product.client().publish(&manifest))?;
        ensure!(publication.status == Status::Unchanged, "the second push changed something");
        timed.pushing.seconds.push(seconds);
        timed.requests.push(publication.transfer.requests);
    }
    product.stop()?;
    Ok(timed)
}

fn write_release(folder: &Path, files: &[PathBuf]) -> Result<PathBuf> {
    write_manifest(folder, files.iter().filter_map(|file| file.file_name()?.to_str()))
}

/// What was timed.
pub(super) struct Timed {
    pub(super) ceilings: Ceilings,
    pub(super) pushing: Row,
    /// Of each push with nothing new.
    requests: Vec<u64>,
}

impl Timed {
    /// Seconds that a push with nothing new takes longer than a hash of all files, run by run.
    fn beyond_hashing(&self) -> Spread {
        let pairs = self.pushing.seconds.iter().zip(&self.ceilings.hash.seconds);
        table::spread(pairs.map(|(push, hash)| push - hash).collect())
    }

    fn is_held(&self) -> bool {
        self.beyond_hashing().median <= BUDGET_SECONDS
            && self.requests.iter().all(|&requests| requests <= BUDGET_REQUESTS)
    }
}

fn print_figures(timed: &Timed, looks: &[Look; 3], count: usize, options: &Options) {
    let [hash, copy, loopback] = timed.ceilings.rows();
    let rows = [hash, copy, loopback, timed.pushing.clone()];
    let beyond = timed.beyond_hashing();
    let ratio = compare::ratio(&timed.pushing, &timed.ceilings.hash);
    if options.json {
        let document = serde_json::json!({
            "schema": "dist.bench.repush/2",
            "runs": options.runs,
            "artifacts": count,
            "real": options.real,
            "rows": table::to_json(&rows),
            "seconds_beyond_hashing": beyond,
            "ratio_to_hashing": ratio,
            "requests": timed.requests,
            "looks": look::to_json(&STEPS, looks),
            "held": timed.is_held(),
        });
        println!("{document:#}");
        return;
    }
    println!("\n{count} artifacts, {} bytes, {} runs\n", timed.pushing.bytes, options.runs);
    print!("{}", table::render(&rows));
    let [median, min, max] = [beyond.median, beyond.min, beyond.max].map(|seconds| seconds * 1e3);
    println!("\nbeyond hashing, run by run: {median:.0} ms ({min:.0} to {max:.0}); requests: {:?}", timed.requests);
    println!("it has {:.2} times the speed of openssl ({:.2} to {:.2})", ratio.median, ratio.min, ratio.max);
    let judged = if timed.is_held() { "held" } else { "NOT held" };
    println!("budget of {BUDGET_REQUESTS} requests and {:.0} ms: {judged}", BUDGET_SECONDS * 1e3);
    println!("\n{}{}", look::render(&STEPS, looks), look::LEGEND);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed(seconds: &[f64], requests: u64) -> Timed {
        let (mut ceilings, mut pushing) = (Ceilings::new(1), Row::new("", 1));
        ceilings.hash.seconds = vec![1.0; seconds.len()];
        pushing.seconds = seconds.to_vec();
        Timed { ceilings, pushing, requests: vec![requests] }
    }

    #[test]
    fn what_is_beyond_hashing_is_taken_run_by_run() {
        assert_eq!(timed(&[1.0625, 1.0, 1.5], 2).beyond_hashing(), Spread { median: 0.0625, min: 0.0, max: 0.5 });
    }

    #[test]
    fn a_budget_is_held_by_time_and_requests_together() {
        let cases = [([1.0625], 2, true), ([1.0625], 3, false), ([1.2], 2, false), ([f64::NAN], 2, false)];
        for (seconds, requests, expect) in cases {
            assert_eq!(timed(&seconds, requests).is_held(), expect, "{seconds:?}, {requests}");
        }
    }
}
