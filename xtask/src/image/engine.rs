//! A Docker engine: the machine's own, or one that is started here and ends with the task.

use std::{
    fs,
    io::Write,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{process, workspace};

/// How long an engine may take to start, and to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// An engine to talk to.
pub(super) struct Engine {
    /// `None` for the machine's own.
    own: Option<Own>,
}

/// One with everything it keeps in a folder that goes away.
struct Own {
    daemon: Child,
    folder: TempDir,
}

impl Engine {
    /// The machine's own where it answers; else one of this task's, which needs root and no network.
    pub(super) fn find_or_start() -> Result<Self> {
        let machines = Self { own: None };
        if machines.answers() {
            return Ok(machines);
        }
        let folder = tempfile::Builder::new().prefix("dist-docker-").tempdir().context("cannot create a folder")?;
        let log = fs::File::create(folder.path().join("log")).context("cannot create a log")?;
        let at = |name: &str| folder.path().join(name);
        println!("starting a Docker engine of our own");
        let daemon = Command::new("dockerd")
            // Neither firewall nor file system of this machine is touched.
            .args(["--iptables=false", "--bridge=none", "--storage-driver=vfs", "--data-root"])
            .arg(at("root"))
            .arg("--exec-root")
            .arg(at("exec"))
            .arg("--pidfile")
            .arg(at("pid"))
            .arg("--host")
            .arg(format!("unix://{}", at("socket").display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0)
            .spawn()
            .context("cannot start dockerd")?;
        let engine = Self { own: Some(Own { daemon, folder }) };
        engine.wait()?;
        Ok(engine)
    }

    fn wait(&self) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if self.answers() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(200));
        }
        let log = self.own.as_ref().map(|own| fs::read(own.folder.path().join("log"))).transpose()?.unwrap_or_default();
        bail!("dockerd does not answer (it needs root):{}", process::quote_tail(&log))
    }

    fn answers(&self) -> bool {
        process::capture(self.docker().arg("info")).is_ok_and(|output| output.status.success())
    }

    /// `docker`, talking to this engine.
    pub(super) fn docker(&self) -> Command {
        let mut command = Command::new("docker");
        command.current_dir(workspace::root());
        if let Some(own) = &self.own {
            command.env("DOCKER_HOST", format!("unix://{}", own.folder.path().join("socket").display()));
        }
        command
    }

    /// What `docker` prints on standard output, without the line's end.
    pub(super) fn ask(&self, arguments: &[&str]) -> Result<String> {
        Ok(process::read(self.docker().args(arguments))?.trim_end().to_owned())
    }

    /// Builds the image from `target/image/root`.
    pub(super) fn build(&self, tag: &str, version: &str) -> Result<()> {
        let text = fs::read_to_string(workspace::root().join("Dockerfile")).context("cannot read Dockerfile")?;
        let version = format!("VERSION={version}");
        let mut child = self
            .docker()
            .args(["build", "--quiet", "--tag", tag, "--file", "-"])
            .args(["--build-arg", "BINARIES=prebuilt", "--build-arg", &version, "."])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start docker build")?;
        let mut input = child.stdin.take().context("docker build has no standard input")?;
        input.write_all(without_stage(&text, "source").as_bytes()).context("docker build does not take the file")?;
        drop(input);
        let status = child.wait().context("cannot wait for docker build")?;
        ensure!(status.success(), "docker build ended with {status}");
        Ok(())
    }

    /// Size of all layers of an image.
    pub(super) fn image_bytes(&self, tag: &str) -> Result<u64> {
        self.ask(&["image", "inspect", "--format", "{{.Size}}", tag])?.parse().context("docker says no size")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let Some(own) = &mut self.own else { return };
        let Ok(id) = i32::try_from(own.daemon.id()) else { return };
        // It ends what it started and unmounts what it mounted; without that the folder cannot be removed.
        let told = Pid::from_raw(id).map(|pid| kill_process(pid, Signal::TERM));
        if !matches!(told, Some(Ok(()))) || own.daemon.wait().is_err() {
            eprintln!("the Docker engine of this task may still run");
        }
    }
}

/// A Dockerfile without one of its stages. Engines without `BuildKit` build every stage, also one that nothing takes from.
fn without_stage(text: &str, name: &str) -> String {
    let mut is_left_out = false;
    let kept = text.lines().filter(|line| {
        if let Some(stage) = line.strip_prefix("FROM ") {
            is_left_out = stage.ends_with(&format!(" AS {name}"));
        }
        !is_left_out
    });
    kept.flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_left_out_up_to_the_next() {
        let text = "ARG A\nFROM x AS source\nRUN y\nFROM scratch AS b\nCOPY c d\n";
        assert_eq!(without_stage(text, "source"), "ARG A\nFROM scratch AS b\nCOPY c d\n");
        assert_eq!(without_stage(text, "none"), text);
    }

    #[test]
    fn the_dockerfile_has_the_stages_and_ends_in_scratch() {
        let text = fs::read_to_string(workspace::root().join("Dockerfile")).unwrap();
        assert!(text.contains(" AS source\n") && text.contains(" AS prebuilt\n"));
        let stages: Vec<&str> = text.lines().filter(|line| line.starts_with("FROM ")).collect();
        assert_eq!(stages.last(), Some(&"FROM scratch"));
        assert!(without_stage(&text, "source").lines().all(|line| !line.starts_with("FROM rust")));
    }
}
