//! casync: chunks into a store, fetched over HTTP.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use super::{Ground, Kind, Nginx, Peer};
use crate::tools::{NGINX, Tool};

pub(super) const KIND: Kind = Kind {
    name: "casync",
    tools: &[Tool { program: "casync", package: "casync" }, NGINX],
    what: "casync make into a store on the same disk (it does not push over HTTP), casync extract from nginx",
    durability: "every chunk is hashed and compressed with zstd; nothing is synced",
    start,
};

struct Casync {
    nginx: Nginx,
    folder: PathBuf,
    file: PathBuf,
}

fn start(ground: &Ground) -> Result<Box<dyn Peer>> {
    let nginx = Nginx::start(ground, &ground.make("files")?)?;
    Ok(Box::new(Casync { nginx, folder: ground.folder.to_owned(), file: ground.file.to_owned() }))
}

impl Casync {
    fn command(&self) -> Command {
        let mut command = Command::new("casync");
        command.current_dir(&self.folder).env("HOME", &self.folder);
        command
    }
}

impl Peer for Casync {
    fn push(&self) -> Vec<Command> {
        let mut command = self.command();
        command.args(["make", "--store=files/store", "files/file.caibx"]).arg(&self.file);
        vec![command]
    }

    fn pull(&self) -> Vec<Command> {
        let url = self.nginx.url();
        let mut command = self.command();
        command.args(["extract", &format!("--store={url}/store"), &format!("{url}/file.caibx")]).arg(self.pulled());
        vec![command]
    }

    fn pulled(&self) -> PathBuf {
        self.folder.join("pulled")
    }

    fn group(&self) -> Option<u32> {
        Some(self.nginx.group())
    }
}
