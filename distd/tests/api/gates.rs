//! Promotion, pins and rollback: what a channel takes, and what it does not.

use jiff::SignedDuration;
use protocol::api::{AuditPage, Channel, Committed, Moved, Promotion};
use protocol::{AppSlug, ErrorCode, ReleaseManifest, paths};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Client, TestServer, read, refused, release};

fn acme() -> AppSlug {
    "acme".parse().unwrap()
}

/// A server with acme 1.0 to 3.0, each the parent of the next, beta at the last.
async fn three_releases() -> (TestServer, Client, [ReleaseManifest; 3]) {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    let mut parent = None;
    let mut made = Vec::new();
    for version in ["1.0", "2.0", "3.0"] {
        let mut manifest = release(version, &[("a", version.as_bytes())]);
        manifest.parent = parent;
        manifest.notes = (version != "2.0").then(|| format!("What {version} brings"));
        let _: Committed = read(admin.publish(&manifest, &[version.as_bytes()], Some(("beta", parent))).await).await;
        parent = Some(manifest.id());
        made.push(manifest);
    }
    (server, admin, made.try_into().unwrap())
}

async fn promote(client: &Client, channel: &str, body: Value) -> Response {
    client.post(&paths::promote(&acme(), &channel.parse().unwrap()), &body).await
}

async fn plan(client: &Client, channel: &str, revision: &str) -> Promotion {
    let path = paths::promotion(&acme(), &channel.parse().unwrap());
    read(client.get(&format!("{path}?revision={revision}")).await).await
}

