//! Apple's formats, and what `plistlib`, LIEF, `rcodesign` and 7-Zip say of the same files.

use inspect::apple::SignatureState;
use inspect::{Details, Format, Report};

use crate::{fetched, report};

fn codes(report: &Report) -> Vec<&str> {
    report.findings.iter().map(|finding| finding.code.as_str()).collect()
}

#[test]
fn ui_catalog_is_a_simulator_app() {
    let report = report(&fetched("UICatalog8.2.ipa"));
    let Some(Details::Ipa(ipa)) = &report.details else { panic!("{report:?}") };
    assert_eq!(ipa.app, "Payload/UICatalog8.2.app");
    assert_eq!(ipa.bundle_id.as_deref(), Some("com.example.apple-samplecode.UICatalog"));
    assert_eq!((ipa.short_version.as_deref(), ipa.build.as_deref()), (Some("2.12"), Some("2.12")));
    assert_eq!(ipa.display_name.as_deref(), Some("UICatalog"));
    assert_eq!(ipa.device_families, ["iphone", "ipad"]);
    assert_eq!(
        (ipa.architectures.as_slice(), ipa.minimum_os.as_deref()),
        (["x86_64".to_owned()].as_slice(), Some("8.2"))
    );
    assert!(ipa.simulator && !ipa.encrypted && ipa.profile.is_none());
    assert_eq!(ipa.signature.state, SignatureState::Unsigned);
    assert_eq!(report.icon, None, "its icons are only in Assets.car");
    assert_eq!(codes(&report), ["icon-in-catalog", "simulator-build"]);
}

#[test]
fn a_zipped_simulator_app_is_a_zip() {
    assert_eq!(report(&fetched("TestApp7.1.app.zip")).format, Format::Zip);
    assert_eq!(report(&fetched("UICatalog8.2.app.zip")).format, Format::Zip);
}

#[test]
fn terminal_notifier_is_an_unsigned_mac_app() {
    let report = report(&fetched("terminal-notifier-2.0.0.app.zip"));
    let Some(Details::AppZip(app)) = &report.details else { panic!("{report:?}") };
    assert_eq!(app.app, "terminal-notifier.app");
    assert_eq!(app.bundle_id.as_deref(), Some("nl.superalloy.oss.terminal-notifier"));
    assert_eq!((app.short_version.as_deref(), app.build.as_deref()), (Some("1.7.2"), Some("17")));
    assert_eq!(app.display_name.as_deref(), Some("terminal-notifier"));
    assert_eq!(
        (app.minimum_macos.as_deref(), app.architectures.as_slice()),
        (Some("10.8"), ["x86_64".to_owned()].as_slice())
    );
    assert_eq!((app.signature.state, app.stapled), (SignatureState::Unsigned, false));
    assert!(report.icon.is_some(), "{:?}", report.findings);
    assert_eq!(codes(&report), ["unsigned"]);
}

#[test]
fn disk_images_tell_how_they_are_packed() {
    let check = |name: &str, compression: &str| {
        let report = report(&fetched(name));
        let Some(Details::Dmg(dmg)) = &report.details else { panic!("{report:?}") };
        assert_eq!(dmg.compression, [compression], "{name}");
        assert!(dmg.partitions.iter().any(|it| it.name.contains("Apple_APFS")), "{name}");
        assert!(!dmg.encrypted && !dmg.stapled, "{name}");
        assert_eq!((dmg.file_system.as_deref(), dmg.app.as_ref()), (Some("apfs"), None), "{name}");
        assert_eq!(codes(&report), ["unsigned", "no-app"], "{name}");
    };
    check("dmgwiz-bzip2.dmg", "bzip2");
    check("dmgwiz-lzfse.dmg", "lzfse");
}

#[test]
fn raqote_is_an_app_on_a_disk_image() {
    let report = report(&fetched("apple-dmg-example.dmg"));
    let Some(Details::Dmg(dmg)) = &report.details else { panic!("{report:?}") };
    assert_eq!((dmg.compression.join(" ").as_str(), dmg.file_system.as_deref()), ("zlib", Some("fat")));
    assert!(dmg.partitions.iter().any(|it| it.name.contains("DOS_FAT_32")));
    let app = dmg.app.as_ref().unwrap();
    assert_eq!(app.app, "raqote-winit.app");
    assert_eq!(app.bundle_id.as_deref(), Some("com.github.cloudpeers.x.examples.raqote-winit"));
    assert_eq!((app.short_version.as_deref(), app.build.as_deref()), (Some("0.1.0"), None));
    assert_eq!(app.display_name.as_deref(), Some("raqote-winit"));
}

#[test]
fn an_encrypted_disk_image_is_told() {
    let report = report(&fetched("dmgwiz-aes256.dmg"));
    assert!(matches!(&report.details, Some(Details::Dmg(dmg)) if dmg.encrypted));
    assert_eq!(codes(&report), ["encrypted"]);
}
