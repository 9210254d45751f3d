//! How the cost of a push grows: with the number of artifacts, and with the size of one.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};

use super::{
    ceilings,
    programs::Programs,
    table::{self, Row},
    time,
};
use crate::{
    client::{Client, Status},
    manifest::{Entry, Manifest},
    server::Server,
    tools::{self, OPENSSL},
    workspace::{Binaries, Profile},
};

/// What `cargo xtask bench many` is told.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// How often each is timed, every time on a fresh data directory
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// The numbers of artifacts
    #[arg(long, value_delimiter = ',', default_value = "1,10,100,1000", value_parser = clap::value_parser!(u32).range(1..=4000))]
    counts: Vec<u32>,
    /// The size of each of many artifacts, in KiB
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=65536))]
    file_kib: u64,
    /// The size of the largest single artifact, in MiB; the sizes are 1, 4, 16 and so on
    #[arg(long, value_name = "MIB", default_value_t = 4096, value_parser = clap::value_parser!(u64).range(1..=65536))]
    up_to: u64,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
}

const APP: &str = "bench";

/// One amount of work and its times.
struct Point {
    /// How many artifacts, or how many MiB.
    amount: u64,
    hash: Row,
    push: Row,
    again: Row,
    pull: Row,
    /// Requests of the cold push and of the one with nothing new.
    requests: [u64; 2],
}

pub(super) fn run(options: &Options, programs: &Programs) -> Result<()> {
    tools::ensure(&[OPENSSL])?;
    let binaries = programs.find(Profile::Release)?;
    let folder = super::folder()?;
    let by_count = options.counts.iter().map(|&count| {
        eprintln!("{count} artifacts");
        measure(&binaries, &folder, options.runs, u64::from(count), &vec![options.file_kib << 10; count as usize])
    });
    let by_count = by_count.collect::<Result<Vec<_>>>()?;
    let sizes = std::iter::successors(Some(1), |size| Some(size * 4)).take_while(|&size| size <= options.up_to);
    let by_size = sizes.map(|mib| {
        eprintln!("{mib} MiB");
        measure(&binaries, &folder, options.runs, mib, &[mib << 20])
    });
    let by_size = by_size.collect::<Result<Vec<_>>>()?;
    if options.json {
        let document = json!({
            "schema": "dist.bench.many/1", "runs": options.runs, "file_kib": options.file_kib,
            "by_count": to_json(&by_count), "by_size": to_json(&by_size),
        });
        println!("{document:#}");
    } else {
        println!("\nartifacts of {} KiB each, {} runs", options.file_kib, options.runs);
        print_points("artifacts", &by_count);
        println!("\none artifact, {} runs", options.runs);
        print_points("MiB", &by_size);
    }
    Ok(())
}

fn measure(binaries: &Binaries, folder: &Path, runs: u32, amount: u64, sizes: &[u64]) -> Result<Point> {
    let folder = tempfile::tempdir_in(folder).context("cannot create a folder")?;
    let names: Vec<String> = (0..sizes.len()).map(|number| format!("part-{number:05}.bin")).collect();
    for ((name, &bytes), seed) in names.iter().zip(sizes).zip(0..) {
        super::write_noise(&folder.path().join(name), bytes, seed)?;
    }
    let files: Vec<PathBuf> = names.iter().map(|name| folder.path().join(name)).collect();
    let row = |name| Row::new(name, sizes.iter().sum());
    let mut point = Point {
        amount,
        hash: row("openssl dgst -sha256"),
        push: row("cold push"),
        again: row("push with nothing new"),
        pull: row("pull"),
        requests: [0; 2],
    };
    for _ in 0..runs {
        point.hash.seconds.push(time(|| ceilings::hash_all(&files))?.0);
        measure_once(binaries, folder.path(), &names, &mut point)?;
    }
    Ok(point)
}

fn measure_once(binaries: &Binaries, folder: &Path, names: &[String], point: &mut Point) -> Result<()> {
    let artifacts = names.iter().map(Entry::opaque).collect();
    let manifest = Manifest { app: APP, version: "1.0.0".into(), build: "1".into(), channel: "beta", artifacts };
    let manifest = manifest.write(folder)?;
    let run = tempfile::tempdir_in(folder).context("cannot create a data directory")?;
    let data = run.path().join("data");
    let server = Server::start(&binaries.distd, &data)?;
    let client = Client::new(binaries, &server, &data)?;
    client.run(["app", "create", APP, "--access", "token"])?;
    super::measure::settle()?;
    let (seconds, cold) = time(|| client.publish(&manifest))?;
    ensure!(cold.status == Status::Published, "the cold push found something there");
    point.push.seconds.push(seconds);
    let (seconds, again) = time(|| client.publish(&manifest))?;
    ensure!(again.status == Status::Unchanged, "the second push changed something");
    point.again.seconds.push(seconds);
    point.requests = [cold.transfer.requests, again.transfer.requests];
    let output = run.path().join("pulled");
    let to = output.to_str().context("the folder's name is not UTF-8")?;
    point.pull.seconds.push(time(|| client.run(["pull", &format!("{APP}@beta"), "-o", to, "--json"]))?.0);
    let pulled = fs::read_dir(&output).context("the pull wrote nothing")?.count();
    ensure!(pulled == names.len(), "{pulled} files of {} were pulled", names.len());
    server.stop()
}

fn print_points(unit: &str, points: &[Point]) {
    println!(
        "\n{unit:>10} {:>10} {:>10} {:>10} {:>10} {:>16} {:>12}",
        "hash s", "push s", "again s", "pull s", "ms beyond hash", "requests"
    );
    for point in points {
        let [hash, push, again, pull] = rows(point).map(|row| row.time().median);
        let beyond = (again - hash) * 1e3;
        let requests = format!("{}, {}", point.requests[0], point.requests[1]);
        println!(
            "{:>10} {hash:>10.3} {push:>10.3} {again:>10.3} {pull:>10.3} {beyond:>16.0} {requests:>12}",
            point.amount
        );
    }
    if let [.., before, last] = points {
        let [hash, push, again, pull] = orders(before, last);
        println!(
            "between the last two, time grows as the amount to the power of: hash {hash:.2}, push {push:.2}, again {again:.2}, pull {pull:.2}"
        );
    }
}

fn rows(point: &Point) -> [&Row; 4] {
    [&point.hash, &point.push, &point.again, &point.pull]
}

fn orders(before: &Point, last: &Point) -> [f64; 4] {
    let medians = |point| rows(point).map(|row| row.time().median);
    let (before_times, last_times) = (medians(before), medians(last));
    std::array::from_fn(|of| order(before.amount, before_times[of], last.amount, last_times[of]))
}

/// The exponent of growth between two points: 0 for none, 1 for as the amount grows.
#[allow(clippy::cast_precision_loss, reason = "amounts are far below 2⁵³")]
fn order(amount: u64, seconds: f64, later_amount: u64, later_seconds: f64) -> f64 {
    (later_seconds / seconds).ln() / (later_amount as f64 / amount as f64).ln()
}

fn to_json(points: &[Point]) -> Vec<Value> {
    let of_point = |point: &Point| json!({ "amount": point.amount, "rows": table::to_json(&rows(point).map(Clone::clone)), "requests": point.requests });
    points.iter().map(of_point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_growth_is_an_exponent() {
        for (later_seconds, expect) in [(2.0, 0.0), (20.0, 1.0), (200.0, 2.0)] {
            assert!((order(10, 2.0, 100, later_seconds) - expect).abs() < 1e-9);
        }
    }
}
