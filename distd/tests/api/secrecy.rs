//! Nothing is disclosed or handed over by digest alone, and tokens do what they say and no more.

use protocol::api::{Apps, Committed};
use protocol::{Digest, ErrorCode, paths};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::{TestServer, read, refused, release};

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_another_app_is_as_if_it_did_not_exist() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    admin.create_app("other", "token").await;
    let secret = b"bytes of acme".as_slice();
    let digest = Digest::of(secret);
    let manifest = release("1.0.0", &[("a", secret)]);
    let _: Committed = read(admin.publish(&manifest, &[secret], None).await).await;

    let other = server.with_scopes(&["publish:other/*"]).await;
    let missing = other.negotiate("other", &[secret]).await.missing;
    assert_eq!((missing[0].digest, missing[0].offset), (digest, 0), "it has to be uploaded again");
    let path = paths::object(&"other".parse().unwrap(), &digest);
    refused(other.get(&path).await, StatusCode::NOT_FOUND, ErrorCode::ObjectNotFound).await;
    let mut stolen = release("1.0.0", &[("a", secret)]);
    stolen.app = "other".parse().unwrap();
    refused(other.commit(&stolen, None).await, StatusCode::CONFLICT, ErrorCode::ObjectMissing).await;
    let path = paths::object(&"acme".parse().unwrap(), &digest);
    refused(other.get(&path).await, StatusCode::FORBIDDEN, ErrorCode::Forbidden).await;

    let _: Committed = read(other.publish(&stolen, &[secret], None).await).await;
    assert_eq!(server.objects().iter().filter(|name| **name == digest.to_string()).count(), 1, "stored once");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_read_an_app_cannot_tell_whether_it_exists() {
    let server = TestServer::start().await;
    server.admin().create_app("acme", "token").await;
    let other = server.with_scopes(&["read:other"]).await;
    for app in ["acme", "nothing"] {
        for path in [
            format!("/api/v1/apps/{app}"),
            format!("/api/v1/apps/{app}/refs"),
            format!("/api/v1/apps/{app}/channels/beta"),
        ] {
            refused(other.get(&path).await, StatusCode::FORBIDDEN, ErrorCode::Forbidden).await;
            refused(server.anonymous().get(&path).await, StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated).await;
        }
    }
    let seen: Apps = read(other.get(paths::APPS).await).await;
    assert!(seen.apps.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_does_what_its_scopes_say_and_no_more() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    let publisher = server.with_scopes(&["publish:acme"]).await;
    let manifest = release("1.0.0", &[("a", b"one")]);
    publisher.upload("acme", &[b"one"]).await;
    let before = server.state();
    let details =
        refused(publisher.commit(&manifest, Some(("beta", None))).await, StatusCode::FORBIDDEN, ErrorCode::Forbidden);
    assert_eq!(details.await["needed"], "publish:acme/beta");
    assert_eq!(server.state(), before);
    let _: Committed = read(publisher.commit(&manifest, None).await).await;

    let promote = "/api/v1/apps/acme/channels/beta/promote";
    let wanted = json!({"revision": "1.0.0"});
    refused(publisher.post(promote, &wanted).await, StatusCode::FORBIDDEN, ErrorCode::Forbidden).await;
    let promoter = server.with_scopes(&["promote:acme/beta"]).await;
    assert_eq!(promoter.post(promote, &wanted).await.status(), StatusCode::OK);
    let stable = "/api/v1/apps/acme/channels/stable/promote";
    refused(promoter.post(stable, &wanted).await, StatusCode::FORBIDDEN, ErrorCode::Forbidden).await;
    let negotiate = promoter.post("/api/v1/apps/acme/push/negotiate", &json!({})).await;
    refused(negotiate, StatusCode::FORBIDDEN, ErrorCode::Forbidden).await;
    for (method, path) in [(Method::POST, paths::APPS), (Method::GET, paths::TOKENS), (Method::GET, paths::AUDIT)] {
        let answer = publisher.request(method, path).json(&json!({"slug": "mine"})).send().await.unwrap();
        refused(answer, StatusCode::FORBIDDEN, ErrorCode::Forbidden).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_app_can_be_read_by_anyone_and_changed_by_no_one_else() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "public").await;
    let manifest = release("1.0.0", &[("a", b"one")]);
    let _: Committed = read(admin.publish(&manifest, &[b"one"], Some(("beta", None))).await).await;
    let anyone = server.anonymous();
    assert_eq!(anyone.get("/api/v1/apps/acme/releases/beta").await.status(), StatusCode::OK);
    let path = paths::object(&"acme".parse().unwrap(), &Digest::of(b"one"));
    assert_eq!(anyone.get(&path).await.bytes().await.unwrap().as_ref(), b"one");
    let rollback = anyone.post("/api/v1/apps/acme/channels/beta/rollback", &json!({})).await;
    refused(rollback, StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated).await;
}
