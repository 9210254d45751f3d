//! Webhooks: what an app tells other programs, and how that went.

use jiff::Timestamp;
use refs::{AppSlug, ChannelName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ReleaseRef;
use crate::platform::words;

words! {
    /// What a webhook is told of. But for `channel.move` and `ping`, the words are those of the audit log.
    WebhookEvent, "event" {
        /// A release was published.
        ReleasePublish = "release.publish",
        /// A release was revoked.
        ReleaseRevoke = "release.revoke",
        /// A release that was revoked is in use again.
        ReleaseRestore = "release.restore",
        /// A channel points at another release: by publishing, promotion or rollback.
        ChannelMove = "channel.move",
        /// A channel was pinned.
        ChannelPin = "channel.pin",
        /// A channel was unpinned.
        ChannelUnpin = "channel.unpin",
        /// Someone asked whether the webhook works. Always sent, never chosen.
        Ping = "ping",
    }
}

words! {
    /// How a webhook's body is written.
    WebhookFormat, "format" {
        /// The event itself, as [`WebhookPayload`].
        Json = "json",
        /// A message for Slack's incoming webhooks.
        Slack = "slack",
        /// A card for a workflow of Microsoft Teams.
        Teams = "teams",
        /// A message for Discord.
        Discord = "discord",
        /// A message for Feishu's and Lark's custom bots.
        Feishu = "feishu",
        /// A mail, to a `mailto:` address and to no other.
        Mail = "mail",
    }
}

words! {
    /// How a channel came to move.
    MoveAction, "action" {
        /// A release was published onto it.
        Publish = "publish",
        /// It was promoted.
        Promote = "promote",
        /// It was rolled back.
        Rollback = "rollback",
    }
}

words! {
    /// How a delivery is.
    DeliveryState, "state" {
        /// It is to be sent, or sent again.
        Waiting = "waiting",
        /// It was answered with a status of 200 to 299, or taken by the mail server.
        Delivered = "delivered",
        /// It was given up.
        Failed = "failed",
    }
}

/// The body of a webhook with the format `json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookPayload {
    /// What happened.
    #[serde(rename = "type")]
    pub event: WebhookEvent,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// To what.
    pub data: WebhookData,
}

/// What an event is about. What does not apply is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookData {
    /// The app.
    #[schema(value_type = String)]
    pub app: AppSlug,
    /// Who did it: the name of a token.
    pub actor: String,
    /// The channel of `channel.*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub channel: Option<ChannelName>,
    /// How `channel.move` came about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<MoveAction>,
    /// The release of `release.*`; where the channel of `channel.move` is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseRef>,
    /// Where the channel of `channel.move` was, if it was anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<ReleaseRef>,
    /// Why, as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The page to install the release from, where the server knows its public address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Make a webhook.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateWebhook {
    /// Where it is sent: an https address, or `mailto:` and one mail address.
    #[schema(example = "https://ci.example.com/hooks/dist")]
    pub url: String,
    /// What it is told of; everything unless given.
    #[serde(default)]
    pub events: Vec<WebhookEvent>,
    /// How the body is written; `json` unless given, `mail` to a `mailto:` address.
    #[serde(default = "json")]
    pub format: WebhookFormat,
}

fn json() -> WebhookFormat {
    WebhookFormat::Json
}

/// Addresses of chat services are secrets, so the address is not shown.
impl std::fmt::Debug for CreateWebhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("CreateWebhook");
        shown.field("events", &self.events).field("format", &self.format).finish_non_exhaustive()
    }
}

/// A webhook of an app.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Webhook {
    /// Names it in commands and in the audit log.
    pub id: String,
    /// The app.
    #[schema(value_type = String)]
    pub app: AppSlug,
    /// Where it is sent. Addresses of chat services are secrets: who has one can write there.
    pub url: String,
    /// How the body is written.
    pub format: WebhookFormat,
    /// What it is told of.
    pub events: Vec<WebhookEvent>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Which token made it.
    pub created_by: String,
    /// Since when nothing was delivered that was tried; `null` where the last attempt was fine.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub failing_since: Option<Timestamp>,
    /// When the server gave it up: nothing is sent until a test or redelivery succeeds.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disabled_at: Option<Timestamp>,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("id", &self.id).field("app", &self.app).finish_non_exhaustive()
    }
}

/// A webhook that was just made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedWebhook {
    /// The webhook.
    #[serde(flatten)]
    pub webhook: Webhook,
    /// What its deliveries are signed with: `whsec_` and the base64 of 32 bytes. Shown only now. Not there where it is a mail,
    /// which is not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl std::fmt::Debug for CreatedWebhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedWebhook").field("webhook", &self.webhook).finish_non_exhaustive()
    }
}

/// The webhooks of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Webhooks {
    /// Oldest first.
    pub webhooks: Vec<Webhook>,
}

/// One event on its way to one webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// Counts the deliveries of a server.
    pub id: u64,
    /// What the header `webhook-id` says; the same when it is delivered again.
    pub message: String,
    /// What happened.
    pub event: WebhookEvent,
    /// When it was put into the queue.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// How it is.
    pub state: DeliveryState,
    /// How often it was sent.
    pub attempts: u32,
    /// When it is sent next; `null` where it is not any more.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_at: Option<Timestamp>,
    /// When it was sent last.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_at: Option<Timestamp>,
    /// With which HTTP status the last attempt was answered, or which code the mail server replied with.
    pub status: Option<u16>,
    /// How long the last attempt took, in milliseconds.
    pub milliseconds: Option<u64>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// The beginning of what was answered, at most 512 bytes.
    pub answer: Option<String>,
}

/// Deliveries of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryPage {
    /// Newest first.
    pub deliveries: Vec<Delivery>,
    /// `after` of the next page; `null` on the last one.
    pub next: Option<String>,
}
