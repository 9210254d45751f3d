//! Other ways to publish a file, as Debian packages them: what each is started with, what a push and a pull are with it, and
//! what it promises.
//!
//! A peer hands out commands instead of running them, so that the same command can be timed, traced or watched for its memory.
//! Invariant: everything that a peer writes is below its own folder, and its servers end with it.

mod casync;
pub(super) mod daemon;
mod git;
mod lfs;
mod nginx;
mod ostree;
mod product;
mod registry;
mod restic;
mod rsync;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

pub(super) use self::{
    nginx::{HANDED_OVER, Nginx},
    product::{APP, Product, write_manifest},
    registry::Registry,
};
use super::measure;
use crate::tools::{OPENSSL, Tool};

/// What every push and pull is about, and where a peer may write.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    /// An empty folder on the disk that is measured.
    pub(super) folder: &'a Path,
    /// The file to publish, on the same file system.
    pub(super) file: &'a Path,
    /// Its SHA-256, 64 lowercase hex digits.
    pub(super) digest: &'a str,
    /// Where the syncs of servers are traced to; they run under `strace` then.
    pub(super) trace: Option<&'a Path>,
}

impl Ground<'_> {
    /// The file's name without its folder.
    pub(super) fn file_name(&self) -> &str {
        self.file.file_name().and_then(|name| name.to_str()).unwrap_or("file")
    }

    /// A folder of this name below the peer's own, made.
    fn make(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(folder)
    }

    /// The same file under a name below the peer's folder, without a copy.
    fn link(&self, to: &Path) -> Result<()> {
        fs::hard_link(self.file, to).with_context(|| format!("cannot link {}", to.display()))
    }

    /// A command that knows nothing of whoever runs it.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(crate::tools::find_program(program).unwrap_or_else(|| program.into()));
        command.env("HOME", self.folder).env("XDG_CONFIG_HOME", self.folder).env("XDG_CACHE_HOME", self.folder);
        command.current_dir(self.folder);
        command
    }
}

/// What a pull makes in a peer's folder.
pub(super) const PULLED: &str = "pulled";

/// A started way to publish one file. What runs for it ends when this is dropped.
pub(super) trait Peer {
    /// What publishes the file, from a plain file on this side to what others can fetch; one after another.
    fn push(&self) -> Vec<Command>;

    /// What a pipeline runs that does the same again.
    fn push_again(&self) -> Vec<Command> {
        self.push()
    }

    /// What fetches the file on a machine that never saw it.
    fn pull(&self) -> Vec<Command>;

    /// Where the pulled file is then: `pulled` in the peer's folder, or below it.
    fn pulled(&self) -> PathBuf;

    /// Removes what a pull left besides [`PULLED`], so that the next one has all to do again.
    ///
    /// # Errors
    /// When it cannot be removed.
    fn forget_pull(&self) -> Result<()> {
        Ok(())
    }

    /// The process group of its server, where it has one.
    fn group(&self) -> Option<u32>;

    /// What is worth telling of a push with nothing new, from what it printed.
    ///
    /// # Errors
    /// When it did not do what it is measured for.
    fn note_push_again(&self, _printed: &str) -> Result<Option<String>> {
        Ok(None)
    }
}

/// A way to publish that the product is measured beside.
pub(super) struct Kind {
    /// What it is called on the command line and in tables.
    pub(super) name: &'static str,
    /// What has to be installed.
    pub(super) tools: &'static [Tool],
    /// What a push of it is here.
    pub(super) what: &'static str,
    /// What holds when its push has returned, as it ships; the counted syncs stand beside it.
    pub(super) durability: &'static str,
    /// Starts it, everything prepared that is not part of a push.
    pub(super) start: fn(&Ground) -> Result<Box<dyn Peer>>,
}

/// What the product promises.
pub(super) const OWN_DURABILITY: &str =
    "both ends hash every byte; file, folders and database are synced before the push is acknowledged";

/// All of them.
pub(super) const ALL: &[Kind] = &[
    registry::KIND,
    registry::KNOWN_KIND,
    git::KIND,
    lfs::KIND,
    restic::KIND,
    ostree::KIND,
    casync::KIND,
    rsync::KIND,
    nginx::KIND,
];

/// `all`, `none`, or names with commas between them.
///
/// # Errors
/// When there is no peer of a name.
pub(super) fn select(names: &str) -> Result<Vec<&'static Kind>> {
    match names {
        "all" => Ok(ALL.iter().collect()),
        "none" => Ok(Vec::new()),
        _ => names.split(',').map(|name| find(name.trim())).collect(),
    }
}

/// What a comparison with these needs.
pub(super) fn tools_of(kinds: &[&Kind]) -> Vec<Tool> {
    let own = [OPENSSL].into_iter().chain(measure::TOOLS.iter().copied());
    own.chain(kinds.iter().flat_map(|kind| kind.tools.iter().copied())).collect()
}

fn find(name: &str) -> Result<&'static Kind> {
    let Some(kind) = ALL.iter().find(|kind| kind.name == name) else {
        let known: Vec<_> = ALL.iter().map(|kind| kind.name).collect();
        bail!("there is no peer {name}: all, none, or some of {}", known.join(","));
    };
    Ok(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_selected_by_name() {
        let names = |peers: &str| select(peers).map(|kinds| kinds.iter().map(|kind| kind.name).collect::<Vec<_>>());
        assert_eq!(names("none").unwrap(), [""; 0]);
        assert_eq!(names("rsync, git").unwrap(), ["rsync", "git"]);
        assert_eq!(names("all").unwrap().len(), ALL.len());
        let message = names("svn").unwrap_err().to_string();
        assert!(message.contains("docker-registry,registry-prehashed,git,"), "{message}");
    }
}
