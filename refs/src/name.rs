//! Validated names. A value of one of these types is always valid; see each type for its shape.

mod error;
mod ref_name;
mod release;
mod rule;
mod slug;
mod text;
mod version;

pub use error::{NameError, NameKind, NameReason};
pub use ref_name::{RefKind, RefName};
pub use release::ReleaseName;
pub use slug::{AppSlug, ChannelName, PartName};
pub use version::{Build, Version};
