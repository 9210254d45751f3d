//! English.

use protocol::api::InstallReason;

use super::{Acts, Android, Ios, Labels, Linux, Mac, Problems, SignIn, SigningWords, Times, Windows, Words};

pub(in crate::web) static EN: Words = Words {
    tag: "en",
    name: "English",
    language: "Language",
    time: Times { today: "today", yesterday: "yesterday", days_ago: |days| format!("{days} days ago") },
    act: Acts {
        install_on: |device| format!("Install on this {device}"),
        download_for: |platform| format!("Download for {platform}"),
        download: "Download",
        open_testflight: "Open in TestFlight",
        open_app_store: "Open in the App Store",
        open_google_play: "Open in Google Play",
        open_page: "Open the page",
        copy: "Copy",
        copied: "Copied",
        all_notes: "Show all of the notes",
    },
    label: Labels {
        whats_new: "What's new",
        platforms: "All platforms",
        other_platforms: "Other platforms",
        other_files: "Other files",
        checksums: "Checksums",
        checksums_hint: "Compare the SHA-256 of what you downloaded with the one here.",
        verify: "Check the download",
        minimum_os: "Needs",
        signing: "Signature",
        signer: "Signer",
        id: "Identifier",
        version_code: "Version code",
        processor: "Processor",
        every_processor: "all",
        published: "Published",
        release: "Release",
        any_platform: "Files for any system",
        scan: "Scan with a phone to open this page there",
        or_later: |version| format!("{version} or later"),
        nothing: "This release has no files.",
    },
    ios: Ios {
        enterprise: "Enterprise build for enrolled devices",
        ad_hoc: |devices| format!("Only devices registered in this build, {devices} of them"),
        valid: |days| match days {
            0 => "ends today".to_owned(),
            1 => "valid 1 more day".to_owned(),
            days => format!("valid {days} more days"),
        },
        steps_enterprise: &[
            "Tap Install, then Install again in the prompt. The app appears on the home screen.",
            "The first time: Settings › General › VPN & Device Management, choose the organisation and trust it.",
            "iOS 18 and later then ask for Allow & Restart: the device restarts once.",
        ],
        steps_ad_hoc: &[
            "Tap Install, then Install again in the prompt. The app appears on the home screen.",
            "On a device that is not registered the installation fails. Send its UDID to whoever builds the app; the next build can include it.",
        ],
        on_device: "Open this page on the iPhone or iPad: it installs from there.",
        needs_https: "iPhones and iPads install over https only, and this server was not told its public https address. Whoever runs it sets DISTD_PUBLIC_URL.",
        testflight_left: |days| match days {
            1 => "This build works in TestFlight for 1 more day".to_owned(),
            days => format!("This build works in TestFlight for {days} more days"),
        },
        testflight_over: "This build has ended in TestFlight, where builds work for 90 days. There may be a newer one.",
        steps_testflight: &[
            "Install TestFlight from the App Store, if it is not there yet.",
            "Tap the button and accept the invitation.",
        ],
        reason,
        for_makers: "The file is for holders of a token.",
    },
    android: Android {
        steps: &[
            "Tap Download, then open the file.",
            "The first time Android asks whether this browser may install unknown apps: allow it, then go back.",
            "An installed copy is updated only by a build of the same signer with a higher version code.",
        ],
        which: "Most phones and tablets are arm64. If one does not install, try the other.",
        verified_in_places: "In some countries certified Android devices install only apps of developers who are registered with Google. If yours refuses, ask whoever builds the app.",
        verified_everywhere: "Certified Android devices install only apps of developers who are registered with Google. If yours refuses, ask whoever builds the app.",
        bundle: "App Bundles are for Google Play and do not install on a device.",
    },
    mac: Mac {
        steps_dmg: &["Open the downloaded image.", "Drag the app into Applications, then eject the image."],
        steps_pkg: &["Open the downloaded package and follow the installer."],
        steps_zip: &["Open the downloaded archive.", "Drag the app into Applications."],
        stapled: "Signed, and a notarization ticket is stapled to it: it opens, also without a network.",
        no_ticket: "Signed, no notarization ticket found: macOS asks Apple when it is first opened. If it is blocked, open System Settings › Privacy & Security and choose Open Anyway.",
        unsigned: "Not signed by a developer: macOS blocks it when it is first opened. Then open System Settings › Privacy & Security and choose Open Anyway, if you trust where it came from.",
        which: "Apple menu › About This Mac says which: Chip is Apple silicon, Processor is Intel.",
        apple_silicon: "Apple silicon",
        intel: "Intel",
    },
    windows: Windows {
        steps_installer: &["Open the downloaded file and follow the installer."],
        steps_msix: &["Open the downloaded file and choose Install."],
        steps_zip: &[
            "Right-click the downloaded archive and choose Extract All.",
            "Open the program in the new folder.",
        ],
        signed: "Signed. Windows may still warn until many have installed it: More info shows the publisher.",
        unsigned: "Not signed: Windows warns. More info › Run anyway starts it, if you trust where it came from.",
        invalid: "Its signature does not hold: the file is not what was signed. Do not run it.",
    },
    linux: Linux {
        deb: "Debian, Ubuntu and their relatives",
        rpm: "Fedora, RHEL, openSUSE",
        appimage: "Any distribution (AppImage)",
        archive: "Unpack",
        chromebook: "On a Chromebook this needs the Linux development environment: Settings › About ChromeOS › Developers.",
    },
    signing: SigningWords {
        stapled: "signed, ticket stapled",
        no_ticket: "signed, no ticket found",
        signed: "signed",
        ad_hoc: "ad hoc",
        unsigned: "unsigned",
        invalid: "signature does not hold",
    },
    inside: |app, browser| {
        let place = app.map_or_else(|| "inside an app".to_owned(), |app| format!("inside {app}"));
        format!(
            "This page is open {place}, which blocks installations and downloads. Open its menu (⋯ or share) and choose to open the page in {browser}."
        )
    },
    sign_in: SignIn {
        title: "Sign in",
        why: "Whoever sent you here can give you a token.",
        token: "Token",
        button: "Sign in",
        refused: "This token does not work: it is not known here, has ended or was revoked, or was not copied whole.",
        too_many: "Too many tokens that do not work came from there. Wait a minute.",
        not_enough: |name| format!("You are signed in as {name}, whose token may not see this."),
        signed_in: |name| format!("Signed in as {name}"),
        sign_out: "Sign out",
        done: "You are signed in.",
    },
    problem: Problems {
        private: (
            "This app is not public",
            "Its releases can be installed by holders of a token, or of a link from whoever builds it.",
        ),
        link: (
            "This link does not work",
            "It has ended, was revoked, was used up, or was not copied whole. Ask whoever sent it for a new one.",
        ),
        withdrawn: (
            "This release was withdrawn",
            "It can neither be installed nor downloaded. Take the one that its channel offers now.",
        ),
        expired: (
            "This release is no longer kept",
            "Its files were given up after the time for which they are kept. Take a newer release.",
        ),
        nothing: ("There is nothing here", "The address may be old or mistyped. Ask whoever sent it."),
        failed: ("The server could not do this", "Try again in a moment."),
        form: ("The form was not taken", "Load the page again, then send it once more."),
    },
};

fn reason(reason: InstallReason) -> &'static str {
    match reason {
        InstallReason::StoreProfile => "Built for the App Store: only the App Store and TestFlight install it.",
        InstallReason::ProfileExpired => {
            "Its provisioning profile has ended: it starts on no device. A new build is needed."
        }
        InstallReason::ProfileMissing => "It has no provisioning profile: no device installs it.",
        InstallReason::ProfileUnverified => "Its provisioning profile is not what was signed: no device installs it.",
        InstallReason::DevelopmentProfile => {
            "A development build: developers put it onto their registered devices with Xcode."
        }
        InstallReason::Unsigned => "It is not signed: no device installs it.",
        InstallReason::Simulator => "Built for the simulator: it runs on no device.",
        InstallReason::Encrypted => "Encrypted by the App Store for one account: it starts for nobody else.",
        InstallReason::OtherDevices => "It is for neither iPhone nor iPad.",
        InstallReason::Unreadable => "It cannot be read as an app.",
        InstallReason::NotInspected => "It was not inspected yet, so nothing is known of where it installs.",
        InstallReason::AppBundle => "An App Bundle, for Google Play: it does not install on a device.",
    }
}
