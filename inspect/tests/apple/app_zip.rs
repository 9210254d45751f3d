//! Zipped macOS apps.

use inspect::apple::{Entitlement, SignatureState};

use crate::making::{
    app_zip, codes, entitlements, executable, info_plist, message, plist_of, report, superblob, zip_of,
};

const RUNTIME: u32 = 0x1_0000;
const AD_HOC: u32 = 2;
const LINKER_SIGNED: u32 = 0x2_0000;

fn app(signature: &[u8], further: &[(&str, &[u8])]) -> Vec<u8> {
    let (info, code) = (info_plist(), executable(1, signature));
    let mut files: Vec<(&str, &[u8])> = vec![
        ("Acme.app/Contents/Frameworks/Helper.app/Contents/Info.plist", b"a helper's"),
        ("__MACOSX/Acme.app/Contents/Info.plist", b"a fork"),
        ("Acme.app/Contents/Info.plist", &info),
        ("Acme.app/Contents/MacOS/Acme", &code),
    ];
    files.extend_from_slice(further);
    zip_of(&files)
}

#[test]
fn every_state_of_signature_is_told() {
    let check = |signature: &[u8], further: &[(&str, &[u8])], state, stapled, findings: &[&str]| {
        let report = report(&app(signature, further));
        let app = app_zip(&report);
        assert_eq!((app.app.as_str(), app.signature.state, app.stapled), ("Acme.app", state, stapled));
        assert_eq!(codes(&report), findings);
    };
    let ticket: (&str, &[u8]) = ("Acme.app/Contents/CodeResources", b"s8ch");
    check(b"", &[], SignatureState::Unsigned, false, &["unsigned"]);
    check(&superblob(AD_HOC, &[]), &[], SignatureState::AdHoc, false, &["ad-hoc-signed"]);
    check(&superblob(AD_HOC | LINKER_SIGNED, &[]), &[], SignatureState::LinkerSigned, false, &["unsigned"]);
    let signed = superblob(RUNTIME, &[message(b"x")]);
    check(&signed, &[], SignatureState::Signed, false, &["no-ticket"]);
    check(&signed, &[ticket], SignatureState::Signed, true, &[]);
    check(b"no superblob", &[], SignatureState::Unsigned, false, &["signature-unreadable", "unsigned"]);
}

#[test]
fn what_a_signature_states_is_read() {
    let asked = entitlements(&[
        ("com.apple.security.app-sandbox", true.into()),
        ("groups", plist::Value::Array(vec!["a".into()])),
    ]);
    let report = report(&app(&superblob(RUNTIME, &[asked, message(b"x")]), &[]));
    let app = app_zip(&report);
    assert_eq!(app.bundle_id.as_deref(), Some("com.acme.app"));
    assert_eq!((app.short_version.as_deref(), app.build.as_deref()), (Some("2.4"), Some("210")));
    assert_eq!(app.architectures, ["aarch64"]);
    assert!(app.signature.hardened_runtime);
    assert_eq!(app.signature.entitlements["com.apple.security.app-sandbox"], Entitlement::Flag(true));
    assert_eq!(app.signature.entitlements["groups"], Entitlement::List(vec![Entitlement::Text("a".to_owned())]));
}

#[test]
fn an_app_without_id_and_versions_is_still_read() {
    let info = plist_of(&[("CFBundleExecutable", "../../evil".into())]);
    let report = report(&zip_of(&[("A.app/Contents/Info.plist", &info)]));
    assert_eq!(codes(&report), ["executable-missing", "bundle-id-missing", "version-missing", "unsigned"]);
    assert_eq!(app_zip(&report).bundle_id, None);
}
