//! Downloads of one file: the product beside nginx with sendfile and docker-registry, the same client for all.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    slice,
};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::{
    ceilings::Ceilings,
    compare,
    data::{self, Data},
    measure,
    peers::{Ground, Nginx, Peer, Product, Registry},
    programs::Programs,
    table::{self, Row},
    time,
};
use crate::{
    process,
    tools::{self, CURL, NGINX, OPENSSL, Tool},
    workspace::{Binaries, Profile},
};

/// What `cargo xtask bench serve` is told.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// How often each is timed
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// The file's size, in MiB
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..=65536))]
    size_mib: u64,
    /// How many download at once in the second half
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..=64))]
    clients: u32,
    /// Serve the real artifacts that `cargo xtask fixtures` fetched instead of random bytes
    #[arg(long, conflicts_with = "size_mib")]
    real: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// What a download of the product is to reach of nginx's speed.
const BUDGET: f64 = 0.8;

const TOOLS: &[Tool] = &[
    OPENSSL,
    CURL,
    NGINX,
    Tool { program: "docker-registry", package: "docker-registry" },
    Tool { program: "skopeo", package: "skopeo" },
];

pub(super) fn run(options: &Options, programs: &Programs) -> Result<()> {
    tools::ensure(TOOLS)?;
    let binaries = programs.find(Profile::Release)?;
    let folder = super::folder()?;
    let data =
        if options.real { data::collect_real(&folder)? } else { data::generate(&folder, options.size_mib << 20)? };
    let run_folder = tempfile::tempdir_in(&folder).context("cannot create a folder")?;
    let servers = Servers::start(&binaries, &data, run_folder.path())?;
    let mut ceilings = Ceilings::new(data.bytes);
    let mut all = Vec::new();
    for clients in [1, options.clients] {
        let bytes = data.bytes * u64::from(clients);
        let mut rows = servers.urls.each_ref().map(|(name, _)| Row::new(*name, bytes));
        for run in 0..options.runs as usize {
            ceilings.measure(slice::from_ref(&data.file), &folder)?;
            for turn in 0..rows.len() {
                let place = (turn + run) % servers.urls.len();
                let (seconds, ()) = time(|| download(&servers.urls[place].1, clients, data.bytes))?;
                rows[place].seconds.push(seconds);
            }
        }
        all.push((clients, rows));
    }
    print_figures(&all, &ceilings, &data, options);
    Ok(())
}

/// The three, the file published on each.
struct Servers {
    urls: [(&'static str, String); 3],
    _product: Product,
    _nginx: Nginx,
    _registry: Registry,
}

impl Servers {
    fn start(binaries: &Binaries, data: &Data, folder: &Path) -> Result<Self> {
        let names = ["dist", "nginx, sendfile", "docker-registry"];
        let folders = ["dist", "nginx", "registry"].map(|name| folder.join(name));
        folders.iter().try_for_each(fs::create_dir).context("cannot create a folder")?;
        let ground =
            |number: usize| Ground { folder: &folders[number], file: &data.file, digest: &data.digest, trace: None };
        let product = Product::start(binaries, &ground(0))?;
        let root = data.file.parent().context("the file is in a folder")?;
        let nginx = Nginx::start(&ground(1), root)?;
        let registry = Registry::start(&ground(2))?;
        for mut command in registry.push() {
            process::read(&mut command)?;
        }
        let urls = [product.publish()?, format!("{}/{}", nginx.url(), ground(1).file_name()), registry.url()];
        let [own, sendfile, layer] = urls;
        let urls = [(names[0], own), (names[1], sendfile), (names[2], layer)];
        Ok(Self { urls, _product: product, _nginx: nginx, _registry: registry })
    }
}

/// Publishes the file on a fresh server and says how many seconds one download of it takes.
///
/// # Errors
/// When one of them fails.
pub(super) fn time_download(binaries: &Binaries, data: &Data, folder: &Path) -> Result<f64> {
    let folder = tempfile::tempdir_in(folder).context("cannot create a folder")?;
    let ground = Ground { folder: folder.path(), file: &data.file, digest: &data.digest, trace: None };
    let product = Product::start(binaries, &ground)?;
    let url = product.publish()?;
    measure::settle()?;
    Ok(time(|| download(&url, 1, data.bytes))?.0)
}

/// So many downloads at once, into nothing; over when the last one is.
fn download(url: &str, clients: u32, bytes: u64) -> Result<()> {
    let start = || {
        let mut command = Command::new("curl");
        command.args(["-sSfL", "-o", "/dev/null", "-w", "%{size_download}"]).arg(url);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start curl")
    };
    let started: Vec<Child> = (0..clients).map(|_| start()).collect::<Result<_>>()?;
    for child in started {
        let output = child.wait_with_output().context("cannot wait for curl")?;
        let told = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success() && told == bytes.to_string(), "{url}: {}, {told} bytes", output.status);
    }
    Ok(())
}

fn print_figures(all: &[(u32, [Row; 3])], ceilings: &Ceilings, data: &Data, options: &Options) {
    if options.json {
        let parts = all.iter().map(|(clients, rows)| {
            let ratios = rows.each_ref().map(|row| compare::ratio(&rows[0], row));
            serde_json::json!({ "clients": clients, "rows": table::to_json(rows), "ratios": ratios })
        });
        let document = serde_json::json!({
            "schema": "dist.bench.serve/1", "runs": options.runs, "data": data.what, "bytes": data.bytes,
            "ceilings": table::to_json(&ceilings.rows()), "parts": parts.collect::<Vec<_>>(),
        });
        println!("{document:#}");
        return;
    }
    println!("\n{} bytes, {}, over loopback, {} runs, in the page cache\n", data.bytes, data.what, options.runs);
    print!("{}", table::render(&ceilings.rows()));
    for (clients, rows) in all {
        println!("\n{clients} at once, MB/s of all together");
        print!("{}", table::render(rows));
        for row in &rows[1..] {
            let ratio = compare::ratio(&rows[0], row);
            println!(
                "dist is {:.2} times as fast as {} ({:.2} to {:.2})",
                ratio.median, row.name, ratio.min, ratio.max
            );
        }
        let reached = compare::ratio(&rows[0], &rows[1]).median >= BUDGET;
        println!("budget of {BUDGET} times nginx: {}", if reached { "held" } else { "NOT held" });
    }
}
