//! What the server reads out of artifacts, and what it makes of it.

use protocol::api::{AuditPage, Committed, Moved, Release};
use protocol::manifest::ReleaseManifest;
use protocol::{AppRules, AppSlug, Digest, ErrorCode, Kind, Platform, paths};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Client, TestServer, inspector, read, refused, release};
use distd::Inspector;

/// A debuggable package with an icon, signed with Android's debug key.
const CONTACTS: &[u8] = include_bytes!("../../../fixtures/ContactManager.apk");
const CONTACTS_SIGNER: &str = "a40da80a59d170caa950cf15c18c454d47a39b26989d8b640ecd745ba71bf5dc";
/// Another package.
const HELLO: &[u8] = include_bytes!("../../../fixtures/HelloActivity.apk");

fn acme() -> AppSlug {
    "acme".parse().unwrap()
}

fn android(version: &str, bytes: &[u8]) -> ReleaseManifest {
    let mut manifest = release(version, &[("acme.apk", bytes)]);
    manifest.artifacts[0].platform = Platform::Android;
    manifest.artifacts[0].kind = Kind::Apk;
    manifest
}

async fn put_rules(admin: &Client, rules: Value) -> AppRules {
    read(admin.request(Method::PUT, &paths::rules(&acme())).json(&rules).send().await.unwrap()).await
}

