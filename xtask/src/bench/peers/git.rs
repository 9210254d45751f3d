//! git over HTTP: Apache and `git http-backend`, as its manual has it.

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
use crate::{process, tools::Tool};

/// Commits and pushes.
pub(super) const GIT: Tool = Tool { program: "git", package: "git" };

pub(super) const KIND: Kind = Kind {
    name: "git",
    tools: &[GIT, Tool { program: "apache2", package: "apache2-bin" }],
    what: "git add, commit and push to git http-backend under Apache, no compression, large files streamed \
           (core.bigFileThreshold), packs kept whole (receive.unpackLimit); a clone back. A second push looks at the file's size and \
           time only",
    durability: "every byte is hashed with SHA-1; the server syncs the pack and its index, but neither the branch nor a folder",
    start,
};

/// What suits large files that do not compress, on both sides.
const SETTINGS: &[(&str, &str)] = &[
    ("core.compression", "0"),
    ("core.bigFileThreshold", "1m"),
    ("receive.unpackLimit", "1"),
    ("http.receivepack", "true"),
    ("gc.auto", "0"),
    ("user.name", "bench"),
    ("user.email", "bench@localhost"),
];

struct Git {
    daemon: Daemon,
    folder: PathBuf,
    file_name: String,
    url: String,
}

fn start(ground: &Ground) -> Result<Box<dyn Peer>> {
    let port = free_port()?;
    let served = ground.make("served")?;
    init(ground, &served.join("bench.git"), &["--bare"])?;
    let configuration = ground.folder.join("apache.conf");
    fs::write(&configuration, configure(ground.folder, &served, port)).context("cannot write apache.conf")?;
    let mut command = ground.command("apache2");
    command.args(["-X", "-f"]).arg(&configuration);
    let daemon = Daemon::start(ground, &command, port)?;
    let url = format!("http://127.0.0.1:{port}/git/bench.git");
    let work = ground.folder.join("work");
    init(ground, &work, &[])?;
    process::read(run(&work).args(["remote", "add", "origin", &url]))?;
    ground.link(&work.join(ground.file_name()))?;
    Ok(Box::new(Git { daemon, folder: ground.folder.to_owned(), file_name: ground.file_name().to_owned(), url }))
}

/// A repository with the settings.
pub(super) fn init(ground: &Ground, repository: &Path, arguments: &[&str]) -> Result<()> {
    process::read(ground.command("git").args(["init", "-q", "-b", "main"]).args(arguments).arg(repository))?;
    for (name, value) in SETTINGS {
        process::read(run(repository).args(["config", name, value]))?;
    }
    Ok(())
}

/// git in a repository, with the configuration of nobody.
pub(super) fn run(repository: &Path) -> Command {
    let mut command = Command::new("git");
    let home = repository.parent().unwrap_or(repository);
    command.current_dir(repository).env("HOME", home).env("XDG_CONFIG_HOME", home).env("GIT_CONFIG_NOSYSTEM", "1");
    command
}

/// The example of git-http-backend(1), one process, a program for each request.
fn configure(folder: &Path, served: &Path, port: u16) -> String {
    let (folder, served) = (folder.display(), served.display());
    let load = |module| format!("LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so\n");
    let modules = ["mpm_prefork", "authz_core", "alias", "env", "cgi"].map(load).concat();
    format!(
        "ServerName localhost\nListen 127.0.0.1:{port}\nDefaultRuntimeDir {folder}\nPidFile {folder}/apache.pid\n\
         ErrorLog {folder}/apache.log\n{modules}SetEnv GIT_PROJECT_ROOT {served}\nSetEnv GIT_HTTP_EXPORT_ALL\n\
         ScriptAlias /git/ /usr/lib/git-core/git-http-backend/\n<Directory />\nRequire all granted\n</Directory>\n"
    )
}

/// What commits a file of a working tree and pushes it.
pub(super) fn push(work: &Path, file_name: &str) -> Vec<Command> {
    let [mut add, mut commit, mut push] = [run(work), run(work), run(work)];
    add.args(["add", file_name]);
    commit.args(["commit", "-q", "-m", "bench"]);
    push.args(["push", "-q", "origin", "HEAD:main"]);
    vec![add, commit, push]
}

/// The same where there is nothing to commit.
pub(super) fn push_again(work: &Path, file_name: &str) -> Vec<Command> {
    let mut commands = push(work, file_name);
    commands.remove(1);
    commands
}

impl Peer for Git {
    fn push(&self) -> Vec<Command> {
        push(&self.folder.join("work"), &self.file_name)
    }

    fn push_again(&self) -> Vec<Command> {
        push_again(&self.folder.join("work"), &self.file_name)
    }

    fn pull(&self) -> Vec<Command> {
        let mut command = run(&self.folder);
        command.args(["-c", "core.bigFileThreshold=1m", "clone", "-q", &self.url, "pulled"]);
        vec![command]
    }

    fn pulled(&self) -> PathBuf {
        self.folder.join("pulled").join(&self.file_name)
    }

    fn group(&self) -> Option<u32> {
        Some(self.daemon.group())
    }
}
