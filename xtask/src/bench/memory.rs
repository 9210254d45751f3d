//! The server's memory: with nothing to do, while a large file comes in, while it goes out.

use std::{path::Path, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;

use super::{data, measure, programs::Programs};
use crate::{
    client::Client,
    manifest::{Entry, Manifest},
    server::Server,
    tools,
    workspace::{Binaries, Profile},
};

/// What `cargo xtask bench memory` is told.
#[derive(Args, Debug)]
pub(super) struct Options {
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

const APP: &str = "bench";
const IDLE_MIB: u64 = 64;
const BUSY_MIB: u64 = 128;

/// In bytes.
#[derive(Debug, Serialize)]
struct Figures {
    /// The server's, a second after it started on an empty folder.
    idle: u64,
    /// The same after the file came in and the server has nothing to do.
    idle_after_push: u64,
    /// The most that it had in use while the file came in.
    peak_in: u64,
    /// The most that a server had in use that was started to send it.
    peak_out: u64,
    /// The most that `dist ci publish` had in use.
    client_push: u64,
    /// The most that `dist pull` had in use.
    client_pull: u64,
}

pub(super) fn run(options: &Options, programs: &Programs) -> Result<()> {
    tools::ensure(measure::TOOLS)?;
    let binaries = programs.find(Profile::Release)?;
    let folder = super::folder()?;
    let data =
        if options.real { data::collect_real(&folder)? } else { data::generate(&folder, options.size_mib << 20)? };
    let figures = measure_all(&binaries, &folder, &data)?;
    if options.json {
        let document = serde_json::json!({
            "schema": "dist.bench.memory/1", "bytes": data.bytes, "data": data.what, "figures": figures,
            "budgets": { "idle": IDLE_MIB << 20, "busy": BUSY_MIB << 20 },
        });
        println!("{document:#}");
        return Ok(());
    }
    println!("\n{} bytes, {}; memory in MiB\n", data.bytes, data.what);
    for (name, bytes, budget) in [
        ("distd, idle", figures.idle, Some(IDLE_MIB)),
        ("distd, idle after the push", figures.idle_after_push, Some(IDLE_MIB)),
        ("distd, most while it comes in", figures.peak_in, Some(BUSY_MIB)),
        ("distd, most while it goes out", figures.peak_out, Some(BUSY_MIB)),
        ("dist ci publish", figures.client_push, None),
        ("dist pull", figures.client_pull, None),
    ] {
        println!("{name:<32} {:>6.1}{}", mib(bytes), budget.map_or_else(String::new, |budget| judge(bytes, budget)));
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "memory is far below 2⁵³ bytes")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn judge(bytes: u64, budget_mib: u64) -> String {
    let word = if bytes <= budget_mib << 20 { "held" } else { "NOT held" };
    format!("   budget of {budget_mib}: {word}")
}

fn measure_all(binaries: &Binaries, folder: &Path, file: &data::Data) -> Result<Figures> {
    let run = tempfile::tempdir_in(folder).context("cannot create a data directory")?;
    let data = run.path().join("data");
    let server = Server::start(&binaries.distd, &data)?;
    thread::sleep(Duration::from_secs(1));
    let idle = server.read_memory_bytes()?;
    let mut client = Client::new(binaries, &server, &data)?;
    client.run(["app", "create", APP, "--access", "token"])?;
    let file_name = file.file.file_name().and_then(|name| name.to_str()).context("the file has a name")?;
    let artifacts = vec![Entry::opaque(file_name)];
    let manifest = Manifest { app: APP, version: "1.0.0".into(), build: "1".into(), channel: "beta", artifacts };
    let manifest = manifest.write(file.file.parent().context("the file is in a folder")?)?;
    let (client_push, _) = measure::run_for_memory(&client.publish_command(&manifest), run.path())?;
    let peak_in = server.read_peak_memory_bytes()?;
    thread::sleep(Duration::from_secs(1));
    let idle_after_push = server.read_memory_bytes()?;
    server.stop()?;

    let server = Server::start(&binaries.distd, &data)?;
    client.move_to(&server);
    let pulled = run.path().join("pulled");
    let mut pull = client.command();
    pull.args(["pull", &format!("{APP}@beta"), "--json", "-o"]).arg(&pulled);
    let (client_pull, _) = measure::run_for_memory(&pull, run.path())?;
    ensure!(pulled.join(file_name).is_file(), "the pull wrote no {file_name}");
    let peak_out = server.read_peak_memory_bytes()?;
    server.stop()?;
    Ok(Figures { idle, idle_after_push, peak_in, peak_out, client_push, client_pull })
}
