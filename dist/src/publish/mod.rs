//! The one engine behind `push` and `ci publish`: hash, negotiate, upload, commit.
//!
//! A large file that the server cannot have is hashed while it is sent (`learn`).
//! A push with nothing to send is two requests. Where a ref moved, or an upload was forgotten, between negotiation and
//! commit, the engine negotiates again by itself; where the release name is taken by other content it says so before it
//! sends a byte. A part of a release is staged by the same engine.

mod learn;
mod sketch;
mod stage;

pub(crate) use learn::hash_small;
pub(crate) use stage::{Part, stage};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use protocol::api::{
    App, CommitRequest, Committed, CreateApp, MissingObject, NegotiateRequest, Negotiated, RefUpdate, Release,
    WantedObject,
};
use protocol::dist_json::Header;
use protocol::publish::{
    PUBLISH_SCHEMA, PublishStatus, Published, PublishedArtifact, PublishedChannel, PublishedRelease, PublishedUrls,
    Transfer,
};
use protocol::{Digest, ErrorCode, Problem, RefName, ReleaseManifest, Revision, ServerUrl, paths};
use serde_json::json;
use serde_json::value::RawValue;

use crate::client::{Answer, Client, Repeat};
use crate::error::CliError;
use crate::plan::{Origin, Plan};
use crate::running::RunningDigest;
use crate::ui::{Bar, Terminal};
use crate::upload::{LocalObject, Meter, Upload};

/// How often a push starts over because the world moved under it.
const ROUNDS: u32 = 10;

/// Objects on the way at once.
pub(crate) const UPLOADS: usize = 4;

/// The same of small ones, of which each waits for syncs most of its time; the server makes one of those of several.
const SMALL_UPLOADS: usize = 16;

/// Up to which size an object is small, in bytes.
const SMALL_BYTES: u64 = 1024 * 1024;

/// Longest wait between two rounds.
const ROUND_WAIT: Duration = Duration::from_secs(2);

/// What to do when the app does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MissingApp {
    /// Refuse.
    Refuse,
    /// Create it.
    Create,
}

/// How to publish.
#[derive(Debug, Clone)]
pub(crate) struct PublishOptions {
    /// What to do when the app does not exist.
    pub(crate) missing_app: MissingApp,
    /// Why, for the reflog and the audit log.
    pub(crate) reason: Option<String>,
    /// Most bytes in one request.
    pub(crate) chunk_bytes: Option<u64>,
}

/// One publish under way.
struct Push<'a> {
    client: &'a Client,
    terminal: &'a Arc<Terminal>,
    plan: &'a Plan,
    options: &'a PublishOptions,
    /// Of the plan's files, in order; `None` until it is known.
    digests: Vec<Option<Digest>>,
    /// The files whose digest is known.
    objects: BTreeMap<Digest, LocalObject>,
    meter: Arc<Meter>,
    uploaded: BTreeSet<Digest>,
}

/// Publishes what was planned. `digests` are those of the plan's files, in order, as far as they are known;
/// `origin.parent` is filled in here.
///
/// # Errors
/// What the server refuses, and what became of the files or the network on the way.
pub(crate) async fn publish(
    client: &Client,
    terminal: &Arc<Terminal>,
    plan: &Plan,
    digests: Vec<Option<Digest>>,
    origin: Origin,
    options: &PublishOptions,
) -> Result<Published, CliError> {
    let started = Instant::now();
    let mut push = Push::new(client, terminal, plan, digests, options);
    let (manifest, committed) = push.run(origin).await?;
    Ok(push.document(&manifest, &committed, started.elapsed()))
}

/// Counts the rounds of a push.
#[derive(Debug, Default)]
pub(crate) struct Again(u32);

impl Again {
    /// Whether there is another round.
    pub(crate) fn is_left(&self) -> bool {
        self.0 + 1 < ROUNDS
    }

    /// Says why there is another round, and waits for a moment before it.
    pub(crate) async fn wait(&mut self, terminal: &Terminal, error: &CliError) {
        self.0 += 1;
        terminal.note(&format!("{error}; trying again ({} of {ROUNDS})", self.0));
        let longest = ROUND_WAIT.min(Duration::from_millis(25 << self.0));
        tokio::time::sleep(longest.mul_f64(fastrand::f64())).await;
    }
}

