//! Download: the bytes of one object that a release of the app holds.

use objstore::{Digest, ObjectReader, ReadError, Store};
use protocol::{AppSlug, ArtifactLine};
use rusqlite::Connection;

use super::view::View;
use super::{Caller, OpError};
use crate::Server;
use crate::db;

/// The media type of a release's manifest, and of no artifact.
const MANIFEST: &str = "application/json";

/// An object ready to be sent.
pub(crate) struct Download {
    /// The app it is downloaded from.
    pub(crate) app: AppSlug,
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

/// Opens an object that a release of the app holds.
pub(super) fn find(connection: &Connection, store: &Store, app: &AppSlug, digest: Digest) -> Result<Download, OpError> {
    let (filename, media_type) = if let Some((filename, kind)) = db::objects::published(connection, app, &digest)? {
        (filename.to_string(), kind.media_type())
    } else {
        let release = db::releases::find(connection, app, &digest)?;
        let release = release.ok_or_else(|| OpError::ObjectNotFound { app: app.clone(), digest })?;
        (format!("{app}-{}.json", release.name), MANIFEST)
    };
    read(store, app, digest, filename, media_type)
}

/// Opens an artifact of a release by its line in the manifest.
pub(super) fn open_line(store: &Store, app: &AppSlug, line: &ArtifactLine) -> Result<Download, OpError> {
    read(store, app, line.sha256, line.filename.to_string(), line.kind.media_type())
}

/// Refuses an object that is no artifact of a release of the app.
pub(super) fn check_published(connection: &Connection, app: &AppSlug, digest: &Digest) -> Result<(), OpError> {
    match db::objects::published(connection, app, digest)? {
        Some(_) => Ok(()),
        None => Err(OpError::ObjectNotFound { app: app.clone(), digest: *digest }),
    }
}

fn read(
    store: &Store,
    app: &AppSlug,
    digest: Digest,
    filename: String,
    media_type: &'static str,
) -> Result<Download, OpError> {
    let reader = store.read(&digest).map_err(|error| match error {
        ReadError::NotFound { .. } => OpError::ObjectNotFound { app: app.clone(), digest },
        other => OpError::storage("reading an object")(other.into()),
    })?;
    Ok(Download { app: app.clone(), reader, digest, filename, media_type })
}

impl Download {
    /// Whether it is an artifact, rather than the manifest of a release.
    pub(crate) fn is_artifact(&self) -> bool {
        self.media_type != MANIFEST
    }
}
