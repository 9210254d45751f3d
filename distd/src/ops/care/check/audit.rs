//! A check over the API: told as it goes on, recorded, and what is damaged moved aside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use protocol::api::{AuditAction, CheckEvent, CheckReport, CheckRequest, FindingKind};
use protocol::scope::Need;
use serde_json::json;
use tokio::sync::mpsc;

use super::super::super::caller::Record;
use super::super::super::{Caller, OpError};
use super::{Checked, Options};
use crate::Server;
use crate::blocking::in_background;
use crate::ops::care::{check_chain, examine, note_check};

/// Events on their way to a client that reads slowly; progress beyond them is not told.
const EVENTS_AHEAD: usize = 256;

/// Begins a check and returns what it says, line by line. It ends when nobody listens any more. Needs `admin`.
pub(crate) async fn over_api(
    server: &Server,
    caller: Caller,
    request: CheckRequest,
) -> Result<mpsc::Receiver<CheckEvent>, OpError> {
    caller.require(Need::Admin)?;
    record(server, &caller, &request).await?;
    let (sender, receiver) = mpsc::channel(EVENTS_AHEAD);
    tokio::spawn(check(server.clone(), request, sender));
    Ok(receiver)
}

async fn record(server: &Server, caller: &Caller, request: &CheckRequest) -> Result<(), OpError> {
    let (caller, at) = (caller.clone(), server.clock.now());
    let details = json!({ "quick": request.quick, "max_mib_per_second": request.max_mib_per_second });
    server
        .db
        .write(move |tx| {
            let record = Record {
                action: AuditAction::StoreCheck,
                app: None,
                subject: "store".to_owned(),
                old: None,
                new: None,
                reason: None,
                details,
            };
            caller.record(tx, at, record)
        })
        .await
}

async fn check(server: Server, request: CheckRequest, sender: mpsc::Sender<CheckEvent>) {
    let options = Options {
        quick: request.quick,
        max_bytes_per_second: request.max_mib_per_second.saturating_mul(1024 * 1024),
        ..Options::default()
    };
    let stop = Arc::new(AtomicBool::new(false));
    let (data, store, listener) = (server.data().to_owned(), server.store.clone(), sender.clone());
    let begun = server.clock.now();
    let outcome = in_background(move || {
        super::examine(&data, &store, &options, &Arc::clone(&stop), &|event| {
            let is_progress = matches!(event, CheckEvent::Progress { .. });
            let gone = if is_progress {
                matches!(listener.try_send(event), Err(mpsc::error::TrySendError::Closed(_)))
            } else {
                listener.blocking_send(event).is_err()
            };
            if gone {
                stop.store(true, Ordering::Relaxed);
            }
        })
    });
    let outcome = outcome.await;
    if let Err(error) =
        note_check(&server.db, &server.store, request.quick, outcome.as_ref(), (begun, server.clock.now())).await
    {
        tracing::error!(%error, "the check could not be noted");
    }
    if let Err(error) = check_chain(&server).await {
        tracing::error!(%error, "the audit chain could not be checked");
    }
    let last = match outcome {
        Ok(Checked { report, .. }) => {
            move_aside(&server, &report).await;
            CheckEvent::Done(report)
        }
        Err(error) => CheckEvent::Failed { message: error.to_string() },
    };
    // Where nobody listens any more, the log of the server has what was moved aside.
    let _ = sender.send(last).await;
}

/// Damaged objects are not kept where they could be taken for whole ones.
async fn move_aside(server: &Server, report: &CheckReport) {
    for finding in &report.findings {
        if matches!(finding.kind, FindingKind::ObjectDamaged | FindingKind::ObjectSize)
            && let Ok(digest) = protocol::Digest::parse(&finding.subject)
        {
            examine(server.clone(), digest).await;
        }
    }
}
