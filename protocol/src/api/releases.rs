//! Releases.

use jiff::Timestamp;
use refs::{AppSlug, ChannelName, ReleaseName};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{ArtifactReport, Install};
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

/// Where a log begins, and which part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct LogQuery {
    /// The release to begin with, by any revision.
    pub revision: String,
    /// `next` of the page before; the log goes on there.
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
