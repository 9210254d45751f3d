//! Kills at every named step of a write, a commit, a gc, a quarantine, a migration, a backup and a restore.
//!
//! A server is told to end itself (SIGKILL) at the n-th time that it reaches a step. It is made to do everything there is,
//! until it is gone; then it must start again without anyone's help, `distd fsck` must be clean, and everything that was
//! acknowledged must be there, before anything is pushed again. What is not a server's work is ended in its own process.

use std::{
    collections::HashSet,
    fmt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::{
    backups, beside, migrations,
    release::{APP, Release},
};
use crate::{
    client::{Client, Publication, Status},
    digest, process,
    server::Server,
    store,
    tools::{self, CURL, SQLITE3},
    workspace::Binaries,
};

/// Which times each step is ended at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The first times, and some later ones.
    All,
    /// The first time, and one that falls into a push for what happens at the start already.
    Few,
}

/// Steps that the start of a server passes too.
const AT_START: &[&str] = &["directory.sync", "db.begin", "db.commit", "db.committed"];

/// Steps of the object store that a backup and a restore pass.
const OF_COPIES: &[&str] = &["upload.write", "object.seal", "object.rename", "object.durable", "directory.sync"];

impl Which {
    fn times(self, step: &str) -> &'static [u32] {
        match self {
            Which::All => &[1, 2, 3, 5, 8, 13, 21],
            Which::Few if AT_START.contains(&step) => &[1, 9],
            Which::Few => &[1],
        }
    }
}

/// How often a process ended at a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Steps at which it ended at least once: all there are.
    pub steps: Vec<String>,
    /// How often it ended.
    pub kills: u32,
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "killed {} times at {} named steps, each time clean again", self.kills, self.steps.len())
    }
}

/// The steps that there are.
///
/// # Errors
/// When `distd` does not say.
pub fn list(binaries: &Binaries) -> Result<Vec<String>> {
    let steps = process::read(Command::new(&binaries.distd).arg("fault-steps"))?;
    Ok(steps.lines().map(str::to_owned).collect())
}

/// Runs through all steps.
///
/// # Errors
/// When something does not hold, naming the step; when a step is never reached.
pub fn run(binaries: &Binaries, which: &Which) -> Result<Tally> {
    tools::ensure(&[CURL, SQLITE3])?;
    let steps = list(binaries)?;
    let newest = migrations::read_newest(binaries)?;
    let mut jobs: Vec<Job<'_>> = steps.iter().flat_map(|step| Job::of_step(step, *which, newest)).collect();
    if *which == Which::All {
        let copies = OF_COPIES.iter().flat_map(|step| [(Kind::Backup, *step), (Kind::Restore, *step)]);
        jobs.extend(copies.flat_map(|(kind, step)| which.times(step).iter().map(move |&at| Job { kind, step, at })));
    }
    let ended = beside(&jobs, |job| job.run(binaries))?;
    let killed: HashSet<&str> = jobs.iter().zip(&ended).filter(|(_, ended)| **ended).map(|(job, _)| job.step).collect();
    for step in &steps {
        ensure!(killed.contains(step.as_str()), "nothing reaches the step {step}: it is never killed there");
    }
    let kills = u32::try_from(ended.iter().filter(|ended| **ended).count())?;
    Ok(Tally { steps, kills })
}

/// What is ended.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Work,
    Migration,
    Backup,
    Restore,
}

/// Something that is ended at a step, on a store of its own.
struct Job<'a> {
    kind: Kind,
    step: &'a str,
    /// At which time the step is reached, or for a migration, from which version of the tables.
    at: u32,
}

impl<'a> Job<'a> {
    fn of_step(step: &'a str, which: Which, newest: u32) -> Vec<Self> {
        let kind = match step.split('.').next() {
            Some("migrate") => Kind::Migration,
            Some("backup") => Kind::Backup,
            Some("restore") => Kind::Restore,
            _ => Kind::Work,
        };
        let at: Vec<u32> = match (kind, which) {
            (Kind::Migration, Which::All) => (1..newest).collect(),
            (Kind::Migration, Which::Few) => vec![1, newest - 1],
            _ => which.times(step).to_vec(),
        };
        at.into_iter().map(|at| Self { kind, step, at }).collect()
    }

    /// Returns whether it ended.
    fn run(&self, binaries: &Binaries) -> Result<bool> {
        let Self { kind, step, at } = self;
        let folder = tempfile::tempdir().context("cannot create a folder for a store")?;
        let fault = format!("{step}@{at}=kill");
        let ended = match kind {
            Kind::Work => end_work(binaries, folder.path(), &fault),
            Kind::Migration => migrations::end(binaries, folder.path(), step, *at),
            Kind::Backup => backups::end_backup(binaries, folder.path(), &fault),
            Kind::Restore => backups::end_restore(binaries, folder.path(), &fault),
        };
        ended.with_context(|| format!("{kind:?} killed at {step}, {at}"))
    }
}

/// A store of its own with one release that is there before anything ends.
struct Stage {
    data: PathBuf,
    folder: PathBuf,
    client: Client,
    random: fastrand::Rng,
    /// What was acknowledged.
    acknowledged: Vec<Release>,
    /// The object that was damaged on purpose.
    damaged: Option<String>,
}

