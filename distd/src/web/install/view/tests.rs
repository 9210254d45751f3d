use std::fmt::Write;

use protocol::api::{ArtifactReport, Release};
use protocol::manifest::{ReleaseManifest, SCHEMA, Source};
use protocol::{Digest, Kind};

use super::*;
use crate::capability::Audience;
use crate::web::install::device::Inside;

/// What a release of everything has: `platform arch kind filename mode`.
const FILES: &[&str] = &[
    "ios universal ipa Acme.ipa enterprise",
    "android aarch64 apk acme-arm64.apk direct",
    "android armv7 apk acme-armv7.apk direct",
    "android universal aab acme.aab artifact_only",
    "android universal apk acme.apk direct",
    "macos aarch64 dmg Acme-arm.dmg direct",
    "macos x86_64 dmg Acme-intel.dmg direct",
    "windows aarch64 exe Acme-arm.exe direct",
    "windows x86_64 exe Acme.exe direct",
    "linux aarch64 tarball acme-arm.tar.gz direct",
    "linux x86_64 tarball acme.tar.gz direct",
    "linux x86_64 deb acme.deb direct",
];

/// A release with these files and TestFlight links.
pub(in crate::web::install) fn shown(files: &[&str], testflight: &[&str]) -> Shown {
    let mut manifest = ReleaseManifest {
        schema: SCHEMA.to_owned(),
        app: "acme".parse().unwrap(),
        version: "2.4.0".parse().unwrap(),
        build: Some("241".parse().unwrap()),
        parent: None,
        created_at: "2026-11-20T09:00:00Z".parse().unwrap(),
        source: Source::default(),
        notes: None,
        artifacts: Vec::new(),
        links: Vec::new(),
    };
    let (mut install, mut reports) = (Vec::new(), Vec::new());
    for text in files {
        let [platform, arch, kind, filename, mode] = text.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let line = ArtifactLine {
            platform: platform.parse().unwrap(),
            arch: arch.parse().unwrap(),
            kind: kind.parse().unwrap(),
            filename: filename.parse().unwrap(),
            size: 1,
            sha256: Digest::of(filename.as_bytes()),
        };
        let (platform, filename, sha256) = (line.platform, line.filename.clone(), line.sha256);
        install.push(way(platform, mode.parse().unwrap(), Some(&line), None));
        reports.push(ArtifactReport { platform, filename, sha256, summary: None, findings: Vec::new() });
        manifest.artifacts.push(line);
    }
    for url in testflight {
        let link = Link { platform: Platform::Ios, kind: LinkKind::Testflight, url: (*url).to_owned() };
        install.push(way(Platform::Ios, InstallMode::Testflight, None, Some(&link)));
        manifest.links.push(link);
    }
    let release = Release {
        app: manifest.app.clone(),
        id: manifest.id(),
        name: manifest.name(),
        published_at: manifest.created_at,
        published_by: "ci".to_owned(),
        channels: Vec::new(),
        size_bytes: manifest.size_bytes(),
        manifest,
        reports,
        install,
        revoked: None,
    };
    Shown { name: "Acme".to_owned(), channel: None, release, icons: Vec::new(), audience: Audience::Anyone }
}

fn way(platform: Platform, mode: InstallMode, line: Option<&ArtifactLine>, invitation: Option<&Link>) -> Install {
    Install {
        platform,
        mode,
        reason: (mode == InstallMode::None).then_some(InstallReason::ProfileExpired),
        filename: line.map(|line| line.filename.clone()),
        sha256: line.map(|line| line.sha256),
        url: invitation.map(|link| link.url.clone()),
        devices: None,
        expires: None,
        days_left: invitation.map(|_| 88),
    }
}

fn places(shown: &Shown, has_https: bool) -> Vec<Place> {
    let place = |line: &ArtifactLine| Place {
        file: format!("/artifacts/{}", line.filename),
        install: (has_https && line.kind == Kind::Ipa).then(|| "itms-services://x".to_owned()),
    };
    shown.release.manifest.artifacts.iter().map(place).collect()
}

