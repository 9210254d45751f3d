//! A push that is interrupted again and again: how many bytes are sent twice. Once by a network that cuts the connection, once by
//! a client that is killed and run again.

use std::{
    path::Path,
    process::{Child, Stdio},
    sync::mpsc::RecvTimeoutError,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::{
    data::{Data, Source},
    measure,
    peers::{APP, write_manifest},
    programs::Programs,
    relay::{Fate, Relay},
    table::{self, Spread},
    time,
};
use crate::{
    client::Client,
    digest,
    process::Running,
    server::Server,
    store,
    workspace::{Binaries, Profile},
};

/// What `cargo xtask bench interrupted` is told.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// How often each push is made, every time on a fresh data directory
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    #[command(flatten)]
    source: Source,
    /// How often a push is interrupted, at places that are spread over the file
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    times: u32,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// The most that may be sent beyond the file itself, in percent of it.
const BUDGET_PERCENT: f64 = 1.0;

/// The ways to interrupt.
const WAYS: [(&str, Fate); 2] = [("connection cut", Fate::Cut), ("client killed", Fate::Hold)];

/// What was measured of one way.
#[derive(Serialize)]
struct Figures {
    name: &'static str,
    /// Bytes from the client, headers and manifest included; one figure a run.
    sent_bytes: Vec<u64>,
    seconds: Vec<f64>,
}

impl Figures {
    /// What was sent beyond the file, in percent of it.
    fn percent_twice(&self, file_bytes: u64) -> Spread {
        table::spread(self.sent_bytes.iter().map(|&sent| percent_beyond(sent, file_bytes)).collect())
    }
}

pub(super) fn run(options: &Options, programs: &Programs) -> Result<()> {
    let binaries = programs.find(Profile::Release)?;
    let folder = super::folder()?;
    let data = options.source.prepare(&folder)?;
    let mut all = WAYS.map(|(name, _)| Figures { name, sent_bytes: Vec::new(), seconds: Vec::new() });
    for run in 1..=options.runs {
        eprintln!("run {run} of {}", options.runs);
        for (figures, (name, fate)) in all.iter_mut().zip(WAYS) {
            let (seconds, sent) = measure_once(&binaries, &data, &folder, fate, options.times).context(name)?;
            figures.seconds.push(seconds);
            figures.sent_bytes.push(sent);
        }
    }
    print_figures(&all, &data, options);
    Ok(())
}

/// One push on a fresh data directory: seconds, and bytes that the client sent.
fn measure_once(binaries: &Binaries, data: &Data, folder: &Path, fate: Fate, times: u32) -> Result<(f64, u64)> {
    let run = tempfile::tempdir_in(folder).context("cannot create a data directory")?;
    let data_folder = run.path().join("data");
    let server = Server::start(&binaries.distd, &data_folder)?;
    let client = Client::new(binaries, &server, &data_folder)?;
    client.run(["app", "create", APP, "--access", "token"])?;
    let name = data.file.file_name().and_then(|name| name.to_str()).context("the file has a name")?;
    let manifest = write_manifest(data.file.parent().context("the file is in a folder")?, [name])?;
    let relay = Relay::start(server.url(), fate, places(data.bytes, times))?;
    let client = Client::of_server(&binaries.dist, relay.url(), client.token())?;
    measure::settle()?;
    let (seconds, ()) = time(|| match fate {
        Fate::Cut => client.publish(&manifest).map(drop),
        Fate::Hold => publish_and_kill(&client, &manifest, &relay, times),
    })?;
    ensure!(relay.count_left() == 0, "it was interrupted {} times less than {times}", relay.count_left());
    let stored = digest::of_file(&store::object_path(&data_folder, &data.digest))?;
    ensure!(stored == data.digest, "what the server stored is another file");
    server.stop()?;
    Ok((seconds, relay.sent_bytes()))
}

/// Kills the client (SIGKILL) wherever the relay holds it, and runs it again, until it has nothing left to send.
fn publish_and_kill(client: &Client, manifest: &Path, relay: &Relay, times: u32) -> Result<()> {
    for number in 1..=times {
        let mut command = client.publish_command(manifest);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut running = Running(command.spawn().context("cannot start dist")?);
        wait_until_met(relay, &mut running.0).with_context(|| format!("client {number}"))?;
        drop(running);
        relay.go_on();
    }
    client.publish(manifest).map(drop)
}

fn wait_until_met(relay: &Relay, child: &mut Child) -> Result<()> {
    loop {
        match relay.met().recv_timeout(Duration::from_millis(100)) {
            Ok(()) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {
                let ended = child.try_wait().context("cannot wait for dist")?;
                ensure!(ended.is_none(), "it ended before it was interrupted: {ended:?}");
            }
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the relay ended early"),
        }
    }
}

/// Counts of bytes at which a push is interrupted, as far from each other as from both ends.
fn places(bytes: u64, times: u32) -> impl Iterator<Item = u64> {
    (1..=u64::from(times)).map(move |number| bytes / u64::from(times + 1) * number)
}

#[allow(clippy::cast_precision_loss, reason = "sizes are far below 2⁵³")]
fn percent_beyond(sent: u64, file: u64) -> f64 {
    (sent as f64 - file as f64) / file as f64 * 100.0
}

fn print_figures(all: &[Figures], data: &Data, options: &Options) {
    let is_held = |figures: &Figures| figures.percent_twice(data.bytes).max <= BUDGET_PERCENT;
    if options.json {
        let of_way = |figures: &Figures| {
            json!({ "figures": figures, "time": table::spread(figures.seconds.clone()),
                "percent_twice": figures.percent_twice(data.bytes), "held": is_held(figures) })
        };
        let document = json!({
            "schema": "dist.bench.interrupted/1", "runs": options.runs, "times": options.times, "data": data.what,
            "bytes": data.bytes, "budget_percent": BUDGET_PERCENT, "ways": all.iter().map(of_way).collect::<Vec<_>>(),
        });
        println!("{document:#}");
        return;
    }
    println!(
        "\n{} bytes, {}, pushed over loopback, interrupted {} times each, {} runs\n",
        data.bytes, data.what, options.times, options.runs
    );
    println!(
        "{:<16} {:>14} {:>14} {:>10} {:>8} {:>8} {:>10}",
        "", "bytes sent", "beyond file", "% twice", "min", "max", "seconds"
    );
    for figures in all {
        let Spread { median, min, max } = figures.percent_twice(data.bytes);
        let mut sent = figures.sent_bytes.clone();
        sent.sort_unstable();
        let sent = sent[sent.len() / 2];
        println!(
            "{:<16} {sent:>14} {:>14} {median:>10.3} {min:>8.3} {max:>8.3} {:>10.3}   budget of {BUDGET_PERCENT} %: {}",
            figures.name,
            sent.saturating_sub(data.bytes),
            table::spread(figures.seconds.clone()).median,
            if is_held(figures) { "held" } else { "NOT held" },
        );
    }
    println!("\nsent: what the relay between them read from the client, with headers and the manifest; medians");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_spread_over_the_file() {
        assert_eq!(places(1100, 10).collect::<Vec<_>>(), (1..=10).map(|number| number * 100).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_sent_twice_is_told_in_percent_of_the_file() {
        let figures = Figures { name: "", sent_bytes: vec![1000, 1010, 1025], seconds: Vec::new() };
        assert_eq!(figures.percent_twice(1000), Spread { median: 1.0, min: 0.0, max: 2.5 });
    }
}
