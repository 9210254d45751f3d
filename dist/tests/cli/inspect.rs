//! `dist inspect` on a real artifact, against what the format's own tools print of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Project, Run};

/// From npm, `io.appium.settings` 8.0.10.
fn settings() -> PathBuf {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/fixtures/appium-settings-8.0.10.apk");
    assert!(file.is_file(), "{} is not there: run cargo xtask fixtures", file.display());
    file
}

fn print(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).arg(settings()).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}: cargo xtask test says what to install"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What stands between the marks for the first time.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before).and_then(|(_, rest)| rest.split_once(after)).unwrap_or_else(|| panic!("{before}: {text}")).0
}

/// The value of a fact as people see it, with the lines that it goes on over.
fn fact(shown: &str, name: &str) -> String {
    let mut lines = shown.lines().skip_while(|line| !line.starts_with(&format!("{name}  ")));
    let first = lines.next().unwrap_or_else(|| panic!("{name}: {shown}")).strip_prefix(name).unwrap().trim();
    lines.take_while(|line| line.starts_with(' ')).fold(first.to_owned(), |value, more| value + " " + more.trim())
}

#[test]
fn an_apk_is_shown_as_aapt2_and_apksigner_print_it() {
    let badging = print("aapt2", &["dump", "badging"]);
    let printed = print("apksigner", &["verify", "--print-certs"]);
    let implied = badging.contains("uses-implied-permission");
    assert!(!implied, "every permission that aapt2 prints is the manifest's own");
    let permissions: Vec<&str> = badging
        .lines()
        .filter(|line| line.starts_with("uses-permission:"))
        .map(|line| between(line, "name='", "'"))
        .collect();
    assert_eq!(permissions.len(), 27);

    let project = Project::acme(b"one");
    let file = settings();
    let shown = Run::of(project.command(&["inspect", file.to_str().unwrap()])).ok().stdout;
    assert_eq!(fact(&shown, "package"), between(&badging, "package: name='", "'"));
    assert_eq!(fact(&shown, "version code"), between(&badging, "versionCode='", "'"));
    assert_eq!(fact(&shown, "version name"), between(&badging, "versionName='", "'"));
    assert_eq!(fact(&shown, "label"), between(&badging, "application-label:'", "'"));
    assert_eq!(fact(&shown, "permissions"), permissions.join(", "));
    let signer = between(&printed, "certificate SHA-256 digest: ", "\n");
    assert_eq!(fact(&shown, "signatures certificate sha256"), signer);
    assert_eq!(fact(&shown, "signatures verification"), "verified");

    let report = Run::of(project.command(&["inspect", "--json", file.to_str().unwrap()])).json();
    let apk = &report["details"]["apk"];
    assert_eq!(apk["permissions"], serde_json::json!(permissions));
    assert_eq!(apk["signatures"][0]["certificate"]["sha256"], signer);
}
