//! Windows app packages and bundles: a ZIP with a manifest
//! (learn.microsoft.com/uwp/schemas/appxpackage/uapmanifestschema/schema-root, and `bundlemanifestschema`).

mod manifest;

use std::io::{Read, Seek};

use serde::{Deserialize, Serialize};

use super::exe::{parse_claims, report_signatures};
use crate::archive::{self, Archive};
use crate::certificates::Certificate;
use crate::input::Input;
use crate::notes::{Notes, Unreadable};

const PACKAGE_MANIFEST: &str = "AppxManifest.xml";
const BUNDLE_MANIFEST: &str = "AppxMetadata/AppxBundleManifest.xml";
const SIGNATURE: &str = "AppxSignature.p7x";
/// Before the CMS signature in `AppxSignature.p7x`.
const SIGNATURE_MAGIC: &[u8] = b"PKCX";
const MANIFEST_BYTES: u64 = 1024 * 1024;
const SIGNATURE_BYTES: u64 = 1024 * 1024;

/// What a Windows app package or bundle says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Msix {
    /// Whether it is a bundle of packages, one of which fits a device.
    pub is_bundle: bool,
    /// `Identity Name`.
    pub name: Option<String>,
    /// `Identity Publisher`: the subject that the signing certificate must have.
    pub publisher: Option<String>,
    /// `Identity Version`, four numbers.
    pub version: Option<String>,
    /// Processors: `x86`, `x86_64`, `aarch64`, `armv7`, `neutral`. Of all packages, for a bundle.
    pub architectures: Vec<String>,
    /// The name shown; `ms-resource:` names a text in the resources, which are not read.
    pub display_name: Option<String>,
    /// The publisher's name shown.
    pub publisher_display_name: Option<String>,
    /// Lowest Windows version of any device family: `10.0.17763.0`.
    pub minimum_os_version: Option<String>,
    /// Device families: `Windows.Desktop`.
    pub device_families: Vec<String>,
    /// Names of all capabilities, device capabilities included.
    pub capabilities: Vec<String>,
    /// Packages of a bundle.
    pub packages: Vec<BundledPackage>,
    /// Whether it holds a signature. Windows installs no package without one.
    pub is_signed: bool,
    /// The certificate that signed. That its key made the signature is checked, the digests of the files are not.
    pub signer: Option<Certificate>,
    /// Whether the publisher is the certificate's subject; absent where either is unknown.
    pub is_publisher_signer: Option<bool>,
}

/// A package of a bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundledPackage {
    /// Its path in the bundle.
    pub file_name: Option<String>,
    /// `application` or `resource`.
    pub kind: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// The processor, as in [`Msix::architectures`].
    pub architecture: Option<String>,
}

pub(crate) fn read<R: Read + Seek>(input: &mut Input<R>, notes: &mut Notes<'_>) -> Result<Msix, Unreadable> {
    let mut archive = archive::open(input)?;
    archive.list_entries(notes);
    let is_bundle = !archive.has(PACKAGE_MANIFEST);
    let path = if is_bundle { BUNDLE_MANIFEST } else { PACKAGE_MANIFEST };
    let bytes = archive.read(path, MANIFEST_BYTES)?;
    let mut msix = manifest::parse(&bytes, notes.limits.text_bytes)
        .map_err(|why| Unreadable::new("manifest-unreadable", path, why))?;
    msix.is_bundle = is_bundle;
    for (field, value) in [("Name", &msix.name), ("Publisher", &msix.publisher), ("Version", &msix.version)] {
        if value.is_none() {
            notes.error("identity-missing", format!("The identity in {path} has no {field}: Windows refuses it."));
        }
    }
    read_signature(&mut archive, &mut msix, notes);
    Ok(msix)
}

fn read_signature<R: Read + Seek>(archive: &mut Archive<'_, R>, msix: &mut Msix, notes: &mut Notes<'_>) {
    msix.is_signed = archive.has(SIGNATURE);
    if !msix.is_signed {
        notes.warning("not-signed", "The package is not signed: Windows installs it on no one's device.");
        return;
    }
    let blob = match archive.read(SIGNATURE, SIGNATURE_BYTES) {
        Ok(blob) => blob,
        Err(Unreadable { code, message }) => return notes.error(code, message),
    };
    let Some(blob) = blob.strip_prefix(SIGNATURE_MAGIC) else {
        return notes.error("signature-unreadable", format!("{SIGNATURE} does not begin as a signature."));
    };
    let signature = parse_claims(blob, notes).into_iter().next().map(|claim| claim.signature);
    report_signatures(signature.as_slice(), notes);
    msix.signer = signature.and_then(|signature| signature.signer);
    msix.is_publisher_signer = match (&msix.publisher, &msix.signer) {
        (Some(publisher), Some(signer)) => Some(is_same_name(publisher, &signer.subject)),
        _ => None,
    };
    if msix.is_publisher_signer == Some(false) {
        notes.error(
            "publisher-differs",
            "The publisher in the manifest is not who signed: Windows refuses the package.",
        );
    }
}

/// Windows writes a name from its last part to its first, certificates have it from the first on, and both are in use.
fn is_same_name(publisher: &str, subject: &str) -> bool {
    let publisher = parse_name(publisher);
    let mut subject = parse_name(subject);
    if publisher == subject {
        return true;
    }
    subject.reverse();
    publisher == subject
}

/// `CN=Acme, O="Acme, Inc."` as pairs, with the keys that Windows writes differently made the same.
fn parse_name(name: &str) -> Vec<(String, String)> {
    let mut parts = vec![String::new()];
    let mut is_quoted = false;
    let mut chars = name.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => is_quoted = !is_quoted,
            '\\' => parts.last_mut().into_iter().for_each(|part| part.extend(chars.next())),
            ',' if !is_quoted => parts.push(String::new()),
            char => parts.last_mut().into_iter().for_each(|part| part.push(char)),
        }
    }
    let pair = |part: &String| {
        let (key, value) = part.split_once('=')?;
        let key = match key.trim().to_ascii_uppercase().as_str() {
            "S" => "ST".to_owned(),
            "E" => "EMAILADDRESS".to_owned(),
            key => key.trim_start_matches("OID.").to_owned(),
        };
        Some((key, value.trim().to_owned()))
    };
    parts.iter().filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::is_same_name;

    #[test]
    fn names_are_the_same_in_either_order() {
        let subject = "C=US, ST=Washington, O=\"Acme, Inc.\", CN=Acme";
        assert!(is_same_name("CN=Acme, O=\"Acme, Inc.\", S=Washington, C=US", subject));
        assert!(is_same_name(subject, subject));
        assert!(!is_same_name("CN=Acme, O=Acme, S=Washington, C=US", subject));
    }
}
