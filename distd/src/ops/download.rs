//! Download: the bytes of one object that a release of the app holds.

use objstore::{Digest, ObjectReader, ReadError, Store};
use protocol::AppSlug;

use rusqlite::Connection;

use super::view::View;
use super::{Caller, OpError};
use crate::Server;
use crate::db;

/// An object ready to be sent.
pub(crate) struct Download {
    /// Its bytes.
    pub(crate) reader: ObjectReader,
    /// Its digest.
    pub(crate) digest: Digest,
    /// What it is called when saved.
    pub(crate) filename: String,
    /// What it is.
    pub(crate) media_type: &'static str,
}

/// Opens an object: an artifact of a release of the app, or the manifest of one.
pub(crate) async fn open(server: &Server, caller: Caller, app: AppSlug, digest: Digest) -> Result<Download, OpError> {
    let store = server.store.clone();
    server
        .db
        .read(move |connection| {
            if let view @ View::Channels(_) = caller.view(connection, &app)?
                && !view.has_object(connection, &app, &digest)?
            {
                return Err(OpError::ObjectNotFound { app, digest });
            }
            find(connection, &store, &app, digest)
        })
        .await
}

/// Opens an object that a release of the app holds. An artifact that only revoked releases hold is gone; their manifests stay.
pub(super) fn find(connection: &Connection, store: &Store, app: &AppSlug, digest: Digest) -> Result<Download, OpError> {
    let not_found = || OpError::ObjectNotFound { app: app.clone(), digest };
    if let Some(revocation) = db::revocations::of_artifact(connection, app, &digest)? {
        return Err(OpError::ReleaseRevoked { app: app.clone(), what: digest.short(), revocation });
    }
    let (filename, media_type) = if let Some((filename, kind)) = db::objects::published(connection, app, &digest)? {
        (filename.to_string(), kind.media_type())
    } else {
        let release = db::releases::find(connection, app, &digest)?.ok_or_else(not_found)?;
        (format!("{app}-{}.json", release.name), "application/json")
    };
    let reader = store.read(&digest).map_err(|error| match error {
        ReadError::NotFound { .. } => not_found(),
        other => OpError::storage("reading an object")(other.into()),
    })?;
    Ok(Download { reader, digest, filename, media_type })
}
