//! Calls that fail: a full disk at every write, a disk that fails, one that is read-only, a database that is busy, and files
//! that do not belong where they are.
//!
//! The server goes on, says clearly what is wrong, what was published can be pulled, and nothing of the request that failed
//! is left that `distd fsck` would find; the same request succeeds once the trouble is over. Disks that are really full are
//! in [`super::disks`]. A clock that steps back cannot be had without changing that of the machine: a test of the API,
//! `a_clock_that_steps_back_deletes_nothing`, has one of its own.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::{
    beside, commands,
    release::{APP, Release},
    steps::upload_half,
};
use crate::{
    client::Client,
    process,
    server::Server,
    store,
    tools::{self, CURL, SQLITE3},
    workspace::Binaries,
};

/// How much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Every trouble at several times, and a million stray files.
    All,
    /// Every trouble once, and a thousand.
    Few,
}

/// What is done while a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    Push,
    /// An object is begun and left.
    Park,
    Pull,
    /// Twice: the second deletes what the first one found.
    Gc,
    Migrate,
    Repair,
    Backup,
    Restore,
}

/// A step that fails, and how, and at which times. At the first of these the load comes by it; what happens at the start of
/// the server is counted too.
struct Trouble(Load, &'static str, &'static str, &'static [u32]);

const TROUBLES: &[Trouble] = &[
    Trouble(Load::Push, "upload.open", "enospc", &[1, 2]),
    Trouble(Load::Push, "upload.write", "enospc", &[1, 2]),
    Trouble(Load::Push, "upload.write", "eio", &[1, 2]),
    Trouble(Load::Push, "object.seal", "enospc", &[1, 2, 3]),
    Trouble(Load::Push, "object.seal", "eio", &[1, 2, 3]),
    Trouble(Load::Push, "object.rename", "eio", &[1, 2, 3]),
    Trouble(Load::Push, "object.rename", "erofs", &[1, 2, 3]),
    Trouble(Load::Push, "object.temp", "enospc", &[1]),
    Trouble(Load::Push, "object.temp", "erofs", &[1]),
    Trouble(Load::Push, "directory.sync", "eio", &[1, 2, 4]),
    Trouble(Load::Push, "directory.sync", "enospc", &[1, 2, 4]),
    Trouble(Load::Push, "db.begin", "busy", &[1, 2, 4, 7]),
    Trouble(Load::Push, "db.begin", "erofs", &[1, 2, 4, 7]),
    Trouble(Load::Push, "db.commit", "enospc", &[1, 2, 4, 7]),
    Trouble(Load::Push, "db.commit", "eio", &[1, 2, 4, 7]),
    Trouble(Load::Push, "commit.manifest", "eio", &[1]),
    Trouble(Load::Park, "upload.park", "enospc", &[1, 2, 4]),
    Trouble(Load::Park, "upload.park", "eio", &[1, 2, 4]),
    Trouble(Load::Pull, "object.read", "eio", &[1, 2]),
    Trouble(Load::Gc, "gc.plan", "eio", &[1, 2]),
    Trouble(Load::Gc, "gc.trash", "enospc", &[1, 2]),
    Trouble(Load::Gc, "gc.delete", "eio", &[1]),
    Trouble(Load::Gc, "object.remove", "erofs", &[1]),
    Trouble(Load::Gc, "gc.deleted", "eio", &[1]),
    Trouble(Load::Migrate, "migrate.backup", "enospc", &[1]),
    Trouble(Load::Migrate, "migrate.step", "eio", &[1, 4]),
    Trouble(Load::Migrate, "migrate.commit", "enospc", &[1, 4]),
    Trouble(Load::Repair, "quarantine.move", "erofs", &[1]),
    Trouble(Load::Repair, "quarantine.record", "eio", &[1]),
    Trouble(Load::Backup, "backup.copied", "enospc", &[1]),
    Trouble(Load::Backup, "upload.write", "enospc", &[1, 2]),
    Trouble(Load::Backup, "object.seal", "eio", &[1, 2]),
    Trouble(Load::Backup, "object.rename", "erofs", &[1, 2]),
    Trouble(Load::Restore, "restore.copied", "enospc", &[1]),
    Trouble(Load::Restore, "upload.write", "enospc", &[1, 4]),
    Trouble(Load::Restore, "object.seal", "eio", &[1, 4]),
];

/// What was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Troubles, each of which was met at least once.
    pub troubles: usize,
    /// Requests and commands that failed as they should.
    pub refused: usize,
    /// Later times that nothing came by.
    pub passed: usize,
    /// Files that were put among the objects.
    pub strays: u32,
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { troubles, refused, passed, strays } = self;
        write!(formatter, "{troubles} troubles on the disk: {refused} requests and commands refused, ")?;
        write!(formatter, "{passed} not touched by it, each clean after; {strays} stray files told and left alone")
    }
}

