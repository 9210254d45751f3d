//! Pages of the console, with many releases and many audit events: how long the server takes for each.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::{
    programs::Programs,
    stock::{self, Stocked},
    table::{self, Row},
};
use crate::{client::Client, process};

/// What `cargo xtask bench console` is told.
#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(flatten)]
    stock: stock::Options,
    /// How many events the audit log has
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    events: u32,
    /// How often each page is timed
    #[arg(long, default_value_t = 21, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// The most that a page may have, in bytes.
const PAGE_BYTES: u64 = 150 * 1024;

pub(super) fn run(options: &Options, programs: &Programs) -> Result<()> {
    let Stocked { client, server, folder: _folder } =
        stock::start(&options.stock, programs, |data| add_events(data, options.events))?;
    let mut rows = Vec::new();
    for (name, path) in pages(options.stock.count) {
        rows.push(time_page(&client, name, &path, options.runs)?);
    }
    server.stop()?;
    print_figures(&rows, options);
    Ok(())
}

fn pages(count: u32) -> Vec<(&'static str, String)> {
    let last = format!("1.0.{count}+{count}").replace('+', "%2B");
    vec![
        ("apps", "/console".into()),
        ("app", "/console/apps/bench".into()),
        ("app, filtered", "/console/apps/bench?q=1.0.77".into()),
        ("release", format!("/console/apps/bench/releases/{last}")),
        ("channel", "/console/apps/bench/channels/beta".into()),
        ("diff", format!("/console/apps/bench/diff?from=1.0.50%2B50&to={last}")),
        ("promote", format!("/console/apps/bench/channels/stable/promote?revision={last}")),
        ("roll back", "/console/apps/bench/channels/beta/rollback".into()),
        ("audit", "/console/audit".into()),
        ("audit, by app and action", "/console/audit?app=bench&action=channel.promote".into()),
        ("audit, by a rare actor", "/console/audit?actor=nobody".into()),
        ("storage", "/console/storage".into()),
        ("tokens", "/console/tokens".into()),
        ("jump", "/console/jump?q=1.0.77".into()),
    ]
}

/// Events as a busy server has them; their hashes are no chain, and nothing here asks for one.
fn add_events(data: &Path, count: u32) -> Result<()> {
    let hash = "0".repeat(64);
    let sql = format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
         INSERT INTO audit_events (seq, at, actor, token_id, action, app, subject, old, new, reason, address, request_id,
           details, previous_hash, hash)
         SELECT (SELECT max(seq) FROM audit_events) + n, '2026-11-22T08:00:00.000Z', 'ci', 'aaaaaaaa', 'channel.promote',
           'bench', 'channels/beta', '{hash}', '{hash}', 'number ' || n, '192.0.2.1', 'aaaaaaaaaaaaaaaa', '{{}}', '{hash}',
           '{hash}' FROM numbers;"
    );
    stock::run_sql(data, sql.as_bytes())
}

/// From the request to the last byte, as curl measures it. The first answer is not counted.
fn time_page(client: &Client, name: &'static str, path: &str, runs: u32) -> Result<Row> {
    let mut row = Row::new(name, 0);
    let url = format!("{}{path}", client.url());
    for run in 0..=runs {
        let format = "%{http_code} %{size_download} %{time_total}";
        let header = format!("Authorization: Bearer {}", client.token());
        let told =
            process::read(Command::new("curl").args(["-s", "-o", "/dev/null", "-w", format, "-H", &header, &url]))?;
        let told: Vec<&str> = told.split_whitespace().collect();
        let [status, bytes, seconds] = told[..] else { anyhow::bail!("curl said {told:?}") };
        ensure!(status == "200", "{path}: {status}");
        let bytes: u64 = bytes.parse().context("curl says no size")?;
        ensure!(bytes <= PAGE_BYTES, "{path} has {bytes} bytes");
        if run > 0 {
            row.seconds.push(seconds.parse().context("curl says no time")?);
        }
    }
    Ok(row)
}

fn print_figures(rows: &[Row], options: &Options) {
    if options.json {
        let document = serde_json::json!({
            "schema": "dist.bench.console/1", "runs": options.runs, "releases": options.stock.count, "events": options.events,
            "rows": table::to_json(rows),
        });
        println!("{document:#}");
        return;
    }
    println!(
        "\n{} releases, {} events, {} runs, milliseconds for a page\n",
        options.stock.count, options.events, options.runs
    );
    println!("{:<28} {:>10} {:>10} {:>10}", "", "median", "min", "max");
    for row in rows {
        let spread = row.time();
        let [median, min, max] = [spread.median, spread.min, spread.max].map(|seconds| format!("{:.1}", seconds * 1e3));
        println!("{:<28} {median:>10} {min:>10} {max:>10}", row.name);
    }
}
