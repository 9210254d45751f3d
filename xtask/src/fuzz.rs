//! `cargo xtask fuzz`: lets cargo-fuzz look for files that `inspect` does not bear, for a fixed time a format.
//!
//! The seeds are the hand-made ones under `inspect/fuzz/seeds` and the fixtures that are small enough, fetched ones
//! included where they are there. What is found is minimised and kept under `inspect/fuzz/corpus-kept`, which the tests
//! replay without cargo-fuzz.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::{digest, process, tools, workspace};

/// The fuzz targets: one for each format, and detection.
const TARGETS: &[&str] = &[
    "ipa", "apk", "aab", "app-zip", "dmg", "pkg", "tarball", "deb", "rpm", "appimage", "exe", "msi", "msix", "zip",
    "detect",
];
/// Endings of fixtures by target, where they are not the target's own name.
const ENDINGS: &[(&str, &[&str])] = &[
    ("app-zip", &["app.zip"]),
    ("tarball", &["tar", "tgz", "tar.gz", "tar.xz", "tar.zst", "tar.bz2"]),
    ("appimage", &["AppImage"]),
    ("msix", &["msix", "msixbundle"]),
];
/// Larger files slow the search down more than they help it.
const SEED_BYTES: u64 = 128 * 1024;
/// Memory of the whole process in MiB; the sanitizer takes several times what the program does.
const MEMORY_MIB: u32 = 1024;
/// One file may take this many seconds; the sanitizer slows everything down.
const TIMEOUT_SECONDS: u32 = 20;
/// Runs that making a finding smaller may take.
const MINIMISE_RUNS: u32 = 2_000;

/// What `cargo xtask fuzz` is told.
#[derive(Args, Debug)]
pub struct Options {
    /// Only this target (may be given several times)
    #[arg(long, value_name = "FORMAT")]
    format: Vec<String>,
    /// How long each target is run
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u32,
}

/// Runs the targets one after the other, on one processor.
///
/// # Errors
/// When cargo-fuzz or a nightly compiler is missing, the targets do not build, or something was found.
pub fn run(options: &Options) -> Result<()> {
    for name in &options.format {
        ensure!(TARGETS.contains(&name.as_str()), "no fuzz target {name}: there are {}", TARGETS.join(", "));
    }
    ensure!(
        tools::find_program("cargo-fuzz").is_some(),
        "cargo-fuzz is not installed: run `cargo install cargo-fuzz`, and `rustup toolchain install nightly`"
    );
    let is_wanted = |target: &&&str| options.format.is_empty() || options.format.iter().any(|name| name == **target);
    let mut found = Vec::new();
    for target in TARGETS.iter().filter(is_wanted) {
        let folders = Folders::make(target)?;
        let seeds = add_seeds(target, &folders.corpus)?;
        println!("== {target}: {seeds} seeds, {} s", options.seconds);
        found.extend(search(target, &folders, options.seconds)?);
    }
    if !found.is_empty() {
        bail!("found {} files: {}", found.len(), found.join(", "));
    }
    Ok(())
}

/// Where a target's files are.
struct Folders {
    /// What it begins with and adds to; not committed.
    corpus: PathBuf,
    /// What it finds; not committed.
    artifacts: PathBuf,
    /// What is kept of that.
    kept: PathBuf,
}

impl Folders {
    fn make(target: &str) -> Result<Self> {
        let work = workspace::read_metadata()?.target_directory.join("fuzz");
        let kept = workspace::root().join("inspect/fuzz/corpus-kept").join(target);
        let folders =
            Self { corpus: work.join("corpus").join(target), artifacts: work.join("artifacts").join(target), kept };
        for folder in [&folders.corpus, &folders.artifacts] {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        Ok(folders)
    }
}

/// Copies the seeds into the corpus, each under its digest.
fn add_seeds(target: &str, corpus: &Path) -> Result<usize> {
    let root = workspace::root();
    let metadata = workspace::read_metadata()?;
    let is_all = target == "detect";
    let mut seeds = Vec::new();
    for name in TARGETS.iter().filter(|name| is_all || **name == target) {
        seeds.extend(files_of(&root.join("inspect/fuzz/seeds").join(name)));
        seeds.extend(files_of(&root.join("inspect/fuzz/corpus-kept").join(name)));
    }
    let fixtures = [root.join("fixtures"), root.join("inspect/tests/data"), metadata.target_directory.join("fixtures")];
    seeds.extend(fixtures.iter().flat_map(|folder| files_of(folder)).filter(|file| is_all || is_of(target, file)));
    let mut count = 0;
    for seed in seeds {
        if fs::metadata(&seed).is_ok_and(|found| found.len() <= SEED_BYTES) {
            let place = corpus.join(digest::of_file(&seed)?);
            fs::copy(&seed, &place).with_context(|| format!("cannot copy {}", seed.display()))?;
            count += 1;
        }
    }
    Ok(count)
}

fn is_of(target: &str, file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let endings =
        ENDINGS.iter().find(|(of, _)| *of == target).map_or_else(|| vec![target], |(_, endings)| endings.to_vec());
    endings.iter().any(|ending| name.ends_with(&format!(".{ending}")))
}

/// The files right in a folder; none where there is no folder.
fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect()
}

