//! APKs signed here by apksigner, one scheme or kind of key each, and what it says of them after a change.

use std::path::Path;

use inspect::formats::apk::{Scheme, Verification};
use inspect::{Report, Severity};

use crate::android::check_signatures;
use crate::snapshots::check_made;
use crate::tools::{P256, P384, RSA_2048, RSA_4096, Workshop, ask};
use crate::{details, has_finding, pins, report, report_of};

const NO_V1: &str = "--v1-signing-enabled false";
const V1_ONLY: &str = "--v2-signing-enabled false --v3-signing-enabled false --min-sdk-version 18";
const V2_ONLY: &str = "--v1-signing-enabled false --v3-signing-enabled false";

/// Signs `ContactManager.apk` as `NAME.apk` by the key `NAME` of this kind.
fn sign(workshop: &Workshop, name: &str, kind: &str, how: &str) {
    workshop.make_key(name, kind);
    let from = pins::fetched("ContactManager.apk");
    let key = format!("--key {name}.pk8 --cert {name}.crt");
    let places = format!("--in {} --out {name}.apk", from.display());
    workshop.run("apksigner", &format!("sign {places} {key} {how} --v4-signing-enabled false"));
}

fn verifications(report: &Report) -> Vec<(Scheme, Verification)> {
    details!(report, Apk).signatures.iter().map(|signature| (signature.scheme, signature.verification)).collect()
}

#[test]
fn each_scheme_and_key_is_verified_as_apksigner_does() {
    let check = |name: &str, kind, how, expected: &[_]| {
        let workshop = Workshop::new();
        sign(&workshop, name, kind, how);
        let report = report_of(&workshop.file(&format!("{name}.apk")));
        assert_eq!(verifications(&report), expected, "{name} {:?}", report.findings);
        check_signatures(&workshop.file(&format!("{name}.apk")), details!(report, Apk));
        check_made(&format!("signed-{name}.apk"), &report);
    };
    let (v1, v2, v3) = (Scheme::V1, Scheme::V2, Scheme::V3);
    let (verified, manifest) = (Verification::Verified, Verification::ManifestVerified);
    check("v1", RSA_2048, V1_ONLY, &[(v1, verified)]);
    check("v2", RSA_2048, V2_ONLY, &[(v2, verified)]);
    check("sha512", RSA_4096, NO_V1, &[(v2, verified), (v3, verified)]);
    check("p256", P256, "--min-sdk-version 18", &[(v1, manifest), (v2, verified), (v3, verified)]);
    check("p384", P384, NO_V1, &[(v2, verified), (v3, verified)]);
    check("p384-v1", P384, V1_ONLY, &[(v1, verified)]);
}

#[test]
fn a_rotated_key_tells_the_keys_before() {
    let workshop = Workshop::new();
    workshop.make_key("first", RSA_2048);
    workshop.make_key("second", P256);
    let old = "--key first.pk8 --cert first.crt";
    let new = "--key second.pk8 --cert second.crt";
    workshop.run("apksigner", &format!("rotate --out lineage --old-signer {old} --new-signer {new}"));
    let from = pins::fetched("ContactManager.apk");
    let places = format!("--in {} --out rotated.apk", from.display());
    workshop
        .run("apksigner", &format!("sign {places} {old} --next-signer {new} --lineage lineage --min-sdk-version 18"));
    let bytes = workshop.read("rotated.apk");
    let rotated = report(&bytes);
    let apk = details!(rotated, Apk);
    check_signatures(&workshop.file("rotated.apk"), apk);
    check_made("signed-rotated.apk", &rotated);
    let v3 = apk.signatures.last().unwrap();
    let lineage: Vec<&str> = v3.lineage.iter().map(|certificate| certificate.subject.as_str()).collect();
    assert_eq!(lineage, ["CN=first", "CN=second"]);
    let (_, printed) = ask(workshop.folder(), "apksigner", "lineage --in lineage --print-certs");
    for certificate in &v3.lineage {
        assert!(printed.contains(&certificate.sha256), "{printed}");
    }
    // v3.1 is v3 under another id, which Debian's apksigner does not make. Outside of what is signed, the id can be changed.
    let at = bytes.windows(4).position(|window| window == 0xf053_68c0_u32.to_le_bytes()).unwrap();
    let newer = [&bytes[..at], &0x1b93_ad61_u32.to_le_bytes(), &bytes[at + 4..]].concat();
    let newer = report(&newer);
    assert_eq!(verifications(&newer).last(), Some(&(Scheme::V31, Verification::Verified)));
    assert_eq!(details!(newer, Apk).signatures.last().unwrap().lineage.len(), 2);
    // The proof is signed data, so a change in it breaks the signature around it first.
    let at = bytes.windows(12).position(|window| window[4..8] == 0x3ba0_6f8c_u32.to_le_bytes()).unwrap();
    let mut changed = bytes;
    changed[at + 8] ^= 2;
    assert!(has_finding(&report(&changed), "signature-wrong"));
}

