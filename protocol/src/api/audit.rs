//! The audit log.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use objstore::Digest;
use refs::AppSlug;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum AuditAction {
    /// An app was created.
    #[serde(rename = "app.create")]
    AppCreate,
    /// An app's name or access was changed.
    #[serde(rename = "app.update")]
    AppUpdate,
    /// An app's rules were changed, or learned from its first release.
    #[serde(rename = "app.rules")]
    AppRules,
    /// A trusted publisher was added to an app.
    #[serde(rename = "publisher.add")]
    PublisherAdd,
    /// A trusted publisher was removed from an app.
    #[serde(rename = "publisher.remove")]
    PublisherRemove,
    /// A pipeline's identity token was turned into a token.
    #[serde(rename = "oidc.exchange")]
    OidcExchange,
    /// A pipeline's identity token was refused.
    #[serde(rename = "oidc.refuse")]
    OidcRefuse,
    /// An object arrived whole.
    #[serde(rename = "object.upload")]
    ObjectUpload,
    /// An object was found damaged and moved aside.
    #[serde(rename = "object.quarantine")]
    ObjectQuarantine,
    /// Objects that nothing named any more were deleted.
    #[serde(rename = "object.delete")]
    ObjectDelete,
    /// Damaged or missing objects were put back.
    #[serde(rename = "object.restore")]
    ObjectRestore,
    /// Uploads that nobody went on with were dropped.
    #[serde(rename = "upload.abandon")]
    UploadAbandon,
    /// The artifacts of a release were given up by retention.
    #[serde(rename = "release.expire")]
    ReleaseExpire,
    /// The store was checked.
    #[serde(rename = "store.check")]
    StoreCheck,
    /// A release was published.
    #[serde(rename = "release.publish")]
    ReleasePublish,
    /// A channel was moved to a release.
    #[serde(rename = "channel.promote")]
    ChannelPromote,
    /// A channel was moved back.
    #[serde(rename = "channel.rollback")]
    ChannelRollback,
    /// A channel was pinned.
    #[serde(rename = "channel.pin")]
    ChannelPin,
    /// A channel was unpinned.
    #[serde(rename = "channel.unpin")]
    ChannelUnpin,
    /// Gates of a channel were overridden by a promotion.
    #[serde(rename = "gate.override")]
    GateOverride,
    /// A release was revoked.
    #[serde(rename = "release.revoke")]
    ReleaseRevoke,
    /// A release that was revoked is in use again.
    #[serde(rename = "release.restore")]
    ReleaseRestore,
    /// A part of a release was staged, or staged again.
    #[serde(rename = "stage.put")]
    StagePut,
    /// A staged part was not used in time.
    #[serde(rename = "stage.expire")]
    StageExpire,
    /// A token was made.
    #[serde(rename = "token.create")]
    TokenCreate,
    /// A token was made in place of another.
    #[serde(rename = "token.rotate")]
    TokenRotate,
    /// A token was revoked.
    #[serde(rename = "token.revoke")]
    TokenRevoke,
    /// A capability link was made.
    #[serde(rename = "link.create")]
    LinkCreate,
    /// A capability link was revoked.
    #[serde(rename = "link.revoke")]
    LinkRevoke,
    /// The key that signs links was replaced.
    #[serde(rename = "key.rotate")]
    KeyRotate,
    /// Someone signed in with a token in a browser.
    #[serde(rename = "session.begin")]
    SessionBegin,
    /// They signed out.
    #[serde(rename = "session.end")]
    SessionEnd,
    /// A webhook was made.
    #[serde(rename = "webhook.create")]
    WebhookCreate,
    /// A webhook was deleted.
    #[serde(rename = "webhook.delete")]
    WebhookDelete,
    /// A webhook was tested.
    #[serde(rename = "webhook.test")]
    WebhookTest,
    /// A delivery of a webhook was sent again.
    #[serde(rename = "webhook.redeliver")]
    WebhookRedeliver,
    /// A webhook was given up, since nothing reached it for too long.
    #[serde(rename = "webhook.disable")]
    WebhookDisable,
    /// A webhook that was given up works again.
    #[serde(rename = "webhook.enable")]
    WebhookEnable,
    /// An app was made that is kept equal to the same app of another server.
    #[serde(rename = "mirror.begin")]
    MirrorBegin,
    /// A mirror took over what had changed at its source.
    #[serde(rename = "mirror.update")]
    MirrorUpdate,
    /// A mirror became an app like any other.
    #[serde(rename = "mirror.end")]
    MirrorEnd,
    /// A request with a credential was refused.
    #[serde(rename = "access.refuse")]
    AccessRefuse,
}

