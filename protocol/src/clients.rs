//! What becomes of apps that are installed when a channel goes back.
//!
//! A server only decides what is offered. Whether an installed app takes an older version is for its updater and its system to
//! say, so the answer to a rollback tells it for each that could be in use. Sources beside each.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::manifest::ArtifactLine;
use crate::platform::words;
use crate::{Kind, Platform};

words! {
    /// What brings an app onto a device, or a newer version of it.
    Updater, "updater" {
        /// A person who opens the install page or downloads a file.
        ByHand = "by-hand",
        /// F-Droid's client.
        FDroid = "f-droid",
        /// Obtainium.
        Obtainium = "obtainium",
        /// Sparkle, on macOS.
        Sparkle = "sparkle",
        /// Squirrel.Mac, which Electron's own `autoUpdater` is on macOS.
        SquirrelMac = "squirrel-mac",
        /// Squirrel.Windows.
        SquirrelWindows = "squirrel-windows",
        /// electron-updater.
        ElectronUpdater = "electron-updater",
        /// Tauri's updater.
        Tauri = "tauri",
        /// Velopack.
        Velopack = "velopack",
        /// apt.
        Apt = "apt",
        /// dnf.
        Dnf = "dnf",
    }
}

words! {
    /// Whom a rollback reaches.
    Reach, "reach" {
        /// Installed apps go back by themselves.
        InstalledGoBack = "installed-go-back",
        /// Installed apps stay as they are; only who installs anew gets the older release.
        NewInstallsOnly = "new-installs-only",
    }
}

/// What becomes of installed apps of one platform with one updater.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientEffect {
    /// The platform.
    pub platform: Platform,
    /// What the app is updated by, if it is.
    pub updater: Updater,
    /// Whom the rollback reaches.
    pub reach: Reach,
    /// Why.
    pub why: String,
}

/// What becomes of installed apps when a channel goes back from a release with these artifacts, for each platform and each updater
/// that takes such files.
pub fn rollback_effects(left: &[ArtifactLine]) -> Vec<ClientEffect> {
    let pairs: BTreeSet<(Platform, Updater)> =
        left.iter().flat_map(|line| updaters(line.platform, line.kind).iter().map(|it| (line.platform, *it))).collect();
    pairs.into_iter().map(|(platform, updater)| effect(platform, updater)).collect()
}

/// What takes such files.
fn updaters(platform: Platform, kind: Kind) -> &'static [Updater] {
    use Updater as U;
    match (platform, kind) {
        (_, Kind::Apk) => &[U::ByHand, U::FDroid, U::Obtainium],
        (_, Kind::AppZip) | (Platform::Macos, Kind::Zip) => {
            &[U::ByHand, U::Sparkle, U::SquirrelMac, U::ElectronUpdater]
        }
        (_, Kind::Dmg | Kind::Pkg) => &[U::ByHand, U::Sparkle],
        (Platform::Macos, Kind::Tarball) => &[U::ByHand, U::Sparkle, U::Tauri],
        (_, Kind::Exe) => &[U::ByHand, U::SquirrelWindows, U::ElectronUpdater, U::Tauri, U::Velopack],
        (_, Kind::Msi) => &[U::ByHand, U::Tauri],
        (_, Kind::Appimage) => &[U::ByHand, U::ElectronUpdater, U::Tauri, U::Velopack],
        (_, Kind::Deb) => &[U::ByHand, U::Apt],
        (_, Kind::Rpm) => &[U::ByHand, U::Dnf],
        // The store's file is not installed from here.
        (_, Kind::Aab) => &[],
        _ => &[U::ByHand],
    }
}

fn effect(platform: Platform, updater: Updater) -> ClientEffect {
    let reach = if updater == Updater::SquirrelMac { Reach::InstalledGoBack } else { Reach::NewInstallsOnly };
    let why = match (platform, updater) {
        // source.android.com: PackageManager refuses a lower version code (INSTALL_FAILED_VERSION_DOWNGRADE).
        (Platform::Android, _) => "Android refuses a lower version code; the app has to be removed first",
        (_, Updater::ByHand) => "nothing moves by itself: the page and the channel's files are the older ones",
        // sparkle-project.org/documentation/publishing: an item is offered where its sparkle:version is higher.
        (_, Updater::Sparkle) => "Sparkle offers only a higher sparkle:version",
        // Squirrel.Mac, README, "Server Support": it installs what the server answers, whatever its version.
        (_, Updater::SquirrelMac) => "Squirrel.Mac installs what its server names, whatever the version",
        // Squirrel.Windows, docs/using/update-process.md, "Rollback".
        (_, Updater::SquirrelWindows) => "Squirrel.Windows has no way back to an earlier version",
        // electron-updater, AppUpdater.allowDowngrade.
        (_, Updater::ElectronUpdater) => "unless the app sets allowDowngrade, or a channel, which sets it too",
        // tauri-plugin-updater, allowDowngrades.
        (_, Updater::Tauri) => "unless the app allows downgrades or compares versions itself",
        // Velopack, UpdateOptions.AllowVersionDowngrade.
        (_, Updater::Velopack) => "unless the app sets AllowVersionDowngrade",
        // apt_preferences(5): a version is lowered only by a priority above 1000.
        (_, Updater::Apt) => "apt lowers a version only with a pin priority above 1000",
        // dnf(8): upgrade only raises; distro-sync follows the repository.
        (_, Updater::Dnf) => "dnf upgrade only raises versions; dnf distro-sync follows the repository",
        (_, Updater::FDroid | Updater::Obtainium) => "it installs only what the system takes",
    };
    ClientEffect { platform, updater, reach, why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Arch, Digest};

    fn line(platform: Platform, kind: Kind) -> ArtifactLine {
        let filename = format!("acme.{kind}").parse().unwrap();
        ArtifactLine { platform, arch: Arch::universal(), kind, filename, size: 1, sha256: Digest::of(b"1") }
    }

    #[test]
    fn each_platform_says_what_its_updaters_do() {
        let check = |platform, kinds: &[Kind], expected: &[(&str, Reach)]| {
            let lines: Vec<_> = kinds.iter().map(|kind| line(platform, *kind)).collect();
            let effects = rollback_effects(&lines);
            let found: Vec<_> = effects.iter().map(|it| (it.updater.as_str(), it.reach)).collect();
            assert_eq!(found, expected, "{platform} {kinds:?}");
            assert!(effects.iter().all(|it| it.platform == platform && !it.why.is_empty()));
        };
        let stay = Reach::NewInstallsOnly;
        check(Platform::Ios, &[Kind::Ipa], &[("by-hand", stay)]);
        check(
            Platform::Android,
            &[Kind::Apk, Kind::Apk, Kind::Aab],
            &[("by-hand", stay), ("f-droid", stay), ("obtainium", stay)],
        );
        check(
            Platform::Macos,
            &[Kind::Dmg, Kind::AppZip],
            &[
                ("by-hand", stay),
                ("sparkle", stay),
                ("squirrel-mac", Reach::InstalledGoBack),
                ("electron-updater", stay),
            ],
        );
        check(Platform::Linux, &[Kind::Deb, Kind::Rpm], &[("by-hand", stay), ("apt", stay), ("dnf", stay)]);
        check(Platform::Windows, &[Kind::Msix], &[("by-hand", stay)]);
        check(Platform::Android, &[Kind::Aab], &[]);
    }
}
