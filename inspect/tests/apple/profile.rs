//! Provisioning profiles, signed here with `openssl cms` by a certificate made here.

use std::path::Path;
use std::process::Command;

use inspect::apple::{Entitlement, Profile, ProfileKind};
use plist::{Date, Value};

use crate::making::{codes, executable, info_plist, ipa, message, plist_of, report, superblob, zip_of};

struct Signer {
    folder: tempfile::TempDir,
}

impl Signer {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        openssl(
            folder.path(),
            "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=Acme/O=Acme",
        );
        Self { folder }
    }

    /// As Apple's profiles are: DER, content inside, no S/MIME headers.
    fn sign(&self, list: &[u8]) -> Vec<u8> {
        std::fs::write(self.folder.path().join("list"), list).unwrap();
        openssl(
            self.folder.path(),
            "cms -sign -binary -nodetach -outform DER -in list -out signed -signer cert.pem -inkey key.pem",
        );
        std::fs::read(self.folder.path().join("signed")).unwrap()
    }
}

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn list(get_task_allow: bool, expires: &str, further: &[(&str, Value)]) -> Vec<u8> {
    let granted = [
        ("application-identifier".to_owned(), Value::from("ABCDE12345.com.acme.*")),
        ("get-task-allow".to_owned(), Value::from(get_task_allow)),
    ];
    let mut values = vec![
        ("Name", "Acme profile".into()),
        ("UUID", "0a1b".into()),
        ("TeamName", "Acme Inc.".into()),
        ("TeamIdentifier", Value::Array(vec!["ABCDE12345".into()])),
        ("ExpirationDate", Date::from_xml_format(expires).unwrap().into()),
        ("CreationDate", Date::from_xml_format("2019-01-01T00:00:00Z").unwrap().into()),
        ("DeveloperCertificates", Value::Array(vec![Value::Data(vec![1]), Value::Data(vec![2])])),
        ("Entitlements", Value::Dictionary(granted.into_iter().collect())),
    ];
    values.extend_from_slice(further);
    plist_of(&values)
}

fn app_with(profile: &[u8]) -> Vec<u8> {
    let code = executable(2, &superblob(0, &[message(b"x")]));
    zip_of(&[
        ("Payload/Acme.app/Info.plist", &info_plist()),
        ("Payload/Acme.app/Acme", &code),
        ("Payload/Acme.app/embedded.mobileprovision", profile),
    ])
}

fn read(profile: &[u8], findings: &[&str]) -> Option<Profile> {
    let report = report(&app_with(profile));
    assert_eq!(codes(&report), findings);
    let json = serde_json::to_string(&report).unwrap();
    assert!(!json.contains("device-id"), "device ids are personal data");
    ipa(&report).profile.clone()
}

#[test]
fn each_kind_of_profile_is_told() {
    let signer = Signer::new();
    let devices = ("ProvisionedDevices", Value::Array(vec!["device-id-1".into(), "device-id-2".into()]));
    let check = |debug, further: &[(&str, Value)], kind, devices, findings: &[&str]| {
        let profile = read(&signer.sign(&list(debug, "2030-06-01T10:00:00Z", further)), findings).unwrap();
        assert_eq!((profile.kind, profile.devices, profile.verified), (kind, devices, true));
    };
    check(false, &[("ProvisionsAllDevices", true.into())], ProfileKind::Enterprise, 0, &[]);
    check(true, std::slice::from_ref(&devices), ProfileKind::Development, 2, &[]);
    check(false, &[devices], ProfileKind::AdHoc, 2, &[]);
    check(false, &[], ProfileKind::Store, 0, &["store-only"]);
}

#[test]
fn everything_in_a_profile_but_its_devices_is_kept() {
    let profile = read(&Signer::new().sign(&list(false, "2020-06-01T10:00:00Z", &[])), &["store-only"]).unwrap();
    assert_eq!(profile.expires.as_deref(), Some("2020-06-01T10:00:00Z"), "it is past; that is for the caller to judge");
    assert_eq!(profile.created.as_deref(), Some("2019-01-01T00:00:00Z"));
    assert_eq!((profile.name.as_deref(), profile.uuid.as_deref()), (Some("Acme profile"), Some("0a1b")));
    assert_eq!((profile.team_id.as_deref(), profile.team_name.as_deref()), (Some("ABCDE12345"), Some("Acme Inc.")));
    assert_eq!(profile.application_id.as_deref(), Some("ABCDE12345.com.acme.*"));
    assert_eq!(profile.certificates, 2);
    assert_eq!(profile.entitlements["get-task-allow"], Entitlement::Flag(false));
}

#[test]
fn a_profile_whose_message_does_not_hold_is_read_and_not_believed() {
    let signer = Signer::new();
    let list = list(false, "2030-06-01T10:00:00Z", &[("ProvisionsAllDevices", true.into())]);
    let mut changed = signer.sign(&list);
    let at = changed.windows(4).position(|window| window == b"Acme").unwrap();
    changed[at] = b'B';
    assert!(!read(&changed, &["profile-unverified"]).unwrap().verified);
    let bare = read(&[b"0\x80noise".as_slice(), &list, b"more"].concat(), &["profile-unverified"]).unwrap();
    assert_eq!((bare.kind, bare.verified), (ProfileKind::Enterprise, false));
    assert_eq!(read(b"noise", &["profile-unreadable"]), None);
}

#[test]
fn a_profile_for_another_app_is_an_error() {
    let granted = [("application-identifier".to_owned(), Value::from("ABCDE12345.org.other"))];
    let list = plist_of(&[
        ("ProvisionsAllDevices", true.into()),
        ("Entitlements", Value::Dictionary(granted.into_iter().collect())),
    ]);
    read(&Signer::new().sign(&list), &["profile-for-another-app"]);
}
