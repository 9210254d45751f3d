//! What is found in artifacts, before they are sent and after.

use serde_json::Value;

use crate::harness::{Project, Server};

const CONTACTS: &[u8] = include_bytes!("../../../fixtures/ContactManager.apk");
const HELLO: &[u8] = include_bytes!("../../../fixtures/HelloActivity.apk");

fn android(bytes: &[u8], kind: &str) -> Project {
    let project = Project::acme(b"");
    project.write("acme.apk", bytes);
    let manifest = format!(
        r#"{{"app":"acme","version":"1.0","channel":"beta","artifacts":[{{"path":"acme.apk","platform":"android","kind":"{kind}"}}]}}"#
    );
    project.manifest(&manifest);
    project
}

/// The codes of all findings in a document, errors first.
fn codes(reports: &Value) -> Vec<&str> {
    let findings = reports.as_array().unwrap().iter().flat_map(|report| report["findings"].as_array().unwrap());
    findings.map(|finding| finding["code"].as_str().unwrap()).collect()
}

#[test]
fn check_says_what_the_server_will_say_and_all_of_it() {
    let (server, project) = (Server::start(), android(CONTACTS, "apk"));
    let checked = server.dist(&project, &["check", "--json"]).json();
    assert_eq!(codes(&checked["reports"]), ["debuggable"]);
    assert_eq!(checked["reports"][0]["summary"]["id"], "com.example.android.contactmanager");
    let published = server.dist(&project, &["ci", "publish", "--create-app", "--json"]).json();
    assert_eq!(published["reports"], checked["reports"]);

    let other = android(HELLO, "aab");
    let expected = ["kind-mismatch", "id-not-allowed", "version-mismatch"];
    let error = server.dist(&other, &["check", "--json", "--version", "2.0"]).fails(3, "artifact_refused");
    assert_eq!(codes(&error["details"]["artifacts"]), expected);
    let error = server.dist(&other, &["ci", "publish", "--json", "--version", "2.0"]).fails(3, "artifact_refused");
    assert_eq!(codes(&error["details"]["artifacts"]), expected);
    let human = server.dist(&other, &["check", "--version", "2.0"]);
    for code in expected {
        assert!(human.stderr.contains(code), "{}", human.stderr);
    }
    let error = server.dist(&other, &["check", "--offline", "--json", "--version", "2.0"]).fails(3, "artifact_refused");
    assert_eq!(codes(&error["details"]["artifacts"]), ["kind-mismatch", "version-mismatch"]);
}

#[test]
fn rules_are_shown_and_changed() {
    let (server, project) = (Server::start(), android(CONTACTS, "apk"));
    server.dist(&project, &["push", "--create-app"]).ok();
    let rules = |arguments: &[&str]| server.dist(&project, &[&["app", "rules", "acme"], arguments].concat());
    assert!(rules(&[]).stdout.contains("android.ids"), "learned");
    let changed = rules(&[
        "--allow",
        "android.ids=com.example.android.helloactivity",
        "--gate",
        "stable.debuggable=block",
        "--version-mismatch",
        "off",
        "--json",
    ]);
    assert_eq!(changed.json()["gates"]["stable"]["debuggable"], "block");
    let error = server.dist(&project, &["promote", "acme@beta", "stable", "--json"]).fails(6, "gate_blocked");
    assert_eq!(error["details"]["gates"][0]["gate"], "debuggable");
    server.dist(&android(HELLO, "apk"), &["push", "--version", "1.1"]).ok();

    project.write("rules.json", b"{\"gates\": {\"stable\": {}}}");
    assert_eq!(rules(&["--from", "rules.json", "--json"]).json()["identity"], serde_json::json!({}));
    project.write("rules.json", b"{\"gates\": 1}");
    rules(&["--from", "rules.json", "--json"]).fails(3, "rules_invalid");
}
