//! Where the time of one cold push goes: `perf` looks at the whole machine meanwhile, both ends and the kernel.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::{
    data, flame, measure,
    peers::{Peer, Product, write_manifest},
    programs::Programs,
};
use crate::{
    process,
    tools::{self, Tool},
    workspace::{self, Profile},
};

/// What `cargo xtask bench profile` is told.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// The file's size, in MiB
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u64).range(1..=65536))]
    size_mib: u64,
    /// Publish the real artifacts that `cargo xtask fixtures` fetched instead of random bytes
    #[arg(long, conflicts_with = "size_mib")]
    real: bool,
    /// Samples a second, of each core
    #[arg(long, default_value_t = 999, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    frequency: u32,
    /// How many of the innermost frames are printed
    #[arg(long, default_value_t = 20)]
    top: usize,
}

/// Debian's package has the `perf` of its kernel; another kernel's events are the same.
const PERF: Tool = Tool { program: "perf", package: "linux-perf" };

pub(super) fn run(options: &Options, programs: &Programs) -> Result<()> {
    tools::ensure(&[PERF])?;
    let binaries = programs.find(Profile::Release)?;
    let folder = super::folder()?;
    let data =
        if options.real { data::collect_real(&folder)? } else { data::generate(&folder, options.size_mib << 20)? };
    let output = workspace::read_metadata()?.target_directory.join("profile");
    fs::create_dir_all(&output).with_context(|| format!("cannot create {}", output.display()))?;
    let name = data.file.file_name().and_then(|name| name.to_str()).context("the file has a name")?;
    let manifest = write_manifest(data.file.parent().context("the file is in a folder")?, [name])?;
    let run = tempfile::tempdir_in(&folder).context("cannot create a folder")?;
    let product = Product::of_manifest(&binaries, run.path(), &manifest, None)?;
    measure::settle()?;
    for push in product.push() {
        record(&push, &output.join(RECORDED), options.frequency)?;
    }
    let server = product.group().context("a server has a process id")?;
    product.stop()?;
    write_all(&output, &[(server, "distd")], options.top)
}

/// From which part of the samples on it is worth telling that they have no name, in percent.
const MOST_UNKNOWN: f64 = 5.0;
const WITH_NAMES: &str =
    "CARGO_PROFILE_RELEASE_STRIP=none RUSTFLAGS=-Cforce-frame-pointers=yes cargo build --release -p dist -p distd";

/// What `perf` writes of all samples.
const RECORDED: &str = "push.perf.data";

fn record(command: &Command, to: &Path, frequency: u32) -> Result<()> {
    let mut perf = Command::new(PERF.program);
    perf.args(["record", "--all-cpus", "-g", "--quiet", "--freq", &frequency.to_string(), "--output"])
        .arg(to)
        .arg("--");
    process::read(&mut measure::behind(perf, command)).map(drop).context(
        "perf needs to see the whole machine: run this as root, or set the kernel's kernel.perf_event_paranoid to -1",
    )
}

fn write_all(output: &Path, known: &[(u32, &str)], top: usize) -> Result<()> {
    let recorded = output.join(RECORDED);
    let written = |name: &str| -> Result<File> {
        let file = output.join(name);
        File::create(&file).with_context(|| format!("cannot write {}", file.display()))
    };
    // What these two say on standard error is about symbols of the kernel and of others that they cannot find.
    let mut report = Command::new(PERF.program);
    report.args(["report", "--stdio", "--no-children", "--percent-limit", "0.5", "--input"]).arg(&recorded);
    process::run(report.stdout(written("push.report.txt")?).stderr(Stdio::null()))?;
    let script = output.join("push.script.txt");
    let mut command = Command::new(PERF.program);
    command.args(["script", "-F", "comm,pid,tid,ip,sym", "--input"]).arg(&recorded);
    process::run(command.stdout(written("push.script.txt")?).stderr(Stdio::null()))?;
    let text = fs::read(&script).with_context(|| format!("cannot read {}", script.display()))?;
    let folded = flame::fold(&String::from_utf8_lossy(&text), known);
    ensure!(!folded.is_empty(), "perf took no sample");
    fs::write(output.join("push.folded"), flame::to_text(&folded)).context("cannot write the stacks")?;
    fs::write(output.join("push.svg"), flame::draw(&folded)).context("cannot write the flame graph")?;
    println!("\nof all samples, idle cores (swapper) included\n");
    for (share, name) in flame::find_tops(&folded).into_iter().take(top) {
        println!("{share:>6.2} %  {name}");
    }
    let unknown = flame::share_unknown(&folded);
    if unknown > MOST_UNKNOWN {
        println!(
            "\n{unknown:.0} % have no name. Released programs have no symbols: measure some that were built with {WITH_NAMES}"
        );
    }
    println!(
        "\n{}: push.svg is the flame graph, push.folded its stacks, push.report.txt perf's own report",
        output.display()
    );
    Ok(())
}
