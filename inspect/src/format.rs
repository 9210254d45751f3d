//! The package formats that are told apart.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The package format of a file, as its bytes show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// iOS application archive: a ZIP with `Payload/*.app`.
    Ipa,
    /// Android package: a ZIP with a binary `AndroidManifest.xml`.
    Apk,
    /// Android App Bundle: a ZIP with `BundleConfig.pb`.
    Aab,
    /// A zipped macOS `.app`.
    AppZip,
    /// macOS disk image with a `koly` trailer.
    Dmg,
    /// macOS installer package: a XAR archive.
    Pkg,
    /// A tar archive, compressed or not.
    Tarball,
    /// Debian package.
    Deb,
    /// RPM package.
    Rpm,
    /// AppImage, type 2.
    Appimage,
    /// Any other ZIP archive.
    Zip,
    /// Windows executable (PE).
    Exe,
    /// Windows Installer database (a compound file).
    Msi,
    /// Windows app package or bundle: a ZIP with `AppxManifest.xml`.
    Msix,
    /// Any other file.
    File,
}

impl Format {
    /// The word for it in manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Ipa => "ipa",
            Format::Apk => "apk",
            Format::Aab => "aab",
            Format::AppZip => "app-zip",
            Format::Dmg => "dmg",
            Format::Pkg => "pkg",
            Format::Tarball => "tarball",
            Format::Deb => "deb",
            Format::Rpm => "rpm",
            Format::Appimage => "appimage",
            Format::Zip => "zip",
            Format::Exe => "exe",
            Format::Msi => "msi",
            Format::Msix => "msix",
            Format::File => "file",
        }
    }

    /// The word for the one platform that the format exists for; `None` where it may be several.
    pub fn platform(self) -> Option<&'static str> {
        match self {
            Format::Ipa => Some("ios"),
            Format::Apk | Format::Aab => Some("android"),
            Format::AppZip | Format::Dmg | Format::Pkg => Some("macos"),
            Format::Deb | Format::Rpm | Format::Appimage => Some("linux"),
            Format::Exe | Format::Msi | Format::Msix => Some("windows"),
            Format::Tarball | Format::Zip | Format::File => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
