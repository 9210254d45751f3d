//! Downloads of one file: the product beside nginx with sendfile and docker-registry, the same client for all.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    slice,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;

use super::{
    ceilings::Ceilings,
    compare,
    data::{self, Data},
    look::{self, Look},
    measure,
    peers::{Ground, HANDED_OVER, Nginx, Peer, Product, Registry},
    programs::Programs,
    table::{self, Row},
    time,
};
use crate::{
    process,
    tools::{self, CURL, NGINX, OPENSSL, STRACE, Tool},
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
    STRACE,
    Tool { program: "time", package: "time" },
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
    let servers = Servers::start(&binaries, &data, run_folder.path(), false)?;
    let mut ceilings = Ceilings::new(data.bytes);
    let mut all = Vec::new();
    for clients in [1, options.clients] {
        let bytes = data.bytes * u64::from(clients);
        let mut rows = NAMES.map(|name| Row::new(name, bytes));
        for run in 0..options.runs as usize {
            ceilings.measure(slice::from_ref(&data.file), &folder)?;
            for turn in 0..rows.len() {
                let place = (turn + run) % rows.len();
                let (seconds, ()) = time(|| download(&servers.served[place].url, clients, data.bytes))?;
                rows[place].seconds.push(seconds);
            }
        }
        all.push((clients, rows));
    }
    let looks = look_at_all(servers, &binaries, &data, &folder)?;
    print_figures(&Figures { all, ceilings, looks }, &data, options);
    Ok(())
}

/// All that are measured, the product first and what its budget is held against behind it.
const NAMES: [&str; 4] = ["dist", "nginx, sendfile", "docker-registry", "dist behind nginx"];

/// What was measured.
struct Figures {
    /// For each number of clients.
    all: Vec<(u32, [Row; NAMES.len()])>,
    ceilings: Ceilings,
    /// Of one download, for each of [`NAMES`].
    looks: [Look; NAMES.len()],
}

/// One server that has the file.
struct Served {
    url: String,
    /// Process group of what sends the bytes.
    group: u32,
    /// Where its syncs are traced to.
    trace: Option<PathBuf>,
}

/// One for each of [`NAMES`].
struct Servers {
    served: [Served; NAMES.len()],
    /// They end with this.
    _running: [Box<dyn Peer>; 5],
}

impl Servers {
    fn start(binaries: &Binaries, data: &Data, folder: &Path, is_traced: bool) -> Result<Self> {
        let folders = ["dist", "nginx", "registry", "behind", "before"].map(|name| folder.join(name));
        folders.iter().try_for_each(fs::create_dir).context("cannot create a folder")?;
        let traces = folders.each_ref().map(|folder| is_traced.then(|| folder.with_extension("strace")));
        let ground = |number: usize| Ground {
            folder: &folders[number],
            file: &data.file,
            digest: &data.digest,
            trace: traces[number].as_deref(),
        };
        let product = Product::start(binaries, &ground(0))?;
        let nginx = Nginx::start(&ground(1), data.file.parent().context("the file is in a folder")?)?;
        let registry = Registry::start(&ground(2))?;
        for mut command in registry.push() {
            process::read(&mut command)?;
        }
        let line = format!("x_accel_redirect = \"{HANDED_OVER}\"\n");
        let behind = Product::start_configured(binaries, &ground(3), &line)?;
        let before = Nginx::start_before(&ground(4), behind.client().url(), &folders[3].join("data/objects"))?;
        let urls = [
            product.publish()?,
            format!("{}/{}", nginx.url(), ground(1).file_name()),
            registry.url(),
            behind.publish()?.replacen(behind.client().url(), before.url(), 1),
        ];
        let running: [Box<dyn Peer>; 5] =
            [Box::new(product), Box::new(nginx), Box::new(registry), Box::new(behind), Box::new(before)];
        let senders = [0, 1, 2, 4];
        let mut served = Vec::new();
        for (url, sender) in urls.into_iter().zip(senders) {
            let group = running[sender].group().context("a server has a process group")?;
            served.push(Served { url, group, trace: traces[sender].clone() });
        }
        let served = served.try_into().ok().context("each server has an address")?;
        Ok(Self { served, _running: running })
    }
}

