//! Who sees what of an app, channel by channel.

use protocol::api::{Apps, Channels, Committed, RefsAnswer, ReleasePage};
use protocol::{AppSlug, Digest, ErrorCode, ReleaseId, paths};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Client, TestServer, read, refused, release};

fn acme() -> AppSlug {
    "acme".parse().unwrap()
}

/// Publishes version after version, each with one file, each onto its channel.
async fn publish(admin: &Client, version: &str, channel: &str, expected: Option<ReleaseId>) -> ReleaseId {
    let mut manifest = release(version, &[("app.bin", version.as_bytes())]);
    manifest.parent = expected;
    let answer = admin.publish(&manifest, &[version.as_bytes()], Some((channel, expected))).await;
    read::<Committed>(answer).await.release.id
}

async fn put_access(admin: &Client, access: Value) {
    let answer = admin.request(Method::PUT, &paths::rules(&acme())).json(&json!({"access": access})).send().await;
    let _: Value = read(answer.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_channel_of_a_closed_app_shows_what_was_on_it_and_nothing_else() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    let first = publish(&admin, "1.0", "stable", None).await;
    publish(&admin, "1.1", "stable", Some(first)).await;
    publish(&admin, "2.0", "nightly", None).await;
    let anyone = server.anonymous();
    refused(anyone.get(&paths::releases(&acme())).await, StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated).await;
    assert!(read::<Apps>(anyone.get(paths::APPS).await).await.apps.is_empty());

    put_access(&admin, json!({"stable": "public"})).await;
    assert_eq!(read::<Apps>(anyone.get(paths::APPS).await).await.apps.len(), 1);
    let names = |page: ReleasePage| page.releases.iter().map(|it| it.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(read(anyone.get(&paths::releases(&acme())).await).await), ["1.1", "1.0"]);
    let log = format!("{}?revision=stable", paths::log(&acme()));
    assert_eq!(names(read(anyone.get(&log).await).await), ["1.1", "1.0"]);
    let channels: Channels = read(anyone.get(&paths::channels(&acme())).await).await;
    assert_eq!(channels.channels.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["stable"]);
    let refs: RefsAnswer = read(anyone.get(&paths::refs(&acme())).await).await;
    let refs: Vec<String> = refs.refs.keys().map(ToString::to_string).collect();
    assert_eq!(refs, ["channels/stable", "releases/1.0", "releases/1.1"]);
    assert_eq!(anyone.get(&paths::object(&acme(), &Digest::of(b"1.0"))).await.status(), StatusCode::OK);
    assert_eq!(anyone.get("/install/acme/stable").await.status(), StatusCode::OK);

    let hidden = paths::object(&acme(), &Digest::of(b"2.0"));
    refused(anyone.get(&hidden).await, StatusCode::NOT_FOUND, ErrorCode::ObjectNotFound).await;
    for revision in ["nightly", "2.0", "3.0"] {
        let path = paths::release(&acme(), &revision.parse().unwrap());
        let details = refused(anyone.get(&path).await, StatusCode::NOT_FOUND, ErrorCode::RevisionUnknown).await;
        assert_eq!(details["candidates"], json!([]), "{revision}: what is hidden is not suggested");
    }
    let nightly = paths::channel(&acme(), &"nightly".parse().unwrap());
    refused(anyone.get(&nightly).await, StatusCode::NOT_FOUND, ErrorCode::ChannelNotFound).await;
    assert_eq!(anyone.get("/install/acme/nightly").await.status(), StatusCode::NOT_FOUND);
    refused(anyone.get(&paths::rules(&acme())).await, StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_channel_of_a_public_app_is_closed() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "public").await;
    publish(&admin, "1.0", "stable", None).await;
    publish(&admin, "2.0", "nightly", None).await;
    put_access(&admin, json!({"nightly": "token"})).await;
    let anyone = server.anonymous();
    assert_eq!(anyone.get(&paths::object(&acme(), &Digest::of(b"1.0"))).await.status(), StatusCode::OK);
    let hidden = paths::object(&acme(), &Digest::of(b"2.0"));
    refused(anyone.get(&hidden).await, StatusCode::NOT_FOUND, ErrorCode::ObjectNotFound).await;
    let reader = server.with_scopes(&["read:acme"]).await;
    assert_eq!(reader.get(&hidden).await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_access_of_an_app_is_changed_by_its_admins_only() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    publish(&admin, "1.0", "stable", None).await;
    let patch = |client: Client| async move {
        client.request(Method::PATCH, &paths::app(&acme())).json(&json!({"access": "public"})).send().await.unwrap()
    };
    let ci = server.with_scopes(&["promote:acme"]).await;
    refused(patch(ci).await, StatusCode::FORBIDDEN, ErrorCode::Forbidden).await;
    assert_eq!(server.anonymous().get(&paths::releases(&acme())).await.status(), StatusCode::UNAUTHORIZED);
    let _: Value = read(patch(server.with_scopes(&["admin:acme"]).await).await).await;
    assert_eq!(server.anonymous().get(&paths::releases(&acme())).await.status(), StatusCode::OK);
}
