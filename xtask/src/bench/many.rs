//! How the cost of a push grows: with the number of artifacts, and with the size of one.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};

use super::{
    ceilings::Ceilings,
    compare::STEPS,
    data,
    growth::{self, Series},
    look::{self, Look},
    peers::{self, APP, Product, write_manifest},
    programs::Programs,
    table::{self, Row},
    time,
};
use crate::{
    client::Status,
    tools,
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
    /// Publish 1, 10 and all of the real artifacts that `cargo xtask fixtures` fetched instead, one by one
    #[arg(long, conflicts_with_all = ["counts", "file_kib", "up_to"])]
    real: bool,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
}

/// One amount of work, and what was measured of it.
struct Point {
    /// How many artifacts, or how many MiB.
    amount: u64,
    bytes: u64,
    ceilings: Ceilings,
    /// One for each of [`STEPS`].
    steps: [Row; 3],
    /// Requests of the cold push and of the one with nothing new.
    requests: [u64; 2],
    /// One for each of [`STEPS`].
    looks: [Look; 3],
}

/// What grows, and its points.
struct Part {
    what: String,
    unit: &'static str,
    points: Vec<Point>,
}

pub(super) fn run(options: &Options, programs: &Programs) -> Result<()> {
    tools::ensure(&peers::tools_of(&[]))?;
    let binaries = programs.find(Profile::Release)?;
    let parts = if options.real {
        vec![measure_real(&binaries, options)?]
    } else {
        vec![measure_counts(&binaries, options)?, measure_sizes(&binaries, options)?]
    };
    if options.json {
        let document = json!({
            "schema": "dist.bench.many/2", "runs": options.runs, "parts": parts.iter().map(to_json).collect::<Vec<_>>(),
        });
        println!("{document:#}");
    } else {
        for part in &parts {
            print_part(part, options.runs);
        }
    }
    Ok(())
}

fn measure_counts(binaries: &Binaries, options: &Options) -> Result<Part> {
    let points = options.counts.iter().map(|&count| {
        eprintln!("{count} artifacts");
        measure(binaries, options.runs, u64::from(count), |folder| {
            data::generate_many(folder, count, options.file_kib << 10)
        })
    });
    let what = format!("artifacts of {} KiB each", options.file_kib);
    Ok(Part { what, unit: "artifacts", points: points.collect::<Result<_>>()? })
}

fn measure_sizes(binaries: &Binaries, options: &Options) -> Result<Part> {
    let sizes = std::iter::successors(Some(1), |size| Some(size * 4)).take_while(|&size| size <= options.up_to);
    let points = sizes.map(|mib| {
        eprintln!("{mib} MiB");
        measure(binaries, options.runs, mib, |folder| data::generate_many(folder, 1, mib << 20))
    });
    Ok(Part { what: "one artifact".into(), unit: "MiB", points: points.collect::<Result<_>>()? })
}

fn measure_real(binaries: &Binaries, options: &Options) -> Result<Part> {
    let all = data::list_real()?.len();
    let counts = [1, 10].into_iter().filter(|&count| count < all).chain([all]);
    let points = counts.map(|count| {
        eprintln!("{count} real artifacts");
        measure(binaries, options.runs, count as u64, |folder| data::copy_real(folder, count))
    });
    Ok(Part {
        what: "real artifacts, the first by name".into(),
        unit: "artifacts",
        points: points.collect::<Result<_>>()?,
    })
}

fn measure(
    binaries: &Binaries,
    runs: u32,
    amount: u64,
    write: impl FnOnce(&Path) -> Result<Vec<PathBuf>>,
) -> Result<Point> {
    let folder = tempfile::tempdir_in(super::folder()?).context("cannot create a folder")?;
    let files = write(folder.path())?;
    let manifest = write_manifest(folder.path(), files.iter().filter_map(|file| file.file_name()?.to_str()))?;
    let bytes = data::sum_sizes(&files)?;
    let (ceilings, steps) = (Ceilings::new(bytes), STEPS.map(|step| Row::new(step, bytes)));
    let mut point = Point { amount, bytes, ceilings, steps, requests: [0; 2], looks: [Look::default(); 3] };
    for _ in 0..runs {
        point.ceilings.measure(&files, folder.path())?;
        measure_once(binaries, folder.path(), &manifest, files.len(), &mut point)?;
    }
    point.looks = look::of_product(binaries, &manifest, folder.path())?;
    Ok(point)
}

fn measure_once(binaries: &Binaries, folder: &Path, manifest: &Path, count: usize, point: &mut Point) -> Result<()> {
    let run = tempfile::tempdir_in(folder).context("cannot create a folder")?;
    let product = Product::of_manifest(binaries, run.path(), manifest, None)?;
    let client = product.client();
    super::measure::settle()?;
    let (push, cold) = time(|| client.publish(manifest))?;
    ensure!(cold.status == Status::Published, "the cold push found something there");
    let (push_again, again) = time(|| client.publish(manifest))?;
    ensure!(again.status == Status::Unchanged, "the second push changed something");
    point.requests = [cold.transfer.requests, again.transfer.requests];
    let output = run.path().join("pulled");
    let to = output.to_str().context("the folder's name is not UTF-8")?;
    let (pull, _) = time(|| client.run(["pull", &format!("{APP}@beta"), "-o", to, "--json"]))?;
    let pulled = fs::read_dir(&output).context("the pull wrote nothing")?.count();
    ensure!(pulled == count, "{pulled} files of {count} were pulled");
    point.steps.iter_mut().zip([push, push_again, pull]).for_each(|(row, seconds)| row.seconds.push(seconds));
    product.stop()
}

impl Part {
    fn amounts(&self) -> Vec<u64> {
        self.points.iter().map(|point| point.amount).collect()
    }

    /// The machine's own times, and then those of the product.
    fn series(&self) -> Vec<Series> {
        let ceilings = (0..3).map(|number| -> Vec<Row> {
            self.points.iter().map(|point| point.ceilings.rows()[number].clone()).collect()
        });
        let steps = (0..3).map(|number| self.points.iter().map(|point| point.steps[number].clone()).collect());
        ceilings.chain(steps).map(|rows: Vec<Row>| Series::of_times(rows[0].name.as_str(), &rows)).collect()
    }
}

fn print_part(part: &Part, runs: u32) {
    println!("\n{}, {runs} runs\n", part.what);
    print!("{}", growth::render(part.unit, &part.amounts(), &part.series()));
    println!("{}", growth::LEGEND);
    println!("\n{:>10} {:>14}  requests, push and again", part.unit, "bytes");
    for Point { amount, bytes, requests: [push, again], .. } in &part.points {
        println!("{amount:>10} {bytes:>14}  {push}, {again}");
    }
    for point in &part.points {
        println!("\n{} {}", point.amount, part.unit);
        print!("{}", look::render(&STEPS, &point.looks));
    }
    println!("{}", look::LEGEND);
}

fn to_json(part: &Part) -> Value {
    let of_point = |point: &Point| {
        json!({
            "amount": point.amount, "bytes": point.bytes, "ceilings": table::to_json(&point.ceilings.rows()),
            "rows": table::to_json(&point.steps), "requests": point.requests, "looks": look::to_json(&STEPS, &point.looks),
        })
    };
    json!({
        "what": part.what, "unit": part.unit, "points": part.points.iter().map(of_point).collect::<Vec<_>>(),
        "growth": growth::to_json(&part.amounts(), &part.series()),
    })
}
