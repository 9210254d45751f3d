//! Releases that are withdrawn.

use protocol::api::{Committed, Moved, Release, ReleasePage, Withdrawn};
use protocol::{AppSlug, Digest, ErrorCode, ReleaseId, Revision, paths};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Client, TestServer, read, refused, release};

const SHARED: &[u8] = b"in both releases";
const OWN: &[u8] = b"in the second only";

fn acme() -> AppSlug {
    "acme".parse().unwrap()
}

fn revision(text: &str) -> Revision {
    text.parse().unwrap()
}

/// A server with a public acme 1.0 and 2.0, beta at the second.
async fn two_releases() -> (TestServer, Client, ReleaseId, ReleaseId) {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "public").await;
    let first = release("1.0", &[("shared", SHARED)]);
    let mut second = release("2.0", &[("own", OWN), ("shared", SHARED)]);
    second.parent = Some(first.id());
    let _: Committed = read(admin.publish(&first, &[SHARED], Some(("beta", None))).await).await;
    let _: Committed = read(admin.publish(&second, &[OWN, SHARED], Some(("beta", Some(first.id())))).await).await;
    (server, admin, first.id(), second.id())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_a_channel_points_at_is_revoked_only_with_a_rollback() {
    let (server, admin, first, second) = two_releases().await;
    let path = paths::revoke(&acme(), &revision("2.0"));
    let before = server.state();
    let answer = admin.post(&path, &json!({"reason": "leaks"})).await;
    let details = refused(answer, StatusCode::CONFLICT, ErrorCode::ReleaseLive).await;
    assert_eq!(details["channels"], json!(["beta"]));
    refused(admin.post(&path, &json!({"reason": " "})).await, StatusCode::BAD_REQUEST, ErrorCode::RequestInvalid).await;
    assert_eq!(server.state(), before);

    let done: Withdrawn = read(admin.post(&path, &json!({"reason": "leaks", "rollback": true})).await).await;
    assert_eq!((done.release.id, done.revoked.unwrap().reason.as_str()), (second, "leaks"));
    assert_eq!((done.moved[0].to.id, done.moved[0].pin.is_some()), (first, true));

    // There is nothing to go back to: then nothing happens at all.
    let path = paths::revoke(&acme(), &revision("1.0"));
    let before = server.state();
    let answer = admin.post(&path, &json!({"reason": "leaks", "rollback": true})).await;
    refused(answer, StatusCode::CONFLICT, ErrorCode::NothingToRollBack).await;
    assert_eq!(server.state(), before);
    let shown: Release = read(admin.get(&paths::release(&acme(), &revision("1.0"))).await).await;
    assert_eq!(shown.revoked, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_is_shown_and_no_longer_handed_out_or_promoted() {
    let (server, admin, _, second) = two_releases().await;
    let body = json!({"reason": "leaks <keys>", "rollback": true});
    let _: Withdrawn = read(admin.post(&paths::revoke(&acme(), &revision("2.0")), &body).await).await;
    let anyone = server.anonymous();
    let object = |bytes: &[u8]| paths::object(&acme(), &Digest::of(bytes));

    let details = refused(anyone.get(&object(OWN)).await, StatusCode::GONE, ErrorCode::ReleaseRevoked).await;
    assert_eq!(details["revoked"]["reason"], "leaks <keys>");
    let head = anyone.request(Method::HEAD, &object(OWN)).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::GONE);
    assert_eq!(anyone.get(&object(SHARED)).await.status(), StatusCode::OK, "another release has it");
    assert_eq!(anyone.get(&paths::object(&acme(), &second)).await.status(), StatusCode::OK, "its manifest is history");

    let page: ReleasePage = read(anyone.get(&paths::releases(&acme())).await).await;
    let marked: Vec<bool> = page.releases.iter().map(|release| release.revoked.is_some()).collect();
    assert_eq!(marked, [true, false]);
    let install = anyone.get(&paths::install_release(&acme(), &revision("2.0"))).await;
    assert_eq!(install.status(), StatusCode::GONE);
    let text = install.text().await.unwrap();
    assert!(
        text.contains("<s>acme 2.0</s>") && text.contains("leaks &lt;keys&gt;") && !text.contains("Download"),
        "{text}"
    );

    let promote = paths::promote(&acme(), &"stable".parse().unwrap());
    let answer = admin.post(&promote, &json!({"revision": "2.0"})).await;
    refused(answer, StatusCode::GONE, ErrorCode::ReleaseRevoked).await;
    let body = json!({"revision": "2.0", "override": ["release-revoked"], "reason": "I know better"});
    refused(admin.post(&promote, &body).await, StatusCode::GONE, ErrorCode::ReleaseRevoked).await;
    let back = admin.post(&paths::rollback(&acme(), &"beta".parse().unwrap()), &json!({"to": "2.0"})).await;
    refused(back, StatusCode::CONFLICT, ErrorCode::RollbackTargetInvalid).await;
    let second = {
        let mut it = release("2.0", &[("own", OWN), ("shared", SHARED)]);
        it.parent = Some(release("1.0", &[("shared", SHARED)]).id());
        it
    };
    let again: Committed = read(admin.commit(&second, Some(("nightly", None))).await).await;
    assert_eq!(again.held[0].code, ErrorCode::ReleaseRevoked);

    let restored: Withdrawn =
        read(admin.post(&paths::restore(&acme(), &revision("2.0")), &json!({"reason": "no keys"})).await).await;
    assert_eq!(restored.revoked, None);
    assert_eq!(anyone.get(&object(OWN)).await.status(), StatusCode::OK);
    let moved: Moved = read(admin.post(&promote, &json!({"revision": "2.0"})).await).await;
    assert_eq!(moved.from, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_gives_nothing_of_a_release_that_was_revoked_since() {
    let (server, admin, ..) = two_releases().await;
    let open = json!({"access": "link"});
    let _: Value = read(admin.request(Method::PATCH, &paths::app(&acme())).json(&open).send().await.unwrap()).await;
    let link: Value = read(admin.post(&paths::links(&acme()), &json!({"channel": "beta"})).await).await;
    let address = format!("{}{}/get/{}", server.url, link["path"].as_str().unwrap(), Digest::of(OWN));
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let begun = http.get(&address).send().await.unwrap();
    let file = format!("{}{}", server.url, begun.headers()["location"].to_str().unwrap());
    assert_eq!(http.get(&file).send().await.unwrap().status(), StatusCode::OK);
    let body = json!({"reason": "leaks", "rollback": true});
    let _: Withdrawn = read(admin.post(&paths::revoke(&acme(), &revision("2.0")), &body).await).await;
    let gone = http.get(&file).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::GONE);
    assert!(gone.text().await.unwrap().contains("leaks"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_passes_over_what_was_revoked() {
    let (_server, admin, first, _) = two_releases().await;
    let third = release("3.0", &[("own", OWN)]);
    let second = json!({"reason": "leaks"});
    let head: Release = read(admin.get(&paths::release(&acme(), &revision("beta"))).await).await;
    let _: Committed = read(admin.publish(&third, &[OWN], Some(("beta", Some(head.id)))).await).await;
    let _: Withdrawn = read(admin.post(&paths::revoke(&acme(), &revision("2.0")), &second).await).await;
    let beta = "beta".parse().unwrap();
    let answer = admin.post(&paths::rollback(&acme(), &beta), &json!({"to": "2.0"})).await;
    refused(answer, StatusCode::GONE, ErrorCode::ReleaseRevoked).await;
    let moved: Moved = read(admin.post(&paths::rollback(&acme(), &beta), &json!({})).await).await;
    assert_eq!(moved.to.id, first);
}
