//! Calls that fail: a full disk at every write, a disk that fails, one that is read-only, a database that is busy, and files
//! that do not belong where they are.
//!
//! The server goes on, says clearly what is wrong, and nothing of the request that failed is left that `distd fsck` would
//! find; the same request succeeds once the trouble is over.

use std::{fmt, fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use super::Release;
use crate::{client::Client, process, server::Server, store, workspace::Binaries};

const APP: &str = "crash";

/// How many files are put among the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// A million.
    All,
    /// A thousand, and the likeliest troubles only.
    Few,
}

/// Steps of a push that can fail, and how.
const TROUBLES: &[(&str, &str)] = &[
    ("upload.open", "enospc"),
    ("upload.write", "enospc"),
    ("upload.write", "eio"),
    ("object.seal", "enospc"),
    ("object.seal", "eio"),
    ("object.rename", "eio"),
    ("object.rename", "erofs"),
    ("directory.sync", "eio"),
    ("object.temp", "enospc"),
    ("object.temp", "erofs"),
    ("db.begin", "busy"),
    ("db.begin", "erofs"),
    ("db.commit", "enospc"),
    ("db.commit", "eio"),
    ("commit.manifest", "eio"),
    ("object.read", "eio"),
];

/// What was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Pushes that failed as they should.
    pub refused: u32,
    /// Pushes that did not come by the trouble.
    pub passed: u32,
    /// Files that were put among the objects.
    pub strays: u32,
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { refused, passed, strays } = self;
        write!(
            formatter,
            "{refused} pushes refused for trouble on the disk, {passed} not touched by it, each clean after; "
        )?;
        write!(formatter, "{strays} stray files told and left alone")
    }
}

/// Goes through all troubles.
///
/// # Errors
/// When something does not hold, naming the trouble.
pub fn run(binaries: &Binaries, which: &Which) -> Result<Tally> {
    let mut tally = Tally::default();
    let step_by = if *which == Which::All { 1 } else { 4 };
    for (step, failure) in TROUBLES.iter().step_by(step_by) {
        // The first time is often at the start of the server; later ones fall into the push.
        for time in if *which == Which::All { [2, 4, 7].as_slice() } else { &[4] } {
            let fault = format!("{step}@{time}={failure}");
            let folder = tempfile::tempdir().context("cannot create a folder for a store")?;
            let was_refused = push(binaries, folder.path(), &fault).with_context(|| fault.clone())?;
            *if was_refused { &mut tally.refused } else { &mut tally.passed } += 1;
        }
    }
    tally.strays = if *which == Which::All { 1_000_000 } else { 1000 };
    strays(binaries, tally.strays)?;
    Ok(tally)
}

/// Returns whether the push with the trouble was refused.
fn push(binaries: &Binaries, folder: &Path, fault: &str) -> Result<bool> {
    let data = folder.join("data");
    let server = Server::start(&binaries.distd, &data)?;
    let mut client = Client::new(binaries, &server, &data)?;
    client.run(["app", "create", APP, "--access", "token"])?;
    server.stop()?;
    let release = Release::write(folder, 1, &[300_000, 5_000], &mut fastrand::Rng::with_seed(3))?;
    let was_refused = match Server::start_configured(&binaries.distd, &data, &[("DISTD_FAULT", fault)], &[]) {
        // At the start: it says so and ends.
        Err(error) => {
            ensure!(format!("{error:#}").contains("error"), "it ended without a word: {error:#}");
            true
        }
        Ok(server) => {
            client.move_to(&server);
            let mut command = client.publish_command(&release.manifest);
            let output = command.args(["--retries", "0"]).output().context("cannot start dist")?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stdout);
                let codes = ["insufficient_storage", "storage_failed", "unavailable", "internal", "server_unreachable"];
                ensure!(codes.iter().any(|code| said.contains(code)), "it does not say what is wrong: {said}");
            }
            store::fsck(&binaries.distd, &data).context("beside the server")?;
            server.stop()?;
            !output.status.success()
        }
    };
    store::fsck(&binaries.distd, &data).context("after the trouble")?;
    let server = Server::start(&binaries.distd, &data)?;
    client.move_to(&server);
    client.publish(&release.manifest).context("the trouble is over, and the push fails")?;
    server.stop()?;
    store::check_objects(&data)?;
    store::fsck(&binaries.distd, &data).map(|()| was_refused)
}

/// Files that do not belong there are told, and change nothing.
fn strays(binaries: &Binaries, count: u32) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot create a folder for a store")?;
    let data = folder.path().join("data");
    Server::start(&binaries.distd, &data)?.stop()?;
    let shard = data.join("objects").join("ab");
    for number in 0..count {
        fs::File::create(shard.join(format!("stray-{number}"))).context("cannot create a stray file")?;
    }
    let server = Server::start(&binaries.distd, &data)?;
    let client = Client::new(binaries, &server, &data)?;
    client.run(["app", "create", APP, "--access", "token"])?;
    let release = Release::write(folder.path(), 1, &[5_000], &mut fastrand::Rng::with_seed(4))?;
    client.publish(&release.manifest)?;
    let fsck = process::capture(Command::new(&binaries.distd).args(["fsck", "--data"]).arg(&data))?;
    ensure!(fsck.status.code() == Some(1), "fsck with stray files ended with {}", fsck.status);
    let found = String::from_utf8_lossy(&[fsck.stdout, fsck.stderr].concat()).into_owned();
    let more = format!("{} more files that are no objects", count - 20);
    ensure!(found.contains(&more), "fsck does not say how many they are: {found}");
    server.stop()?;
    for number in 0..count {
        fs::remove_file(shard.join(format!("stray-{number}"))).context("a stray file was touched")?;
    }
    store::fsck(&binaries.distd, &data)
}
