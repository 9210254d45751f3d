//! Who signed an APK, by which schemes, and whether the v2 and v3 signatures hold for its bytes.
//!
//! A signature that holds says that whoever has the key signed these bytes. That the key belongs to anyone is not said:
//! Android certificates are self-signed, and an app is known by the SHA-256 of its certificate.

use std::io::{Read, Seek};

use ring::signature::{self as ring_signature, UnparsedPublicKey, VerificationAlgorithm};
use serde::{Deserialize, Serialize};
use x509_cert::der::{Decode, Encode};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::block::{self, Signer};
use super::digest::{self, Hash, Sections};
use crate::archive::Archive;
use crate::certificates::{Certificate, parse_certificate, parse_signed_data};
use crate::notes::Notes;

/// Signature files of v1 that are looked at.
const MAX_V1_SIGNERS: usize = 8;
const MAX_V1_BYTES: u64 = 256 * 1024;

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

    fn word(self) -> &'static str {
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
    /// The digest of the contents and the signature over it are right.
    Verified,
    /// They are not; a finding says why.
    Failed,
    /// Not looked at: v1, an algorithm that is not read, or more bytes than the limits allow.
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
    /// Whether it holds.
    pub verification: Verification,
}

/// All signatures, oldest scheme first.
pub(super) fn read<R: Read + Seek>(archive: &mut Archive<'_, R>, notes: &mut Notes<'_>) -> Vec<Signature> {
    let mut signatures = read_v1(archive, notes);
    let (directory_offset, end_offset) = (archive.directory_offset(), archive.end_offset());
    let input = archive.input();
    let size_bytes = input.len();
    let block = match block::read(input, directory_offset) {
        Ok(block) => block.unwrap_or_default(),
        Err(why) => {
            notes.error("signing-block-unreadable", format!("The APK Signing Block cannot be read: {why}."));
            return signatures;
        }
    };
    let sections = Sections { block_offset: block.offset, directory_offset, end_offset, size_bytes };
    let mut digests = Digests { archive, sections, known: Vec::new() };
    for (scheme, bytes) in &block.schemes {
        match block::parse_signers(*scheme, bytes).filter(|signers| !signers.is_empty()) {
            Some(signers) => {
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

fn read_v1<R: Read + Seek>(archive: &mut Archive<'_, R>, notes: &mut Notes<'_>) -> Vec<Signature> {
    let is_block = |name: &&str| {
        let file = name.strip_prefix("META-INF/").filter(|file| !file.contains('/'));
        file.and_then(|file| file.rsplit_once('.')).is_some_and(|(stem, ending)| {
            matches!(ending, "RSA" | "DSA" | "EC") && archive.has(&format!("META-INF/{stem}.SF"))
        })
    };
    let names: Vec<String> = archive.names().filter(is_block).take(MAX_V1_SIGNERS).map(str::to_owned).collect();
    let mut signatures = Vec::new();
    for name in names {
        let data = archive.read(&name, MAX_V1_BYTES).ok().and_then(|bytes| parse_signed_data(&bytes).ok());
        let certificate = data.as_ref().and_then(|data| data.certificate_of(data.signers().next()?));
        if certificate.is_none() {
            notes.warning("signature-unreadable", format!("{name}: the certificate in it cannot be read."));
        }
        let verification = Verification::NotChecked;
        signatures.push(Signature { scheme: Scheme::V1, certificate, min_sdk: None, max_sdk: None, verification });
    }
    signatures
}

fn describe<R: Read + Seek>(
    scheme: Scheme,
    signer: &Signer<'_>,
    digests: &mut Digests<'_, '_, R>,
    notes: &mut Notes<'_>,
) -> Signature {
    let certificate = signer.certificates.first().and_then(|der| parse_certificate(der).ok());
    let verification = match verify(signer, digests) {
        Ok(()) => Verification::Verified,
        Err(Problem::Wrong(why)) => {
            notes.error("signature-wrong", format!("The {} signature does not hold: {why}.", scheme.word()));
            Verification::Failed
        }
        Err(Problem::Unchecked(why)) => {
            notes.info("signature-not-checked", format!("The {} signature was not checked: {why}.", scheme.word()));
            Verification::NotChecked
        }
    };
    let (min_sdk, max_sdk) = signer.sdks.unzip();
    Signature { scheme, certificate, min_sdk, max_sdk, verification }
}

/// Why a signature is not known to hold.
#[derive(Debug)]
enum Problem {
    Wrong(&'static str),
    Unchecked(String),
}

/// How one signature algorithm id is verified.
struct Algorithm {
    id: u32,
    hash: Hash,
    key_type: &'static str,
    /// Tried in turn: an id does not tell the curve.
    verifiers: &'static [&'static dyn VerificationAlgorithm],
}

const RSA: &str = "1.2.840.113549.1.1.1";
const EC: &str = "1.2.840.10045.2.1";

/// "Signature Algorithm IDs" of the v2 page, strongest first. ECDSA with SHA-512, DSA and the fs-verity digests are not
/// read. RSA keys of 1024 bits, which Android still takes, are for PKCS#1 v1.5 only.
const ALGORITHMS: &[Algorithm] = &[
    Algorithm {
        id: 0x0102,
        hash: Hash::Sha512,
        key_type: RSA,
        verifiers: &[&ring_signature::RSA_PSS_2048_8192_SHA512],
    },
    Algorithm {
        id: 0x0104,
        hash: Hash::Sha512,
        key_type: RSA,
        verifiers: &[&ring_signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY],
    },
    Algorithm {
        id: 0x0101,
        hash: Hash::Sha256,
        key_type: RSA,
        verifiers: &[&ring_signature::RSA_PSS_2048_8192_SHA256],
    },
    Algorithm {
        id: 0x0103,
        hash: Hash::Sha256,
        key_type: RSA,
        verifiers: &[&ring_signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY],
    },
    Algorithm {
        id: 0x0201,
        hash: Hash::Sha256,
        key_type: EC,
        verifiers: &[&ring_signature::ECDSA_P256_SHA256_ASN1, &ring_signature::ECDSA_P384_SHA256_ASN1],
    },
];

/// The steps of "v2 verification", for the strongest algorithm that is read.
fn verify<R: Read + Seek>(signer: &Signer<'_>, digests: &mut Digests<'_, '_, R>) -> Result<(), Problem> {
    let signature_by = |id: u32| signer.signatures.iter().find(|(by, _)| *by == id).map(|(_, bytes)| *bytes);
    let strongest = ALGORITHMS.iter().find_map(|algorithm| Some((algorithm, signature_by(algorithm.id)?)));
    let Some((algorithm, signature)) = strongest else {
        let ids: Vec<String> = signer.signatures.iter().map(|(id, _)| format!("{id:#06x}")).collect();
        return Err(Problem::Unchecked(format!("its algorithms are not read ({})", ids.join(", "))));
    };
    check_certificate(signer)?;
    let key = SubjectPublicKeyInfoRef::from_der(signer.public_key).map_err(|_| Problem::Wrong("its key is damaged"))?;
    if key.algorithm.oid.to_string() != algorithm.key_type {
        return Err(Problem::Wrong("its key is of another kind than its algorithm"));
    }
    let holds = |verifier: &&'static dyn VerificationAlgorithm| {
        let key = UnparsedPublicKey::new(*verifier, key.subject_public_key.raw_bytes());
        key.verify(signer.signed_data, signature).is_ok()
    };
    if !algorithm.verifiers.iter().any(holds) {
        return Err(Problem::Wrong("the signature over the digests is not by its key"));
    }
    let ids = |list: &[(u32, &[u8])]| list.iter().map(|(id, _)| *id).collect::<Vec<_>>();
    if ids(&signer.digests) != ids(&signer.signatures) {
        return Err(Problem::Wrong("digests and signatures are by different algorithms"));
    }
    let digest = signer.digests.iter().find(|(id, _)| *id == algorithm.id).map(|(_, digest)| *digest);
    match digest {
        Some(digest) if digests.get(algorithm.hash)? == digest => Ok(()),
        _ => Err(Problem::Wrong("the contents were changed after signing")),
    }
}

/// The key that verifies has to be the one that the certificate names.
fn check_certificate(signer: &Signer<'_>) -> Result<(), Problem> {
    let der = signer.certificates.first().ok_or(Problem::Wrong("it has no certificate"))?;
    let certificate =
        x509_cert::Certificate::from_der(der).map_err(|_| Problem::Unchecked("its certificate is not read".into()))?;
    let named = certificate.tbs_certificate().subject_public_key_info().to_der();
    match named {
        Ok(named) if named == signer.public_key => Ok(()),
        _ => Err(Problem::Wrong("its key is not the one in its certificate")),
    }
}

/// Digests of the contents, each computed at most once.
struct Digests<'d, 'a, R> {
    archive: &'d mut Archive<'a, R>,
    sections: Sections,
    known: Vec<(Hash, Vec<u8>)>,
}

impl<R: Read + Seek> Digests<'_, '_, R> {
    fn get(&mut self, hash: Hash) -> Result<Vec<u8>, Problem> {
        if let Some((_, digest)) = self.known.iter().find(|(known, _)| *known == hash) {
            return Ok(digest.clone());
        }
        let input = self.archive.input();
        if self.sections.bytes() > input.left() {
            return Err(Problem::Unchecked("the file is larger than what is read of a file".to_owned()));
        }
        let digest = digest::compute(input, self.sections, hash)
            .map_err(|why| Problem::Unchecked(format!("the contents cannot be read: {why}")))?;
        self.known.push((hash, digest.clone()));
        Ok(digest)
    }
}
