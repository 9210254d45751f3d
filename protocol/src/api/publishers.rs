//! Trusted publishers: pipelines that may publish an app without a secret.

use std::collections::BTreeMap;

use jiff::Timestamp;
use refs::{AppSlug, ChannelName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::platform::words;

/// The audience that identity tokens are asked for and held to unless a rule says another.
pub const DEFAULT_AUDIENCE: &str = "dist";

words! {
    /// Whose identity tokens a rule is for: decides which claims it looks at.
    PublisherKind, "kind of publisher" {
        /// GitHub Actions.
        Github = "github",
        /// GitLab CI/CD.
        Gitlab = "gitlab",
        /// Forgejo Actions.
        Forgejo = "forgejo",
        /// Any other issuer; a rule pins its claims by name.
        Other = "other",
    }
}

impl PublisherKind {
    /// The issuer of the public instance, where there is one that most mean.
    pub fn default_issuer(self) -> Option<&'static str> {
        match self {
            PublisherKind::Github => Some("https://token.actions.githubusercontent.com"),
            PublisherKind::Gitlab => Some("https://gitlab.com"),
            PublisherKind::Forgejo | PublisherKind::Other => None,
        }
    }
}

/// Which identity tokens may publish an app. Everything given has to hold.
///
/// `github` and `forgejo` need `repository_id`, `owner_id`, `workflow` and `ref`; `gitlab` needs all of these but `owner_id`;
/// `other` needs `claims` and takes none of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublisherRule {
    /// Whose tokens.
    pub kind: PublisherKind,
    /// The token's `iss`, to the letter; the public instance of `github` and `gitlab` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://token.actions.githubusercontent.com")]
    pub issuer: Option<String>,
    /// What the token's `aud` has to be or hold; `dist` unless given.
    #[serde(default = "default_audience")]
    pub audience: String,
    /// The number of the repository (`repository_id`, on GitLab `project_id`): names can be taken over, numbers not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_id: Option<u64>,
    /// The number of its owner (`repository_owner_id`, on GitLab `namespace_id`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<u64>,
    /// The file that defines the pipeline: `workflow_ref` or `job_workflow_ref`, on GitLab `ci_config_ref_uri`. Without an `@` it
    /// stands for that file at any ref.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "acme/app/.github/workflows/release.yml")]
    pub workflow: Option<String>,
    /// The branch or tag, `refs/heads/…` or `refs/tags/…`. `*` stands for any text without a slash.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "refs/tags/v*")]
    pub reference: Option<String>,
    /// The deployment environment of the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Further claims and what they have to be. Numbers and booleans are compared as text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, String>,
    /// The channels that a release may move as it is published. Publishing itself is always allowed.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub channels: Vec<ChannelName>,
}

fn default_audience() -> String {
    DEFAULT_AUDIENCE.to_owned()
}

impl PublisherRule {
    /// The issuer that tokens have to be of, where the rule or its kind names one.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref().or(self.kind.default_issuer())
    }
}

/// A pipeline that may publish an app without a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Publisher {
    /// Names it in commands and in the audit log.
    pub id: String,
    /// The app that it may publish.
    #[schema(value_type = String)]
    pub app: AppSlug,
    /// Which identity tokens it is.
    pub rule: PublisherRule,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Which token added it.
    pub created_by: String,
}

/// The trusted publishers of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Publishers {
    /// Oldest first.
    pub publishers: Vec<Publisher>,
}

/// Turn a pipeline's identity token into a token of this server.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExchangeRequest {
    /// The app to publish.
    #[schema(value_type = String)]
    pub app: AppSlug,
    /// The identity token, a JWT signed by its issuer with RS256 or ES256.
    pub identity_token: String,
}

/// The token works once more for whoever sees it, so it is not shown.
impl std::fmt::Debug for ExchangeRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExchangeRequest").field("app", &self.app).finish_non_exhaustive()
    }
}
