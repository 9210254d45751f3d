//! `cargo xtask demo`: the whole way of a release, with real artifacts, on a server of its own.

mod story;

use std::{
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    client::Client,
    server::Server,
    tools::{self, FIND, SHA256SUM},
    workspace::{self, Profile},
};

/// What `cargo xtask demo` is told.
#[derive(Args, Debug)]
pub struct Options {
    /// End after the last step instead of serving until Ctrl-C
    #[arg(long)]
    pub exit: bool,
}

/// Builds, tells the story, and serves until Ctrl-C. The data directory is removed at the end.
///
/// # Errors
/// When a step does not do what it should.
pub fn run(options: &Options, profile: Profile) -> Result<()> {
    tools::ensure(&[SHA256SUM, FIND])?;
    let interrupts = watch_interrupts()?;
    println!("Building distd and dist.");
    let binaries = workspace::build(profile)?;
    // Declared before the server, so that it is removed after the server is gone.
    let folder = tempfile::Builder::new().prefix("dist-demo-").tempdir().context("cannot create a folder")?;
    let data = folder.path().join("data");

    let mut server = Server::start(&binaries.distd, &data)?;
    println!("Started distd at {} on an empty data directory.", server.url());
    let client = Client::new(&binaries, &server, &data)?;
    println!("Made an admin token with `distd token create`.");
    story::tell(&client, &data, folder.path())?;
    print_addresses(server.url());
    if !options.exit {
        println!("\nServing until Ctrl-C.");
        wait_for_interrupt(&interrupts, &mut server)?;
    }
    server.stop()?;
    println!("\nStopped distd. Everything held.");
    Ok(())
}

fn print_addresses(url: &str) {
    println!("\nTo open:");
    println!("  {url}/install/{app}/beta", app = story::APP);
    println!("  {url}/api/v1/openapi.json");
}

/// Ctrl-C, and being told to end, become messages, so that the server and its data are cleared away.
fn watch_interrupts() -> Result<Receiver<()>> {
    let (sender, receiver) = mpsc::channel();
    let tell = move || {
        // Nobody listens any more: the task is already ending.
        let _ = sender.send(());
    };
    ctrlc::set_handler(tell).context("cannot watch for Ctrl-C")?;
    Ok(receiver)
}

fn wait_for_interrupt(interrupts: &Receiver<()>, server: &mut Server) -> Result<()> {
    const LOOK: Duration = Duration::from_millis(500);
    loop {
        match interrupts.recv_timeout(LOOK) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {
                if let Some(status) = server.try_wait()? {
                    bail!("the server ended by itself with {status}");
                }
            }
        }
    }
}