/// Whether the report leaves the file installable as far as signatures go.
fn is_accepted(report: &Report) -> bool {
    report.findings.iter().all(|finding| finding.severity != Severity::Error)
}

#[track_caller]
fn check_refused(workshop: &Workshop, bytes: &[u8], code: &str) {
    let file = workshop.write("changed.apk", bytes);
    let (verifies, said) = ask(Path::new("."), "apksigner", &format!("verify --min-sdk-version 18 {}", file.display()));
    let report = report(bytes);
    assert!(!verifies && !is_accepted(&report), "{said} {:?}", report.findings);
    assert!(has_finding(&report, code), "{said} {:?}", report.findings);
}

/// The same archive with an entry replaced, added or (with no bytes) left out.
fn with_entry(bytes: &[u8], name: &str, content: Option<&[u8]>) -> Vec<u8> {
    use std::io::{Cursor, Read as _, Write as _};
    let mut from = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut to = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..from.len() {
        let mut entry = from.by_index(index).unwrap();
        let own = entry.name().unwrap().into_owned();
        if own == name {
            continue;
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        to.start_file(own, zip::write::SimpleFileOptions::default()).unwrap();
        to.write_all(&content).unwrap();
    }
    if let Some(content) = content {
        to.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        to.write_all(content).unwrap();
    }
    to.finish().unwrap().into_inner()
}

fn entry(bytes: &[u8], name: &str) -> String {
    use std::io::Read as _;
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut text = String::new();
    archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn what_apksigner_refuses_of_v1_is_told() {
    let workshop = Workshop::new();
    sign(&workshop, "v1", RSA_2048, V1_ONLY);
    let bytes = workshop.read("v1.apk");
    check_refused(&workshop, &with_entry(&bytes, "res/layout/contact_entry.xml", Some(b"changed")), "signature-wrong");
    check_refused(&workshop, &with_entry(&bytes, "res/layout/contact_entry.xml", None), "signature-wrong");
    check_refused(&workshop, &with_entry(&bytes, "res/added", Some(b"added")), "signature-wrong");
    let manifest = entry(&bytes, "META-INF/MANIFEST.MF").replace("contact_entry", "contact_other");
    check_refused(&workshop, &with_entry(&bytes, "META-INF/MANIFEST.MF", Some(manifest.as_bytes())), "signature-wrong");
    let list = entry(&bytes, "META-INF/V1.SF").replace("Created-By", "Created-Be");
    check_refused(&workshop, &with_entry(&bytes, "META-INF/V1.SF", Some(list.as_bytes())), "signature-wrong");
}

#[test]
fn a_section_added_to_the_manifest_is_told() {
    let workshop = Workshop::new();
    sign(&workshop, "v1", RSA_2048, V1_ONLY);
    let bytes = workshop.read("v1.apk");
    let manifest = entry(&bytes, "META-INF/MANIFEST.MF")
        + "Name: res/added\r\nSHA-256-Digest: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\n\r\n";
    let changed = with_entry(&bytes, "META-INF/MANIFEST.MF", Some(manifest.as_bytes()));
    check_refused(&workshop, &with_entry(&changed, "res/added", Some(b"")), "signature-wrong");
}

#[test]
fn what_apksigner_refuses_of_newer_schemes_is_told() {
    let workshop = Workshop::new();
    sign(&workshop, "p384", P384, "--min-sdk-version 18");
    let bytes = workshop.read("p384.apk");
    let mut changed = bytes.clone();
    let dex = changed.windows(11).position(|window| window == b"classes.dex").unwrap();
    changed[dex + 1_000] ^= 1;
    check_refused(&workshop, &changed, "signature-wrong");
    // Taken away are the newer signatures: what an archive program writes anew has no signing block.
    check_refused(&workshop, &with_entry(&bytes, "none", None), "signature-stripped");
    // And the v3 signature only, by giving its pair another id.
    let at = bytes.windows(4).position(|window| window == 0xf053_68c0_u32.to_le_bytes()).unwrap();
    let mut changed = bytes;
    changed[at] ^= 1;
    check_refused(&workshop, &changed, "signature-stripped");
}
