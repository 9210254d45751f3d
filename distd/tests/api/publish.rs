//! The main job: publish, move, look, go back.

use protocol::api::{AuditPage, Committed, Moved, Negotiated, ReflogPage, Release, ReleasePage};
use protocol::publish::PublishStatus;
use protocol::{Digest, ErrorCode, paths};
use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{TestServer, read, refused, release};

#[tokio::test(flavor = "multi_thread")]
async fn a_release_goes_in_and_comes_out() {
    let server = TestServer::start().await;
    server.admin().create_app("acme", "token").await;
    let ci = server.with_scopes(&["publish:acme/beta"]).await;
    let bytes = b"the bytes of an app".as_slice();
    let manifest = release("1.0.0", &[("acme.bin", bytes)]);

    let committed: Committed = read(ci.publish(&manifest, &[bytes], Some(("beta", None))).await).await;
    assert_eq!(committed.status, PublishStatus::Published);
    assert_eq!(committed.release.id, manifest.id());
    assert_eq!(server.objects().len(), 2, "the artifact and the manifest");

    let shown: Release = read(ci.get("/api/v1/apps/acme/releases/beta").await).await;
    assert_eq!((shown.id, &shown.manifest), (manifest.id(), &manifest));
    assert_eq!(shown.channels.iter().map(ToString::to_string).collect::<Vec<_>>(), ["beta"]);
    let path = paths::object(&"acme".parse().unwrap(), &Digest::of(bytes));
    assert_eq!(ci.get(&path).await.bytes().await.unwrap(), bytes);
    let path = paths::object(&"acme".parse().unwrap(), &manifest.id());
    assert_eq!(ci.get(&path).await.bytes().await.unwrap(), manifest.canonical_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_the_same_content_again_is_unchanged_and_other_content_is_refused_with_the_difference() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    let first = release("1.0.0", &[("a", b"one")]);
    let _: Committed = read(admin.publish(&first, &[b"one"], None).await).await;
    let before = server.state();

    let mut again = first.clone();
    again.created_at = "2027-01-01T00:00:00Z".parse().unwrap();
    let committed: Committed = read(admin.commit(&again, None).await).await;
    assert_eq!((committed.status, committed.release.id), (PublishStatus::Unchanged, first.id()));
    assert_eq!(server.state(), before, "nothing is written for what is there already");

    let other = release("1.0.0", &[("a", b"two")]);
    let details =
        refused(admin.publish(&other, &[b"two"], None).await, StatusCode::CONFLICT, ErrorCode::ReleaseExists).await;
    assert_eq!(details["existing"], first.id().to_string());
    assert_eq!(details["difference"][0]["what"], "artifacts/linux/universal/file/a");

    let to_channel: Committed = read(admin.commit(&again, Some(("beta", None))).await).await;
    assert_eq!(to_channel.status, PublishStatus::Unchanged);
    assert_eq!(to_channel.refs[1].new, first.id(), "a channel moves to the release that is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn rolling_back_goes_back_along_the_reflog_and_never_forward() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    let mut parent = None;
    for version in ["1.0.0", "2.0.0", "3.0.0"] {
        let mut manifest = release(version, &[("a", version.as_bytes())]);
        manifest.parent = parent;
        let _: Committed = read(admin.publish(&manifest, &[version.as_bytes()], Some(("beta", parent))).await).await;
        parent = Some(manifest.id());
    }
    let promote = json!({"revision": "beta", "expected": null, "reason": "tested"});
    let moved: Moved = read(admin.post("/api/v1/apps/acme/channels/stable/promote", &promote).await).await;
    assert_eq!((moved.from, moved.to.name.to_string()), (None, "3.0.0".to_owned()));

    let roll = "/api/v1/apps/acme/channels/beta/rollback";
    let to = |moved: Moved| moved.to.name.to_string();
    assert_eq!(to(read(admin.post(roll, &json!({})).await).await), "2.0.0");
    assert_eq!(to(read(admin.post(roll, &json!({"reason": "again"})).await).await), "1.0.0");
    refused(admin.post(roll, &json!({})).await, StatusCode::CONFLICT, ErrorCode::NothingToRollBack).await;
    let never = json!({"to": "3.0.0"});
    refused(admin.post(roll, &never).await, StatusCode::CONFLICT, ErrorCode::RollbackTargetInvalid).await;

    let reflog: ReflogPage = read(admin.get("/api/v1/apps/acme/channels/beta/reflog").await).await;
    let actions: Vec<_> = reflog.entries.iter().map(|line| (line.seq, line.action.as_str())).collect();
    assert_eq!(actions, [(5, "rollback"), (4, "rollback"), (3, "publish"), (2, "publish"), (1, "publish")]);
    for pair in reflog.entries.windows(2) {
        assert_eq!(pair[0].old, pair[1].new, "each move begins where the one before ended");
    }
    let earlier: Release = read(admin.get("/api/v1/apps/acme/releases/beta@%7B2%7D").await).await;
    assert_eq!(earlier.name.to_string(), "3.0.0");
    let parent: Release = read(admin.get("/api/v1/apps/acme/releases/stable~2").await).await;
    assert_eq!(parent.name.to_string(), "1.0.0");
    let log: ReleasePage = read(admin.get("/api/v1/apps/acme/log?revision=stable&limit=2").await).await;
    assert_eq!(log.releases.len(), 2);
    let rest: ReleasePage =
        read(admin.get(&format!("/api/v1/apps/acme/log?revision=stable&after={}", log.next.unwrap())).await).await;
    assert_eq!((rest.releases.len(), rest.next), (1, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_upload_goes_on_where_it_stopped_also_after_a_restart() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    let bytes = vec![7u8; 300_000];
    let digest = Digest::of(&bytes);
    admin.negotiate("acme", &[&bytes]).await;
    let answer = admin.patch("acme", &digest, 0, false, &bytes[..100_000]).await;
    assert_eq!(answer.headers()["upload-offset"], "100000");
    assert_eq!(answer.headers()["upload-complete"], "?0");

    let negotiated: Negotiated = admin.negotiate("acme", &[&bytes]).await;
    assert_eq!(negotiated.missing[0].offset, 100_000);
    let path = paths::object(&"acme".parse().unwrap(), &digest);
    let head = admin.request(reqwest::Method::HEAD, &path).send().await.unwrap();
    assert_eq!((head.status(), head.headers()["upload-offset"].to_str().unwrap()), (StatusCode::NO_CONTENT, "100000"));

    let answer = admin.patch("acme", &digest, 100_000, true, &bytes[100_000..]).await;
    assert_eq!(answer.headers()["upload-complete"], "?1");
    assert!(admin.negotiate("acme", &[&bytes]).await.missing.is_empty());
    // A client that missed the answer sends the end again.
    assert_eq!(admin.patch("acme", &digest, 300_000, true, b"").await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_leaves_its_audit_event_in_one_chain() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    let manifest = release("1.0.0", &[("a", b"one")]);
    let _: Committed = read(admin.publish(&manifest, &[b"one"], Some(("beta", None))).await).await;
    let _: Moved =
        read(admin.post("/api/v1/apps/acme/channels/stable/promote", &json!({"revision": "beta"})).await).await;
    let page: AuditPage = read(admin.get(paths::AUDIT).await).await;
    let actions: Vec<&str> = page.events.iter().rev().map(|event| event.action.as_str()).collect();
    assert_eq!(actions, ["token.create", "app.create", "object.upload", "release.publish", "channel.promote"]);
    for pair in page.events.windows(2) {
        assert_eq!(pair[0].previous_hash, pair[1].hash);
    }
    for event in &page.events {
        let mut value = serde_json::to_value(event).unwrap();
        value.as_object_mut().unwrap().remove("hash");
        assert_eq!(Digest::of(&serde_json_canonicalizer::to_vec(&value).unwrap()), event.hash, "{value}");
    }
    let promote = &page.events[0];
    assert_eq!((promote.actor.as_str(), promote.subject.as_str()), ("first-admin", "channels/stable"));
    assert_eq!(promote.address.as_deref(), Some("127.0.0.1"));

    let db = rusqlite::Connection::open(server.data.path().join(distd::db::FILE_NAME)).unwrap();
    assert!(db.execute("UPDATE audit_events SET actor = 'nobody'", []).is_err());
    assert!(db.execute("DELETE FROM audit_events", []).is_err());
}
