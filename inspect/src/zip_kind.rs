//! Which package format a ZIP archive is, by the names of its entries.

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use zip::ZipArchive;

use crate::detect::Detected;
use crate::{Format, arch};

/// Entries looked at; a package shows itself by then.
const ENTRIES: usize = 100_000;

/// Reads the central directory only. `None` where the archive cannot be read.
pub(crate) fn detect(input: impl Read + Seek) -> Option<Detected> {
    let archive = ZipArchive::new(input).ok()?;
    let names: Vec<_> = archive.file_names().take(ENTRIES).filter_map(Result::ok).collect();
    let any = |is: fn(&str) -> bool| names.iter().any(|name| is(name));
    if any(|name| name == "AndroidManifest.xml") {
        return Some(Detected { format: Format::Apk, arch: apk_arch(names.iter().map(AsRef::as_ref)) });
    }
    let format = if any(|name| name == "BundleConfig.pb") {
        Format::Aab
    } else if any(|name| matches!(name, "AppxManifest.xml" | "AppxMetadata/AppxBundleManifest.xml")) {
        Format::Msix
    } else if any(is_ios_info) {
        Format::Ipa
    } else if any(is_macos_info) {
        Format::AppZip
    } else {
        Format::Zip
    };
    let arch = matches!(format, Format::Aab | Format::Ipa).then_some("universal");
    Some(Detected { format, arch })
}

/// One ABI is that ABI; several, or no native code at all, run everywhere.
fn apk_arch<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'static str> {
    let abi = |name: &'a str| name.strip_prefix("lib/")?.split_once('/').map(|(abi, _)| abi);
    let abis: BTreeSet<&str> = names.filter_map(abi).collect();
    match abis.first() {
        Some(abi) if abis.len() == 1 => arch::of_android_abi(abi),
        _ => Some("universal"),
    }
}

/// `Payload/X.app/Info.plist`, also below a folder of its own, as some archives have it.
fn is_ios_info(name: &str) -> bool {
    let mut parts = name.rsplit('/');
    parts.next() == Some("Info.plist")
        && parts.next().is_some_and(|part| part.ends_with(".app"))
        && parts.next() == Some("Payload")
}

/// `X.app/Contents/Info.plist`, at any depth.
fn is_macos_info(name: &str) -> bool {
    let mut parts = name.rsplit('/');
    parts.next() == Some("Info.plist")
        && parts.next() == Some("Contents")
        && parts.next().is_some_and(|part| part.ends_with(".app"))
}
