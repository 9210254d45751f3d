//! What Apple's signatures need beside [`crate::certificates`]: the chain in order, and whether the digest is right.

use cms::signed_data::SignerInfo;
use der::asn1::{Any, ObjectIdentifier, OctetStringRef};
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::certificates::{Certificate, SignedData};

/// More certificates than a chain of Apple's has.
const CHAIN: usize = 8;
/// RFC 5652, section 11.2.
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");

/// The certificate of the first signer, then each one's issuer as far as they are inside.
pub(crate) fn read_chain(signed: &SignedData) -> Vec<Certificate> {
    let Some(leaf) = signed.signers().next().and_then(|signer| signed.certificate_of(signer)) else {
        return Vec::new();
    };
    let others: Vec<Certificate> = signed.certificates().collect();
    let mut chain = vec![leaf];
    while let Some(last) = chain.last()
        && chain.len() < CHAIN
        && last.issuer != last.subject
        && let Some(next) = others.iter().find(|other| other.subject == last.issuer)
    {
        chain.push(next.clone());
    }
    chain
}

/// Whether a signer's message digest is the digest of the content inside. Whether that signer's signature holds and
/// whom to trust is not looked at.
pub(crate) fn digest_matches(signed: &SignedData) -> bool {
    const SIGNERS: usize = 4;
    signed.content().is_some_and(|content| signed.signers().take(SIGNERS).any(|signer| has_digest(signer, &content)))
}

fn has_digest(signer: &SignerInfo, content: &[u8]) -> bool {
    let attributes = signer.signed_attrs.iter().flat_map(|attributes| attributes.iter());
    let Some(attribute) = attributes.into_iter().find(|attribute| attribute.oid == MESSAGE_DIGEST) else {
        return false;
    };
    let Some(Ok(stated)) = attribute.values.iter().next().map(Any::decode_as::<&OctetStringRef>) else {
        return false;
    };
    // RFC 5754, section 2, and RFC 3370, section 2.1.
    let digest = match signer.digest_alg.oid.to_string().as_str() {
        "1.3.14.3.2.26" => sha1::Sha1::digest(content).to_vec(),
        "2.16.840.1.101.3.4.2.1" => Sha256::digest(content).to_vec(),
        "2.16.840.1.101.3.4.2.2" => Sha384::digest(content).to_vec(),
        "2.16.840.1.101.3.4.2.3" => Sha512::digest(content).to_vec(),
        _ => return false,
    };
    stated.as_bytes() == digest
}
