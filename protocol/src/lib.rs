//! What `dist` and `distd` say to each other.
//!
//! Everything here is a shape, a rule or a name: the release manifest and its canonical bytes,
//! `dist.json`, revisions, scopes and tokens, requests and responses, error codes and paths. The
//! client builds these, the server checks them, and both use the same code for it.
//!
//! This crate does no input or output and knows no HTTP library, database, environment or terminal.
//!
//! ```
//! use protocol::AppRevision;
//! let wanted: AppRevision = "acme@beta~2".parse()?;
//! assert_eq!(protocol::paths::release(&wanted.app, &wanted.revision), "/api/v1/apps/acme/releases/beta~2");
//! # Ok::<(), protocol::revision::ParseRevisionError>(())
//! ```

pub mod api;
pub mod audit_chain;
pub mod bundle;
pub mod checks;
pub mod clients;
pub mod compare;
pub mod diagnosis;
pub mod digest_field;
pub mod dist_json;
pub mod error;
pub mod gate;
pub mod limits;
pub mod manifest;
pub mod newer;
pub mod notes;
pub mod paths;
pub mod platform;
pub mod publish;
pub mod revision;
pub mod rules;
pub mod scope;
mod size;
pub mod token;

pub use error::{ErrorBody, ErrorCode, Problem};
pub use gate::{Gate, GateCode};
pub use manifest::{ArtifactLine, FileName, ReleaseId, ReleaseManifest};
pub use objstore::Digest;
pub use paths::ServerUrl;
pub use platform::{Arch, Kind, Platform, UnknownWord};
pub use refs::{AppSlug, Build, ChannelName, PartName, RefName, ReleaseName, Version};
pub use revision::{AppRevision, AppSelection, Revision, RevisionRange, Selection};
pub use rules::{AppRules, Level, Property, Soak};
pub use scope::Scope;
pub use size::ByteSize;
pub use token::TokenText;
