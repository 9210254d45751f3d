//! What Apple's formats share.
//!
//! Everything here works on bytes that a caller has read with a bound, or reads forward from a stream that it bounded.

mod archived;
mod bundle;
mod cms;
mod icns;
mod icon;
mod mac_app;
mod macho;
mod plists;
mod png;
mod profile;
mod signature;

pub use mac_app::MacApp;
pub use profile::{Profile, ProfileKind};
pub use signature::{Entitlement, Signature, SignatureState};

pub(crate) use archived::{App, PATH_BYTES, find_app};
pub(crate) use bundle::{Bundle, INFO_PLIST_BYTES, read_bundle};
pub(crate) use icon::keep_icon;
pub(crate) use mac_app::{read_mac_app, report_signature};
pub(crate) use macho::{Executable, Platform};
pub(crate) use plists::parse_plist;
pub(crate) use profile::{PROFILE_BYTES, read_profile};
pub(crate) use signature::parse_superblob;
