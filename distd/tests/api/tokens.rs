//! Tokens stop working when they should.

use jiff::SignedDuration;
use protocol::api::{CreatedToken, Token, Tokens, Whoami};
use protocol::{ErrorCode, paths};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::{TestServer, read, refused};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_works_until_it_expires_or_is_revoked() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let wanted = json!({"name": "short", "scopes": ["read:*"], "expires_in_seconds": 60});
    let made: CreatedToken = read(admin.post(paths::TOKENS, &wanted).await).await;
    let short = server.client(Some(made.token.clone()));
    let who: Whoami = read(short.get(paths::WHOAMI).await).await;
    assert_eq!((who.actor.as_str(), who.token_id.as_deref()), ("short", Some(made.about.id.as_str())));

    let revoke = admin.request(Method::DELETE, &paths::token(&made.about.id)).send().await.unwrap();
    assert!(read::<Token>(revoke).await.revoked_at.is_some());
    refused(short.get(paths::WHOAMI).await, StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated).await;

    let made: CreatedToken = read(admin.post(paths::TOKENS, &wanted).await).await;
    let short = server.client(Some(made.token));
    server.advance(SignedDuration::from_secs(59));
    assert_eq!(short.get(paths::WHOAMI).await.status(), StatusCode::OK);
    server.advance(SignedDuration::from_secs(1));
    refused(short.get(paths::WHOAMI).await, StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated).await;

    let tokens: Tokens = read(admin.get(paths::TOKENS).await).await;
    assert_eq!(tokens.tokens.len(), 3);
    let unknown = admin.request(Method::DELETE, &paths::token("nobody")).send().await.unwrap();
    refused(unknown, StatusCode::NOT_FOUND, ErrorCode::TokenNotFound).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_token_is_refused_and_never_echoed() {
    let server = TestServer::start().await;
    for bad in ["x", "dist_aaaaaaaa_bbbb", "ghp_0123456789"] {
        let answer = server.client(Some(bad.to_owned())).get(paths::WHOAMI).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert!(answer.headers().contains_key("www-authenticate"));
        assert!(!answer.text().await.unwrap().contains(bad));
    }
    let other_scheme = server.anonymous().request(Method::GET, paths::WHOAMI).header("authorization", "Basic eDp5");
    refused(other_scheme.send().await.unwrap(), StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated).await;
    let who: Whoami = read(server.anonymous().get(paths::WHOAMI).await).await;
    assert_eq!(who.actor, "anonymous");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_make_no_sense_are_not_made() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let before = server.state();
    for bad in [
        json!({"name": "", "scopes": ["admin"]}),
        json!({"name": "x\ny", "scopes": ["admin"]}),
        json!({"name": "x", "scopes": []}),
        json!({"name": "x", "scopes": ["write:acme"]}),
        json!({"name": "x", "scopes": ["admin"], "expires_in_seconds": 0}),
        json!({"name": "x", "scopes": ["admin"], "expires_in_seconds": 1u64 << 40}),
        json!({"name": "x", "scopes": ["admin"], "expires_in_seconds": 60, "never_expires": true}),
    ] {
        refused(admin.post(paths::TOKENS, &bad).await, StatusCode::BAD_REQUEST, ErrorCode::RequestInvalid).await;
    }
    assert_eq!(server.state(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_holds_no_credential_that_works() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let made: CreatedToken = read(admin.post(paths::TOKENS, &json!({"name": "x", "scopes": ["admin"]})).await).await;
    let secret = &made.token["dist_12345678_".len()..];
    let data = server.stop().await;
    for file in std::fs::read_dir(data.path()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(40).any(|window| window == &secret.as_bytes()[..40]), "{}", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_replaced_by_its_holder_and_works_on_for_the_overlap() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    let ci = server.with_scopes(&["read:acme"]).await;
    let who: Whoami = read(ci.get(paths::WHOAMI).await).await;
    let old = who.token_id.unwrap();
    let made: CreatedToken = read(ci.post(&paths::rotate_token(&old), &json!({"overlap_seconds": 60})).await).await;
    assert_eq!((made.about.name.as_str(), made.about.lifetime()), ("ci-main", Some(SignedDuration::from_hours(1))));
    let new = server.client(Some(made.token));
    for client in [&ci, &new] {
        assert_eq!(client.get(&paths::releases(&"acme".parse().unwrap())).await.status(), StatusCode::OK);
    }
    server.advance(SignedDuration::from_secs(61));
    refused(ci.get(paths::WHOAMI).await, StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated).await;
    assert_eq!(new.get(paths::WHOAMI).await.status(), StatusCode::OK);

    let other = server.with_scopes(&["read:acme"]).await;
    let answer = other.post(&paths::rotate_token(&made.about.id), &json!({})).await;
    refused(answer, StatusCode::FORBIDDEN, ErrorCode::Forbidden).await;
    let answer = admin.post(&paths::rotate_token(&old), &json!({})).await;
    refused(answer, StatusCode::BAD_REQUEST, ErrorCode::RequestInvalid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_use_of_a_token_is_kept_to_the_minute() {
    let server = TestServer::start().await;
    let ci = server.with_scopes(&["read"]).await;
    let used = || async {
        let tokens: Tokens = read(server.admin().get(paths::TOKENS).await).await;
        let ci = tokens.tokens.into_iter().find(|token| token.name == "ci-main").unwrap();
        ci.used_at.map(|at| (at.to_string(), ci.used_from.unwrap()))
    };
    assert_eq!(used().await, None);
    let at = |time: &str| Some((time.to_owned(), "127.0.0.1".to_owned()));
    ci.get(paths::WHOAMI).await;
    assert_eq!(used().await, at("2026-11-22T09:00:00Z"));
    server.advance(SignedDuration::from_secs(59));
    ci.get(paths::WHOAMI).await;
    assert_eq!(used().await, at("2026-11-22T09:00:00Z"), "one write a minute");
    server.advance(SignedDuration::from_secs(1));
    ci.get(paths::WHOAMI).await;
    assert_eq!(used().await, at("2026-11-22T09:01:00Z"));
}
