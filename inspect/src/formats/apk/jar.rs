//! JAR signatures, which Android calls v1: digests of all files in `META-INF/MANIFEST.MF`, a digest of that in each signer's
//! `.SF`, and a CMS signature over the `.SF`.
//!
//! Source: the JAR File Specification, "Signed JAR File" and "Signature Validation". Bytes added to the archive outside
//! of its entries are not covered.

mod attributes;

use std::io::{Read, Seek};

use data_encoding::BASE64;
use sha2::Digest;

use super::signature::{Scheme, Signature, Verification, judge, report_stripped};
use crate::archive::Archive;
use crate::certificates::{SignedData, parse_signed_data};
use crate::notes::Notes;
use crate::public_key::{Hash, Problem};

use attributes::Sections;

const MANIFEST: &str = "META-INF/MANIFEST.MF";
/// Signers that are looked at.
const MAX_SIGNERS: usize = 8;
const MAX_BLOCK_BYTES: u64 = 256 * 1024;
/// Some 30,000 files; the manifest and one `.SF` are held together.
const MAX_LIST_BYTES: u64 = 4 * 1024 * 1024;
/// Files are held against the manifest while they have no more bytes than this together, uncompressed.
const MAX_CONTENT_BYTES: u64 = 64 * 1024 * 1024;
/// And no more of them than this.
const MAX_CONTENT_FILES: usize = 20_000;
const BUFFER_BYTES: usize = 32 * 1024;

/// The signatures of v1; `newer` are the schemes that the signing block has.
pub(super) fn read<R: Read + Seek>(
    archive: &mut Archive<'_, R>,
    newer: &[Scheme],
    notes: &mut Notes<'_>,
) -> Vec<Signature> {
    let names = find_signers(archive);
    if names.is_empty() {
        return Vec::new();
    }
    let manifest = archive.read(MANIFEST, MAX_LIST_BYTES).map_err(|unreadable| Problem::Unchecked(unreadable.message));
    let contents = match &manifest {
        Ok(manifest) if newer.is_empty() => Some(check_contents(archive, manifest)),
        _ => None,
    };
    let mut signatures = Vec::new();
    for name in names {
        let data = archive.read(&name, MAX_BLOCK_BYTES).ok().and_then(|bytes| parse_signed_data(&bytes).ok());
        let certificate = data.as_ref().and_then(|data| data.certificate_of(data.signers().next()?));
        if certificate.is_none() {
            notes.warning("signature-unreadable", format!("{name}: the certificate in it cannot be read."));
        }
        let list = read_list(archive, &name);
        if let Ok(list) = &list {
            report_missing(list, newer, notes);
        }
        let verified = match (&manifest, &list) {
            (Ok(manifest), Ok(list)) => check_signer(data.as_ref(), list, manifest),
            (Err(problem), _) | (_, Err(problem)) => Err(problem.clone()),
        };
        let verification = judge_both(&verified, contents.as_ref(), notes);
        signatures.push(Signature {
            scheme: Scheme::V1,
            certificate,
            min_sdk: None,
            max_sdk: None,
            lineage: Vec::new(),
            verification,
        });
    }
    signatures
}

/// `META-INF/NAME.RSA`, `.DSA` or `.EC` beside a `META-INF/NAME.SF`.
fn find_signers<R: Read + Seek>(archive: &Archive<'_, R>) -> Vec<String> {
    let is_block = |name: &&str| {
        let file = name.strip_prefix("META-INF/").filter(|file| !file.contains('/'));
        file.and_then(|file| file.rsplit_once('.')).is_some_and(|(stem, ending)| {
            matches!(ending, "RSA" | "DSA" | "EC") && archive.has(&format!("META-INF/{stem}.SF"))
        })
    };
    archive.names().filter(is_block).take(MAX_SIGNERS).map(str::to_owned).collect()
}

fn read_list<R: Read + Seek>(archive: &mut Archive<'_, R>, block: &str) -> Result<Vec<u8>, Problem> {
    let stem = block.rsplit_once('.').map_or(block, |(stem, _)| stem);
    archive.read(&format!("{stem}.SF"), MAX_LIST_BYTES).map_err(|unreadable| Problem::Unchecked(unreadable.message))
}

/// A signature whose list holds is as good as what is known of the contents.
fn judge_both(
    verified: &Result<(), Problem>,
    contents: Option<&Result<(), Problem>>,
    notes: &mut Notes<'_>,
) -> Verification {
    match (verified, contents) {
        (Ok(()), None | Some(Err(Problem::Unchecked(_)))) => Verification::ManifestVerified,
        (Ok(()), Some(contents)) => judge(Scheme::V1, contents.as_ref().copied(), notes),
        (Err(problem), _) => judge(Scheme::V1, Err(problem), notes),
    }
}

/// `X-Android-APK-Signed: 2, 3` names the schemes that the signer used as well.
fn report_missing(list: &[u8], newer: &[Scheme], notes: &mut Notes<'_>) {
    let Some(main) = Sections::of(list).next() else { return };
    let Some(signed) = main.value("X-Android-APK-Signed") else { return };
    for (id, scheme) in [("2", Scheme::V2), ("3", Scheme::V3)] {
        if signed.split(',').any(|own| own.trim() == id) && !newer.contains(&scheme) {
            report_stripped(Scheme::V1, scheme, notes);
        }
    }
}

