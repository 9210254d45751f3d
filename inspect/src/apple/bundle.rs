//! `Info.plist`: who an app bundle says it is ("Information Property List" in Apple's bundle resources reference).

use super::plists::{Reading, parse_plist};
use crate::Limits;

/// Honest ones have some kilobytes.
pub(crate) const INFO_PLIST_BYTES: u64 = 1024 * 1024;
/// Platforms and device families; there are less than ten of each.
const ITEMS: usize = 16;

/// What is read out of an `Info.plist`; any of it may be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bundle {
    pub(crate) id: Option<String>,
    pub(crate) short_version: Option<String>,
    pub(crate) build: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) executable: Option<String>,
    /// `MinimumOSVersion` on devices, `LSMinimumSystemVersion` on a Mac.
    pub(crate) minimum_os: Option<String>,
    pub(crate) device_families: Vec<String>,
    /// `iPhoneOS`, `iPhoneSimulator`, `MacOSX` …
    pub(crate) platforms: Vec<String>,
    /// Names of icon files as they are stated, mostly without scale and ending.
    pub(crate) icon_names: Vec<String>,
}

/// Reads the bytes of an `Info.plist`.
///
/// # Errors
/// With the reason, in words.
pub(crate) fn read_bundle(bytes: &[u8], limits: &Limits) -> Result<Bundle, String> {
    let dictionary = parse_plist(bytes)?;
    let reading = Reading { dictionary: &dictionary, text_bytes: limits.text_bytes };
    Ok(Bundle {
        id: reading.text("CFBundleIdentifier"),
        short_version: reading.text("CFBundleShortVersionString"),
        build: reading.text("CFBundleVersion"),
        display_name: reading.text("CFBundleDisplayName").or_else(|| reading.text("CFBundleName")),
        executable: reading.text("CFBundleExecutable"),
        minimum_os: reading.text("MinimumOSVersion").or_else(|| reading.text("LSMinimumSystemVersion")),
        device_families: read_families(reading),
        platforms: reading.texts("CFBundleSupportedPlatforms", ITEMS),
        icon_names: read_icon_names(reading),
    })
}

/// `UIDeviceFamily` is a number or several, sometimes written as text.
fn read_families(reading: Reading<'_>) -> Vec<String> {
    let one = reading.dictionary.get("UIDeviceFamily").into_iter().filter(|value| value.as_array().is_none());
    let values = one.chain(reading.array("UIDeviceFamily")).take(ITEMS);
    let name = |value: &plist::Value| {
        let number = value.as_unsigned_integer().or_else(|| value.as_string()?.parse().ok())?;
        Some(match number {
            1 => "iphone".to_owned(),
            2 => "ipad".to_owned(),
            3 => "tv".to_owned(),
            4 => "watch".to_owned(),
            6 => "mac".to_owned(),
            7 => "vision".to_owned(),
            other => other.to_string(),
        })
    };
    values.filter_map(name).collect()
}

/// `CFBundleIcons` (iOS 5), its iPad twin, and the two keys before it.
fn read_icon_names(reading: Reading<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for key in ["CFBundleIcons", "CFBundleIcons~ipad"] {
        if let Some(primary) = reading.within(key).and_then(|icons| icons.within("CFBundlePrimaryIcon")) {
            names.extend(primary.texts("CFBundleIconFiles", ITEMS));
        }
    }
    names.extend(reading.texts("CFBundleIconFiles", ITEMS));
    names.extend(reading.text("CFBundleIconFile"));
    names.retain(|name| !name.contains('/') && !name.is_empty());
    names.dedup();
    names
}
