//! `cargo xtask crash`: kill the server at random moments during pushes and look at what is left.
//!
//! Each round publishes a new release of fresh random bytes, kills server and client (SIGKILL) at a
//! moment within the time that a publication takes, starts the server again, and publishes once
//! more. Then it must hold that
//!
//! - the second publication succeeds, and sends no more than what the server did not have yet,
//! - every object that a ref, a release or an artifact row names is there,
//! - `sha256sum` finds every object whole.
//!
//! While that goes on, gc runs all the time. After each round `distd fsck` must be clean.
//!
//! Then `steps` kills it at every named step, `lost` takes back what was not synced, and `trouble` has calls fail.
//!
//! The same seed gives the same bytes and the same moments, though not the same interleaving.

pub mod lost;
pub mod steps;
pub mod trouble;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use tempfile::TempDir;

use crate::{
    bench::write_noise,
    client::{Client, Publication, Status},
    digest,
    manifest::{Entry, Manifest},
    server::Server,
    store,
    tools::{self, FIND, SHA256SUM, SQLITE3},
    workspace::{self, Binaries, Profile},
};

/// What `cargo xtask crash` is told.
#[derive(Args, Debug)]
pub struct Options {
    /// How many times the server is killed
    #[arg(long, default_value_t = 200)]
    rounds: u32,
    /// Where the random bytes and moments start from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What to do; everything unless given
    #[arg(long, value_enum)]
    part: Vec<Part>,
}

/// A part of the crash tests.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Kills at random moments
    Rounds,
    /// Kills at every named step
    Steps,
    /// Takes back what was not synced
    Lost,
    /// Lets calls fail: a full disk, a failing one, one that is read-only, a busy database
    Trouble,
}

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
    /// The release was visible.
    pub after_commit: u32,
    /// Bytes sent a second time, over all rounds.
    pub resent_bytes: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "killed before upload {}, during upload {}, before commit {}, after commit {}; {} bytes sent twice",
            self.before_upload, self.during_upload, self.before_commit, self.after_commit, self.resent_bytes
        )
    }
}

const APP: &str = "crash";
const MIB: u64 = 1 << 20;

/// A store is begun anew after so many rounds: each round looks at all of it.
const ROUNDS_PER_STORE: u32 = 20;

/// One percent of what a release has, or a client's buffers where that is more: a byte that the
/// server had read and not yet written when it was killed may be sent again.
const RESENT_PER_CENT: u64 = 1;
const RESENT_BYTES: u64 = MIB;

/// Builds, runs the rounds and says how they went.
///
/// # Errors
/// When something does not hold, naming the round and the seed.
pub fn run(options: &Options) -> Result<()> {
    let binaries = workspace::build(Profile::Test)?;
    let wanted = |part: Part| options.part.is_empty() || options.part.contains(&part);
    if wanted(Part::Steps) {
        println!("crash: {}", steps::run(&binaries, &steps::Which::All)?);
    }
    if wanted(Part::Lost) {
        println!("crash: {}", lost::run(&binaries)?);
    }
    if wanted(Part::Trouble) {
        println!("crash: {}", trouble::run(&binaries, &trouble::Which::All)?);
    }
    if !wanted(Part::Rounds) {
        return Ok(());
    }
    let plan =
        Plan { binaries, rounds: options.rounds, seed: options.seed, artifact_bytes: vec![16 * MIB, 4 * MIB, 4096] };
    let tally = run_rounds(&plan)?;
    println!("crash: {} rounds held with seed {}: {tally}", plan.rounds, plan.seed);
    Ok(())
}

/// Runs the rounds of a plan, on stores in the temporary folder.
///
/// # Errors
/// When something does not hold, naming the round and the seed.
pub fn run_rounds(plan: &Plan) -> Result<Tally> {
    tools::ensure(&[SQLITE3, SHA256SUM, FIND])?;
    let mut tally = Tally::default();
    let mut random = fastrand::Rng::with_seed(plan.seed);
    let mut stage = Stage::open(plan, &mut random)?;
    for round in 1..=plan.rounds {
        if round % ROUNDS_PER_STORE == 0 {
            stage = Stage::open(plan, &mut random)?;
        }
        stage
            .play(plan, round, &mut random, &mut tally)
            .with_context(|| format!("round {round} of seed {}", plan.seed))?;
    }
    stage.server.stop()?;
    Ok(tally)
}

/// A store with its server, its client, and the time that a publication takes on it.
struct Stage {
    /// Before the folder, so that it is gone when the folder is removed.
    server: Server,
    client: Client,
    publication_time: Duration,
    folder: TempDir,
}

