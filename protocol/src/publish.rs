//! The documents that `dist ci publish --json` prints: one on stdout, whatever happens.

use objstore::Digest;
use refs::{AppSlug, Build, ChannelName, ReleaseName, Version};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::{ArtifactReport, GateResult, Held, Stage};
use crate::manifest::{ArtifactLine, ReleaseId};
use crate::{ErrorCode, Problem};

/// What [`Published::schema`] always is.
pub const PUBLISH_SCHEMA: &str = "dist.publish/1";

/// What [`Staged::schema`] always is.
pub const STAGE_SCHEMA: &str = "dist.stage/1";

/// What [`Failed::schema`] always is.
pub const ERROR_SCHEMA: &str = "dist.error/1";

/// Whether a publish made something new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PublishStatus {
    /// The release is new.
    Published,
    /// The same content was there already under this name.
    Unchanged,
}

/// The document of a publish that went well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// `dist.publish/1`.
    pub schema: String,
    /// Whether something new was made.
    pub status: PublishStatus,
    /// The app.
    pub app: AppSlug,
    /// The release.
    pub release: PublishedRelease,
    /// The channel that now points at it, where one was named.
    pub channel: Option<PublishedChannel>,
    /// Its files.
    pub artifacts: Vec<PublishedArtifact>,
    /// Where people find it.
    pub urls: PublishedUrls,
    /// What was sent.
    pub transfer: Transfer,
    /// What was found in the files; empty where the release was there before.
    pub reports: Vec<ArtifactReport>,
    /// What the channel's gates warn of.
    pub gates: Vec<GateResult>,
    /// The channel that did not move because it is pinned or a gate blocks, where that is so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Held>,
    /// What a person may want to know; nothing here made the publish fail.
    pub warnings: Vec<Problem>,
}

/// The document of a part that was staged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Staged {
    /// `dist.stage/1`.
    pub schema: String,
    /// The app.
    pub app: AppSlug,
    /// The part.
    pub stage: Stage,
    /// What was sent.
    pub transfer: Transfer,
    /// What a person may want to know.
    pub warnings: Vec<Problem>,
}

/// Which release it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublishedRelease {
    /// SHA-256 of the manifest.
    pub id: ReleaseId,
    /// `version` or `version+build`.
    pub name: ReleaseName,
    /// Its version.
    pub version: Version,
    /// Its build, where it has one.
    pub build: Option<Build>,
}

/// Where the channel was and is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublishedChannel {
    /// The channel.
    pub name: ChannelName,
    /// The release it pointed at before.
    pub previous: Option<ReleaseId>,
    /// The release it points at now.
    pub current: ReleaseId,
}

/// One file of the release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublishedArtifact {
    /// The same as `sha256`: an artifact's id is its digest.
    pub id: Digest,
    /// Its line in the manifest.
    #[serde(flatten)]
    pub line: ArtifactLine,
    /// Where it is downloaded from.
    pub url: String,
    /// Whether this run sent its bytes.
    pub uploaded: bool,
}

/// Where people find the release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublishedUrls {
    /// The release in the API.
    pub release: String,
    /// The page where testers install it.
    pub install: String,
}

/// What went over the wire.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Transfer {
    /// Distinct objects of the release.
    pub objects: u64,
    /// How many of them this run sent.
    pub uploaded_objects: u64,
    /// Bytes that this run sent.
    pub uploaded_bytes: u64,
    /// Bytes of all distinct objects.
    pub total_bytes: u64,
    /// HTTP requests, retries included.
    pub requests: u64,
    /// From start to end, wall clock.
    pub seconds: f64,
}

/// The document of anything that failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// `dist.error/1`.
    pub schema: String,
    /// What kind of error.
    pub code: ErrorCode,
    /// What happened, to what, and why.
    pub message: String,
    /// One thing to do about it.
    pub hint: Option<String>,
    /// Facts for scripts.
    pub details: Value,
}
