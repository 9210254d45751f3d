//! `dist audit verify`: whether the log is whole.

use clap::Args;
use protocol::api::AuditQuery;
use protocol::audit_chain::{ChainCheck, ChainSummary, Mark};
use protocol::{ErrorCode, Problem, limits};
use serde_json::json;

use super::oldest_first;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::Look;

/// Check that no event of the log was edited, removed or reordered
///
/// Fetches every event and computes its hash here, so that the server need not be trusted. Note the head that is printed
/// where nobody who can write to the server can reach, and give it with --expect the next time: a log that was cut off at
/// its end, or rewritten from some event on, shows only by that.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The head that an earlier verification printed
    #[arg(long, value_name = "SEQ:HASH")]
    expect: Option<Mark>,
}

/// Runs `dist audit verify`.
///
/// # Errors
/// [`ErrorCode::AuditChainBroken`] with everything that is wrong, or what the server refuses.
pub(super) async fn run(args: VerifyArgs, session: &Session) -> Result<(), CliError> {
    let client = session.client()?;
    let mut query = AuditQuery { limit: Some(limits::PAGE_ROWS_MAX), ..AuditQuery::default() };
    let mut check = ChainCheck::new(args.expect);
    oldest_first(&client, &mut query, |events| {
        for event in events {
            check.push(event);
        }
        Ok(true)
    })
    .await?;
    let summary = check.finish();
    if summary.faults.is_empty() { session.output.answer(&summary, render) } else { Err(broken(&summary)) }
}

fn render(look: &Look, summary: &ChainSummary) -> String {
    let events = if summary.events == 1 { "event" } else { "events" };
    format!("{} {events}, the chain holds.\nhead {}\n", summary.events, look.bold(&summary.head.to_string()))
}

fn broken(summary: &ChainSummary) -> CliError {
    let problem = |seq: u64, message: &str| Problem::new(ErrorCode::AuditChainBroken, format!("event {seq}"), message);
    let problems: Vec<Problem> = summary.faults.iter().map(|fault| problem(fault.seq, &fault.message)).collect();
    CliError::from_problems("the audit chain", &problems)
        .hint("keep a copy of the data directory as it is, and compare it with a backup; distd audit verify looks at the table itself")
        .details(json!({ "events": summary.events, "head": summary.head, "faults": summary.faults, "problems": problems }))
}