/// Memory and bytes of one download from each server, then syncs of another from servers that are traced.
fn look_at_all(servers: Servers, binaries: &Binaries, data: &Data, folder: &Path) -> Result<[Look; NAMES.len()]> {
    let run_folder = tempfile::tempdir_in(folder).context("cannot create a folder")?;
    let mut looks = [Look::default(); NAMES.len()];
    for (look, served) in looks.iter_mut().zip(&servers.served) {
        measure::forget_peaks(served.group);
        *look = look::watch(vec![curl(&served.url)], Some(served.group), run_folder.path())?.0;
    }
    drop(servers);
    eprintln!("syncs");
    let servers = Servers::start(binaries, data, run_folder.path(), true)?;
    for (look, served) in looks.iter_mut().zip(&servers.served) {
        *look =
            look.with_syncs(look::count_syncs(vec![curl(&served.url)], served.trace.as_deref(), run_folder.path())?);
    }
    Ok(looks)
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
    let start = || curl(url).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start curl");
    let started: Vec<Child> = (0..clients).map(|_| start()).collect::<Result<_>>()?;
    for child in started {
        let output = child.wait_with_output().context("cannot wait for curl")?;
        let told = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success() && told == bytes.to_string(), "{url}: {}, {told} bytes", output.status);
    }
    Ok(())
}

/// Downloads into nothing, and says how many bytes.
fn curl(url: &str) -> Command {
    let mut command = Command::new("curl");
    command.args(["-sSfL", "-o", "/dev/null", "-w", "%{size_download}"]).arg(url);
    command
}

fn is_held(rows: &[Row; NAMES.len()]) -> bool {
    compare::ratio(&rows[0], &rows[1]).median >= BUDGET
}

fn print_figures(figures: &Figures, data: &Data, options: &Options) {
    if options.json {
        let parts = figures.all.iter().map(|(clients, rows)| {
            let ratios = rows.each_ref().map(|row| compare::ratio(&rows[0], row));
            json!({ "clients": clients, "rows": table::to_json(rows), "ratios": ratios, "held": is_held(rows) })
        });
        let document = json!({
            "schema": "dist.bench.serve/2", "runs": options.runs, "data": data.what, "bytes": data.bytes,
            "ceilings": table::to_json(&figures.ceilings.rows()), "parts": parts.collect::<Vec<_>>(),
            "looks": look::to_json(&NAMES, &figures.looks),
        });
        println!("{document:#}");
        return;
    }
    println!("\n{} bytes, {}, over loopback, {} runs, in the page cache\n", data.bytes, data.what, options.runs);
    print!("{}", table::render(&figures.ceilings.rows()));
    for (clients, rows) in &figures.all {
        println!("\n{clients} at once, MB/s of all together");
        print!("{}", table::render(rows));
        for row in &rows[1..] {
            let ratio = compare::ratio(&rows[0], row);
            println!(
                "dist is {:.2} times as fast as {} ({:.2} to {:.2})",
                ratio.median, row.name, ratio.min, ratio.max
            );
        }
        println!("budget of {BUDGET} times nginx: {}", if is_held(rows) { "held" } else { "NOT held" });
    }
    println!(
        "\none download\n{}{}; the server is what sends the bytes",
        look::render(&NAMES, &figures.looks),
        look::LEGEND
    );
    println!("\n{}: nginx sends what X-Accel-Redirect names; {ONLY_FIRST}", NAMES[3]);
}

/// What handing a download over means.
const ONLY_FIRST: &str = "distd looks at the first block of the file only, and no later byte is verified";
