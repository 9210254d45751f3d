//! Channels: where they are, how they move, how they moved.

use jiff::Timestamp;
use refs::ChannelName;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use super::{GatePass, GateResult, ReleaseRef};
use crate::Revision;
use crate::clients::ClientEffect;
use crate::gate::GateCode;
use crate::manifest::ReleaseId;

/// Where a channel points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Channel {
    /// The channel.
    #[schema(value_type = String, example = "beta")]
    pub name: ChannelName,
    /// The release it points at.
    pub release: ReleaseRef,
    /// When it moved there.
    #[schema(value_type = String, format = DateTime)]
    pub moved_at: Timestamp,
    /// Which token moved it.
    pub moved_by: String,
    /// How many times it has moved.
    pub moves: u64,
    /// That it is pinned, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
}

/// That a channel stays where it is: nothing is published or promoted onto it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pin {
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Which token pinned it.
    pub by: String,
    /// Why, as it was given.
    pub reason: Option<String>,
}

/// Pin or unpin a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PinRequest {
    /// Why, for the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// All channels of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Channels {
    /// By name.
    pub channels: Vec<Channel>,
}

/// Where a client saw a channel before it moves it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ExpectedRelease {
    /// It did not look; the field is left out.
    #[default]
    Any,
    /// The channel did not exist; `null`.
    Nothing,
    /// At this release.
    Release(ReleaseId),
}

impl ExpectedRelease {
    /// Whether the field is left out.
    pub fn is_any(&self) -> bool {
        *self == Self::Any
    }
}

impl Serialize for ExpectedRelease {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Any | Self::Nothing => serializer.serialize_none(),
            Self::Release(id) => id.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ExpectedRelease {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<ReleaseId>::deserialize(deserializer)?.map_or(Self::Nothing, Self::Release))
    }
}

/// Move a channel to a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PromoteRequest {
    /// The release to point at, by any revision.
    #[schema(value_type = String, example = "beta")]
    pub revision: Revision,
    /// Where the client saw the channel: a release id, or `null` where it did not exist. Left out, it may be anywhere.
    #[serde(default, skip_serializing_if = "ExpectedRelease::is_any")]
    #[schema(value_type = Option<String>)]
    pub expected: ExpectedRelease,
    /// Gates that do not keep it back although they block; needs `override:APP/CHANNEL` and a reason.
    #[serde(default, rename = "override", skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, example = json!(["macos-unsigned"]))]
    pub overrides: Vec<GateCode>,
    /// Why, for the reflog and the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Move a channel back along its own reflog.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    /// The release to go back to, by any revision; it must have been on the channel. Left out, the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "2.3.9+238")]
    pub to: Option<Revision>,
    /// Where the client saw the channel. Left out, it may be anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub expected: Option<ReleaseId>,
    /// Why, for the reflog and the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Where a channel was and is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Moved {
    /// The channel.
    #[schema(value_type = String, example = "stable")]
    pub channel: ChannelName,
    /// Where it was; `null` where it did not exist.
    pub from: Option<ReleaseRef>,
    /// Where it is. Equal to `from` where nothing had to move.
    pub to: ReleaseRef,
    /// What the channel's gates say against it: warnings, and what was overridden.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateResult>,
    /// What the channel's gates have nothing against.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed: Vec<GatePass>,
    /// The gates that blocked and were overridden.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub overridden: Vec<GateCode>,
    /// That the channel is pinned there, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
    /// After a rollback: what becomes of apps that are installed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<ClientEffect>,
}

impl Moved {
    /// A move of which nothing more is known.
    pub fn new(channel: ChannelName, from: Option<ReleaseRef>, to: ReleaseRef) -> Self {
        let (gates, passed, overridden) = (Vec::new(), Vec::new(), Vec::new());
        Self { channel, from, to, gates, passed, overridden, pin: None, clients: Vec::new() }
    }
}

/// One move of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReflogLine {
    /// Counts the moves of this channel from 1.
    pub seq: u64,
    /// Where it was; `null` for the first move.
    pub old: Option<ReleaseRef>,
    /// Where it went; `null` where it was deleted.
    pub new: Option<ReleaseRef>,
    /// Which token moved it.
    pub actor: String,
    /// How: `publish`, `promote` or `rollback`.
    pub action: String,
    /// Why, as it was given.
    pub reason: Option<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// Some moves of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReflogPage {
    /// Newest first.
    pub entries: Vec<ReflogLine>,
    /// Where the next page begins; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_left_out_is_told_from_null() {
        let check = |json: &str, expected: ExpectedRelease| {
            let request: PromoteRequest = serde_json::from_str(json).unwrap();
            assert_eq!(request.expected, expected);
            assert_eq!(serde_json::to_string(&request).unwrap(), json);
        };
        check(r#"{"revision":"beta"}"#, ExpectedRelease::Any);
        check(r#"{"revision":"beta","expected":null}"#, ExpectedRelease::Nothing);
        let id = ReleaseId::of(b"");
        check(&format!(r#"{{"revision":"beta","expected":"{id}"}}"#), ExpectedRelease::Release(id));
    }
}
