//! Has something become slower? By what the machine itself can do with the same file in the same run, not by absolute time, so
//! that the answer is the same on a slow machine and on a fast one.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    slice,
};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{
    ceilings::Ceilings,
    compare::{Contestant, STEPS},
    data,
    programs::Programs,
    repush::{self, Timed},
    serve,
    table::Row,
};
use crate::{
    tools::{self, CURL, OPENSSL},
    workspace::{self, Binaries, Profile},
};

/// How the product has to do: `xtask/src/bench/ratios.json`.
#[derive(Debug, Deserialize, Serialize)]
struct Recorded {
    /// What the numbers are, for whoever opens the file.
    about: String,
    /// The part of a recorded ratio that has to be reached.
    tolerance: f64,
    /// For each thing that is timed, the machine's own time for it by the product's.
    ratios: BTreeMap<String, f64>,
}

const ABOUT: &str = "The machine's own best time by the product's best, on one file of 256 MiB and on 1,000 files of 4 KiB; written by \
     `cargo xtask bench --check --record`, read by `cargo xtask bench --check`";

const SIZE_MIB: u64 = 256;
const RUNS: u32 = 5;

/// What needs no byte to be sent, of one file and of many.
const AGAIN: &str = STEPS[1];
const DOWNLOAD: &str = "download";

/// A push with nothing new of many small files: what is beyond hashing counts there.
const SMALL_FILES: &str = "1,000 files, nothing new";
const SMALL_FILE_COUNT: u32 = 1000;

/// Measures, and compares with what is recorded, or records what was measured.
///
/// # Errors
/// When something cannot be measured, or has become slower.
pub(super) fn run(programs: &Programs, does_record: bool) -> Result<()> {
    tools::ensure(&[OPENSSL, CURL])?;
    let measured = measure(programs)?;
    let file = workspace::root().join("xtask/src/bench/ratios.json");
    let mut recorded = read(&file)?;
    if does_record {
        for (name, ratio) in &measured {
            println!("{name:<24} {ratio:.2}");
        }
        ABOUT.clone_into(&mut recorded.about);
        recorded.ratios = measured.into_iter().map(|(name, ratio)| (name, (ratio * 100.0).round() / 100.0)).collect();
        let text = serde_json::to_string_pretty(&recorded).context("cannot encode the ratios")?;
        return fs::write(&file, text + "\n").with_context(|| format!("cannot write {}", file.display()));
    }
    println!("\n{:<24} {:>10} {:>10} {:>10}", "machine / product", "measured", "recorded", "at least");
    for (name, ratio) in &measured {
        let known = recorded.ratios.get(name).copied().unwrap_or(f64::NAN);
        println!("{name:<24} {ratio:>10.2} {known:>10.2} {:>10.2}", known * recorded.tolerance);
    }
    let slower = find_slower(&measured, &recorded)?;
    ensure!(slower.is_empty(), "slower than recorded: {}", slower.join(", "));
    Ok(())
}

fn read(file: &PathBuf) -> Result<Recorded> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("cannot understand {}", file.display()))
}

fn find_slower<'a>(measured: &'a BTreeMap<String, f64>, recorded: &Recorded) -> Result<Vec<&'a str>> {
    let mut slower = Vec::new();
    for (name, &ratio) in measured {
        let known = recorded.ratios.get(name).with_context(|| format!("nothing is recorded for {name}"))?;
        // Written so that a ratio that is no number counts as slower.
        let reached = ratio >= known * recorded.tolerance;
        if !reached {
            slower.push(name.as_str());
        }
    }
    Ok(slower)
}

fn measure(programs: &Programs) -> Result<BTreeMap<String, f64>> {
    let binaries = programs.find(Profile::Release)?;
    let folder = super::folder()?;
    let data = data::generate(&folder, SIZE_MIB << 20)?;
    let mut product = Contestant::product(&binaries, data.bytes);
    let mut ceilings = Ceilings::new(data.bytes);
    let mut download = Row::new(DOWNLOAD, data.bytes);
    for run in 1..=RUNS {
        eprintln!("run {run} of {RUNS}");
        ceilings.measure(slice::from_ref(&data.file), &folder)?;
        product.time(&data, &folder)?;
        download.seconds.push(serve::time_download(&binaries, &data, &folder)?);
    }
    let mut rows: Vec<_> = product.steps.into_iter().map(|step| step.row).collect();
    rows.push(download);
    let mut ratios: BTreeMap<_, _> = rows.iter().map(|row| (row.name.clone(), best_ratio(&ceilings, row))).collect();
    let small = measure_small_files(&binaries, &folder)?;
    ratios.insert(SMALL_FILES.to_owned(), best_ratio(&small.ceilings, &small.pushing));
    Ok(ratios)
}