/// Returns whether the server ended.
fn end_work(binaries: &Binaries, folder: &Path, fault: &str) -> Result<bool> {
    let data = folder.join("data");
    let server = Server::start_configured(&binaries.distd, &data, &[], &TELLS_ITSELF)?;
    let client = Client::new(binaries, &server, &data)?;
    client.run(["app", "create", APP, "--access", "token"])?;
    client.run(["webhook", "create", APP, NOBODY])?;
    let random = fastrand::Rng::with_seed(7);
    let mut stage = Stage { data, folder: folder.to_owned(), client, random, acknowledged: Vec::new(), damaged: None };
    stage.publish(1)?;
    stage.publish(2)?;
    server.stop()?;
    store::plant_orphan(&stage.data, b"nothing names it")?;

    // It may end before it listens: there is a first time for everything at the start too.
    let arguments = [KEEPS_NOTHING.as_slice(), &TELLS_ITSELF].concat();
    let ended = match Server::start_configured(&binaries.distd, &stage.data, &[("DISTD_FAULT", fault)], &arguments) {
        Err(error) => {
            ensure!(!format!("{error:#}").contains("error"), "it ended by itself: {error:#}");
            true
        }
        Ok(mut server) => {
            stage.client.move_to(&server);
            // Each may fail, once the server is gone.
            let _ = stage.publish(3);
            let _ = stage.client.run(["gc", "--retries", "0"]);
            let _ = stage.client.run(["gc", "--retries", "0"]);
            let _ = stage.damage_and_pull();
            // What was asked for is looked at in the background; this one waits for it.
            let _ = stage.client.run(["fsck", "--retries", "0"]);
            let _ = upload_half(&stage.client);
            let _ = stage.publish(4);
            let ended = server.try_wait()?.is_some();
            if !ended {
                server.kill()?;
            }
            ended
        }
    };
    stage.check(binaries)?;
    Ok(ended)
}

/// Where a webhook goes that nobody answers, and what lets it.
const NOBODY: &str = "http://127.0.0.1:9/";
const TELLS_ITSELF: [&str; 1] = ["--webhook-allow-private"];

/// So that the second gc deletes what the first one found.
const KEEPS_NOTHING: [&str; 4] = ["--gc-grace", "0", "--gc-every", "0"];

impl Stage {
    fn publish(&mut self, number: u32) -> Result<()> {
        let release = Release::write(&self.folder, number, &[300_000, 5_000], &mut self.random)?;
        process::read(self.client.publish_command(&release.manifest).args(["--retries", "0"]))?;
        self.acknowledged.push(release);
        Ok(())
    }

    /// Damages an object of the first release and asks for it, so that it is moved aside.
    fn damage_and_pull(&mut self) -> Result<()> {
        let release = self.acknowledged.first().context("nothing was published")?;
        let digest = release.artifacts[0].0.clone();
        store::flip(&self.data, &digest)?;
        self.damaged = Some(digest);
        let to = self.folder.join("pulled");
        let to = to.to_str().context("a path that is not UTF-8")?;
        self.client.run(["pull", &release.revision, "-o", to, "--retries", "0"]).map(|_| ())
    }

    /// What was acknowledged is there, but for the object that was damaged on purpose, before the server starts again and
    /// after; and that one a push brings back, and no other.
    fn check(&mut self, binaries: &Binaries) -> Result<()> {
        let damaged = self.damaged.as_deref();
        store::read_fsck(&binaries.distd, &self.data)?.check_only(damaged).context("before the restart")?;
        let server = Server::start(&binaries.distd, &self.data).context("it does not start again")?;
        self.client.move_to(&server);
        self.acknowledged.iter().try_for_each(|release| release.look(&self.client, &self.data, damaged))?;
        store::read_fsck(&binaries.distd, &self.data)?.check_only(damaged).context("after the restart")?;
        if let Some(digest) = damaged {
            // Where nobody asked for it, a check moves it aside, and says so by its exit code.
            let _ = self.client.run(["fsck"]);
            ensure!(!store::object_path(&self.data, digest).exists(), "the damaged object was not moved aside");
        }
        for release in &self.acknowledged {
            let lacks = release.artifacts.iter().filter(|(digest, _)| damaged == Some(digest.as_str())).count();
            let Publication { status, transfer, .. } = self.client.publish(&release.manifest)?;
            ensure!(status == Status::Unchanged, "{} was acknowledged, and is published again", release.revision);
            ensure!(
                transfer.uploaded_objects == lacks as u64,
                "{} lacked {lacks} objects, and {} were sent",
                release.revision,
                transfer.uploaded_objects
            );
        }
        store::check_rows(&self.data)?;
        store::check_objects(&self.data)?;
        store::fsck(&binaries.distd, &self.data)?;
        server.stop()
    }
}

/// Sends the first bytes of an object and leaves it at that, a few times: each is kept for who goes on.
pub(super) fn upload_half(client: &Client) -> Result<()> {
    let api = format!("{}/api/v1/apps/{APP}", client.url());
    let authorization = format!("Authorization: Bearer {}", client.token());
    let ask = |arguments: &[&str]| {
        let curl = ["-s", "--fail-with-body", "-H", &authorization, "-H", "Expect:"];
        process::read(Command::new("curl").args(curl).args(arguments)).map_err(|error| {
            // The command has the token in it.
            anyhow::anyhow!("{}", error.to_string().replace(client.token(), "…"))
        })
    };
    let id = digest::of_bytes(b"begun and left");
    let wanted = format!(r#"{{"objects":[{{"digest":"{id}","size":14}}]}}"#);
    ask(&["-H", "Content-Type: application/json", "-d", &wanted, &format!("{api}/push/negotiate")])?;
    let object = format!("{api}/objects/{id}");
    for (offset, letter) in "begun".chars().enumerate() {
        let (at, body) = (format!("Upload-Offset: {offset}"), letter.to_string());
        ask(&["-X", "PATCH", "-H", &at, "-H", "Upload-Complete: ?0", "--data-binary", &body, &object])?;
    }
    Ok(())
}
