//! The objects that a mirror lacks: asked as a push asks, noted as a push notes them, so that gc leaves them alone until their
//! releases are there.

use std::collections::{BTreeMap, HashSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use objstore::{BLOCK_BYTES, Digest, UploadError};
use protocol::api::WantedObject;
use protocol::{AppSlug, ErrorCode, ReleaseId};
use rusqlite::{Connection, Transaction};

use super::super::remote::RemoteError;
use super::super::{Caller, OpError, care, negotiate, reports};
use super::read::Found;
use super::{MirrorError, Step, Work};
use crate::blocking::blocking;
use crate::db;

/// Objects that are taken at a time.
const AT_ONCE: usize = 4;

/// What became of the objects that were lacking.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Those that came, and are the source's to the byte.
    pub(super) received: HashSet<Digest>,
    /// Their bytes.
    pub(super) bytes: u64,
    /// Those that the source does not give, for no release that has them is to be had there.
    pub(super) withheld: HashSet<Digest>,
}

pub(super) async fn take(
    work: &Work,
    app: &AppSlug,
    found: &Found,
    hear: &(dyn Fn(Step) + Send + Sync),
) -> Result<Taken, MirrorError> {
    let missing = expect(work, app, found).await?;
    hear(Step::Lacking { objects: missing.len(), bytes: missing.iter().map(|object| object.size).sum() });
    let mut taking = stream::iter(missing)
        .map(|object| async move { take_one(work, app, object, hear).await.map(|is_taken| (object, is_taken)) })
        .buffer_unordered(AT_ONCE);
    let mut taken = Taken::default();
    while let Some(done) = taking.next().await {
        match done? {
            (object, true) => {
                taken.received.insert(object.digest);
                taken.bytes += object.size;
            }
            (object, false) => {
                taken.withheld.insert(object.digest);
            }
        }
    }
    drop(taking);
    drop_leftovers(work, app)?;
    inspect(work, found, &taken).await?;
    put_manifests(work, found).await?;
    Ok(taken)
}

/// Notes what is about to come.
async fn expect(work: &Work, app: &AppSlug, found: &Found) -> Result<Vec<WantedObject>, OpError> {
    let mut wanted: BTreeMap<Digest, (u64, Vec<(ReleaseId, bool)>)> = BTreeMap::new();
    for release in &found.releases {
        for line in &release.manifest.artifacts {
            let holders = &mut wanted.entry(line.sha256).or_insert((line.size, Vec::new())).1;
            holders.push((release.id, release.revoked.is_some()));
        }
    }
    let (store, slug) = (work.ground.store.clone(), app.clone());
    let lacking = work.ground.db.read(move |connection| {
        let mut to_be_had = Vec::new();
        for (digest, (size, holders)) in wanted {
            if is_to_be_had(connection, &slug, &holders)? {
                to_be_had.push(WantedObject { digest, size });
            }
        }
        let trashed = negotiate::trashed(connection, &to_be_had)?;
        let mut missing = negotiate::missing(connection, &store, &slug, &to_be_had)?;
        for object in to_be_had {
            if is_given_up(connection, &slug, &object.digest)? && !missing.contains(&object) {
                missing.push(object);
            }
        }
        Ok::<_, OpError>((missing, trashed))
    });
    let (missing, trashed) = lacking.await?;
    if !missing.is_empty() || !trashed.is_empty() {
        let (app, at, expected) = (app.clone(), work.ground.clock.now(), missing.clone());
        let note = move |tx: &Transaction<'_>| {
            trashed.iter().try_for_each(|digest| db::care::take_from_trash(tx, digest))?;
            let actor = Caller::local();
            expected.iter().try_for_each(|object| db::objects::expect_upload(tx, &app, object, actor.actor(), at))
        };
        work.ground.db.write(note).await.map_err(OpError::Database)?;
    }
    Ok(missing)
}

