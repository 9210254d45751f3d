//! Fixtures, and small archives made by hand.

use std::io::{Cursor, Write};
use std::path::Path;

use inspect::{Details, Limits, Report, inspect};
use plist::{Dictionary, Value};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(name)).unwrap()
}

pub(crate) fn report(bytes: &[u8]) -> Report {
    inspect(Cursor::new(bytes), bytes.len() as u64, &Limits::default()).unwrap()
}

pub(crate) fn codes(report: &Report) -> Vec<&str> {
    report.findings.iter().map(|finding| finding.code.as_str()).collect()
}

macro_rules! details_as {
    ($name:ident, $variant:ident, $details:path) => {
        pub(crate) fn $name(report: &Report) -> &$details {
            match &report.details {
                Some(Details::$variant(details)) => details,
                other => panic!("{other:?} {:?}", report.findings),
            }
        }
    };
}
details_as!(ipa, Ipa, inspect::formats::ipa::Ipa);
details_as!(app_zip, AppZip, inspect::apple::MacApp);
details_as!(dmg, Dmg, inspect::formats::dmg::Dmg);
details_as!(pkg, Pkg, inspect::formats::pkg::Pkg);

pub(crate) fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// An XML property list of these values.
pub(crate) fn plist_of(values: &[(&str, Value)]) -> Vec<u8> {
    let dictionary: Dictionary = values.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let mut bytes = Vec::new();
    Value::Dictionary(dictionary).to_writer_xml(&mut bytes).unwrap();
    bytes
}

pub(crate) fn info_plist() -> Vec<u8> {
    plist_of(&[
        ("CFBundleIdentifier", "com.acme.app".into()),
        ("CFBundleShortVersionString", "2.4".into()),
        ("CFBundleVersion", "210".into()),
        ("CFBundleName", "Acme".into()),
        ("CFBundleExecutable", "Acme".into()),
        ("MinimumOSVersion", "16.0".into()),
        ("UIDeviceFamily", Value::Array(vec![1.into(), 2.into()])),
    ])
}

fn blob(magic: u32, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len() + 8).unwrap();
    [&magic.to_be_bytes(), &len.to_be_bytes(), body].concat()
}

/// A superblob of `com.acme.app` by team `ABCDE12345` with these code directory flags and further slots.
pub(crate) fn superblob(flags: u32, slots: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let words = [0x2_0200, flags, 0, 52, 0, 0, 0, 0, 0, 0, 65];
    let mut directory: Vec<u8> = words.iter().flat_map(|word: &u32| word.to_be_bytes()).collect();
    directory.extend(b"com.acme.app\0ABCDE12345\0");
    let mut blobs = vec![(0, blob(0xfade_0c02, &directory))];
    blobs.extend_from_slice(slots);
    let mut at = 12 + 8 * blobs.len();
    let mut index = u32::try_from(blobs.len()).unwrap().to_be_bytes().to_vec();
    for (slot, bytes) in &blobs {
        index.extend(slot.to_be_bytes());
        index.extend(u32::try_from(at).unwrap().to_be_bytes());
        at += bytes.len();
    }
    let bodies: Vec<u8> = blobs.into_iter().flat_map(|(_, bytes)| bytes).collect();
    blob(0xfade_0cc0, &[index, bodies].concat())
}

/// The slot with entitlements.
pub(crate) fn entitlements(values: &[(&str, Value)]) -> (u32, Vec<u8>) {
    (5, blob(0xfade_7171, &plist_of(values)))
}

/// The slot with a signed message, here an empty one.
pub(crate) fn message(bytes: &[u8]) -> (u32, Vec<u8>) {
    (0x1_0000, blob(0xfade_0b01, bytes))
}

/// An arm64 executable for a platform (`PLATFORM_*`) with this signature.
pub(crate) fn executable(platform: u32, signature: &[u8]) -> Vec<u8> {
    let build = [0x32, 24, platform, 0, 0, 0];
    let place = [0x1d, 16, 32 + 24 + 16, u32::try_from(signature.len()).unwrap()];
    let header = [0xfeed_facf, 0x0100_000c, 0, 2, 2, 24 + 16, 0, 0];
    let words = header.iter().chain(&build).chain(&place);
    let mut bytes: Vec<u8> = words.flat_map(|word: &u32| word.to_le_bytes()).collect();
    bytes.extend_from_slice(signature);
    bytes
}
