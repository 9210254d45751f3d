//! `dist fsck`: a check of the whole store, told as it goes on.

use clap::Args;
use protocol::api::{CheckEvent, CheckReport, CheckRequest, Finding, FindingLevel};
use protocol::{ByteSize, ErrorCode, paths};
use reqwest::Method;
use serde_json::json;

use crate::client::Failure;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::Look;

/// Longest line of the server's answer: the report with everything that was found.
const LINE_BYTES: usize = 64 * 1024 * 1024;

/// Check the store of the server: every object, ref, reflog, manifest, the index and the audit chain
///
/// Runs on the server, beside pushes, with its progress shown here; it ends when this command does. Damaged objects are
/// moved to quarantine, and the next push of them brings them back. Needs the scope admin.
#[derive(Debug, Args)]
pub(crate) struct FsckArgs {
    /// Sizes and links only: no object is read but manifests
    #[arg(long, alias = "sizes-only")]
    quick: bool,
    /// Read no more than so many MiB a second; 0 for no limit
    #[arg(long, value_name = "MIB", default_value_t = 0)]
    max_mib_per_second: u64,
}

/// Runs `dist fsck`.
///
/// # Errors
/// [`ErrorCode::StoreDamaged`] with everything that is wrong, or what the server refuses.
pub(crate) async fn run(args: FsckArgs, session: &Session) -> Result<(), CliError> {
    let client = session.client()?;
    let request = CheckRequest { quick: args.quick, max_mib_per_second: args.max_mib_per_second };
    let request = client.request(Method::POST, paths::STORE_CHECK).json(&request);
    let mut response = client.attempt(request).await.map_err(|failure| failure.error)?;
    let mut lines = Lines::default();
    let mut bar = None;
    loop {
        let chunk = response.chunk().await.map_err(|error| Failure::transport(client.server(), &error).error)?;
        let Some(chunk) = chunk else {
            return Err(CliError::new(ErrorCode::ServerAnswerInvalid, "the server ended the check without a report"));
        };
        for event in lines.take(&chunk)? {
            match event {
                CheckEvent::Progress { bytes, of_bytes, .. } => {
                    bar.get_or_insert_with(|| session.terminal.bar("checking", of_bytes, 0)).set(bytes);
                }
                CheckEvent::Found(finding) => session.terminal.note(&line(&finding)),
                CheckEvent::Failed { message } => return Err(CliError::new(ErrorCode::Internal, message)),
                CheckEvent::Done(report) => {
                    if let Some(bar) = bar {
                        bar.finish();
                    }
                    return if report.is_clean() {
                        session.output.answer(&report, render)
                    } else {
                        Err(damaged(&report))
                    };
                }
            }
        }
    }
}

/// Lines that come in pieces.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn take(&mut self, chunk: &[u8]) -> Result<Vec<CheckEvent>, CliError> {
        self.0.extend_from_slice(chunk);
        let mut events = Vec::new();
        while let Some(end) = self.0.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.0.drain(..=end).collect();
            let event = serde_json::from_slice(&line).map_err(|error| {
                CliError::new(ErrorCode::ServerAnswerInvalid, "a line of the check is not understood").caused_by(error)
            })?;
            events.push(event);
        }
        if self.0.len() > LINE_BYTES {
            return Err(CliError::new(ErrorCode::ServerAnswerInvalid, "a line of the check is too long"));
        }
        Ok(events)
    }
}

fn line(finding: &Finding) -> String {
    format!("{}  {} {}: {}", finding.level, finding.kind, finding.subject, finding.message)
}

fn render(look: &Look, report: &CheckReport) -> String {
    let how = if report.quick { "sizes and links only" } else { "every byte read" };
    format!(
        "{} objects, {}, {} records in {:.1} s ({how}): {}.\naudit head {}\n",
        report.objects,
        ByteSize(report.bytes),
        report.records,
        report.seconds,
        look.bold("clean"),
        report.audit_head
    )
}

fn damaged(report: &CheckReport) -> CliError {
    let wrong = report.findings.iter().filter(|finding| finding.level == FindingLevel::Error);
    let lines: Vec<String> =
        wrong.map(|finding| format!("{} {}: {}", finding.kind, finding.subject, finding.message)).collect();
    CliError::new(ErrorCode::StoreDamaged, format!("the store is not whole\n{}", lines.join("\n")))
        .hint("push the releases again, or have it repaired on the server: distd fsck --repair --from BACKUP")
        .details(json!({ "report": report }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_from_pieces() {
        let mut lines = Lines::default();
        assert_eq!(lines.take(b"{\"event\":\"failed\",\"mess").unwrap(), []);
        let events = lines.take(b"age\":\"a\"}\n{\"event\":\"failed\",\"message\":\"b\"}\n{").unwrap();
        let failed = |message: &str| CheckEvent::Failed { message: message.to_owned() };
        assert_eq!(events, [failed("a"), failed("b")]);
        assert!(lines.take(b"}\n").is_err());
    }
}
