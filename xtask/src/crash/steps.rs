//! Kills at every named step of a write, a commit, a gc, a quarantine and a migration.
//!
//! A server is told to end itself (SIGKILL) at the n-th time that it reaches a step. It is made to do everything there is,
//! until it is gone; then it must start again without anyone's help, `distd fsck` must be clean, and everything that was
//! acknowledged must be there.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::Release;
use crate::{
    client::Client,
    digest, process,
    server::Server,
    store,
    tools::{self, CURL, SQLITE3},
    workspace::Binaries,
};

const APP: &str = "crash";

/// Which times each step is ended at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The first times, and some later ones.
    All,
    /// The first time that falls into a push, or into a gc.
    Few,
}

impl Which {
    fn times(self) -> &'static [u32] {
        match self {
            Which::All => &[1, 2, 3, 5, 8, 13, 21],
            Which::Few => &[4],
        }
    }
}

/// How often the server ended at a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Steps at which it ended at least once.
    pub steps: Vec<String>,
    /// Steps that nothing reached.
    pub unreached: Vec<String>,
    /// How often it ended.
    pub kills: u32,
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "killed {} times at {} named steps, each time clean again", self.kills, self.steps.len())?;
        if self.unreached.is_empty() {
            Ok(())
        } else {
            write!(formatter, "; not reached: {}", self.unreached.join(", "))
        }
    }
}

/// Runs through all steps.
///
/// # Errors
/// When something does not hold, naming the step.
pub fn run(binaries: &Binaries, which: &Which) -> Result<Tally> {
    tools::ensure(&[CURL, SQLITE3])?;
    let steps = process::read(Command::new(&binaries.distd).arg("fault-steps"))?;
    let folder = tempfile::tempdir().context("cannot create a folder for stores")?;
    let mut tally = Tally::default();
    for (number, step) in steps.lines().enumerate() {
        let times: &[u32] = if step.starts_with("migrate.") { &[1] } else { which.times() };
        let mut kills = 0;
        for time in times {
            let place = folder.path().join(format!("{number}-{time}"));
            let fault = format!("{step}@{time}=kill");
            let run = if step.starts_with("migrate.") { end_migration } else { end_work };
            kills += u32::from(run(binaries, &place, &fault).with_context(|| fault.clone())?);
            fs::remove_dir_all(&place).context("cannot remove a store")?;
        }
        let list = if kills > 0 { &mut tally.steps } else { &mut tally.unreached };
        list.push(step.to_owned());
        tally.kills += kills;
    }
    Ok(tally)
}

/// A store of its own with one release that is there before anything ends.
struct Stage {
    data: PathBuf,
    folder: PathBuf,
    client: Client,
    random: fastrand::Rng,
    /// What was acknowledged, with its manifest.
    acknowledged: Vec<(String, Release)>,
}

