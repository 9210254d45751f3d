//! Mirrors: apps that are copies of the same app on another server.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ServerUrl;

/// That an app is kept equal to the same app of another server. Nothing is published or moved here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mirror {
    /// The other server.
    #[schema(value_type = String, example = "https://dist.example.com")]
    pub source: ServerUrl,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// When it was last found or made equal; absent before the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub updated_at: Option<Timestamp>,
}
