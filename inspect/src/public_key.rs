//! Signatures by RSA and elliptic curve keys: whether one holds.
//!
//! `ring` does the mathematics, and `p384` where `ring` lacks a pair of curve and hash.

use std::fmt;

use p384::ecdsa::signature::hazmat::PrehashVerifier;
use ring::signature::{self as by_ring, UnparsedPublicKey, VerificationAlgorithm};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_cert::der::Decode;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::spki::SubjectPublicKeyInfoRef;

/// `rsaEncryption`, RFC 8017, appendix C.
const RSA: &str = "1.2.840.113549.1.1.1";
/// `id-ecPublicKey`, `secp256r1` and `secp384r1`, RFC 5480, section 2.1.
const EC: &str = "1.2.840.10045.2.1";
const P256: &str = "1.2.840.10045.3.1.7";
const P384: &str = "1.3.132.0.34";
/// Smaller than any `RSAPublicKey` of 1024 bits.
const SMALL_RSA_BYTES: usize = 136;

/// What is hashed before it is signed, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// RFC 3370, section 2.1, and RFC 5754, section 2.
    pub(crate) fn of_oid(oid: &ObjectIdentifier) -> Option<Self> {
        match oid.to_string().as_str() {
            "1.3.14.3.2.26" => Some(Self::Sha1),
            "2.16.840.1.101.3.4.2.1" => Some(Self::Sha256),
            "2.16.840.1.101.3.4.2.2" => Some(Self::Sha384),
            "2.16.840.1.101.3.4.2.3" => Some(Self::Sha512),
            _ => None,
        }
    }

    pub(crate) fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(bytes).to_vec(),
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha384 => Sha384::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }
}

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1,
    /// RSASSA-PSS with a salt as long as the hash.
    RsaPss,
    /// ECDSA, the signature in DER.
    Ecdsa,
}

impl Method {
    /// RFC 8017, appendix C, and RFC 5758, section 3.2; in CMS also the key's own kind stands for how it signs.
    pub(crate) fn of_oid(oid: &ObjectIdentifier) -> Option<Self> {
        match oid.to_string().as_str() {
            RSA
            | "1.2.840.113549.1.1.5"
            | "1.2.840.113549.1.1.11"
            | "1.2.840.113549.1.1.12"
            | "1.2.840.113549.1.1.13" => Some(Self::RsaPkcs1),
            "1.2.840.113549.1.1.10" => Some(Self::RsaPss),
            EC | "1.2.840.10045.4.1" | "1.2.840.10045.4.3.2" | "1.2.840.10045.4.3.3" | "1.2.840.10045.4.3.4" => {
                Some(Self::Ecdsa)
            }
            _ => None,
        }
    }
}

/// Why a signature is not known to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// It does not hold.
    Wrong(&'static str),
    /// Whether it does was not computed.
    Unchecked(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong(why) => formatter.write_str(why),
            Self::Unchecked(why) => formatter.write_str(why),
        }
    }
}

/// Checks that the key in `key`, a DER `SubjectPublicKeyInfo`, made `signature` over `message`.
pub(crate) fn verify(key: &[u8], method: Method, hash: Hash, message: &[u8], signature: &[u8]) -> Result<(), Problem> {
    let key = SubjectPublicKeyInfoRef::from_der(key).map_err(|_| Problem::Wrong("its key is damaged"))?;
    let bytes = key.subject_public_key.raw_bytes();
    let wanted = if method == Method::Ecdsa { EC } else { RSA };
    if key.algorithm.oid.to_string() != wanted {
        return Err(Problem::Wrong("its key is of another kind than its algorithm"));
    }
    let algorithm = match method {
        Method::RsaPkcs1 | Method::RsaPss if bytes.len() < SMALL_RSA_BYTES => {
            return Err(Problem::Unchecked("RSA keys below 1024 bits are not read".to_owned()));
        }
        Method::RsaPkcs1 => pkcs1(hash),
        Method::RsaPss => pss(hash).ok_or_else(|| unread("RSASSA-PSS", hash))?,
        Method::Ecdsa => match (curve(&key).as_str(), hash) {
            (P256, Hash::Sha256) => &by_ring::ECDSA_P256_SHA256_ASN1,
            (P256, Hash::Sha384) => &by_ring::ECDSA_P256_SHA384_ASN1,
            (P384, Hash::Sha256) => &by_ring::ECDSA_P384_SHA256_ASN1,
            (P384, Hash::Sha384) => &by_ring::ECDSA_P384_SHA384_ASN1,
            (P384, Hash::Sha512) => return verify_p384(bytes, &hash.digest(message), signature),
            (curve, hash) => return Err(unread(&format!("ECDSA on curve {curve}"), hash)),
        },
    };
    UnparsedPublicKey::new(algorithm, bytes).verify(message, signature).map_err(|_| NOT_BY_KEY)
}

const NOT_BY_KEY: Problem = Problem::Wrong("the signature is not by its key");

/// Keys of 1024 bits, which Android and old certificates still have, are for this padding only.
fn pkcs1(hash: Hash) -> &'static dyn VerificationAlgorithm {
    match hash {
        Hash::Sha1 => &by_ring::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => &by_ring::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        Hash::Sha384 => &by_ring::RSA_PKCS1_2048_8192_SHA384,
        Hash::Sha512 => &by_ring::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
    }
}

fn pss(hash: Hash) -> Option<&'static dyn VerificationAlgorithm> {
    match hash {
        Hash::Sha1 => None,
        Hash::Sha256 => Some(&by_ring::RSA_PSS_2048_8192_SHA256),
        Hash::Sha384 => Some(&by_ring::RSA_PSS_2048_8192_SHA384),
        Hash::Sha512 => Some(&by_ring::RSA_PSS_2048_8192_SHA512),
    }
}

fn curve(key: &SubjectPublicKeyInfoRef<'_>) -> String {
    let curve = key.algorithm.parameters.and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok());
    curve.map_or_else(|| "without a name".to_owned(), |curve| curve.to_string())
}

fn unread(method: &str, hash: Hash) -> Problem {
    Problem::Unchecked(format!("{method} with {hash:?} is not read"))
}

fn verify_p384(key: &[u8], digest: &[u8], signature: &[u8]) -> Result<(), Problem> {
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(key).map_err(|_| Problem::Wrong("its key is damaged"))?;
    let signature = p384::ecdsa::Signature::from_der(signature).map_err(|_| NOT_BY_KEY)?;
    key.verify_prehash(digest, &signature).map_err(|_| NOT_BY_KEY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_none_is_told() {
        let verdict = verify(b"\x30\x00", Method::RsaPkcs1, Hash::Sha256, b"", b"");
        assert_eq!(verdict, Err(Problem::Wrong("its key is damaged")));
    }

    #[test]
    fn a_signature_algorithm_names_its_method() {
        let method = |oid| Method::of_oid(&ObjectIdentifier::new_unwrap(oid));
        assert_eq!(method("1.2.840.113549.1.1.11"), Some(Method::RsaPkcs1));
        assert_eq!(method("1.2.840.113549.1.1.10"), Some(Method::RsaPss));
        assert_eq!(method("1.2.840.10045.4.3.4"), Some(Method::Ecdsa));
        assert_eq!(method("1.2.840.10040.4.3"), None, "DSA");
    }
}
