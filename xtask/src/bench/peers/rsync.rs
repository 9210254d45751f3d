//! The rsync daemon.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};

use super::{
    Ground, Kind, Peer,
    daemon::{Daemon, free_port},
};
use crate::tools::Tool;

pub(super) const KIND: Kind = Kind {
    name: "rsync",
    tools: &[Tool { program: "rsync", package: "rsync" }],
    what: "rsync --whole-file --times to its daemon; a second push compares size and time only",
    durability: "the file goes over with a fast checksum that is no protection against forgery; nothing is synced unless \
                 asked for (--fsync)",
    start,
};

struct Rsync {
    daemon: Daemon,
    folder: PathBuf,
    file: PathBuf,
    url: String,
}

fn start(ground: &Ground) -> Result<Box<dyn Peer>> {
    let port = free_port()?;
    let configuration = ground.folder.join("rsyncd.conf");
    let owner = if rustix::process::geteuid().is_root() { "uid = root\ngid = root\n" } else { "" };
    let path = ground.make("files")?;
    let text = format!("use chroot = no\n{owner}[bench]\npath = {}\nread only = no\n", path.display());
    fs::write(&configuration, text).context("cannot write rsyncd.conf")?;
    let mut command = ground.command("rsync");
    command.args(["--daemon", "--no-detach", "--address", "127.0.0.1", "--port", &port.to_string(), "--config"]);
    command.arg(&configuration);
    Ok(Box::new(Rsync {
        daemon: Daemon::start(ground, &command, port)?,
        folder: ground.folder.to_owned(),
        file: ground.file.to_owned(),
        url: format!("rsync://127.0.0.1:{port}/bench/file"),
    }))
}

fn rsync() -> Command {
    let mut command = Command::new("rsync");
    command.args(["--whole-file", "--times"]);
    command
}

impl Peer for Rsync {
    fn push(&self) -> Vec<Command> {
        let mut command = rsync();
        command.arg(&self.file).arg(&self.url);
        vec![command]
    }

    fn pull(&self) -> Vec<Command> {
        let mut command = rsync();
        command.arg(&self.url).arg(self.pulled());
        vec![command]
    }

    fn pulled(&self) -> PathBuf {
        self.folder.join("pulled")
    }

    fn group(&self) -> Option<u32> {
        Some(self.daemon.group())
    }
}
