//! What inspection found.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Format;
use crate::apple::MacApp;
use crate::formats::{
    aab::Aab, apk::Apk, appimage::AppImage, deb::Deb, dmg::Dmg, exe::Exe, ipa::Ipa, msi::Msi, msix::Msix, pkg::Pkg,
    rpm::Rpm, tarball::Tarball, zip::ZipArchive,
};

/// Counts versions of what reports say. Raised whenever the same bytes would get another report.
pub const INSPECTOR_VERSION: u32 = 3;

/// Everything that was read out of one artifact. Derived, never authoritative: it can be made again from the bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`INSPECTOR_VERSION`] of the inspector that made it.
    pub inspector: u32,
    /// What the bytes are.
    pub format: Format,
    /// Size of the artifact in bytes.
    pub size_bytes: u64,
    /// What the format says; absent where it could not be read, which a finding then explains.
    pub details: Option<Details>,
    /// The picture that the artifact is shown with.
    pub icon: Option<Icon>,
    /// What a person should know, in the order in which it was found.
    pub findings: Vec<Finding>,
    /// The files inside, for archives.
    pub entries: Option<Entries>,
}

/// What one format says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each variant is named after its format, and its struct says what it holds")]
pub enum Details {
    Ipa(Box<Ipa>),
    Apk(Box<Apk>),
    Aab(Box<Aab>),
    AppZip(Box<MacApp>),
    Dmg(Box<Dmg>),
    Pkg(Box<Pkg>),
    Tarball(Box<Tarball>),
    Deb(Box<Deb>),
    Rpm(Box<Rpm>),
    Appimage(Box<AppImage>),
    Zip(Box<ZipArchive>),
    Exe(Box<Exe>),
    Msi(Box<Msi>),
    Msix(Box<Msix>),
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Something will not work for someone.
    Warning,
    /// The artifact is not what it claims to be, or cannot be used.
    Error,
}

/// One thing that a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Stable word for scripts and policies, in kebab-case: `profile-expired`.
    pub code: String,
    /// How much it matters.
    pub severity: Severity,
    /// What is so, where, and what follows.
    pub message: String,
}

/// The picture of an artifact, always as PNG.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Icon {
    /// Where it was found inside.
    pub path: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The PNG file; base64 in JSON.
    #[serde(with = "base64")]
    pub png: Vec<u8>,
}

/// The files inside an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entries {
    /// How many there are.
    pub count: u64,
    /// Sum of their sizes in bytes, uncompressed.
    pub total_bytes: u64,
    /// The first of them, in the order of the archive, up to the limit.
    pub listed: Vec<Entry>,
}

/// One file inside an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its path as the archive has it.
    pub path: String,
    /// Its size in bytes, uncompressed.
    pub size_bytes: u64,
    /// Its size in the archive in bytes; absent where the archive compresses as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compressed_bytes: Option<u64>,
    /// CRC-32 of its bytes, 8 hexadecimal digits, where the archive has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crc32: Option<String>,
}

impl std::fmt::Debug for Icon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Icon({} {}x{}, {} bytes)", self.path, self.width, self.height, self.png.len())
    }
}

mod base64 {
    use data_encoding::BASE64;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64.decode(text.as_bytes()).map_err(D::Error::custom)
    }
}
