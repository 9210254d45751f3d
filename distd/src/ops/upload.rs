//! Upload: the bytes of one object, possibly in several requests.
//!
//! The request's task hands chunks to a second task that hashes and writes them, several at a time, on a blocking thread. The
//! second task outlives the request: when a client goes away in the middle, what arrived is kept for the next request.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use objstore::{BLOCK_BYTES, BlockSums, Digest, Store, Upload, UploadError};
use protocol::AppSlug;
use protocol::api::AuditAction;
use protocol::scope::Need;
use rusqlite::Connection;
use serde_json::json;
use tokio::sync::mpsc;

use super::caller::Record;
use super::{Caller, OpError, care, reports};
use crate::Server;
use crate::blocking::blocking;
use crate::db::{self, objects::PendingUpload};
use crate::faults::step;

/// How long the server waits for the next byte of a body.
const IDLE: Duration = Duration::from_secs(30);

/// Chunks on their way from the network to the disk.
const CHUNKS_IN_FLIGHT: usize = 32;

/// What is read and thrown away of a body that was refused, so that its sender gets to see the refusal.
const LINGER_BYTES: usize = 64 * 1024 * 1024;

/// Where an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Bytes that the server has.
    pub(crate) offset: u64,
    /// Whether these are all, verified and durable.
    pub(crate) is_complete: bool,
}

/// What one request wants to add.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// The app it is for.
    pub(crate) app: AppSlug,
    /// The object it is of.
    pub(crate) digest: Digest,
    /// Where its first byte belongs.
    pub(crate) offset: u64,
    /// Whether the object ends with it.
    pub(crate) is_last: bool,
    /// What the object is, where `digest` is a name that was made up before that was known. Only with the last part.
    pub(crate) turns_out: Option<Digest>,
}

impl Part {
    /// The digest that the whole object must have.
    fn object(&self) -> Digest {
        self.turns_out.unwrap_or(self.digest)
    }
}

/// How far an object has got; `None` where the app did not negotiate it, or the caller may not publish to it.
pub(crate) async fn progress(
    server: &Server,
    caller: &Caller,
    app: AppSlug,
    digest: Digest,
) -> Result<Option<Progress>, OpError> {
    if !caller.may(Need::Publish(&app)) {
        return Ok(None);
    }
    let store = server.store.clone();
    server
        .db
        .read(move |connection| match expected(connection, &store, &app, &digest)? {
            Expected::Nothing => Ok(None),
            Expected::Received { size } => Ok(Some(Progress { offset: size, is_complete: true })),
            Expected::Object { .. } => {
                let offset = store.upload_offset(app.as_str(), &digest)?.unwrap_or(0);
                Ok(Some(Progress { offset, is_complete: false }))
            }
        })
        .await
}

/// Takes in one part of an object. After the last part the object is durable and counts as held by the app.
pub(crate) async fn receive<E>(
    server: &Server,
    caller: Caller,
    part: Part,
    mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<Progress, OpError> {
    caller.require(Need::Publish(&part.app))?;
    let digest = part.digest;
    let (store, app) = (server.store.clone(), part.app.clone());
    let size = match server.db.read(move |connection| expected(connection, &store, &app, &digest)).await? {
        Expected::Object { size } => size,
        Expected::Nothing => {
            linger(&mut body).await;
            return Err(OpError::ObjectNotNegotiated { app: part.app, digest });
        }
        Expected::Received { size } => {
            linger(&mut body).await;
            return already_received(&part, size);
        }
    };
    let (chunks, queue) = mpsc::channel(CHUNKS_IN_FLIGHT);
    let is_last = part.is_last;
    // On its own, so that it runs to its end when the request is dropped.
    let taking = tokio::spawn(take_in(server.clone(), caller, part, size, queue));
    let fed = feed(body, chunks, is_last, digest).await;
    let taken = taking.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    match (fed, taken) {
        (_, Err(error)) | (Err(error), Ok(_)) => Err(error),
        (Ok(()), Ok(progress)) => Ok(progress),
    }
}

/// What an app may send under a digest.
enum Expected {
    /// It never announced the object.
    Nothing,
    /// The object, of so many bytes.
    Object { size: u64 },
    /// No more: the object is there.
    Received { size: u64 },
}

fn expected(connection: &Connection, store: &Store, app: &AppSlug, digest: &Digest) -> Result<Expected, OpError> {
    let Some(PendingUpload { size, is_received }) = db::objects::pending(connection, app, digest)? else {
        return Ok(Expected::Nothing);
    };
    let is_there = is_received && store.len(digest)? == Some(size);
    Ok(if is_there { Expected::Received { size } } else { Expected::Object { size } })
}

/// A client that missed our answer may send the end again.
fn already_received(part: &Part, size: u64) -> Result<Progress, OpError> {
    if part.offset == size {
        return Ok(Progress { offset: size, is_complete: true });
    }
    Err(OpError::UploadOffsetMismatch { digest: part.digest, given: part.offset, actual: size })
}

/// What the network hands to the disk.
enum Chunk {
    Bytes(Bytes),
    /// The body ended where its sender meant it to end.
    End {
        is_last: bool,
    },
}

/// Hands the body over, chunk by chunk. Ends without an error when the writer has given up: its error says why.
async fn feed<E>(
    mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    chunks: mpsc::Sender<Chunk>,
    is_last: bool,
    digest: Digest,
) -> Result<(), OpError> {
    loop {
        let chunk = match tokio::time::timeout(IDLE, body.next()).await {
            Err(_) => return Err(OpError::UploadStalled(digest)),
            Ok(Some(Err(_))) => return Err(OpError::UploadCut(digest)),
            Ok(Some(Ok(bytes))) => Chunk::Bytes(bytes),
            Ok(None) => Chunk::End { is_last },
        };
        let is_end = matches!(chunk, Chunk::End { .. });
        if chunks.send(chunk).await.is_err() {
            linger(&mut body).await;
            return Ok(());
        }
        if is_end {
            return Ok(());
        }
    }
}

/// Reads on for a while. A connection that is closed under a client that still sends is reset, and our answer with it.
async fn linger<E>(body: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin)) {
    let mut thrown_away = 0;
    while thrown_away < LINGER_BYTES
        && let Ok(Some(Ok(bytes))) = tokio::time::timeout(IDLE, body.next()).await
    {
        thrown_away += bytes.len();
    }
}

