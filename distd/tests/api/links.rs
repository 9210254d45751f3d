//! Capability links: what they open, and what ends them.

use jiff::SignedDuration;
use protocol::api::{AuditPage, Committed, Link, Links, RotatedKey};
use protocol::{AppSlug, ErrorCode, paths};
use reqwest::redirect::Policy;
use reqwest::{Method, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::harness::{Client, TestServer, read, refused, release};

const BYTES: &[u8] = b"the bytes of an app";

fn acme() -> AppSlug {
    "acme".parse().unwrap()
}

/// A server with an app for holders of links, and a release on its beta.
async fn server() -> TestServer {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "link").await;
    let manifest = release("1.0", &[("Acmé 1.bin", BYTES)]);
    let _: Committed = read(admin.publish(&manifest, &[BYTES], Some(("beta", None))).await).await;
    server
}

async fn link(client: &Client, wanted: Value) -> Link {
    read(client.post(&paths::links(&acme()), &wanted).await).await
}

/// What a browser without any credential gets, without following redirects.
async fn browse(server: &TestServer, path: &str) -> Response {
    let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
    http.get(format!("{}{path}", server.url)).send().await.unwrap()
}

/// Begins a download and gives the address of the file.
async fn begin(server: &TestServer, link: &Link) -> String {
    let path = format!("{}/get/{}", link.path, protocol::Digest::of(BYTES));
    let answer = browse(server, &path).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    answer.headers()[header::LOCATION].to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_opens_its_channel_and_its_files_and_nothing_else() {
    let server = server().await;
    let made = link(&server.admin(), json!({"channel": "beta", "note": "Ana"})).await;
    let page = browse(&server, &made.path).await;
    assert_eq!(page.status(), StatusCode::OK);
    let text = page.text().await.unwrap();
    assert!(text.contains("Acmé 1.bin"), "{text}");

    let file = begin(&server, &made).await;
    let answer = browse(&server, &file).await;
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/octet-stream");
    assert_eq!(answer.bytes().await.unwrap(), BYTES);
    let http = reqwest::Client::new();
    let part = http.get(format!("{}{file}", server.url)).header("range", "bytes=4-8").send().await.unwrap();
    assert_eq!((part.status(), part.bytes().await.unwrap().as_ref()), (StatusCode::PARTIAL_CONTENT, &BYTES[4..9]));
    let head = http.head(format!("{}{file}", server.url)).send().await.unwrap();
    assert_eq!(head.headers()[header::CONTENT_LENGTH], BYTES.len().to_string());

    let path = paths::object(&acme(), &protocol::Digest::of(BYTES));
    refused(server.anonymous().get(&path).await, StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated).await;
    let other = format!("{}/get/{}", made.path, protocol::Digest::of(b"other"));
    assert_eq!(browse(&server, &other).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(browse(&server, &made.path[..made.path.len() - 1]).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_ends_when_it_is_revoked_or_its_time_is_over_or_it_is_used_up() {
    let server = server().await;
    let admin = server.admin();
    let counted = link(&admin, json!({"channel": "beta", "max_uses": 1})).await;
    let file = begin(&server, &counted).await;
    assert_eq!(browse(&server, &file).await.bytes().await.unwrap(), BYTES);
    assert_eq!(browse(&server, &file).await.bytes().await.unwrap(), BYTES, "what was begun can be resumed");
    let again = format!("{}/get/{}", counted.path, protocol::Digest::of(BYTES));
    assert_eq!(browse(&server, &again).await.status(), StatusCode::NOT_FOUND, "used up");

    let revoked = link(&admin, json!({"channel": "beta"})).await;
    let begun = begin(&server, &revoked).await;
    let path = paths::link(&acme(), &revoked.id);
    for _ in 0..2 {
        let gone: Link = read(admin.request(Method::DELETE, &path).send().await.unwrap()).await;
        assert!(gone.revoked_at.is_some());
    }
    for path in [&revoked.path, &begun] {
        assert_eq!(browse(&server, path).await.status(), StatusCode::NOT_FOUND, "revoked");
    }

    let short = link(&admin, json!({"channel": "beta", "expires_in_seconds": 60})).await;
    let begun = begin(&server, &short).await;
    server.advance(SignedDuration::from_mins(2));
    assert_eq!(browse(&server, &short.path).await.status(), StatusCode::NOT_FOUND, "ended");
    assert_eq!(browse(&server, &begun).await.bytes().await.unwrap(), BYTES, "a download that began goes on");
    server.advance(SignedDuration::from_hours(2));
    assert_eq!(browse(&server, &begun).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_ends_old_links_only_when_told_to() {
    let server = server().await;
    let admin = server.admin();
    let first = link(&admin, json!({"channel": "beta"})).await;
    let _: RotatedKey = read(admin.post(paths::ROTATE_KEY, &json!({})).await).await;
    assert_eq!(browse(&server, &first.path).await.status(), StatusCode::OK);
    let listed: Links = read(admin.get(&paths::links(&acme())).await).await;
    assert_ne!(listed.links[0].path, first.path, "the list signs with the new key");
    assert_eq!(browse(&server, &listed.links[0].path).await.status(), StatusCode::OK);
    let _: RotatedKey = read(admin.post(paths::ROTATE_KEY, &json!({"drop_old": true})).await).await;
    for path in [&first.path, &listed.links[0].path] {
        assert_eq!(browse(&server, path).await.status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_for_channels_that_allow_them_and_made_by_those_who_may_promote() {
    let server = server().await;
    let admin = server.admin();
    let made = link(&admin, json!({"channel": "beta"})).await;
    let wanted = json!({"channel": "beta"});
    let reader = server.with_scopes(&["read:acme"]).await;
    refused(reader.post(&paths::links(&acme()), &wanted).await, StatusCode::FORBIDDEN, ErrorCode::Forbidden).await;
    let listed: Links = read(reader.get(&paths::links(&acme())).await).await;
    assert!(listed.links.is_empty(), "its address would be the link itself");
    let path = paths::link(&acme(), &made.id);
    let answer = reader.request(Method::DELETE, &path).send().await.unwrap();
    refused(answer, StatusCode::NOT_FOUND, ErrorCode::LinkNotFound).await;
    let promoter = server.with_scopes(&["promote:acme/beta"]).await;
    let listed: Links = read(promoter.get(&paths::links(&acme())).await).await;
    assert_eq!(listed.links.len(), 1);

    let change = |body: Value| admin.request(Method::PATCH, "/api/v1/apps/acme").json(&body).send();
    let _: Value = read(change(json!({"access": "token"})).await.unwrap()).await;
    assert_eq!(browse(&server, &made.path).await.status(), StatusCode::NOT_FOUND, "closed");
    let answer = admin.post(&paths::links(&acme()), &wanted).await;
    refused(answer, StatusCode::FORBIDDEN, ErrorCode::LinkNotAllowed).await;
    let rules = json!({"access": {"beta": "link"}});
    let _: Value = read(admin.request(Method::PUT, &paths::rules(&acme())).json(&rules).send().await.unwrap()).await;
    assert_eq!(browse(&server, &made.path).await.status(), StatusCode::OK, "the channel is opened by itself");
    for wrong in [json!({"channel": "nightly"}), json!({"channel": "beta", "max_uses": 0})] {
        assert!(admin.post(&paths::links(&acme()), &wrong).await.status().is_client_error(), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_and_the_audit_log_hold_no_link_that_works() {
    let server = server().await;
    let made = link(&server.admin(), json!({"channel": "beta"})).await;
    let file = begin(&server, &made).await;
    let events: AuditPage = read(server.admin().get("/api/v1/audit?action=link.create").await).await;
    assert_eq!(events.events[0].subject, format!("{} channels/beta", made.id));
    let secrets = [made.path.trim_start_matches("/l/"), file.split('/').nth(2).unwrap()];
    for name in ["dist.sqlite", "dist.sqlite-wal"] {
        let bytes = std::fs::read(server.data.path().join(name)).unwrap();
        for secret in secrets {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{name}");
        }
    }
}
