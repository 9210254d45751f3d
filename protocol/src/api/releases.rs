//! Releases.

use jiff::Timestamp;
use refs::{AppSlug, ChannelName, ReleaseName};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{ArtifactReport, Install, Moved};
use crate::Platform;
use crate::limits;
use crate::manifest::{ReleaseId, ReleaseManifest};

/// A release by id and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseRef {
    /// SHA-256 of the manifest.
    #[schema(value_type = String)]
    pub id: ReleaseId,
    /// `version` or `version+build`.
    #[schema(value_type = String, example = "2.4.0+241")]
    pub name: ReleaseName,
}

/// A release with everything known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Release {
    /// The app.
    #[schema(value_type = String)]
    pub app: AppSlug,
    /// SHA-256 of the manifest.
    #[schema(value_type = String)]
    pub id: ReleaseId,
    /// `version` or `version+build`.
    #[schema(value_type = String, example = "2.4.0+241")]
    pub name: ReleaseName,
    /// When the server published it.
    #[schema(value_type = String, format = DateTime)]
    pub published_at: Timestamp,
    /// Which token published it.
    pub published_by: String,
    /// The channels that point at it now.
    #[schema(value_type = Vec<String>)]
    pub channels: Vec<ChannelName>,
    /// Bytes of all its artifacts, each digest counted once.
    pub size_bytes: u64,
    /// The manifest.
    pub manifest: ReleaseManifest,
    /// What inspection found, one for each artifact, in the order of the manifest.
    pub reports: Vec<ArtifactReport>,
    /// How it gets onto devices: one for each artifact, in the order of the manifest, then one for each TestFlight link.
    #[serde(default)]
    pub install: Vec<Install>,
    /// That it was revoked, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revocation>,
}

/// That a release was withdrawn: it is kept and shown, and not promoted, installed or downloaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Revocation {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Which token revoked it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Revoke a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    /// Why: whoever tries to download it is told.
    pub reason: String,
    /// Whether channels that point at it are rolled back and pinned. Where not, they keep it from being revoked.
    #[serde(default)]
    pub rollback: bool,
}

/// Undo the revocation of a release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreRequest {
    /// Why, for the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What revoking or restoring a release did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Withdrawn {
    /// The release.
    pub release: ReleaseRef,
    /// That it is revoked now, where it is.
    pub revoked: Option<Revocation>,
    /// The channels that were rolled back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<Moved>,
}

/// Some releases of an app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReleasePage {
    /// Newest first.
    pub releases: Vec<Release>,
    /// Where the next page begins; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One release with where it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShownRelease {
    /// Everything known of it.
    #[serde(flatten)]
    pub release: Release,
    /// When which channel was at it, newest first, at most 100.
    #[serde(default)]
    pub stays: Vec<Stay>,
}

/// A time during which a channel was at a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stay {
    /// The channel.
    #[schema(value_type = String, example = "stable")]
    pub channel: ChannelName,
    /// When it moved there.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Who moved it there.
    pub by: String,
    /// How: `publish`, `promote` or `rollback`.
    pub action: String,
    /// Why, as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it moved away; absent while it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// Where it went then; absent while it is there, and where it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub followed_by: Option<ReleaseRef>,
}

/// How much of a comparison is listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CompareQuery {
    /// Of each archive the so many files whose size changed most; 20 unless given. How many there are in all is always said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 0)]
    pub files: Option<u32>,
}

impl CompareQuery {
    /// How many files of each archive are listed.
    pub fn files(&self) -> usize {
        self.files.map_or(limits::COMPARED_FILES, |files| files as usize)
    }
}

/// Where a log begins, and which part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct LogQuery {
    /// The release to begin with, by any revision, and its parents; or a range `A..B`: what B's history has and A's has not.
    /// Left out, every release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Only releases with an artifact for this platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub platform: Option<Platform>,
    /// Only releases that were published then or later, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// `next` of the page before; the log goes on there. A page may be shorter than asked, or empty, and have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Rows, 1 to 500; 50 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
}

/// Which part of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Rows, 1 to 500; 50 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
}
