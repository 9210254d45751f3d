//! `distd fsck` beside `openssl dgst -sha256` over the same files, one process on each core.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    slice,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use walkdir::WalkDir;

use super::{
    ceilings::Ceilings,
    compare, data,
    programs::Programs,
    table::{self, Row, Spread},
    time,
};
use crate::{
    digest, process,
    server::Server,
    store,
    tools::{self, FIND, OPENSSL},
    workspace::Profile,
};

/// What `cargo xtask bench fsck` is told.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// How often each is timed
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// How many objects
    #[arg(long, default_value_t = 80, value_parser = clap::value_parser!(u64).range(1..=65536))]
    objects: u64,
    /// The size of each, in MiB
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u64).range(1..=65536))]
    size_mib: u64,
    /// Check the real artifacts that `cargo xtask fixtures` fetched instead
    #[arg(long, conflicts_with_all = ["objects", "size_mib"])]
    real: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options, programs: &Programs) -> Result<()> {
    tools::ensure(&[OPENSSL, FIND])?;
    let binaries = programs.find(Profile::Release)?;
    let folder = tempfile::tempdir_in(super::folder()?).context("cannot create a data directory")?;
    let data = folder.path().join("data");
    Server::start(&binaries.distd, &data)?.stop()?;
    let (count, bytes) = fill(&data, folder.path(), options)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let sample = largest_object(&data)?;
    let mut figures = Figures {
        ceilings: Ceilings::new(data::sum_sizes(slice::from_ref(&sample))?),
        openssl: Row::new("openssl, one a core", bytes),
        fsck: Row::new("distd fsck", bytes),
    };
    for run in 0..options.runs {
        eprintln!("run {} of {}", run + 1, options.runs);
        figures.ceilings.measure(slice::from_ref(&sample), folder.path())?;
        // Whoever comes first in one run does not in the next.
        for turn in [run, run + 1] {
            if turn % 2 == 0 {
                figures.openssl.seconds.push(hash_objects(&data, cores)?);
            } else {
                figures.fsck.seconds.push(time(|| store::fsck(&binaries.distd, &data))?.0);
            }
        }
    }
    print_figures(&figures, (count, bytes, cores), options);
    let ratio = figures.ratio().median;
    ensure!(ratio >= BUDGET, "fsck is to have at least {BUDGET} times the speed of openssl, not {ratio:.2}");
    Ok(())
}

/// What fsck is to reach of the speed of openssl.
const BUDGET: f64 = 0.9;

/// What was timed.
struct Figures {
    /// Of one object.
    ceilings: Ceilings,
    openssl: Row,
    fsck: Row,
}

impl Figures {
    /// How many times as fast fsck is as openssl, run by run.
    fn ratio(&self) -> Spread {
        compare::ratio(&self.fsck, &self.openssl)
    }
}

fn hash_objects(data: &Path, cores: usize) -> Result<f64> {
    let find = format!("find objects -type f -print0 | xargs -0 -n 1 -P {cores} openssl dgst -sha256 > /dev/null");
    Ok(time(|| process::run(Command::new("sh").args(["-c", &find]).current_dir(data)))?.0)
}

/// What the machine's ceilings are measured with.
fn largest_object(data: &Path) -> Result<PathBuf> {
    let files = WalkDir::new(data.join("objects")).into_iter().filter_map(Result::ok);
    let files = files.filter(|entry| entry.file_type().is_file());
    let largest = files.max_by_key(|entry| entry.metadata().map_or(0, |found| found.len()));
    Ok(largest.context("the store has no object")?.into_path())
}

fn print_figures(figures: &Figures, (count, bytes, cores): (u64, u64, usize), options: &Options) {
    let (ratio, rows) = (figures.ratio(), [figures.openssl.clone(), figures.fsck.clone()]);
    if options.json {
        let document = serde_json::json!({ "schema": "dist.bench.fsck/2", "runs": options.runs, "cores": cores,
            "objects": count, "ceilings": table::to_json(&figures.ceilings.rows()), "rows": table::to_json(&rows),
            "ratio": ratio, "budget": BUDGET });
        println!("{document:#}");
        return;
    }
    println!("\n{count} objects, {bytes} bytes, {cores} cores, {} runs\n", options.runs);
    print!("one object of {} bytes\n{}\nall\n", figures.ceilings.hash.bytes, table::render(&figures.ceilings.rows()));
    print!("{}", table::render(&rows));
    println!("\nfsck has {:.2} times the speed of openssl ({:.2} to {:.2})", ratio.median, ratio.min, ratio.max);
    println!("budget of {BUDGET} times: {}", if ratio.median >= BUDGET { "held" } else { "NOT held" });
}

/// Puts the objects into the store; how many, and how many bytes.
fn fill(data: &Path, folder: &Path, options: &Options) -> Result<(u64, u64)> {
    let file = folder.join("object");
    let (mut count, mut bytes) = (0, 0);
    if options.real {
        for real in data::list_real()? {
            bytes += fs::copy(&real, &file).with_context(|| format!("cannot copy {}", real.display()))?;
            add_object(data, &file)?;
            count += 1;
        }
        return Ok((count, bytes));
    }
    for number in 0..options.objects {
        super::write_noise(&file, options.size_mib << 20, number)?;
        add_object(data, &file)?;
    }
    Ok((options.objects, options.objects * (options.size_mib << 20)))
}

fn add_object(data: &Path, file: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o444)).context("cannot make an object read-only")?;
    let to = store::object_path(data, &digest::of_file(file)?);
    fs::rename(file, &to).with_context(|| format!("cannot name {}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fsck_is_compared_with_openssl_run_by_run() {
        let row = |seconds: [f64; 3]| Row { name: String::new(), bytes: 1, seconds: seconds.to_vec() };
        let (openssl, fsck) = (row([1.0, 2.0, 8.0]), row([1.0, 1.0, 2.0]));
        let figures = Figures { ceilings: Ceilings::new(1), openssl, fsck };
        assert_eq!(figures.ratio(), Spread { median: 2.0, min: 1.0, max: 4.0 });
    }
}
