//! The command line of `distd`.

mod care;
mod config;
mod doctor;
mod log;
mod mail;
mod man;
mod mirror;
mod serve;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use self::config::Config;
use self::serve::Serve;
use anyhow::{Context, Result};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use jiff::{SignedDuration, Span};
use objstore::Options;
use protocol::Scope;
use protocol::api::CreateToken;
use protocol::audit_chain::Mark;

use crate::config::{self as layers, LoadError, Loaded};
use crate::db::Database;
use crate::exit::{Ended, Exit};
use crate::healthcheck::Healthcheck;
use crate::ops::reindex::{self, Reindexed};
use crate::ops::{audit, tokens};
use crate::server::make_directories;
use crate::{Clock, Inspector, Server, http};

/// The dist server: git for releases.
#[derive(Debug, Parser)]
#[command(name = "distd", version, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a data directory.
    Serve(Box<Serve>),
    #[command(subcommand)]
    Config(Config),
    /// Tokens, on the data directory itself.
    #[command(subcommand)]
    Token(Token),
    /// The audit log, on the data directory itself.
    #[command(subcommand)]
    Audit(Audit),
    /// Make the index tables and the reports again, from objects and refs.
    Reindex(Reindex),
    /// Ask the server on this machine whether it is ready; for containers and monitors.
    Healthcheck(Healthcheck),
    Doctor(Box<doctor::Doctor>),
    Fsck(care::Fsck),
    Gc(care::Gc),
    Backup(care::Backup),
    Restore(care::Restore),
    Mirror(mirror::Mirror),
    Man(man::Man),
    /// Print the OpenAPI 3.1 document of the API.
    Openapi,
    /// Print the steps at which a crash test can end the process.
    #[cfg(debug_assertions)]
    #[command(name = "fault-steps", hide = true)]
    FaultSteps,
}

/// Where everything is kept.
#[derive(Debug, Args)]
struct Data {
    /// The data directory; made where it does not exist.
    #[arg(long, value_name = "DIR", env = "DISTD_DATA", default_value = "/data")]
    data: PathBuf,
}

#[derive(Debug, Args)]
struct Reindex {
    #[command(flatten)]
    data: Data,
    /// Inspect every artifact again, not only those that this version has not read.
    #[arg(long)]
    all: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Token {
    /// Make a token, whether or not a server runs on the directory.
    Create(CreateArgs),
}

#[derive(Debug, Subcommand)]
enum Audit {
    /// Check that no event was edited, removed or reordered, whether or not a server runs on the directory.
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
struct VerifyArgs {
    #[command(flatten)]
    data: Data,
    /// The head that an earlier verification printed; it must still be there.
    #[arg(long, value_name = "SEQ:HASH")]
    expect: Option<Mark>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct CreateArgs {
    #[command(flatten)]
    data: Data,
    /// The actor in reflogs and in the audit log.
    #[arg(long)]
    name: String,
    /// What it may do: action[:app[/channel]], such as admin, read:*, publish:acme/beta. May be repeated, or separated by
    /// commas.
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_delimiter = ',')]
    scopes: Vec<Scope>,
    /// For how long it works, such as 12h, 30d, 8w. 90 days unless given.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, conflicts_with = "never")]
    expires: Option<Duration>,
    /// It works until it is revoked.
    #[arg(long)]
    never: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// The variable that holds the token for another server, which something is taken from.
const FROM_TOKEN: &str = "DISTD_FROM_TOKEN";

/// The token for another server.
fn from_token() -> Option<String> {
    std::env::var(FROM_TOKEN).ok().filter(|token| !token.is_empty())
}

/// `12h`, `30d`, `8w`; a day is 24 hours.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let span: Span = text.parse().map_err(|error| format!("{error}"))?;
    let duration = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|error| format!("{error}"))?;
    if duration <= SignedDuration::ZERO {
        return Err("it must be longer than nothing".to_owned());
    }
    Ok(duration.unsigned_abs())
}

impl Cli {
    /// Reads the command line of this process, and the layers below it. Ends the process where it is not understood, or where
    /// help was asked for.
    ///
    /// # Errors
    /// When the configuration file says what cannot be.
    pub fn load() -> Result<Self> {
        let arguments: Vec<OsString> = std::env::args_os().collect();
        match layers::load(&Self::command(), &arguments) {
            Ok(loaded) => Self::from_loaded(loaded),
            Err(LoadError::CommandLine(error)) => error.exit(),
            Err(error) => Err(Ended::new(Exit::Configuration, error.to_string()).into()),
        }
    }