fn measure_small_files(binaries: &Binaries, folder: &Path) -> Result<Timed> {
    eprintln!("{SMALL_FILES}");
    let folder = tempfile::tempdir_in(folder).context("cannot create a folder")?;
    let files = data::generate_many(folder.path(), SMALL_FILE_COUNT, repush::FILE_BYTES)?;
    repush::time_runs(binaries, &files, folder.path(), RUNS)
}

/// The machine's own time by the product's, each the best of the runs: what else the machine had to do makes a run slower and
/// never faster.
fn best_ratio(ceilings: &Ceilings, row: &Row) -> f64 {
    let [hash, copy, loopback] = ceilings.rows().map(|row| row.time().min);
    Ceiling { hash, copy, loopback }.seconds_for(&row.name) / row.time().min
}

/// Seconds that the machine took.
struct Ceiling {
    hash: f64,
    copy: f64,
    loopback: f64,
}

impl Ceiling {
    /// The time of a program that does nothing but what must be done, with a core for each thing. A file that is pushed or
    /// pulled is hashed, stored and sent over the wire at the same time, also by the client: it sends what the server cannot
    /// have before it knows the digest.
    fn seconds_for(&self, name: &str) -> f64 {
        match name {
            AGAIN => self.hash,
            DOWNLOAD => self.loopback,
            _ => self.hash.max(self.copy).max(self.loopback),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratios(ratios: &[(&str, f64)]) -> BTreeMap<String, f64> {
        ratios.iter().map(|&(name, ratio)| (name.to_owned(), ratio)).collect()
    }

    #[test]
    fn slower_is_what_misses_its_part_of_the_recorded_ratio() {
        let recorded = Recorded {
            about: String::new(),
            tolerance: 0.5,
            ratios: ratios(&[("cold push", 0.8), ("pull", 0.8), ("download", 0.8)]),
        };
        let measured = ratios(&[("cold push", 0.41), ("pull", 0.39), ("download", f64::NAN)]);
        assert_eq!(find_slower(&measured, &recorded).unwrap(), ["download", "pull"]);
        let unknown = ratios(&[("new", 1.0)]);
        assert!(find_slower(&unknown, &recorded).unwrap_err().to_string().ends_with("for new"));
    }

    #[test]
    fn what_takes_longest_is_the_ceiling_of_a_push_and_of_a_pull() {
        let fast = Ceiling { hash: 2.0, copy: 1.0, loopback: 0.5 };
        let slow = Ceiling { copy: 5.0, ..fast };
        let cases = [("cold push", 2.0, 5.0), ("pull", 2.0, 5.0), (AGAIN, 2.0, 2.0), (DOWNLOAD, 0.5, 0.5)];
        for (name, with_fast_disk, with_slow_disk) in cases {
            let found = [&fast, &slow].map(|ceiling| ceiling.seconds_for(name).to_bits());
            assert_eq!(found, [with_fast_disk, with_slow_disk].map(f64::to_bits), "{name}");
        }
    }

    #[test]
    fn the_best_of_the_runs_counts_on_both_sides() {
        let mut ceilings = Ceilings::new(1);
        ceilings.hash.seconds = vec![3.0, 1.0];
        let row = Row { name: AGAIN.into(), bytes: 1, seconds: vec![2.0, 4.0] };
        assert_eq!(best_ratio(&ceilings, &row).to_bits(), 0.5_f64.to_bits());
    }

    #[test]
    fn the_recorded_ratios_are_those_of_what_is_timed() {
        let recorded = read(&workspace::root().join("xtask/src/bench/ratios.json")).unwrap();
        let names: Vec<_> = recorded.ratios.keys().map(String::as_str).collect();
        assert_eq!(names, [SMALL_FILES, "cold push", DOWNLOAD, "pull", AGAIN]);
        assert!(recorded.tolerance > 0.0 && recorded.tolerance < 1.0);
    }
}
