//! What a promotion would do, before it does.

use jiff::Timestamp;
use refs::{AppSlug, ChannelName};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{GateReport, ReleaseRef};

/// Which promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PromotionQuery {
    /// The release to promote, by any revision.
    pub revision: String,
}

/// What a promotion would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Promotion {
    /// The app.
    #[schema(value_type = String)]
    pub app: AppSlug,
    /// The channel.
    #[schema(value_type = String, example = "stable")]
    pub channel: ChannelName,
    /// Where the channel is; `null` where it does not exist.
    pub from: Option<ReleaseRef>,
    /// Where it would go.
    pub to: ReleaseRef,
    /// How many releases the history of `to` has that of `from` has not, `to` among them.
    pub ahead: u64,
    /// How many of them have notes.
    pub notes: u64,
    /// How many releases the history of `from` has that of `to` has not: those that the channel would leave.
    pub behind: u64,
    /// The newest of the releases that `ahead` counts, at most 100, newest first.
    pub releases: Vec<PassedRelease>,
    /// What the channel's gates say.
    #[serde(flatten)]
    pub report: GateReport,
    /// Whether no gate blocks it.
    pub allowed: bool,
}

/// A release between where a channel is and where it would go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PassedRelease {
    /// The release.
    #[serde(flatten)]
    pub release: ReleaseRef,
    /// When it was published.
    #[schema(value_type = String, format = DateTime)]
    pub published_at: Timestamp,
    /// Its notes, Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}