/// Returns whether the server ended.
fn end_work(binaries: &Binaries, folder: &Path, fault: &str) -> Result<bool> {
    fs::create_dir_all(folder).context("cannot create a folder for a store")?;
    let data = folder.join("data");
    let server = Server::start_configured(&binaries.distd, &data, &[], &TELLS_ITSELF)?;
    let client = Client::new(binaries, &server, &data)?;
    client.run(["app", "create", APP, "--access", "token"])?;
    client.run(["webhook", "create", APP, NOBODY])?;
    let random = fastrand::Rng::with_seed(7);
    let mut stage = Stage { data, folder: folder.to_owned(), client, random, acknowledged: Vec::new() };
    stage.publish(1)?;
    stage.publish(2)?;
    server.stop()?;
    store::plant_orphan(&stage.data, b"nothing names it")?;

    // It may end before it listens: there is a first time for everything at the start too.
    let arguments = [KEEPS_NOTHING.as_slice(), &TELLS_ITSELF].concat();
    let ended = match Server::start_configured(&binaries.distd, &stage.data, &[("DISTD_FAULT", fault)], &arguments) {
        Err(_) => true,
        Ok(mut server) => {
            stage.client.move_to(&server);
            // Each may fail, once the server is gone.
            let _ = stage.publish(3);
            let _ = stage.client.run(["gc", "--retries", "0"]);
            let _ = stage.client.run(["gc", "--retries", "0"]);
            let _ = stage.damage_and_pull();
            let _ = stage.upload_half();
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
        let mut command = self.client.publish_command(&release.manifest);
        let text = process::read(command.args(["--retries", "0"]));
        if text.is_ok() {
            self.acknowledged.push((format!("1.0.0+{}", number + 1), release));
        }
        text.map(|_| ())
    }

    /// Damages an object of the first release and asks for it, so that it is moved aside.
    fn damage_and_pull(&mut self) -> Result<()> {
        let (name, release) = self.acknowledged.first().context("nothing was published")?;
        store::flip(&self.data, &release.artifacts[0].0)?;
        let to = self.folder.join("pulled");
        let to = to.to_str().context("a path that is not UTF-8")?;
        self.client.run(["pull", &format!("{APP}@{name}"), "-o", to, "--retries", "0"]).map(|_| ())
    }

    /// Sends the first bytes of an object and leaves it at that, a few times: each is kept for who goes on.
    fn upload_half(&self) -> Result<()> {
        let api = format!("{}/api/v1/apps/{APP}", self.client.url());
        let authorization = format!("Authorization: Bearer {}", self.client.token());
        let ask = |arguments: &[&str]| {
            process::read(Command::new("curl").args(["-sf", "-H", &authorization, "-H", "Expect:"]).args(arguments))
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

    /// The server starts by itself; what was acknowledged is there, but for the object that was damaged on purpose, and that
    /// one the same push brings back.
    fn check(&mut self, binaries: &Binaries) -> Result<()> {
        let server = Server::start(&binaries.distd, &self.data).context("it does not start again")?;
        self.client.move_to(&server);
        for (name, release) in &self.acknowledged {
            self.client.publish(&release.manifest).with_context(|| format!("{name} cannot be published again"))?;
            let shown = self.client.run(["show", &format!("{APP}@{name}"), "--json"])?;
            ensure!(shown.contains(&release.artifacts[1].0), "{name} was acknowledged and is not there");
        }
        // What was flipped and nobody asked for since is moved aside by a check, and comes back with the push.
        if store::fsck(&binaries.distd, &self.data).is_err() {
            let _ = self.client.run(["fsck"]);
            for (_, release) in &self.acknowledged {
                self.client.publish(&release.manifest)?;
            }
        }
        store::check_rows(&self.data)?;
        store::check_objects(&self.data)?;
        store::fsck(&binaries.distd, &self.data)?;
        server.stop()
    }
}

/// Ends a server while it changes the tables of the first version, with one app in them.
fn end_migration(binaries: &Binaries, folder: &Path, fault: &str) -> Result<bool> {
    fs::create_dir_all(folder).context("cannot create a folder for a store")?;
    let data = folder.join("data");
    make_first_version(binaries, &data)?;
    let ended = Server::start_configured(&binaries.distd, &data, &[("DISTD_FAULT", fault)], &[]).is_err();
    let server = Server::start(&binaries.distd, &data).context("it does not start again")?;
    server.stop()?;
    store::fsck(&binaries.distd, &data)?;
    ensure!(sql(&data.join("dist.sqlite"), "SELECT slug FROM apps")?.trim() == APP, "the app is gone");
    let backup = data.join("backups").join("before-v2.sqlite");
    ensure!(
        sql(&backup, "PRAGMA user_version; SELECT slug FROM apps")? == format!("1\n{APP}\n"),
        "no backup of before"
    );
    Ok(ended)
}

/// A data directory of the first version of the tables.
fn make_first_version(binaries: &Binaries, data: &Path) -> Result<()> {
    Server::start(&binaries.distd, data)?.stop()?;
    let database = data.join("dist.sqlite");
    // The index came with a later version.
    let of_refs = "SELECT sql || ';' FROM sqlite_master
                   WHERE tbl_name IN ('refs', 'reflog') AND sql <> '' AND name <> 'reflog_by_new'";
    let of_refs = sql(&database, of_refs)?;
    for suffix in ["", "-wal", "-shm"] {
        let file = data.join(format!("dist.sqlite{suffix}"));
        if file.exists() {
            fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        }
    }
    let schema = crate::workspace::root().join("distd/src/db/schema.sql");
    let schema = fs::read_to_string(&schema).with_context(|| format!("cannot read {}", schema.display()))?;
    let row = format!("INSERT INTO apps VALUES ('{APP}', '{APP}', 'token', '2026-11-22T09:00:00.000Z', 'test');");
    let script = format!("PRAGMA journal_mode=WAL; BEGIN; {schema} {of_refs} {row} PRAGMA user_version=1; COMMIT;");
    sql(&database, &script).map(|_| ())
}

fn sql(database: &Path, statements: &str) -> Result<String> {
    process::read(Command::new("sqlite3").args(["-batch", "-noheader"]).arg(database).arg(statements))
}
