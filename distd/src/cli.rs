//! The command line of `distd`.

mod care;
mod man;

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::{SignedDuration, Span};
use objstore::Options;
use protocol::api::{CreateToken, CreatedToken};
use protocol::audit_chain::Mark;
use protocol::{Scope, ServerUrl, paths};
use tokio::signal::unix::{SignalKind, signal};

use crate::db::Database;
use crate::healthcheck::Healthcheck;
use crate::inspection::worker::{self, Worker};
use crate::ops::care::schedule;
use crate::ops::reindex::{self, Reindexed};
use crate::ops::webhooks::queue;
use crate::ops::{audit, staging, tokens};
use crate::server::make_directories;
use crate::webhooks::{Reach, Sender};
use crate::{Clock, Handover, Inspector, Listening, Server, Site, http, ownership};

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
    Fsck(care::Fsck),
    Gc(care::Gc),
    Backup(care::Backup),
    Restore(care::Restore),
    Man(man::Man),
    /// Print the OpenAPI 3.1 document of the API.
    Openapi,
    /// Print the steps at which a crash test can end the process.
    #[cfg(debug_assertions)]
    #[command(name = "fault-steps", hide = true)]
    FaultSteps,
    /// Read one artifact from standard input; started by the server itself.
    #[command(name = worker::NAME, hide = true)]
    InspectWorker(Worker),
}

/// Where everything is kept.
#[derive(Debug, Args)]
struct Data {
    /// The data directory; made where it does not exist.
    #[arg(long, value_name = "DIR", env = "DISTD_DATA", default_value = "/data")]
    data: PathBuf,
}

#[derive(Debug, Args)]
struct Serve {
    #[command(flatten)]
    data: Data,
    /// Address and port to listen on. Port 0 takes a free one, which the line on stdout tells.
    #[arg(long, value_name = "ADDR", env = "DISTD_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Free space that is never used up, in MiB. Uploads that would are refused before they start.
    #[arg(long, value_name = "MIB", env = "DISTD_RESERVE_MIB", default_value_t = 512)]
    reserve_mib: u64,
    /// For how long a part of a release is kept that was staged and not published, such as 7d, 12h.
    #[arg(long, value_name = "DURATION", env = "DISTD_STAGE_TTL", default_value = "7d", value_parser = parse_duration)]
    stage_ttl: Duration,
    /// The address that people reach the server at, such as `https://dist.example.com`. Install pages need it: iPhones install
    /// from https only, and codes to scan hold a whole address.
    #[arg(long, value_name = "URL", env = "DISTD_PUBLIC_URL")]
    public_url: Option<ServerUrl>,
    /// Let nginx send whole downloads: the internal location that is an alias of the data directory's `objects`, such as
    /// /objects/.
    #[arg(long, value_name = "LOCATION", env = "DISTD_X_ACCEL_REDIRECT", conflicts_with = "x_sendfile")]
    x_accel_redirect: Option<String>,
    /// Let Apache or lighttpd send whole downloads: the data directory's `objects` as the proxy sees it.
    #[arg(long, value_name = "DIR", env = "DISTD_X_SENDFILE")]
    x_sendfile: Option<String>,
    /// How the log on stderr is written.
    #[arg(long, env = "DISTD_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
    /// Let webhooks go to private addresses too, and over plain http: to this machine and to its network. Whoever administers an app
    /// chooses these addresses.
    #[arg(long, env = "DISTD_WEBHOOK_ALLOW_PRIVATE")]
    webhook_allow_private: bool,
    #[command(flatten)]
    caring: care::Caring,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
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
    /// Does what the command line says.
    ///
    /// # Errors
    /// When it cannot; the message is for the person at the terminal.
    pub fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::Fsck(fsck) => return Ok(fsck.run()),
            Command::Backup(backup) => return backup.run(),
            Command::Restore(restore) => return restore.run(),
            Command::Gc(gc) => gc.run(),
            Command::Serve(serve) => serve.run(),
            Command::Token(Token::Create(create)) => create.run(),
            Command::Audit(Audit::Verify(verify)) => verify.run(),
            Command::Reindex(reindex) => reindex.run(),
            Command::InspectWorker(worker) => worker.run(),
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

impl Serve {
    fn site(&self) -> Site {
        let handover = match (&self.x_accel_redirect, &self.x_sendfile) {
            (Some(location), _) => Handover::AccelRedirect(location.clone()),
            (None, Some(folder)) => Handover::Sendfile(folder.clone()),
            (None, None) => Handover::Never,
        };
        Site { public_url: self.public_url.clone(), handover }
    }

    fn run(self) -> Result<()> {
        start_log(self.log_format);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.serve())
    }

    async fn serve(self) -> Result<()> {
        let options = Options { reserve_bytes: self.reserve_mib * 1024 * 1024 };
        let site = self.site();
        let reach = if self.webhook_allow_private { Reach::Anywhere } else { Reach::Public };
        let server = Server::open(&self.data.data, options, Clock::system(), Inspector::of_this_program()?)
            .map_err(|error| ownership::explain(error, &self.data.data))?
            .with_policy(self.caring.policy())
            .keep_stages(self.stage_ttl.try_into()?)
            .at(site)
            .with_webhooks(Sender::new(reach));
        staging::expire(&server).await?;
        let listening = Listening::bind(self.listen).with_context(|| format!("cannot listen on {}", self.listen))?;
        let address = listening.address();
        if let Some(first) = tokens::create_first(&server).await? {
            tell_first_token(&first, address)?;
        }
        let stop = listening.stopper();
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::spawn(async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            tracing::info!("stopping; requests in flight finish first");
            stop();
        });
        print(&format!("listening on http://{address}\n"))?;
        tracing::info!(%address, data = %self.data.data.display(), "serving");
        let mut tasks = schedule::start(&server, self.caring.schedule());
        tasks.push(tokio::spawn(queue::run(server.clone())));
        listening.serve(server).await.context("the server failed")?;
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
        tracing::info!("stopped");
        Ok(())
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

/// The log goes to stderr. `DISTD_LOG` filters it, as `RUST_LOG` does elsewhere.
fn start_log(format: LogFormat) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("DISTD_LOG").unwrap_or_else(|_| "info".into());
    // It writes whole addresses, and a capability or a mistaken token in one is a secret.
    let filter = filter.add_directive("tower_http::csrf=off".parse().expect("a directive of our own"));
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let log = log.with_ansi(colour);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}

fn tell_first_token(first: &CreatedToken, address: SocketAddr) -> Result<()> {
    eprint(&format!(
        "\nNo administrator's token works here yet, so this one was made. It is shown only now:\n\n  {token}\n\n\
         Use it from your machine:\n\n  export DIST_SERVER=http://{address}\n  export DIST_TOKEN={token}\n  dist whoami\n\n\
         Make narrower ones for CI with `dist token create`, then revoke this one with `dist token revoke {id}`.\n\
         The API is described at http://{address}{openapi}\n\n",
        token = first.token,
        id = first.about.id,
        openapi = paths::OPENAPI,
    ))
}

fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

fn eprint(text: &str) -> Result<()> {
    Ok(std::io::stderr().lock().write_all(text.as_bytes())?)
}
