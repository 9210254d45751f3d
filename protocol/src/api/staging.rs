//! Parts of a release that several runners put together.

use jiff::Timestamp;
use refs::{ChannelName, PartName, ReleaseName};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::Committed;
use crate::manifest::{ArtifactLine, ReleaseId, ReleaseManifest, Source};

/// Stage a part of a release.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StageRequest {
    /// The part as the manifest of a release that has only its artifacts, in canonical form (RFC 8785) byte for byte. Its parent is
    /// `null`.
    #[schema(value_type = ReleaseManifest)]
    pub manifest: Box<RawValue>,
    /// How many parts the release has in all, 1 to 64, for who looks on; what is waited for is told when it is put together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u32>,
}

/// A part of a release that is not published yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stage {
    /// The release.
    #[schema(value_type = String, example = "2.4.0+241")]
    pub release: ReleaseName,
    /// Its name.
    #[schema(value_type = String, example = "linux")]
    pub part: PartName,
    /// How many parts the release has in all, where the job that staged this one told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u32>,
    /// SHA-256 of its manifest.
    #[schema(value_type = String)]
    pub id: ReleaseId,
    /// When it was staged.
    #[schema(value_type = String, format = DateTime)]
    pub staged_at: Timestamp,
    /// Which token staged it.
    pub staged_by: String,
    /// When it goes away unless it was used.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// What it was built from.
    pub source: Source,
    /// Its files.
    pub artifacts: Vec<ArtifactLine>,
}

/// The parts of one release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StagedRelease {
    /// The release.
    #[schema(value_type = String, example = "2.4.0+241")]
    pub release: ReleaseName,
    /// Its parts, by name.
    pub parts: Vec<Stage>,
}

impl StagedRelease {
    /// How many parts it has in all, as far as its jobs told.
    pub fn expected_parts(&self) -> Option<u32> {
        self.parts.iter().filter_map(|part| part.of).max()
    }
}

/// Everything that is staged in an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stages {
    /// By name.
    pub releases: Vec<StagedRelease>,
}

/// Publish a release from its parts: all or nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FinalizeRequest {
    /// The parts that it has: these and no others have to be there.
    #[schema(value_type = Vec<String>, example = json!(["linux", "macos", "windows"]))]
    pub expect: Vec<PartName>,
    /// The channel to move to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "beta")]
    pub channel: Option<ChannelName>,
    /// Release notes. Left out, those of the parts, which have to be the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// What it was built from. Left out, what the parts say.
    #[serde(default, skip_serializing_if = "Source::is_empty")]
    pub source: Source,
    /// When it is made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Why, for the reflog and the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a release became of its parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Finalized {
    /// What was published.
    #[serde(flatten)]
    pub committed: Committed,
    /// Its manifest.
    pub manifest: ReleaseManifest,
}
