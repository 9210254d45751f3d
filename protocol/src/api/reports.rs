//! What inspection found, and what gates say of it.

use inspect::{Finding, Summary};
use objstore::Digest;
use refs::ChannelName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::rules::{Gate, Level};
use crate::{FileName, Platform};

/// What is known of one artifact of a release. Derived from its bytes, never part of the release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArtifactReport {
    /// The artifact's platform.
    pub platform: Platform,
    /// The artifact's name when downloaded.
    #[schema(value_type = String)]
    pub filename: FileName,
    /// SHA-256 of its bytes.
    #[schema(value_type = String)]
    pub sha256: Digest,
    /// What it says of itself; absent where it was not inspected yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// What a person should know, worst first.
    pub findings: Vec<Finding>,
}

/// What one gate of one channel says of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GateResult {
    /// The channel.
    #[schema(value_type = String)]
    pub channel: ChannelName,
    /// The gate.
    pub gate: Gate,
    /// What it does; `off` where there is nothing against the release.
    pub level: Level,
    /// What it found.
    pub message: String,
}
