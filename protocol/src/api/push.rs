//! Negotiate and commit.

use std::collections::BTreeMap;

use objstore::Digest;
use refs::{ChannelName, RefName};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{ArtifactReport, GateResult, ReleaseRef};
use crate::ErrorCode;
use crate::manifest::ReleaseId;
use crate::publish::PublishStatus;

/// What a push is about to need.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NegotiateRequest {
    /// The objects of the release, each once; at most 10,000.
    #[serde(default)]
    pub objects: Vec<WantedObject>,
    /// Objects whose digest is not known yet, each under 64 hexadecimal digits that the client made up. They count
    /// towards the 10,000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provisional: Vec<WantedObject>,
    /// The refs that the push will move.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub refs: Vec<RefName>,
}

/// An object that the release will consist of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedObject {
    /// SHA-256 of its bytes.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// What to send, and where each ref is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Negotiated {
    /// The refs asked about that exist.
    #[schema(value_type = BTreeMap<String, String>)]
    pub refs: BTreeMap<RefName, ReleaseId>,
    /// The objects that this app lacks. Of the provisional ones, those of whose size the app has none: the others it
    /// may hold, which their digest will tell.
    pub missing: Vec<MissingObject>,
}

/// An object to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MissingObject {
    /// SHA-256 of its bytes.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// The first byte to send; what lies before arrived earlier.
    pub offset: u64,
}

/// Publish a release: all or nothing.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommitRequest {
    /// The release manifest, in canonical form (RFC 8785) byte for byte.
    #[schema(value_type = crate::ReleaseManifest)]
    pub manifest: Box<RawValue>,
    /// The release's own ref, and the channels that move to it.
    pub updates: Vec<RefUpdate>,
    /// Why, for the reflog and the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One ref that moves, if it is still where the client saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefUpdate {
    /// The ref.
    #[serde(rename = "ref")]
    #[schema(value_type = String, example = "channels/beta")]
    pub name: RefName,
    /// Where the client saw it; `null` where it did not exist.
    #[schema(value_type = Option<String>)]
    pub expected: Option<ReleaseId>,
    /// Where it is to point: the id of the manifest in the same request.
    #[schema(value_type = String)]
    pub new: ReleaseId,
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Committed {
    /// Whether the release is new.
    pub status: PublishStatus,
    /// The release. For `unchanged` it is the one that was there, whose id may differ from the manifest sent.
    pub release: ReleaseRef,
    /// Every ref asked for, and where it was and is.
    pub refs: Vec<RefMove>,
    /// What was found in the artifacts of a new release; none of it speaks against publishing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<ArtifactReport>,
    /// What the channels' gates warn of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateResult>,
    /// The channels that did not move because they are pinned or a gate blocks. The release is published all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Held>,
}

/// A channel that did not move to the release that was published for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Held {
    /// The channel.
    #[schema(value_type = String, example = "stable")]
    pub channel: ChannelName,
    /// What keeps it: `channel_pinned`, `release_revoked` or `gate_blocked`.
    pub code: ErrorCode,
    /// The same in words.
    pub message: String,
    /// Where it stays; `null` where it does not exist.
    pub at: Option<ReleaseRef>,
    /// What its gates say against the release.
    pub gates: Vec<GateResult>,
}

/// Where a ref was and is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefMove {
    /// The ref.
    #[serde(rename = "ref")]
    #[schema(value_type = String)]
    pub name: RefName,
    /// Where it was; `null` where it did not exist.
    #[schema(value_type = Option<String>)]
    pub old: Option<ReleaseId>,
    /// Where it is.
    #[schema(value_type = String)]
    pub new: ReleaseId,
}

/// All refs of an app.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefsAnswer {
    /// By name.
    #[schema(value_type = BTreeMap<String, String>)]
    pub refs: BTreeMap<RefName, ReleaseId>,
}
