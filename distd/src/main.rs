//! `distd`, the dist server.

use clap::Parser;

fn main() -> anyhow::Result<()> {
    distd::cli::Cli::parse().run()
}