/// Writes what comes through the queue. A queue that closes without an end is a cut connection: what arrived is kept.
async fn take_in(
    server: Server,
    caller: Caller,
    part: Part,
    size: u64,
    mut queue: mpsc::Receiver<Chunk>,
) -> Result<Progress, OpError> {
    let store = server.store.clone();
    let opening = part.clone();
    let mut upload = blocking(move || open(&store, &opening, size)).await?;
    let mut is_last = None;
    while is_last.is_none() {
        let mut batch = Vec::with_capacity(CHUNKS_IN_FLIGHT);
        if queue.recv_many(&mut batch, CHUNKS_IN_FLIGHT).await == 0 {
            is_last = Some(false);
        }
        let end;
        (upload, end) = blocking(move || write(upload, &batch)).await?;
        is_last = is_last.or(end);
    }
    if is_last == Some(true) {
        return finish(&server, caller, &part, upload).await;
    }
    let offset = blocking(move || upload.park()).await.map_err(refused)?;
    Ok(Progress { offset, is_complete: false })
}

fn open(store: &Store, part: &Part, size: u64) -> Result<Upload, OpError> {
    let upload = store.upload(part.app.as_str(), part.digest, size).map_err(refused)?;
    if upload.offset() != part.offset {
        let actual = upload.offset();
        return Err(OpError::UploadOffsetMismatch { digest: part.digest, given: part.offset, actual });
    }
    Ok(upload)
}

/// Writes chunks in order, and tells whether the body ended among them. An object that turns out longer than announced is
/// another object: what arrived of it is dropped.
fn write(mut upload: Upload, batch: &[Chunk]) -> Result<(Upload, Option<bool>), OpError> {
    for chunk in batch {
        match chunk {
            Chunk::End { is_last } => return Ok((upload, Some(*is_last))),
            Chunk::Bytes(bytes) => {
                if let Err(error) = upload.write(bytes) {
                    if matches!(error, UploadError::TooLong { .. }) {
                        upload.discard().map_err(refused)?;
                    }
                    return Err(refused(error));
                }
            }
        }
    }
    Ok((upload, None))
}

/// Makes the object durable under the partial's name, notes that the app has it, then gives it its own name. A crash in
/// between leaves a whole partial, from which the next request continues without sending a byte again; under a name that was
/// made up, it is sent again.
async fn finish(server: &Server, caller: Caller, part: &Part, upload: Upload) -> Result<Progress, OpError> {
    let size = upload.size_bytes();
    let object = part.object();
    let sealed = blocking(move || upload.seal_as(object)).await.map_err(refused)?;
    mark_received(server, caller.clone(), part, size, sealed.sums().clone()).await?;
    step("upload.received")?;
    let put = blocking(move || sealed.publish()).await.map_err(refused)?;
    care::note_replaced(&server.db, caller, put, server.clock.now()).await?;
    tokio::spawn(inspect(server.clone(), object));
    Ok(Progress { offset: size, is_complete: true })
}

/// Inspects an object while others still arrive. The commit waits for the report, and makes it where this failed.
async fn inspect(server: Server, digest: Digest) {
    if let Err(error) = reports::ensure(&server.ground(), &server.inspector, vec![digest]).await {
        tracing::warn!(%digest, %error, "an object was not inspected; its release will try again");
    }
}

fn refused(error: UploadError) -> OpError {
    match error {
        UploadError::Busy { digest, .. } => OpError::UploadInProgress(digest),
        UploadError::NoSpace { needed, available, reserve } => OpError::NoSpace { needed, available, reserve },
        UploadError::TooLong { digest, size_bytes, would_be } => {
            OpError::SizeMismatch { digest, announced: size_bytes, actual: would_be }
        }
        UploadError::Incomplete { digest, size_bytes, offset } => {
            OpError::SizeMismatch { digest, announced: size_bytes, actual: offset }
        }
        UploadError::DigestMismatch { expected, actual } => OpError::DigestMismatch { expected, actual },
        other => OpError::storage("writing an upload")(other.into()),
    }
}

/// The checksums of its blocks are kept in the same transaction: they cost no sync of their own.
async fn mark_received(
    server: &Server,
    caller: Caller,
    part: &Part,
    size: u64,
    sums: BlockSums,
) -> Result<(), OpError> {
    let (app, made_up, digest, at) = (part.app.clone(), part.digest, part.object(), server.clock.now());
    server
        .db
        .write(move |tx| {
            match size {
                ..=BLOCK_BYTES => db::care::set_checked(tx, &digest, size, at)?,
                _ => db::care::set_sums(tx, &digest, &sums, at)?,
            }
            db::care::take_from_trash(tx, &digest)?;
            if made_up != digest {
                db::objects::rename_upload(tx, &app, &made_up, &digest)?;
            }
            if !db::objects::mark_received(tx, &app, &digest, at)? {
                return Ok(());
            }
            let record = Record {
                action: AuditAction::ObjectUpload,
                app: Some(&app),
                subject: digest.to_string(),
                old: None,
                new: None,
                reason: None,
                details: json!({ "size": size }),
            };
            caller.record(tx, at, record)
        })
        .await
}
