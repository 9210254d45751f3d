//! Reports on Apple's formats: committed fixtures, archives made here, and damaged ones.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod app_zip;
mod disk;
mod dmg;
mod hostile;
mod ipa;
mod making;
mod pkg;
mod profile;
