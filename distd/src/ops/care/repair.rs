//! Repair: what a check found is put right, with bytes from a backup, another store or another server.
//!
//! Nothing is thrown away: what is damaged goes to quarantine. Nothing is taken over that does not hash to its name.

use std::path::PathBuf;

use objstore::{CopyMethod, Digest, Store, UploadError, VerifyError};
use protocol::AppSlug;
use protocol::api::{AuditAction, CheckReport, Finding, FindingKind};
use serde_json::json;

use super::super::caller::Record;
use super::super::remote::{Remote, RemoteError};
use super::super::{Caller, OpError, reindex};
use super::damage::quarantine;
use super::gc::Ground;
use crate::blocking::blocking;
use crate::db;

/// Whose uploads these are while they come over the network; no app can have that name.
const OWNER: &str = "-repair";

/// Where whole bytes come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A folder with `objects/` in it: a backup, or another data directory.
    Directory(PathBuf),
    /// Another server.
    Server(Remote),
}

/// Puts right what it can of a report, and notes in each finding what was done.
///
/// # Errors
/// When disk or database fail. What was put right until then is.
pub async fn run(ground: &Ground, report: &mut CheckReport, source: Option<&Source>) -> Result<(), OpError> {
    let mut must_reindex = false;
    for finding in &mut report.findings {
        let done = match finding.kind {
            FindingKind::ObjectDamaged | FindingKind::ObjectSize | FindingKind::ObjectUnreadable => {
                replace(ground, finding, source).await?
            }
            FindingKind::ObjectMissing => fetch(ground, finding, source).await?,
            FindingKind::ObjectMode => {
                ground.store.restore_mode(&digest_of(finding)?)?;
                Some("made read-only".to_owned())
            }
            FindingKind::Index => {
                must_reindex = true;
                None
            }
            _ => None,
        };
        finding.repaired = done;
    }
    if must_reindex {
        let (store, worker) = (ground.store.clone(), ground.db.clone());
        reindex::rebuild(&worker, store).await?;
        for finding in report.findings.iter_mut().filter(|finding| finding.kind == FindingKind::Index) {
            finding.repaired = Some("made again from manifests and refs".to_owned());
        }
    }
    Ok(())
}

fn digest_of(finding: &Finding) -> Result<Digest, OpError> {
    Digest::parse(&finding.subject).map_err(|error| OpError::storage("reading a finding")(error.into()))
}

/// Moves the damaged file aside, and puts a whole one in its place where there is one.
async fn replace(ground: &Ground, finding: &Finding, source: Option<&Source>) -> Result<Option<String>, OpError> {
    let digest = digest_of(finding)?;
    let (store, at) = (ground.store.clone(), ground.clock.now());
    let verifier = store.clone();
    match blocking(move || verifier.verify_and_sum(&digest)).await {
        Ok(_) => return Ok(Some("it is whole by now".to_owned())),
        Err(VerifyError::Damaged { actual, file, .. }) => {
            ground.db.write(move |tx| quarantine(tx, &store, &Caller::local(), digest, (actual, file), at)).await?;
        }
        // Whether it is damaged nobody knows: it stays until whole bytes take its place.
        Err(_) => {}
    }
    let fetched = fetch(ground, finding, source).await?;
    // Aside is where it belongs, and yet what needs it does not have it.
    Ok(fetched)
}

/// Takes a whole copy from the source.
async fn fetch(ground: &Ground, finding: &Finding, source: Option<&Source>) -> Result<Option<String>, OpError> {
    let digest = digest_of(finding)?;
    let taken = match source {
        None => None,
        Some(Source::Directory(directory)) => {
            let (store, other) = (ground.store.clone(), Store::attach(directory, objstore::Options::default()));
            let copied = blocking(move || store.copy_from(&other, &digest, CopyMethod::Copy)).await;
            copied.ok().map(|_| directory.display().to_string())
        }
        Some(Source::Server(remote)) => {
            let apps = ground.db.read(|connection| Ok::<_, OpError>(db::apps::list(connection)?)).await?;
            let mut taken = None;
            for app in apps {
                if taken.is_none() && download(&ground.store, remote, &app.slug, digest).await? {
                    taken = Some(remote.url().to_string());
                }
            }
            taken
        }
    };
    if let Some(from) = &taken {
        record(ground, digest, from).await?;
    }
    Ok(taken.map(|from| format!("restored from {from}")))
}

async fn record(ground: &Ground, digest: Digest, from: &str) -> Result<(), OpError> {
    let (at, from) = (ground.clock.now(), from.to_owned());
    ground
        .db
        .write(move |tx| {
            db::care::forget_object(tx, &digest)?;
            let record = Record {
                action: AuditAction::ObjectRestore,
                app: None,
                subject: digest.to_string(),
                old: None,
                new: None,
                reason: None,
                details: json!({ "from": from }),
            };
            Caller::local().record(tx, at, record)
        })
        .await
}

/// Downloads an object of an app; `false` where the other server does not have it, or not whole.
async fn download(store: &Store, remote: &Remote, app: &AppSlug, digest: Digest) -> Result<bool, OpError> {
    let failed = |error: RemoteError| OpError::storage("asking the other server")(error.into());
    let upload = match remote.fetch(store, OWNER, (app, digest), |_| ()).await {
        Ok(upload) => upload,
        // It has none, keeps it to itself, or its own is damaged: the next app, or nobody, has it.
        Err(RemoteError::Refused { .. }) => return Ok(false),
        Err(RemoteError::Unreachable { source, .. }) if source.is_body() || source.is_decode() => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    match blocking(move || upload.finish()).await {
        Ok(_) => Ok(true),
        Err(UploadError::DigestMismatch { .. } | UploadError::Incomplete { .. }) => Ok(false),
        Err(error) => Err(failed(error.into())),
    }
}