/// Runs a target for a while; answers the files that are kept of what it found.
fn search(target: &str, folders: &Folders, seconds: u32) -> Result<Vec<String>> {
    let before = files_of(&folders.artifacts);
    let mut command = cargo_fuzz("run", target, folders);
    command.arg(&folders.corpus).arg("--").arg(format!("-max_total_time={seconds}")).args(common_options(folders));
    command.args(["-jobs=0", "-print_final_stats=1", &format!("-max_len={SEED_BYTES}")]);
    let ended = process::run(&mut command);
    let new: Vec<PathBuf> = files_of(&folders.artifacts).into_iter().filter(|file| !before.contains(file)).collect();
    if new.is_empty() {
        ended?;
    }
    new.iter().map(|file| keep(target, folders, file)).collect()
}

fn cargo_fuzz(verb: &str, target: &str, folders: &Folders) -> Command {
    let mut command = Command::new("nice");
    command
        .args(["cargo", "+nightly", "fuzz", verb, "--fuzz-dir", "inspect/fuzz", target])
        .current_dir(workspace::root());
    let built = folders.corpus.ancestors().nth(2).unwrap_or(&folders.corpus);
    command.env("CARGO_TARGET_DIR", built).env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
    command
}

fn common_options(folders: &Folders) -> [String; 3] {
    [
        format!("-rss_limit_mb={MEMORY_MIB}"),
        format!("-timeout={TIMEOUT_SECONDS}"),
        format!("-artifact_prefix={}/", folders.artifacts.display()),
    ]
}

/// Makes a finding smaller, as far as that goes, and copies it to what is kept.
fn keep(target: &str, folders: &Folders, file: &Path) -> Result<String> {
    let before = files_of(&folders.artifacts);
    let mut command = cargo_fuzz("tmin", target, folders);
    command.args(["--runs", &MINIMISE_RUNS.to_string()]).arg(file).arg("--").args(common_options(folders));
    // Ends in an error whenever it succeeds in failing again.
    process::capture(&mut command)?;
    let size = |file: &PathBuf| fs::metadata(file).map_or(u64::MAX, |found| found.len());
    let smaller = files_of(&folders.artifacts).into_iter().filter(|path| !before.contains(path)).min_by_key(size);
    let smallest = smaller.unwrap_or_else(|| file.to_owned());
    fs::create_dir_all(&folders.kept).with_context(|| format!("cannot create {}", folders.kept.display()))?;
    let place = folders.kept.join(&digest::of_file(&smallest)?[..16]);
    fs::copy(&smallest, &place).with_context(|| format!("cannot copy {}", smallest.display()))?;
    Ok(place.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixtures_belong_to_the_target_of_their_ending() {
        assert!(is_of("apk", Path::new("a/ContactManager.apk")));
        assert!(is_of("app-zip", Path::new("TestApp7.1.app.zip")));
        assert!(!is_of("zip", Path::new("a.apk")));
        assert!(is_of("tarball", Path::new("a.tar.gz")));
    }

    #[test]
    fn every_target_has_its_program_and_its_seeds() {
        let folder = workspace::root().join("inspect/fuzz");
        for target in TARGETS {
            let program = folder.join("fuzz_targets").join(target.replace('-', "_")).with_extension("rs");
            assert!(program.is_file(), "{}", program.display());
            assert!(*target == "detect" || !files_of(&folder.join("seeds").join(target)).is_empty(), "{target}");
        }
    }
}
