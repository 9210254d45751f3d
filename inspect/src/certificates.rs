//! Certificates (X.509, RFC 5280) and the signatures that carry them (CMS `SignedData`, RFC 5652, also called PKCS#7).
//!
//! Says what is written in them, and whether a signer's key made its signature. Nothing here judges whether a
//! certificate is trusted.

use std::borrow::Cow;
use std::fmt::Write as _;

use cms::cert::CertificateChoices;
use cms::content_info::ContentInfo;
use cms::signed_data::{SignerIdentifier, SignerInfo};
use data_encoding::HEXLOWER;
use der::asn1::{Any, ObjectIdentifier};
use der::{Decode, Encode, EncodingRules, SliceReader, Tag, Tagged};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use x509_cert::ext::pkix::SubjectKeyIdentifier;
use x509_cert::name::Name;

use crate::public_key::{self, Hash, Method, Problem};

/// Certificates of one signature that are looked at.
const CERTIFICATES: usize = 64;

/// One value of a name, in bytes. RFC 5280 allows 64 to 32,768 characters; honest names stay well below this.
const NAME_VALUE_BYTES: usize = 256;

/// RFC 5652, section 11.2.
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");

/// Who a certificate belongs to, and who says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Its owner, in the order of the certificate: `C=US, O=Acme, CN=Acme Inc.`. Values with special characters are quoted.
    pub subject: String,
    /// Who issued it, written like the subject.
    pub issuer: String,
    /// First second of its validity, RFC 3339, UTC.
    pub not_before: String,
    /// Last second of its validity, RFC 3339, UTC.
    pub not_after: String,
    /// SHA-256 of the DER certificate, 64 lowercase hexadecimal digits.
    pub sha256: String,
}

/// Reads one DER certificate; `None` where it is none.
pub fn read(bytes: &[u8]) -> Option<Certificate> {
    parse_certificate(bytes).ok()
}

/// Reads one DER certificate.
pub(crate) fn parse_certificate(bytes: &[u8]) -> der::Result<Certificate> {
    let certificate = x509_cert::Certificate::from_der(bytes)?;
    Ok(describe(&certificate, bytes))
}

fn describe(certificate: &x509_cert::Certificate, der: &[u8]) -> Certificate {
    let fields = certificate.tbs_certificate();
    Certificate {
        subject: encode_name(fields.subject()),
        issuer: encode_name(fields.issuer()),
        not_before: fields.validity().not_before.to_date_time().to_string(),
        not_after: fields.validity().not_after.to_date_time().to_string(),
        sha256: HEXLOWER.encode(&Sha256::digest(der)),
    }
}

/// A signature with its certificates and, mostly, what it signs.
#[derive(Debug)]
pub(crate) struct SignedData {
    inner: cms::signed_data::SignedData,
    rules: EncodingRules,
}

/// Reads the `SignedData` that `bytes` begin with; what follows it, such as padding, is not looked at.
///
/// DER first. Apple's and older tools write BER (indefinite lengths, strings in pieces), which is tried second.
pub(crate) fn parse_signed_data(bytes: &[u8]) -> der::Result<SignedData> {
    parse_with(bytes, EncodingRules::Der).or_else(|error| parse_with(bytes, EncodingRules::Ber).map_err(|_| error))
}

fn parse_with(bytes: &[u8], rules: EncodingRules) -> der::Result<SignedData> {
    let info = ContentInfo::decode(&mut SliceReader::new_with_encoding_rules(bytes, rules)?)?;
    Ok(SignedData { inner: info.content.decode_as_encoding(rules)?, rules })
}

impl SignedData {
    /// What kind of content is signed.
    pub(crate) fn content_type(&self) -> ObjectIdentifier {
        self.inner.encap_content_info.econtent_type
    }

    /// The signed bytes, without their own tag and length; `None` where they are kept elsewhere.
    pub(crate) fn content(&self) -> Option<Cow<'_, [u8]>> {
        let content = self.inner.encap_content_info.econtent.as_ref()?;
        match (content.tag(), self.rules) {
            (Tag::OctetString, EncodingRules::Ber) => Some(join_pieces(content.value())),
            _ => Some(Cow::Borrowed(content.value())),
        }
    }

    /// Everyone who signed.
    pub(crate) fn signers(&self) -> impl Iterator<Item = &SignerInfo> {
        self.inner.signer_infos.0.iter()
    }

    /// All certificates inside, in no order that means anything.
    pub(crate) fn certificates(&self) -> impl Iterator<Item = Certificate> {
        self.raw_certificates().filter_map(|certificate| Some(describe(certificate, &certificate.to_der().ok()?)))
    }

    /// The certificate that `signer` signed with.
    pub(crate) fn certificate_of(&self, signer: &SignerInfo) -> Option<Certificate> {
        let certificate = self.raw_certificates().find(|certificate| is_named_by(certificate, &signer.sid))?;
        Some(describe(certificate, &certificate.to_der().ok()?))
    }

    /// Checks that `signer` signed `content` with the key of its certificate (RFC 5652, sections 5.4 and 5.6).
    pub(crate) fn verify(&self, signer: &SignerInfo, content: &[u8]) -> Result<(), Problem> {
        let unread = |what: &str, oid: &ObjectIdentifier| Problem::Unchecked(format!("{what} {oid} is not read"));
        let certificate = self.raw_certificates().find(|certificate| is_named_by(certificate, &signer.sid));
        let certificate = certificate.ok_or_else(|| Problem::Unchecked("its certificate is not inside".to_owned()))?;
        let hash = Hash::of_oid(&signer.digest_alg.oid)
            .ok_or_else(|| unread("the digest algorithm", &signer.digest_alg.oid))?;
        let by = &signer.signature_algorithm.oid;
        let method = Method::of_oid(by).ok_or_else(|| unread("the signature algorithm", by))?;
        let damaged = |_| Problem::Wrong("it is damaged");
        let key = certificate.tbs_certificate().subject_public_key_info().to_der().map_err(damaged)?;
        let signature = signer.signature.as_bytes();
        let Some(attributes) = &signer.signed_attrs else {
            return public_key::verify(&key, method, hash, content, signature);
        };
        let digest = hash.digest(content);
        let mut stated = attributes.iter().filter(|attribute| attribute.oid == MESSAGE_DIGEST);
        if !stated.any(|attribute| attribute.values.iter().any(|stated| stated.value() == digest)) {
            return Err(Problem::Wrong("it was made over other content"));
        }
        // Signed is the set, not the tagged field that it stands in.
        let message = attributes.to_der().map_err(damaged)?;
        public_key::verify(&key, method, hash, &message, signature)
    }

    fn raw_certificates(&self) -> impl Iterator<Item = &x509_cert::Certificate> {
        let certificates = self.inner.certificates.iter().flat_map(|set| set.0.iter());
        certificates.take(CERTIFICATES).filter_map(|choice| match choice {
            CertificateChoices::Certificate(certificate) => Some(certificate),
            CertificateChoices::Other(_) => None,
        })
    }
}

