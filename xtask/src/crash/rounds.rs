//! Kills at random moments under mixed load.
//!
//! Each round publishes a new release of fresh random bytes, while another app is promoted, rolled back and pulled, gc runs
//! all the time, retention gives up what is old, and on some rounds a backup is made. At a moment within the time that a
//! publication takes the server is killed (SIGKILL), and started again. Then it must hold that
//!
//! - `distd fsck` is clean, before and after the restart,
//! - what the clients were told is there: releases, and where the channel of the other app is,
//! - the same publication succeeds, sends nothing where it was acknowledged before, and else no more than what the server did
//!   not have yet,
//! - every object that a ref, a release or an artifact row names is there, and `sha256sum` finds every object whole.
//!
//! On some rounds the client is killed too and nobody goes on with its upload; on some, uploads are kept for seconds only.
//! When a store has seen its rounds, all that was acknowledged on it is pulled, after a gc to which every upload is garbage.
//!
//! The same seed gives the same bytes and the same moments, though not the same interleaving.

use std::{
    collections::HashSet,
    fmt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::{
    release::{APP, Release, read_parts},
    side::Side,
};
use crate::{
    client::{Client, Publication, Status},
    process,
    server::Server,
    store,
    tools::{self, FIND, SHA256SUM, SQLITE3},
    workspace::Binaries,
};

/// A series of rounds.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The programs to run.
    pub binaries: Binaries,
    /// How many times the server is killed.
    pub rounds: u32,
    /// Where the random bytes and moments start from.
    pub seed: u64,
    /// The size of each of a release's artifacts, in bytes.
    pub artifact_bytes: Vec<u64>,
}

/// How far the first publication of each round had come when it was killed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Nothing had arrived.
    pub before_upload: u32,
    /// Some bytes had arrived.
    pub during_upload: u32,
    /// All bytes had arrived, and the release was not visible.
    pub before_commit: u32,
    /// The release was visible, and the client had not heard of it.
    pub after_commit: u32,
    /// The client had been told of it.
    pub acknowledged: u32,
    /// Nobody went on with it.
    pub abandoned: u32,
    /// Bytes sent a second time, over all rounds.
    pub resent_bytes: u64,
    /// What was done on the other app, and acknowledged.
    pub moves: u32,
    /// Backups that were made meanwhile.
    pub backups: u32,
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "killed before upload {}, during upload {}, before commit {}, after commit {}, after the answer {}, and not \
             gone on with {}; {} bytes sent twice; {} moves and pulls of another app, {} backups meanwhile",
            self.before_upload,
            self.during_upload,
            self.before_commit,
            self.after_commit,
            self.acknowledged,
            self.abandoned,
            self.resent_bytes,
            self.moves,
            self.backups
        )
    }
}

/// A store is begun anew after so many rounds: each round looks at all of it.
const ROUNDS_PER_STORE: u32 = 20;

/// One percent of what a release has, or a client's buffers where that is more: a byte that the
/// server had read and not yet written when it was killed may be sent again.
const RESENT_PER_CENT: u64 = 1;
const RESENT_BYTES: u64 = 1 << 20;

/// So many of the last releases retention keeps, and at least so many of them can be pulled.
const KEEP_LAST: usize = 6;

/// Runs the rounds of a plan, on stores in the temporary folder.
///
/// # Errors
/// When something does not hold, naming the round and the seed.
pub fn run(plan: &Plan) -> Result<Tally> {
    tools::ensure(&[SQLITE3, SHA256SUM, FIND])?;
    let mut tally = Tally::default();
    let mut random = fastrand::Rng::with_seed(plan.seed);
    let mut stage = Stage::open(plan, &mut random)?;
    for round in 1..=plan.rounds {
        let place = || format!("round {round} of seed {}", plan.seed);
        if round % ROUNDS_PER_STORE == 0 {
            stage.close(plan).with_context(place)?;
            stage = Stage::open(plan, &mut random)?;
        }
        stage.play(plan, round, &mut random, &mut tally).with_context(place)?;
    }
    stage.close(plan).with_context(|| format!("after the last round of seed {}", plan.seed))?;
    Ok(tally)
}

