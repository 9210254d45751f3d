//! Reads what an artifact says of itself.
//!
//! The input is hostile: nothing here trusts a length, follows a path or allocates what a file asks for. This crate knows
//! no HTTP, database, environment or terminal.
//!
//! ```
//! use std::io::Cursor;
//! let bytes = b"!<arch>\ndebian-binary   ";
//! let detected = inspect::detect(&mut Cursor::new(bytes), bytes.len() as u64, "hello_2.10_amd64.deb")?;
//! assert_eq!((detected.format, detected.arch), (inspect::Format::Deb, Some("x86_64")));
//! # std::io::Result::Ok(())
//! ```

pub mod apple;
mod arch;
mod archive;
pub mod certificates;
pub mod compression;
mod detect;
mod executable;
mod files;
mod filesystems;
mod format;
pub mod formats;
mod input;
mod inspection;
mod limits;
mod notes;
mod public_key;
mod report;
mod summary;
mod tar_entries;
mod zip_kind;

pub use detect::{Detected, detect};
pub use executable::{Executable, ExecutableKind};
pub use format::Format;
pub use inspection::{inspect, inspect_plain};
pub use limits::Limits;
pub use report::{Details, Entries, Entry, Finding, INSPECTOR_VERSION, Icon, Report, Severity};
pub use summary::{ProfileSummary, Signing, Summary};
