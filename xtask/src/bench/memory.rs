//! The server's memory: with nothing to do, while a large file comes in, while it goes out.

use std::{path::Path, slice, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;

use super::{
    ceilings::Ceilings,
    data::{self, Data},
    look, measure,
    peers::{APP, write_manifest},
    programs::Programs,
    table::{self, Row, Spread},
    time,
};
use crate::{
    client::Client,
    server::Server,
    tools::{self, OPENSSL},
    workspace::{Binaries, Profile},
};

/// What `cargo xtask bench memory` is told.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// How often all of it is done, every time on a fresh data directory
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// The file's size, in MiB
    #[arg(long, default_value_t = 4096, value_parser = clap::value_parser!(u64).range(1..=65536))]
    size_mib: u64,
    /// Publish the real artifacts that `cargo xtask fixtures` fetched instead of random bytes
    #[arg(long, conflicts_with = "size_mib")]
    real: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

const IDLE_MIB: f64 = 64.0;
const BUSY_MIB: f64 = 128.0;

/// What is looked at, and the budget in MiB.
const LOOKED_AT: [(&str, Option<f64>); 6] = [
    ("distd, idle", Some(IDLE_MIB)),
    ("distd, idle after the push", Some(IDLE_MIB)),
    ("distd, most while it comes in", Some(BUSY_MIB)),
    ("distd, most while it goes out", Some(BUSY_MIB)),
    ("dist ci publish", None),
    ("dist pull", None),
];

/// What was measured, each figure once a run.
struct Figures {
    /// For each of [`LOOKED_AT`], in MiB.
    memory: [Vec<f64>; 6],
    ceilings: Ceilings,
    /// The cold push and the pull; GNU time stands before each.
    steps: [Row; 2],
    /// Of the last push and pull, over loopback.
    wire_bytes: [u64; 2],
}

pub(super) fn run(options: &Options, programs: &Programs) -> Result<()> {
    tools::ensure(measure::TOOLS)?;
    tools::ensure(&[OPENSSL])?;
    let binaries = programs.find(Profile::Release)?;
    let folder = super::folder()?;
    let data =
        if options.real { data::collect_real(&folder)? } else { data::generate(&folder, options.size_mib << 20)? };
    let mut figures = Figures {
        memory: Default::default(),
        ceilings: Ceilings::new(data.bytes),
        steps: ["cold push", "pull"].map(|name| Row::new(name, data.bytes)),
        wire_bytes: [0; 2],
    };
    for run in 1..=options.runs {
        eprintln!("run {run} of {}", options.runs);
        figures.ceilings.measure(slice::from_ref(&data.file), &folder)?;
        measure_once(&binaries, &folder, &data, &mut figures)?;
    }
    print_figures(&figures, &data, options);
    Ok(())
}

fn measure_once(binaries: &Binaries, folder: &Path, file: &Data, figures: &mut Figures) -> Result<()> {
    let run = tempfile::tempdir_in(folder).context("cannot create a data directory")?;
    let data = run.path().join("data");
    let server = Server::start(&binaries.distd, &data)?;
    thread::sleep(Duration::from_secs(1));
    let idle = server.read_memory_bytes()?;
    let mut client = Client::new(binaries, &server, &data)?;
    client.run(["app", "create", APP, "--access", "token"])?;
    let file_name = file.file.file_name().and_then(|name| name.to_str()).context("the file has a name")?;
    let manifest = write_manifest(file.file.parent().context("the file is in a folder")?, [file_name])?;
    measure::settle()?;
    let (push_seconds, (push, _)) =
        time(|| look::watch(vec![client.publish_command(&manifest)], Some(server.id()), run.path()))?;
    let peak_in = server.read_peak_memory_bytes()?;
    thread::sleep(Duration::from_secs(1));
    let idle_after_push = server.read_memory_bytes()?;
    server.stop()?;

    // Another one: the peak of the first is that of the push.
    let server = Server::start(&binaries.distd, &data)?;
    client.move_to(&server);
    let pulled = run.path().join("pulled");
    let mut command = client.command();
    command.args(["pull", &format!("{APP}@beta"), "--json", "-o"]).arg(&pulled);
    measure::settle()?;
    let (pull_seconds, (pull, _)) = time(|| look::watch(vec![command], Some(server.id()), run.path()))?;
    ensure!(pulled.join(file_name).is_file(), "the pull wrote no {file_name}");
    let peak_out = server.read_peak_memory_bytes()?;
    server.stop()?;

    let clients = [push.client_peak_bytes, pull.client_peak_bytes];
    let looked_at = [idle, idle_after_push, peak_in, peak_out, clients[0], clients[1]];
    figures.memory.iter_mut().zip(looked_at).for_each(|(all, bytes)| all.push(mib(bytes)));
    figures.steps.iter_mut().zip([push_seconds, pull_seconds]).for_each(|(row, seconds)| row.seconds.push(seconds));
    figures.wire_bytes = [push.wire_bytes, pull.wire_bytes];
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "memory is far below 2⁵³ bytes")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Every run has to hold a budget.
fn is_held(memory: Spread, budget: Option<f64>) -> Option<bool> {
    budget.map(|budget| memory.max <= budget)
}

fn print_figures(figures: &Figures, data: &Data, options: &Options) {
    let looked_at = LOOKED_AT.iter().zip(&figures.memory).map(|(&(name, budget), all)| {
        let spread = table::spread(all.clone());
        (name, spread, budget, is_held(spread, budget))
    });
    if options.json {
        let memory = looked_at.map(
            |(name, spread, budget, held)| json!({ "name": name, "mib": spread, "budget_mib": budget, "held": held }),
        );
        let document = json!({
            "schema": "dist.bench.memory/2", "runs": options.runs, "bytes": data.bytes, "data": data.what,
            "memory": memory.collect::<Vec<_>>(), "ceilings": table::to_json(&figures.ceilings.rows()),
            "rows": table::to_json(&figures.steps), "wire_bytes": figures.wire_bytes,
        });
        println!("{document:#}");
        return;
    }
    println!("\n{} bytes, {}, runs: {}; memory in MiB\n", data.bytes, data.what, options.runs);
    println!("{:<32} {:>8} {:>8} {:>8}", "", "median", "min", "max");
    for (name, Spread { median, min, max }, budget, held) in looked_at {
        let judged = if held == Some(true) { "held" } else { "NOT held" };
        let judged = budget.map_or_else(String::new, |budget| format!("   budget of {budget}: {judged}"));
        println!("{name:<32} {median:>8.1} {min:>8.1} {max:>8.1}{judged}");
    }
    println!();
    let [hash, copy, loopback] = figures.ceilings.rows();
    let [push, pull] = figures.steps.clone();
    print!("{}", table::render(&[hash, copy, loopback, push, pull]));
    let [pushed, pulled] = figures.wire_bytes.map(|bytes| bytes / 1_000_000);
    println!("\n10^6 bytes over loopback, of everything on this machine: {pushed} in, {pulled} out");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_above_the_budget_does_not_hold_it() {
        let memory = table::spread(vec![20.0, 30.0, 129.0]);
        assert_eq!(is_held(memory, Some(BUSY_MIB)), Some(false));
        assert_eq!(is_held(table::spread(vec![mib(128 << 20)]), Some(BUSY_MIB)), Some(true));
        assert_eq!(is_held(memory, None), None);
    }
}