async fn put_rules(admin: &Client, rules: Value) {
    let _: Value = read(admin.request(Method::PUT, &paths::rules(&acme())).json(&rules).send().await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_promotions_at_once_one_wins_and_the_other_learns_who_was_faster() {
    let (server, admin, [first, second, third]) = three_releases().await;
    let _: Moved = read(promote(&admin, "stable", json!({"revision": "1.0"})).await).await;
    let rival = server.with_scopes(&["promote:acme/stable"]).await;
    let body = |to: &ReleaseManifest| json!({"revision": to.name().to_string(), "expected": first.id()});
    let (one, two) = tokio::join!(promote(&admin, "stable", body(&second)), promote(&rival, "stable", body(&third)));
    let (winner, to, loser) = if one.status() == StatusCode::OK {
        ("first-admin", second, two)
    } else {
        assert_eq!(two.status(), StatusCode::OK);
        ("ci-main", third, one)
    };
    let body: Value = loser.json().await.unwrap();
    let told = format!(": {winner} moved it from 1.0 to {} (promote) at 2026-11-22T09:00:00Z", to.name());
    assert!(body["message"].as_str().unwrap().ends_with(&told), "{body}");
    assert_eq!(body["code"], "ref_moved");
    let last = &body["details"]["last"];
    assert_eq!((&last["actor"], &last["action"]), (&json!(winner), &json!("promote")));
    assert_eq!((&last["at"], &last["new"]["id"]), (&json!("2026-11-22T09:00:00Z"), &json!(to.id())));
    assert_eq!(body["details"]["actual"], json!(to.id()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_tells_what_lies_between_and_changes_nothing() {
    let (server, admin, [first, ..]) = three_releases().await;
    let _: Moved = read(promote(&admin, "stable", json!({"revision": "1.0"})).await).await;
    let before = server.state();
    let ahead = plan(&admin, "stable", "beta").await;
    assert_eq!(
        (ahead.from.as_ref().map(|it| it.id), ahead.ahead, ahead.notes, ahead.behind),
        (Some(first.id()), 2, 1, 0)
    );
    let names: Vec<String> = ahead.releases.iter().map(|it| it.release.name.to_string()).collect();
    assert_eq!(names, ["3.0", "2.0"]);
    assert_eq!(ahead.releases[0].notes.as_deref(), Some("What 3.0 brings"));
    assert!(ahead.allowed);
    let words: Vec<&str> = ahead.report.passed.iter().map(|pass| pass.word.as_str()).collect();
    assert_eq!(words, ["version-rises", "platforms-kept"]);

    let back = plan(&admin, "beta", "1.0").await;
    assert_eq!((back.ahead, back.behind), (0, 2));
    assert_eq!(back.report.gates[0].gate.to_string(), "build-not-rising");
    let new = plan(&admin, "new", "3.0").await;
    assert_eq!((new.from, new.ahead, new.behind), (None, 3, 0));
    assert_eq!(server.state(), before);
    let path = paths::promotion(&acme(), &"stable".parse().unwrap());
    refused(admin.get(&format!("{path}?revision=9.9")).await, StatusCode::NOT_FOUND, ErrorCode::RevisionUnknown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_blocks_is_overridden_with_a_scope_and_a_reason_and_that_is_recorded() {
    let (server, admin, _) = three_releases().await;
    put_rules(&admin, json!({"gates": {"beta": {"build-not-rising": "block"}}})).await;
    let back = |reason: Value| json!({"revision": "1.0", "override": ["build-not-rising"], "reason": reason});
    let before = server.state();
    let answer = promote(&admin, "beta", json!({"revision": "1.0"})).await;
    let details = refused(answer, StatusCode::FORBIDDEN, ErrorCode::GateBlocked).await;
    assert_eq!(details["gates"][0]["gate"], "build-not-rising");
    let answer = promote(&admin, "beta", json!({"revision": "1.0", "override": ["unsigned"], "reason": "other"})).await;
    refused(answer, StatusCode::FORBIDDEN, ErrorCode::GateBlocked).await;
    refused(promote(&admin, "beta", back(Value::Null)).await, StatusCode::BAD_REQUEST, ErrorCode::RequestInvalid).await;
    let promoter = server.with_scopes(&["promote:acme"]).await;
    let answer = promote(&promoter, "beta", back(json!("we must"))).await;
    let details = refused(answer, StatusCode::FORBIDDEN, ErrorCode::Forbidden).await;
    assert_eq!(details["needed"], "override:acme/beta");
    let alone = server.with_scopes(&["override:acme"]).await;
    refused(promote(&alone, "beta", back(json!("we must"))).await, StatusCode::FORBIDDEN, ErrorCode::Forbidden).await;
    assert_eq!(before[..5], server.state()[..5]);

    let both = server.with_scopes(&["promote:acme/beta", "override:acme/beta"]).await;
    let moved: Moved = read(promote(&both, "beta", back(json!("we must"))).await).await;
    assert_eq!(moved.overridden.iter().map(ToString::to_string).collect::<Vec<_>>(), ["build-not-rising"]);
    let events: AuditPage = read(admin.get("/api/v1/audit?action=gate.override").await).await;
    let [event] = events.events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.reason.as_deref(), event.subject.as_str()), (Some("we must"), "channels/beta"));
    assert_eq!(event.details["overridden"][0]["gate"], "build-not-rising");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_soaks_on_one_channel_before_it_comes_onto_the_next() {
    let (server, admin, [.., third]) = three_releases().await;
    put_rules(&admin, json!({"soak": {"stable": {"on": "beta", "seconds": 86_400}}})).await;
    server.advance(SignedDuration::from_hours(3));
    let answer = promote(&admin, "stable", json!({"revision": "beta"})).await;
    let details = refused(answer, StatusCode::FORBIDDEN, ErrorCode::GateBlocked).await;
    assert_eq!(details["gates"][0]["message"], "3 hours on beta, 24 hours are asked");
    // Time counts only while it is there.
    let _: Moved = read(promote(&admin, "beta", json!({"revision": "1.0"})).await).await;
    server.advance(SignedDuration::from_hours(48));
    let _: Moved = read(promote(&admin, "beta", json!({"revision": "3.0"})).await).await;
    server.advance(SignedDuration::from_hours(20));
    let answer = promote(&admin, "stable", json!({"revision": "3.0"})).await;
    let details = refused(answer, StatusCode::FORBIDDEN, ErrorCode::GateBlocked).await;
    assert_eq!(details["gates"][0]["message"], "23 hours on beta, 24 hours are asked");
    server.advance(SignedDuration::from_hours(1));
    let moved: Moved = read(promote(&admin, "stable", json!({"revision": "3.0"})).await).await;
    assert_eq!(moved.to.id, third.id());
    assert_eq!(moved.passed[0].detail.as_deref(), Some("24 hours"));
    // What is published straight onto it has not soaked.
    let next = release("4.0", &[("a", b"4.0")]);
    let committed: Committed = read(admin.publish(&next, &[b"4.0"], Some(("stable", Some(third.id())))).await).await;
    assert_eq!(committed.held[0].code, ErrorCode::GateBlocked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_holds_until_the_channel_is_unpinned() {
    let (server, admin, [_, second, third]) = three_releases().await;
    let beta = "beta".parse().unwrap();
    let rolled: Moved = read(admin.post(&paths::rollback(&acme(), &beta), &json!({"reason": "crashes"})).await).await;
    assert_eq!((rolled.from.unwrap().id, rolled.to.id), (third.id(), second.id()));
    assert_eq!(rolled.pin.as_ref().and_then(|pin| pin.reason.as_deref()), Some("crashes"));
    assert_eq!(rolled.clients[0].platform.as_str(), "linux");

    let mut next = release("4.0", &[("a", b"4.0")]);
    next.parent = Some(second.id());
    let onto_beta = Some(("beta", Some(second.id())));
    let committed: Committed = read(admin.publish(&next, &[b"4.0"], onto_beta).await).await;
    assert_eq!((committed.release.id, committed.refs.len()), (next.id(), 1), "published, and no channel moved");
    let held = &committed.held[0];
    assert_eq!((held.code, held.at.as_ref().map(|it| it.id)), (ErrorCode::ChannelPinned, Some(second.id())));
    assert_eq!(held.message, "acme beta is pinned at 2.0: crashes (first-admin)");
    let again: Committed = read(admin.commit(&next, onto_beta).await).await;
    assert_eq!(again.held.len(), 1, "a second run is told the same");
    let answer = promote(&admin, "beta", json!({"revision": "4.0"})).await;
    refused(answer, StatusCode::FORBIDDEN, ErrorCode::ChannelPinned).await;
    let found: Channel = read(admin.get(&paths::channel(&acme(), &beta)).await).await;
    assert_eq!((found.release.id, found.pin.is_some()), (second.id(), true));

    let unpin = admin.request(Method::DELETE, &paths::pin(&acme(), &beta)).send().await.unwrap();
    assert_eq!(read::<Channel>(unpin).await.pin, None);
    let committed: Committed = read(admin.commit(&next, onto_beta).await).await;
    assert!(committed.held.is_empty());
    drop(server);
}
