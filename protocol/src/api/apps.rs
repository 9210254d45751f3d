//! Apps.

use jiff::Timestamp;
use refs::AppSlug;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who may see and download an app's releases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Anyone who reaches the server.
    Public,
    /// Holders of a token that may read the app.
    #[default]
    Token,
}

impl Access {
    /// The word in SQL and in flags.
    pub fn as_str(self) -> &'static str {
        match self {
            Access::Public => "public",
            Access::Token => "token",
        }
    }
}

/// A product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct App {
    /// Its name in addresses and commands.
    #[schema(value_type = String, example = "acme")]
    pub slug: AppSlug,
    /// Its name for people.
    pub name: String,
    /// Who may see and download its releases.
    pub access: Access,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Which token created it.
    pub created_by: String,
    /// How many releases it has.
    pub releases: u64,
}

/// All apps that the caller may read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Apps {
    /// By slug.
    pub apps: Vec<App>,
}

/// Create an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateApp {
    /// Its name in addresses and commands; taken for good.
    #[schema(value_type = String, example = "acme")]
    pub slug: AppSlug,
    /// Its name for people; the slug unless given. 1 to 200 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who may see and download its releases; `token` unless given.
    #[serde(default)]
    pub access: Access,
}
