//! Apps.

use jiff::Timestamp;
use refs::AppSlug;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Mirror;
use crate::platform::words;

words! {
    #[derive(Default)]
    /// Who may see and download an app's releases, or those of a channel.
    Access, "access" {
        /// Anyone who reaches the server.
        Public = "public",
        /// Holders of a capability link, or of a token that may read the app.
        Link = "link",
        /// Holders of a token that may read the app.
        #[default]
        Token = "token",
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
    /// That it is a mirror, where it is one and the caller's token may read the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Mirror>,
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

/// Change an app. What is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateApp {
    /// Its name for people: 1 to 200 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who may see and download its releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
}