/// Whether the source gives an object: one of its releases is not revoked there, and was not given up here.
fn is_to_be_had(connection: &Connection, app: &AppSlug, holders: &[(ReleaseId, bool)]) -> Result<bool, OpError> {
    for (release, is_revoked) in holders {
        // One that was revoked, and so could not be taken, is in use again at the source.
        let is_restored = db::revocations::find(connection, app, release)?.is_some();
        if !is_revoked && (is_restored || !db::care::is_expired(connection, app, release)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the app names an object and has never had it, or has it no more. Bytes that are there all the same are another app's:
/// the source has to show that it has them, too.
fn is_given_up(connection: &Connection, app: &AppSlug, digest: &Digest) -> Result<bool, OpError> {
    let holders = db::objects::holders(connection, app, digest)?;
    for release in &holders {
        if !db::care::is_expired(connection, app, release)? {
            return Ok(false);
        }
    }
    Ok(!holders.is_empty())
}

/// Takes an object; `false` where the source has it and does not give it.
async fn take_one(
    work: &Work,
    app: &AppSlug,
    object: WantedObject,
    hear: &(dyn Fn(Step) + Send + Sync),
) -> Result<bool, MirrorError> {
    let store = &work.ground.store;
    let arrived = |bytes| hear(Step::Arrived(bytes));
    let upload = match work.remote.fetch(store, &owner(app), (app, object.digest), arrived).await {
        Ok(upload) => upload,
        Err(error) if is_withheld(&error) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    if upload.size_bytes() != object.size {
        let (digest, size_bytes, would_be) = (object.digest, object.size, upload.size_bytes());
        blocking(move || upload.discard()).await.map_err(RemoteError::from)?;
        return Err(RemoteError::from(UploadError::TooLong { digest, size_bytes, would_be }).into());
    }
    let sealed = blocking(move || upload.seal()).await.map_err(RemoteError::from)?;
    let (app, at, sums) = (app.clone(), work.ground.clock.now(), sealed.sums().clone());
    let note = move |tx: &Transaction<'_>| {
        match object.size {
            ..=BLOCK_BYTES => db::care::set_checked(tx, &object.digest, object.size, at)?,
            _ => db::care::set_sums(tx, &object.digest, &sums, at)?,
        }
        db::care::take_from_trash(tx, &object.digest)?;
        db::objects::mark_received(tx, &app, &object.digest, at)?;
        Ok::<_, OpError>(())
    };
    work.ground.db.write(note).await?;
    let put = blocking(move || sealed.publish()).await.map_err(RemoteError::from)?;
    care::note_replaced(&work.ground.db, Caller::local(), put, at).await?;
    hear(Step::Taken);
    Ok(true)
}

fn is_withheld(error: &RemoteError) -> bool {
    matches!(error.code(), Some(ErrorCode::ReleaseRevoked | ErrorCode::ReleaseExpired))
}

/// Whose uploads these are while they come; no app can have that name.
fn owner(app: &AppSlug) -> String {
    format!("-mirror-{app}")
}

/// Removes what earlier attempts left of objects that are not wanted any more.
fn drop_leftovers(work: &Work, app: &AppSlug) -> Result<(), OpError> {
    let owner = owner(app);
    let partials =
        work.ground.store.partials().map_err(|error| OpError::storage("listing the uploads")(error.into()))?;
    for partial in partials.into_iter().filter(|partial| partial.owner == owner) {
        work.ground.store.discard_upload(&owner, &partial.digest)?;
    }
    Ok(())
}

/// Reads what came, and the artifacts of new releases that came earlier, before anyone can ask for them.
async fn inspect(work: &Work, found: &Found, taken: &Taken) -> Result<(), OpError> {
    let mut held = taken.received.clone();
    for line in found.new_releases().flat_map(|release| &release.manifest.artifacts) {
        if work.ground.store.len(&line.sha256)? == Some(line.size) {
            held.insert(line.sha256);
        }
    }
    stream::iter(held)
        .map(|digest| async move { reports::ensure(&work.ground, &work.inspector, vec![digest]).await.map(drop) })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// Makes the manifests of new releases durable, so that the transaction need not wait for the disk.
async fn put_manifests(work: &Work, found: &Found) -> Result<(), OpError> {
    for release in found.new_releases() {
        let (store, bytes) = (work.ground.store.clone(), release.manifest.canonical_bytes());
        let put = blocking(move || store.put(&bytes)).await.map_err(negotiate::no_space)?;
        care::note_replaced(&work.ground.db, Caller::local(), put, work.ground.clock.now()).await?;
    }
    Ok(())
}
