//! Canonical bytes: RFC 8785.

use jiff::Timestamp;
use objstore::Digest;
use serde::Serialize;

use super::{ArtifactLine, FileName, Link, ReleaseId, ReleaseManifest, Source};
use crate::platform::{Arch, Kind, LinkKind, Platform};
use crate::{AppSlug, Build, Problem, Version, limits};

/// Why bytes are not a release manifest.
#[derive(Debug, thiserror::Error)]
pub enum ReadManifestError {
    /// More than [`limits::MANIFEST_BYTES`].
    #[error("the manifest is {0} bytes, the limit is {limit}", limit = limits::MANIFEST_BYTES)]
    TooLarge(usize),
    /// Not JSON, or not of the manifest's shape.
    #[error("the manifest cannot be read: {0}")]
    Shape(#[from] serde_json::Error),
    /// The same content has another byte form.
    #[error("the manifest is not in canonical form (RFC 8785): first difference at byte {at}")]
    NotCanonical {
        /// Offset of the first differing byte.
        at: usize,
    },
    /// The content contradicts itself.
    #[error("{0}")]
    Invalid(Problem),
}

impl ReleaseManifest {
    /// Reads a manifest from its canonical bytes.
    ///
    /// # Errors
    /// When the bytes are too many, not a manifest, not their own canonical form, or contradict themselves.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReadManifestError> {
        if bytes.len() as u64 > limits::MANIFEST_BYTES {
            return Err(ReadManifestError::TooLarge(bytes.len()));
        }
        let manifest: Self = serde_json::from_slice(bytes)?;
        let canonical = manifest.canonical_bytes();
        if canonical != bytes {
            let at = canonical.iter().zip(bytes).take_while(|(ours, theirs)| ours == theirs).count();
            return Err(ReadManifestError::NotCanonical { at });
        }
        match manifest.problems().into_iter().next() {
            Some(problem) => Err(ReadManifestError::Invalid(problem)),
            None => Ok(manifest),
        }
    }

    /// Reads a manifest from bytes that [`ReleaseManifest::parse`] has read before: those of an object whose id is right.
    ///
    /// # Errors
    /// When the bytes are no manifest.
    pub fn parse_again(bytes: &[u8]) -> Result<Self, ReadManifestError> {
        Ok(serde_json::from_slice(bytes)?)
    }

    /// The canonical bytes: what is stored, hashed and sent.
    ///
    /// # Panics
    /// Never: a manifest holds only strings and exact integers, which every JSON writer can write.
    pub fn canonical_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&Sorted::from(self)).expect("strings and exact integers always have a JSON form")
    }

    /// The id: SHA-256 of the canonical bytes.
    pub fn id(&self) -> ReleaseId {
        Digest::of(&self.canonical_bytes())
    }
}

/// A manifest with its members in the order of RFC 8785, section 3.2.3. The standard's strings and integers are those that
/// [`serde_json`] writes, so that this order is all there is to the canonical form.
#[derive(Serialize)]
struct Sorted<'a> {
    app: &'a AppSlug,
    artifacts: Vec<SortedArtifact<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    build: &'a Option<Build>,
    created_at: &'a Timestamp,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<SortedLink<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: &'a Option<String>,
    parent: &'a Option<ReleaseId>,
    schema: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<SortedSource<'a>>,
    version: &'a Version,
}

#[derive(Serialize)]
struct SortedArtifact<'a> {
    arch: &'a Arch,
    filename: &'a FileName,
    kind: Kind,
    platform: Platform,
    sha256: &'a Digest,
    size: u64,
}

#[derive(Serialize)]
struct SortedLink<'a> {
    kind: LinkKind,
    platform: Platform,
    url: &'a str,
}

#[derive(Serialize)]
struct SortedSource<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: &'a Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: &'a Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: &'a Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_url: &'a Option<String>,
}

impl<'a> From<&'a ReleaseManifest> for Sorted<'a> {
    fn from(manifest: &'a ReleaseManifest) -> Self {
        let ReleaseManifest { schema, app, version, build, parent, created_at, source, notes, artifacts, links } =
            manifest;
        let (artifacts, links) = (artifacts.iter().map(Into::into).collect(), links.iter().map(Into::into).collect());
        let source = (!source.is_empty()).then(|| source.into());
        Self { app, artifacts, build, created_at, links, notes, parent, schema, source, version }
    }
}

impl<'a> From<&'a ArtifactLine> for SortedArtifact<'a> {
    fn from(line: &'a ArtifactLine) -> Self {
        let ArtifactLine { platform, arch, kind, filename, size, sha256 } = line;
        Self { arch, filename, kind: *kind, platform: *platform, sha256, size: *size }
    }
}

impl<'a> From<&'a Link> for SortedLink<'a> {
    fn from(link: &'a Link) -> Self {
        let Link { platform, kind, url } = link;
        Self { kind: *kind, platform: *platform, url }
    }
}

impl<'a> From<&'a Source> for SortedSource<'a> {
    fn from(source: &'a Source) -> Self {
        let Source { commit, branch, repository, run_url } = source;
        Self { branch, commit, repository, run_url }
    }
}
