//! Android App Bundles: what a store makes APKs from. No device installs one.

mod xml;

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use serde::{Deserialize, Serialize};

use crate::archive::{self, Archive};
use crate::input::Input;
use crate::notes::{Notes, Unreadable};

use xml::Element;

const MANIFEST: &str = "base/manifest/AndroidManifest.xml";
/// The largest manifest that is read. In memory it may take some fifty times its size.
const MAX_MANIFEST_BYTES: u64 = 512 * 1024;
/// Modules, and ABIs, that a report lists.
const MAX_LISTED: usize = 200;

/// What an app bundle says. Values that are references to resources are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aab {
    /// Name of the application: `com.example.app`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// Version for people, in any form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_name: Option<String>,
    /// Version that the system compares: `versionCodeMajor` in the high 32 bits, `versionCode` in the low ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_code: Option<u64>,
    /// Lowest API level that it installs on: a number, or the codename of an unreleased one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_sdk: Option<String>,
    /// API level that it was made for: a number, or the codename of an unreleased one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_sdk: Option<String>,
    /// Modules, sorted; `base` is the app itself.
    pub modules: Vec<String>,
    /// Android ABIs of the native code inside (`arm64-v8a`), sorted; empty where there is none, which fits every device.
    pub abis: Vec<String>,
}

pub(crate) fn read<R: Read + Seek>(input: &mut Input<R>, notes: &mut Notes<'_>) -> Result<Aab, Unreadable> {
    let mut archive = archive::open(input)?;
    archive.list_entries(notes);
    notes.info(
        "never-installable",
        "An app bundle is for a store, which makes packages from it: no device installs it.",
    );
    let bytes = archive.read(MANIFEST, MAX_MANIFEST_BYTES.min(notes.limits.file_bytes))?;
    let manifest = xml::parse(&bytes).map_err(|why| Unreadable::new("manifest-unreadable", MANIFEST, why))?;
    Ok(describe(&manifest, &archive, notes.limits.text_bytes))
}

fn describe<R: Read + Seek>(manifest: &Element, archive: &Archive<'_, R>, max_bytes: usize) -> Aab {
    let text = |value: Option<String>| value.filter(|value| !value.is_empty() && value.len() <= max_bytes);
    let code = |name| manifest.android(name).and_then(|value| value.parse::<u32>().ok());
    let (low, high) = (code("versionCode"), code("versionCodeMajor"));
    let is_versioned = low.is_some() || high.is_some();
    let sdk = manifest.child("uses-sdk");
    Aab {
        package: text(manifest.plain("package")),
        version_name: text(manifest.android("versionName")),
        version_code: is_versioned.then(|| u64::from(high.unwrap_or(0)) << 32 | u64::from(low.unwrap_or(0))),
        min_sdk: text(sdk.and_then(|sdk| sdk.android("minSdkVersion"))),
        target_sdk: text(sdk.and_then(|sdk| sdk.android("targetSdkVersion"))),
        modules: list(archive, |name| name.strip_suffix("/manifest/AndroidManifest.xml")),
        abis: list(archive, |name| {
            let (abi, _) = name.split_once('/')?.1.strip_prefix("lib/")?.split_once('/')?;
            Some(abi)
        }),
    }
}

fn list<R: Read + Seek>(archive: &Archive<'_, R>, part: impl Fn(&str) -> Option<&str>) -> Vec<String> {
    const MAX_NAME_BYTES: usize = 128;
    let is_name = |part: &&str| !part.contains('/') && part.len() <= MAX_NAME_BYTES;
    let parts: BTreeSet<&str> = archive.names().filter_map(part).filter(is_name).collect();
    parts.into_iter().take(MAX_LISTED).map(str::to_owned).collect()
}
