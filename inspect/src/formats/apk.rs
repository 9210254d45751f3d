//! Android packages: a ZIP archive with a compiled manifest and, mostly, compiled resources.

mod axml;
mod block;
mod chunk;
mod digest;
mod icon;
mod jar;
mod lineage;
mod manifest;
mod resources;
mod signature;
mod verify;

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use serde::{Deserialize, Serialize};

use crate::archive::{self, Archive};
use crate::input::Input;
use crate::notes::{Notes, Unreadable};

pub use signature::{Scheme, Signature, Verification};

use axml::Value;
use manifest::Manifest;
use resources::Resources;

const MANIFEST: &str = "AndroidManifest.xml";
const RESOURCES: &str = "resources.arsc";
/// The largest resource table that is read: beside it, the central directory and an icon have to fit into memory.
const MAX_RESOURCES_BYTES: u64 = 24 * 1024 * 1024;
/// Permissions, and features, that a report lists.
const MAX_LISTED: usize = 1_000;

/// What an Android package says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apk {
    /// Name of the application: `com.example.app`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// Version for people, in any form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_name: Option<String>,
    /// Version that the system compares: `versionCodeMajor` in the high 32 bits, `versionCode` in the low ones. Absent where
    /// the manifest has neither; the system then takes it for 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_code: Option<u64>,
    /// Lowest API level that it installs on: a number, or the codename of an unreleased one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_sdk: Option<String>,
    /// API level that it was made for: a number, or the codename of an unreleased one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_sdk: Option<String>,
    /// Name under its icon, in the default language; the launcher activity's where the application has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The activity that a launcher opens, as a full class name; absent where there is none to open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launchable: Option<String>,
    /// Permissions that the manifest asks for, in its order, each once; not those that the system adds for old targets.
    pub permissions: Vec<String>,
    /// Features of a device that it uses, in the order of the manifest.
    pub features: Vec<Feature>,
    /// Android ABIs of the native code inside (`arm64-v8a`), sorted; empty where there is none, which fits every device.
    pub abis: Vec<String>,
    /// Whether a debugger may attach to it, and whoever holds the device read its data.
    pub debuggable: bool,
    /// Whether it installs only with `adb install -t`.
    pub test_only: bool,
    /// Name of the split that this is, where it is a part of an app rather than the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// Whether it does not run without splits that are other files.
    pub requires_splits: bool,
    /// Its signatures, oldest scheme first; empty where it is not signed.
    pub signatures: Vec<Signature>,
}

/// A feature of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// Its name: `android.hardware.camera`.
    pub name: String,
    /// Whether the app needs it.
    pub required: bool,
}

pub(crate) fn read<R: Read + Seek>(input: &mut Input<R>, notes: &mut Notes<'_>) -> Result<Apk, Unreadable> {
    let mut archive = archive::open(input)?;
    archive.list_entries(notes);
    let manifest = read_manifest(&mut archive, notes)?;
    let table = read_table(&mut archive, notes);
    let resources = table.as_deref().and_then(|bytes| Resources::parse(bytes, notes.limits.text_bytes));
    if table.is_some() && resources.is_none() {
        notes.warning("resources-unreadable", format!("{RESOURCES}: not a resource table"));
    }
    let resources = resources.unwrap_or_default();
    let launcher_icon = || manifest.launcher.as_ref().and_then(|launcher| launcher.icon.as_ref());
    if let Some(value) = manifest.icon.as_ref().or_else(launcher_icon) {
        icon::read(&mut archive, resources, value, notes);
    }
    let mut apk = describe(manifest, resources, list_abis(&archive));
    apk.signatures = signature::read(&mut archive, notes);
    report(&apk, notes);
    Ok(apk)
}

fn read_manifest<R: Read + Seek>(archive: &mut Archive<'_, R>, notes: &Notes<'_>) -> Result<Manifest, Unreadable> {
    let bytes = archive.read(MANIFEST, notes.limits.file_bytes)?;
    let events = axml::parse(&bytes, notes.limits.text_bytes)
        .ok_or_else(|| Unreadable::new("manifest-unreadable", MANIFEST, "not compiled XML"))?;
    Ok(Manifest::collect(events))
}

