//! The one engine behind `push` and `ci publish`: hash, negotiate, upload, commit.
//!
//! A push with nothing to send is two requests. Where a ref moved, or an upload was forgotten, between negotiation and
//! commit, the engine negotiates again by itself; where the release name is taken by other content it says so before it
//! sends a byte.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use protocol::api::{
    App, CommitRequest, Committed, CreateApp, MissingObject, NegotiateRequest, Negotiated, RefUpdate, Release,
    WantedObject,
};
use protocol::publish::{
    PUBLISH_SCHEMA, PublishStatus, Published, PublishedArtifact, PublishedChannel, PublishedRelease, PublishedUrls,
    Transfer,
};
use protocol::{Digest, ErrorCode, RefName, ReleaseManifest, Revision, paths};
use serde_json::json;
use serde_json::value::RawValue;

use crate::client::{Answer, Client, Repeat};
use crate::error::CliError;
use crate::plan::{Origin, Plan};
use crate::ui::Terminal;
use crate::upload::{LocalObject, Meter, Upload};

/// How often a push starts over because the world moved under it.
const ROUNDS: u32 = 10;

/// Objects on the way at once.
const UPLOADS: usize = 4;

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
    terminal: &'a Terminal,
    plan: &'a Plan,
    options: &'a PublishOptions,
    digests: Vec<Digest>,
    objects: BTreeMap<Digest, LocalObject>,
    meter: Arc<Meter>,
    uploaded: BTreeSet<Digest>,
}

/// Publishes what was planned. `digests` are those of the plan's files, in order; `origin.parent` is filled in here.
///
/// # Errors
/// What the server refuses, and what became of the files or the network on the way.
pub(crate) async fn publish(
    client: &Client,
    terminal: &Terminal,
    plan: &Plan,
    digests: Vec<Digest>,
    origin: Origin,
    options: &PublishOptions,
) -> Result<Published, CliError> {
    let started = Instant::now();
    let objects = local_objects(plan, &digests);
    let meter = Arc::new(Meter::default());
    let mut push = Push { client, terminal, plan, options, digests, objects, meter, uploaded: BTreeSet::new() };
    let (manifest, committed) = push.run(origin).await?;
    Ok(push.document(&manifest, &committed, started.elapsed()))
}

fn local_objects(plan: &Plan, digests: &[Digest]) -> BTreeMap<Digest, LocalObject> {
    let object = |(file, digest): (&crate::plan::PlannedFile, &Digest)| {
        let name = file.filename.to_string();
        (*digest, LocalObject { digest: *digest, path: file.path.clone(), stamp: file.stamp, name })
    };
    plan.files.iter().zip(digests).map(object).collect()
}

