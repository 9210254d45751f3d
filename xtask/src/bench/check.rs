//! Has something become slower? By what the machine itself can do with the same file in the same run, not by absolute time, so
//! that the answer is the same on a slow machine and on a fast one.

use std::{collections::BTreeMap, fs, path::PathBuf, slice};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{ceilings::Ceilings, compare::Contestant, data, programs::Programs, serve, table::Row};
use crate::{
    tools::{self, CURL, OPENSSL},
    workspace::{self, Profile},
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

const SIZE_MIB: u64 = 256;
const RUNS: u32 = 5;

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
    let mut downloads = Row::new("download", data.bytes);
    for run in 1..=RUNS {
        eprintln!("run {run} of {RUNS}");
        ceilings.measure(slice::from_ref(&data.file), &folder)?;
        product.time(&data, &folder)?;
        downloads.seconds.push(serve::time_download(&binaries, &data, &folder)?);
    }
    // The best of the runs: what else the machine had to do makes a run slower and never faster.
    let [hash, copy, loopback] = ceilings.rows().map(|row| row.time().min);
    let ceiling = Ceiling { hash, copy, loopback };
    let mut rows: Vec<_> = product.steps.into_iter().map(|step| step.row).collect();
    rows.push(downloads);
    Ok(rows.into_iter().map(|row| (row.name.clone(), ceiling.seconds_for(&row.name) / row.time().min)).collect())
}

/// Seconds that the machine took.
struct Ceiling {
    hash: f64,
    copy: f64,
    loopback: f64,
}

impl Ceiling {
    /// The time of a program that does nothing but what must be done. A push is hashed before it is sent, since the server is
    /// asked for the digest; what receives it hashes, stores and takes it off the wire at the same time.
    fn seconds_for(&self, name: &str) -> f64 {
        let received = self.hash.max(self.copy).max(self.loopback);
        match name {
            "cold push" => self.hash + received,
            "push with nothing new" => self.hash,
            "pull" => received,
            _ => self.loopback,
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
    fn a_push_hashes_twice_and_a_slow_disk_is_no_fault_of_it() {
        let fast = Ceiling { hash: 2.0, copy: 1.0, loopback: 0.5 };
        let slow = Ceiling { copy: 5.0, ..fast };
        let of = |ceiling: &Ceiling, name| ceiling.seconds_for(name).to_bits();
        assert_eq!(of(&fast, "cold push"), 4.0_f64.to_bits());
        assert_eq!(of(&slow, "cold push"), 7.0_f64.to_bits());
        assert_eq!(of(&slow, "push with nothing new"), 2.0_f64.to_bits());
        assert_eq!(of(&fast, "download"), 0.5_f64.to_bits());
    }

    #[test]
    fn the_recorded_ratios_are_those_of_what_is_timed() {
        let recorded = read(&workspace::root().join("xtask/src/bench/ratios.json")).unwrap();
        let names: Vec<_> = recorded.ratios.keys().map(String::as_str).collect();
        assert_eq!(names, ["cold push", "download", "pull", "push with nothing new"]);
        assert!(recorded.tolerance > 0.0 && recorded.tolerance < 1.0);
    }
}
