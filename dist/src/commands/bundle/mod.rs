//! `dist bundle`: releases in one file, for places without a network.

mod create;
mod import;
mod round;
mod verify;

use clap::Subcommand;

use crate::error::CliError;
use crate::session::Session;

/// Bundles: releases in one file, for places without a network.
#[derive(Debug, Subcommand)]
pub(crate) enum BundleCommand {
    Create(create::CreateArgs),
    Verify(verify::VerifyArgs),
    Import(import::ImportArgs),
}

/// Runs `dist bundle …`.
///
/// # Errors
/// Whatever the command fails with.
pub(crate) async fn run(command: BundleCommand, session: &Session) -> Result<(), CliError> {
    match command {
        BundleCommand::Create(args) => create::run(args, session).await,
        BundleCommand::Verify(args) => verify::run(args, session).await,
        BundleCommand::Import(args) => import::run(args, session).await,
    }
}

/// `1 release`, `2 releases`.
fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}
