//! Capability links: who has one sees what a channel points at, without a token.

use jiff::Timestamp;
use refs::{AppSlug, ChannelName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A link as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Link {
    /// Names it in lists and in the audit log; of no use by itself.
    pub id: String,
    /// The app.
    #[schema(value_type = String)]
    pub app: AppSlug,
    /// The channel whose current release it shows.
    #[schema(value_type = String)]
    pub channel: ChannelName,
    /// Whom it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Which token made it.
    pub created_by: String,
    /// When it stops working.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// How many downloads it is good for; absent for any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_uses: Option<u64>,
    /// How many downloads began through it.
    pub uses: u64,
    /// When it was revoked; absent while it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
    /// Its address on this server, signed with the key that signs now. Whoever has it has the link.
    pub path: String,
}

/// The links of an app to channels that the caller may promote to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Links {
    /// Newest first.
    pub links: Vec<Link>,
}

/// Make a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateLink {
    /// The channel whose current release it shows.
    #[schema(value_type = String, example = "beta")]
    pub channel: ChannelName,
    /// For how long it works; 30 days unless given, at most ten years.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub expires_in_seconds: Option<u64>,
    /// How many downloads it is good for; any number unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub max_uses: Option<u64>,
    /// Whom it is for: one line of at most 200 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Make a new key that signs links from now on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateKey {
    /// Links that older keys signed stop working.
    #[serde(default)]
    pub drop_old: bool,
}

/// The key that signs links now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RotatedKey {
    /// Its id.
    pub key: String,
}
