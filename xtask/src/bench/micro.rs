//! Parts of the work, without sockets: manifests, ref commits, negotiation, pages. Criterion times them and keeps its samples in
//! `target/criterion`; here its medians become one table.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Deserialize;
use serde_json::json;
use walkdir::WalkDir;

use crate::{process, workspace};

/// What `cargo xtask bench micro` is told.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// Only those with this in their name
    filter: Option<String>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// What criterion writes about a benchmark in `benchmark.json`.
#[derive(Debug, Deserialize)]
struct About {
    full_id: String,
    throughput: Option<Throughput>,
}

/// What one iteration goes through.
#[derive(Debug, Deserialize)]
enum Throughput {
    Bytes(f64),
    Elements(f64),
}

/// What it writes about its samples in `estimates.json`; in nanoseconds for one iteration.
#[derive(Debug, Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Debug, Deserialize)]
struct Estimate {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Debug, Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let folder = workspace::read_metadata()?.target_directory.join("criterion");
    // What an earlier run measured under a name that is no more would be told as this one's.
    let _ = fs::remove_dir_all(&folder);
    let mut cargo = workspace::cargo();
    cargo.args(["bench", "--features", "refs/sqlite"]);
    for (package, bench) in [("protocol", "canonical"), ("refs", "commits"), ("distd", "requests")] {
        cargo.args(["--package", package, "--bench", bench]);
    }
    cargo.arg("--").args(&options.filter).env("CRITERION_HOME", &folder);
    // Criterion's own report is progress here.
    process::run(cargo.stdout(std::io::stderr()))?;
    let mut measured = read_all(&folder)?;
    ensure!(!measured.is_empty(), "no benchmark has this in its name");
    measured.sort_by(|a, b| a.0.full_id.cmp(&b.0.full_id));
    if options.json {
        let rows: Vec<_> = measured.iter().map(to_json).collect();
        println!("{:#}", json!(rows));
    } else {
        println!("{:<40} {:>12} {:>25}  rate", "", "median", "95 % confidence");
        for row in &measured {
            println!("{}", render(row));
        }
    }
    Ok(())
}

fn read_all(folder: &Path) -> Result<Vec<(About, Estimate)>> {
    let files = WalkDir::new(folder).into_iter().filter_map(Result::ok);
    let found = files.filter(|entry| entry.path().ends_with("new/benchmark.json"));
    found
        .map(|entry| {
            Ok((read(entry.path())?, read::<Estimates>(&entry.path().with_file_name("estimates.json"))?.median))
        })
        .collect()
}

fn read<T: for<'a> Deserialize<'a>>(file: &Path) -> Result<T> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not what criterion writes", file.display()))
}

/// The amount a second, in 10⁶ bytes or in things.
fn rate((about, median): &(About, Estimate)) -> Option<(f64, &'static str)> {
    let a_second = 1e9 / median.point_estimate;
    about.throughput.as_ref().map(|throughput| match throughput {
        Throughput::Bytes(bytes) => (bytes * a_second / 1e6, "MB/s"),
        Throughput::Elements(elements) => (elements * a_second, "a second"),
    })
}

fn render(row: &(About, Estimate)) -> String {
    let (about, Estimate { point_estimate, confidence_interval: Interval { lower_bound, upper_bound } }) = row;
    let interval = format!("{} to {}", time(*lower_bound), time(*upper_bound));
    let rate = rate(row).map(|(rate, unit)| format!("{rate:.0} {unit}")).unwrap_or_default();
    format!("{:<40} {:>12} {interval:>25}  {rate}", about.full_id, time(*point_estimate))
}

fn to_json(row: &(About, Estimate)) -> serde_json::Value {
    let (about, median) = row;
    let Interval { lower_bound, upper_bound } = median.confidence_interval;
    let rate = rate(row).map(|(rate, unit)| json!({ "value": rate, "unit": unit }));
    json!({
        "name": about.full_id, "median_ns": median.point_estimate, "interval_ns": [lower_bound, upper_bound], "rate": rate,
    })
}

/// Nanoseconds for people.
fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        ..1e3 => format!("{nanoseconds:.0} ns"),
        ..1e6 => format!("{:.1} µs", nanoseconds / 1e3),
        _ => format!("{:.2} ms", nanoseconds / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_criterion_writes_becomes_a_row() {
        let about = r#"{"group_id":"ref commit","function_id":"durable","full_id":"ref commit/durable","throughput":{"Elements":1}}"#;
        let estimate = r#"{"confidence_interval":{"confidence_level":0.95,"lower_bound":900000.0,"upper_bound":1200000.0},"point_estimate":1000000.0,"standard_error":1.0}"#;
        let row = (serde_json::from_str(about).unwrap(), serde_json::from_str(estimate).unwrap());
        let text = render(&row);
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(words.join(" "), "ref commit/durable 1.00 ms 900.0 µs to 1.20 ms 1000 a second");
    }
}