impl Stage {
    /// Opens a store and publishes a first release, undisturbed, to know how long that takes.
    fn open(plan: &Plan, random: &mut fastrand::Rng) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot create a folder for a store")?;
        let data = data_folder(&folder);
        let server = start(&plan.binaries, &data)?;
        let client = Client::new(&plan.binaries, &server, &data)?;
        client.run(["app", "create", APP, "--access", "token"])?;
        let release = Release::write(folder.path(), 0, &plan.artifact_bytes, random)?;
        let begun = Instant::now();
        client.publish(&release.manifest)?;
        Ok(Self { server, client, publication_time: begun.elapsed(), folder })
    }

    fn play(&mut self, plan: &Plan, round: u32, random: &mut fastrand::Rng, tally: &mut Tally) -> Result<()> {
        let data = data_folder(&self.folder);
        let release = Release::write(self.folder.path(), round, &plan.artifact_bytes, random)?;
        self.publish_until(&release, self.publication_time.mul_f64(random.f64() * 1.1))?;
        // Before the restart: what the server then throws away counts as sent twice.
        let held_bytes = release.read_held_bytes(&data)?;

        store::fsck(&plan.binaries.distd, &data).context("after the kill, before the restart")?;
        self.server = start(&plan.binaries, &data)?;
        self.client.move_to(&self.server);
        let publication = self.client.publish(&release.manifest).context("the publication after the kill failed")?;
        tally.count(&release, held_bytes, &publication)?;
        store::check_rows(&data)?;
        store::check_objects(&data)?;
        store::fsck(&plan.binaries.distd, &data)?;
        release.remove()
    }

    /// Begins to publish, and kills the server and then the client when the moment has come.
    fn publish_until(&mut self, release: &Release, moment: Duration) -> Result<()> {
        let mut command = self.client.publish_command(&release.manifest);
        let mut client = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start dist")?;
        thread::sleep(moment);
        let killed = self.server.kill();
        // It may have ended by itself, which is as good.
        let _ = client.kill();
        client.wait().context("cannot wait for the killed client")?;
        killed
    }
}

/// A server that does nothing but collect: what nothing names is gone after two looks.
fn start(binaries: &Binaries, data: &Path) -> Result<Server> {
    Server::start_configured(&binaries.distd, data, &[], &["--gc-every", "50ms", "--gc-grace", "0"])
}

fn data_folder(folder: &TempDir) -> PathBuf {
    folder.path().join("data")
}

/// A release of random bytes, laid out in a folder.
struct Release {
    folder: PathBuf,
    manifest: PathBuf,
    /// Digest and size of each artifact.
    artifacts: Vec<(String, u64)>,
}

impl Release {
    fn write(above: &Path, round: u32, sizes: &[u64], random: &mut fastrand::Rng) -> Result<Self> {
        let folder = above.join(format!("release-{round}"));
        fs::create_dir(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let mut entries = Vec::new();
        let mut artifacts = Vec::new();
        for (number, &bytes) in sizes.iter().enumerate() {
            let name = format!("part-{number}.bin");
            let file = folder.join(&name);
            write_noise(&file, bytes, random.u64(..))?;
            artifacts.push((digest::of_file(&file)?, bytes));
            entries.push(Entry::opaque(name));
        }
        let build = (round + 1).to_string();
        let manifest = Manifest { app: APP, version: "1.0.0".into(), build, channel: "beta", artifacts: entries };
        Ok(Self { manifest: manifest.write(&folder)?, folder, artifacts })
    }

    fn total_bytes(&self) -> u64 {
        self.artifacts.iter().map(|(_, bytes)| bytes).sum()
    }

    /// What the server has of this release: whole objects, and all that lies in `uploads/`, where
    /// only this release can have anything.
    fn read_held_bytes(&self, data: &Path) -> Result<u64> {
        let whole = self.artifacts.iter().filter(|(digest, _)| store::object_path(data, digest).is_file());
        let whole_bytes: u64 = whole.map(|(_, bytes)| bytes).sum();
        Ok((whole_bytes + store::read_partial_bytes(data)?).min(self.total_bytes()))
    }

    fn remove(self) -> Result<()> {
        fs::remove_dir_all(&self.folder).with_context(|| format!("cannot remove {}", self.folder.display()))
    }
}

impl Tally {
    /// Counts where the kill fell, and checks that the second publication sent only the rest.
    fn count(&mut self, release: &Release, held_bytes: u64, second: &Publication) -> Result<()> {
        let total_bytes = release.total_bytes();
        let sent_bytes = second.transfer.uploaded_bytes;
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
        self.resent_bytes += resent_bytes;
        *match (second.status, held_bytes) {
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

    fn release() -> Release {
        Release { folder: PathBuf::new(), manifest: PathBuf::new(), artifacts: vec![("ab".repeat(32), 100 * MIB)] }
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
        tally.count(&release(), 0, &second("published", 100 * MIB)).unwrap();
        tally.count(&release(), 40 * MIB, &second("published", 60 * MIB)).unwrap();
        tally.count(&release(), 100 * MIB, &second("published", 0)).unwrap();
        tally.count(&release(), 100 * MIB, &second("unchanged", 0)).unwrap();
        let expected = Tally { before_upload: 1, during_upload: 1, before_commit: 1, after_commit: 1, resent_bytes: 0 };
        assert_eq!(tally, expected);
    }

    #[test]
    fn sending_again_what_the_server_had_does_not_pass() {
        let mut tally = Tally::default();
        tally.count(&release(), 50 * MIB, &second("published", 51 * MIB)).unwrap();
        assert_eq!(tally.resent_bytes, MIB);
        assert!(tally.count(&release(), 50 * MIB, &second("published", 52 * MIB)).is_err());
        assert!(tally.count(&release(), 100 * MIB, &second("unchanged", 1)).is_err());
    }

    #[test]
    fn a_release_has_its_bytes_and_is_held_where_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let release = Release::write(folder.path(), 3, &[10, 20], &mut fastrand::Rng::with_seed(1)).unwrap();
        assert_eq!(release.total_bytes(), 30);
        assert_eq!(release.read_held_bytes(&data).unwrap(), 0);
        let object = store::object_path(&data, &release.artifacts[0].0);
        fs::create_dir_all(object.parent().unwrap()).unwrap();
        fs::write(object, [0; 10]).unwrap();
        fs::create_dir_all(data.join("uploads")).unwrap();
        fs::write(data.join("uploads/x"), [0; 5]).unwrap();
        assert_eq!(release.read_held_bytes(&data).unwrap(), 15);
        release.remove().unwrap();
    }
}
