//! Many clients for a long time: downloads and pushes at once, the server's memory all along, and what its own care for the
//! data (gc, fsck) costs a push.

mod report;
mod work;

use std::{
    fs,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;

use super::programs::Programs;
use crate::{
    client::Client,
    manifest::{Entry, Manifest},
    server::Server,
    workspace::{Binaries, Profile},
};

/// What `cargo xtask bench soak` is told.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// For how long, in seconds
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(8..=86_400))]
    seconds: u64,
    /// How many clients download, without a pause
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=500))]
    downloading: u32,
    /// How many clients push, each to an app of its own
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=8))]
    pushing: u32,
    /// The size of the downloaded file, in MiB
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=4096))]
    download_mib: u64,
    /// The size of each pushed file, in KiB
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    push_kib: u64,
    /// Seconds from one push of a client to its next, unless the push takes longer
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=3600))]
    push_every: u64,
    /// In every second eighth of the time, run gc and fsck on the server, one after the other without a pause. Uploads are
    /// abandoned now and then, so that gc has something to delete
    #[arg(long)]
    care: bool,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

/// Into how many parts the time is cut: care runs in every second one.
const PARTS: u32 = 8;

/// As docs/deploy/distd.service and the image have it.
const ARENAS: (&str, &str) = ("MALLOC_ARENA_MAX", "2");

/// The apps that are pushed to.
const APPS: [&str; 8] = ["soak-a", "soak-b", "soak-c", "soak-d", "soak-e", "soak-f", "soak-g", "soak-h"];
const DOWNLOADED: &str = "soak-download";

/// What all threads see and add to.
struct Shared {
    begun: Instant,
    length: Duration,
    care: bool,
    /// Set when something broke that the rest depends on.
    is_over: AtomicBool,
    downloads: AtomicU64,
    downloaded_bytes: AtomicU64,
    cares: AtomicU64,
    found: Mutex<Found>,
}

/// What is kept one by one.
#[derive(Default)]
struct Found {
    pushes: Vec<Push>,
    /// Of the server, in bytes, in the order of time.
    memory: Vec<u64>,
    errors: Vec<String>,
    collected: Collected,
}

/// What gc told that it did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Collected {
    /// Runs that came to their end while they were watched.
    runs: u64,
    /// Objects.
    deleted: u64,
    deleted_bytes: u64,
    /// Uploads that nobody went on with.
    dropped: u64,
}

/// One push.
struct Push {
    seconds: f64,
    /// Whether the server cared for its data all the while; `None` where that changed meanwhile.
    beside_care: Option<bool>,
}

impl Shared {
    fn goes_on(&self) -> bool {
        self.begun.elapsed() < self.length && !self.is_over.load(Ordering::Relaxed)
    }

    /// Whether this is a part of the time in which care runs.
    fn is_care_time(&self) -> bool {
        let part = self.begun.elapsed().as_secs_f64() / self.length.as_secs_f64() * f64::from(PARTS);
        self.care && is_odd(part)
    }

