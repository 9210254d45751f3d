//! iOS application archives: a ZIP with `Payload/NAME.app/`.

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use serde::{Deserialize, Serialize};

use crate::apple::{
    App, Bundle, Executable, INFO_PLIST_BYTES, PATH_BYTES, PROFILE_BYTES, Platform, Profile, ProfileKind, Signature,
    SignatureState, find_app, read_bundle, read_profile,
};
use crate::archive::{self, Archive};
use crate::input::Input;
use crate::notes::{Notes, Unreadable};

/// Frameworks and extensions that are listed.
const LISTED: usize = 256;
/// Extensions whose `Info.plist` is read.
const READ_EXTENSIONS: usize = 32;

/// What an iOS application archive says of the app inside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ipa {
    /// The app's folder in the archive: `Payload/Acme.app`.
    pub app: String,
    /// `CFBundleIdentifier`.
    pub bundle_id: Option<String>,
    /// `CFBundleShortVersionString`, the version for people.
    pub short_version: Option<String>,
    /// `CFBundleVersion`, the build.
    pub build: Option<String>,
    /// `CFBundleDisplayName`, or `CFBundleName`.
    pub display_name: Option<String>,
    /// `MinimumOSVersion`, or what the executable says.
    pub minimum_os: Option<String>,
    /// `UIDeviceFamily` in words: `iphone`, `ipad`, `tv`, `watch`, `vision`.
    pub device_families: Vec<String>,
    /// Processors that the executable is for.
    pub architectures: Vec<String>,
    /// Whether it runs in the simulator and on no device.
    pub simulator: bool,
    /// Whether the executable is encrypted by the App Store.
    pub encrypted: bool,
    /// The embedded provisioning profile, where there is one that can be read.
    pub profile: Option<Profile>,
    /// The code signature of the executable.
    pub signature: Signature,
    /// Names in `Frameworks/`: `Acme.framework`, `libacme.dylib`.
    pub frameworks: Vec<String>,
    /// App extensions, and apps for the watch.
    pub extensions: Vec<Extension>,
    /// Whether the app has a privacy manifest (`PrivacyInfo.xcprivacy`) of its own.
    pub privacy_manifest: bool,
}

/// A bundle inside the app that runs by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// Its folder inside the app: `PlugIns/Share.appex`, `Watch/Acme.app`.
    pub path: String,
    /// Its `CFBundleIdentifier`.
    pub bundle_id: Option<String>,
}

pub(crate) fn read<R: Read + Seek>(input: &mut Input<R>, notes: &mut Notes<'_>) -> Result<Ipa, Unreadable> {
    let mut archive = archive::open(input)?;
    archive.list_entries(notes);
    let app = find_app(&archive, "", is_app_info)
        .ok_or_else(|| Unreadable::new("app-missing", "Payload", "no app with an Info.plist inside"))?;
    let bundle = app.read_bundle(&mut archive, notes)?;
    let executable = app.read_executable("", &bundle, &mut archive, notes).unwrap_or_default();
    app.read_png_icon(&bundle, &mut archive, notes);
    let ipa = Ipa {
        profile: read_embedded_profile(&app, &mut archive, notes),
        frameworks: list_frameworks(&app, &archive),
        extensions: read_extensions(&app, &mut archive, notes),
        privacy_manifest: archive.has(&app.path_of("PrivacyInfo.xcprivacy")),
        simulator: is_simulator(&bundle, &executable),
        encrypted: executable.is_encrypted,
        signature: executable.signature.signature,
        architectures: executable.architectures,
        app: app.path,
        bundle_id: bundle.id,
        short_version: bundle.short_version,
        build: bundle.build,
        display_name: bundle.display_name,
        minimum_os: bundle.minimum_os.or(executable.minimum_os),
        device_families: bundle.device_families,
    };
    report(&ipa, notes);
    Ok(ipa)
}

/// `Payload/X.app/Info.plist`, wherever `Payload` is.
fn is_app_info(name: &str) -> bool {
    let mut parts = name.rsplit('/');
    parts.next() == Some("Info.plist")
        && parts.next().is_some_and(|part| part.ends_with(".app"))
        && parts.next() == Some("Payload")
}

/// The executable knows; older ones do not say it, but their processors or `Info.plist` do.
fn is_simulator(bundle: &Bundle, executable: &Executable) -> bool {
    if let Some(platform) = executable.platform {
        return platform == Platform::Simulator;
    }
    let is_intel = |architecture: &String| matches!(architecture.as_str(), "x86" | "x86_64");
    bundle.platforms.iter().any(|platform| platform.ends_with("Simulator"))
        || !executable.architectures.is_empty() && executable.architectures.iter().all(is_intel)
}

fn read_embedded_profile<R: Read + Seek>(
    app: &App,
    archive: &mut Archive<'_, R>,
    notes: &mut Notes<'_>,
) -> Option<Profile> {
    let path = app.path_of("embedded.mobileprovision");
    if !archive.has(&path) {
        return None;
    }
    let bytes = archive.read(&path, PROFILE_BYTES).map_err(|error| error.message);
    match bytes.and_then(|bytes| read_profile(&bytes, notes.limits).map_err(|why| format!("{path}: {why}"))) {
        Ok(profile) => Some(profile),
        Err(why) => {
            notes.warning("profile-unreadable", format!("The provisioning profile cannot be read: {why}."));
            None
        }
    }
}

