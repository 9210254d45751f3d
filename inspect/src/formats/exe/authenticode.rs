//! Authenticode signatures ("Windows Authenticode Portable Executable Signature Format", Microsoft, 2008).
//!
//! A signature is a CMS `SignedData` over a digest of the file. Two things are checked of it: that the digest is the one of
//! these bytes and the signer's own attributes name it, and that the key of the signer's certificate signed these
//! attributes. Whether anyone trusts that certificate is not checked.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};

use cms::signed_data::SignerInfo;
use der::asn1::{Any, AnyRef, ObjectIdentifier};
use der::{Decode, Encode, Reader, SliceReader, Tag, Tagged};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::headers::Image;
use super::malformed;
use crate::certificates::{Certificate, parse_signed_data};
use crate::input::Input;
use crate::notes::Notes;
use crate::public_key::Problem;

/// All signatures of a file together.
const TABLE_BYTES: u64 = 4 * 1024 * 1024;
/// Signatures that are looked at, those within others included.
const SIGNATURES: usize = 8;
/// `WIN_CERT_TYPE_PKCS_SIGNED_DATA`.
const PKCS7: u16 = 2;
/// Fields of a sequence on the way to a timestamp.
const FIELDS: usize = 16;
/// Read at a time for the digest.
const CHUNK_BYTES: usize = 256 * 1024;

const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");
const COUNTER_SIGNATURE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.6");
const INDIRECT_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.4");
const NESTED_SIGNATURE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.4.1");
const RFC3161_TIMESTAMP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.3.3.1");

/// One Authenticode signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authenticode {
    /// What the file was digested with: `sha1`, `sha256`, `sha384`, `sha512`, or the object identifier.
    pub digest_algorithm: String,
    /// Whether the file's bytes are those that were signed; absent where that was not computed.
    pub is_digest_verified: Option<bool>,
    /// Whether the key of the signer's certificate made the signature; absent where its algorithm is not read or the
    /// certificate is not inside.
    #[serde(default)]
    pub is_signature_verified: Option<bool>,
    /// The certificate that signed, and who issued it.
    pub signer: Option<Certificate>,
    /// When it was signed as a timestamp authority says it, RFC 3339, UTC.
    pub timestamp: Option<String>,
}

/// What one signature claims, before it is held against the bytes.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) signature: Authenticode,
    digest: Vec<u8>,
    /// Whether the signer's attributes name the content that names the digest.
    is_content_signed: bool,
}

impl Claim {
    /// The signature, held against the digest that the bytes have.
    pub(crate) fn hold_against(mut self, actual: Option<&[u8]>) -> Authenticode {
        self.signature.is_digest_verified = actual.map(|actual| self.is_content_signed && actual == self.digest);
        self.signature
    }
}

/// Signatures of an image; what is wrong with them becomes findings.
pub(super) fn read<R: Read + Seek>(input: &mut Input<R>, image: &Image, notes: &mut Notes<'_>) -> Vec<Authenticode> {
    let Some((offset, size)) = image.signatures else { return Vec::new() };
    let claims = match read_table(input, offset, size) {
        Ok(blobs) => blobs.iter().flat_map(|blob| parse_claims(blob, notes)).take(SIGNATURES).collect::<Vec<_>>(),
        Err(why) => {
            notes.error("signature-unreadable", format!("The signature cannot be read: {why}."));
            return Vec::new();
        }
    };
    if offset.saturating_add(size) < input.len() {
        notes.warning("bytes-after-signature", "Bytes follow the signature that it does not cover.");
    }
    let algorithms: Vec<&str> = claims.iter().map(|claim| claim.signature.digest_algorithm.as_str()).collect();
    let digests = digest_image(input, image, offset, &algorithms).unwrap_or_else(|why| {
        notes.warning("signature-not-checked", format!("The signed bytes cannot all be read: {why}."));
        BTreeMap::new()
    });
    let hold = |claim: Claim| {
        let actual = digests.get(&claim.signature.digest_algorithm).map(Vec::as_slice);
        claim.hold_against(actual)
    };
    let signatures: Vec<Authenticode> = claims.into_iter().map(hold).collect();
    report(&signatures, notes);
    signatures
}

/// Says of signatures that do not hold.
pub(crate) fn report(signatures: &[Authenticode], notes: &mut Notes<'_>) {
    if signatures.iter().any(|signature| signature.is_digest_verified == Some(false)) {
        notes.error(
            "signature-digest-differs",
            "The file is not the one that was signed: Windows refuses its signature.",
        );
    }
    if signatures.iter().any(|signature| signature.is_signature_verified == Some(false)) {
        notes.error("signature-wrong", "The signature is not by the key of its certificate: Windows refuses it.");
    }
}

