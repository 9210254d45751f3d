//! Canonical bytes: RFC 8785.

use objstore::Digest;

use super::{ReleaseId, ReleaseManifest};
use crate::{Problem, limits};

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
        serde_json_canonicalizer::to_vec(self).expect("strings and exact integers always have a canonical form")
    }

    /// The id: SHA-256 of the canonical bytes.
    pub fn id(&self) -> ReleaseId {
        Digest::of(&self.canonical_bytes())
    }
}
