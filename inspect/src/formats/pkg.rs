//! macOS installer packages: a XAR archive with a `Distribution`, or with one component.
//!
//! `PackageInfo` and `Distribution` are XML ("Distribution Definition XML Schema Reference" in Apple's archive, and the
//! manual pages of `pkgbuild` and `productbuild`).

mod xar;
mod xml;

use std::io::{Read, Seek};

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use self::xar::{File, Xar};
use self::xml::{Element, PARTS};
use crate::Entry;
use crate::apple::{SignatureState, report_signature};
use crate::certificates::{Certificate, parse_certificate};
use crate::input::Input;
use crate::notes::{Notes, Unreadable};

/// Components that are read; certificates of the signer.
const COMPONENTS: usize = 32;
const CERTIFICATES: usize = 8;
/// `Distribution` and `PackageInfo` have some kilobytes.
const XML_BYTES: u64 = 1024 * 1024;

/// What an installer package says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pkg {
    /// Identifier of the product, or of its first component.
    pub id: Option<String>,
    /// Version of the product, or of its first component.
    pub version: Option<String>,
    /// What the installer shows as its title.
    pub title: Option<String>,
    /// Where the first component is installed.
    pub install_location: Option<String>,
    /// Oldest macOS that it can be installed on.
    pub minimum_macos: Option<String>,
    /// Processors that it can be installed on, where it says so.
    pub architectures: Vec<String>,
    /// What it installs.
    pub components: Vec<Component>,
    /// Whether it is signed.
    pub signed: bool,
    /// The signer's certificate, then its issuers.
    pub certificates: Vec<Certificate>,
    /// Whether a notarization ticket is stapled to it.
    pub stapled: bool,
}

/// One package of an installer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// Its folder in the archive; empty where the archive is the component.
    pub path: String,
    /// Its identifier, which the system keeps as a receipt.
    pub id: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// The folder that it is installed into.
    pub install_location: Option<String>,
}

pub(crate) fn read<R: Read + Seek>(input: &mut Input<R>, notes: &mut Notes<'_>) -> Result<Pkg, Unreadable> {
    let xar = Xar::read(input).map_err(|why| Unreadable::new("pkg-unreadable", "package", why))?;
    let files = xar.files();
    list_entries(&files, notes);
    let components = read_components(&xar, &files, input, notes);
    let signature = ["x-signature", "signature"].iter().find_map(|name| xar.table.child(name));
    let first = components.first();
    let mut pkg = Pkg {
        id: first.and_then(|component| component.id.clone()),
        version: first.and_then(|component| component.version.clone()),
        title: None,
        install_location: first.and_then(|component| component.install_location.clone()),
        minimum_macos: None,
        architectures: Vec::new(),
        signed: signature.is_some(),
        certificates: read_certificates(&xar.table),
        stapled: is_stapled(input),
        components,
    };
    if let Some(file) = files.iter().find(|file| file.path == "Distribution")
        && let Some(distribution) = read_xml(&xar, file, &mut PARTS.clone(), input, notes)
    {
        describe(&mut pkg, &distribution, notes.limits.text_bytes);
    }
    if pkg.id.is_none() {
        notes.error("package-id-missing", "Neither Distribution nor PackageInfo names the package.");
    }
    let state = if pkg.signed { SignatureState::Signed } else { SignatureState::Unsigned };
    report_signature(state, pkg.stapled, notes);
    Ok(pkg)
}

fn list_entries(files: &[File], notes: &mut Notes<'_>) {
    for file in files {
        notes.entry(Entry {
            path: cut(&file.path, notes.limits.text_bytes),
            size_bytes: file.size_bytes,
            compressed_bytes: Some(file.packed_bytes),
            crc32: None,
        });
    }
}

fn read_components<R: Read + Seek>(
    xar: &Xar,
    files: &[File],
    input: &mut Input<R>,
    notes: &mut Notes<'_>,
) -> Vec<Component> {
    let mut components = Vec::new();
    let mut left = PARTS;
    let is_info = |file: &&File| file.path == "PackageInfo" || file.path.ends_with("/PackageInfo");
    for file in files.iter().filter(is_info).take(COMPONENTS) {
        if let Some(info) = read_xml(xar, file, &mut left, input, notes) {
            let text = |name| info.attribute(name).map(|value| cut(value, notes.limits.text_bytes));
            components.push(Component {
                path: cut(file.path.trim_end_matches("PackageInfo").trim_end_matches('/'), notes.limits.text_bytes),
                id: text("identifier"),
                version: text("version"),
                install_location: text("install-location"),
            });
        }
    }
    components
}

/// Reads and parses a file within the parts that are `left`; one that cannot be is a warning.
fn read_xml<R: Read + Seek>(
    xar: &Xar,
    file: &File,
    left: &mut usize,
    input: &mut Input<R>,
    notes: &mut Notes<'_>,
) -> Option<Element> {
    match xar.read_file(file, XML_BYTES, input).and_then(|bytes| xml::parse(&bytes, left)) {
        Ok(element) => Some(element),
        Err(why) => {
            let path = cut(&file.path, notes.limits.text_bytes);
            notes.warning("package-info-unreadable", format!("{path} cannot be read: {why}."));
            None
        }
    }
}

/// Adds what `Distribution` says of the whole.
fn describe(pkg: &mut Pkg, distribution: &Element, text_bytes: usize) {
    let text = |value: &str| Some(cut(value.trim(), text_bytes)).filter(|value| !value.is_empty());
    pkg.title = distribution.child("title").and_then(|title| text(&title.text));
    if let Some(product) = distribution.child("product") {
        pkg.id = product.attribute("id").and_then(text).or_else(|| pkg.id.take());
        pkg.version = product.attribute("version").and_then(text).or_else(|| pkg.version.take());
    }
    let architectures = distribution.child("options").and_then(|options| options.attribute("hostArchitectures"));
    let architectures = architectures.unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty());
    let word = |word: &str| if word == "arm64" { "aarch64".to_owned() } else { cut(word, text_bytes) };
    pkg.architectures = architectures.take(8).map(word).collect();
    let versions = distribution
        .child("allowed-os-versions")
        .or_else(|| distribution.child("volume-check").and_then(|check| check.child("allowed-os-versions")));
    let oldest =
        versions.and_then(|versions| versions.child("os-version")).and_then(|version| version.attribute("min"));
    pkg.minimum_macos = oldest.and_then(text);
}

/// `X509Certificate` in the key information of the newer or the older signature: leaf first, base64 of DER.
fn read_certificates(table: &Element) -> Vec<Certificate> {
    let certificates = |name| {
        let data = table.child(name)?.child("KeyInfo")?.child("X509Data")?;
        let parse = |element: &Element| {
            let text: Vec<u8> = element.text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
            parse_certificate(&BASE64.decode(&text).ok()?).ok()
        };
        Some(data.children_called("X509Certificate").take(CERTIFICATES).filter_map(parse).collect())
    };
    certificates("signature").or_else(|| certificates("x-signature")).unwrap_or_default()
}

/// The last 16 bytes: `t8lr`, version (u16), type (u16; 2 is a ticket), length (u32), unused, little-endian.
fn is_stapled<R: Read + Seek>(input: &mut Input<R>) -> bool {
    let trailer = input.len().checked_sub(16).and_then(|offset| input.read_at(offset, 16).ok());
    trailer.is_some_and(|trailer| trailer.starts_with(b"t8lr\x01\0\x02\0"))
}

fn cut(text: &str, max_bytes: usize) -> String {
    text[..text.floor_char_boundary(max_bytes)].to_owned()
}
