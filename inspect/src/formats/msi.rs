//! Windows Installer packages: a database in a compound file (`[MS-CFB]`; the tables as Wine's `dlls/msi/table.c` and
//! msitools read them, since Microsoft publishes no description).

mod database;
mod digest;
mod summary;

use std::collections::BTreeMap;
use std::io::{self, Read, Seek};

use cfb::CompoundFile;
use serde::{Deserialize, Serialize};

use super::exe::{Authenticode, Claim, parse_claims, report_signatures};
use crate::input::Input;
use crate::notes::{Notes, Unreadable};

/// The signature.
const SIGNATURE_STREAM: &str = "\u{5}DigitalSignature";
const SUMMARY_STREAM: &str = "\u{5}SummaryInformation";
const SUMMARY_BYTES: u64 = 64 * 1024;
const SIGNATURE_BYTES: u64 = 1024 * 1024;
/// The allocation table and the directory are kept in memory, about a 64th of the file.
const FILE_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// What a Windows Installer package says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Msi {
    /// `ProductName`.
    pub product_name: Option<String>,
    /// `ProductVersion`; Windows compares its first three numbers.
    pub product_version: Option<String>,
    /// `Manufacturer`.
    pub manufacturer: Option<String>,
    /// `ProductCode`, a GUID in braces: another one for each release.
    pub product_code: Option<String>,
    /// `UpgradeCode`, a GUID in braces: the same for all releases.
    pub upgrade_code: Option<String>,
    /// The processor it installs on, from the summary's template: `x86`, `x86_64`, `aarch64`, or the template's own word.
    pub architecture: Option<String>,
    /// The summary's subject.
    pub subject: Option<String>,
    /// Whether it holds a signature.
    pub is_signed: bool,
    /// The signature, with those nested in it. Its digest covers what the streams hold; their names and times, which
    /// `MsiDigitalSignatureEx` covers, are not held against it.
    pub signatures: Vec<Authenticode>,
}

pub(crate) fn read<R: Read + Seek>(input: &mut Input<R>, notes: &mut Notes<'_>) -> Result<Msi, Unreadable> {
    if input.len() > FILE_BYTES {
        return Err(Unreadable::new("file-too-large", "compound file", "larger than 2 GiB"));
    }
    let size_bytes = input.len();
    let mut file =
        CompoundFile::open(input).map_err(|why| Unreadable::new("package-unreadable", "compound file", why))?;
    let properties = database::read_properties(&mut file, notes.limits).unwrap_or_else(|why| {
        notes.error("properties-unreadable", format!("The table of properties cannot be read: {why}."));
        BTreeMap::new()
    });
    let summary = read_stream(&mut file, SUMMARY_STREAM, SUMMARY_BYTES).and_then(|bytes| summary::parse(&bytes));
    let summary = summary.unwrap_or_else(|why| {
        notes.warning("summary-unreadable", format!("The summary cannot be read: {why}."));
        summary::Summary::default()
    });
    let is_signed = file.is_stream(SIGNATURE_STREAM);
    let signatures = if is_signed { read_signatures(&mut file, size_bytes, notes) } else { Vec::new() };
    if !is_signed {
        notes.info("not-signed", "The package is not signed: Windows warns before it installs it.");
    }
    let property = |name: &str| properties.get(name).filter(|value| !value.is_empty()).cloned();
    Ok(Msi {
        product_name: property("ProductName"),
        product_version: property("ProductVersion"),
        manufacturer: property("Manufacturer"),
        product_code: property("ProductCode"),
        upgrade_code: property("UpgradeCode"),
        architecture: summary.template.as_deref().and_then(name_architecture),
        subject: summary.subject,
        is_signed,
        signatures,
    })
}

fn read_signatures<R: Read + Seek>(
    file: &mut CompoundFile<R>,
    size_bytes: u64,
    notes: &mut Notes<'_>,
) -> Vec<Authenticode> {
    match read_stream(file, SIGNATURE_STREAM, SIGNATURE_BYTES) {
        Ok(bytes) => {
            let claims = parse_claims(&bytes, notes);
            let signatures = hold(claims, file, size_bytes, notes);
            report_signatures(&signatures, notes);
            signatures
        }
        Err(why) => {
            notes.error("signature-unreadable", format!("The signature cannot be read: {why}."));
            Vec::new()
        }
    }
}

/// Each algorithm's digest is computed once.
fn hold<R: Read + Seek>(
    claims: Vec<Claim>,
    file: &mut CompoundFile<R>,
    size_bytes: u64,
    notes: &mut Notes<'_>,
) -> Vec<Authenticode> {
    let mut digests: BTreeMap<String, Option<Vec<u8>>> = BTreeMap::new();
    for claim in &claims {
        let algorithm = &claim.signature.digest_algorithm;
        if !digests.contains_key(algorithm) {
            let digest = digest::compute(file, size_bytes, algorithm, notes.limits).unwrap_or_else(|why| {
                notes.warning("signature-not-checked", format!("The signed streams cannot all be read: {why}."));
                None
            });
            digests.insert(algorithm.clone(), digest);
        }
    }
    let digest = |claim: &Claim| digests.get(&claim.signature.digest_algorithm)?.clone();
    claims
        .into_iter()
        .map(|claim| {
            let digest = digest(&claim);
            claim.hold_against(digest.as_deref())
        })
        .collect()
}

/// `x64;1033`: processors, then languages (Template Summary property). Nothing before the semicolon means x86.
fn name_architecture(template: &str) -> Option<String> {
    let processor = template.split(';').next()?.trim();
    Some(match processor {
        "Intel" | "" => "x86".to_owned(),
        "x64" | "AMD64" => "x86_64".to_owned(),
        "Arm64" => "aarch64".to_owned(),
        "Arm" => "armv7".to_owned(),
        other => other.to_owned(),
    })
}

/// A whole stream of at most `most_bytes`.
fn read_stream<R: Read + Seek>(file: &mut CompoundFile<R>, name: &str, most_bytes: u64) -> io::Result<Vec<u8>> {
    let stream = file.open_stream(name)?;
    if stream.len() > most_bytes {
        return Err(malformed(format!("{} bytes, and at most {most_bytes} are read", stream.len())));
    }
    let mut bytes = Vec::new();
    stream.take(most_bytes).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn malformed(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.into())
}
