//! Refused attempts leave events, and not too many of them.

use jiff::SignedDuration;
use protocol::api::{AuditAction, AuditEvent, CreatedToken};
use protocol::{AppSlug, ErrorCode, TokenText, limits, paths};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::audit::events_after;
use crate::harness::{TestServer, read, refused};

async fn refusals(server: &TestServer) -> Vec<AuditEvent> {
    let all = events_after(server, 0).await;
    all.into_iter().filter(|event| event.action == AuditAction::AccessRefuse).collect()
}

fn unknown_token(number: u8) -> String {
    TokenText::from_random([number; 5], [number; 32]).reveal()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_is_refused_leaves_an_event() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    let wanted = json!({"name": "short", "scopes": ["read:acme"], "expires_in_seconds": 60});
    let made: CreatedToken = read(admin.post(paths::TOKENS, &wanted).await).await;
    let short = server.client(Some(made.token.clone()));
    let id = Some(made.about.id.as_str());

    let promote = "/api/v1/apps/acme/channels/stable/promote";
    let answer = short.post(promote, &json!({"revision": "1.0.0"})).await;
    let request_id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    refused(answer, StatusCode::FORBIDDEN, ErrorCode::Forbidden).await;
    let events = refusals(&server).await;
    let event = &events[0];
    assert_eq!(event.subject, "POST /api/v1/apps/{app}/channels/{channel}/promote");
    assert_eq!((event.actor.as_str(), event.token_id.as_deref()), ("short", id));
    assert_eq!(event.app.as_ref().map(AppSlug::as_str), Some("acme"));
    assert_eq!(event.details, json!({"code": "forbidden", "needed": "promote:acme/stable"}));
    assert_eq!((event.address.as_deref(), &event.request_id), (Some("127.0.0.1"), &Some(request_id)));

    server.advance(SignedDuration::from_mins(2));
    assert_eq!(short.get("/install/acme/beta").await.status(), StatusCode::UNAUTHORIZED);
    let bad = unknown_token(1);
    server.client(Some(bad.clone())).get(paths::WHOAMI).await;
    server.client(Some("nonsense".to_owned())).get(paths::APPS).await;
    let damaged = format!("{}{}", &made.token[..14], &bad[14..]);
    server.client(Some(damaged)).get(paths::APPS).await;
    server.anonymous().request(Method::GET, paths::APPS).header("authorization", "Basic eDp5").send().await.unwrap();
    let found = refusals(&server).await;
    let who: Vec<(&str, Option<&str>)> =
        found.iter().skip(1).map(|event| (event.actor.as_str(), event.token_id.as_deref())).collect();
    let nobody = ("anonymous", None);
    assert_eq!(who, [("short", id), nobody, nobody, nobody, nobody], "an expired token still says whose it was");
    assert_eq!(found[1].subject, "GET /install/{app}/{channel}");
    assert_eq!(found[2].details["claimed_token_id"], bad[5..13]);
    assert!(found[3].details.get("claimed_token_id").is_none());
    for event in &found {
        let text = serde_json::to_string(event).unwrap();
        assert!(![&bad, &made.token].iter().any(|token| text.contains(&token[20..40])), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_or_a_request_without_a_credential_leaves_none() {
    let server = TestServer::start().await;
    server.admin().create_app("acme", "token").await;
    let anyone = server.anonymous();
    assert_eq!(anyone.get("/api/v1/apps/acme").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(anyone.get("/install/acme/beta").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(server.admin().get("/api/v1/apps/nothing").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(refusals(&server).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_refusals_leaves_ten_events_and_then_a_number() {
    let server = TestServer::start().await;
    let reader = server.with_scopes(&["read:acme"]).await;
    for _ in 0..25 {
        refused(reader.get(paths::TOKENS).await, StatusCode::FORBIDDEN, ErrorCode::Forbidden).await;
    }
    assert_eq!(refusals(&server).await.len(), 10);
    server.advance(SignedDuration::from_mins(1));
    refused(reader.get(paths::TOKENS).await, StatusCode::FORBIDDEN, ErrorCode::Forbidden).await;
    let found = refusals(&server).await;
    assert_eq!(found.len(), 12);
    assert_eq!(found[10].details, json!({"suppressed": 15, "since": "2026-11-22T09:00:00Z"}));
    assert_eq!((found[10].actor.as_str(), found[10].address.as_deref()), ("ci-main", Some("127.0.0.1")));
    assert_eq!(found[11].details["code"], "forbidden");

    for _ in 0..25 {
        refused(reader.get(paths::TOKENS).await, StatusCode::FORBIDDEN, ErrorCode::Forbidden).await;
    }
    let admin = server.admin_token();
    let again = TestServer::serve(server.stop().await, admin).await;
    let found = refusals(&again).await;
    assert_eq!(found.last().unwrap().details["suppressed"], 16, "a server that ends says what it did not say");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_failures_are_answered_so_and_what_works_still_passes() {
    let server = TestServer::start().await;
    let bad = server.client(Some(unknown_token(1)));
    for _ in 0..limits::FAILED_ATTEMPTS_OF_TOKEN {
        refused(bad.get(paths::WHOAMI).await, StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated).await;
    }
    server.advance(SignedDuration::from_secs(20));
    let answer = bad.get(paths::WHOAMI).await;
    assert_eq!(answer.headers()["retry-after"], "40");
    refused(answer, StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooManyAttempts).await;
    let other = server.client(Some(unknown_token(2)));
    refused(other.get(paths::WHOAMI).await, StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated).await;
    assert_eq!(server.admin().get(paths::TOKENS).await.status(), StatusCode::OK, "from the same address");

    for number in 3..20 {
        server.client(Some(unknown_token(number))).get(paths::WHOAMI).await;
    }
    let fresh = server.client(Some(unknown_token(99)));
    refused(fresh.get(paths::WHOAMI).await, StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooManyAttempts).await;
    assert_eq!(server.admin().get(paths::TOKENS).await.status(), StatusCode::OK);
    assert_eq!(server.anonymous().get(paths::WHOAMI).await.status(), StatusCode::OK);
    server.advance(SignedDuration::from_mins(1));
    refused(fresh.get(paths::WHOAMI).await, StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated).await;
}
