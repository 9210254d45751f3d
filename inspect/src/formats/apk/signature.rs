//! Who signed an APK, by which schemes, and whether the signatures hold for its bytes.
//!
//! A signature that holds says that whoever has the key signed these bytes. That the key belongs to anyone is not said:
//! Android certificates are self-signed, and an app is known by the SHA-256 of its certificate.

use std::io::{Read, Seek};

use serde::{Deserialize, Serialize};

use super::block::{self, Signer};
use super::digest::Sections;
use super::verify::{self, Digests};
use super::{jar, lineage};
use crate::archive::Archive;
use crate::certificates::{Certificate, parse_certificate};
use crate::notes::Notes;
use crate::public_key::Problem;

/// How an APK is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scheme {
    /// JAR signature in `META-INF`, needed below Android 7.
    #[serde(rename = "v1")]
    V1,
    /// Over the whole file, Android 7.
    #[serde(rename = "v2")]
    V2,
    /// With key rotation, Android 9.
    #[serde(rename = "v3")]
    V3,
    /// With rotation for newer platforms only, Android 13.
    #[serde(rename = "v3.1")]
    V31,
}

impl Scheme {
    /// The id of its pair in the signing block.
    pub(super) fn of_block(id: u32) -> Option<Self> {
        match id {
            0x7109_871a => Some(Self::V2),
            0xf053_68c0 => Some(Self::V3),
            0x1b93_ad61 => Some(Self::V31),
            _ => None,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::V3 => "v3",
            Self::V31 => "v3.1",
        }
    }
}

/// Whether a signature holds for the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verification {
    /// The digests of the contents and the signature over them are right.
    Verified,
    /// The signature over the list of digests is right, and the files were not held against it: v1 only, where there is a
    /// newer signature, which covers every byte, or more to read than the limits allow.
    ManifestVerified,
    /// Something is not right; a finding says what.
    Failed,
    /// Not known, for an algorithm that is not read or more bytes than the limits allow; a finding says which.
    NotChecked,
}

/// One signer's signature by one scheme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The scheme.
    pub scheme: Scheme,
    /// Whose it is, as the certificate says; absent where that cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
    /// First API level that it is for; v3 and v3.1 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_sdk: Option<u32>,
    /// Last API level that it is for; v3 and v3.1 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_sdk: Option<u32>,
    /// Certificates of the keys that the app was signed with until now, oldest first and its own last, where the key was
    /// rotated. Each signed the next, which is checked. v3 and v3.1 only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lineage: Vec<Certificate>,
    /// Whether it holds.
    pub verification: Verification,
}

/// All signatures, oldest scheme first.
pub(super) fn read<R: Read + Seek>(archive: &mut Archive<'_, R>, notes: &mut Notes<'_>) -> Vec<Signature> {
    let (directory_offset, end_offset) = (archive.directory_offset(), archive.end_offset());
    let size_bytes = archive.input().len();
    let block = block::read(archive.input(), directory_offset).unwrap_or_else(|why| {
        notes.error("signing-block-unreadable", format!("The APK Signing Block cannot be read: {why}."));
        None
    });
    // Without a block the entries end where the directory begins.
    let block = block.unwrap_or_else(|| block::Block { offset: directory_offset, schemes: Vec::new() });
    let present: Vec<Scheme> = block.schemes.iter().map(|(scheme, _)| *scheme).collect();
    let mut signatures = jar::read(archive, &present, notes);
    let sections = Sections { block_offset: block.offset, directory_offset, end_offset, size_bytes };
    let mut digests = Digests::new(archive, sections);
    for (scheme, bytes) in &block.schemes {
        match block::parse_signers(*scheme, bytes).filter(|signers| !signers.is_empty()) {
            Some(signers) => {
                check_stripped(*scheme, &signers, &present, notes);
                signatures.extend(signers.iter().map(|signer| describe(*scheme, signer, &mut digests, notes)));
            }
            None => notes.error("signing-block-unreadable", format!("The {} signature is damaged.", scheme.word())),
        }
    }
    signatures.sort_by_key(|signature| signature.scheme);
    if signatures.is_empty() {
        notes.warning("unsigned", "No signature was found: Android refuses this package.");
    }
    signatures
}

/// A signer may say which newer signature stands beside its own, so that no one takes that away unseen ("v3
/// verification" and "v3.1", rollback protection).
fn check_stripped(scheme: Scheme, signers: &[Signer<'_>], present: &[Scheme], notes: &mut Notes<'_>) {
    const STRIPPING_PROTECTION: u32 = 0xbeef_f00d;
    const ROTATION_MIN_SDK: u32 = 0x559f_8b02;
    let says = |id| signers.iter().find_map(|signer| signer.attribute(id));
    if scheme == Scheme::V2
        && says(STRIPPING_PROTECTION) == Some(&3_u32.to_le_bytes())
        && !present.contains(&Scheme::V3)
    {
        report_stripped(scheme, Scheme::V3, notes);
    }
    if scheme == Scheme::V3 && says(ROTATION_MIN_SDK).is_some() && !present.contains(&Scheme::V31) {
        report_stripped(scheme, Scheme::V31, notes);
    }
}

pub(super) fn report_stripped(by: Scheme, missing: Scheme, notes: &mut Notes<'_>) {
    let (by, missing) = (by.word(), missing.word());
    let message = format!(
        "The {by} signature says that there is a {missing} signature, and there is none: Android refuses this package."
    );
    notes.error("signature-stripped", message);
}

fn describe<R: Read + Seek>(
    scheme: Scheme,
    signer: &Signer<'_>,
    digests: &mut Digests<'_, '_, R>,
    notes: &mut Notes<'_>,
) -> Signature {
    let certificate = signer.certificates.first().and_then(|der| parse_certificate(der).ok());
    let verified = verify::verify(signer, digests).and_then(|()| lineage::read(signer));
    let verification = judge(scheme, verified.as_ref().map(drop), notes);
    let (min_sdk, max_sdk) = signer.sdks.unzip();
    Signature { scheme, certificate, min_sdk, max_sdk, lineage: verified.unwrap_or_default(), verification }
}

/// What to say of a signature of which this is known.
pub(super) fn judge(scheme: Scheme, verified: Result<(), &Problem>, notes: &mut Notes<'_>) -> Verification {
    let scheme = scheme.word();
    match verified {
        Ok(()) => Verification::Verified,
        Err(Problem::Wrong(why)) => {
            notes.error("signature-wrong", format!("The {scheme} signature does not hold: {why}."));
            Verification::Failed
        }
        Err(Problem::Unchecked(why)) => {
            notes.info("signature-not-checked", format!("The {scheme} signature was not checked: {why}."));
            Verification::NotChecked
        }
    }
}
