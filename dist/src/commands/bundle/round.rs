//! What an import does to a server: negotiate, upload what is missing, commit each release; the operations of a push.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use protocol::api::{
    CommitRequest, Committed, MissingObject, NegotiateRequest, Negotiated, RefUpdate, ReleaseRef, WantedObject,
};
use protocol::bundle::{Bundle, BundledChannel};
use protocol::publish::PublishStatus;
use protocol::{ChannelName, Digest, ErrorCode, RefName, ReleaseId, ReleaseManifest, limits, paths};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::bundle::OpenBundle;
use crate::client::{Client, Repeat};
use crate::error::CliError;
use crate::publish::UPLOADS;
use crate::ui::Terminal;
use crate::upload::{Meter, Upload};

/// Refs asked about in one request.
const REFS: usize = 5_000;

/// Whether channels are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MoveChannels {
    /// As the bundle says.
    Yes,
    /// They stay.
    No,
}

/// One import under way.
pub(super) struct Import<'a> {
    pub(super) client: &'a Client,
    pub(super) terminal: &'a Terminal,
    pub(super) bundle: &'a OpenBundle,
    pub(super) move_channels: MoveChannels,
    pub(super) reason: Option<String>,
    pub(super) chunk_bytes: Option<u64>,
    pub(super) meter: Arc<Meter>,
    /// What earlier rounds have done already.
    pub(super) published: HashSet<ReleaseId>,
    pub(super) uploaded: HashSet<Digest>,
    /// Where channels were that it has moved.
    pub(super) moved: BTreeMap<ChannelName, Option<ReleaseId>>,
}

/// What became of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ChannelStatus {
    /// It points at the bundle's release now.
    Moved,
    /// It did before.
    Unchanged,
    /// It is where the bundle does not have it: it was moved here.
    Kept,
    /// It is pinned, or a gate blocks.
    Held,
}

/// A channel of the bundle, after the import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ImportedChannel {
    pub(super) name: ChannelName,
    pub(super) status: ChannelStatus,
    /// Where it was.
    pub(super) from: Option<ReleaseId>,
    /// Where the bundle has it.
    pub(super) to: ReleaseId,
    /// Why it is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<ErrorCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
}

/// What becomes of a channel, given where it is: it moves only from where the bundle knows that it was.
fn judge_channel(at: Option<ReleaseId>, bundled: &BundledChannel) -> ChannelStatus {
    match at {
        Some(at) if at == bundled.release => ChannelStatus::Unchanged,
        Some(at) if !bundled.was.contains(&at) => ChannelStatus::Kept,
        _ => ChannelStatus::Moved,
    }
}

