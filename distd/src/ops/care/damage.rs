//! Bytes that are not what was written: never handed out, moved aside, told.

use objstore::{BLOCK_BYTES, BlockSums, Digest, ReadError, VerifiedReader, VerifyError};
use protocol::api::AuditAction;
use serde_json::json;

use super::super::caller::Record;
use super::super::{Caller, OpError};
use crate::Server;
use crate::blocking::blocking;
use crate::db;

/// Opens an object so that no byte of it is handed out unverified. Where checksums are missing, the object is read whole
/// first and they are kept.
pub(crate) async fn open(server: &Server, digest: Digest, sums: Option<BlockSums>) -> Result<VerifiedReader, OpError> {
    let store = server.store.clone();
    let opened = blocking(move || match store.read_verified(&digest, sums) {
        Err(ReadError::NoSums { .. }) => {
            let sums = store.verify_and_sum(&digest).map_err(unreadable)?;
            let reader = store.read_verified(&digest, Some(sums.clone())).map_err(unopened)?;
            Ok((reader, Some(sums)))
        }
        opened => Ok((opened.map_err(unopened)?, None)),
    });
    let (reader, made) = match opened.await {
        Err(error @ OpError::ObjectDamaged { .. }) => {
            tokio::spawn(examine(server.clone(), digest));
            return Err(error);
        }
        opened => opened?,
    };
    if let Some(sums) = made {
        keep(server, digest, sums).await?;
    }
    Ok(reader)
}

fn unopened(error: ReadError) -> OpError {
    match error {
        ReadError::NotFound { digest } | ReadError::Damaged { digest, .. } | ReadError::WrongSize { digest, .. } => {
            OpError::ObjectDamaged { digest }
        }
        other => OpError::storage("reading an object")(other.into()),
    }
}

fn unreadable(error: VerifyError) -> OpError {
    match error {
        VerifyError::NotFound { digest } | VerifyError::Damaged { digest, .. } => OpError::ObjectDamaged { digest },
        other @ VerifyError::Io { .. } => OpError::storage("reading an object")(other.into()),
    }
}

/// Looks at an object that did not read as it should: one that is damaged is moved to quarantine, one that is whole gets
/// new checksums. Looking twice at once is looking once.
pub(crate) async fn examine(server: Server, digest: Digest) {
    if !server.begin_examination(digest) {
        return;
    }
    let outcome = judge(&server, digest).await;
    server.end_examination(digest);
    match outcome {
        Ok(true) => tracing::error!(%digest, "an object is damaged; it was moved to quarantine, and counts as missing"),
        Ok(false) => {}
        Err(error) => tracing::error!(%digest, %error, "an object that may be damaged could not be looked at"),
    }
}

async fn judge(server: &Server, digest: Digest) -> Result<bool, OpError> {
    let store = server.store.clone();
    match blocking(move || store.verify_and_sum(&digest)).await {
        Ok(sums) => keep(server, digest, sums).await.map(|()| false),
        Err(VerifyError::NotFound { .. }) => Ok(false),
        Err(VerifyError::Damaged { actual, size_bytes, .. }) => {
            let (store, at) = (server.store.clone(), server.clock.now());
            server
                .db
                .write(move |tx| quarantine(tx, &store, &Caller::local(), digest, (Some(actual), size_bytes), at))
                .await
        }
        Err(error @ VerifyError::Io { .. }) => Err(OpError::storage("verifying an object")(error.into())),
    }
}

/// Moves an object aside, in the transaction that records it: with what its bytes hash to, where they could be read. A crash in
/// between leaves it aside and not recorded, which the next check finds as missing.
pub(super) fn quarantine(
    tx: &rusqlite::Transaction<'_>,
    store: &objstore::Store,
    caller: &Caller,
    digest: Digest,
    (actual, size_bytes): (Option<Digest>, u64),
    at: jiff::Timestamp,
) -> Result<bool, OpError> {
    let Some(place) = store.quarantine(&digest)? else { return Ok(false) };
    crate::faults::step("quarantine.record")?;
    db::care::forget_object(tx, &digest)?;
    let name = place.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let record = Record {
        action: AuditAction::ObjectQuarantine,
        app: None,
        subject: digest.to_string(),
        old: None,
        new: None,
        reason: None,
        details: json!({ "actual": actual, "size": size_bytes, "moved_to": format!("quarantine/{name}") }),
    };
    caller.record(tx, at, record)?;
    Ok(true)
}

async fn keep(server: &Server, digest: Digest, sums: BlockSums) -> Result<(), OpError> {
    let at = server.clock.now();
    server
        .db
        .write(move |tx| {
            match sums.size_bytes() {
                size @ ..=BLOCK_BYTES => db::care::set_checked(tx, &digest, size, at)?,
                _ => db::care::set_sums(tx, &digest, &sums, at)?,
            }
            Ok(())
        })
        .await
}