fn read_table<R: Read + Seek>(archive: &mut Archive<'_, R>, notes: &mut Notes<'_>) -> Option<Vec<u8>> {
    if !archive.has(RESOURCES) {
        return None;
    }
    match archive.read(RESOURCES, MAX_RESOURCES_BYTES.max(notes.limits.file_bytes)) {
        Ok(bytes) => Some(bytes),
        Err(Unreadable { message, .. }) => {
            notes.warning("resources-unreadable", message);
            None
        }
    }
}

fn describe(manifest: Manifest, resources: Resources<'_>, abis: Vec<String>) -> Apk {
    let text = |value: &Option<Value>| value.as_ref().and_then(|value| resources.text(value));
    let number = |value: &Option<Value>| value.as_ref().and_then(|value| resources.number(value));
    let flag = |value: &Option<Value>| number(value).is_some_and(|number| number != 0);
    let (low, high) = (number(&manifest.version_code), number(&manifest.version_code_major));
    let is_versioned = low.is_some() || high.is_some();
    let launcher_label = || manifest.launcher.as_ref().and_then(|launcher| text(&launcher.label));
    Apk {
        version_name: text(&manifest.version_name),
        version_code: is_versioned.then(|| u64::from(high.unwrap_or(0)) << 32 | u64::from(low.unwrap_or(0))),
        min_sdk: text(&manifest.min_sdk),
        target_sdk: text(&manifest.target_sdk),
        label: text(&manifest.label).or_else(launcher_label),
        debuggable: flag(&manifest.debuggable),
        test_only: flag(&manifest.test_only),
        requires_splits: flag(&manifest.is_split_required),
        launchable: manifest.launcher.and_then(|launcher| class_name(manifest.package.as_deref(), launcher.name?)),
        package: manifest.package,
        permissions: manifest.permissions,
        features: manifest.features,
        split: manifest.split,
        abis,
        signatures: Vec::new(),
    }
}

/// A class name in a manifest may leave out the package (`<activity>` in the manifest reference).
fn class_name(package: Option<&str>, name: String) -> Option<String> {
    match (name.find('.'), package) {
        (Some(0), Some(package)) => Some(format!("{package}{name}")),
        (None, Some(package)) => Some(format!("{package}.{name}")),
        (Some(0) | None, None) => None,
        (Some(_), _) => Some(name),
    }
}

/// `lib/ABI/libNAME.so`, as the installer looks for them.
fn list_abis<R: Read + Seek>(archive: &Archive<'_, R>) -> Vec<String> {
    const MAX_ABIS: usize = 32;
    let abi = |name| {
        let (abi, file) = str::strip_prefix(name, "lib/")?.split_once('/')?;
        (file.ends_with(".so") && !file.contains('/') && abi.len() <= 64).then_some(abi)
    };
    let abis: BTreeSet<&str> = archive.names().filter_map(abi).collect();
    abis.into_iter().take(MAX_ABIS).map(str::to_owned).collect()
}

fn report(apk: &Apk, notes: &mut Notes<'_>) {
    if apk.package.is_none() {
        notes.error("package-missing", format!("{MANIFEST} has no package name: it cannot be installed."));
    }
    if apk.version_code.is_none() {
        notes.warning("version-code-missing", "The manifest has no version code: the system takes it for 0.");
    }
    if apk.debuggable {
        notes.warning("debuggable", "Whoever holds the device can read and change what this app stores on it.");
    }
    if apk.test_only {
        notes.warning("test-only", "A device refuses this package unless it comes through adb install -t.");
    }
    if let Some(split) = &apk.split {
        notes.warning("split", format!("This is the split {split} of an app: it does not install on its own."));
    }
    if apk.requires_splits {
        notes.warning("splits-required", "This app does not install without its splits, which are other files.");
    }
}
