//! Tokens.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Scope;

/// A token as lists show it: everything but its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// The public part of its text.
    pub id: String,
    /// The actor in reflogs and in the audit log.
    pub name: String,
    /// What it may do.
    #[schema(value_type = Vec<String>, example = json!(["publish:acme", "promote:acme/beta"]))]
    pub scopes: Vec<Scope>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Which token made it; `local` for the command on the data directory.
    pub created_by: String,
    /// When it stops working; absent for never.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked; absent while it was not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute; absent where it never was.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub used_at: Option<Timestamp>,
    /// From which address.
    pub used_from: Option<String>,
}

impl Token {
    /// For how long it was made to work; `None` for ever.
    pub fn lifetime(&self) -> Option<SignedDuration> {
        self.expires_at.map(|expiry| expiry.duration_since(self.created_at))
    }
}

/// All tokens, expired and revoked ones included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tokens {
    /// Newest first.
    pub tokens: Vec<Token>,
}

/// Make a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// The actor in reflogs and in the audit log: 1 to 64 bytes.
    pub name: String,
    /// What it may do; at least one.
    #[schema(value_type = Vec<String>, example = json!(["publish:acme/beta"]))]
    pub scopes: Vec<Scope>,
    /// For how long it works; 90 days unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub expires_in_seconds: Option<u64>,
    /// It works until it is revoked. Contradicts `expires_in_seconds`.
    #[serde(default)]
    pub never_expires: bool,
}

/// Make a token in place of another: same name, scopes and lifetime.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateToken {
    /// For how long the old one still works; one day unless given, at most 30 days, and never longer than it would have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap_seconds: Option<u64>,
}

/// A token just made: the only time that its text is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedToken {
    /// The whole text, `dist_<id>_<secret><checksum>`.
    pub token: String,
    /// Everything else.
    #[serde(flatten)]
    pub about: Token,
}

/// Who the caller is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Whoami {
    /// The token's name, or `anonymous`.
    pub actor: String,
    /// The token's id; absent without a token.
    pub token_id: Option<String>,
    /// What it may do.
    #[schema(value_type = Vec<String>)]
    pub scopes: Vec<Scope>,
    /// When it stops working; absent for never.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// Version of the server.
    pub server_version: String,
}
