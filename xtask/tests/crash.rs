//! The short form of `cargo xtask crash`.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use xtask::crash::{Plan, run_rounds};
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
