//! `distd fsck` beside `openssl dgst -sha256` over the same files, one process on each core.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::{
    data,
    programs::Programs,
    table::{self, Row},
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
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
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
    let (mut openssl, mut fsck) = (Row::new("openssl, one a core", bytes), Row::new("distd fsck", bytes));
    for run in 1..=options.runs {
        eprintln!("run {run} of {}", options.runs);
        let find = format!("find objects -type f -print0 | xargs -0 -n 1 -P {cores} openssl dgst -sha256 > /dev/null");
        let (seconds, ()) = time(|| process::run(Command::new("sh").args(["-c", &find]).current_dir(&data)))?;
        openssl.seconds.push(seconds);
        let (seconds, ()) = time(|| store::fsck(&binaries.distd, &data))?;
        fsck.seconds.push(seconds);
    }
    let ratio = openssl.time().median / fsck.time().median;
    let rows = [openssl, fsck];
    if options.json {
        let document = serde_json::json!({ "schema": "dist.bench.fsck/1", "runs": options.runs, "cores": cores,
            "rows": table::to_json(&rows), "ratio": ratio });
        println!("{document:#}");
    } else {
        println!("\n{count} objects, {bytes} bytes, {cores} cores, {} runs\n", options.runs);
        print!("{}", table::render(&rows));
        println!("\nfsck has {ratio:.2} times the speed of openssl");
    }
    ensure!(ratio >= 0.9, "fsck is to have at least 0.9 times the speed of openssl");
    Ok(())
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
