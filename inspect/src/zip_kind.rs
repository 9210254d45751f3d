//! Which package format a ZIP archive is, by the names of its entries.

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use crate::detect::Detected;
use crate::input::Input;
use crate::{Format, Limits, arch, archive};

/// Reads the central directory only, within the bounds that every reader of archives keeps. `None` where the archive
/// cannot be read.
pub(crate) fn detect(input: impl Read + Seek, size_bytes: u64) -> Option<Detected> {
    let mut input = Input::new(input, size_bytes, Limits::default().total_bytes);
    let archive = archive::open(&mut input).ok()?;
    if archive.has("AndroidManifest.xml") {
        return Some(Detected { format: Format::Apk, arch: apk_arch(archive.names()) });
    }
    let format = if archive.has("BundleConfig.pb") {
        Format::Aab
    } else if archive.has("AppxManifest.xml") || archive.has("AppxMetadata/AppxBundleManifest.xml") {
        Format::Msix
    } else if archive.names().any(is_ios_info) {
        Format::Ipa
    } else if archive.names().any(is_macos_info) {
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