    /// Reads everything again, for a process that runs already.
    ///
    /// # Errors
    /// When a layer is not understood.
    fn load_again() -> Result<Self> {
        let arguments: Vec<OsString> = std::env::args_os().collect();
        Self::from_loaded(layers::load(&Self::command(), &arguments)?)
    }

    fn from_loaded(loaded: Loaded) -> Result<Self> {
        let mut cli = Self::from_arg_matches(&loaded.matches)?;
        match &mut cli.command {
            Command::Serve(serve) => serve.configuration = loaded.settings,
            Command::Doctor(doctor) => doctor.take(loaded.settings),
            Command::Config(config) => config.take(loaded.settings, loaded.file),
            _ => {}
        }
        Ok(cli)
    }

    /// Does what the command line says.
    ///
    /// # Errors
    /// When it cannot; the message is for the person at the terminal.
    pub fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::Doctor(doctor) => return doctor.run(),
            Command::Fsck(fsck) => return Ok(fsck.run()),
            Command::Backup(backup) => return backup.run(),
            Command::Restore(restore) => return restore.run(),
            Command::Mirror(mirror) => return mirror.run(),
            Command::Gc(gc) => gc.run(),
            Command::Serve(serve) => serve.run(),
            Command::Config(config) => config.run(),
            Command::Token(Token::Create(create)) => create.run(),
            Command::Audit(Audit::Verify(verify)) => verify.run(),
            Command::Reindex(reindex) => reindex.run(),
            Command::Healthcheck(check) => check.run(),
            Command::Man(man) => man.run(),
            Command::Openapi => print(&(http::document().to_pretty_json()? + "\n")),
            #[cfg(debug_assertions)]
            Command::FaultSteps => {
                let steps = objstore::faults::STEPS.iter().chain(crate::faults::STEPS);
                print(&(steps.copied().collect::<Vec<_>>().join("\n") + "\n"))
            }
        }
        .map(|()| ExitCode::SUCCESS)
    }
}

impl CreateArgs {
    fn run(self) -> Result<()> {
        make_directories(&self.data.data)?;
        let db = Database::open(&self.data.data)?;
        let wanted = CreateToken {
            name: self.name,
            scopes: self.scopes,
            expires_in_seconds: self.expires.map(|duration| duration.as_secs()),
            never_expires: self.never,
        };
        let made = tokens::create_local(&db, &wanted, Clock::system().now())?;
        if self.json {
            return print(&(serde_json::to_string_pretty(&made)? + "\n"));
        }
        let expiry = made.about.expires_at.map_or_else(|| "never".to_owned(), |at| format!("{at:.0}"));
        eprint(&format!("token {} ({}), expires {expiry}; it is shown only now\n", made.about.id, made.about.name))?;
        print(&format!("{}\n", made.token))
    }
}

impl VerifyArgs {
    fn run(self) -> Result<()> {
        let summary = audit::verify(&self.data.data, self.expect)?;
        let text = match (self.json, summary.faults.is_empty()) {
            (true, _) => serde_json::to_string_pretty(&summary)? + "\n",
            (false, true) => format!("{} events, the chain holds.\nhead {}\n", summary.events, summary.head),
            (false, false) => {
                let lines: Vec<&str> = summary.faults.iter().map(|fault| fault.message.as_str()).collect();
                lines.join("\n") + "\n"
            }
        };
        print(&text)?;
        anyhow::ensure!(summary.faults.is_empty(), "the audit chain is broken");
        Ok(())
    }
}

impl Reindex {
    fn run(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.reindex())
    }

    async fn reindex(self) -> Result<()> {
        let inspector = Inspector::of_this_program()?;
        let server = Server::open(&self.data.data, Options { reserve_bytes: 0 }, Clock::system(), inspector)?;
        let releases = reindex::releases(&server).await.context("nothing was changed")?;
        eprint(&format!("{releases} releases are in the index\n"))?;
        let lacking = reindex::lacking(&server, self.all).await?;
        for (done, digest) in (1..).zip(&lacking) {
            reindex::report(&server, *digest).await.with_context(|| format!("inspecting {digest}"))?;
            eprint(&format!("inspected {done} of {} ({})\n", lacking.len(), digest.short()))?;
        }
        let made = Reindexed { releases, reports: lacking.len() };
        if self.json {
            return print(&(serde_json::to_string_pretty(&made)? + "\n"));
        }
        print(&format!("{releases} releases indexed, {} artifacts inspected\n", made.reports))
    }
}

fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

fn eprint(text: &str) -> Result<()> {
    Ok(std::io::stderr().lock().write_all(text.as_bytes())?)
}