    fn note(&self, add: impl FnOnce(&mut Found)) {
        add(&mut self.found.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    /// How far it is, for whoever waits.
    fn tell_progress(&self, memory_bytes: u64) {
        let (pushes, errors) = {
            let found = self.found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            (found.pushes.len(), found.errors.len())
        };
        eprintln!(
            "{} of {} s: {} downloads, {pushes} pushes, {errors} errors, {} MiB",
            self.begun.elapsed().as_secs(),
            self.length.as_secs(),
            self.downloads.load(Ordering::Relaxed),
            memory_bytes >> 20
        );
    }

    fn fail(&self, who: &str, error: &anyhow::Error) {
        self.note(|found| found.errors.push(format!("{who}: {error:#}")));
    }
}

fn is_odd(part: f64) -> bool {
    part.rem_euclid(2.0) >= 1.0
}

/// As long as a test may take: a minute beside gc and fsck, and a minute without.
const SHORT: Options = Options {
    seconds: 120,
    downloading: 50,
    pushing: 8,
    download_mib: 8,
    push_kib: 1024,
    push_every: 1,
    care: true,
    json: false,
};

pub(super) fn run(options: &Options, programs: &Programs) -> Result<()> {
    hold(options, &programs.find(Profile::Release)?)
}

/// The short form of a soak.
pub(super) fn run_short(binaries: &Binaries) -> Result<()> {
    hold(&SHORT, binaries)
}

fn hold(options: &Options, binaries: &Binaries) -> Result<()> {
    let folder = tempfile::tempdir_in(super::folder()?).context("cannot create a folder")?;
    let data = folder.path().join("data");
    let mut server = start(options, binaries, &data)?;
    let client = Client::new(binaries, &server, &data)?;
    let download = prepare(&client, folder.path(), options)?;
    let shared = Shared {
        begun: Instant::now(),
        length: Duration::from_secs(options.seconds),
        care: options.care,
        is_over: AtomicBool::new(false),
        downloads: AtomicU64::new(0),
        downloaded_bytes: AtomicU64::new(0),
        cares: AtomicU64::new(0),
        found: Mutex::default(),
    };
    thread::scope(|scope| {
        for _ in 0..options.downloading {
            scope.spawn(|| work::download(&shared, &client, &download, options.download_mib << 20));
        }
        for number in 0..options.pushing {
            let (shared, client, folder) = (&shared, &client, folder.path());
            scope.spawn(move || work::push(shared, client, folder, number, options));
        }
        if options.care {
            scope.spawn(|| work::care(&shared, &client));
        }
        work::watch_memory(&shared, &server);
    });
    let ended = server.try_wait()?;
    ensure!(ended.is_none(), "{:#}", server.quote_log("the server ended"));
    client.run(["fsck"]).context("the store is not whole any more")?;
    server.stop()?;
    report::finish(&shared, options)
}

/// A server with as few arenas for memory as its unit and its image give it. With care, it keeps what nobody needs for as long as
/// a part of the time, and not for days.
fn start(options: &Options, binaries: &Binaries, data: &Path) -> Result<Server> {
    let kept = format!("{}s", kept_seconds(options.seconds));
    let mut arguments = vec!["--gc-every", "0"];
    if options.care {
        arguments.extend(["--gc-grace", "1s", "--upload-lease", &kept, "--stage-ttl", &kept]);
    }
    Server::start_configured(&binaries.distd, data, &[ARENAS], &arguments)
}

/// For how long abandoned uploads are kept: not so short that one is dropped between its end and its commit.
fn kept_seconds(seconds: u64) -> u64 {
    (seconds / u64::from(PARTS)).clamp(5, 30)
}

/// Makes the apps and publishes what is downloaded; says where it is.
fn prepare(client: &Client, folder: &Path, options: &Options) -> Result<String> {
    for app in APPS.iter().take(options.pushing as usize).chain([&DOWNLOADED]) {
        client.run(["app", "create", app, "--access", "token"])?;
    }
    let folder = folder.join("download");
    fs::create_dir(&folder).context("cannot create a folder")?;
    super::write_noise(&folder.join("file.bin"), options.download_mib << 20, 1)?;
    let artifacts = vec![Entry::opaque("file.bin")];
    let manifest = Manifest { app: DOWNLOADED, version: "1.0.0".into(), build: "1".into(), channel: "beta", artifacts };
    client.publish(&manifest.write(&folder)?)?;
    Ok(format!("/artifacts/{DOWNLOADED}/1.0.0+1/file.bin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn care_runs_in_every_second_part() {
        assert_eq!([0.0, 0.9, 1.0, 1.9, 2.0, 7.5].map(is_odd), [false, false, true, true, false, true]);
    }

    #[test]
    fn abandoned_uploads_are_kept_for_a_part_of_the_time() {
        assert_eq!([8, 120, 600, 3600].map(kept_seconds), [5, 15, 30, 30]);
    }
}