/// What comes first, in words: the way out of an app, then the action of each platform of the device.
fn first(shown: &Shown, device: &Device, has_https: bool) -> String {
    let places = places(shown, has_https);
    let view = View { shown, device, places: &places, is_for_makers: false };
    let sections = view.sections();
    let mut text = match device.inside {
        Some(Inside::Named(name)) => format!("leave {name}, then "),
        Some(Inside::Unnamed) => "leave the app, then ".to_owned(),
        None => String::new(),
    };
    let own = &sections[..view.own(&sections)];
    if own.is_empty() {
        text.push_str("all platforms");
    }
    for (at, section) in own.iter().enumerate() {
        let before = if at == 0 { "" } else { ", " };
        let act = match view.action(section) {
            Action::Install(item, _) => format!("install {}", item.line.filename),
            Action::OnDevice(item) => format!("open on the device for {}", item.line.filename),
            Action::NeedsHttps(item) => format!("no https for {}", item.line.filename),
            Action::Open(link) => format!("open {}", link.kind),
            Action::Download(item) => format!("download {}", item.line.filename),
            Action::Nothing(reason) => format!("nothing: {}", reason.map_or("", |reason| reason.as_str())),
        };
        write!(text, "{before}{act}").unwrap();
    }
    text
}

fn check(agent: &str, hints: (&str, &str), expect: &str) {
    let device = Device::read(agent, hints.0, hints.1);
    assert_eq!(first(&shown(FILES, &[]), &device, true), expect, "{agent} {hints:?}");
}

const NONE: (&str, &str) = ("", "");

#[test]
fn phones_and_tablets_get_what_installs_on_them() {
    let webkit = "AppleWebKit/605.1.15 (KHTML, like Gecko)";
    let ios = |rest: &str| format!("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {webkit} {rest}");
    check(&ios("Version/18.1 Mobile/15E148 Safari/604.1"), NONE, "install Acme.ipa");
    check(&ios("CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1"), NONE, "install Acme.ipa");
    check(&ios("FxiOS/132.0 Mobile/15E148 Safari/605.1.15"), NONE, "install Acme.ipa");
    let pad = format!("Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) {webkit} Version/12.1 Mobile/15E148 Safari/604.1");
    check(&pad, NONE, "install Acme.ipa");
    let android = |device: &str, rest: &str| {
        format!("Mozilla/5.0 (Linux; {device}) AppleWebKit/537.36 (KHTML, like Gecko) {rest}")
    };
    let chrome = "Chrome/131.0.0.0 Mobile Safari/537.36";
    check(&android("Android 10; K", chrome), NONE, "download acme.apk");
    check(&android("Android 10; K", chrome), ("\"arm\"", "\"64\""), "download acme-arm64.apk");
    check(&android("Android 10; K", chrome), ("\"arm\"", "\"32\""), "download acme-armv7.apk");
    check(&android("Android 10; K", chrome), ("\"\"", "\"\""), "download acme.apk");
    check(&android("Android 14; SM-X910", "Chrome/131.0.0.0 Safari/537.36"), NONE, "download acme.apk");
    check(
        &android("Android 9; SM-G950F", "SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36"),
        NONE,
        "download acme.apk",
    );
    check("Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0", NONE, "download acme.apk");
    check(
        &android(
            "U; Android 13; zh-cn; 2211133C Build/TKQ1",
            "Version/4.0 Chrome/100.0 MQQBrowser/14 Mobile Safari/537.36",
        ),
        NONE,
        "download acme.apk",
    );
}

#[test]
fn computers_get_their_system_and_what_may_be_an_ipad_gets_both() {
    let mac = |rest: &str| format!("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {rest}");
    let blink = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";
    let safari = mac("AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15");
    check(&safari, NONE, "download Acme-arm.dmg, install Acme.ipa");
    check(&mac(blink), NONE, "download Acme-arm.dmg");
    check(&mac(blink), ("\"arm\"", "\"64\""), "download Acme-arm.dmg");
    check(&mac(blink), ("\"x86\"", "\"64\""), "download Acme-intel.dmg");
    check(
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:132.0) Gecko/20100101 Firefox/132.0",
        NONE,
        "download Acme-arm.dmg",
    );
    let windows = format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {blink}");
    check(&windows, NONE, "download Acme.exe");
    check(&format!("{windows} Edg/131.0.0.0"), ("\"arm\"", "\"64\""), "download Acme-arm.exe");
    check(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0",
        NONE,
        "download Acme.exe",
    );
    check(&format!("Mozilla/5.0 (X11; Linux x86_64) {blink}"), NONE, "download acme.tar.gz");
    check(
        "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
        NONE,
        "download acme.tar.gz",
    );
    check("Mozilla/5.0 (X11; Linux aarch64; rv:128.0) Gecko/20100101 Firefox/128.0", NONE, "download acme-arm.tar.gz");
    let chromebook = format!("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {blink}");
    check(&chromebook, NONE, "download acme.tar.gz, download acme.apk");
    check(
        &format!("Mozilla/5.0 (X11; CrOS aarch64 14541.0.0) {blink}"),
        NONE,
        "download acme-arm.tar.gz, download acme-arm64.apk",
    );
}