/// Goes through all troubles.
///
/// # Errors
/// When something does not hold, naming the trouble; when one is not met.
pub fn run(binaries: &Binaries, which: &Which) -> Result<Tally> {
    tools::ensure(&[CURL, SQLITE3])?;
    let times = |times: &'static [u32]| if *which == Which::All { times } else { &times[..1] };
    let jobs: Vec<(&Trouble, u32)> =
        TROUBLES.iter().flat_map(|trouble| times(trouble.3).iter().map(move |&time| (trouble, time))).collect();
    let refused = beside(&jobs, |(Trouble(load, step, failure, times), time)| {
        let fault = format!("{step}@{time}={failure}");
        let folder = tempfile::tempdir().context("cannot create a folder for a store")?;
        let refused = meet(binaries, folder.path(), *load, &fault);
        let refused = refused.with_context(|| format!("{load:?} with {fault}"))?;
        ensure!(refused || *time != times[0], "{load:?} does not come by {fault}");
        Ok(refused)
    })?;
    let (refused, passed): (Vec<bool>, Vec<bool>) = refused.into_iter().partition(|refused| *refused);
    let strays = if *which == Which::All { 1_000_000 } else { 1000 };
    self::strays(binaries, strays)?;
    Ok(Tally { troubles: TROUBLES.len(), refused: refused.len(), passed: passed.len(), strays })
}

/// Returns whether what was done with the trouble was refused.
fn meet(binaries: &Binaries, folder: &Path, load: Load, fault: &str) -> Result<bool> {
    let command = match load {
        Load::Migrate => commands::migrate,
        Load::Repair => commands::repair,
        Load::Backup => commands::back_up,
        Load::Restore => commands::restore,
        Load::Push | Load::Park | Load::Pull | Load::Gc => return Stage::open(binaries, folder)?.meet(load, fault),
    };
    command(binaries, folder, fault).map(|()| true)
}

/// A store with a release, and one that is to be pushed.
struct Stage<'a> {
    binaries: &'a Binaries,
    data: PathBuf,
    client: Client,
    published: Release,
    release: Release,
}

/// So that the second gc deletes what the first one found.
const KEEPS_NOTHING: [&str; 6] = ["--gc-grace", "0", "--gc-every", "0", "--scrub-days", "0"];

impl<'a> Stage<'a> {
    fn open(binaries: &'a Binaries, folder: &Path) -> Result<Self> {
        let data = folder.join("data");
        let server = Server::start(&binaries.distd, &data)?;
        let client = Client::new(binaries, &server, &data)?;
        client.run(["app", "create", APP, "--access", "token"])?;
        let mut random = fastrand::Rng::with_seed(3);
        let published = Release::write(folder, 1, &[300_000, 5_000], &mut random)?;
        client.publish(&published.manifest)?;
        server.stop()?;
        let release = Release::write(folder, 2, &[300_000, 5_000], &mut random)?;
        store::plant_orphan(&data, b"nothing names it")?;
        Ok(Self { binaries, data, client, published, release })
    }

    fn meet(mut self, load: Load, fault: &str) -> Result<bool> {
        let distd = &self.binaries.distd;
        let started = Server::start_configured(distd, &self.data, &[("DISTD_FAULT", fault)], &KEEPS_NOTHING);
        let was_refused = match started {
            // At the start: it says so and ends.
            Err(error) => {
                ensure!(format!("{error:#}").contains("error"), "it ended without a word: {error:#}");
                true
            }
            Ok(server) => {
                self.client.move_to(&server);
                let done = self.work(load);
                if let Err(error) = &done {
                    let said = format!("{error:#}");
                    let codes = ["insufficient_storage", "storage_failed", "unavailable", "internal"];
                    ensure!(codes.iter().any(|code| said.contains(code)), "it does not say what is wrong: {said}");
                    self.published.pull(&self.client).context("reading does not go on")?;
                }
                store::fsck(distd, &self.data).context("beside the server")?;
                server.stop()?;
                done.is_err()
            }
        };
        store::fsck(distd, &self.data).context("after the trouble")?;
        let server = Server::start_configured(distd, &self.data, &[], &KEEPS_NOTHING)?;
        self.client.move_to(&server);
        self.work(load).context("the trouble is over, and the same fails")?;
        self.client.publish(&self.release.manifest).context("the trouble is over, and a push fails")?;
        self.published.pull(&self.client)?;
        self.release.pull(&self.client)?;
        server.stop()?;
        store::check_objects(&self.data)?;
        store::fsck(distd, &self.data).map(|()| was_refused)
    }

    fn work(&self, load: Load) -> Result<()> {
        match load {
            Load::Push => complete(self.client.publish_command(&self.release.manifest).args(["--retries", "0"])),
            Load::Park => upload_half(&self.client),
            Load::Pull => {
                let to = tempfile::tempdir().context("cannot create a folder")?;
                let mut command = self.client.command();
                command.args(["pull", &self.published.revision, "--json", "--retries", "0", "-o"]).arg(to.path());
                complete(&mut command)
            }
            Load::Gc => {
                (0..2).try_for_each(|_| complete(self.client.command().args(["gc", "--json", "--retries", "0"])))
            }
            Load::Migrate | Load::Repair | Load::Backup | Load::Restore => Ok(()),
        }
    }
}

/// Runs a command of which the error has all that it said: codes are on standard output, the rest is not.
fn complete(command: &mut Command) -> Result<()> {
    let output = process::capture(command)?;
    let said = process::quote_tail(&[output.stdout, output.stderr].concat());
    ensure!(output.status.success(), "`{}` ended with {}{said}", process::describe(command), output.status);
    Ok(())
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
