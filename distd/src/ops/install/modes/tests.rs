use inspect::Format;
use serde_json::json;

use super::*;

const NOW: &str = "2026-11-22T09:00:00Z";

/// A signed app for iPhones with this profile, changed as the case says.
fn ipa(profile: &serde_json::Value, change: impl Fn(&mut Ipa)) -> Report {
    let signature = json!({"state": "signed", "identifier": null, "team_id": null, "hardened_runtime": false, "certificates": [],
        "entitlements": {}});
    let mut ipa: Ipa = serde_json::from_value(json!({
        "app": "Payload/Acme.app", "bundle_id": "com.acme.app", "short_version": "2.4", "build": "210",
        "display_name": "Acme", "minimum_os": "16.0", "device_families": ["iphone"], "architectures": ["aarch64"],
        "simulator": false, "encrypted": false, "profile": profile, "signature": signature, "frameworks": [],
        "extensions": [], "privacy_manifest": false,
    }))
    .unwrap();
    change(&mut ipa);
    report(Format::Ipa, Some(Details::Ipa(Box::new(ipa))))
}

fn report(format: Format, details: Option<Details>) -> Report {
    Report { inspector: 1, format, size_bytes: 1, details, icon: None, findings: Vec::new(), entries: None }
}

fn profile(kind: &str, expires: &str) -> serde_json::Value {
    json!({"kind": kind, "name": null, "uuid": null, "team_id": null, "team_name": null, "application_id": null,
        "created": null, "expires": expires, "devices": 12, "certificates": 1, "entitlements": {}, "verified": true})
}

fn line(platform: Platform, kind: Kind) -> ArtifactLine {
    ArtifactLine {
        platform,
        arch: protocol::Arch::universal(),
        kind,
        filename: "acme".parse().unwrap(),
        size: 1,
        sha256: Digest::of(b""),
    }
}

/// Mode, reason, devices, days left.
fn check(line: &ArtifactLine, report: Option<&Report>, expect: (&str, Option<&str>, Option<u64>, Option<u64>)) {
    let way = of_artifact(line, report, NOW.parse().unwrap());
    let found = (way.mode.as_str(), way.reason.map(InstallReason::as_str), way.devices, way.days_left);
    assert_eq!(found, expect, "{report:?}");
}

#[test]
fn each_kind_of_profile_has_its_mode() {
    let ios = line(Platform::Ios, Kind::Ipa);
    let later = "2027-06-22T10:00:00Z";
    let of = |kind: &str, expires: &str| ipa(&profile(kind, expires), |_| {});
    check(&ios, Some(&of("enterprise", later)), ("enterprise", None, None, Some(212)));
    check(&ios, Some(&of("ad-hoc", later)), ("ad_hoc", None, Some(12), Some(212)));
    let development = ("artifact_only", Some("development_profile"), Some(12), Some(212));
    check(&ios, Some(&of("development", later)), development);
    check(&ios, Some(&of("store", later)), ("none", Some("store_profile"), None, Some(212)));
    check(&ios, Some(&of("enterprise", "2026-11-22T09:00:01Z")), ("enterprise", None, None, Some(0)));
    check(&ios, Some(&of("enterprise", NOW)), ("none", Some("profile_expired"), None, Some(0)));
    check(&ios, Some(&of("ad-hoc", "2020-01-01T00:00:00Z")), ("none", Some("profile_expired"), Some(12), Some(0)));
    check(&ios, Some(&of("store", "2020-01-01T00:00:00Z")), ("none", Some("store_profile"), None, Some(0)));
}

#[test]
fn what_no_device_takes_is_never_an_install() {
    let ios = line(Platform::Ios, Kind::Ipa);
    let good = profile("enterprise", "2027-06-22T10:00:00Z");
    let days = Some(212);
    check(&ios, None, ("artifact_only", Some("not_inspected"), None, None));
    check(&ios, Some(&report(Format::File, None)), ("artifact_only", Some("unreadable"), None, None));
    let without = ipa(&serde_json::Value::Null, |_| {});
    check(&ios, Some(&without), ("artifact_only", Some("profile_missing"), None, None));
    let broken = |change: fn(&mut Ipa)| ipa(&good, change);
    let only = |reason| ("artifact_only", Some(reason), None, days);
    check(&ios, Some(&broken(|ipa| ipa.simulator = true)), only("simulator"));
    check(&ios, Some(&broken(|ipa| ipa.signature.state = SignatureState::Unsigned)), only("unsigned"));
    check(&ios, Some(&broken(|ipa| ipa.bundle_id = None)), only("unreadable"));
    check(&ios, Some(&broken(|ipa| ipa.device_families = vec!["tv".to_owned()])), only("other_devices"));
    check(&ios, Some(&broken(|ipa| ipa.encrypted = true)), ("none", Some("encrypted"), None, days));
    let unverified = broken(|ipa| ipa.profile.as_mut().unwrap().verified = false);
    check(&ios, Some(&unverified), only("profile_unverified"));
    check(&line(Platform::Ios, Kind::Zip), None, ("artifact_only", Some("unreadable"), None, None));
    check(&line(Platform::Android, Kind::Aab), None, ("artifact_only", Some("app_bundle"), None, None));
}

#[test]
fn elsewhere_the_file_itself_is_what_is_installed() {
    for (platform, kind) in [
        (Platform::Android, Kind::Apk),
        (Platform::Macos, Kind::Dmg),
        (Platform::Windows, Kind::Msix),
        (Platform::Linux, Kind::File),
        (Platform::Any, Kind::Zip),
    ] {
        check(&line(platform, kind), None, ("direct", None, None, None));
    }
}

#[test]
fn an_invitation_lasts_ninety_days_from_the_making_of_its_release() {
    let link = Link {
        platform: Platform::Ios,
        kind: LinkKind::Testflight,
        url: "https://testflight.apple.com/join/abc".to_owned(),
    };
    let left = |made_at: &str| {
        let way = of_invitation(&link, made_at.parse().unwrap(), NOW.parse().unwrap());
        assert_eq!((way.mode, way.url.as_deref()), (InstallMode::Testflight, Some(link.url.as_str())));
        way.days_left
    };
    assert_eq!(left(NOW), Some(90));
    assert_eq!(left("2026-11-20T10:00:00Z"), Some(88));
    assert_eq!(left("2026-01-01T00:00:00Z"), Some(0));
}
