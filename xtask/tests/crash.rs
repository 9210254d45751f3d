//! The short form of `cargo xtask crash`.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use xtask::crash::{Plan, lost, run_rounds, steps, trouble};
use xtask::workspace::Binaries;

#[test]
fn whatever_moment_the_server_is_killed_at_the_next_push_finishes_with_only_the_rest() {
    let plan = Plan {
        binaries: Binaries::of_this_build().unwrap(),
        rounds: 10,
        seed: 20_261_122,
        artifact_bytes: vec![8 << 20, 1 << 20, 4096],
    };
    run_rounds(&plan).unwrap();
}

#[test]
fn a_kill_at_a_named_step_of_a_push_a_gc_a_quarantine_or_a_migration_leaves_a_clean_store() {
    let tally = steps::run(&Binaries::of_this_build().unwrap(), &steps::Which::Few).unwrap();
    assert!(tally.kills >= 10, "{tally}");
}

#[test]
fn a_power_cut_after_any_answer_takes_nothing_that_was_acknowledged() {
    let tally = lost::run(&Binaries::of_this_build().unwrap()).unwrap();
    assert!(tally.answers >= 6 && tally.objects > 0, "{tally}");
}

#[test]
fn a_disk_that_is_full_or_fails_is_told_and_leaves_a_clean_store() {
    let tally = trouble::run(&Binaries::of_this_build().unwrap(), &trouble::Which::Few).unwrap();
    assert!(tally.refused > 0, "{tally}");
}
