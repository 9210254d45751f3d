//! One file: a cold push, a push with nothing new and a pull, beside every peer and what the machine can do.

use std::slice;

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    ceilings::Ceilings,
    compare::{self, Contestant, Options, STEPS},
    data::Data,
    peers,
    programs::Programs,
    standings, table,
};
use crate::{tools, workspace::Profile};

pub(super) fn run(options: &Options, programs: &Programs) -> Result<()> {
    let kinds = peers::select(&options.peers)?;
    tools::ensure(&peers::tools_of(&kinds))?;
    let binaries = programs.find(Profile::Release)?;
    let folder = super::folder()?;
    let data = options.source.prepare(&folder)?;
    let mut contestants = vec![Contestant::product(&binaries, data.bytes)];
    contestants.extend(kinds.into_iter().map(|kind| Contestant::peer(kind, data.bytes)));
    let mut ceilings = Ceilings::new(data.bytes);
    for run in 0..options.runs as usize {
        eprintln!("run {} of {}", run + 1, options.runs);
        ceilings.measure(slice::from_ref(&data.file), &folder)?;
        // Whoever comes first in one run does not in the next.
        let first = run % contestants.len();
        contestants.rotate_left(first);
        contestants.iter_mut().try_for_each(|contestant| contestant.time(&data, &folder))?;
        contestants.rotate_right(first);
    }
    for contestant in &mut contestants {
        eprintln!("memory, bytes and syncs of {}", contestant.name);
        contestant.look(&data, &folder)?;
    }
    if options.json {
        println!("{:#}", to_json(&contestants, &ceilings, &data, options));
    } else {
        print_tables(&contestants, &ceilings, &data, options);
    }
    Ok(())
}

fn print_tables(contestants: &[Contestant], ceilings: &Ceilings, data: &Data, options: &Options) {
    println!(
        "\n{} bytes, {}, over loopback, {} runs, the file in the page cache\n",
        data.bytes, data.what, options.runs
    );
    print!("{}", table::render(&ceilings.rows()));
    for (number, step) in STEPS.iter().enumerate() {
        println!("\n{step}");
        print!("{}", standings::render(contestants, number));
    }
    if let Some((nearest, times)) = find_nearest(contestants) {
        let judged = if times >= BUDGET { "held" } else { "NOT held" };
        println!("\ncold push, budget of {BUDGET} times the fastest of {}: {judged}", BUDGETED.join(", "));
        println!("it is {times:.2} times as fast as {nearest}");
    }
    print!("\n{}", standings::describe(contestants));
}

/// How many times as fast as the fastest of these a cold push is to be.
const BUDGET: f64 = 2.0;
const BUDGETED: [&str; 5] = ["docker-registry", "restic", "ostree", "git", "git-lfs"];

/// The one of the budget's peers that a cold push is the least ahead of, and how many times as fast it is.
fn find_nearest(contestants: &[Contestant]) -> Option<(&'static str, f64)> {
    let own = &contestants[0].steps[0].row;
    let peers = contestants.iter().filter(|contestant| BUDGETED.contains(&contestant.name));
    let ratios = peers.map(|peer| (peer.name, compare::ratio(own, &peer.steps[0].row).median));
    ratios.min_by(|(_, one), (_, other)| one.total_cmp(other))
}

fn to_json(contestants: &[Contestant], ceilings: &Ceilings, data: &Data, options: &Options) -> Value {
    json!({
        "schema": "dist.bench.push/2",
        "runs": options.runs,
        "data": data.what,
        "bytes": data.bytes,
        "ceilings": table::to_json(&ceilings.rows()),
        "budget": find_nearest(contestants).map(|(nearest, times)| {
            json!({ "at_least": BUDGET, "of": BUDGETED, "nearest": nearest, "times": times })
        }),
        "contestants": standings::to_json(contestants),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_of_the_budgets_peers_is_found() {
        let timed = |name: &'static str, seconds: f64| {
            let mut contestant = Contestant::new(name, "", "", 1, Box::new(|_| anyhow::bail!("nothing is started")));
            contestant.steps[0].row.seconds = vec![seconds];
            contestant
        };
        let contestants = [timed("dist", 1.0), timed("git", 3.0), timed("restic", 1.5), timed("rsync", 0.1)];
        assert_eq!(find_nearest(&contestants), Some(("restic", 1.5)));
        assert_eq!(find_nearest(&contestants[..1]), None);
    }
}
