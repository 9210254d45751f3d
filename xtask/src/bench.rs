//! `cargo xtask bench`: the product's times, and those of plain tools on the same bytes in the same
//! run. A figure means something only beside the others of its run.

mod ceilings;
mod check;
mod compare;
mod console;
mod data;
mod flame;
mod fsck;
mod growth;
mod http;
mod inspect;
mod interrupt;
mod interrupted;
mod log;
mod look;
mod many;
mod measure;
mod memory;
mod micro;
mod pages;
mod peers;
mod profile;
mod programs;
mod pull;
mod push;
mod relay;
mod releases;
mod repush;
mod serve;
mod soak;
mod standings;
mod stock;
mod table;

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};

use self::programs::Programs;
use crate::workspace::{self, Profile};

/// What `cargo xtask bench` is told.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    programs: Programs,
    /// Has something become slower? By ratio to what the machine itself can do, against recorded ratios
    #[arg(long)]
    check: bool,
    /// Record the measured ratios instead
    #[arg(long, requires = "check")]
    record: bool,
    #[command(subcommand)]
    bench: Option<Bench>,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Pages of the console, with many releases and events
    Console(console::Options),
    /// A store read and verified whole
    Fsck(fsck::Options),
    /// Pushes of 1 to 1,000 artifacts, and of 1 MiB to 4 GiB
    Many(many::Options),
    /// The server's memory, idle and while a large file goes up and down
    Memory(memory::Options),
    /// Parts of the work, without sockets: manifests, ref commits, negotiation, pages
    Micro(micro::Options),
    /// Install page and release list with many releases, for many clients
    Pages(pages::Options),
    /// Where the time of one cold push goes, by perf, with a flame graph in target/profile
    Profile(profile::Options),
    /// One file: a cold push, a push with nothing new, a pull, beside every peer
    Push(compare::Options),
    /// One file, published once and pulled again and again, beside every peer
    Pull(compare::Options),
    /// A large APK and a large IPA, inspected
    Inspect(inspect::Options),
    /// A push that is interrupted ten times: what is sent twice
    Interrupted(interrupted::Options),
    /// A log of many releases
    Log(log::Options),
    /// The same work with 10 to 100,000 releases there
    Releases(releases::Options),
    /// Many small files, pushed a second time
    Repush(repush::Options),
    /// Downloads of one file, beside nginx and docker-registry
    Serve(serve::Options),
    /// Downloads and pushes for a long time: no error, and memory that does not grow
    Soak(soak::Options),
}

/// Runs one benchmark and prints its table, or JSON.
///
/// # Errors
/// When something that is timed fails.
pub fn run(options: &Options) -> Result<()> {
    interrupt::end_servers_with_this()?;
    let programs = &options.programs;
    if options.check {
        check::run(programs, options.record)?;
    }
    let Some(bench) = &options.bench else {
        ensure!(options.check, "name a benchmark, or --check; `cargo xtask bench --help` lists them");
        return Ok(());
    };
    match bench {
        Bench::Console(options) => console::run(options, programs),
        Bench::Fsck(options) => fsck::run(options, programs),
        Bench::Inspect(options) => inspect::run(options, programs),
        Bench::Interrupted(options) => interrupted::run(options, programs),
        Bench::Log(options) => log::run(options, programs),
        Bench::Many(options) => many::run(options, programs),
        Bench::Memory(options) => memory::run(options, programs),
        Bench::Micro(options) => micro::run(options),
        Bench::Pages(options) => pages::run(options, programs),
        Bench::Profile(options) => profile::run(options, programs),
        Bench::Pull(options) => pull::run(options, programs),
        Bench::Push(options) => push::run(options, programs),
        Bench::Releases(options) => releases::run(options, programs),
        Bench::Repush(options) => repush::run(options, programs),
        Bench::Serve(options) => serve::run(options, programs),
        Bench::Soak(options) => soak::run(options, programs),
    }
}

/// The short form of `cargo xtask bench soak`, for the tests: 50 downloading and 8 pushing clients beside gc and fsck.
///
/// # Errors
/// When a client fails, the memory grows or the store is not whole after it.
pub fn soak(profile: Profile) -> Result<()> {
    soak::run_short(&workspace::build(profile)?)
}

/// Runs something and says how many seconds it took.
fn time<T>(timed: impl FnOnce() -> Result<T>) -> Result<(f64, T)> {
    let begun = Instant::now();
    let result = timed()?;
    Ok((begun.elapsed().as_secs_f64(), result))
}

/// `target/bench`: on the disk that is built on, which a temporary folder may not be.
fn folder() -> Result<PathBuf> {
    let folder = workspace::read_metadata()?.target_directory.join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

/// Writes pseudo-random bytes, which nothing can compress or find twice. The same seed gives the
/// same bytes.
pub(crate) fn write_noise(file: &Path, bytes: u64, seed: u64) -> Result<()> {
    const CHUNK: usize = 1 << 20;
    let context = || format!("cannot write {}", file.display());
    let mut noise = fastrand::Rng::with_seed(seed);
    let mut writer = BufWriter::new(File::create(file).with_context(context)?);
    let mut chunk = vec![0; CHUNK];
    let mut left = bytes;
    while left > 0 {
        let length = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
        noise.fill(&mut chunk[..length]);
        writer.write_all(&chunk[..length]).with_context(context)?;
        left -= length as u64;
    }
    writer.into_inner().with_context(context)?.sync_all().with_context(context)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::digest;

    #[derive(Parser)]
    struct Whole {
        #[command(flatten)]
        _options: Options,
    }

    #[test]
    fn every_benchmarks_options_fit_together() {
        Whole::command().debug_assert();
    }

    #[test]
    fn noise_has_its_length_and_depends_on_its_seed_alone() {
        let folder = tempfile::tempdir().unwrap();
        let digest_of = |bytes, seed| {
            let file = folder.path().join("noise");
            write_noise(&file, bytes, seed).unwrap();
            assert_eq!(fs::metadata(&file).unwrap().len(), bytes);
            digest::of_file(&file).unwrap()
        };
        assert_eq!(digest_of(1_500_000, 7), digest_of(1_500_000, 7));
        assert_ne!(digest_of(1_500_000, 7), digest_of(1_500_000, 8));
    }
}
