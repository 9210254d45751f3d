//! The product and its peers on one file: timed in turns, then looked at in two more runs that are not timed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use tempfile::TempDir;

use super::{
    data::{Data, Source},
    look::{self, Look, steps},
    measure,
    peers::{Ground, Kind, OWN_DURABILITY, Peer, Product},
    table::{self, Row, Spread},
    time,
};
use crate::{digest, process, workspace::Binaries};

/// What `cargo xtask bench push` and `pull` are told.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// How often each is timed
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(super) runs: u32,
    #[command(flatten)]
    pub(super) source: Source,
    /// What the product is measured beside: all, none, or some of docker-registry, registry-prehashed, git, git-lfs,
    /// restic, ostree, casync, rsync, nginx, with commas between them
    #[arg(long, default_value = "all")]
    pub(super) peers: String,
    /// Print JSON instead of tables
    #[arg(long)]
    pub(super) json: bool,
}

/// What is timed of each, in this order.
pub(super) const STEPS: [&str; 3] = ["cold push", "push with nothing new", "pull"];

/// One of those that are compared, and what was measured of it.
pub(super) struct Contestant {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) durability: &'static str,
    start: Start,
    /// One for each of [`STEPS`].
    pub(super) steps: Vec<Figures>,
    /// What it told besides.
    pub(super) note: Option<String>,
}

type Start = Box<dyn Fn(&Ground) -> Result<Box<dyn Peer>>>;

/// What was measured of one step.
pub(super) struct Figures {
    /// Its times, one a run.
    pub(super) row: Row,
    /// What the runs that are not timed told.
    pub(super) look: Look,
}

impl Contestant {
    pub(super) fn new(
        name: &'static str,
        what: &'static str,
        durability: &'static str,
        bytes: u64,
        start: Start,
    ) -> Self {
        let steps = STEPS.iter().map(|step| Figures { row: Row::new(*step, bytes), look: Look::default() });
        Self { name, what, durability, start, steps: steps.collect(), note: None }
    }

    /// The product.
    pub(super) fn product(binaries: &Binaries, bytes: u64) -> Self {
        let binaries = binaries.clone();
        let start: Start = Box::new(move |ground| Ok(Box::new(Product::start(&binaries, ground)?)));
        Self::new("dist", "dist ci publish, dist pull", OWN_DURABILITY, bytes, start)
    }

    /// A peer.
    pub(super) fn peer(kind: &'static Kind, bytes: u64) -> Self {
        Self::new(kind.name, kind.what, kind.durability, bytes, Box::new(kind.start))
    }

    /// The same with one step alone.
    pub(super) fn of_step(mut self, step: &str) -> Self {
        self.steps.retain(|figures| figures.row.name == step);
        self
    }

    /// Times every step once, on a fresh folder.
    ///
    /// # Errors
    /// When a step fails, or the pulled file is not there.
    pub(super) fn time(&mut self, data: &Data, folder: &Path) -> Result<()> {
        let started = self.start(data, folder, false)?;
        let timed = steps(started.peer.as_ref()).map(time_step);
        for (step, seconds) in self.steps.iter_mut().zip(timed) {
            step.row.seconds.push(seconds.context(self.name)?);
        }
        started.check_size(data).context(self.name)
    }

    /// Looks at memory and bytes in one run and counts syncs in another. The pulled file is compared whole.
    ///
    /// # Errors
    /// When a step fails, or the pulled file is another.
    pub(super) fn look(&mut self, data: &Data, folder: &Path) -> Result<()> {
        let (looks, note) = self.start(data, folder, false)?.look(data).context(self.name)?;
        let syncs = self.start(data, folder, true)?.trace().context(self.name)?;
        for ((step, look), syncs) in self.steps.iter_mut().zip(looks).zip(syncs) {
            step.look = look.with_syncs(syncs);
        }
        self.note = note;
        Ok(())
    }

    /// Starts it on a fresh folder.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) fn start(&self, data: &Data, folder: &Path, is_traced: bool) -> Result<Started> {
        let run = tempfile::tempdir_in(folder).context("cannot create a folder")?;
        let (folder, trace) = (run.path().join("peer"), run.path().join("server.strace"));
        fs::create_dir(&folder).context("cannot create a folder")?;
        let trace = is_traced.then_some(trace);
        let ground = Ground { folder: &folder, file: &data.file, digest: &data.digest, trace: trace.as_deref() };
        let peer = (self.start)(&ground).context(self.name)?;
        Ok(Started { peer, folder, trace, _run: run })
    }
}

/// One of them, running.
pub(super) struct Started {
    pub(super) peer: Box<dyn Peer>,
    /// Its own, where everything that it writes is.
    pub(super) folder: PathBuf,
    /// Where the syncs of its server are traced to.
    pub(super) trace: Option<PathBuf>,
    _run: TempDir,
}

impl Started {
    /// Is the pulled file as long as the published one?
    ///
    /// # Errors
    /// When it is not, or not there.
    pub(super) fn check_size(&self, data: &Data) -> Result<()> {
        let pulled = fs::metadata(self.peer.pulled()).context("the pull wrote no file")?.len();
        ensure!(pulled == data.bytes, "the pulled file has {pulled} bytes");
        Ok(())
    }

    /// Is it the same, byte by byte?
    ///
    /// # Errors
    /// When it is not.
    pub(super) fn check_bytes(&self, data: &Data) -> Result<()> {
        ensure!(digest::of_file(&self.peer.pulled())? == data.digest, "the pulled file is another");
        Ok(())
    }

    fn look(&self, data: &Data) -> Result<(Vec<Look>, Option<String>)> {
        let (peer, mut looks, mut printed) = (self.peer.as_ref(), Vec::new(), Vec::new());
        for commands in steps(peer) {
            let (look, said) = look::watch(commands, peer.group(), &self.folder)?;
            looks.push(look);
            printed.push(said);
        }
        self.check_bytes(data)?;
        Ok((looks, peer.note_push_again(&printed[1])?))
    }

    /// The syncs of client and server in each step.
    fn trace(&self) -> Result<Vec<(u64, u64)>> {
        let count = |commands| look::count_syncs(commands, self.trace.as_deref(), &self.folder);
        steps(self.peer.as_ref()).into_iter().map(count).collect()
    }
}

/// Runs the commands of one step, with nothing left to write out from before it, and says how many seconds they took.
///
/// # Errors
/// When one fails.
pub(super) fn time_step(commands: Vec<Command>) -> Result<f64> {
    measure::settle()?;
    Ok(time(|| commands.into_iter().try_for_each(|mut command| process::read(&mut command).map(drop)))?.0)
}

/// How many times as fast the first was as the second, run by run.
pub(super) fn ratio(first: &Row, second: &Row) -> Spread {
    table::spread(first.seconds.iter().zip(&second.seconds).map(|(first, second)| second / first).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_pairs_the_runs() {
        let [mut first, mut second] = ["a", "b"].map(|name| Row::new(name, 1));
        first.seconds = vec![1.0, 2.0, 4.0];
        second.seconds = vec![2.0, 2.0, 2.0];
        assert_eq!(ratio(&first, &second), Spread { median: 1.0, min: 0.5, max: 2.0 });
    }
}
