//! Android packages, against what aapt and apksigner say of them.

use inspect::Details;
use inspect::formats::apk::{Apk, Scheme, Verification};

use super::{fetched, report};

fn apk(name: &str) -> Apk {
    match report(&fetched(name)).details {
        Some(Details::Apk(apk)) => *apk,
        other => panic!("{name}: {other:?}"),
    }
}

fn schemes(apk: &Apk) -> Vec<(Scheme, Verification)> {
    apk.signatures.iter().map(|signature| (signature.scheme, signature.verification)).collect()
}

fn signer(apk: &Apk) -> &str {
    &apk.signatures.last().unwrap().certificate.as_ref().unwrap().sha256
}

const V1: (Scheme, Verification) = (Scheme::V1, Verification::Verified);
/// With a newer signature beside it.
const V1_LIST: (Scheme, Verification) = (Scheme::V1, Verification::ManifestVerified);
const V2: (Scheme, Verification) = (Scheme::V2, Verification::Verified);
const V3: (Scheme, Verification) = (Scheme::V3, Verification::Verified);

#[test]
fn packages_say_what_aapt_and_apksigner_print() {
    let check = |name, package, code, version, label, permissions: usize, signed: &[_], sha256| {
        let apk = apk(name);
        assert_eq!(apk.package.as_deref(), Some(package), "{name}");
        assert_eq!((apk.version_code, apk.version_name.as_deref()), (code, version), "{name}");
        assert_eq!(apk.label.as_deref(), label, "{name}");
        assert_eq!(apk.permissions.len(), permissions, "{name}");
        assert_eq!(schemes(&apk), signed, "{name}");
        assert_eq!(signer(&apk), sha256, "{name}");
    };
    let settings = "680dbbc39ab0944796c811b636ace510c8e551317087036cebab0751b0a6190c";
    let aosp = "a40da80a59d170caa950cf15c18c454d47a39b26989d8b640ecd745ba71bf5dc";
    let demos_5 = "18e8534fed30cbf9959e4073e723e3395a3f92fd6b41756d5fbc788f280c1107";
    let demos_1 = "cf18539c9d3b017a92ccc52c6c58087cc65462707916956defcaac5f0de47470";
    let atx = "7aca838927a60989e47856b863e1e772f1d6974534e3241fdc09dae561300860";
    let name = "io.appium.settings";
    check("appium-settings-8.0.10.apk", name, Some(192), Some("8.0.10"), Some("Appium Settings"), 27, &[V2], settings);
    let name = "io.appium.uiautomator2.server";
    check("appium-uiautomator2-server-10.6.6.apk", name, Some(278), Some("10.6.6"), None, 9, &[V1_LIST, V2, V3], aosp);
    let name = "io.appium.android.apis";
    check("ApiDemos-5.0.0.apk", name, Some(25), Some("5.0.0"), Some("API Demos"), 14, &[V1_LIST, V2], demos_5);
    check("ApiDemos-1.1.2.apk", name, None, None, Some("API Demos"), 12, &[V1], demos_1);
    let name = "com.github.uiautomator";
    check("app-uiautomator-3.7.1.apk", name, Some(2_004_001), Some("2.4.0"), Some("ATX"), 12, &[V1_LIST, V2], atx);
}

#[test]
fn a_changed_byte_breaks_the_signature() {
    let mut bytes = fetched("appium-settings-8.0.10.apk");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let report = report(&bytes);
    let Some(Details::Apk(apk)) = &report.details else { panic!("{report:?}") };
    assert_eq!(schemes(apk), [(Scheme::V2, Verification::Failed)]);
    assert!(report.findings.iter().any(|finding| finding.code == "signature-wrong"));
}