impl Import<'_> {
    /// Brings the server to what the bundle says; gives what became of its channels.
    pub(super) async fn round(&mut self) -> Result<Vec<ImportedChannel>, CliError> {
        let refs = self.refs().await?;
        self.refuse_other_releases(&refs)?;
        let missing = self.missing().await?;
        self.refuse_incomplete(&missing)?;
        self.upload(&missing).await?;
        let missing: HashSet<Digest> = missing.iter().map(|missing| missing.digest).collect();
        self.commit_all(&refs, &missing).await
    }

    /// An app that does not exist is not made for a bundle that builds on what it cannot have.
    pub(super) fn refuse_new_app(&self) -> Result<(), CliError> {
        self.refuse_other_releases(&BTreeMap::new())
    }

    fn about(&self) -> &Bundle {
        &self.bundle.about
    }

    /// Where everything is that the bundle names.
    async fn refs(&self) -> Result<BTreeMap<RefName, ReleaseId>, CliError> {
        let about = self.about();
        let releases = about.releases.iter().chain(&about.prerequisites.releases);
        let releases = releases.map(|release| RefName::Release(release.name.clone()));
        let names: Vec<RefName> = releases.chain(about.channels.keys().cloned().map(RefName::Channel)).collect();
        let mut refs = BTreeMap::new();
        for names in names.chunks(REFS) {
            let request = NegotiateRequest { refs: names.to_vec(), ..NegotiateRequest::default() };
            refs.extend(self.negotiate(&request).await?.refs);
        }
        Ok(refs)
    }

    async fn negotiate(&self, request: &NegotiateRequest) -> Result<Negotiated, CliError> {
        let path = paths::negotiate(&self.about().app);
        self.client.post(&path, request, Repeat::Freely).await.map(|answer| answer.value)
    }

    /// Nothing is sent where a name is taken by another release, or what the bundle builds on is not there.
    fn refuse_other_releases(&self, refs: &BTreeMap<RefName, ReleaseId>) -> Result<(), CliError> {
        let about = self.about();
        let at = |release: &ReleaseRef| refs.get(&RefName::Release(release.name.clone())).copied();
        for release in &about.releases {
            if let Some(existing) = at(release).filter(|existing| *existing != release.id) {
                let message = format!("{} {} is another release there", about.app, release.name);
                return Err(CliError::new(ErrorCode::ReleaseExists, message)
                    .hint("a name is taken for good: the two histories differ, and nothing was changed")
                    .details(json!({ "release": release, "existing": existing })));
            }
        }
        let absent: Vec<&ReleaseRef> =
            about.prerequisites.releases.iter().filter(|base| at(base) != Some(base.id)).collect();
        let Some(first) = absent.first() else { return Ok(()) };
        let message =
            format!("the bundle builds on {} {} ({}), which is not there", about.app, first.name, first.id.short());
        Err(CliError::new(ErrorCode::BundlePrerequisiteMissing, message)
            .hint(format!(
                "import a bundle with it first, such as one of {}@{}; nothing was changed",
                about.app, first.name
            ))
            .details(json!({ "releases": absent })))
    }

    /// The artifacts that the app lacks, also of releases that it has: what was lost there comes back.
    async fn missing(&self) -> Result<Vec<MissingObject>, CliError> {
        let about = self.about();
        let artifacts = about.objects[about.releases.len()..].iter().chain(&about.prerequisites.objects);
        let artifacts: Vec<WantedObject> = artifacts.copied().collect();
        let mut missing = Vec::new();
        for objects in artifacts.chunks(limits::NEGOTIATED_OBJECTS) {
            let request = NegotiateRequest { objects: objects.to_vec(), ..NegotiateRequest::default() };
            missing.extend(self.negotiate(&request).await?.missing);
        }
        Ok(missing)
    }

    /// What the bundle leaves out has to be there.
    fn refuse_incomplete(&self, missing: &[MissingObject]) -> Result<(), CliError> {
        let missing: HashSet<Digest> = missing.iter().map(|missing| missing.digest).collect();
        let left_out = &self.about().prerequisites.objects;
        let absent: Vec<&WantedObject> = left_out.iter().filter(|object| missing.contains(&object.digest)).collect();
        let Some(first) = absent.first() else { return Ok(()) };
        let message = format!("the bundle leaves out {}, which is not there any more", first.digest.short());
        Err(CliError::new(ErrorCode::BundlePrerequisiteMissing, message)
            .hint(format!(
                "make a bundle that holds it: `dist bundle create {}`; nothing was changed",
                self.about().app
            ))
            .details(json!({ "objects": absent })))
    }

    async fn upload(&mut self, missing: &[MissingObject]) -> Result<(), CliError> {
        let sizes: HashMap<Digest, WantedObject> =
            self.about().objects.iter().map(|object| (object.digest, *object)).collect();
        let this = &*self;
        let uploads = missing.iter().map(|missing| this.upload_one(*missing, sizes.get(&missing.digest)));
        let done: Vec<Digest> = stream::iter(uploads).buffer_unordered(UPLOADS).try_collect().await?;
        self.uploaded.extend(done);
        Ok(())
    }

    async fn upload_one(&self, missing: MissingObject, wanted: Option<&WantedObject>) -> Result<Digest, CliError> {
        let object = wanted.and_then(|wanted| self.bundle.object(wanted)).ok_or_else(|| {
            let message = format!("{} asks for {}, which is not in the bundle", self.client.server(), missing.digest);
            CliError::new(ErrorCode::ServerAnswerInvalid, message)
        })?;
        let bar = self.terminal.bar(&object.name, object.size_bytes, missing.offset);
        let upload = Upload {
            turns_out: None,
            client: self.client,
            app: &self.about().app,
            object: &object,
            chunk_bytes: self.chunk_bytes,
            bar,
            meter: Arc::clone(&self.meter),
        };
        let outcome = upload.run(missing.offset).await;
        upload.bar.finish();
        outcome.map(|()| missing.digest)
    }

    /// Commits each release that is new, whose objects were missing or to which a channel moves, parents first.
    async fn commit_all(
        &mut self,
        refs: &BTreeMap<RefName, ReleaseId>,
        missing: &HashSet<Digest>,
    ) -> Result<Vec<ImportedChannel>, CliError> {
        let bundle = self.bundle;
        let mut channels = Vec::new();
        for (release, manifest) in bundle.about.releases.iter().zip(&bundle.manifests) {
            let here = self.channels_at(refs, release.id);
            let own = RefName::Release(release.name.clone());
            let is_whole = !manifest.artifacts.iter().any(|line| missing.contains(&line.sha256));
            let moving: Vec<&ImportedChannel> =
                here.iter().filter(|channel| channel.status == ChannelStatus::Moved).collect();
            let committed = if refs.contains_key(&own) && is_whole && moving.is_empty() {
                Vec::new()
            } else {
                self.commit(refs, (own, release.id), manifest, &moving).await?
            };
            for channel in here.iter().cloned().map(|channel| told_of(channel, &committed)) {
                channels.push(self.remember(channel));
            }
        }
        channels.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(channels)
    }

    /// A channel that an earlier round moved has been moved, not found there.
    fn remember(&mut self, channel: ImportedChannel) -> ImportedChannel {
        match (channel.status, self.moved.get(&channel.name)) {
            (ChannelStatus::Moved, _) => {
                self.moved.insert(channel.name.clone(), channel.from);
                channel
            }
            (ChannelStatus::Unchanged, Some(from)) => {
                ImportedChannel { status: ChannelStatus::Moved, from: *from, ..channel }
            }
            _ => channel,
        }
    }

    /// The channels that the bundle has at a release.
    fn channels_at(&self, refs: &BTreeMap<RefName, ReleaseId>, id: ReleaseId) -> Vec<ImportedChannel> {
        if self.move_channels == MoveChannels::No {
            return Vec::new();
        }
        let here = self.about().channels.iter().filter(|(_, bundled)| bundled.release == id);
        let channel = |(name, bundled): (&ChannelName, &BundledChannel)| {
            let from = refs.get(&RefName::Channel(name.clone())).copied();
            let (name, status) = (name.clone(), judge_channel(from, bundled));
            ImportedChannel { name, status, from, to: id, code: None, message: None }
        };
        here.map(channel).collect()
    }

    /// One commit, or several where more channels move than one takes.
    async fn commit(
        &mut self,
        refs: &BTreeMap<RefName, ReleaseId>,
        (own, id): (RefName, ReleaseId),
        manifest: &ReleaseManifest,
        moving: &[&ImportedChannel],
    ) -> Result<Vec<Committed>, CliError> {
        let canonical = String::from_utf8(manifest.canonical_bytes()).expect("JSON is UTF-8");
        let channels = moving.iter().map(|channel| RefName::Channel(channel.name.clone()));
        let channels: Vec<RefName> = channels.collect();
        let mut batches: Vec<&[RefName]> = channels.chunks(limits::COMMIT_UPDATES - 1).collect();
        if batches.is_empty() {
            batches.push(&[]);
        }
        let mut done = Vec::new();
        for batch in batches {
            let names = std::iter::once(&own).chain(batch);
            let update = |name: &RefName| RefUpdate { name: name.clone(), expected: refs.get(name).copied(), new: id };
            let request = CommitRequest {
                manifest: RawValue::from_string(canonical.clone()).expect("canonical JSON is JSON"),
                updates: names.map(update).collect(),
                reason: self.reason.clone(),
            };
            let path = paths::commit(&self.about().app);
            let answer = self.client.post::<_, Committed>(&path, &request, Repeat::Freely).await?;
            if answer.value.status == PublishStatus::Published || (answer.was_repeated && !refs.contains_key(&own)) {
                self.published.insert(id);
            }
            done.push(answer.value);
        }
        Ok(done)
    }
}

/// A channel with what the server says became of it.
fn told_of(channel: ImportedChannel, committed: &[Committed]) -> ImportedChannel {
    let held = committed.iter().flat_map(|committed| &committed.held).find(|held| held.channel == channel.name);
    match held {
        Some(held) => ImportedChannel {
            status: ChannelStatus::Held,
            code: Some(held.code),
            message: Some(held.message.clone()),
            ..channel
        },
        None => channel,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_moves_only_from_where_the_bundle_knows_it_was() {
        let (old, new, other) = (Digest::of(b"old"), Digest::of(b"new"), Digest::of(b"other"));
        let bundled = BundledChannel { release: new, was: vec![old] };
        let check = |at: Option<ReleaseId>, expected: ChannelStatus| assert_eq!(judge_channel(at, &bundled), expected);
        check(None, ChannelStatus::Moved);
        check(Some(old), ChannelStatus::Moved);
        check(Some(new), ChannelStatus::Unchanged);
        check(Some(other), ChannelStatus::Kept);
    }
}
