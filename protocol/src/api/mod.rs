//! Requests and answers under `/api/v1`, in the order of the routes.

mod apps;
mod audit;
mod care;
mod channels;
mod doctor;
mod install;
mod links;
mod mirrors;
mod promotion;
mod publishers;
mod push;
mod releases;
mod reports;
mod staging;
mod tokens;
mod webhooks;

pub use apps::{Access, App, Apps, CreateApp, UpdateApp};
pub use audit::{AuditAction, AuditEvent, AuditPage, AuditQuery, UnknownAuditAction};
pub use care::{
    AbandonedUpload, CheckEvent, CheckReport, CheckRequest, ExpiredRelease, Finding, FindingKind, FindingLevel,
    GcReport, GcRequest, LastCheck, LeftCopy, ScrubStatus, SizedObject, StoreStatus,
};
pub use channels::{
    Channel, Channels, ExpectedRelease, Moved, Pin, PinRequest, PromoteRequest, ReflogLine, ReflogPage, RollbackRequest,
};
pub use doctor::{Arrival, BytesQuery, Echo, byte_at};
pub use install::{
    DownloadCount, Downloads, DownloadsQuery, Install, InstallMode, InstallReason, Update, UpdateArtifact, UpdateQuery,
};
pub use links::{CreateLink, Link, Links, RotateKey, RotatedKey};
pub use mirrors::Mirror;
pub use promotion::{PassedRelease, Promotion, PromotionQuery};
pub use publishers::{DEFAULT_AUDIENCE, ExchangeRequest, Publisher, PublisherKind, PublisherRule, Publishers};
pub use push::{
    CommitRequest, Committed, Held, MissingObject, NegotiateRequest, Negotiated, RefMove, RefUpdate, RefsAnswer,
    WantedObject,
};
pub use releases::{
    CompareQuery, LogQuery, PageQuery, Release, ReleasePage, ReleaseRef, RestoreRequest, Revocation, RevokeRequest,
    ShownRelease, Stay, Withdrawn,
};
pub use reports::{ArtifactReport, GatePass, GateReport, GateResult};
pub use staging::{FinalizeRequest, Finalized, Stage, StageRequest, StagedRelease, Stages};
pub use tokens::{CreateToken, CreatedToken, RotateToken, Token, Tokens, Whoami};
pub use webhooks::{
    CreateWebhook, CreatedWebhook, Delivery, DeliveryPage, DeliveryState, MoveAction, Webhook, WebhookData,
    WebhookEvent, WebhookFormat, WebhookPayload, Webhooks,
};