/// What is special about a round.
struct Habits {
    /// The client is killed too, and its publication is not gone on with.
    abandons: bool,
    /// A backup is made meanwhile.
    backs_up: bool,
    /// From the restart on, uploads are kept for seconds.
    is_short: bool,
}

impl Habits {
    /// Every fourth round has a client that does not come back, every fourth a backup, every third a short lease.
    fn of_round(round: u32) -> Self {
        Self { abandons: round % 4 == 2, backs_up: round % 4 == 3, is_short: round.is_multiple_of(3) }
    }
}

/// A store with its server, its clients, and the time that a publication takes on it.
struct Stage {
    /// Before the folder, so that it is gone when the folder is removed.
    server: Server,
    client: Client,
    side: Side,
    publication_time: Duration,
    /// Whether the server keeps uploads for seconds only.
    is_short: bool,
    /// What clients were told is published, oldest first.
    acknowledged: Vec<Release>,
    has_backups: bool,
    folder: TempDir,
}

impl Stage {
    /// Opens a store and publishes a first release, undisturbed, to know how long that takes.
    fn open(plan: &Plan, random: &mut fastrand::Rng) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot create a folder for a store")?;
        let data = folder.path().join("data");
        let server = start(&plan.binaries, &data, false)?;
        let client = Client::new(&plan.binaries, &server, &data)?;
        client.run(["app", "create", APP, "--access", "token"])?;
        let rules = folder.path().join("rules.json");
        let retention = serde_json::json!({"retention": {"beta": {"keep_last": KEEP_LAST}}});
        std::fs::write(&rules, retention.to_string()).context("cannot write rules")?;
        let from: [&std::ffi::OsStr; 5] =
            ["app".as_ref(), "rules".as_ref(), APP.as_ref(), "--from".as_ref(), rules.as_ref()];
        client.run(from)?;
        let side = Side::open(&plan.binaries, &server, client.token(), folder.path(), random)?;
        let release = Release::write(folder.path(), 0, &plan.artifact_bytes, random)?;
        let begun = Instant::now();
        client.publish(&release.manifest)?;
        let publication_time = begun.elapsed();
        release.remove_files()?;
        let acknowledged = vec![release];
        Ok(Self { server, client, side, publication_time, is_short: false, acknowledged, has_backups: false, folder })
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn play(&mut self, plan: &Plan, round: u32, random: &mut fastrand::Rng, tally: &mut Tally) -> Result<()> {
        let (data, distd) = (self.data(), &plan.binaries.distd);
        let release = Release::write(self.folder.path(), round, &plan.artifact_bytes, random)?;
        let habits = Habits::of_round(round);
        let earlier = read_parts(&data)?;
        let moment = self.publication_time.mul_f64(random.f64() * 1.1);
        let was_told = self.publish_until(plan, &release, moment, &habits, tally)?;
        // Before the restart: what the server then throws away counts as sent twice.
        let held_bytes = release.read_held_bytes(&data, &earlier)?;

        // While nobody deletes: what retention gives up goes away at any moment.
        store::check_rows(&data).context("after the kill")?;
        store::fsck(distd, &data).context("after the kill, before the restart")?;
        let was_short = std::mem::replace(&mut self.is_short, habits.is_short);
        self.server = start(&plan.binaries, &data, self.is_short)?;
        self.client.move_to(&self.server);
        self.side.check(&self.server, &data)?;
        if was_told {
            release.look(&self.client, &data, None)?;
        }
        if habits.abandons {
            tally.abandoned += 1;
        } else {
            let publication =
                self.client.publish(&release.manifest).context("the publication after the kill failed")?;
            // What was kept for seconds only may be gone.
            let held_bytes = (!was_short && !self.is_short).then_some(held_bytes);
            tally.count(&release, was_told, held_bytes, &publication)?;
        }
        release.remove_files()?;
        // What is shown once must stay, whether or not a client was told.
        if was_told || !habits.abandons || self.client.run(["show", &release.revision]).is_ok() {
            self.acknowledged.push(release);
        }
        self.check_list()?;
        store::check_objects(&data)?;
        store::fsck(distd, &data)
    }

