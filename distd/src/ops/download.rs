//! Download: the bytes of one object that a release of the app holds.

use objstore::{Digest, ObjectReader, ReadError};
use protocol::AppSlug;

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
            caller.require_read(connection, &app)?;
            let not_found = || OpError::ObjectNotFound { app: app.clone(), digest };
            let (filename, media_type) =
                if let Some((filename, kind)) = db::objects::published(connection, &app, &digest)? {
                    (filename.to_string(), kind.media_type())
                } else {
                    let release = db::releases::find(connection, &app, &digest)?.ok_or_else(not_found)?;
                    (format!("{app}-{}.json", release.name), "application/json")
                };
            let reader = store.read(&digest).map_err(|error| match error {
                ReadError::NotFound { .. } => not_found(),
                other => OpError::storage("reading an object")(other.into()),
            })?;
            Ok(Download { reader, digest, filename, media_type })
        })
        .await
}