/// The signer's key signed the list, and the list has the digest of the manifest or of every section in it.
fn check_signer(data: Option<&SignedData>, list: &[u8], manifest: &[u8]) -> Result<(), Problem> {
    let data = data.ok_or(Problem::Wrong("it is damaged"))?;
    let signer = data.signers().next().ok_or(Problem::Wrong("no one signed it"))?;
    data.verify(signer, list)?;
    let main = Sections::of(list).next().ok_or(Problem::Wrong("it lists nothing"))?;
    match main.digest("-Digest-Manifest") {
        Some((hash, digest)) if hash.digest(manifest) == digest => Ok(()),
        _ => check_sections(list, manifest),
    }
}

/// What holds after someone else added files of their own to the manifest.
fn check_sections(list: &[u8], manifest: &[u8]) -> Result<(), Problem> {
    const CHANGED: Problem = Problem::Wrong("the manifest was changed after signing");
    let listed = attributes::by_name(list)?;
    let sections = attributes::by_name(manifest)?;
    for (name, section) in sections {
        let found = listed.binary_search_by(|(own, _)| own.cmp(&name)).map_err(|_| CHANGED)?;
        let (hash, digest) = listed[found].1.digest("-Digest").ok_or(CHANGED)?;
        if hash.digest(section.bytes()) != digest {
            return Err(CHANGED);
        }
    }
    Ok(())
}

/// Every file outside of `META-INF` is in the manifest, with its digest, and every file in the manifest is there.
fn check_contents<R: Read + Seek>(archive: &mut Archive<'_, R>, manifest: &[u8]) -> Result<(), Problem> {
    let sections = attributes::by_name(manifest)?;
    let total_bytes = archive.members().fold(0, |sum: u64, member| sum.saturating_add(member.size_bytes));
    if total_bytes > MAX_CONTENT_BYTES || sections.len() > MAX_CONTENT_FILES {
        return Err(Problem::Unchecked("the files in it are more than what is read of them".to_owned()));
    }
    let is_listed = |name: &str| sections.binary_search_by(|(own, _)| own.as_ref().cmp(name)).is_ok();
    for member in archive.members().filter(|member| !member.is_folder() && !member.name.starts_with(b"META-INF/")) {
        if !std::str::from_utf8(member.name).is_ok_and(is_listed) {
            return Err(Problem::Wrong("a file was added after signing"));
        }
    }
    let mut buffer = vec![0; BUFFER_BYTES];
    for (name, section) in &sections {
        let Some((hash, digest)) = section.digest("-Digest") else { continue };
        if !archive.has(name) {
            return Err(Problem::Wrong("a file was removed after signing"));
        }
        if digest_entry(archive, name, hash, &mut buffer)? != digest {
            return Err(Problem::Wrong("a file was changed after signing"));
        }
    }
    Ok(())
}

fn digest_entry<R: Read + Seek>(
    archive: &mut Archive<'_, R>,
    name: &str,
    hash: Hash,
    buffer: &mut [u8],
) -> Result<Vec<u8>, Problem> {
    match hash {
        Hash::Sha1 => digest_with::<R, sha1::Sha1>(archive, name, buffer),
        Hash::Sha256 => digest_with::<R, sha2::Sha256>(archive, name, buffer),
        Hash::Sha384 => digest_with::<R, sha2::Sha384>(archive, name, buffer),
        Hash::Sha512 => digest_with::<R, sha2::Sha512>(archive, name, buffer),
    }
}

fn digest_with<R: Read + Seek, D: Digest>(
    archive: &mut Archive<'_, R>,
    name: &str,
    buffer: &mut [u8],
) -> Result<Vec<u8>, Problem> {
    const DAMAGED: Problem = Problem::Wrong("a file in it is damaged");
    let size_bytes = archive.member(name).map_or(0, |member| member.size_bytes);
    let mut stream = archive.stream(name).map_err(|unreadable| Problem::Unchecked(unreadable.message))?;
    let mut hasher = D::new();
    let mut left = size_bytes;
    loop {
        let read = stream.read(buffer).map_err(|_| DAMAGED)?;
        if read == 0 {
            break;
        }
        // More than it claims: the bound on all contents counted on the claims.
        left = left.checked_sub(read as u64).ok_or(DAMAGED)?;
        hasher.update(&buffer[..read]);
    }
    drop(stream);
    archive.input().spend(size_bytes - left).map_err(|why| Problem::Unchecked(why.to_string()))?;
    Ok(hasher.finalize().to_vec())
}

/// The strongest digest whose attribute ends like this: `SHA-256-Digest`.
fn digest_names(ending: &str) -> impl Iterator<Item = (Hash, String)> {
    let names = [
        ("SHA-512", Hash::Sha512),
        ("SHA-384", Hash::Sha384),
        ("SHA-256", Hash::Sha256),
        ("SHA1", Hash::Sha1),
        ("SHA", Hash::Sha1),
    ];
    names.into_iter().map(move |(name, hash)| (hash, format!("{name}{ending}")))
}

impl attributes::Section<'_> {
    fn digest(&self, ending: &str) -> Option<(Hash, Vec<u8>)> {
        let (hash, digest) = digest_names(ending).find_map(|(hash, name)| Some((hash, self.value(&name)?)))?;
        Some((hash, BASE64.decode(digest.trim().as_bytes()).ok()?))
    }
}
