//! Many people open the install page and the release list of an app with many releases: how long the slowest of a hundred waits.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, ensure};
use clap::Args;
use serde::Serialize;

use super::{
    http::Connection,
    programs::Programs,
    stock::{self, Stocked},
    table,
};
use crate::{client::Client, tools};

/// What `cargo xtask bench pages` is told.
#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(flatten)]
    stock: stock::Options,
    /// How many clients ask at once, each over a connection of its own
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    clients: u32,
    /// Requests a second of each client; 0 for one after the other without a pause
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=1000))]
    rate: u32,
    /// For how long each page is asked for, in seconds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// The most that one of a hundred requests may take beyond.
const BUDGET_MS: f64 = 10.0;

const PAGES: [(&str, &str); 2] =
    [("install page", "/install/bench/beta"), ("release list", "/api/v1/apps/bench/releases")];

/// What was measured of one page; times in milliseconds.
#[derive(Debug, Serialize)]
struct Figures {
    name: &'static str,
    path: &'static str,
    requests: usize,
    median: f64,
    p99: f64,
    max: f64,
    body_bytes: u64,
}

pub(super) fn run(options: &Options, programs: &Programs) -> Result<()> {
    tools::ensure(&[tools::SQLITE3])?;
    let Stocked { client, mut server, folder: _folder } = stock::start(&options.stock, programs, |_| Ok(()))?;
    let mut all = Vec::new();
    for (name, path) in PAGES {
        let figures = measure(&client, name, path, options);
        all.push(figures.map_err(|error| server.quote_log(&format!("{path}: {error:#}")))?);
    }
    server.stop()?;
    print_figures(&all, options);
    Ok(())
}

fn measure(client: &Client, name: &'static str, path: &'static str, options: &Options) -> Result<Figures> {
    // The first answer is not counted.
    let first = Connection::new(client.url())?.get(path, client.token())?;
    ensure!(first.status == 200, "status {}", first.status);
    let begun = Instant::now();
    let times = thread::scope(|scope| {
        let ask = |number| move || ask_on_time(client, path, options, begun, number);
        let threads: Vec<_> = (0..options.clients).map(|number| scope.spawn(ask(number))).collect();
        let ended = threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a client ended early"))?);
        ended.collect::<Result<Vec<_>>>()
    })?;
    let mut times = times.concat();
    times.sort_by(f64::total_cmp);
    let [median, p99, max] = [0.5, 0.99, 1.0].map(|part| table::percentile(&times, part) * 1e3);
    Ok(Figures { name, path, requests: times.len(), median, p99, max, body_bytes: first.bytes })
}

/// One client. With a rate, a request's time counts from when it was due, so that one that has to wait for a slow one before
/// it does not look fast.
fn ask_on_time(client: &Client, path: &str, options: &Options, begun: Instant, number: u32) -> Result<Vec<f64>> {
    let mut connection = Connection::new(client.url())?;
    let pause = if options.rate == 0 { Duration::ZERO } else { Duration::from_secs(1) / options.rate };
    let end = begun + Duration::from_secs(options.seconds);
    let mut due = begun + pause * number / options.clients;
    let mut times = Vec::new();
    while due < end {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let from = if options.rate == 0 { Instant::now() } else { due };
        let response = connection.get(path, client.token())?;
        ensure!(response.status == 200, "status {}", response.status);
        times.push(from.elapsed().as_secs_f64());
        due = if options.rate == 0 { Instant::now() } else { due + pause };
    }
    Ok(times)
}

fn print_figures(all: &[Figures], options: &Options) {
    if options.json {
        let document = serde_json::json!({
            "schema": "dist.bench.pages/1", "releases": options.stock.count, "clients": options.clients, "rate": options.rate,
            "seconds": options.seconds, "pages": all,
        });
        println!("{document:#}");
        return;
    }
    let rate =
        if options.rate == 0 { "without a pause".into() } else { format!("{} times a second each", options.rate) };
    println!(
        "\n{} releases, {} clients, {rate}, for {} s; milliseconds\n",
        options.stock.count, options.clients, options.seconds
    );
    println!("{:<16} {:>10} {:>10} {:>10} {:>10} {:>10}", "", "requests", "median", "p99", "max", "bytes");
    for figures in all {
        let Figures { name, requests, median, p99, max, body_bytes, .. } = figures;
        let judged = if *p99 <= BUDGET_MS { "held" } else { "NOT held" };
        println!(
            "{name:<16} {requests:>10} {median:>10.2} {p99:>10.2} {max:>10.2} {body_bytes:>10}   budget of {BUDGET_MS} ms: {judged}"
        );
    }
}
