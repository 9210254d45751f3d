//! Requests and answers under `/api/v1`, in the order of the routes.

mod apps;
mod audit;
mod channels;
mod install;
mod links;
mod publishers;
mod push;
mod releases;
mod reports;
mod tokens;

pub use apps::{Access, App, Apps, CreateApp, UpdateApp};
pub use audit::{AuditAction, AuditEvent, AuditPage, AuditQuery, UnknownAuditAction};
pub use channels::{
    Channel, Channels, ExpectedRelease, Moved, PromoteRequest, ReflogLine, ReflogPage, RollbackRequest,
};
pub use install::{
    DownloadCount, Downloads, DownloadsQuery, Install, InstallMode, InstallReason, Update, UpdateArtifact, UpdateQuery,
};
pub use links::{CreateLink, Link, Links, RotateKey, RotatedKey};
pub use publishers::{DEFAULT_AUDIENCE, ExchangeRequest, Publisher, PublisherKind, PublisherRule, Publishers};
pub use push::{
    CommitRequest, Committed, MissingObject, NegotiateRequest, Negotiated, RefMove, RefUpdate, RefsAnswer, WantedObject,
};
pub use releases::{LogQuery, PageQuery, Release, ReleasePage, ReleaseRef};
pub use reports::{ArtifactReport, GateResult};
pub use tokens::{CreateToken, CreatedToken, RotateToken, Token, Tokens, Whoami};
