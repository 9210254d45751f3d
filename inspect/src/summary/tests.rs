//! One artifact of each format, as it is kept here, and what becomes of signatures that disagree.

use std::io::Cursor;
use std::path::Path;

use super::Signing;
use crate::apple::{Signature, SignatureState};
use crate::formats::apk::Verification;
use crate::{Details, Finding, Limits, Report, Severity, inspect};

/// A file of this workspace, by its path from the folder of this crate.
fn report_on(path: &str) -> Report {
    let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    inspect(Cursor::new(&bytes), bytes.len() as u64, &Limits::default()).unwrap()
}

#[test]
fn each_format_says_the_same_facts_in_the_same_words() {
    let check = |format: &str, path: &str| {
        let report = report_on(path);
        assert_eq!(report.format.as_str(), format, "{path}");
        insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_json_snapshot!(path.rsplit('/').next().unwrap(), report.summary());
        });
    };
    check("ipa", "fuzz/seeds/ipa/signed.ipa");
    check("apk", "fuzz/seeds/apk/signed.apk");
    check("apk", "../fixtures/ContactManager.apk");
    check("aab", "fuzz/seeds/aab/acme.aab");
    check("app-zip", "fuzz/seeds/app-zip/acme.zip");
    check("dmg", "tests/data/hfs-zlib.dmg");
    check("dmg", "fuzz/seeds/dmg/signed.dmg");
    check("pkg", "fuzz/seeds/pkg/signed.pkg");
    check("tarball", "fuzz/seeds/tarball/acme.tar.xz");
    check("deb", "../fixtures/ripgrep_13.0.0-4+b2_amd64.deb");
    check("rpm", "fuzz/seeds/rpm/acme.rpm");
    check("appimage", "fuzz/seeds/appimage/xz.AppImage");
    check("exe", "fuzz/seeds/exe/signed-twice.exe");
    check("exe", "../fixtures/notifu64.exe");
    check("msi", "fuzz/seeds/msi/signed.msi");
    check("msix", "fuzz/seeds/msix/acme.msix");
    check("zip", "fuzz/seeds/zip/deflated.zip");
}

#[test]
fn what_is_no_artifact_says_nothing() {
    let report = inspect(Cursor::new(b"hello"), 5, &Limits::default()).unwrap();
    assert_eq!(report.summary(), super::Summary::default());
}

fn signed_by(state: SignatureState, team: Option<&str>) -> Signature {
    Signature { state, team_id: team.map(str::to_owned), ..Signature::default() }
}

#[test]
fn a_disk_image_is_signed_as_the_better_signed_of_itself_and_its_app() {
    let mut report = report_on("tests/data/hfs-zlib.dmg");
    let mut check = |image: Signature, app: Signature, expected: (Signing, Option<&str>)| {
        let Some(Details::Dmg(dmg)) = &mut report.details else { panic!() };
        dmg.signature = image;
        dmg.app.as_mut().unwrap().signature = app;
        let summary = report.summary();
        assert_eq!((summary.signing, summary.team_id.as_deref()), expected);
    };
    let none = || signed_by(SignatureState::Unsigned, None);
    let signed = |team| signed_by(SignatureState::Signed, Some(team));
    check(none(), none(), (Signing::Unsigned, None));
    check(none(), signed("APP"), (Signing::Signed, Some("APP")));
    check(signed("IMAGE"), none(), (Signing::Signed, Some("IMAGE")));
    check(signed("IMAGE"), signed("APP"), (Signing::Signed, Some("APP")));
    check(none(), signed_by(SignatureState::AdHoc, None), (Signing::AdHoc, None));
    check(signed_by(SignatureState::AdHoc, None), signed("APP"), (Signing::Signed, Some("APP")));
    check(none(), signed_by(SignatureState::LinkerSigned, None), (Signing::Unsigned, None));
}

#[test]
fn a_ticket_on_a_disk_image_or_on_its_app_counts() {
    let mut report = report_on("tests/data/hfs-zlib.dmg");
    for (image, app) in [(false, false), (true, false), (false, true)] {
        let Some(Details::Dmg(dmg)) = &mut report.details else { panic!() };
        dmg.stapled = image;
        dmg.app.as_mut().unwrap().stapled = app;
        assert_eq!(report.summary().stapled, Some(image || app));
    }
}

#[test]
fn one_signature_of_an_apk_that_fails_makes_it_invalid() {
    let mut report = report_on("fuzz/seeds/apk/signed.apk");
    let mut check = |verification: Verification, expected: Signing| {
        let Some(Details::Apk(apk)) = &mut report.details else { panic!() };
        apk.signatures[0].verification = verification;
        assert_eq!(report.summary().signing, expected, "{verification:?}");
    };
    check(Verification::Verified, Signing::Signed);
    check(Verification::ManifestVerified, Signing::Signed);
    check(Verification::NotChecked, Signing::Signed);
    check(Verification::Failed, Signing::Invalid);
    check(Verification::Verified, Signing::Signed);
    let message = String::new();
    report.findings.push(Finding { code: "signature-stripped".to_owned(), severity: Severity::Error, message });
    assert_eq!(report.summary().signing, Signing::Invalid);
    let Some(Details::Apk(apk)) = &mut report.details else { panic!() };
    apk.signatures.clear();
    assert_eq!(report.summary().signing, Signing::Unsigned);
}

#[test]
fn a_program_whose_digest_or_signature_is_wrong_is_invalid() {
    let mut report = report_on("fuzz/seeds/exe/signed-twice.exe");
    let mut check = |digest: Option<bool>, signature: Option<bool>, expected: Signing| {
        let Some(Details::Exe(exe)) = &mut report.details else { panic!() };
        for found in &mut exe.signatures {
            found.is_digest_verified = Some(true);
            found.is_signature_verified = Some(true);
        }
        let last = exe.signatures.last_mut().unwrap();
        (last.is_digest_verified, last.is_signature_verified) = (digest, signature);
        assert_eq!(report.summary().signing, expected);
    };
    check(Some(true), Some(true), Signing::Signed);
    check(None, None, Signing::Signed);
    check(Some(false), Some(true), Signing::Invalid);
    check(Some(true), Some(false), Signing::Invalid);
}

#[test]
fn a_windows_package_whose_signature_is_wrong_is_invalid() {
    let mut report = report_on("fuzz/seeds/msix/acme.msix");
    let set = |report: &mut Report, is_signed, is_publisher_signer| {
        let Some(Details::Msix(msix)) = &mut report.details else { panic!() };
        (msix.is_signed, msix.is_publisher_signer) = (is_signed, is_publisher_signer);
    };
    report.findings.clear();
    for (is_signed, is_publisher, expected) in [
        (false, None, Signing::Unsigned),
        (true, None, Signing::Signed),
        (true, Some(true), Signing::Signed),
        (true, Some(false), Signing::Invalid),
    ] {
        set(&mut report, is_signed, is_publisher);
        assert_eq!(report.summary().signing, expected);
    }
    set(&mut report, true, Some(true));
    let message = String::new();
    report.findings.push(Finding { code: "signature-wrong".to_owned(), severity: Severity::Error, message });
    assert_eq!(report.summary().signing, Signing::Invalid);
}
