//! The short form of `cargo xtask crash`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests fail as tests do, and say what could not be tried")]

use xtask::crash::{disks, lost, rounds, steps, trouble};
use xtask::workspace::Binaries;

#[test]
fn whatever_moment_the_server_is_killed_at_nothing_is_lost_and_the_next_push_finishes_with_only_the_rest() {
    let plan = rounds::Plan {
        binaries: Binaries::of_this_build().unwrap(),
        rounds: 10,
        seed: 20_261_122,
        artifact_bytes: vec![8 << 20, 1 << 20, 4096],
    };
    let tally = rounds::run(&plan).unwrap();
    assert!(tally.moves > 0 && tally.backups > 0 && tally.abandoned > 0, "{tally}");
}

#[test]
fn a_kill_at_any_named_step_leaves_a_clean_store_with_all_that_was_acknowledged() {
    let binaries = Binaries::of_this_build().unwrap();
    let tally = steps::run(&binaries, &steps::Which::Few).unwrap();
    assert_eq!(tally.steps, steps::list(&binaries).unwrap());
}

#[test]
fn a_power_cut_after_any_answer_takes_nothing_that_was_acknowledged() {
    let tally = lost::run(&Binaries::of_this_build().unwrap()).unwrap();
    assert!(tally.answers >= 6 && tally.objects > 0, "{tally}");
}

#[test]
fn a_disk_that_fails_is_told_and_leaves_a_clean_store() {
    let tally = trouble::run(&Binaries::of_this_build().unwrap(), &trouble::Which::Few).unwrap();
    assert_eq!((tally.refused, tally.passed), (tally.troubles, 0), "{tally}");
}

#[test]
fn a_disk_that_is_full_or_read_only_and_a_database_that_is_held_are_told_and_reading_goes_on() {
    let tally = disks::run(&Binaries::of_this_build().unwrap()).unwrap();
    println!("{tally}");
    assert!(tally.fitted > 0 || tally.not_mounted.is_some(), "{tally}");
}
