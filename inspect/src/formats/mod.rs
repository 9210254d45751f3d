//! One room per format: its details, and the reader that fills them in.

pub mod aab;
pub mod apk;
pub mod app_zip;
pub mod appimage;
pub mod deb;
pub mod dmg;
pub mod exe;
pub mod ipa;
pub mod msi;
pub mod msix;
pub mod pkg;
pub mod rpm;
pub mod tarball;
pub mod zip;