/// The attribute certificate table: each entry is a length with its 8 bytes of header, a revision, a type, and the
/// signature; entries begin at multiples of 8.
fn read_table<R: Read + Seek>(input: &mut Input<R>, offset: u64, size: u64) -> io::Result<Vec<Vec<u8>>> {
    if size > TABLE_BYTES {
        return Err(malformed(format!("{size} bytes of signatures, and at most {TABLE_BYTES} are read")));
    }
    let end = offset.saturating_add(size);
    if end > input.len() {
        return Err(malformed("it lies outside of the file"));
    }
    let mut blobs = Vec::new();
    let mut at = offset;
    while at + 8 < end && blobs.len() < SIGNATURES {
        let header = input.read_at(at, 8)?;
        let (Some(len), Some(kind)) = (header.first_chunk(), header.get(6..).and_then(<[u8]>::first_chunk)) else {
            break;
        };
        let len = u64::from(u32::from_le_bytes(*len));
        if len < 8 || at + len > end {
            return Err(malformed(format!("the entry at byte {at} has an impossible length")));
        }
        if u16::from_le_bytes(*kind) == PKCS7 {
            blobs.push(input.read_at(at + 8, usize::try_from(len - 8).unwrap_or(0))?);
        }
        at = (at + len).next_multiple_of(8);
    }
    Ok(blobs)
}

/// The signature in `blob` and those nested in it.
pub(crate) fn parse_claims(blob: &[u8], notes: &mut Notes<'_>) -> Vec<Claim> {
    let mut claims = Vec::new();
    let mut waiting = vec![blob.to_vec()];
    while let Some(blob) = waiting.pop() {
        if claims.len() >= SIGNATURES {
            break;
        }
        match parse_claim(&blob, &mut waiting) {
            Ok(claim) => claims.push(claim),
            Err(why) => notes.error("signature-unreadable", format!("A signature cannot be read: {why}.")),
        }
    }
    claims
}

fn parse_claim(blob: &[u8], nested: &mut Vec<Vec<u8>>) -> der::Result<Claim> {
    let data = parse_signed_data(blob)?;
    let signer = data.signers().next();
    let content = data.content().filter(|_| data.content_type() == INDIRECT_DATA);
    let content = content.ok_or_else(|| der::Error::from(der::ErrorKind::Failed))?;
    let (algorithm, digest) = parse_indirect_data(&content)?;
    if let Some(signer) = signer {
        let inside = attribute_values(signer.unsigned_attrs.as_ref(), NESTED_SIGNATURE).take(SIGNATURES);
        nested.extend(inside.filter_map(|value| value.to_der().ok()));
    }
    let signature = Authenticode {
        digest_algorithm: name_algorithm(&algorithm),
        is_digest_verified: None,
        is_signature_verified: signer.and_then(|signer| match data.verify(signer, &content) {
            Ok(()) => Some(true),
            Err(Problem::Wrong(_)) => Some(false),
            Err(Problem::Unchecked(_)) => None,
        }),
        signer: signer.and_then(|signer| data.certificate_of(signer)),
        timestamp: signer.and_then(timestamp),
    };
    let is_content_signed = signer.is_some_and(|signer| is_content_signed(signer, &content));
    Ok(Claim { signature, digest, is_content_signed })
}

/// `SpcIndirectDataContent`: what kind of data, then `DigestInfo` of an algorithm and the digest.
fn parse_indirect_data(content: &[u8]) -> der::Result<(ObjectIdentifier, Vec<u8>)> {
    let mut reader = SliceReader::new(content)?;
    AnyRef::decode(&mut reader)?;
    let info = AnyRef::decode(&mut reader)?;
    info.sequence(|info| {
        let algorithm = AnyRef::decode(info)?.sequence(|algorithm| {
            let oid = ObjectIdentifier::decode(algorithm)?;
            algorithm.read_slice(algorithm.remaining_len())?;
            Ok::<_, der::Error>(oid)
        })?;
        let digest = AnyRef::decode(info)?;
        Ok((algorithm, digest.value().to_vec()))
    })
}

fn is_content_signed(signer: &SignerInfo, content: &[u8]) -> bool {
    let Some(actual) = digest_of(&name_algorithm(&signer.digest_alg.oid), content) else { return false };
    attribute_values(signer.signed_attrs.as_ref(), MESSAGE_DIGEST).any(|digest| digest.value() == actual)
}

fn attribute_values(
    attributes: Option<&x509_cert::attr::Attributes>,
    oid: ObjectIdentifier,
) -> impl Iterator<Item = &Any> {
    attributes
        .into_iter()
        .flat_map(|set| set.iter())
        .filter(move |attribute| attribute.oid == oid)
        .flat_map(|a| a.values.iter())
}

