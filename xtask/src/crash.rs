//! `cargo xtask crash`: end the server where it hurts most, and look at what is left.
//!
//! - `rounds` kills it at random moments under mixed load,
//! - `steps` kills it at every named step, and backups and restores too,
//! - `lost` takes back what was not synced,
//! - `trouble` has calls fail, and where this machine lets it, mounts disks that are really full or read-only.
//!
//! After each, `distd fsck` must be clean and everything that was acknowledged there, with nobody's help.

mod backups;
mod commands;
pub mod disks;
pub mod lost;
mod migrations;
mod release;
pub mod rounds;
mod side;
pub mod steps;
pub mod trouble;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use anyhow::{Result, anyhow};
use clap::Args;

use crate::workspace::{self, Profile};

/// What `cargo xtask crash` is told.
#[derive(Args, Debug)]
pub struct Options {
    /// How many times the server is killed at random moments
    #[arg(long, default_value_t = 200)]
    rounds: u32,
    /// Where the random bytes and moments start from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What to do; everything unless given. May be repeated
    #[arg(long, value_enum)]
    part: Vec<Part>,
}

/// A part of the crash tests.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Kills at random moments, while clients publish, promote, roll back and pull, gc runs and backups are made
    Rounds,
    /// Kills at every named step of a write, a commit, a gc, a quarantine, a migration, a backup and a restore
    Steps,
    /// Takes back what was not synced
    Lost,
    /// Lets calls fail: a full disk, a failing one, one that is read-only, a busy database. As root, mounts such disks too
    Trouble,
}

const MIB: u64 = 1 << 20;

/// Builds, runs the parts and says how they went.
///
/// # Errors
/// When something does not hold, naming the step, the trouble, or the round and the seed.
pub fn run(options: &Options) -> Result<()> {
    let binaries = workspace::build(Profile::Test)?;
    let wanted = |part: Part| options.part.is_empty() || options.part.contains(&part);
    if wanted(Part::Steps) {
        println!("crash: {}", steps::run(&binaries, &steps::Which::All)?);
    }
    if wanted(Part::Lost) {
        println!("crash: {}", lost::run(&binaries)?);
    }
    if wanted(Part::Trouble) {
        println!("crash: {}", trouble::run(&binaries, &trouble::Which::All)?);
        println!("crash: {}", disks::run(&binaries)?);
    }
    if !wanted(Part::Rounds) {
        return Ok(());
    }
    let artifact_bytes = vec![16 * MIB, 4 * MIB, 4096];
    let plan = rounds::Plan { binaries, rounds: options.rounds, seed: options.seed, artifact_bytes };
    let tally = rounds::run(&plan)?;
    println!("crash: {} rounds held with seed {}: {tally}", plan.rounds, plan.seed);
    Ok(())
}

/// How much is done at the same time: most of it waits for a disk.
const BESIDE: usize = 4;

/// Does the work of every job, a few beside each other. Returns what each returned, in their order; none is begun after one
/// has failed.
fn beside<J: Sync, T: Send>(jobs: &[J], work: impl Fn(&J) -> Result<T> + Sync) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            let Some(job) = jobs.get(number) else { return Ok(done) };
            match work(job) {
                Ok(value) => done.push((number, value)),
                Err(error) => {
                    next.store(jobs.len(), Ordering::SeqCst);
                    return Err(error);
                }
            }
        }
    };
    let ended: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..BESIDE).map(|_| scope.spawn(take)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Err(anyhow!("a job panicked")))).collect()
    });
    let mut done: Vec<(usize, T)> = ended.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
    done.sort_by_key(|(number, _)| *number);
    Ok(done.into_iter().map(|(_, value)| value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_done_in_any_order_and_told_in_theirs() {
        let jobs: Vec<u32> = (0..100).collect();
        assert_eq!(beside(&jobs, |job| Ok(job * 2)).unwrap(), jobs.iter().map(|job| job * 2).collect::<Vec<_>>());
        let failed = beside(&jobs, |job| if *job == 7 { Err(anyhow!("seven")) } else { Ok(()) });
        assert_eq!(failed.unwrap_err().to_string(), "seven");
    }
}
