//! APKs, against aapt2 and apksigner.

use std::collections::BTreeSet;
use std::path::Path;

use inspect::formats::apk::{Apk, Scheme, Signature, Verification};

use crate::tools::{after, ask, run};
use crate::{details, pins, report_of};

/// `key='value'` on a line; an empty value is none.
fn attribute(line: &str, key: &str) -> Option<String> {
    let value = line.split(&format!("{key}='")).nth(1)?;
    value.split('\'').next().filter(|value| !value.is_empty()).map(str::to_owned)
}

fn line<'a>(badging: &'a str, start: &str) -> &'a str {
    badging.lines().find(|line| line.starts_with(start)).unwrap_or_default()
}

fn quoted(line: &str) -> Vec<String> {
    line.split('\'').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Those that the manifest has, not those that the system adds for old targets.
fn permissions(badging: &str) -> Vec<String> {
    let named = |start: &str| {
        let lines = badging.lines().filter(move |line| line.starts_with(start));
        lines.filter_map(|line| attribute(line, "name")).collect::<Vec<_>>()
    };
    let implied = named("uses-implied-permission:");
    named("uses-permission:").into_iter().filter(|name| !implied.contains(name)).collect()
}

fn check_badging(file: &Path, apk: &Apk) {
    let name = file.display();
    let badging = run(Path::new("."), "aapt2", &[Path::new("dump"), Path::new("badging"), file]);
    let package = line(&badging, "package:");
    assert_eq!(apk.package, attribute(package, " name"), "{name}");
    assert_eq!(apk.version_code.map(|code| code.to_string()), attribute(package, "versionCode"), "{name}");
    assert_eq!(apk.version_name, attribute(package, "versionName"), "{name}");
    let one = |start| quoted(line(&badging, start)).into_iter().next();
    assert_eq!(apk.min_sdk, one("sdkVersion:"), "{name}");
    assert_eq!(apk.target_sdk, one("targetSdkVersion:"), "{name}");
    assert_eq!(apk.label, attribute(line(&badging, "application:"), "label"), "{name}");
    assert_eq!(apk.launchable, attribute(line(&badging, "launchable-activity:"), "name"), "{name}");
    assert_eq!(apk.debuggable, badging.contains("\napplication-debuggable\n"), "{name}");
    assert_eq!(apk.permissions, permissions(&badging), "{name}");
    let mut abis = quoted(line(&badging, "native-code:"));
    abis.sort();
    assert_eq!(apk.abis, abis, "{name}");
}

/// Whether our report has a signature of this scheme, and all of them hold.
pub(crate) fn holds(apk: &Apk, scheme: Scheme) -> bool {
    let mut of_scheme = apk.signatures.iter().filter(|signature| signature.scheme == scheme).peekable();
    of_scheme.peek().is_some() && of_scheme.all(is_good)
}

fn is_good(signature: &Signature) -> bool {
    matches!(signature.verification, Verification::Verified | Verification::ManifestVerified)
}

/// A name's parts, whose order depends on who prints it.
fn name_parts(name: &str) -> BTreeSet<String> {
    name.split(", ").map(str::to_owned).collect()
}

/// Holds the signatures of a file that verifies against what apksigner prints. It looks at v1 only for systems before
/// Android 7.
pub(crate) fn check_signatures(file: &Path, apk: &Apk) {
    let has_v1 = apk.signatures.iter().any(|signature| signature.scheme == Scheme::V1);
    let min_sdk = if has_v1 { "18" } else { "24" };
    let (verifies, said) = ask(
        Path::new("."),
        "apksigner",
        &format!("verify -v --print-certs --min-sdk-version {min_sdk} {}", file.display()),
    );
    assert!(verifies, "{said}");
    for (scheme, start) in [
        (Scheme::V1, "Verified using v1 scheme (JAR signing): "),
        (Scheme::V2, "Verified using v2 scheme (APK Signature Scheme v2): "),
        (Scheme::V3, "Verified using v3 scheme (APK Signature Scheme v3): "),
    ] {
        assert_eq!(holds(apk, scheme).to_string(), after(&said, start).unwrap(), "{} {scheme:?}", file.display());
    }
    let newest = apk.signatures.last().unwrap().certificate.as_ref().unwrap();
    assert_eq!(Some(newest.sha256.as_str()), after(&said, "Signer #1 certificate SHA-256 digest: "), "{said}");
    let subject = after(&said, "Signer #1 certificate DN: ").unwrap();
    assert_eq!(name_parts(&newest.subject), name_parts(subject));
}

#[test]
fn manifests_say_what_aapt2_prints() {
    for pin in pins::of_kinds(&["apk"]) {
        check_badging(&pin.file, details!(report_of(&pin.file), Apk));
    }
}

#[test]
fn signatures_are_those_that_apksigner_verifies() {
    for pin in pins::of_kinds(&["apk"]) {
        check_signatures(&pin.file, details!(report_of(&pin.file), Apk));
    }
}
