//! `dist doctor`: what the way to the server does to requests and answers, and what mends it.

mod chain;
mod judge;
mod mend;
mod probe;

use clap::Args;
use jiff::Timestamp;
use protocol::ErrorCode;
use protocol::diagnosis::{self, Level, WORD_COLUMNS};
use serde::Serialize;
use serde_json::json;
use url::Url;

use self::judge::{Check, Way};
use crate::client::Client;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Format, Look, Tone, printable, write_stdout};

/// Check the way to the server: proxies, TLS, limits, clocks
///
/// Sends and fetches what a push and a pull do, through whatever stands in between, and prints a line for each check; for
/// what is wrong, the line of nginx's, Caddy's or the server's configuration that mends it. Nothing is stored. Needs a token,
/// whatever it may do. Exits 1 when something is wrong. `distd doctor` looks at the server itself.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// How much to upload at once, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=64))]
    upload_mib: u16,
}

/// The document of `dist doctor --json`.
#[derive(Debug, Serialize)]
struct Report {
    schema: &'static str,
    server: String,
    checks: Vec<Check>,
}

/// Runs `dist doctor`.
///
/// # Errors
/// [`ErrorCode::DoctorFoundFaults`] with every check, or what the server refuses.
pub(crate) async fn run(args: DoctorArgs, session: &Session) -> Result<(), CliError> {
    let client = session.client()?;
    let url = Url::parse(&client.server().to_string()).map_err(CliError::usage)?;
    let checks = look(&client, &url, usize::from(args.upload_mib) * 1024 * 1024).await?;
    let report = Report { schema: "dist.doctor/1", server: client.server().to_string(), checks };
    let wrong = diagnosis::count_failed(&report.checks);
    if wrong == 0 {
        return session.output.answer(&report, render);
    }
    let plural = if wrong == 1 { "" } else { "s" };
    let message = format!("{wrong} check{plural} failed between here and {}", report.server);
    let error = CliError::new(ErrorCode::DoctorFoundFaults, message).details(json!({ "report": report }));
    if session.output.format == Format::Human {
        write_stdout(&render(&session.output.look, &report))?;
    }
    Err(error)
}

async fn look(client: &Client, url: &Url, upload_bytes: usize) -> Result<Vec<Check>, CliError> {
    let certificate = if url.scheme() == "https" { vec![certificate(url.clone()).await] } else { Vec::new() };
    let met = match probe::meet(client).await {
        Ok(met) => met,
        Err(error) if error.code() == ErrorCode::ServerUnreachable => {
            let unreachable = Check::fail("reachable", error.full_message());
            return Ok(std::iter::once(unreachable).chain(certificate).collect());
        }
        Err(error) if error.code() == ErrorCode::NotFound => {
            return Err(error.or_hint("the server is older than this client: it has nothing to answer a doctor with"));
        }
        Err(error) => return Err(error),
    };
    let named = met.named.as_deref();
    let way = Way { used: url, version: met.version, named, plain: &met.plain, forged: &met.forged };
    let mut checks = vec![Check::ok("reachable", url.as_str().trim_end_matches('/'))];
    checks.extend(certificate);
    checks.extend(way.checks(env!("CARGO_PKG_VERSION")));
    checks.push(judge::clock(met.asked[0], met.plain.now, met.asked[1]));
    checks.extend(probe::send(client, upload_bytes).await);
    checks.extend(probe::receive(client).await);
    Ok(checks)
}

async fn certificate(url: Url) -> Check {
    let read = tokio::task::spawn_blocking(move || chain::read(&url)).await;
    match read.expect("reading a chain does not panic") {
        Ok(chain) => judge::certificate(&chain, Timestamp::now()),
        Err(error) => Check::fail("certificate", format!("no TLS: {error}")),
    }
}

fn render(look: &Look, report: &Report) -> String {
    let width = diagnosis::code_columns(&report.checks);
    report.checks.iter().map(|check| line(look, check, width)).collect()
}

fn line(look: &Look, check: &Check, width: usize) -> String {
    let tone = match check.level {
        Level::Ok => Tone::Good,
        Level::Warn => Tone::Warn,
        Level::Fail => Tone::Bad,
    };
    let word = look.tone(tone, check.level.word());
    let first = format!("{word}  {:<width$}  {}\n", check.code, printable(&check.seen));
    let mends = check.mend.iter().flat_map(|mend| {
        let lines = [("nginx", mend.nginx), ("Caddy", mend.caddy), ("distd.toml", mend.distd.as_deref())];
        lines.into_iter().filter_map(|(place, line)| Some((place, line?)))
    });
    let mends = mends.map(|(place, line)| {
        let place = look.dim(&format!("{place}:"));
        format!("{:indent$}{place} {}\n", "", printable(line), indent = WORD_COLUMNS + 2 + width + 2)
    });
    std::iter::once(first).chain(mends).collect()
}
