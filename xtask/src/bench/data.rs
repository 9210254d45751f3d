//! The file that is published: noise, or real artifacts in one archive.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{digest, process, workspace};

/// Which file is measured with.
#[derive(Args, Debug)]
pub(super) struct Source {
    /// The file's size, in MiB
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u64).range(1..=65536))]
    size_mib: u64,
    /// Take the real artifacts that `cargo xtask fixtures` fetched instead of random bytes
    #[arg(long, conflicts_with = "size_mib")]
    real: bool,
}

impl Source {
    /// Makes the file in `folder`, or finds it there.
    ///
    /// # Errors
    /// When it cannot be written, or the real artifacts were not fetched.
    pub(super) fn prepare(&self, folder: &Path) -> Result<Data> {
        if self.real { collect_real(folder) } else { generate(folder, self.size_mib << 20) }
    }
}

/// A file to measure with.
pub(super) struct Data {
    /// Where it is.
    pub(super) file: PathBuf,
    /// Its size.
    pub(super) bytes: u64,
    /// Its SHA-256, 64 lowercase hex digits.
    pub(super) digest: String,
    /// What it is, for people.
    pub(super) what: &'static str,
}

/// Pseudo-random bytes. The file stays for the next time.
///
/// # Errors
/// When it cannot be written.
pub(super) fn generate(folder: &Path, bytes: u64) -> Result<Data> {
    let folder = folder.join(format!("noise-{bytes}"));
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let file = folder.join("noise.bin");
    if !fs::metadata(&file).is_ok_and(|found| found.len() == bytes) {
        super::write_noise(&file, bytes, bytes)?;
    }
    describe(file, "pseudo-random bytes")
}

/// The real artifacts that `cargo xtask fixtures` fetched, by name.
///
/// # Errors
/// When they were not fetched.
pub(super) fn list_real() -> Result<Vec<PathBuf>> {
    let folder = workspace::read_metadata()?.target_directory.join("fixtures");
    let entries = fs::read_dir(&folder).context("no real artifacts are here; run `cargo xtask fixtures` first")?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    ensure!(!files.is_empty(), "no real artifacts are here; run `cargo xtask fixtures` first");
    files.sort();
    Ok(files)
}

/// Copies of the first so many of them, each a file of its own in `folder`.
///
/// # Errors
/// As [`list_real`], and when one cannot be copied.
pub(super) fn copy_real(folder: &Path, most: usize) -> Result<Vec<PathBuf>> {
    let copy = |file: PathBuf| {
        let to = folder.join(file.file_name().context("a file has a name")?);
        fs::copy(&file, &to).with_context(|| format!("cannot copy {}", file.display()))?;
        Ok(to)
    };
    list_real()?.into_iter().take(most).map(copy).collect()
}

/// Files of one size, each with bytes of its own.
///
/// # Errors
/// When one cannot be written.
pub(super) fn generate_many(folder: &Path, count: u32, bytes: u64) -> Result<Vec<PathBuf>> {
    let files: Vec<PathBuf> = (0..count).map(|number| folder.join(format!("part-{number:05}.bin"))).collect();
    for (seed, file) in (0..).zip(&files) {
        super::write_noise(file, bytes, seed)?;
    }
    Ok(files)
}

/// The bytes of all of them.
///
/// # Errors
/// When one is not there.
pub(super) fn sum_sizes(files: &[PathBuf]) -> Result<u64> {
    let size = |file: &PathBuf| fs::metadata(file).with_context(|| format!("cannot look at {}", file.display()));
    files.iter().map(|file| Ok(size(file)?.len())).sum()
}

/// All of them, as they are, in one tar archive.
///
/// # Errors
/// As [`list_real`], and when they cannot be packed.
pub(super) fn collect_real(folder: &Path) -> Result<Data> {
    let files = list_real()?;
    let fixtures = files[0].parent().context("a file is in a folder")?;
    let names = files.iter().filter_map(|file| file.file_name());
    let folder = folder.join("real");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let file = folder.join("real.tar");
    let plain = ["--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "-cf"];
    process::read(Command::new("tar").args(plain).arg(&file).arg("-C").arg(fixtures).args(names))?;
    describe(file, "real artifacts in one tar archive")
}

fn describe(file: PathBuf, what: &'static str) -> Result<Data> {
    let bytes = fs::metadata(&file).with_context(|| format!("cannot look at {}", file.display()))?.len();
    Ok(Data { digest: digest::of_file(&file)?, file, bytes, what })
}
