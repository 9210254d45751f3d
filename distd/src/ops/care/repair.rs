//! Repair: what a check found is put right, with bytes from a backup, another store or another server.
//!
//! Nothing is thrown away: what is damaged goes to quarantine. Nothing is taken over that does not hash to its name.

use std::path::PathBuf;

use objstore::{Digest, Sealed, Store, UploadError, VerifyError};
use protocol::AppSlug;
use protocol::api::{AuditAction, CheckReport, FindingKind};
use serde_json::json;

use super::super::caller::Record;
use super::super::remote::{Remote, RemoteError};
use super::super::{Caller, OpError, reindex};
use super::damage::{note_replaced, quarantine};
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

/// What came of it.
enum Outcome {
    /// What was done, in words.
    Done(String),
    /// Nothing: why, where there is more to say than that no source was given.
    NotDone(Option<String>),
}

/// Puts right what it can of a report, and notes in each finding what was done, or why nothing was.
///
/// # Errors
/// When the data directory's own disk or database fails. What was put right until then is, and noted.
pub async fn run(ground: &Ground, report: &mut CheckReport, source: Option<&Source>) -> Result<(), OpError> {
    let mut must_reindex = false;
    for finding in &mut report.findings {
        let outcome = match (finding.kind, Digest::parse(&finding.subject)) {
            (FindingKind::ObjectDamaged | FindingKind::ObjectSize | FindingKind::ObjectUnreadable, Ok(digest)) => {
                replace(ground, digest, source).await?
            }
            (FindingKind::ObjectMissing, Ok(digest)) => restore(ground, digest, source).await?,
            (FindingKind::ObjectMode, Ok(digest)) => {
                ground.store.restore_mode(&digest)?;
                Outcome::Done("made read-only".to_owned())
            }
            (kind, _) => {
                must_reindex |= kind == FindingKind::Index;
                Outcome::NotDone(None)
            }
        };
        match outcome {
            Outcome::Done(what) => finding.repaired = Some(what),
            Outcome::NotDone(Some(why)) => finding.message = format!("{}; not repaired: {why}", finding.message),
            Outcome::NotDone(None) => {}
        }
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

/// Moves the damaged file aside, and puts a whole one in its place where there is one. A file that the disk does not give may
/// be whole, and readable the next time: it gives way only to a whole copy.
async fn replace(ground: &Ground, digest: Digest, source: Option<&Source>) -> Result<Outcome, OpError> {
    let (store, verifier, at) = (ground.store.clone(), ground.store.clone(), ground.clock.now());
    match blocking(move || verifier.verify_and_sum(&digest)).await {
        Ok(_) => return Ok(Outcome::Done("it is whole by now".to_owned())),
        Err(VerifyError::Damaged { actual, file, .. }) => {
            ground.db.write(move |tx| quarantine(tx, &store, &Caller::local(), digest, (actual, file), at)).await?;
        }
        Err(VerifyError::NotFound { .. } | VerifyError::Io { .. }) => {}
    }
    restore(ground, digest, source).await
}

/// Takes a whole copy from the source.
async fn restore(ground: &Ground, digest: Digest, source: Option<&Source>) -> Result<Outcome, OpError> {
    match obtain(ground, digest, source).await? {
        Ok(copy) => place(ground, digest, copy).await,
        Err(why) => Ok(Outcome::NotDone(why)),
    }
}

/// Whole bytes that are here and no object yet, and where they are from.
struct WholeCopy {
    bytes: Sealed,
    from: String,
}

/// Fetches whole bytes, or says why there are none.
async fn obtain(
    ground: &Ground,
    digest: Digest,
    source: Option<&Source>,
) -> Result<Result<WholeCopy, Option<String>>, OpError> {
    match source {
        None => Ok(Err(None)),
        Some(Source::Directory(directory)) => {
            let (store, other) = (ground.store.clone(), Store::attach(directory, objstore::Options::default()));
            let copied = blocking(move || store.sealed_copy(&other, &digest)).await;
            let from = directory.display().to_string();
            Ok(copied.map(|bytes| WholeCopy { bytes, from }).map_err(|error| Some(with_causes(&error))))
        }
        Some(Source::Server(remote)) => {
            let apps = ground.db.read(|connection| Ok::<_, OpError>(db::apps::list(connection)?)).await?;
            let mut why = None;
            for app in apps {
                match download(&ground.store, remote, &app.slug, digest).await? {
                    Ok(bytes) => return Ok(Ok(WholeCopy { bytes, from: remote.url().to_string() })),
                    Err(error) => why = Some(with_causes(&error)),
                }
            }
            Ok(Err(why))
        }
    }
}

/// An error with what it comes from.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let mut text = error.to_string();
    for cause in causes.map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

async fn place(ground: &Ground, digest: Digest, WholeCopy { bytes, from }: WholeCopy) -> Result<Outcome, OpError> {
    let put = blocking(move || bytes.publish()).await;
    let put = put.map_err(|error| OpError::storage("restoring an object")(error.into()))?;
    note_replaced(&ground.db, Caller::local(), put, ground.clock.now()).await?;
    record(ground, digest, &from).await?;
    Ok(Outcome::Done(format!("restored from {from}")))
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

/// Downloads an object of an app. The inner error is that the other server does not have it, keeps it to itself, or has it
/// damaged: the next app, or nobody, has it.
async fn download(
    store: &Store,
    remote: &Remote,
    app: &AppSlug,
    digest: Digest,
) -> Result<Result<Sealed, RemoteError>, OpError> {
    let failed = |error: RemoteError| OpError::storage("asking the other server")(error.into());
    let upload = match remote.fetch(store, OWNER, (app, digest), |_| ()).await {
        Ok(upload) => upload,
        Err(error @ RemoteError::Refused { .. }) => return Ok(Err(error)),
        Err(error) if matches!(&error, RemoteError::Unreachable { source, .. } if source.is_body() || source.is_decode()) =>
        {
            return Ok(Err(error));
        }
        Err(error) => return Err(failed(error)),
    };
    match blocking(move || upload.seal()).await {
        Ok(sealed) => Ok(Ok(sealed)),
        Err(error @ (UploadError::DigestMismatch { .. } | UploadError::Incomplete { .. })) => Ok(Err(error.into())),
        Err(error) => Err(failed(error.into())),
    }
}
