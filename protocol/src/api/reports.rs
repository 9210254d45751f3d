//! What inspection found, and what gates say of it.

use inspect::{Finding, Summary};
use objstore::Digest;
use refs::ChannelName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::gate::GateCode;
use crate::rules::Level;
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
    /// The gate: `permissions-added`, or with the platform it is about, `macos-unsigned`.
    #[schema(value_type = String, example = "macos-unsigned")]
    pub gate: GateCode,
    /// What it does: `block` or `warn`.
    pub level: Level,
    /// What it found.
    pub message: String,
}

/// A gate that has nothing against a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GatePass {
    /// What the release is: `version-rises`.
    pub word: String,
    /// How clearly, where that can be said: `212 days`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What all gates of a channel say of a release. Those that the channel has off, and those that there is nothing to ask of, are
/// not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GateReport {
    /// What speaks against the release, what blocks first.
    pub gates: Vec<GateResult>,
    /// What does not.
    pub passed: Vec<GatePass>,
}

impl GateReport {
    /// What blocks.
    pub fn blocks(&self) -> impl Iterator<Item = &GateResult> {
        self.gates.iter().filter(|result| result.level == Level::Block)
    }
}