/// Severity and code of the findings of each artifact.
fn codes(details: &Value) -> Vec<String> {
    let findings = details["artifacts"].as_array().unwrap().iter().flat_map(|it| it["findings"].as_array().unwrap());
    findings.map(|it| format!("{} {}", it["severity"].as_str().unwrap(), it["code"].as_str().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_comes_with_what_its_artifacts_say_of_themselves() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    let manifest = android("1.0", CONTACTS);
    let committed: Committed = read(admin.publish(&manifest, &[CONTACTS], Some(("beta", None))).await).await;
    assert_eq!(committed.gates.len(), 1, "a debuggable package on a channel is said: {:?}", committed.gates);

    let shown: Release = read(admin.get(&paths::release(&acme(), &"beta".parse().unwrap())).await).await;
    assert_eq!(shown.reports, committed.reports);
    let summary = shown.reports[0].summary.as_ref().unwrap();
    assert_eq!(summary.id.as_deref(), Some("com.example.android.contactmanager"));
    assert_eq!(summary.signers, [CONTACTS_SIGNER]);

    let digest = Digest::of(CONTACTS);
    let whole: Value = read(admin.get(&paths::report(&acme(), &digest)).await).await;
    let size = CONTACTS.len() as u64;
    let local = inspect::inspect(std::io::Cursor::new(CONTACTS), size, &inspect::Limits::default()).unwrap();
    assert_eq!(whole, serde_json::to_value(local).unwrap(), "nothing is lost on the way through the database");
    let icon = admin.get(&paths::icon(&acme(), &digest)).await;
    assert_eq!(icon.headers()["content-type"], "image/png");
    assert!(icon.bytes().await.unwrap().starts_with(b"\x89PNG"));
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_as_secret_as_the_app() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    admin.create_app("other", "public").await;
    let _: Committed = read(admin.publish(&android("1.0", CONTACTS), &[CONTACTS], None).await).await;
    let digest = Digest::of(CONTACTS);
    for path in [paths::report(&acme(), &digest), paths::icon(&acme(), &digest)] {
        refused(server.anonymous().get(&path).await, StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated).await;
    }
    let path = paths::report(&"other".parse().unwrap(), &digest);
    refused(admin.get(&path).await, StatusCode::NOT_FOUND, ErrorCode::ObjectNotFound).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_what_the_release_says_are_refused_and_nothing_changes() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    let mut wrong = android("1.0", CONTACTS);
    wrong.artifacts[0].platform = Platform::Ios;
    wrong.artifacts[0].kind = Kind::Ipa;
    admin.upload("acme", &[CONTACTS]).await;
    let before = (server.state(), server.objects());
    let answer = admin.commit(&wrong, Some(("beta", None))).await;
    let details = refused(answer, StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::ArtifactRefused).await;
    assert_eq!(codes(&details)[..2], ["error kind-mismatch", "error platform-mismatch"]);
    assert_eq!((server.state(), server.objects()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_learns_who_it_is_from_its_first_release_and_keeps_to_it() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    let _: Committed = read(admin.publish(&android("1.0", CONTACTS), &[CONTACTS], None).await).await;
    let rules: Value = read(admin.get(&paths::rules(&acme())).await).await;
    let learned = json!({"ids": ["com.example.android.contactmanager"], "signers": [CONTACTS_SIGNER]});
    assert_eq!(rules["identity"]["android"], learned);

    let second = android("2.0", HELLO);
    let answer = admin.publish(&second, &[HELLO], None).await;
    let details = refused(answer, StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::ArtifactRefused).await;
    assert_eq!(codes(&details), ["error id-not-allowed", "warning version-mismatch"]);

    put_rules(&admin, json!({"identity": {"android": {"signers": [CONTACTS_SIGNER]}}})).await;
    let _: Committed = read(admin.commit(&second, None).await).await;
    let events: AuditPage = read(admin.get("/api/v1/audit?action=app.rules").await).await;
    let reasons: Vec<_> = events.events.iter().map(|event| event.reason.as_deref()).collect();
    assert_eq!(reasons, [None, Some("learned from the first release of a platform")]);
    assert_eq!(events.events[0].details["old"]["identity"]["android"], learned);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_may_ask_that_versions_agree() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    put_rules(&admin, json!({"version_mismatch": "block"})).await;
    let answer = admin.publish(&android("7.0", CONTACTS), &[CONTACTS], None).await;
    let details = refused(answer, StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::ArtifactRefused).await;
    assert_eq!(codes(&details), ["error version-mismatch", "warning debuggable"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_keeps_a_release_out_of_a_channel_however_it_comes() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    put_rules(&admin, json!({"gates": {"stable": {"debuggable": "block"}}})).await;
    let manifest = android("1.0", CONTACTS);
    let committed: Committed = read(admin.publish(&manifest, &[CONTACTS], Some(("stable", None))).await).await;
    assert_eq!(committed.refs.len(), 1, "the release is published, the channel was not made");
    let held = &committed.held[0];
    assert_eq!((held.channel.as_str(), held.code, &held.at), ("stable", ErrorCode::GateBlocked, &None));
    assert_eq!(held.gates[0].gate.to_string(), "debuggable");

    let _: Committed = read(admin.commit(&manifest, Some(("beta", None))).await).await;
    let promote = paths::promote(&acme(), &"stable".parse().unwrap());
    let answer = admin.post(&promote, &json!({"revision": "beta"})).await;
    refused(answer, StatusCode::FORBIDDEN, ErrorCode::GateBlocked).await;
    put_rules(&admin, json!({})).await;
    let moved: Moved = read(admin.post(&promote, &json!({"revision": "beta"})).await).await;
    assert_eq!(moved.gates.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_are_not_rules_are_refused() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "public").await;
    let put = |client: Client, rules: Value| async move {
        client.request(Method::PUT, &paths::rules(&acme())).json(&rules).send().await.unwrap()
    };
    let wrong = json!({"gates": {"stable": {"unsigend": "block"}}});
    refused(put(admin.clone(), wrong).await, StatusCode::BAD_REQUEST, ErrorCode::RequestInvalid).await;
    let long: Vec<String> =
        (0..2000).map(|number| format!("com.example.an.application.with.a.name.{number}")).collect();
    let long = json!({"identity": {"android": {"ids": long}}});
    refused(put(admin, long).await, StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::RulesInvalid).await;
    let ci = server.with_scopes(&["publish:acme/*"]).await;
    refused(put(ci, json!({})).await, StatusCode::FORBIDDEN, ErrorCode::Forbidden).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_fails_is_a_finding_and_no_refusal() {
    let server = TestServer::start_inspecting(Inspector::new("/bin/false".into())).await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    let committed: Committed = read(admin.publish(&android("1.0", CONTACTS), &[CONTACTS], None).await).await;
    let codes: Vec<&str> = committed.reports[0].findings.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["not-inspected"]);
    let rules: AppRules = read(admin.get(&paths::rules(&acme())).await).await;
    assert_eq!(rules, AppRules::default(), "nothing is learned from what nobody has read");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_and_the_reports_can_be_made_again() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    let first: Committed =
        read(admin.publish(&android("1.0", CONTACTS), &[CONTACTS], Some(("beta", None))).await).await;
    let mut second = release("1.1", &[("notes.txt", b"text")]);
    second.parent = Some(first.release.id);
    let _: Committed = read(admin.publish(&second, &[b"text"], Some(("beta", Some(first.release.id)))).await).await;
    let list = paths::releases(&acme());
    let before: Value = read(admin.get(&list).await).await;
    let (data, now) = (server.data.path().to_owned(), server.clock());
    let (admin_token, data_dir) = (server.admin_token(), server.stop().await);
    rusqlite::Connection::open(data.join(distd::db::FILE_NAME))
        .unwrap()
        .execute_batch("DELETE FROM artifacts; DELETE FROM releases; DELETE FROM reports;")
        .unwrap();

    let options = objstore::Options { reserve_bytes: 0 };
    let again = distd::Server::open(&data, options, now, inspector()).unwrap();
    assert_eq!(distd::ops::reindex::releases(&again).await.unwrap(), 2);
    let lacking = distd::ops::reindex::lacking(&again, false).await.unwrap();
    assert_eq!(lacking.len(), 2);
    for digest in lacking {
        distd::ops::reindex::report(&again, digest).await.unwrap();
    }
    drop(again);
    let server = TestServer::serve(data_dir, admin_token).await;
    let after: Value = read(server.admin().get(&list).await).await;
    assert_eq!(after, before);
}
