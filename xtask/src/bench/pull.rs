//! One file, published once by everybody and pulled again and again, each time onto a side that never saw it.

use std::{fs, path::Path, slice};

use anyhow::{Context, Result};
use serde_json::json;

use super::{
    ceilings::Ceilings,
    compare::{Contestant, Options, Started, time_step},
    data::Data,
    look, measure,
    peers::{self, PULLED},
    programs::Programs,
    standings, table,
};
use crate::{process, tools, workspace::Profile};

const STEP: &str = "pull";

pub(super) fn run(options: &Options, programs: &Programs) -> Result<()> {
    let kinds = peers::select(&options.peers)?;
    tools::ensure(&peers::tools_of(&kinds))?;
    let binaries = programs.find(Profile::Release)?;
    let folder = super::folder()?;
    let data = options.source.prepare(&folder)?;
    let product = [Contestant::product(&binaries, data.bytes)];
    let peers = kinds.into_iter().map(|kind| Contestant::peer(kind, data.bytes));
    let start = |contestant: Contestant| Published::start(contestant.of_step(STEP), &data, &folder);
    let mut published = product.into_iter().chain(peers).map(start).collect::<Result<Vec<_>>>()?;
    let mut ceilings = Ceilings::new(data.bytes);
    for run in 0..options.runs as usize {
        eprintln!("run {} of {}", run + 1, options.runs);
        ceilings.measure(slice::from_ref(&data.file), &folder)?;
        // Whoever comes first in one run does not in the next.
        let first = run % published.len();
        published.rotate_left(first);
        published.iter_mut().try_for_each(|one| one.time(&data))?;
        published.rotate_right(first);
    }
    let mut contestants = Vec::new();
    for one in published {
        contestants.push(one.count_syncs(&data, &folder)?);
    }
    print_figures(&contestants, &ceilings, &data, options);
    Ok(())
}

/// Who has published the file.
struct Published {
    contestant: Contestant,
    started: Started,
}

impl Published {
    /// Publishes it and looks at a first pull, which is not timed: what it takes besides time, and whether the bytes are right.
    fn start(mut contestant: Contestant, data: &Data, folder: &Path) -> Result<Self> {
        eprintln!("publishing with {}", contestant.name);
        let started = contestant.start(data, folder, false)?;
        let looked = (|| {
            publish(&started)?;
            if let Some(group) = started.peer.group() {
                measure::forget_peaks(group);
            }
            let (look, _) = look::watch(started.peer.pull(), started.peer.group(), &started.folder)?;
            started.check_bytes(data)?;
            forget(&started)?;
            Ok::<_, anyhow::Error>(look)
        })();
        contestant.steps[0].look = looked.context(contestant.name)?;
        Ok(Self { contestant, started })
    }

    fn time(&mut self, data: &Data) -> Result<()> {
        let started = &self.started;
        let seconds = time_step(started.peer.pull()).context(self.contestant.name)?;
        self.contestant.steps[0].row.seconds.push(seconds);
        started.check_size(data).and_then(|()| forget(started)).context(self.contestant.name)
    }

    /// Ends it, and counts the syncs of a pull with a server of its own that is traced.
    fn count_syncs(self, data: &Data, folder: &Path) -> Result<Contestant> {
        let Self { mut contestant, started } = self;
        drop(started);
        eprintln!("syncs of {}", contestant.name);
        let started = contestant.start(data, folder, true)?;
        let counted = publish(&started)
            .and_then(|()| look::count_syncs(started.peer.pull(), started.trace.as_deref(), &started.folder))
            .context(contestant.name)?;
        let look = &mut contestant.steps[0].look;
        *look = look.with_syncs(counted);
        Ok(contestant)
    }
}

fn publish(started: &Started) -> Result<()> {
    started.peer.push().into_iter().try_for_each(|mut command| process::read(&mut command).map(drop))
}

/// The pulling side as it was before it pulled.
fn forget(started: &Started) -> Result<()> {
    let pulled = started.folder.join(PULLED);
    let removed = if pulled.is_dir() { fs::remove_dir_all(&pulled) } else { fs::remove_file(&pulled) };
    removed.with_context(|| format!("cannot remove {}", pulled.display()))?;
    started.peer.forget_pull()
}

fn print_figures(contestants: &[Contestant], ceilings: &Ceilings, data: &Data, options: &Options) {
    if options.json {
        let document = json!({
            "schema": "dist.bench.pull/1", "runs": options.runs, "data": data.what, "bytes": data.bytes,
            "ceilings": table::to_json(&ceilings.rows()), "contestants": standings::to_json(contestants),
        });
        println!("{document:#}");
        return;
    }
    println!(
        "\n{} bytes, {}, over loopback, published once, {} pulls, each into a fresh folder, in the page cache\n",
        data.bytes, data.what, options.runs
    );
    print!("{}\n{}", table::render(&ceilings.rows()), standings::render(contestants, 0));
    print!("\n{}", standings::describe(contestants));
}
