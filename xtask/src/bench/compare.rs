//! The product and its peers on one file: timed in turns, then looked at in two more runs that are not timed.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::{
    data::Data,
    measure::{self, Watch},
    peers::{Ground, Kind, OWN_DURABILITY, Peer, Product},
    table::{self, Row, Spread},
    time,
};
use crate::{digest, process, workspace::Binaries};

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

/// What one step took besides time.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Look {
    /// Of the largest process on the pushing or pulling side.
    pub(super) client_peak_bytes: u64,
    /// Of the largest process of the server since it started.
    pub(super) server_peak_bytes: Option<u64>,
    /// Calls that make bytes durable, on the pushing or pulling side.
    pub(super) client_syncs: u64,
    /// The same of the server.
    pub(super) server_syncs: u64,
    /// What loopback carried.
    pub(super) wire_bytes: u64,
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

    /// Times every step once, on a fresh folder.
    ///
    /// # Errors
    /// When a step fails, or the pulled file is not there.
    pub(super) fn time(&mut self, data: &Data, folder: &Path) -> Result<()> {
        let seconds = self.with_peer(data, folder, false, |peer, _| {
            let mut all = Vec::new();
            for commands in steps(peer) {
                measure::settle()?;
                let (seconds, ()) =
                    time(|| commands.into_iter().try_for_each(|mut c| process::read(&mut c).map(drop)))?;
                all.push(seconds);
            }
            let pulled = fs::metadata(peer.pulled()).context("the pull wrote no file")?.len();
            ensure!(pulled == data.bytes, "the pulled file has {pulled} bytes");
            Ok(all)
        })?;
        self.steps.iter_mut().zip(seconds).for_each(|(step, seconds)| step.row.seconds.push(seconds));
        Ok(())
    }

    /// Looks at memory and bytes in one run and counts syncs in another. The pulled file is compared whole.
    ///
    /// # Errors
    /// When a step fails, or the pulled file is another.
    pub(super) fn look(&mut self, data: &Data, folder: &Path) -> Result<()> {
        let (looks, note) = self.with_peer(data, folder, false, |peer, ground| {
            let looked = look_at_all(peer, ground)?;
            ensure!(digest::of_file(&peer.pulled())? == data.digest, "the pulled file is another");
            Ok(looked)
        })?;
        let syncs = self.with_peer(data, folder, true, trace_all)?;
        for ((step, look), (client, server)) in self.steps.iter_mut().zip(looks).zip(syncs) {
            step.look = Look { client_syncs: client, server_syncs: server, ..look };
        }
        self.note = note;
        Ok(())
    }

    fn with_peer<T>(
        &self,
        data: &Data,
        folder: &Path,
        is_traced: bool,
        run: impl FnOnce(&dyn Peer, &Ground) -> Result<T>,
    ) -> Result<T> {
        let run_folder = tempfile::tempdir_in(folder).context("cannot create a folder")?;
        let (own, trace) = (run_folder.path().join("peer"), run_folder.path().join("server.strace"));
        fs::create_dir(&own).context("cannot create a folder")?;
        let trace = is_traced.then_some(trace.as_path());
        let ground = Ground { folder: &own, file: &data.file, digest: &data.digest, trace };
        let named = || self.name.to_owned();
        let peer = (self.start)(&ground).with_context(named)?;
        run(peer.as_ref(), &ground).with_context(named)
    }
}

fn steps(peer: &dyn Peer) -> [Vec<Command>; 3] {
    [peer.push(), peer.push_again(), peer.pull()]
}

fn look_at_all(peer: &dyn Peer, ground: &Ground) -> Result<(Vec<Look>, Option<String>)> {
    let (mut looks, mut printed) = (Vec::new(), Vec::new());
    for commands in steps(peer) {
        let before = measure::read_loopback_bytes()?;
        let watch = peer.group().map(Watch::start);
        let mut look = Look::default();
        let mut said = String::new();
        for command in commands {
            let (peak, printed) = measure::run_for_memory(&command, ground.folder)?;
            look.client_peak_bytes = look.client_peak_bytes.max(peak);
            said += &printed;
        }
        look.server_peak_bytes = watch.map(Watch::finish).transpose()?;
        look.wire_bytes = measure::read_loopback_bytes()?.saturating_sub(before);
        looks.push(look);
        printed.push(said);
    }
    let note = peer.note_push_again(&printed[1])?;
    Ok((looks, note))
}

/// The syncs of client and server in each step.
fn trace_all(peer: &dyn Peer, ground: &Ground) -> Result<Vec<(u64, u64)>> {
    let of_server = || ground.trace.map_or(Ok(0), measure::count_syncs);
    let mut counts = Vec::new();
    for (number, commands) in steps(peer).into_iter().enumerate() {
        let trace = ground.folder.join(format!("client-{number}.strace"));
        let before = of_server()?;
        for command in commands {
            process::read(&mut measure::traced(&command, Some(&trace)))?;
        }
        counts.push((measure::count_syncs(&trace)?, of_server()?.saturating_sub(before)));
    }
    Ok(counts)
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