impl Push<'_> {
    async fn run(&mut self, mut origin: Origin) -> Result<(ReleaseManifest, Committed), CliError> {
        let mut round = 1;
        loop {
            match self.round(&mut origin).await {
                Err(error) if is_worth_another_round(error.code()) && round < ROUNDS => {
                    self.terminal.note(&format!("{error}; negotiating again ({round} of {ROUNDS})"));
                    let longest = ROUND_WAIT.min(Duration::from_millis(25 << round));
                    tokio::time::sleep(longest.mul_f64(fastrand::f64())).await;
                    round += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn round(&mut self, origin: &mut Origin) -> Result<(ReleaseManifest, Committed), CliError> {
        let negotiated = self.negotiate_or_create().await?;
        origin.parent = self.channel_ref().and_then(|channel| negotiated.refs.get(&channel).copied());
        let mut manifest = self.plan.manifest(&self.digests, origin);
        manifest.sort();
        self.refuse_taken_name(&negotiated, &manifest).await?;
        self.upload(&negotiated.missing).await?;
        let committed = self.commit(&negotiated, &manifest).await?;
        Ok((manifest, committed))
    }

    fn channel_ref(&self) -> Option<RefName> {
        self.plan.header.channel.clone().map(RefName::from)
    }

    fn release_ref(&self) -> RefName {
        let header = &self.plan.header;
        protocol::ReleaseName::new(header.version.clone(), header.build.clone()).into()
    }

    async fn negotiate_or_create(&self) -> Result<Negotiated, CliError> {
        match self.negotiate().await {
            Err(error) if error.code() == ErrorCode::AppNotFound => match self.options.missing_app {
                MissingApp::Create => {
                    self.create_app().await?;
                    self.negotiate().await
                }
                MissingApp::Refuse => {
                    let app = &self.plan.header.app;
                    Err(error.hint(format!("create it with `dist app create {app}`, or give --create-app")))
                }
            },
            outcome => outcome,
        }
    }

    async fn negotiate(&self) -> Result<Negotiated, CliError> {
        let objects = self.objects.values();
        let request = NegotiateRequest {
            objects: objects
                .map(|object| WantedObject { digest: object.digest, size: object.stamp.size_bytes })
                .collect(),
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
        let uploads = missing.iter().map(|missing| self.upload_one(*missing));
        let mut done = stream::iter(uploads).buffer_unordered(UPLOADS);
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
        let bar = self.terminal.bar(&object.name, object.stamp.size_bytes, missing.offset);
        let upload = Upload {
            client: self.client,
            app: &self.plan.header.app,
            object,
            chunk_bytes: self.options.chunk_bytes,
            bar,
            meter: Arc::clone(&self.meter),
        };
        let outcome = upload.run(missing.offset).await;
        upload.bar.finish();
        outcome.map(|()| missing.digest)
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
        let header = &self.plan.header;
        let server = self.client.server();
        let revision = Revision::release(&committed.release.name);
        let install = match &header.channel {
            Some(channel) => paths::install(&header.app, channel),
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
            channel: self.published_channel(committed),
            artifacts: self.published_artifacts(manifest),
            urls: PublishedUrls {
                release: server.join(&paths::release(&header.app, &revision)),
                install: server.join(&install),
            },
            transfer: self.transfer(elapsed),
            reports: committed.reports.clone(),
            gates: committed.gates.clone(),
            warnings: self.plan.warnings.clone(),
        }
    }

    fn published_channel(&self, committed: &Committed) -> Option<PublishedChannel> {
        let name = self.plan.header.channel.clone()?;
        let moved = committed.refs.iter().find(|moved| moved.name == RefName::Channel(name.clone()));
        Some(PublishedChannel {
            name,
            previous: moved.and_then(|moved| moved.old),
            current: moved.map_or(committed.release.id, |moved| moved.new),
        })
    }

    fn published_artifacts(&self, manifest: &ReleaseManifest) -> Vec<PublishedArtifact> {
        let artifact = |line: &protocol::ArtifactLine| PublishedArtifact {
            id: line.sha256,
            url: self.client.server().join(&paths::object(&manifest.app, &line.sha256)),
            uploaded: self.uploaded.contains(&line.sha256),
            line: line.clone(),
        };
        manifest.artifacts.iter().map(artifact).collect()
    }

    fn transfer(&self, elapsed: Duration) -> Transfer {
        let milliseconds = u32::try_from(elapsed.as_millis()).unwrap_or(u32::MAX);
        Transfer {
            objects: self.objects.len() as u64,
            uploaded_objects: self.uploaded.len() as u64,
            uploaded_bytes: self.meter.bytes(),
            total_bytes: self.objects.values().map(|object| object.stamp.size_bytes).sum(),
            requests: self.client.requests(),
            seconds: f64::from(milliseconds) / 1000.0,
        }
    }
}

/// What another negotiation mends: someone moved a ref, or the server forgot an upload.
fn is_worth_another_round(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::RefMoved | ErrorCode::ObjectMissing | ErrorCode::ObjectNotNegotiated)
}
