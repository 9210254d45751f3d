//! `cargo xtask TASK`: parses the command line and hands over to the task.

#![allow(clippy::print_stderr, reason = "the last line says what failed; there is no other output")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::workspace::Profile;

/// Project tasks.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run everything that must pass
    Test,
    /// Check the rules that hold across the source tree
    Tidy,
    /// Rewrite the generated files under docs/
    Docs,
    /// Fetch the pinned real artifacts into target/fixtures
    Fixtures(xtask::fixtures::Options),
    /// Publish, promote, roll back and pull real artifacts on a server of its own
    Demo(xtask::demo::Options),
    /// Time the product beside plain tools on the same bytes
    Bench(xtask::bench::Options),
    /// Kill the server, take back what was not synced, let calls fail, and check what is left
    Crash(xtask::crash::Options),
    /// Hold a server's answers against the description of its API
    Conform(xtask::conform::Options),
    /// Install what the tests open pages with
    Browser,
    /// Take a picture of every screen of the console
    Screenshots,
    /// Look for files that inspection does not bear
    Fuzz(xtask::fuzz::Options),
    /// Prove a server behind nginx and Caddy, and what the doctor says of broken ones
    Proxies(xtask::proxies::Options),
    /// Build the container image and prove a container of it
    Image(xtask::image::Options),
    /// Build the release archive and the Debian package
    Dist(xtask::package::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Test => xtask::test::run(),
        Task::Tidy => xtask::tidy::run(),
        Task::Docs => xtask::docs::run(),
        Task::Fixtures(options) => xtask::fixtures::run(&options),
        Task::Demo(options) => xtask::demo::run(&options, Profile::Dev),
        Task::Bench(options) => xtask::bench::run(&options),
        Task::Crash(options) => xtask::crash::run(&options),
        Task::Conform(options) => xtask::conform::run(&options, Profile::Dev),
        Task::Browser => xtask::browser::run(),
        Task::Screenshots => xtask::screenshots::run(),
        Task::Fuzz(options) => xtask::fuzz::run(&options),
        Task::Proxies(options) => xtask::proxies::run(&options, Profile::Dev),
        Task::Image(options) => xtask::image::run(&options),
        Task::Dist(options) => xtask::package::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