    /// Begins to publish, and kills the server when the moment has come. Returns whether the client was told that it had
    /// succeeded.
    fn publish_until(
        &mut self,
        plan: &Plan,
        release: &Release,
        moment: Duration,
        habits: &Habits,
        tally: &mut Tally,
    ) -> Result<bool> {
        let backups = self.folder.path().join("backups");
        let mut backup = Command::new(&plan.binaries.distd);
        backup.arg("backup").arg(&backups).arg("--data").arg(self.data());
        let backup = habits.backs_up.then(|| quietly(&mut backup).spawn()).transpose();
        let backup = backup.context("cannot start a backup")?;
        // It ends by itself when the server is gone: what it was told counts.
        let mut first = self.client.publish_command(&release.manifest);
        let mut first = quietly(first.args(["--retries", "0"])).spawn().context("cannot start dist")?;
        let over = AtomicBool::new(false);
        let (side, server) = (&mut self.side, &mut self.server);
        let (killed, moves) = thread::scope(|scope| {
            let moves = scope.spawn(|| side.work(&over));
            thread::sleep(moment);
            over.store(true, Ordering::SeqCst);
            if habits.abandons {
                // It may have ended by itself, which is as good.
                let _ = first.kill();
            }
            (server.kill(), moves.join())
        });
        killed?;
        tally.moves += moves.map_err(|_| anyhow::anyhow!("what works on the other app panicked"))??;
        let told = first.wait().context("cannot wait for the client")?.success();
        if let Some(child) = backup {
            end_backup(child)?;
            self.has_backups = true;
            tally.backups += 1;
        }
        Ok(told)
    }

    /// All that was ever acknowledged is listed.
    fn check_list(&self) -> Result<()> {
        let list = self.client.run(["log", APP, "--json"])?;
        for Release { revision, .. } in &self.acknowledged {
            let name = revision.rsplit('@').next().unwrap_or_default();
            ensure!(list.contains(&format!("\"{name}\"")), "{revision} was acknowledged, and is not listed any more");
        }
        Ok(())
    }

    /// Takes away all that nothing names, and pulls all that was acknowledged.
    fn close(mut self, plan: &Plan) -> Result<()> {
        let (data, distd) = (self.data(), &plan.binaries.distd);
        self.server.stop()?;
        let keeps_nothing = ["gc", "--gc-grace", "0", "--upload-lease", "0", "--json", "--data"];
        for _ in 0..2 {
            process::read(Command::new(distd).args(keeps_nothing).arg(&data))?;
        }
        ensure!(read_parts(&data)? == HashSet::new(), "gc leaves parts of uploads that nobody goes on with");
        store::check_rows(&data)?;
        store::fsck(distd, &data)?;
        self.server = start(&plan.binaries, &data, false)?;
        self.client.move_to(&self.server);
        self.side.check(&self.server, &data)?;
        for (age, release) in self.acknowledged.iter().rev().enumerate() {
            let pulled = release.pull(&self.client);
            let is_given_up = |error: &anyhow::Error| age >= KEEP_LAST && format!("{error:#}").contains("given up");
            if let Err(error) = pulled
                && !is_given_up(&error)
            {
                return Err(error.context(format!("{} was acknowledged, and cannot be pulled", release.revision)));
            }
        }
        if self.has_backups {
            process::read(Command::new(distd).args(["backup", "--verify"]).arg(self.folder.path().join("backups")))?;
        }
        self.server.stop()
    }
}

/// A server that collects all the time: what nothing names is gone after two looks.
fn start(binaries: &Binaries, data: &Path, is_short: bool) -> Result<Server> {
    let lease = if is_short { "10s" } else { "7d" };
    let arguments = ["--gc-every", "50ms", "--gc-grace", "0", "--upload-lease", lease];
    Server::start_configured(&binaries.distd, data, &[], &arguments)
}

/// A backup ends well whatever becomes of the server that it is made beside.
fn end_backup(child: Child) -> Result<()> {
    let output = child.wait_with_output().context("cannot wait for a backup")?;
    let said = process::quote_tail(&output.stderr);
    ensure!(output.status.success(), "the backup meanwhile: {}{said}", output.status);
    Ok(())
}

