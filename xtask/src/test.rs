//! `cargo xtask test`: everything that must pass, quickest first, the tests last, so that the test
//! runner's closing line stands at the end.
//!
//! Dependencies are checked once (clippy and the documentation share that) and built once: building
//! all targets, the documentation's tests and the test runner use one profile and one set of features.

use std::{process::Command, time::Instant};

use anyhow::{Context, Result};

use crate::{
    bench, browser, conform, demo, fixtures, process, proxies, tidy,
    tools::{self, FIND, FORMATS, NPM, OPENSSL, PIP, SHA256SUM, SQLITE3, STRACE},
    workspace::{self, Profile},
};

/// One thing that must pass.
struct Step {
    name: &'static str,
    run: fn() -> Result<()>,
}

const STEPS: &[Step] = &[
    Step { name: "format", run: check_format },
    Step { name: "tidy", run: tidy::check_source_tree },
    Step { name: "clippy", run: check_lints },
    Step { name: "docs", run: build_docs },
    Step { name: "build and generated pages", run: build_and_compare },
    Step { name: "dependencies", run: check_dependencies },
    Step { name: "doctests", run: run_doctests },
    Step { name: "the formats' own tools", run: ensure_formats_tools },
    Step { name: "real artifacts", run: fetch_artifacts },
    Step { name: "a browser", run: browser::run },
    Step { name: "demo", run: tell_the_demo },
    Step { name: "the API and its description", run: hold_to_the_description },
    Step { name: "nginx and Caddy", run: go_through_proxies },
    Step { name: "two minutes of load", run: hold_under_load },
    Step { name: "tests", run: run_tests },
];

/// Runs every step and stops at the first that fails.
///
/// # Errors
/// When a step fails, naming it.
pub fn run() -> Result<()> {
    tools::ensure(&[STRACE, SQLITE3, SHA256SUM, FIND, OPENSSL])?;
    let begun = Instant::now();
    for step in STEPS {
        println!("== {}", step.name);
        let step_begun = Instant::now();
        (step.run)().with_context(|| format!("test: {} failed", step.name))?;
        println!("== {}: passed in {:.1} s", step.name, step_begun.elapsed().as_secs_f64());
    }
    println!("test: all {} steps passed in {:.0} s", STEPS.len(), begun.elapsed().as_secs_f64());
    Ok(())
}

fn check_format() -> Result<()> {
    process::run(workspace::cargo().args(["fmt", "--all", "--check"]))
}

/// The workspace as a whole, then `refs` alone: among the others its SQLite half is always on.
fn check_lints() -> Result<()> {
    let deny_warnings = ["--", "--deny", "warnings"];
    process::run(workspace::cargo().args(["clippy", "--workspace", "--all-targets"]).args(deny_warnings))?;
    process::run(workspace::cargo().args(["clippy", "--package", "refs"]).args(deny_warnings))
}

fn build_docs() -> Result<()> {
    let mut command = workspace::cargo();
    command.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "--deny warnings");
    process::run(&mut command)
}

fn build_and_compare() -> Result<()> {
    tidy::check_generated(&workspace::build(Profile::Test)?)
}

fn check_dependencies() -> Result<()> {
    if tools::find_program("cargo-deny").is_none() {
        println!("cargo-deny is not installed: licences, advisories and sources are not checked here");
        return Ok(());
    }
    process::run(workspace::cargo().args(["deny", "check"]))
}

fn run_doctests() -> Result<()> {
    process::run(workspace::cargo().args(["test", "--workspace", "--doc"]))
}

/// All that are missing at once, so that a machine without root is told one command.
fn ensure_formats_tools() -> Result<()> {
    tools::ensure(FORMATS)
}

/// The tests of `inspect` read real artifacts. What is there already is not fetched again, so trying again costs only what failed.
fn fetch_artifacts() -> Result<()> {
    tools::ensure(&[NPM, PIP])?;
    let all = fixtures::Options::default();
    fixtures::run(&all).or_else(|_| fixtures::run(&all)).or_else(|_| fixtures::run(&all))
}

/// The first of the README's two commands.
fn tell_the_demo() -> Result<()> {
    demo::run(&demo::Options { exit: true }, Profile::Test)
}

fn hold_to_the_description() -> Result<()> {
    conform::run(&conform::Options::default(), Profile::Test)
}

fn go_through_proxies() -> Result<()> {
    proxies::run(&proxies::Options::default(), Profile::Test)
}

fn hold_under_load() -> Result<()> {
    bench::soak(Profile::Test)
}

fn run_tests() -> Result<()> {
    process::run(&mut test_command(tools::find_program("cargo-nextest").is_some()))
}

/// nextest where it is installed, else what comes with cargo.
fn test_command(has_nextest: bool) -> Command {
    let mut command = workspace::cargo();
    if has_nextest {
        command.args(["nextest", "run", "--workspace", "--status-level", "slow"]);
    } else {
        command.args(["test", "--workspace", "--lib", "--bins", "--tests", "--examples"]);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_are_the_last_step() {
        assert_eq!(STEPS.last().map(|step| step.name), Some("tests"));
    }

    #[test]
    fn tests_run_without_nextest_too() {
        let line = |has_nextest| process::describe(&test_command(has_nextest));
        assert!(line(true).contains(" nextest run --workspace"));
        assert!(line(false).contains(" test --workspace"));
    }
}
