//! Named pointers to releases: what they may be called, how they move, and what they were before.
//!
//! The crate has two halves. The pure one is always there: validated names ([`AppSlug`],
//! [`RefName`], …), the words of an edit ([`Edit`], [`Expected`], [`Change`]) and of its history
//! ([`ReflogEntry`], [`Action`]), and the undo stack of a channel ([`rollback_target`]). The other
//! half is the feature `sqlite`: it stores refs and reflogs on the caller's connection.
//!
//! Invariants
//! - A name that exists as a value is valid: parsing is the only way to make one.
//! - A ref under `releases/` is created once and never moved or deleted.
//! - Each reflog is a chain: the `old` of a line is the `new` of the line before it, and the `new`
//!   of the last line is what the ref points at now (nothing, if it was deleted).
//! - A target is a SHA-256 [`gix_hash::ObjectId`]. Whether that object exists is for the caller to
//!   check, before the edit.
//!
//! The crate must not know HTTP, the environment, a terminal or the clock: times are handed in.
//!
//! ```
//! use refs::{NameReason, RefName};
//!
//! let name: RefName = "releases/2.4.0+241".parse()?;
//! assert!(name.is_create_only());
//!
//! let refused = "releases/v2.4.0".parse::<RefName>().unwrap_err();
//! assert_eq!(refused.reason, NameReason::LeadingV);
//! assert_eq!(refused.to_string(), r#"version "v2.4.0" starts with a "v": leave it out"#);
//! # Ok::<(), refs::NameError>(())
//! ```

mod edit;
mod log;
mod name;
mod undo;

#[cfg(feature = "sqlite")]
pub mod sqlite;

pub use edit::{Change, Edit, Expected, Ref};
pub use log::{Action, LogLine, ReflogEntry, UnknownAction};
pub use name::{
    AppSlug, Build, ChannelName, NameError, NameKind, NameReason, PartName, RefKind, RefName, ReleaseName, Version,
};
pub use undo::{rollback_target, undo_stack};
