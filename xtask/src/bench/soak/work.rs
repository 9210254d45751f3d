//! What each client of a soak does until the time is over.

use std::{
    fs::{self, File},
    io::{Read, Seek},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, de::IgnoredAny};

use super::{APPS, Collected, Options, Push, Shared};
use crate::{
    bench::{http::Connection, time},
    client::{Client, Status},
    manifest::{Entry, Manifest},
    process::{self, Running},
    server::Server,
};

/// With care, each client abandons an upload before every so many pushes, beginning with the first.
const ABANDON_EVERY: u64 = 5;

/// How often whoever waits is told how far it is.
const TELL_EVERY: Duration = Duration::from_secs(30);

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
        let (app, bytes) = (APPS[number as usize % APPS.len()], options.push_kib << 10);
        if options.care
            && build % ABANDON_EVERY == 1
            && let Err(error) = abandon_once(client, &folder, app, build, bytes)
        {
            shared.fail("abandon", &error);
        }
        let beside_care = shared.is_care_time();
        match push_once(client, &folder, app, build, bytes) {
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
    let manifest = write_release(folder, app, format!("1.0.{build}"), build, bytes)?;
    let (seconds, publication) = time(|| client.publish(&manifest))?;
    ensure!(publication.status == Status::Published, "a new release was found there already");
    Ok(seconds)
}

/// Uploads a part of a release that nobody ever publishes.
fn abandon_once(client: &Client, folder: &Path, app: &'static str, build: u64, bytes: u64) -> Result<()> {
    let manifest = write_release(&folder.join("abandoned"), app, format!("9.0.{build}"), build, bytes)?;
    process::read(client.command().args(["ci", "stage", "--part", "abandoned", "--json", "--manifest"]).arg(manifest))?;
    Ok(())
}

/// A release with one file that nobody has.
fn write_release(folder: &Path, app: &'static str, version: String, build: u64, bytes: u64) -> Result<PathBuf> {
    fs::create_dir_all(folder).context("cannot create a folder")?;
    let mut noise = vec![0; usize::try_from(bytes).context("a pushed file fits in memory")?];
    fastrand::Rng::new().fill(&mut noise);
    fs::write(folder.join("file.bin"), noise).context("cannot write a file")?;
    let artifacts = vec![Entry::opaque("file.bin")];
    Manifest { app, version, build: build.to_string(), channel: "beta", artifacts }.write(folder)
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
    let mut said = tempfile::tempfile().context("cannot create a file for what dist prints")?;
    command.args([verb, "--json"]).stdin(Stdio::null()).stdout(said.try_clone()?).stderr(Stdio::null());
    let mut running = Running(command.spawn().context("cannot start dist")?);
    while shared.is_care_time() && shared.goes_on() {
        match running.0.try_wait().context("cannot wait for dist")? {
            Some(status) if status.success() => {
                shared.cares.fetch_add(1, Ordering::Relaxed);
                return if verb == "gc" { note_collected(shared, &mut said) } else { Ok(()) };
            }
            Some(status) => bail!("it ended with {status}"),
            None => thread::sleep(Duration::from_millis(20)),
        }
    }
    Ok(())
}

fn note_collected(shared: &Shared, said: &mut File) -> Result<()> {
    let mut text = String::new();
    said.rewind().and_then(|()| said.read_to_string(&mut text)).context("cannot read what dist gc printed")?;
    let one = parse_collected(&text)?;
    shared.note(|found| {
        let all = &mut found.collected;
        *all = Collected {
            runs: all.runs + one.runs,
            deleted: all.deleted + one.deleted,
            deleted_bytes: all.deleted_bytes + one.deleted_bytes,
            dropped: all.dropped + one.dropped,
        };
    });
    Ok(())
}

/// What `dist gc --json` prints (`dist.gc/1`), as far as it is looked at here.
fn parse_collected(text: &str) -> Result<Collected> {
    #[derive(Deserialize)]
    struct Report {
        abandoned: Vec<IgnoredAny>,
        deleted: Vec<Deleted>,
    }
    #[derive(Deserialize)]
    struct Deleted {
        size: u64,
    }
    let report: Report = serde_json::from_str(text).context("dist gc printed no dist.gc/1")?;
    Ok(Collected {
        runs: 1,
        deleted: report.deleted.len() as u64,
        deleted_bytes: report.deleted.iter().map(|object| object.size).sum(),
        dropped: report.abandoned.len() as u64,
    })
}

/// Reads the server's memory twice a second, and tells now and then how far it is.
pub(super) fn watch_memory(shared: &Shared, server: &Server) {
    let mut told = Instant::now();
    while shared.goes_on() {
        match server.read_memory_bytes() {
            Ok(bytes) => {
                shared.note(|found| found.memory.push(bytes));
                if told.elapsed() >= TELL_EVERY {
                    told = Instant::now();
                    shared.tell_progress(bytes);
                }
            }
            Err(error) => {
                shared.fail("the server", &error);
                shared.is_over.store(true, Ordering::Relaxed);
            }
        }
        thread::sleep(Duration::from_millis(500));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gc_deleted_is_read_as_the_contract_has_it() {
        let collected = parse_collected(
            r#"{"schema":"dist.gc/1","dry_run":false,"expired":[],"trashed":[{"digest":"ab","size":7}],"restored":[],
                "abandoned":[{"app":"acme","digest":"cd","partial":3}],
                "deleted":[{"digest":"ef","size":10},{"digest":"01","size":20}]}"#,
        );
        assert_eq!(collected.unwrap(), Collected { runs: 1, deleted: 2, deleted_bytes: 30, dropped: 1 });
    }
}