/// The time of an RFC 3161 token, or of the older counter signature.
fn timestamp(signer: &SignerInfo) -> Option<String> {
    let token = attribute_values(signer.unsigned_attrs.as_ref(), RFC3161_TIMESTAMP).next();
    let token_time = token.and_then(|token| token_time(&token.to_der().ok()?));
    token_time.or_else(|| {
        let counter = attribute_values(signer.unsigned_attrs.as_ref(), COUNTER_SIGNATURE).next()?;
        let counter: SignerInfo = counter.decode_as().ok()?;
        let time = attribute_values(counter.signed_attrs.as_ref(), SIGNING_TIME).next()?;
        encode_time(time.tag(), time.value())
    })
}

/// `TSTInfo` (RFC 3161, 2.4.2): version, policy, imprint, serial number, then the time. It is found by its place in the
/// token, since tokens carry certificates of kinds that the cms crate refuses.
fn token_time(token: &[u8]) -> Option<String> {
    let info = AnyRef::from_der(token).ok()?;
    let signed = *fields(fields_of(info)?.get(1)?.value())?.first()?;
    let content = *fields_of(signed)?.get(2)?;
    let octets = *fields(fields_of(content)?.get(1)?.value())?.first()?;
    let info = AnyRef::from_der(octets.value()).ok()?;
    let time = *fields_of(info)?.get(4)?;
    encode_time(time.tag(), time.value())
}

/// The fields of a sequence.
fn fields_of(sequence: AnyRef<'_>) -> Option<Vec<AnyRef<'_>>> {
    fields(sequence.value())
}

/// Values that follow each other, up to [`FIELDS`].
fn fields(bytes: &[u8]) -> Option<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(bytes).ok()?;
    let mut fields = Vec::new();
    while !reader.is_finished() && fields.len() < FIELDS {
        fields.push(AnyRef::decode(&mut reader).ok()?);
    }
    Some(fields)
}

/// `UTCTime` or `GeneralizedTime`, seconds and finer, in UTC, as RFC 3339 to the second.
fn encode_time(tag: Tag, value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?.strip_suffix('Z')?;
    let digits = match tag {
        Tag::GeneralizedTime => text.to_owned(),
        Tag::UtcTime => format!("{}{text}", if text.get(..2)? < "50" { "20" } else { "19" }),
        _ => return None,
    };
    let digits = digits.get(..14).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let part = |from: usize, to: usize| &digits[from..to];
    Some(format!("{}-{}-{}T{}:{}:{}Z", part(0, 4), part(4, 6), part(6, 8), part(8, 10), part(10, 12), part(12, 14)))
}

fn name_algorithm(oid: &ObjectIdentifier) -> String {
    match oid.to_string().as_str() {
        "1.3.14.3.2.26" => "sha1".to_owned(),
        "2.16.840.1.101.3.4.2.1" => "sha256".to_owned(),
        "2.16.840.1.101.3.4.2.2" => "sha384".to_owned(),
        "2.16.840.1.101.3.4.2.3" => "sha512".to_owned(),
        other => other.to_owned(),
    }
}

/// A digest under way.
pub(crate) enum Hasher {
    Sha1(Sha1),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Hasher {
    pub(crate) fn new(algorithm: &str) -> Option<Self> {
        match algorithm {
            "sha1" => Some(Self::Sha1(Sha1::new())),
            "sha256" => Some(Self::Sha256(Sha256::new())),
            "sha384" => Some(Self::Sha384(Sha384::new())),
            "sha512" => Some(Self::Sha512(Sha512::new())),
            _ => None,
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha384(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        match self {
            Self::Sha1(hasher) => hasher.finalize().to_vec(),
            Self::Sha256(hasher) => hasher.finalize().to_vec(),
            Self::Sha384(hasher) => hasher.finalize().to_vec(),
            Self::Sha512(hasher) => hasher.finalize().to_vec(),
        }
    }
}

fn digest_of(algorithm: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut hasher = Hasher::new(algorithm)?;
    hasher.update(bytes);
    Some(hasher.finish())
}

/// The file up to its signatures, without the checksum and the directory entry that signing changes, by each algorithm.
fn digest_image<R: Read + Seek>(
    input: &mut Input<R>,
    image: &Image,
    end: u64,
    algorithms: &[&str],
) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut hashers: BTreeMap<String, Hasher> =
        algorithms.iter().filter_map(|name| Some(((*name).to_owned(), Hasher::new(name)?))).collect();
    let checksum_end = image.checksum_offset + 4;
    let entry_end = image.signatures_entry_offset + 8;
    let ranges = [(0, image.checksum_offset), (checksum_end, image.signatures_entry_offset), (entry_end, end)];
    let mut buffer = vec![0; CHUNK_BYTES];
    for (from, to) in ranges {
        input.seek(SeekFrom::Start(from))?;
        let mut left = to.saturating_sub(from);
        while left > 0 {
            let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            input.read_exact(&mut buffer[..wanted])?;
            for hasher in hashers.values_mut() {
                hasher.update(&buffer[..wanted]);
            }
            left -= wanted as u64;
        }
    }
    Ok(hashers.into_iter().map(|(name, hasher)| (name, hasher.finish())).collect())
}
