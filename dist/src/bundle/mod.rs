//! Bundles: releases in one file. `write.rs` makes one from what a server sends, `read.rs` verifies one, `tar.rs` knows the
//! headers between objects. What a bundle must satisfy is in [`protocol::bundle`].
//!
//! A bundle is only ever read in place, at offsets that follow from its description. No name in it becomes a path.

mod read;
mod tar;
mod write;

pub(crate) use read::OpenBundle;
pub(crate) use write::{Target, write_bundle};

use std::fmt::Display;
use std::path::Path;

use protocol::ErrorCode;

use crate::error::CliError;

/// A file that is not a bundle, or no longer.
fn invalid(path: &Path, why: impl Display) -> CliError {
    CliError::new(ErrorCode::BundleInvalid, format!("{} is not a whole bundle: {why}", path.display()))
        .hint("nothing was done with it; copy it again, or make it again with `dist bundle create`")
}
