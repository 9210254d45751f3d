//! What each client of a soak does until the time is over.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::{APPS, Options, Push, Shared};
use crate::{
    bench::{http::Connection, time},
    client::{Client, Status},
    manifest::{Entry, Manifest},
    process::Running,
    server::Server,
};

/// How long something that failed is left alone before it is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// Downloads the same file over and over on one connection.
pub(super) fn download(shared: &Shared, client: &Client, path: &str, bytes: u64) {
    let mut connection = None;
    while shared.goes_on() {
        match download_once(&mut connection, client, path, bytes) {
            Ok(()) => {
                shared.downloads.fetch_add(1, Ordering::Relaxed);
                shared.downloaded_bytes.fetch_add(bytes, Ordering::Relaxed);
            }
            Err(error) => {
                shared.fail("download", &error);
                connection = None;
                thread::sleep(PAUSE);
            }
        }
    }
}

fn download_once(connection: &mut Option<Connection>, client: &Client, path: &str, bytes: u64) -> Result<()> {
    if connection.is_none() {
        *connection = Some(Connection::new(client.url())?);
    }
    let response = connection.as_mut().context("there is a connection")?.get(path, client.token())?;
    ensure!(response.status == 200, "status {}", response.status);
    ensure!(response.bytes == bytes, "{} bytes of {bytes}", response.bytes);
    Ok(())
}

/// Publishes one release after the other.
pub(super) fn push(shared: &Shared, client: &Client, folder: &Path, number: u32, options: &Options) {
    let folder = folder.join(format!("push-{number}"));
    let mut build = 0;
    while shared.goes_on() {
        build += 1;
        let due = Instant::now() + Duration::from_secs(options.push_every);
        let beside_care = shared.is_care_time();
        match push_once(client, &folder, APPS[number as usize % APPS.len()], build, options.push_kib << 10) {
            Ok(seconds) => {
                let beside_care = (shared.is_care_time() == beside_care).then_some(beside_care);
                shared.note(|found| found.pushes.push(Push { seconds, beside_care }));
            }
            Err(error) => {
                shared.fail("push", &error);
                thread::sleep(PAUSE);
            }
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

fn push_once(client: &Client, folder: &Path, app: &'static str, build: u64, bytes: u64) -> Result<f64> {
    fs::create_dir_all(folder).context("cannot create a folder")?;
    let mut noise = vec![0; usize::try_from(bytes).context("a pushed file fits in memory")?];
    fastrand::Rng::new().fill(&mut noise);
    fs::write(folder.join("file.bin"), noise).context("cannot write a file")?;
    let artifacts = vec![Entry::opaque("file.bin")];
    let manifest =
        Manifest { app, version: format!("1.0.{build}"), build: build.to_string(), channel: "beta", artifacts };
    let manifest = manifest.write(folder)?;
    let (seconds, publication) = time(|| client.publish(&manifest))?;
    ensure!(publication.status == Status::Published, "a new release was found there already");
    Ok(seconds)
}

/// Has the server delete what nothing names and read all that it stores, in the parts of the time that are for it.
pub(super) fn care(shared: &Shared, client: &Client) {
    while shared.goes_on() {
        for verb in ["gc", "fsck"] {
            if shared.is_care_time()
                && let Err(error) = care_once(shared, client, verb)
            {
                shared.fail(verb, &error);
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Runs one of them to its end, or until its time is over: on the server it ends with its client.
fn care_once(shared: &Shared, client: &Client, verb: &str) -> Result<()> {
    let mut command: Command = client.command();
    command.arg(verb).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut running = Running(command.spawn().context("cannot start dist")?);
    while shared.is_care_time() && shared.goes_on() {
        match running.0.try_wait().context("cannot wait for dist")? {
            Some(status) if status.success() => {
                shared.cares.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            Some(status) => bail!("it ended with {status}"),
            None => thread::sleep(Duration::from_millis(20)),
        }
    }
    Ok(())
}

/// Reads the server's memory twice a second.
pub(super) fn watch_memory(shared: &Shared, server: &Server) {
    while shared.goes_on() {
        match server.read_memory_bytes() {
            Ok(bytes) => shared.note(|found| found.memory.push(bytes)),
            Err(error) => {
                shared.fail("the server", &error);
                shared.is_over.store(true, Ordering::Relaxed);
            }
        }
        thread::sleep(Duration::from_millis(500));
    }
}