impl<'a> Push<'a> {
    fn new(
        client: &'a Client,
        terminal: &'a Arc<Terminal>,
        plan: &'a Plan,
        digests: Vec<Option<Digest>>,
        options: &'a PublishOptions,
    ) -> Self {
        let (objects, uploaded, meter) = (BTreeMap::new(), BTreeSet::new(), Arc::new(Meter::default()));
        let mut push = Self { client, terminal, plan, options, digests, objects, meter, uploaded };
        push.objects = push.local_objects();
        push
    }

    fn local_objects(&self) -> BTreeMap<Digest, LocalObject> {
        let named = self.plan.files.iter().zip(&self.digests);
        named.filter_map(|(file, digest)| Some(((*digest)?, LocalObject::whole(file, (*digest)?)))).collect()
    }
}

impl Push<'_> {
    async fn run(&mut self, mut origin: Origin) -> Result<(ReleaseManifest, Committed), CliError> {
        let mut again = Again::default();
        loop {
            match self.round(&mut origin).await {
                Err(error) if is_worth_another_round(error.code()) && again.is_left() => {
                    again.wait(self.terminal, &error).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn round(&mut self, origin: &mut Origin) -> Result<(ReleaseManifest, Committed), CliError> {
        let negotiated = self.learn().await?;
        origin.parent = self.channel_ref().and_then(|channel| negotiated.refs.get(&channel).copied());
        let manifest = self.manifest(origin);
        self.refuse_taken_name(&negotiated, &manifest).await?;
        self.upload(&negotiated.missing).await?;
        let committed = self.commit(&negotiated, &manifest).await?;
        Ok((manifest, committed))
    }

    /// The manifest, once all digests are learned.
    fn manifest(&self, origin: &Origin) -> ReleaseManifest {
        let digests: Vec<Digest> = self.digests.iter().map(|digest| digest.expect("it was learned")).collect();
        let mut manifest = self.plan.manifest(&digests, origin);
        manifest.sort();
        manifest
    }

    fn channel_ref(&self) -> Option<RefName> {
        self.plan.header.channel.clone().map(RefName::from)
    }

    fn release_ref(&self) -> RefName {
        let header = &self.plan.header;
        protocol::ReleaseName::new(header.version.clone(), header.build.clone()).into()
    }

    async fn negotiate_or_create(&self, provisional: Vec<WantedObject>) -> Result<Negotiated, CliError> {
        match self.negotiate(provisional.clone()).await {
            Err(error) if error.code() == ErrorCode::AppNotFound => match self.options.missing_app {
                MissingApp::Create => {
                    self.create_app().await?;
                    self.negotiate(provisional).await
                }
                MissingApp::Refuse => {
                    let app = &self.plan.header.app;
                    Err(error.hint(format!("create it with `dist app create {app}`, or give --create-app")))
                }
            },
            outcome => outcome,
        }
    }

    async fn negotiate(&self, provisional: Vec<WantedObject>) -> Result<Negotiated, CliError> {
        let objects = self.objects.values();
        let request = NegotiateRequest {
            objects: objects.map(|object| WantedObject { digest: object.digest, size: object.size_bytes }).collect(),
            provisional,
            refs: std::iter::once(self.release_ref()).chain(self.channel_ref()).collect(),
        };
        let path = paths::negotiate(&self.plan.header.app);
        self.client.post(&path, &request, Repeat::Freely).await.map(|answer| answer.value)
    }

    async fn create_app(&self) -> Result<(), CliError> {
        let slug = self.plan.header.app.clone();
        let request = CreateApp { slug, name: None, access: protocol::api::Access::default() };
        match self.client.post::<_, App>(paths::APPS, &request, Repeat::Freely).await {
            // Someone was faster, or an answer was lost: it is there.
            Err(error) if error.code() != ErrorCode::AppExists => Err(error),
            _ => Ok(()),
        }
    }

    /// A taken name with objects that the app lacks is other content for sure. Then nothing is sent.
    async fn refuse_taken_name(&self, negotiated: &Negotiated, ours: &ReleaseManifest) -> Result<(), CliError> {
        if negotiated.missing.is_empty() || !negotiated.refs.contains_key(&self.release_ref()) {
            return Ok(());
        }
        let header = &self.plan.header;
        let path = paths::release(&header.app, &Revision::release(&ours.name()));
        let theirs: Release = self.client.get(&path).await?;
        let difference = theirs.manifest.difference(ours);
        if difference.is_empty() {
            return Ok(());
        }
        let message = format!("{} {} is published with other content", header.app, theirs.name);
        Err(CliError::new(ErrorCode::ReleaseExists, message)
            .hint("a name is taken for good: publish under another version or build")
            .details(json!({ "existing": theirs.id, "difference": difference })))
    }

    async fn upload(&mut self, missing: &[MissingObject]) -> Result<(), CliError> {
        let is_small = |missing: &&MissingObject| {
            self.objects.get(&missing.digest).is_some_and(|object| object.size_bytes <= SMALL_BYTES)
        };
        let (small, large): (Vec<_>, Vec<_>) = missing.iter().partition(is_small);
        self.upload_all(large, UPLOADS).await?;
        self.upload_all(small, SMALL_UPLOADS).await
    }

    async fn upload_all(&mut self, missing: Vec<&MissingObject>, at_once: usize) -> Result<(), CliError> {
        let uploads = missing.into_iter().map(|missing| self.upload_one(*missing));
        let mut done = stream::iter(uploads).buffer_unordered(at_once);
        let mut uploaded = Vec::new();
        let outcome = loop {
            match done.try_next().await {
                Ok(Some(digest)) => uploaded.push(digest),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        drop(done);
        self.uploaded.extend(uploaded);
        outcome
    }

    async fn upload_one(&self, missing: MissingObject) -> Result<Digest, CliError> {
        let object = self.objects.get(&missing.digest).ok_or_else(|| {
            let message = format!("{} asks for {}, which is not in this release", self.client.server(), missing.digest);
            CliError::new(ErrorCode::ServerAnswerInvalid, message)
        })?;
        let bar = self.terminal.bar(&object.name, object.size_bytes, missing.offset);
        let upload = self.upload_of(object, None, bar);
        let outcome = upload.run(missing.offset).await;
        upload.bar.finish();
        outcome.map(|()| missing.digest)
    }

    fn upload_of<'o>(&'o self, object: &'o LocalObject, turns_out: Option<Arc<RunningDigest>>, bar: Bar) -> Upload<'o> {
        Upload {
            client: self.client,
            app: &self.plan.header.app,
            object,
            turns_out,
            chunk_bytes: self.options.chunk_bytes,
            bar,
            meter: Arc::clone(&self.meter),
        }
    }

    async fn commit(&self, negotiated: &Negotiated, manifest: &ReleaseManifest) -> Result<Committed, CliError> {
        let canonical = String::from_utf8(manifest.canonical_bytes()).expect("JSON is UTF-8");
        let new = Digest::of(canonical.as_bytes());
        let names = std::iter::once(self.release_ref()).chain(self.channel_ref());
        let request = CommitRequest {
            manifest: RawValue::from_string(canonical).expect("canonical JSON is JSON"),
            updates: names.map(|name| RefUpdate { expected: negotiated.refs.get(&name).copied(), name, new }).collect(),
            reason: self.options.reason.clone(),
        };
        let path = paths::commit(&self.plan.header.app);
        let Answer { value, was_repeated } = self.client.post::<_, Committed>(&path, &request, Repeat::Freely).await?;
        // Our own release of a moment ago, whose answer was lost, is no release that was there before.
        let is_ours = was_repeated && value.status == PublishStatus::Unchanged && value.release.id == new;
        Ok(if is_ours { Committed { status: PublishStatus::Published, ..value } } else { value })
    }

    fn document(&self, manifest: &ReleaseManifest, committed: &Committed, elapsed: Duration) -> Published {
        Document {
            server: self.client.server(),
            header: &self.plan.header,
            manifest,
            committed,
            uploaded: &self.uploaded,
            transfer: self.transfer(elapsed),
            warnings: self.plan.warnings.clone(),
        }
        .published()
    }

    fn transfer(&self, elapsed: Duration) -> Transfer {
        let milliseconds = u32::try_from(elapsed.as_millis()).unwrap_or(u32::MAX);
        Transfer {
            objects: self.objects.len() as u64,
            uploaded_objects: self.uploaded.len() as u64,
            uploaded_bytes: self.meter.bytes(),
            total_bytes: self.objects.values().map(|object| object.size_bytes).sum(),
            requests: self.client.requests(),
            seconds: f64::from(milliseconds) / 1000.0,
        }
    }
}

/// What the document of a publish is made of.
pub(crate) struct Document<'a> {
    /// Where it was published.
    pub(crate) server: &'a ServerUrl,
    /// What it is called, and the channel that was to move.
    pub(crate) header: &'a Header,
    /// Its manifest.
    pub(crate) manifest: &'a ReleaseManifest,
    /// What the server did.
    pub(crate) committed: &'a Committed,
    /// The objects that this run sent.
    pub(crate) uploaded: &'a BTreeSet<Digest>,
    /// What was sent.
    pub(crate) transfer: Transfer,
    /// What a person may want to know.
    pub(crate) warnings: Vec<Problem>,
}

impl Document<'_> {
    /// The document.
    pub(crate) fn published(self) -> Published {
        let (header, committed) = (self.header, self.committed);
        let revision = Revision::release(&committed.release.name);
        let channel = self.channel();
        let install = match &channel {
            Some(channel) => paths::install(&header.app, &channel.name),
            None => paths::install_release(&header.app, &revision),
        };
        Published {
            schema: PUBLISH_SCHEMA.to_owned(),
            status: committed.status,
            app: header.app.clone(),
            release: PublishedRelease {
                id: committed.release.id,
                name: committed.release.name.clone(),
                version: header.version.clone(),
                build: header.build.clone(),
            },
            channel,
            artifacts: self.artifacts(),
            urls: PublishedUrls {
                release: self.server.join(&paths::release(&header.app, &revision)),
                install: self.server.join(&install),
            },
            reports: committed.reports.clone(),
            gates: committed.gates.clone(),
            held: committed.held.clone(),
            transfer: self.transfer,
            warnings: self.warnings,
        }
    }

    /// The channel that moved, or was there; not one that is held.
    fn channel(&self) -> Option<PublishedChannel> {
        let name = self.header.channel.clone()?;
        let moved = self.committed.refs.iter().find(|moved| moved.name == RefName::Channel(name.clone()))?;
        Some(PublishedChannel { name, previous: moved.old, current: moved.new })
    }

    fn artifacts(&self) -> Vec<PublishedArtifact> {
        let artifact = |line: &protocol::ArtifactLine| PublishedArtifact {
            id: line.sha256,
            url: self.server.join(&paths::object(&self.manifest.app, &line.sha256)),
            uploaded: self.uploaded.contains(&line.sha256),
            line: line.clone(),
        };
        self.manifest.artifacts.iter().map(artifact).collect()
    }
}

/// Fails where the release is published and its channel did not move: the exit code has to tell.
///
/// # Errors
/// [`ErrorCode::ChannelPinned`], [`ErrorCode::GateBlocked`] or [`ErrorCode::ReleaseRevoked`], with the document in the details.
pub(crate) fn refuse_held(published: Published) -> Result<Published, CliError> {
    let Some(held) = published.held.first().cloned() else { return Ok(published) };
    let (app, release, channel) = (&published.app, &published.release.name, &held.channel);
    let stays = held.at.as_ref().map_or_else(|| "was not made".to_owned(), |at| format!("stays at {}", at.name));
    let message = format!("{app} {release} is published, and {channel} {stays}: {}", held.message);
    let promote = format!("dist promote {app}@{release} {channel}");
    let hint = match held.code {
        ErrorCode::ChannelPinned => format!("`dist unpin {app}@{channel}`, then `{promote}`"),
        ErrorCode::ReleaseRevoked => "publish under another version or build".to_owned(),
        _ => format!("`{promote} --dry-run` shows its gates, and how they are overridden"),
    };
    let details = json!({ "channel": channel, "at": held.at, "gates": held.gates, "published": published });
    Err(CliError::new(held.code, message).hint(hint).details(details))
}

/// What another negotiation mends: someone moved a ref, or the server forgot an upload.
pub(crate) fn is_worth_another_round(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::RefMoved | ErrorCode::ObjectMissing | ErrorCode::ObjectNotNegotiated)
}
