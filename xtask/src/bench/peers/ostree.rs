//! ostree: a commit into an archive repository, pulled over HTTP.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use super::{Ground, Kind, Nginx, Peer};
use crate::{
    process,
    tools::{NGINX, Tool},
};

pub(super) const KIND: Kind = Kind {
    name: "ostree",
    tools: &[Tool { program: "ostree", package: "ostree" }, NGINX],
    what: "ostree commit into an archive repository on the same disk (it has no push) with the fastest compression; \
           ostree pull from nginx, then a checkout",
    durability: "every byte is hashed; the repository is synced before the commit returns",
    start,
};

const BRANCH: &str = "bench";

struct Ostree {
    nginx: Nginx,
    folder: PathBuf,
    file_name: String,
}

fn start(ground: &Ground) -> Result<Box<dyn Peer>> {
    let repository = ground.make("files")?;
    let ostree = Ostree {
        nginx: Nginx::start(ground, &repository)?,
        folder: ground.folder.to_owned(),
        file_name: ground.file_name().to_owned(),
    };
    ground.link(&ground.make("tree")?.join(ground.file_name()))?;
    ostree.prepare("files", &["init", "--mode=archive"])?;
    ostree.prepare("files", &["config", "set", "archive.zlib-level", "1"])?;
    ostree.prepare_clone()?;
    Ok(Box::new(ostree))
}

impl Ostree {
    fn command(&self, repository: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("ostree");
        command.current_dir(&self.folder).env("HOME", &self.folder);
        command.arg(format!("--repo={repository}")).args(arguments);
        command
    }

    fn prepare_clone(&self) -> Result<()> {
        self.prepare("clone", &["init", "--mode=bare-user-only"])?;
        self.prepare("clone", &["remote", "add", "--no-gpg-verify", "origin", self.nginx.url()])
    }

    fn prepare(&self, repository: &str, arguments: &[&str]) -> Result<()> {
        std::fs::create_dir_all(self.folder.join(repository))?;
        process::read(&mut self.command(repository, arguments)).map(drop)
    }
}

impl Peer for Ostree {
    fn push(&self) -> Vec<Command> {
        vec![self.command("files", &["commit", "-b", BRANCH, "-s", "bench", "--tree=dir=tree"])]
    }

    fn pull(&self) -> Vec<Command> {
        vec![
            self.command("clone", &["pull", "origin", BRANCH]),
            self.command("clone", &["checkout", "--user-mode", &format!("origin:{BRANCH}"), "pulled"]),
        ]
    }

    fn pulled(&self) -> PathBuf {
        self.folder.join("pulled").join(&self.file_name)
    }

    fn forget_pull(&self) -> Result<()> {
        std::fs::remove_dir_all(self.folder.join("clone"))?;
        self.prepare_clone()
    }

    fn group(&self) -> Option<u32> {
        Some(self.nginx.group())
    }
}