impl AuditAction {
    /// Every action.
    pub const ALL: &'static [AuditAction] = &[
        AuditAction::AppCreate,
        AuditAction::AppUpdate,
        AuditAction::AppRules,
        AuditAction::PublisherAdd,
        AuditAction::PublisherRemove,
        AuditAction::OidcExchange,
        AuditAction::OidcRefuse,
        AuditAction::ObjectUpload,
        AuditAction::ObjectQuarantine,
        AuditAction::ObjectDelete,
        AuditAction::ObjectRestore,
        AuditAction::UploadAbandon,
        AuditAction::ReleaseExpire,
        AuditAction::StoreCheck,
        AuditAction::ReleasePublish,
        AuditAction::ChannelPromote,
        AuditAction::ChannelRollback,
        AuditAction::ChannelPin,
        AuditAction::ChannelUnpin,
        AuditAction::GateOverride,
        AuditAction::ReleaseRevoke,
        AuditAction::ReleaseRestore,
        AuditAction::StagePut,
        AuditAction::StageExpire,
        AuditAction::TokenCreate,
        AuditAction::TokenRotate,
        AuditAction::TokenRevoke,
        AuditAction::LinkCreate,
        AuditAction::LinkRevoke,
        AuditAction::KeyRotate,
        AuditAction::SessionBegin,
        AuditAction::SessionEnd,
        AuditAction::WebhookCreate,
        AuditAction::WebhookDelete,
        AuditAction::WebhookTest,
        AuditAction::WebhookRedeliver,
        AuditAction::WebhookDisable,
        AuditAction::WebhookEnable,
        AuditAction::MirrorBegin,
        AuditAction::MirrorUpdate,
        AuditAction::MirrorEnd,
        AuditAction::AccessRefuse,
    ];

    /// The word in SQL and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            AuditAction::AppCreate => "app.create",
            AuditAction::AppUpdate => "app.update",
            AuditAction::AppRules => "app.rules",
            AuditAction::PublisherAdd => "publisher.add",
            AuditAction::PublisherRemove => "publisher.remove",
            AuditAction::OidcExchange => "oidc.exchange",
            AuditAction::OidcRefuse => "oidc.refuse",
            AuditAction::ObjectUpload => "object.upload",
            AuditAction::ObjectQuarantine => "object.quarantine",
            AuditAction::ObjectDelete => "object.delete",
            AuditAction::ObjectRestore => "object.restore",
            AuditAction::UploadAbandon => "upload.abandon",
            AuditAction::ReleaseExpire => "release.expire",
            AuditAction::StoreCheck => "store.check",
            AuditAction::ReleasePublish => "release.publish",
            AuditAction::ChannelPromote => "channel.promote",
            AuditAction::ChannelRollback => "channel.rollback",
            AuditAction::ChannelPin => "channel.pin",
            AuditAction::ChannelUnpin => "channel.unpin",
            AuditAction::GateOverride => "gate.override",
            AuditAction::ReleaseRevoke => "release.revoke",
            AuditAction::ReleaseRestore => "release.restore",
            AuditAction::StagePut => "stage.put",
            AuditAction::StageExpire => "stage.expire",
            AuditAction::TokenCreate => "token.create",
            AuditAction::TokenRotate => "token.rotate",
            AuditAction::TokenRevoke => "token.revoke",
            AuditAction::LinkCreate => "link.create",
            AuditAction::LinkRevoke => "link.revoke",
            AuditAction::KeyRotate => "key.rotate",
            AuditAction::SessionBegin => "session.begin",
            AuditAction::SessionEnd => "session.end",
            AuditAction::WebhookCreate => "webhook.create",
            AuditAction::WebhookDelete => "webhook.delete",
            AuditAction::WebhookTest => "webhook.test",
            AuditAction::WebhookRedeliver => "webhook.redeliver",
            AuditAction::WebhookDisable => "webhook.disable",
            AuditAction::WebhookEnable => "webhook.enable",
            AuditAction::MirrorBegin => "mirror.begin",
            AuditAction::MirrorUpdate => "mirror.update",
            AuditAction::MirrorEnd => "mirror.end",
            AuditAction::AccessRefuse => "access.refuse",
        }
    }
}

