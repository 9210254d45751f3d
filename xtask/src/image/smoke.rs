//! A container of the image, run as docs/NAS.md says: read-only, as a user of its own, with a bind mount and bounded memory.

use std::{
    fs::{self, File},
    io::{self, Read},
    net::TcpListener,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::engine::Engine;
use crate::{
    client::{Client, Status},
    digest,
    manifest::{Entry, Manifest},
};

/// Who the container runs as; nobody on most machines, so that nothing works by accident.
const USER: u32 = 1000;
/// Bounds of the server's memory, in KiB: without work, and while a file goes up and down.
const IDLE_KIB: u64 = 64 * 1024;
const BUSY_KIB: u64 = 128 * 1024;
/// How long the container may take to be healthy.
const PATIENCE: Duration = Duration::from_mins(1);

/// A container that is removed when this is dropped.
struct Container<'a> {
    engine: &'a Engine,
    id: String,
    port: u16,
}

/// What `distd token create --json` prints, as far as it is looked at here.
#[derive(Deserialize)]
struct NewToken {
    token: String,
}

/// Publishes into a container, kills it, starts it again, and pulls.
pub(super) fn run(engine: &Engine, dist: &Path, tag: &str, mib: u64) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("dist-image-").tempdir().context("cannot create a folder")?;
    let data = folder.path().join("data");
    fs::create_dir(&data)?;
    chown(&data, Some(USER), Some(USER)).context("cannot give the data directory to another user (this needs root)")?;

    let container = Container::start(engine, tag, &data)?;
    container.wait_until_healthy()?;
    let idle_kib = container.memory_kib("VmRSS")?;
    ensure!(idle_kib <= IDLE_KIB, "the server takes {idle_kib} KiB without work");
    println!("healthy; {} MiB without work", idle_kib / 1024);

    let made = container.exec(&["token", "create", "--name", "xtask", "--scope", "admin", "--json"])?;
    let made: NewToken = serde_json::from_str(&made).context("`distd token create --json` printed no token")?;
    let client = Client::of_server(dist, &container.url(), &made.token)?;
    let (manifest, file) = prepare(folder.path(), mib)?;
    client.run(["app", "create", "acme", "--json"])?;
    let published = client.publish(&manifest)?;
    ensure!(published.status == Status::Published, "nothing was published");
    container.check_peak(mib, "up")?;

    container.kill_and_start()?;
    container.wait_until_healthy()?;
    println!("killed and started again");
    let again = client.publish(&manifest)?;
    ensure!(again.status == Status::Unchanged && again.transfer.uploaded_bytes == 0, "a release was lost");
    let pulled = folder.path().join("pulled");
    client.run(["pull", "acme@stable", "-o", pulled.to_str().context("a path that is not UTF-8")?, "--json"])?;
    ensure!(digest::of_file(&pulled.join("acme.bin"))? == digest::of_file(&file)?, "what was pulled is another file");

    container.check_peak(mib, "down")?;
    let changed = engine.ask(&["diff", &container.id])?;
    ensure!(changed.is_empty(), "the container's own file system changed:\n{changed}");
    println!("the container's own file system is unchanged");
    Ok(())
}

/// A release with one file of bytes that do not compress.
fn prepare(folder: &Path, mib: u64) -> Result<(PathBuf, PathBuf)> {
    let project = folder.join("project");
    fs::create_dir(&project)?;
    let file = project.join("acme.bin");
    let random = File::open("/dev/urandom").context("cannot open /dev/urandom")?;
    let mut output = File::create(&file).with_context(|| format!("cannot create {}", file.display()))?;
    io::copy(&mut random.take(mib * 1024 * 1024), &mut output).context("cannot write the file to send")?;
    let artifacts = vec![Entry::opaque("acme.bin")];
    let manifest = Manifest { app: "acme", version: "1.0.0".into(), build: "1".into(), channel: "stable", artifacts };
    Ok((manifest.write(&project)?, file))
}

impl<'a> Container<'a> {
    fn start(engine: &'a Engine, tag: &str, data: &Path) -> Result<Self> {
        let port = free_port()?;
        let mount = format!("type=bind,src={},dst=/data", data.display());
        let (user, listen) = (format!("{USER}:{USER}"), format!("DISTD_LISTEN=127.0.0.1:{port}"));
        let id = engine.ask(&[
            "run",
            "--detach",
            "--read-only",
            "--user",
            &user,
            "--memory",
            "256m",
            "--network",
            "host",
            "--cap-drop",
            "ALL",
            "--security-opt",
            "no-new-privileges",
            "--mount",
            &mount,
            "--env",
            &listen,
            "--health-interval",
            "1s",
            tag,
        ])?;
        Ok(Self { engine, id, port })
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What a `distd` command prints inside.
    fn exec(&self, arguments: &[&str]) -> Result<String> {
        self.engine.ask(&[&["exec", &self.id, "/usr/bin/distd"], arguments].concat())
    }

    fn wait_until_healthy(&self) -> Result<()> {
        let begun = Instant::now();
        let mut state = String::new();
        while begun.elapsed() < PATIENCE {
            state =
                self.engine.ask(&["inspect", "--format", "{{.State.Status}} {{.State.Health.Status}}", &self.id])?;
            match state.as_str() {
                "running healthy" => return Ok(()),
                "exited unhealthy" | "exited starting" => break,
                _ => thread::sleep(Duration::from_millis(200)),
            }
        }
        let log = self.engine.ask(&["logs", "--tail", "20", &self.id]).unwrap_or_default();
        bail!("the container is {state}, not healthy\n{log}")
    }

    /// As a power cut would, then as an engine does that starts with the machine.
    fn kill_and_start(&self) -> Result<()> {
        self.engine.ask(&["kill", &self.id])?;
        self.engine.ask(&["start", &self.id]).map(drop)
    }

    /// The most memory that the server had since its start, in which a file went up or down.
    fn check_peak(&self, mib: u64, went: &str) -> Result<()> {
        let peak_kib = self.memory_kib("VmHWM")?;
        ensure!(peak_kib <= BUSY_KIB, "the server took {peak_kib} KiB at once");
        println!("{mib} MiB went {went} with {} MiB at most", peak_kib / 1024);
        Ok(())
    }

    /// A line of the server's status in `/proc`, in KiB.
    fn memory_kib(&self, field: &str) -> Result<u64> {
        let pid = self.engine.ask(&["inspect", "--format", "{{.State.Pid}}", &self.id])?;
        let file = format!("/proc/{pid}/status");
        let status = fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let number =
            line.and_then(|line| line.split_whitespace().next()).with_context(|| format!("{file}: no {field}"))?;
        number.parse().with_context(|| format!("{file}: {field} is {number}"))
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        // Where it cannot be removed, it goes with the engine, or is found in the engine's list.
        if let Err(error) = self.engine.ask(&["rm", "--force", "--volumes", &self.id]) {
            eprintln!("the container {} is still there: {error:#}", self.id);
        }
    }
}

/// The health check has to know the port, so that the system cannot choose it when the server binds.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").context("no free port")?.local_addr()?.port())
}
