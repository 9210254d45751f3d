//! Whether a v2, v3 or v3.1 signature holds for the bytes.
//!
//! Source: source.android.com, "APK Signature Scheme v2", "v2 verification" and "Signature Algorithm IDs".

use std::io::{Read, Seek};

use x509_cert::der::{Decode, Encode};

use super::block::Signer;
use super::digest::{self, Hash, Sections};
use crate::archive::Archive;
use crate::public_key::{self, Method, Problem};

/// How one signature algorithm id signs, and what it digests the contents with.
struct Algorithm {
    id: u32,
    method: Method,
    hash: Hash,
}

/// Strongest first. DSA and the fs-verity digests are not read.
const ALGORITHMS: &[Algorithm] = &[
    Algorithm { id: 0x0102, method: Method::RsaPss, hash: Hash::Sha512 },
    Algorithm { id: 0x0104, method: Method::RsaPkcs1, hash: Hash::Sha512 },
    Algorithm { id: 0x0202, method: Method::Ecdsa, hash: Hash::Sha512 },
    Algorithm { id: 0x0101, method: Method::RsaPss, hash: Hash::Sha256 },
    Algorithm { id: 0x0103, method: Method::RsaPkcs1, hash: Hash::Sha256 },
    Algorithm { id: 0x0201, method: Method::Ecdsa, hash: Hash::Sha256 },
];

/// The steps of "v2 verification", for the strongest algorithm that is read.
pub(super) fn verify<R: Read + Seek>(signer: &Signer<'_>, digests: &mut Digests<'_, '_, R>) -> Result<(), Problem> {
    let signature_by = |id: u32| signer.signatures.iter().find(|(by, _)| *by == id).map(|(_, bytes)| *bytes);
    let strongest = ALGORITHMS.iter().find_map(|algorithm| Some((algorithm, signature_by(algorithm.id)?)));
    let Some((algorithm, signature)) = strongest else {
        let ids: Vec<String> = signer.signatures.iter().map(|(id, _)| format!("{id:#06x}")).collect();
        return Err(Problem::Unchecked(format!("its algorithms are not read ({})", ids.join(", "))));
    };
    check_certificate(signer)?;
    verify_by(algorithm.id, signer.public_key, signer.signed_data, signature)?;
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

/// Checks one signature by its algorithm id.
pub(super) fn verify_by(id: u32, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Problem> {
    let algorithm = ALGORITHMS.iter().find(|algorithm| algorithm.id == id);
    let algorithm = algorithm.ok_or_else(|| Problem::Unchecked(format!("the algorithm {id:#06x} is not read")))?;
    let hash = match algorithm.hash {
        Hash::Sha256 => public_key::Hash::Sha256,
        Hash::Sha512 => public_key::Hash::Sha512,
    };
    public_key::verify(key, algorithm.method, hash, message, signature)
}

/// The key that verifies has to be the one that the certificate names.
fn check_certificate(signer: &Signer<'_>) -> Result<(), Problem> {
    let der = signer.certificates.first().ok_or(Problem::Wrong("it has no certificate"))?;
    if key_of(der)? == signer.public_key {
        return Ok(());
    }
    Err(Problem::Wrong("its key is not the one in its certificate"))
}

/// The DER `SubjectPublicKeyInfo` of a certificate.
pub(super) fn key_of(certificate: &[u8]) -> Result<Vec<u8>, Problem> {
    let unread = |_| Problem::Unchecked("its certificate is not read".into());
    let certificate = x509_cert::Certificate::from_der(certificate).map_err(unread)?;
    certificate.tbs_certificate().subject_public_key_info().to_der().map_err(unread)
}

/// Digests of the contents, each computed at most once.
pub(super) struct Digests<'d, 'a, R> {
    archive: &'d mut Archive<'a, R>,
    sections: Sections,
    known: Vec<(Hash, Vec<u8>)>,
}

impl<'d, 'a, R: Read + Seek> Digests<'d, 'a, R> {
    pub(super) fn new(archive: &'d mut Archive<'a, R>, sections: Sections) -> Self {
        Self { archive, sections, known: Vec::new() }
    }

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
