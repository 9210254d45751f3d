//! Download: the bytes of one object that a release of the app holds, each verified before it is handed out.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use objstore::{BadBlock, BlockSums, Digest, VerifiedReader};
use protocol::{AppSlug, ArtifactLine};
use rusqlite::Connection;

use super::view::View;
use super::{Caller, OpError, care};
use crate::Server;
use crate::blocking::blocking;
use crate::buffers;
use crate::db;

/// The media type of a release's manifest, and of no artifact.
const MANIFEST: &str = "application/json";

/// An object ready to be sent.
pub(crate) struct Download {
    /// The app it is downloaded from.
    pub(crate) app: AppSlug,
    /// Its bytes.
    pub(crate) content: Content,
    /// Its digest.
    pub(crate) digest: Digest,
    /// What it is called when saved.
    pub(crate) filename: String,
    /// What it is.
    pub(crate) media_type: &'static str,
}

/// The bytes of an object, verified as they are read.
#[derive(Clone)]
pub(crate) struct Content {
    reader: Arc<VerifiedReader>,
    server: Server,
}

impl Content {
    /// How many there are.
    pub(crate) fn len(&self) -> u64 {
        self.reader.len()
    }

    /// Those of a range within them. Where they are not what was written, none are returned, and the object is looked at.
    pub(crate) async fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let mut buffer = buffers::take();
        // What is in memory takes no longer than to ask another thread for it.
        let read = if let Some(read) = self.reader.read_cached(range.clone(), &mut buffer).transpose() {
            read.map(|part| (buffer, part))
        } else {
            let reader = Arc::clone(&self.reader);
            blocking(move || reader.read_range(range, &mut buffer).map(|part| (buffer, part))).await
        };
        if let Some(BadBlock { digest, .. }) = read.as_ref().err().and_then(bad_block) {
            tokio::spawn(care::examine(self.server.clone(), *digest));
        }
        let (buffer, part) = read?;
        Ok(buffers::lend(buffer, part))
    }
}

fn bad_block(error: &io::Error) -> Option<&BadBlock> {
    error.get_ref()?.downcast_ref()
}

/// An object that a release of the app holds, not opened yet.
pub(super) struct Found {
    app: AppSlug,
    digest: Digest,
    filename: String,
    media_type: &'static str,
    sums: Option<BlockSums>,
    /// Why nobody gets it, where no release that holds it is to be had.
    gone: Option<OpError>,
}

/// Opens an object: an artifact of a release of the app, or the manifest of one.
pub(crate) async fn open(server: &Server, caller: Caller, app: AppSlug, digest: Digest) -> Result<Download, OpError> {
    let found = server
        .db
        .read(move |connection| {
            if let view @ View::Channels(_) = caller.view(connection, &app)?
                && !view.has_object(connection, &app, &digest)?
            {
                return Err(OpError::ObjectNotFound { app, digest });
            }
            find(connection, &app, digest)
        })
        .await?;
    open_found(server, found).await
}

/// Opens what was found.
pub(super) async fn open_found(server: &Server, found: Found) -> Result<Download, OpError> {
    let Found { app, digest, filename, media_type, sums, gone } = found;
    if let Some(gone) = gone {
        return Err(gone);
    }
    let reader = Arc::new(care::open(server, digest, sums).await?);
    Ok(Download { app, content: Content { reader, server: server.clone() }, digest, filename, media_type })
}

/// Looks for an object that a release of the app holds.
pub(super) fn find(connection: &Connection, app: &AppSlug, digest: Digest) -> Result<Found, OpError> {
    if let Some((filename, kind)) = db::objects::published(connection, app, &digest)? {
        let gone = gone(connection, app, &digest)?;
        return found(connection, app, digest, (filename.to_string(), kind.media_type()), gone);
    }
    let release = db::releases::find(connection, app, &digest)?;
    let release = release.ok_or_else(|| OpError::ObjectNotFound { app: app.clone(), digest })?;
    found(connection, app, digest, (format!("{app}-{}.json", release.name), MANIFEST), None)
}

/// Looks for an artifact by its line in the manifest of a release.
pub(super) fn find_line(connection: &Connection, app: &AppSlug, line: &ArtifactLine) -> Result<Found, OpError> {
    let gone = gone(connection, app, &line.sha256)?;
    found(connection, app, line.sha256, (line.filename.to_string(), line.kind.media_type()), gone)
}

fn found(
    connection: &Connection,
    app: &AppSlug,
    digest: Digest,
    (filename, media_type): (String, &'static str),
    gone: Option<OpError>,
) -> Result<Found, OpError> {
    let sums = db::care::sums(connection, &digest)?;
    Ok(Found { app: app.clone(), digest, filename, media_type, sums, gone })
}

/// Refuses an object that is no artifact of a release of the app, or one that is not to be had.
pub(super) fn check_published(connection: &Connection, app: &AppSlug, digest: &Digest) -> Result<(), OpError> {
    match db::objects::published(connection, app, digest)? {
        Some(_) => gone(connection, app, digest)?.map_or(Ok(()), Err),
        None => Err(OpError::ObjectNotFound { app: app.clone(), digest: *digest }),
    }
}

/// Why an artifact is not to be had where each release of the app that holds it was revoked, or given up by retention. The
/// manifests of those releases stay.
fn gone(connection: &Connection, app: &AppSlug, digest: &Digest) -> Result<Option<OpError>, OpError> {
    let mut why = None;
    for release in db::objects::holders(connection, app, digest)? {
        if let Some(revocation) = db::revocations::find(connection, app, &release)? {
            why = Some(OpError::ReleaseRevoked { app: app.clone(), what: digest.short(), revocation });
        } else if db::care::is_expired(connection, app, &release)? {
            let release = super::resolve::load(connection, app, release)?.name;
            why = why.or(Some(OpError::ReleaseExpired { app: app.clone(), release }));
        } else {
            return Ok(None);
        }
    }
    Ok(why)
}

impl Download {
    /// Fails unless the block that a byte is in is what was written.
    pub(crate) async fn check(&self, first: u64) -> Result<(), OpError> {
        let range = first..(first + 1).min(self.content.len());
        self.content.read(range).await.map(drop).map_err(|error| match bad_block(&error) {
            Some(BadBlock { digest, .. }) => OpError::ObjectDamaged { digest: *digest },
            None => OpError::storage("reading an object")(error.into()),
        })
    }

    /// Whether it is an artifact, rather than the manifest of a release.
    pub(crate) fn is_artifact(&self) -> bool {
        self.media_type != MANIFEST
    }
}
