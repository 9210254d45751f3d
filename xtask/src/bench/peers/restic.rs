//! restic, its repository behind `rclone serve restic`.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result};

use super::{
    Ground, Kind, Peer,
    daemon::{Daemon, free_port},
};
use crate::{process, tools::Tool};

pub(super) const KIND: Kind = Kind {
    name: "restic",
    tools: &[Tool { program: "restic", package: "restic" }, Tool { program: "rclone", package: "rclone" }],
    what: "restic backup to `rclone serve restic`, packs of 128 MiB, no compression, 8 connections; rest-server is not in \
           Debian 12. Every command takes time to derive the key from the password",
    durability: "restic hashes and encrypts every byte; rclone syncs nothing",
    start,
};

struct Restic {
    daemon: Daemon,
    folder: PathBuf,
    file: PathBuf,
    repository: String,
}

fn start(ground: &Ground) -> Result<Box<dyn Peer>> {
    let port = free_port()?;
    let mut command = ground.command("rclone");
    command.args(["serve", "restic", "--addr", &format!("127.0.0.1:{port}")]).arg(ground.make("repository")?);
    let restic = Restic {
        daemon: Daemon::start(ground, &command, port)?,
        folder: ground.folder.to_owned(),
        file: ground.file.to_owned(),
        repository: format!("rest:http://127.0.0.1:{port}/"),
    };
    process::read(restic.command().arg("init")).context("cannot make a restic repository")?;
    Ok(Box::new(restic))
}

impl Restic {
    fn command(&self) -> Command {
        let mut command = Command::new("restic");
        command.env("HOME", &self.folder).env("RESTIC_PASSWORD", "bench").env("RESTIC_REPOSITORY", &self.repository);
        command.args(["--no-cache", "--quiet", "-o", "rest.connections=8"]);
        command
    }
}

impl Peer for Restic {
    fn push(&self) -> Vec<Command> {
        let mut command = self.command();
        command.args(["--pack-size", "128", "--compression", "off", "backup"]).arg(&self.file);
        vec![command]
    }

    fn pull(&self) -> Vec<Command> {
        let mut command = self.command();
        command.args(["restore", "latest", "--target"]).arg(self.folder.join("pulled"));
        vec![command]
    }

    fn pulled(&self) -> PathBuf {
        self.folder.join("pulled").join(self.file.strip_prefix("/").unwrap_or(&self.file))
    }

    fn group(&self) -> Option<u32> {
        Some(self.daemon.group())
    }
}
