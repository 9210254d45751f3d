//! The release manifest: the immutable object that says what a release is.
//!
//! Its id is the SHA-256 of its canonical bytes (RFC 8785, JSON Canonicalization Scheme). A manifest is read back only
//! from bytes that are their own canonical form, so one release never has two ids.

mod canonical;
mod check;
mod difference;
mod file_name;

use jiff::Timestamp;
use objstore::Digest;
use refs::{AppSlug, Build, ReleaseName, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use canonical::ReadManifestError;
pub use difference::{Change, Difference};
pub use file_name::{FileName, ParseFileNameError};

use crate::platform::{Arch, Kind, LinkKind, Platform};

/// The id of a release: the SHA-256 of its manifest's canonical bytes.
pub type ReleaseId = Digest;

/// What [`ReleaseManifest::schema`] always is.
pub const SCHEMA: &str = "dist.release/1";

/// One version and build of one app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseManifest {
    /// `dist.release/1`.
    pub schema: String,
    /// The app that this is a release of.
    #[schema(value_type = String, example = "acme")]
    pub app: AppSlug,
    /// What people call it.
    #[schema(value_type = String, example = "2.4.0")]
    pub version: Version,
    /// What tells two builds of one version apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "241")]
    pub build: Option<Build>,
    /// The release that the channel pointed at when this one was pushed.
    #[schema(value_type = Option<String>)]
    pub parent: Option<ReleaseId>,
    /// When it was made, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// What it was built from.
    #[serde(default, skip_serializing_if = "Source::is_empty")]
    pub source: Source,
    /// Release notes, Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// The files, in the order of their keys.
    pub artifacts: Vec<ArtifactLine>,
    /// Places outside where it can be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
}

/// What a release was built from. Every field as the CI gave it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Commit id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Branch or tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Address of the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Address of the CI run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_url: Option<String>,
}

impl Source {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One file of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArtifactLine {
    /// The system it is for.
    pub platform: Platform,
    /// The processor it is for.
    #[schema(value_type = String, example = "universal")]
    pub arch: Arch,
    /// Its package format.
    pub kind: Kind,
    /// Its name when downloaded.
    #[schema(value_type = String, example = "acme.apk")]
    pub filename: FileName,
    /// Its size in bytes.
    pub size: u64,
    /// The SHA-256 of its bytes, 64 lowercase hexadecimal digits.
    #[schema(value_type = String)]
    pub sha256: Digest,
}

/// What tells the artifacts of one release apart.
pub type ArtifactKey<'a> = (Platform, &'a Arch, Kind, &'a FileName);

impl ArtifactLine {
    /// What is unique to it in its release.
    pub fn key(&self) -> ArtifactKey<'_> {
        (self.platform, &self.arch, self.kind, &self.filename)
    }
}

/// A place outside where the release can be had.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
// The API also knows the links that admins hand out: in its description each needs a name of its own.
#[schema(as = ReleaseLink)]
pub struct Link {
    /// The system it is for.
    pub platform: Platform,
    /// Where it leads.
    pub kind: LinkKind,
    /// An https address.
    pub url: String,
}

impl ReleaseManifest {
    /// `version` or `version+build`.
    pub fn name(&self) -> ReleaseName {
        ReleaseName::new(self.version.clone(), self.build.clone())
    }

    /// The bytes of all artifacts together, each digest counted once.
    pub fn size_bytes(&self) -> u64 {
        let mut seen = std::collections::HashSet::new();
        self.artifacts.iter().filter(|line| seen.insert(line.sha256)).map(|line| line.size).sum()
    }

    /// Puts artifacts and links into the order that a manifest has them in.
    pub fn sort(&mut self) {
        self.artifacts.sort_by(|a, b| a.key().cmp(&b.key()));
        self.links.sort();
    }
}

#[cfg(test)]
mod tests;
