//! How cost grows with the number of releases that an app has already.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;

use super::{
    growth::{self, Series},
    http::Connection,
    log,
    programs::Programs,
    stock::{self, APP, Stocked},
    table::Row,
    time,
};
use crate::{
    client::{Client, Status},
    manifest::{Entry, Manifest},
    server::Server,
    tools::{self, SQLITE3},
    workspace::{Binaries, Profile},
};

/// What `cargo xtask bench releases` is told.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// How often each is timed
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// The most releases; the numbers are 10, 100 and so on up to it
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    most: u32,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// What is timed, in this order.
const TIMED: [&str; 8] = [
    "cold push of 4 KiB",
    "push with nothing new",
    "dist log, first page",
    "release list, 50 releases",
    "install page",
    "promote, the next release",
    "promote, a new channel",
    "start of distd",
];

/// With one number of releases.
struct Point {
    count: u32,
    /// One for each of [`TIMED`].
    rows: Vec<Row>,
    /// Of the database, before anything was timed.
    database_bytes: u64,
}

pub(super) fn run(options: &Options, programs: &Programs) -> Result<()> {
    tools::ensure(&[SQLITE3])?;
    let binaries = programs.find(Profile::Release)?;
    let counts = std::iter::successors(Some(10), |count| Some(count * 10)).take_while(|&count| count <= options.most);
    let points = counts.map(|count| {
        eprintln!("{count} releases");
        measure(&binaries, count, options.runs)
    });
    let points = points.collect::<Result<Vec<_>>>()?;
    print_figures(&points, options);
    Ok(())
}

fn measure(binaries: &Binaries, count: u32, runs: u32) -> Result<Point> {
    let Stocked { mut client, mut server, folder } = stock::fill(binaries, count, |_| Ok(()))?;
    let data = folder.path().join("data");
    let mut point =
        Point { count, rows: TIMED.map(|name| Row::new(name, 0)).into(), database_bytes: database_bytes(&data)? };
    let mut pages = Pages::open(&client)?;
    // What the first of each costs is not counted.
    client.run(["promote", &format!("{APP}@beta"), "stable"])?;
    time_requests(&client, folder.path(), &mut pages, 0)?;
    for run in 1..=runs {
        let timed = time_requests(&client, folder.path(), &mut pages, run);
        let timed = timed.map_err(|error| server.quote_log(&format!("{count} releases: {error:#}")))?;
        point.rows.iter_mut().zip(timed).for_each(|(row, seconds)| row.seconds.push(seconds));
    }
    server.stop()?;
    for _ in 0..runs {
        let (seconds, server) = time(|| Server::start(&binaries.distd, &data))?;
        point.rows[TIMED.len() - 1].seconds.push(seconds);
        client.move_to(&server);
        client.run(["show", &format!("{APP}@beta"), "--json"])?;
        server.stop()?;
    }
    Ok(point)
}

/// All of [`TIMED`] that a running server is asked, once.
fn time_requests(client: &Client, folder: &Path, pages: &mut Pages, run: u32) -> Result<[f64; TIMED.len() - 1]> {
    let manifest = write_release(folder, run)?;
    let (push, cold) = time(|| client.publish(&manifest))?;
    ensure!(cold.status == Status::Published, "the cold push found something there");
    let (again, same) = time(|| client.publish(&manifest))?;
    ensure!(same.status == Status::Unchanged, "the second push changed something");
    let log = log::time_first_line(client, &["log", APP])?;
    let list = pages.time(client, &format!("/api/v1/apps/{APP}/releases"))?;
    let install = pages.time(client, &format!("/install/{APP}/beta"))?;
    let revision = format!("{APP}@{}", cold.release.name);
    let promote = |channel: &str| time(|| client.run(["promote", &revision, channel]));
    let (next, _) = promote("stable")?;
    let (new, _) = promote(&format!("new-{run}"))?;
    Ok([push, again, log, list, install, next, new])
}

/// A release that nobody has, and its small artifact.
fn write_release(folder: &Path, run: u32) -> Result<std::path::PathBuf> {
    let mut noise = [0; 4096];
    fastrand::Rng::with_seed(u64::from(run)).fill(&mut noise);
    fs::write(folder.join("new.bin"), noise).context("cannot write an artifact")?;
    let artifacts = vec![Entry::opaque("new.bin")];
    let version = format!("2.0.{run}");
    Manifest { app: APP, version, build: format!("{}", 1_000_000 + run), channel: "beta", artifacts }.write(folder)
}

/// One connection for all pages, so that connecting is not timed.
struct Pages(Connection);

impl Pages {
    /// Connects, and asks for a page once.
    fn open(client: &Client) -> Result<Self> {
        let mut pages = Self(Connection::new(client.url())?);
        pages.time(client, &format!("/install/{APP}/beta"))?;
        Ok(pages)
    }

    fn time(&mut self, client: &Client, path: &str) -> Result<f64> {
        let (seconds, response) = time(|| self.0.get(path, client.token()))?;
        ensure!(response.status == 200, "{path}: status {}", response.status);
        Ok(seconds)
    }
}

/// The database, and what it has not taken over from its log yet.
fn database_bytes(data: &Path) -> Result<u64> {
    let length = |name: &str| fs::metadata(data.join(name)).map(|found| found.len());
    let log = length("dist.sqlite-wal").unwrap_or(0);
    Ok(length("dist.sqlite").context("cannot look at the database")? + log)
}

#[allow(clippy::cast_precision_loss, reason = "a database is far below 2⁵³ bytes")]
fn print_figures(points: &[Point], options: &Options) {
    let amounts: Vec<u64> = points.iter().map(|point| u64::from(point.count)).collect();
    let times = TIMED.iter().enumerate();
    let mut all: Vec<Series> =
        times.map(|(number, name)| Series::of_times(name, points.iter().map(|point| &point.rows[number]))).collect();
    let sizes = points.iter().map(|point| point.database_bytes as f64 / 1024.0);
    all.push(Series::of_figures("database, KiB", sizes));
    if options.json {
        let document = json!({
            "schema": "dist.bench.releases/1", "runs": options.runs, "growth": growth::to_json(&amounts, &all),
        });
        println!("{document:#}");
        return;
    }
    println!("\nan app with so many releases in one line, {} runs\n", options.runs);
    println!("{}\n{}", growth::render("releases", &amounts, &all), growth::LEGEND);
}