/// What it says is of interest only where it fails.
fn quietly(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped())
}

impl Tally {
    /// Counts where the kill fell, and checks that the second publication sent only the rest. `held_bytes` is what the server
    /// had of the release, where that was sure to stay.
    fn count(
        &mut self,
        release: &Release,
        was_told: bool,
        held_bytes: Option<u64>,
        second: &Publication,
    ) -> Result<()> {
        let total_bytes = release.total_bytes();
        let sent_bytes = second.transfer.uploaded_bytes;
        let held_bytes = held_bytes.unwrap_or_else(|| total_bytes.saturating_sub(sent_bytes));
        let resent_bytes = (held_bytes + sent_bytes).saturating_sub(total_bytes);
        let allowed_bytes = (total_bytes * RESENT_PER_CENT / 100).max(RESENT_BYTES);
        ensure!(
            resent_bytes <= allowed_bytes,
            "the server had {held_bytes} of {total_bytes} bytes, and the second publication sent {sent_bytes}"
        );
        ensure!(
            second.status == Status::Published || sent_bytes == 0,
            "the release was visible, and the second publication sent {sent_bytes} bytes"
        );
        ensure!(
            second.status == Status::Unchanged || !was_told,
            "it was acknowledged, and was published a second time"
        );
        self.resent_bytes += resent_bytes;
        *match (second.status, held_bytes) {
            (Status::Unchanged, _) if was_told => &mut self.acknowledged,
            (Status::Unchanged, _) => &mut self.after_commit,
            (Status::Published, 0) => &mut self.before_upload,
            (Status::Published, held) if held < total_bytes => &mut self.during_upload,
            (Status::Published, _) => &mut self.before_commit,
        } += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn release() -> Release {
        Release {
            revision: "crash@1.0.0+1".into(),
            folder: PathBuf::new(),
            manifest: PathBuf::new(),
            artifacts: vec![("ab".repeat(32), 100 * MIB)],
        }
    }

    fn second(status: &str, uploaded_bytes: u64) -> Publication {
        serde_json::from_value(serde_json::json!({
            "status": status,
            "release": {"id": "ab", "name": "1.0.0+1"},
            "artifacts": [],
            "transfer": {"objects": 1, "uploaded_objects": 1, "uploaded_bytes": uploaded_bytes,
                         "total_bytes": 100 * MIB, "requests": 3},
        }))
        .unwrap()
    }

    #[test]
    fn a_kill_is_counted_where_it_fell() {
        let mut tally = Tally::default();
        tally.count(&release(), false, Some(0), &second("published", 100 * MIB)).unwrap();
        tally.count(&release(), false, Some(40 * MIB), &second("published", 60 * MIB)).unwrap();
        tally.count(&release(), false, Some(100 * MIB), &second("published", 0)).unwrap();
        tally.count(&release(), false, Some(100 * MIB), &second("unchanged", 0)).unwrap();
        tally.count(&release(), true, Some(100 * MIB), &second("unchanged", 0)).unwrap();
        let expected = Tally {
            before_upload: 1,
            during_upload: 1,
            before_commit: 1,
            after_commit: 1,
            acknowledged: 1,
            ..Tally::default()
        };
        assert_eq!(tally, expected);
    }

    #[test]
    fn sending_again_what_the_server_had_does_not_pass() {
        let mut tally = Tally::default();
        tally.count(&release(), false, Some(50 * MIB), &second("published", 51 * MIB)).unwrap();
        assert_eq!(tally.resent_bytes, MIB);
        assert!(tally.count(&release(), false, Some(50 * MIB), &second("published", 52 * MIB)).is_err());
        tally.count(&release(), false, None, &second("published", 52 * MIB)).unwrap();
        assert!(tally.count(&release(), false, Some(100 * MIB), &second("unchanged", 1)).is_err());
    }

    #[test]
    fn what_was_acknowledged_and_is_published_again_was_lost() {
        let mut tally = Tally::default();
        assert!(tally.count(&release(), true, Some(100 * MIB), &second("published", 0)).is_err());
    }
}
