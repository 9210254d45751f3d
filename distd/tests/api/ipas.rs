//! Apps for iPhones, with profiles of each kind, signed here with `openssl cms`.

use std::path::Path;
use std::process::Command;

use plist::{Date, Dictionary, Value};
use protocol::manifest::ReleaseManifest;
use protocol::{Kind, Platform};
use tempfile::TempDir;

use crate::harness::release;

#[path = "../../../inspect/tests/apple/making.rs"]
#[allow(dead_code, reason = "what the tests of inspect need beside it")]
mod making;

/// The kind of a profile.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    Enterprise,
    AdHoc,
    Development,
    Store,
}

/// Someone whose certificate signs profiles.
pub(crate) struct Signer(TempDir);

impl Signer {
    pub(crate) fn new() -> Self {
        let signer = Self(tempfile::tempdir().unwrap());
        signer.openssl("req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=Acme/O=Acme");
        signer
    }

    /// An app whose profile is of this kind and ends then.
    pub(crate) fn app(&self, profile: Profile, expires: &str) -> Vec<u8> {
        let code = making::executable(2, &making::superblob(0, &[making::message(b"x")]));
        making::zip_of(&[
            ("Payload/Acme.app/Info.plist", &info_plist()),
            ("Payload/Acme.app/Acme", &code),
            ("Payload/Acme.app/AppIcon60x60@2x.png", &icon()),
            ("Payload/Acme.app/embedded.mobileprovision", &self.sign(&list(profile, expires))),
        ])
    }

    fn sign(&self, list: &[u8]) -> Vec<u8> {
        std::fs::write(self.0.path().join("list"), list).unwrap();
        self.openssl("cms -sign -binary -nodetach -outform DER -in list -out signed -signer cert.pem -inkey key.pem");
        std::fs::read(self.0.path().join("signed")).unwrap()
    }

    fn openssl(&self, arguments: &str) {
        let folder: &Path = self.0.path();
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn info_plist() -> Vec<u8> {
    let icon = |name: &str| Value::Array(vec![name.into()]);
    let files: Dictionary = [("CFBundleIconFiles".to_owned(), icon("AppIcon60x60"))].into_iter().collect();
    let primary: Dictionary = [("CFBundlePrimaryIcon".to_owned(), Value::Dictionary(files))].into_iter().collect();
    making::plist_of(&[
        ("CFBundleIdentifier", "com.acme.app".into()),
        ("CFBundleShortVersionString", "2.4".into()),
        ("CFBundleVersion", "210".into()),
        ("CFBundleDisplayName", "Acme & Co".into()),
        ("CFBundleExecutable", "Acme".into()),
        ("MinimumOSVersion", "16.0".into()),
        ("UIDeviceFamily", Value::Array(vec![1.into(), 2.into()])),
        ("CFBundleIcons", Value::Dictionary(primary)),
    ])
}

/// What another test's package has as its icon.
fn icon() -> Vec<u8> {
    let apk = include_bytes!("../../../fixtures/ContactManager.apk");
    let report = inspect::inspect(std::io::Cursor::new(apk), apk.len() as u64, &inspect::Limits::default()).unwrap();
    report.icon.unwrap().png
}

fn list(profile: Profile, expires: &str) -> Vec<u8> {
    let is_debuggable = matches!(profile, Profile::Development);
    let granted: Dictionary = [
        ("application-identifier".to_owned(), Value::from("ABCDE12345.com.acme.*")),
        ("get-task-allow".to_owned(), Value::from(is_debuggable)),
    ]
    .into_iter()
    .collect();
    let devices = || ("ProvisionedDevices", Value::Array(vec!["device-id-1".into(), "device-id-2".into()]));
    let mut values = vec![
        ("Name", "Acme profile".into()),
        ("TeamIdentifier", Value::Array(vec!["ABCDE12345".into()])),
        ("ExpirationDate", Date::from_xml_format(expires).unwrap().into()),
        ("Entitlements", Value::Dictionary(granted)),
    ];
    match profile {
        Profile::Enterprise => values.push(("ProvisionsAllDevices", true.into())),
        Profile::AdHoc | Profile::Development => values.push(devices()),
        Profile::Store => {}
    }
    making::plist_of(&values)
}

/// A release of one app for iPhones.
pub(crate) fn ios_release(version: &str, ipa: &[u8]) -> ReleaseManifest {
    let mut manifest = release(version, &[("Acme App.ipa", ipa)]);
    manifest.artifacts[0].platform = Platform::Ios;
    manifest.artifacts[0].kind = Kind::Ipa;
    manifest
}