/// A word that is not an [`AuditAction`].
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not an audit action")]
pub struct UnknownAuditAction(String);

impl FromStr for AuditAction {
    type Err = UnknownAuditAction;

    fn from_str(text: &str) -> Result<Self, UnknownAuditAction> {
        let found = Self::ALL.iter().copied().find(|action| action.as_str() == text);
        found.ok_or_else(|| UnknownAuditAction(text.to_owned()))
    }
}

impl fmt::Display for AuditAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One change, immutable and chained to the one before.
///
/// `hash` is the SHA-256 of the event's canonical JSON (RFC 8785) without `hash` itself; `previous_hash` is the `hash` of the
/// event before, or 64 zeros for the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEvent {
    /// Counts events from 1 without a gap.
    pub seq: u64,
    /// When, with exactly three digits after the second: as it is hashed.
    #[serde(serialize_with = "milliseconds")]
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Which token did it; `local` for a command on the data directory.
    pub actor: String,
    /// That token's id.
    pub token_id: Option<String>,
    /// What was done.
    pub action: AuditAction,
    /// In which app.
    #[schema(value_type = Option<String>)]
    pub app: Option<AppSlug>,
    /// To what: a ref, a digest, a token id.
    pub subject: String,
    /// What it was before.
    pub old: Option<String>,
    /// What it is now.
    pub new: Option<String>,
    /// Why, as it was given.
    pub reason: Option<String>,
    /// From which address.
    pub address: Option<String>,
    /// In which request.
    pub request_id: Option<String>,
    /// Further facts; their shape depends on the action.
    #[schema(value_type = Object)]
    pub details: Value,
    /// The `hash` of the event before.
    #[schema(value_type = String)]
    pub previous_hash: Digest,
    /// The hash of this event.
    #[schema(value_type = String)]
    pub hash: Digest,
}

impl AuditEvent {
    /// What `previous_hash` of the first event is: 64 zeros.
    pub const NO_HASH: [u8; 32] = [0; 32];

    /// The hash that an event with these fields has, whatever its `hash` says. The one rule of the chain, for who writes it
    /// and who checks it.
    ///
    /// # Panics
    /// Never: an event always has a canonical form.
    pub fn computed_hash(&self) -> Digest {
        let mut fields = serde_json::to_value(self).expect("an event has string keys only");
        fields.as_object_mut().expect("an event is an object").remove("hash");
        let canonical = serde_json_canonicalizer::to_vec(&fields).expect("a JSON value always has a canonical form");
        Digest::of(&canonical)
    }
}

fn milliseconds<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{at:.3}"))
}

/// Some events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// Newest first; oldest first where the query has `from`.
    pub events: Vec<AuditEvent>,
    /// Where the next page begins, for `after`, or for `from` where the query has it; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// Only of this app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub app: Option<AppSlug>,
    /// Only by this actor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Only of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<AuditAction>,
    /// Only from this moment on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Only before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// Only after the event with this `seq`, oldest first; 0 begins at the first event. Excludes `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Rows, 1 to 500; 50 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
}
