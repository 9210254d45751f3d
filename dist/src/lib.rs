//! `dist`: git for releases, from the command line.
//!
//! [`main`] parses, runs one command and turns its outcome into an exit code. Every command is a file under `commands`; what
//! they share is the client, the publish engine, the download and the user interface.

mod bundle;
mod cli;
mod client;
mod commands;
mod config;
mod discover;
mod download;
mod error;
mod examine;
mod hash;
mod identity;
mod naming;
mod plan;
mod publish;
mod running;
mod session;
mod source;
mod ui;
mod upload;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use jiff::Timestamp;
use protocol::ErrorCode;

use cli::Cli;
use error::{CliError, exit_code};
use session::Session;
use ui::{Format, render_error, write_json};

/// The whole program, whatever it was started as.
pub fn main() -> ExitCode {
    keep_freed();
    // Only a second installation fails, and then the first one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return parse_failed(&error),
    };
    let session = Session::new(cli.global, Timestamp::now());
    match run(cli.command, &session) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&session, &error),
    }
}

/// Has the C library keep freed buffers of up to 4 MiB instead of giving them back to the system with each of them. glibc
/// learns from the largest block that was freed (mallopt(3), `M_MMAP_THRESHOLD`), so it is shown one that nobody touches.
fn keep_freed() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(4 * 1024 * 1024)));
}

fn run(command: cli::Command, session: &Session) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(ErrorCode::Io, "cannot start").caused_by(error))?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            // A command that takes being stopped for its end has the first word.
            biased;
            outcome = commands::run(command, session) => outcome,
            () = interrupted() => Err(CliError::new(ErrorCode::Interrupted, "stopped before it was done")
                .hint("what was transferred is kept; the same command continues from there")),
        }
    });
    // Threads that still read or hash a file must not hold up the exit.
    runtime.shutdown_background();
    outcome
}

/// Ends when a person or the system asks the command to stop.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a handler the system's own way of stopping stays in force.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn failed(session: &Session, error: &CliError) -> ExitCode {
    match session.output.format {
        // Where stdout cannot be written, the exit code still tells.
        Format::Json => drop(write_json(&error.document())),
        Format::Human if error.is_told() => {}
        Format::Human => session.terminal.say(&render_error(&session.output.look, error)),
    }
    ExitCode::from(exit_code(error.code().class()))
}

/// Help and version are answers; everything else is an error of usage, as a document where one was asked for.
fn parse_failed(error: &clap::Error) -> ExitCode {
    let is_answer = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if !is_answer && std::env::args_os().any(|argument| argument == "--json") {
        let text = error.to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let told = CliError::usage(message).hint("`dist help` and `dist help COMMAND` list what there is");
        let _ = write_json(&told.document());
        return ExitCode::from(exit_code(told.code().class()));
    }
    // A closed pipe is no reason to panic.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}
