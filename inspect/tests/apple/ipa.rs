//! Archives for iOS.

use inspect::Format;
use inspect::apple::SignatureState;

use crate::making::{codes, entitlements, executable, fixture, info_plist, ipa, message, report, superblob, zip_of};

#[test]
fn the_simulator_app_of_the_fixtures_is_read() {
    let report = report(&fixture("TestApp7.1.ipa"));
    insta::assert_json_snapshot!(report, { ".icon.png" => "[png]" });
}

/// What `plistlib`, LIEF and `rcodesign` say of `TestApp7.1`.
#[test]
fn the_simulator_app_of_the_fixtures_is_what_other_tools_say() {
    let report = report(&fixture("TestApp7.1.ipa"));
    let ipa = ipa(&report);
    assert_eq!(ipa.app, "Payload/TestApp.app");
    assert_eq!(ipa.bundle_id.as_deref(), Some("io.appium.TestApp"));
    assert_eq!((ipa.short_version.as_deref(), ipa.build.as_deref()), (Some("1.0"), Some("1.0")));
    assert_eq!(ipa.display_name.as_deref(), Some("TestApp"));
    assert_eq!(
        (ipa.minimum_os.as_deref(), ipa.device_families.as_slice()),
        (Some("6.1"), ["iphone".to_owned()].as_slice())
    );
    assert_eq!(ipa.architectures, ["x86"]);
    assert!(ipa.simulator && ipa.profile.is_none() && ipa.frameworks.is_empty());
    assert_eq!(ipa.signature.state, SignatureState::Unsigned);
}

#[test]
fn what_is_inside_an_app_is_found() {
    let runtime = superblob(0, &[message(b"x"), entitlements(&[("get-task-allow", true.into())])]);
    let (info, code) = (info_plist(), executable(2, &runtime));
    let bytes = zip_of(&[
        ("Payload/Acme.app/Info.plist", &info),
        ("Payload/Acme.app/Acme", &code),
        ("Payload/Acme.app/PrivacyInfo.xcprivacy", b""),
        ("Payload/Acme.app/Frameworks/B.framework/B", b""),
        ("Payload/Acme.app/Frameworks/B.framework/Info.plist", b""),
        ("Payload/Acme.app/Frameworks/libA.dylib", b""),
        ("Payload/Acme.app/PlugIns/Share.appex/Info.plist", &info),
        ("Payload/Acme.app/Watch/W.app/Info.plist", b"broken"),
    ]);
    let report = report(&bytes);
    let ipa = ipa(&report);
    assert_eq!(ipa.device_families, ["iphone", "ipad"]);
    assert_eq!(ipa.minimum_os.as_deref(), Some("16.0"));
    assert_eq!(ipa.architectures, ["aarch64"]);
    assert!(ipa.privacy_manifest && !ipa.simulator && !ipa.encrypted);
    assert_eq!(ipa.frameworks, ["B.framework", "libA.dylib"]);
    let extensions: Vec<_> = ipa.extensions.iter().map(|it| (it.path.as_str(), it.bundle_id.as_deref())).collect();
    assert_eq!(extensions, [("PlugIns/Share.appex", Some("com.acme.app")), ("Watch/W.app", None)]);
    assert_eq!(ipa.signature.state, SignatureState::Signed);
    assert_eq!(ipa.signature.team_id.as_deref(), Some("ABCDE12345"));
    assert_eq!(ipa.signature.identifier.as_deref(), Some("com.acme.app"));
    assert!(ipa.signature.entitlements.contains_key("get-task-allow"));
    assert_eq!(codes(&report), ["profile-missing"]);
}

#[test]
fn what_keeps_devices_from_installing_is_said() {
    let check = |files: &[(&str, &[u8])], expected: &[&str]| assert_eq!(codes(&report(&zip_of(files))), expected);
    let (info, unsigned, simulator) = (info_plist(), executable(2, b""), executable(7, b""));
    check(
        &[("out/Payload/A.app/Info.plist", &info), ("out/Payload/A.app/Acme", &simulator)],
        &["payload-not-at-root", "simulator-build"],
    );
    check(&[("Payload/A.app/Info.plist", &info), ("Payload/A.app/Acme", &unsigned)], &["unsigned", "profile-missing"]);
    check(&[("Payload/A.app/Info.plist", &info)], &["executable-missing", "unsigned", "profile-missing"]);
    check(
        &[("Payload/A.app/Info.plist", b"<plist><dict/></plist>"), ("Payload/A.app/A", b"")],
        &["executable-missing", "bundle-id-missing", "version-missing", "unsigned", "profile-missing"],
    );
    check(&[("Payload/A.app/Info.plist", b"no list")], &["info-plist-unreadable"]);
    check(
        &[("Payload/A.app/Info.plist", &info), ("Payload/A.app/Acme", b"#!/bin/sh")],
        &["executable-unreadable", "unsigned", "profile-missing"],
    );
}

#[test]
fn a_text_that_is_called_ipa_is_none() {
    let report = report(b"This is no IPA\n");
    assert_eq!((report.format, report.details), (Format::File, None));
}
