//! nginx: a download with sendfile, an upload by `PUT`. What only needs a web server over a folder uses it too.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{
    Ground, Kind, Peer,
    daemon::{Daemon, free_port},
};
use crate::tools::{CURL, NGINX};

pub(super) const KIND: Kind = Kind {
    name: "nginx",
    tools: &[NGINX, CURL],
    what: "curl -T to WebDAV, curl -o back with sendfile; it cannot tell what it has, so a second push sends all again",
    durability: "nothing is hashed and nothing is synced: an upload that was answered may be lost with the power",
    start,
};

/// Where a `distd` behind it has it look for what it sends: `--x-accel-redirect`.
pub(in crate::bench) const HANDED_OVER: &str = "/objects/";

/// A web server over a folder, or before a server.
pub(in crate::bench) struct Nginx {
    daemon: Daemon,
    folder: PathBuf,
    url: String,
    file: PathBuf,
}

fn start(ground: &Ground) -> Result<Box<dyn Peer>> {
    Ok(Box::new(Nginx::start(ground, &ground.make("files")?)?))
}

impl Nginx {
    /// Serves `root`, and takes uploads into it.
    pub(in crate::bench) fn start(ground: &Ground, root: &Path) -> Result<Self> {
        let root = root.display();
        Self::start_with(
            ground,
            &format!("root \"{root}\";\n    location / {{ dav_methods PUT; create_full_put_path on; }}"),
        )
    }

    /// Stands in front of a `distd` that lets it send whole downloads from `objects` (docs/INSTALL-PAGES.md).
    pub(in crate::bench) fn start_before(ground: &Ground, server: &str, objects: &Path) -> Result<Self> {
        let objects = objects.display();
        Self::start_with(
            ground,
            &format!(
                "location / {{ proxy_pass {server}; proxy_set_header Host $http_host; }}\n    \
                 location {HANDED_OVER} {{ internal; alias \"{objects}/\"; add_header ETag $upstream_http_etag; \
                 add_header Repr-Digest $upstream_http_repr_digest; etag off; }}"
            ),
        )
    }

    fn start_with(ground: &Ground, places: &str) -> Result<Self> {
        let port = free_port()?;
        let configuration = ground.folder.join("nginx.conf");
        fs::write(&configuration, configure(ground.folder, places, port)).context("cannot write nginx.conf")?;
        let mut command = ground.command("nginx");
        command.arg("-e").arg(ground.folder.join("error.log")).arg("-c").arg(&configuration);
        Ok(Self {
            daemon: Daemon::start(ground, &command, port)?,
            folder: ground.folder.to_owned(),
            url: format!("http://127.0.0.1:{port}"),
            file: ground.file.to_owned(),
        })
    }

    /// `http://ADDR:PORT`.
    pub(in crate::bench) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn group(&self) -> u32 {
        self.daemon.group()
    }
}

/// As many workers as cores, sendfile, whole packets, no log. As root, the workers stay root: the folder is the bench's own.
fn configure(folder: &Path, places: &str, port: u16) -> String {
    let folder = folder.display();
    let user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" };
    let place = |kind| format!("  {kind}_temp_path \"{folder}/{kind}\";\n");
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(place).concat();
    format!(
        "{user}daemon off;\nworker_processes auto;\npid \"{folder}/nginx.pid\";\nevents {{ worker_connections 1024; }}\n\
         http {{\n  access_log off;\n  sendfile on;\n  tcp_nopush on;\n  client_max_body_size 0;\n{temporary}  \
         server {{\n    listen 127.0.0.1:{port};\n    {places}\n  }}\n}}\n"
    )
}

impl Peer for Nginx {
    fn push(&self) -> Vec<Command> {
        let mut command = Command::new("curl");
        command.args(["-sSf", "-T"]).arg(&self.file).arg(format!("{}/file", self.url));
        vec![command]
    }

    fn pull(&self) -> Vec<Command> {
        let mut command = Command::new("curl");
        command.args(["-sSf", "-o"]).arg(self.pulled()).arg(format!("{}/file", self.url));
        vec![command]
    }

    fn pulled(&self) -> PathBuf {
        self.folder.join("pulled")
    }

    fn group(&self) -> Option<u32> {
        Some(self.daemon.group())
    }
}