#[test]
fn apps_that_block_installs_are_to_be_left_first() {
    let iphone = |rest: &str| {
        format!(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) {rest}"
        )
    };
    let in_app = |rest: &str| {
        format!(
            "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/AP2A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/131.0.0.0 Mobile Safari/537.36 {rest}"
        )
    };
    check(
        &iphone("Mobile/15E148 MicroMessenger/8.0.53(0x18003531) NetType/WIFI Language/zh_CN"),
        NONE,
        "leave WeChat, then install Acme.ipa",
    );
    check(
        &iphone("Mobile/21G93 [FBAN/FBIOS;FBAV/490.0.0.34.104;FBBV/665337277]"),
        NONE,
        "leave Facebook, then install Acme.ipa",
    );
    check(&iphone("Mobile/15E148 Safari Line/14.19.0"), NONE, "leave LINE, then install Acme.ipa");
    check(
        &iphone("Mobile/15E148 Instagram 356.0.0.26.80 (iPhone15,2; iOS 17_6)"),
        NONE,
        "leave Instagram, then install Acme.ipa",
    );
    check(&iphone("Mobile/15E148 Slack/24.11.20"), NONE, "leave Slack, then install Acme.ipa");
    check(&iphone("Mobile/15E148"), NONE, "leave the app, then install Acme.ipa");
    check(&in_app("[FB_IAB/FB4A;FBAV/489.0.0.46.78;]"), NONE, "leave Facebook, then download acme.apk");
    check(
        &in_app("XWEB/1160117 MMWEBSDK/20240404 MicroMessenger/8.0.49.2600(0x2800313D) WeChat/arm64"),
        NONE,
        "leave WeChat, then download acme-arm64.apk",
    );
    check(&in_app("musical_ly_2023700010"), NONE, "leave TikTok, then download acme.apk");
    check(&in_app(""), NONE, "leave the app, then download acme.apk");
}

#[test]
fn programs_get_everything() {
    for agent in [
        "curl/8.5.0",
        "Wget/1.21.4",
        "",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "WhatsApp/2.24.20.89 A",
        "TelegramBot (like TwitterBot)",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0",
    ] {
        check(agent, NONE, "all platforms");
    }
}

#[test]
fn nothing_is_offered_as_an_installation_that_is_none() {
    let iphone =
        Device::read("Mozilla/5.0 (iPhone; …) AppleWebKit/605.1.15 Version/18.1 Mobile/15E148 Safari/604.1", "", "");
    let windows = Device::read("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Gecko/20100101 Firefox/132.0", "", "");
    let check = |files: &[&str], links: &[&str], has_https: bool, expect: &str| {
        assert_eq!(first(&shown(files, links), &iphone, has_https), expect, "{files:?} {links:?}");
    };
    let (expired, raw) = ("ios universal ipa Acme.ipa none", "ios universal ipa Acme.ipa artifact_only");
    check(&[expired], &[], true, "nothing: profile_expired");
    check(&[raw], &[], true, "nothing: ");
    check(&[expired], &["https://testflight.apple.com/join/x"], true, "open testflight");
    check(&["ios universal ipa Acme.ipa ad_hoc"], &[], false, "no https for Acme.ipa");
    let ad_hoc = shown(&["ios universal ipa Acme.ipa ad_hoc"], &[]);
    let there = places(&ad_hoc, true);
    let view = View { shown: &ad_hoc, device: &windows, places: &there, is_for_makers: false };
    let sections = view.sections();
    assert_eq!(view.own(&sections), 0);
    assert!(matches!(view.action(&sections[0]), Action::OnDevice(_)), "from elsewhere there is no tap that installs");
    let makers = shown(&[raw, "android universal aab acme.aab artifact_only"], &[]);
    let there = places(&makers, true);
    let view = View { shown: &makers, device: &windows, places: &there, is_for_makers: false };
    assert!(view.sections().iter().flat_map(|section| section.items.clone()).all(|item| !view.hands_out(&item)));
}
