//! A log of many releases: how long until the first page is there.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::{
    programs::Programs,
    stock::{self, APP, Stocked},
    table::{self, Row},
    time,
};
use crate::client::Client;

/// What `cargo xtask bench log` is told.
#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(flatten)]
    stock: stock::Options,
    /// How often each command is timed
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options, programs: &Programs) -> Result<()> {
    let Stocked { client, mut server, folder: _folder } = stock::start(&options.stock, programs, |_| Ok(()))?;
    let known = options.stock.count - 60;
    let range = format!("{APP}@1.0.{known}+{known}..beta");
    let commands: [(&'static str, Vec<&str>); 4] = [
        ("all releases", vec!["log", APP]),
        ("a channel's history", vec!["log", "bench@beta"]),
        ("a range", vec!["log", &range]),
        ("lines that join", vec!["log", APP, "--graph", "--oneline"]),
    ];
    let mut rows = Vec::new();
    for (name, arguments) in &commands {
        let mut row = Row::new(*name, 0);
        for _ in 0..options.runs {
            row.seconds
                .push(time_first_line(&client, arguments).map_err(|error| server.quote_log(&format!("{error:#}")))?);
        }
        rows.push(row);
    }
    let (whole, text) = time(|| client.run(["log", APP, "--oneline"]))?;
    ensure!(text.lines().count() == options.stock.count as usize, "the log is not whole");
    server.stop()?;
    print_figures(&rows, whole, options);
    Ok(())
}

/// From the start of `dist` until its first line is there; what would follow is not waited for.
pub(super) fn time_first_line(client: &Client, arguments: &[&str]) -> Result<f64> {
    let mut command = client.command();
    command.args(arguments).stdout(Stdio::piped()).stdin(Stdio::null());
    let (seconds, (mut child, line)) = time(|| {
        let mut child = command.spawn().context("cannot start dist")?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("dist has no standard output")?;
        BufReader::new(stdout).read_line(&mut line).context("cannot read what dist prints")?;
        Ok((child, line))
    })?;
    // It would fetch the next page before it sees that nobody reads on. Where it has ended already there is nothing to kill.
    let _ = child.kill();
    child.wait().context("cannot wait for dist")?;
    ensure!(line.starts_with('●'), "dist printed no release but {line:?}");
    Ok(seconds)
}

fn print_figures(rows: &[Row], whole: f64, options: &Options) {
    if options.json {
        let document = serde_json::json!({
            "schema": "dist.bench.log/1",
            "runs": options.runs,
            "releases": options.stock.count,
            "rows": table::to_json(rows),
            "seconds_of_all_in_one_line_each": whole,
        });
        println!("{document:#}");
        return;
    }
    println!(
        "\n{} releases, {} runs, milliseconds until the first page is printed\n",
        options.stock.count, options.runs
    );
    println!("{:<24} {:>10} {:>10} {:>10}", "", "median", "min", "max");
    for row in rows {
        let spread = row.time();
        let [median, min, max] = [spread.median, spread.min, spread.max].map(|seconds| format!("{:.1}", seconds * 1e3));
        println!("{:<24} {median:>10} {min:>10} {max:>10}", row.name);
    }
    println!("\nall of it, one line each: {whole:.2} s");
}
