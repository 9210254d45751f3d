//! How a push learns the digests of its files: of small ones before it begins, of large ones while they are sent.
//!
//! To hash a large file takes about as long as to send it. Where the app has no object of its size it cannot have the file:
//! then that is sent under a made-up name while it is hashed, and named at the end. Where it has one, the file is hashed first,
//! so that nothing is sent which is there.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use protocol::Digest;
use protocol::api::{MissingObject, Negotiated, WantedObject};

use super::sketch::sketch;
use super::{Push, UPLOADS, is_worth_another_round};
use crate::error::CliError;
use crate::hash::hash_files;
use crate::plan::{Plan, PlannedFile};
use crate::running::RunningDigest;
use crate::ui::Terminal;
use crate::upload::LocalObject;

/// From how many bytes on a file is sent while it is hashed: those below are hashed in less than a round trip or two.
const STREAMED_BYTES: u64 = 16 * 1024 * 1024;

/// The digests of the plan's small files, in order; `None` for the large ones.
///
/// # Errors
/// When a file cannot be read or changes.
pub(crate) async fn hash_small(plan: &Plan, terminal: &Arc<Terminal>) -> Result<Vec<Option<Digest>>, CliError> {
    let mut digests = vec![None; plan.files.len()];
    let small = |at: &usize| plan.files[*at].stamp.size_bytes < STREAMED_BYTES;
    hash_at((0..plan.files.len()).filter(small).collect(), &mut digests, plan, terminal).await?;
    Ok(digests)
}

/// Hashes the files at these places of the plan.
async fn hash_at(
    places: Vec<usize>,
    digests: &mut [Option<Digest>],
    plan: &Plan,
    terminal: &Arc<Terminal>,
) -> Result<(), CliError> {
    if places.is_empty() {
        return Ok(());
    }
    let files: Vec<PlannedFile> = places.iter().map(|at| plan.files[*at].clone()).collect();
    let terminal = Arc::clone(terminal);
    let hashing = tokio::task::spawn_blocking(move || hash_files(&files, &terminal));
    let found = hashing.await.expect("hashing does not panic")?;
    for (at, digest) in places.into_iter().zip(found) {
        digests[at] = Some(digest);
    }
    Ok(())
}

impl Push<'_> {
    /// Negotiates, and learns the digests that are not known yet. What the answer says is missing remains to be sent.
    ///
    /// # Errors
    /// As the rest of a push.
    pub(super) async fn learn(&mut self) -> Result<Negotiated, CliError> {
        let mut unnamed = self.unnamed()?;
        let wanted = |object: &LocalObject| WantedObject { digest: object.digest, size: object.size_bytes };
        let mut negotiated = self.negotiate_or_create(unnamed.values().map(wanted).collect()).await?;
        let (sendable, missing) = negotiated.missing.iter().partition(|missing| unnamed.contains_key(&missing.digest));
        negotiated.missing = missing;
        // What is published under this name is most likely the same.
        let sendable: Vec<MissingObject> =
            if negotiated.refs.contains_key(&self.release_ref()) { Vec::new() } else { sendable };
        let streams = sendable.iter().filter_map(|missing| Some((unnamed.remove(&missing.digest)?, missing.offset)));
        let is_whole = self.stream_all(streams.collect()).await?;
        let unknown = (0..self.digests.len()).filter(|at| self.digests[*at].is_none()).collect();
        hash_at(unknown, &mut self.digests, self.plan, self.terminal).await?;
        self.objects = self.local_objects();
        if is_whole { Ok(negotiated) } else { self.negotiate_or_create(Vec::new()).await }
    }

    /// The files without a digest, each once, by the name that is made up for it. Two that look alike are left out.
    fn unnamed(&self) -> Result<BTreeMap<Digest, LocalObject>, CliError> {
        let (mut unnamed, mut alike) = (BTreeMap::<Digest, LocalObject>::new(), BTreeSet::new());
        for file in self.files_without_digest() {
            let object = LocalObject::whole(file, sketch(file)?);
            match unnamed.entry(object.digest) {
                Entry::Vacant(entry) => _ = entry.insert(object),
                Entry::Occupied(entry) if entry.get().path == object.path => {}
                Entry::Occupied(entry) => _ = alike.insert(*entry.key()),
            }
        }
        unnamed.retain(|name, _| !alike.contains(name));
        Ok(unnamed)
    }

    fn files_without_digest(&self) -> impl Iterator<Item = &PlannedFile> {
        self.plan.files.iter().zip(&self.digests).filter(|(_, digest)| digest.is_none()).map(|(file, _)| file)
    }

    /// Sends and hashes several at once. `false` where the server does not know any more what became of one.
    async fn stream_all(&mut self, objects: Vec<(LocalObject, u64)>) -> Result<bool, CliError> {
        let this = &*self;
        let sending = objects.iter().map(|(object, offset)| this.stream_one(object, *offset));
        let named: Vec<Option<Digest>> = stream::iter(sending).buffered(UPLOADS).try_collect().await?;
        for ((object, _), digest) in objects.iter().zip(&named) {
            let Some(digest) = digest else { continue };
            self.uploaded.insert(*digest);
            for at in places_of(self.plan, &object.path) {
                self.digests[at] = Some(*digest);
            }
        }
        Ok(named.iter().all(Option::is_some))
    }

    async fn stream_one(&self, object: &LocalObject, offset: u64) -> Result<Option<Digest>, CliError> {
        let running = Arc::new(RunningDigest::default());
        let bar = self.terminal.bar(&object.name, object.size_bytes, offset);
        let upload = self.upload_of(object, Some(Arc::clone(&running)), bar);
        // What is sent is hashed on its way. What an earlier run sent is hashed beside that.
        let outcome = match offset {
            0 => upload.run(offset).await,
            _ => tokio::try_join!(running.clone().complete(object.clone()), upload.run(offset)).map(drop),
        };
        upload.bar.finish();
        match outcome {
            Ok(()) => running.complete(object.clone()).await.map(Some),
            Err(error) if is_worth_another_round(error.code()) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Where a file is in the plan: one may be several artifacts.
fn places_of(plan: &Plan, path: &Path) -> impl Iterator<Item = usize> {
    plan.files.iter().enumerate().filter(move |(_, file)| file.path == path).map(|(at, _)| at)
}