fn is_named_by(certificate: &x509_cert::Certificate, signer: &SignerIdentifier) -> bool {
    let fields = certificate.tbs_certificate();
    match signer {
        SignerIdentifier::IssuerAndSerialNumber(id) => {
            fields.issuer() == &id.issuer && fields.serial_number() == &id.serial_number
        }
        SignerIdentifier::SubjectKeyIdentifier(id) => {
            matches!(fields.get_extension::<SubjectKeyIdentifier>(), Ok(Some((_, own))) if &own == id)
        }
    }
}

/// A BER octet string may come in pieces, each an octet string (X.690, 8.7.3). Bytes that do not are one piece.
fn join_pieces(value: &[u8]) -> Cow<'_, [u8]> {
    let mut joined = Vec::new();
    let Ok(mut reader) = SliceReader::new_with_encoding_rules(value, EncodingRules::Ber) else {
        return Cow::Borrowed(value);
    };
    while let Ok(piece) = der::asn1::AnyRef::decode(&mut reader) {
        match piece.tag() {
            Tag::OctetString => joined.extend_from_slice(piece.value()),
            _ => break,
        }
    }
    if joined.is_empty() { Cow::Borrowed(value) } else { Cow::Owned(joined) }
}

/// A name in the order of its bytes: `C=US, O="Acme, Inc.", CN=Acme`.
pub(crate) fn encode_name(name: &Name) -> String {
    let mut text = String::new();
    for (index, rdn) in name.iter_rdn().enumerate() {
        for (part, attribute) in rdn.iter().enumerate() {
            let separator = if part > 0 { " + " } else { ", " };
            if index > 0 || part > 0 {
                text.push_str(separator);
            }
            let _ = write!(text, "{}={}", name_key(&attribute.oid), quote(&decode_string(&attribute.value)));
        }
    }
    text
}

/// RFC 4514, section 3, and the two that every tool knows beside them.
fn name_key(oid: &ObjectIdentifier) -> Cow<'static, str> {
    Cow::Borrowed(match oid.to_string().as_str() {
        "2.5.4.3" => "CN",
        "2.5.4.5" => "SERIALNUMBER",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "EMAILADDRESS",
        other => return Cow::Owned(other.to_owned()),
    })
}

fn decode_string(value: &Any) -> String {
    let bytes = value.value();
    let text = match value.tag() {
        Tag::BmpString => {
            let units = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        Tag::TeletexString => bytes.iter().map(|byte| char::from(*byte)).collect(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    };
    text.chars().filter(|char| !char.is_control()).scan(0, cut_at_limit).collect()
}

fn cut_at_limit(bytes: &mut usize, char: char) -> Option<char> {
    *bytes += char.len_utf8();
    (*bytes <= NAME_VALUE_BYTES).then_some(char)
}

fn quote(value: &str) -> Cow<'_, str> {
    if !value.contains([',', '+', '=', '"', '<', '>', '#', ';', '\\']) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_with_separators_are_quoted() {
        assert_eq!(quote("Acme Inc."), "Acme Inc.");
        assert_eq!(quote("Acme, Inc."), "\"Acme, Inc.\"");
        assert_eq!(quote("a\"b\\,"), "\"a\\\"b\\\\,\"");
    }

    #[test]
    fn an_octet_string_in_pieces_is_joined() {
        assert_eq!(join_pieces(b"\x04\x02ab\x04\x01c").as_ref(), b"abc");
        assert_eq!(join_pieces(b"plain").as_ref(), b"plain");
    }

    #[test]
    fn noise_is_no_certificate_and_no_signature() {
        assert!(parse_certificate(&[0x30; 64]).is_err());
        assert!(parse_signed_data(&[0x30, 0x80, 0x30, 0x80]).is_err());
        assert!(parse_signed_data(b"").is_err());
    }
}