fn list_frameworks<R: Read + Seek>(app: &App, archive: &Archive<'_, R>) -> Vec<String> {
    let folder = app.path_of("Frameworks/");
    let mut found = BTreeSet::new();
    for inside in archive.names().filter_map(|name| name.strip_prefix(&folder)) {
        let name = inside.split('/').next().unwrap_or(inside);
        let is_code = name.ends_with(".framework") || name.ends_with(".dylib");
        if is_code && name.len() <= PATH_BYTES && found.len() < LISTED && !found.contains(name) {
            found.insert(name.to_owned());
        }
    }
    found.into_iter().collect()
}

fn read_extensions<R: Read + Seek>(app: &App, archive: &mut Archive<'_, R>, notes: &Notes<'_>) -> Vec<Extension> {
    let folder = app.path_of("");
    let inside = |name: &str| {
        let path = name.strip_prefix(&folder)?.strip_suffix("/Info.plist")?;
        (path.len() <= PATH_BYTES && is_extension(path)).then(|| path.to_owned())
    };
    let mut paths: Vec<String> = archive.names().filter_map(inside).take(LISTED).collect();
    paths.sort_unstable();
    paths.dedup();
    let read = |(index, path): (usize, String)| {
        let info = app.path_of(&format!("{path}/Info.plist"));
        let bytes = (index < READ_EXTENSIONS).then(|| archive.read(&info, INFO_PLIST_BYTES).ok()).flatten();
        let bundle = bytes.and_then(|bytes| read_bundle(&bytes, notes.limits).ok());
        Extension { path, bundle_id: bundle.and_then(|bundle| bundle.id) }
    };
    paths.into_iter().enumerate().map(read).collect()
}

/// `PlugIns/X.appex`, `Extensions/X.appex`, `Watch/X.app`, and what lies in those in the same way.
fn is_extension(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or_default();
    match parts.next() {
        Some("PlugIns" | "Extensions") => name.ends_with(".appex"),
        Some("Watch") => name.ends_with(".app"),
        _ => false,
    }
}

fn report(ipa: &Ipa, notes: &mut Notes<'_>) {
    if ipa.app.matches('/').count() > 1 {
        let message = format!("The app is at {}; devices install only what is in Payload at the top.", ipa.app);
        notes.error("payload-not-at-root", message);
    }
    if ipa.bundle_id.is_none() {
        notes.error("bundle-id-missing", "Info.plist has no CFBundleIdentifier; no device installs the app.");
    }
    if ipa.short_version.is_none() && ipa.build.is_none() {
        notes.warning("version-missing", "Info.plist has neither a version nor a build.");
    }
    if ipa.simulator {
        notes.warning("simulator-build", "Built for the simulator: it cannot be installed on a device.");
        return;
    }
    if ipa.encrypted {
        notes.warning("store-encrypted", "Encrypted by the App Store for one account: it starts for nobody else.");
    }
    if matches!(ipa.signature.state, SignatureState::Unsigned | SignatureState::LinkerSigned) {
        notes.warning("unsigned", "The executable is not signed: it cannot be installed on a device.");
    }
    report_profile(ipa, notes);
}

fn report_profile(ipa: &Ipa, notes: &mut Notes<'_>) {
    let Some(profile) = &ipa.profile else {
        let is_reported = notes.findings.iter().any(|finding| finding.code == "profile-unreadable");
        if !is_reported {
            notes.warning("profile-missing", "No provisioning profile: only the App Store could install it.");
        }
        return;
    };
    if !profile.verified {
        notes.warning("profile-unverified", "The provisioning profile's signed message does not hold what it says.");
    }
    if profile.kind == ProfileKind::Store {
        notes.info("store-only", "The profile is for the App Store: the app cannot be installed from elsewhere.");
    }
    if let (Some(bundle_id), Some(application_id)) = (&ipa.bundle_id, &profile.application_id)
        && !covers(application_id, bundle_id)
    {
        let message = format!("The profile is for {application_id}, and the app is {bundle_id}.");
        notes.error("profile-for-another-app", message);
    }
}

/// `ABCDE12345.com.acme.app` and `ABCDE12345.com.acme.*` cover `com.acme.app`.
fn covers(application_id: &str, bundle_id: &str) -> bool {
    let pattern = application_id.split_once('.').map_or(application_id, |(_, pattern)| pattern);
    match pattern.strip_suffix('*') {
        Some(prefix) => bundle_id.starts_with(prefix),
        None => pattern == bundle_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_covers_its_app_or_its_pattern() {
        assert!(covers("ABCDE12345.com.acme.app", "com.acme.app"));
        assert!(covers("ABCDE12345.com.acme.*", "com.acme.app"));
        assert!(covers("ABCDE12345.*", "com.acme.app"));
        assert!(!covers("ABCDE12345.com.acme.app", "com.acme.app2"));
        assert!(!covers("ABCDE12345.com.acme.*", "org.acme.app"));
    }

    #[test]
    fn only_the_apps_own_info_is_taken_for_it() {
        assert!(is_app_info("Payload/A.app/Info.plist"));
        assert!(is_app_info("out/Payload/A.app/Info.plist"));
        assert!(!is_app_info("Payload/A.app/Watch/W.app/Info.plist"));
        assert!(!is_app_info("Payload/A.app/Frameworks/F.framework/Info.plist"));
        assert!(is_extension("Watch/W.app/PlugIns/E.appex"));
        assert!(is_extension("Watch/W.app"));
        assert!(!is_extension("Frameworks/F.framework"));
    }
}
