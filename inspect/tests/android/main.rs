//! Reports on Android packages and bundles, and on plain ZIP archives.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Cursor, Write};
use std::path::Path;

use inspect::formats::aab::Aab;
use inspect::formats::apk::{Apk, Scheme};
use inspect::{Details, Limits, Report, Severity, inspect};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(name)).unwrap()
}

fn report(bytes: &[u8]) -> Report {
    inspect(Cursor::new(bytes), bytes.len() as u64, &Limits::default()).unwrap()
}

fn apk(report: &Report) -> &Apk {
    let Some(Details::Apk(apk)) = &report.details else { panic!("{report:?}") };
    apk
}

fn codes(report: &Report) -> Vec<&str> {
    report.findings.iter().map(|finding| finding.code.as_str()).collect()
}

fn zip_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn an_unreleased_platform_is_told_by_its_codename() {
    let report = report(&fixture("HelloActivity.apk"));
    let apk = apk(&report);
    assert_eq!(apk.package.as_deref(), Some("com.example.android.helloactivity"));
    assert_eq!(apk.version_code, Some(13));
    assert_eq!(apk.version_name.as_deref(), Some("IceCreamSandwich-eng.hackbod.20110809.163451"));
    assert_eq!(
        (apk.min_sdk.as_deref(), apk.target_sdk.as_deref()),
        (Some("IceCreamSandwich"), Some("IceCreamSandwich"))
    );
    assert_eq!(apk.label.as_deref(), Some("Hello, Activity!"));
    assert_eq!(apk.launchable.as_deref(), Some("com.example.android.helloactivity.HelloActivity"));
    assert!(report.icon.is_none() && !apk.debuggable && codes(&report).is_empty(), "{report:?}");
    assert_eq!(report.entries.unwrap().count, 7);
}

#[test]
fn a_package_tells_its_name_icon_and_signer() {
    let report = report(&fixture("ContactManager.apk"));
    let apk = apk(&report);
    assert_eq!(apk.package.as_deref(), Some("com.example.android.contactmanager"));
    assert_eq!((apk.version_code, apk.version_name.as_deref()), (Some(1), Some("1.0")));
    assert_eq!((apk.min_sdk.as_deref(), apk.target_sdk.as_deref()), (Some("5"), Some("5")));
    assert_eq!(apk.label.as_deref(), Some("Contact Manager"));
    assert_eq!(
        apk.permissions,
        ["GET_ACCOUNTS", "READ_CONTACTS", "WRITE_CONTACTS"].map(|name| format!("android.permission.{name}"))
    );
    let [signature] = apk.signatures.as_slice() else { panic!("{apk:?}") };
    let sha256 = &signature.certificate.as_ref().unwrap().sha256;
    assert_eq!(sha256, "a40da80a59d170caa950cf15c18c454d47a39b26989d8b640ecd745ba71bf5dc");
    assert_eq!(signature.scheme, Scheme::V1);
    assert_eq!(report.icon.as_ref().unwrap().path, "res/drawable-hdpi/icon.png");
    assert_eq!(codes(&report), ["debuggable"]);
}

#[test]
fn damaged_packages_get_a_report() {
    for name in ["HelloActivity.apk", "ContactManager.apk"] {
        let bytes = fixture(name);
        let mut seed = 0x9e37_79b9_7f4a_7c15u64;
        let mut next = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(seed >> 33).unwrap() % below
        };
        for _ in 0..400 {
            let mut flipped = bytes.clone();
            flipped[next(bytes.len())] ^= 1 << next(8);
            report(&flipped);
            report(&bytes[..next(bytes.len())]);
        }
    }
}

/// A protocol buffer field of bytes.
fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let len = u8::try_from(bytes.len()).unwrap();
    let mut field = vec![tag << 3 | 2];
    field.extend(if len < 128 { vec![len] } else { vec![len, 1] });
    field.extend_from_slice(bytes);
    field
}

fn attribute(namespace: &str, name: &str, value: &str) -> Vec<u8> {
    field(4, &[field(1, namespace.as_bytes()), field(2, name.as_bytes()), field(3, value.as_bytes())].concat())
}

#[test]
fn a_bundle_is_never_installable() {
    const ANDROID: &str = "http://schemas.android.com/apk/res/android";
    let sdk = field(1, &[field(3, b"uses-sdk"), attribute(ANDROID, "minSdkVersion", "24")].concat());
    let root = [field(3, b"manifest"), attribute("", "package", "com.acme"), attribute(ANDROID, "versionCode", "7")];
    let manifest = field(1, &[root.concat(), field(5, &sdk)].concat());
    let report = report(&zip_of(&[
        ("BundleConfig.pb", b""),
        ("base/manifest/AndroidManifest.xml", &manifest),
        ("maps/manifest/AndroidManifest.xml", &manifest),
        ("base/lib/arm64-v8a/libacme.so", b"x"),
    ]));
    let expected = Aab {
        package: Some("com.acme".into()),
        version_name: None,
        version_code: Some(7),
        min_sdk: Some("24".into()),
        target_sdk: None,
        modules: vec!["base".into(), "maps".into()],
        abis: vec!["arm64-v8a".into()],
    };
    assert_eq!(report.details, Some(Details::Aab(Box::new(expected))));
    assert_eq!(codes(&report), ["never-installable"]);
}

#[test]
fn an_archive_tells_its_folder_and_its_executables() {
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(64, 0);
    elf[18] = 62;
    let report = report(&zip_of(&[("acme/bin/acme", &elf), ("acme/README", b"hello")]));
    let Some(Details::Zip(zip)) = &report.details else { panic!("{report:?}") };
    assert_eq!(zip.top_folder.as_deref(), Some("acme"));
    assert_eq!(zip.executables[0].architectures, ["x86_64"]);
    assert!(codes(&report).is_empty());
}

#[test]
fn entries_that_two_readers_see_differently_are_reported() {
    let check = |from: &[u8], to: &[u8], code: &str| {
        let mut bytes = zip_of(&[("aaaaaaa", b"one"), ("bbbbbbb", b"two")]);
        for at in 0..bytes.len() - from.len() {
            if bytes[at..].starts_with(from) {
                bytes[at..at + to.len()].copy_from_slice(to);
            }
        }
        let report = report(&bytes);
        let found = report.findings.iter().find(|finding| finding.code == code);
        assert_eq!(found.map(|finding| finding.severity), Some(Severity::Error), "{code}: {report:?}");
    };
    check(b"bbbbbbb", b"aaaaaaa", "duplicate-entry");
    check(b"bbbbbbb", b"../../b", "path-traversal");
}
