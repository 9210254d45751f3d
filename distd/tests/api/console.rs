//! The console over a real socket, without script: every screen, every form, and that each does what the API does.

use protocol::api::{AuditAction, AuditEvent, Committed, CreatedToken, Link, Publisher, StageRequest};
use protocol::{AppSlug, ReleaseManifest, paths};
use reqwest::redirect::Policy;
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::audit::events_after;
use crate::care::check_over_api;
use crate::harness::{Client, TestServer, part_request, read, release};

const BYTES: &[u8] = b"bytes of acme";

/// A browser that is signed in.
pub(crate) struct Browser {
    http: reqwest::Client,
    url: String,
    cookie: String,
    csrf: String,
}

/// A page as it arrived.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) location: Option<String>,
    pub(crate) html: String,
}

impl Browser {
    pub(crate) async fn sign_in(server: &TestServer, token: &str) -> Self {
        let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
        let mut browser = Self { http, url: server.url.clone(), cookie: String::new(), csrf: String::new() };
        let body = encode(&[("token", token), ("next", "/console")]);
        let request = browser.http.post(format!("{}{}", browser.url, paths::SIGN_IN)).body(body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()[header::LOCATION], "/console");
        let set = answer.headers()[header::SET_COOKIE].to_str().unwrap();
        browser.cookie = set.split(';').next().unwrap().to_owned();
        let page = browser.get("/console/keys").await;
        browser.csrf = between(&page.html, "name=\"csrf\" value=\"", "\"");
        browser
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        self.ask(Method::GET, path, None).await
    }

    /// Sends a form with the token of the session.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Got {
        let fields = [fields, &[("csrf", self.csrf.as_str())]].concat();
        self.ask(Method::POST, path, Some(&fields)).await
    }

    async fn ask(&self, method: Method, path: &str, fields: Option<&[(&str, &str)]>) -> Got {
        let request = self.http.request(method, format!("{}{path}", self.url)).header(header::COOKIE, &self.cookie);
        let request = match fields {
            Some(fields) => request.header("sec-fetch-site", "same-origin").body(encode(fields)),
            None => request,
        };
        let answer = request.send().await.unwrap();
        let location = answer.headers().get(header::LOCATION).map(|value| value.to_str().unwrap().to_owned());
        Got { status: answer.status(), location, html: answer.text().await.unwrap() }
    }

    /// Sends a form that is taken, and gives the page that it leads to.
    async fn act(&self, path: &str, fields: &[(&str, &str)]) -> Got {
        let got = self.post(path, fields).await;
        assert_eq!(got.status, StatusCode::SEE_OTHER, "{path}: {}", got.html);
        let next = self.get(&got.location.unwrap()).await;
        assert_eq!(next.status, StatusCode::OK, "{path}: {}", next.html);
        next
    }
}

fn encode(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn between(text: &str, from: &str, to: &str) -> String {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from} in {text}"));
    rest.split_once(to).unwrap().0.to_owned()
}

fn acme() -> AppSlug {
    "acme".parse().unwrap()
}

/// Two releases, both of which beta has seen; stable has the first.
async fn stage() -> (TestServer, ReleaseManifest, ReleaseManifest) {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "link").await;
    let (first, second) = (release("1.0.0", &[("a.bin", BYTES)]), release("2.0.0", &[("b.bin", BYTES)]));
    let _: Committed = read(admin.publish(&first, &[BYTES], Some(("beta", None))).await).await;
    let _: Committed = read(admin.publish(&second, &[BYTES], Some(("beta", Some(first.id())))).await).await;
    let stable = paths::promote(&acme(), &"stable".parse().unwrap());
    let _: Value = read(admin.post(&stable, &json!({"revision": "1.0.0"})).await).await;
    (server, first, second)
}

/// What an event says, without what differs between two servers.
fn told(event: &AuditEvent) -> Value {
    let is_random = ["token.", "link.", "publisher."].iter().any(|kind| event.action.as_str().starts_with(kind));
    let named = |text: &Option<String>| if is_random { json!(text.is_some()) } else { json!(text) };
    let mut details = event.details.clone();
    if is_random && let Some(details) = details.as_object_mut() {
        details.retain(|name, _| name == "name" || name == "scopes" || name == "note" || name == "max_uses");
    }
    json!({
        "action": event.action, "app": event.app, "subject": if is_random { json!(null) } else { json!(event.subject) },
        "old": named(&event.old), "new": named(&event.new), "reason": event.reason, "details": details,
        "actor": event.actor, "address": event.address, "has_request": event.request_id.is_some(),
    })
}

async fn told_after(server: &TestServer, from: u64) -> Vec<Value> {
    let events = events_after(server, from).await;
    let own = events.iter().filter(|event| event.action != AuditAction::SessionBegin);
    own.map(told).collect()
}

/// Everything that the console can change, over the API as the CLI does it.
async fn by_api(admin: &Client, first: &ReleaseManifest) {
    let channel = |name: &str| name.parse().unwrap();
    let promote = json!({"revision": "2.0.0", "expected": first.id(), "reason": "ready"});
    let _: Value = read(admin.post(&paths::promote(&acme(), &channel("stable")), &promote).await).await;
    let back = json!({"to": "1.0.0", "reason": "crashes"});
    let _: Value = read(admin.post(&paths::rollback(&acme(), &channel("stable")), &back).await).await;
    let pin = paths::pin(&acme(), &channel("stable"));
    let _: Value = read(admin.request(Method::DELETE, &pin).send().await.unwrap()).await;
    let request = admin.request(Method::PUT, &pin).json(&json!({"reason": "freeze"}));
    let _: Value = read(request.send().await.unwrap()).await;
    let revision = "2.0.0".parse().unwrap();
    let body = json!({"reason": "leaks", "rollback": true});
    let _: Value = read(admin.post(&paths::revoke(&acme(), &revision), &body).await).await;
    let body = json!({"reason": "it does not"});
    let _: Value = read(admin.post(&paths::restore(&acme(), &revision), &body).await).await;
    let body = json!({"name": "Ana", "scopes": ["read:acme", "promote:acme/stable"], "expires_in_seconds": 864_000});
    let made: CreatedToken = read(admin.post(paths::TOKENS, &body).await).await;
    let made: CreatedToken = read(admin.post(&paths::rotate_token(&made.about.id), &json!({})).await).await;
    let _: Value = read(admin.request(Method::DELETE, &paths::token(&made.about.id)).send().await.unwrap()).await;
    let body = json!({"channel": "beta", "note": "testers", "expires_in_seconds": 864_000, "max_uses": 5});
    let link: Link = read(admin.post(&paths::links(&acme()), &body).await).await;
    let _: Value = read(admin.request(Method::DELETE, &paths::link(&acme(), &link.id)).send().await.unwrap()).await;
    let body = json!({"kind": "github", "repository_id": 7, "owner_id": 8, "workflow": "release.yml", "ref": "refs/heads/main", "channels": ["beta"]});
    let publisher: Publisher = read(admin.post(&paths::publishers(&acme()), &body).await).await;
    let path = paths::publisher(&acme(), &publisher.id);
    let _: Value = read(admin.request(Method::DELETE, &path).send().await.unwrap()).await;
}

/// The same with forms.
async fn by_console(browser: &Browser, first: &ReleaseManifest) {
    let (stable, id) = ("/console/apps/acme/channels/stable", first.id().to_string());
    let plan = browser.get(&format!("{stable}/promote?revision=2.0.0")).await;
    assert!(plan.html.contains(&format!("name=\"expected\" value=\"{id}\"")), "{}", plan.html);
    let fields = [("revision", "2.0.0"), ("expected", id.as_str()), ("reason", "ready")];
    let got = browser.act(&format!("{stable}/promote"), &fields).await;
    assert!(got.html.contains("stable now points at 2.0.0"), "{}", got.html);
    let at = between(&browser.get(&format!("{stable}/rollback")).await.html, "name=\"expected\" value=\"", "\"");
    let fields = [("to", "1.0.0"), ("expected", at.as_str()), ("reason", "crashes")];
    let got = browser.act(&format!("{stable}/rollback"), &fields).await;
    assert!(got.html.contains("stable now points at 1.0.0") && got.html.contains("Unpin stable"), "{}", got.html);
    assert!(browser.act(&format!("{stable}/unpin"), &[]).await.html.contains("stable moves again"));
    assert!(browser.act(&format!("{stable}/pin"), &[("reason", "freeze")]).await.html.contains("freeze"));
    let of = "/console/apps/acme/releases/2.0.0";
    let fields = [("name", "2.0.0"), ("reason", "leaks"), ("rollback", "yes")];
    assert!(browser.act(&format!("{of}/revoke"), &fields).await.html.contains("leaks"));
    let got = browser.act(&format!("{of}/restore"), &[("reason", "it does not")]).await;
    assert!(!got.html.contains("leaks"), "{}", got.html);

    let fields = [("name", "Ana"), ("scopes", "read:acme promote:acme/stable"), ("days", "10")];
    let got = browser.post("/console/tokens", &fields).await;
    assert!(got.status == StatusCode::OK && got.html.contains("never again"), "{}", got.html);
    let id = between(&got.html, "<code>dist_", "_");
    let got = browser.post(&format!("/console/tokens/{id}/rotate"), &[]).await;
    let id = between(&got.html, "<code>dist_", "_");
    let got = browser.act(&format!("/console/tokens/{id}/revoke"), &[]).await;
    assert!(!got.html.contains("dist_"), "a secret is shown once");

    let fields = [("channel", "beta"), ("note", "testers"), ("days", "10"), ("uses", "5")];
    let got = browser.act("/console/apps/acme/links", &fields).await;
    let path = between(&got.html, "action=\"/console/apps/acme/links/", "\"");
    assert!(browser.act(&format!("/console/apps/acme/links/{path}"), &[]).await.html.contains("revoked"));
    let fields = [
        ("kind", "github"),
        ("repository_id", "7"),
        ("owner_id", "8"),
        ("workflow", "release.yml"),
        ("reference", "refs/heads/main"),
        ("channels", "beta"),
    ];
    let got = browser.act("/console/apps/acme/publishers", &fields).await;
    let path = between(&got.html, "action=\"/console/apps/acme/publishers/", "\"");
    browser.act(&format!("/console/apps/acme/publishers/{path}"), &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_leave_the_audit_events_that_the_api_leaves() {
    let ((api, first, _), (pages, ..)) = (stage().await, stage().await);
    let before = events_after(&api, 0).await.len() as u64;
    by_api(&api.admin(), &first).await;
    by_console(&Browser::sign_in(&pages, &pages.admin_token()).await, &first).await;
    let (expected, found) = (told_after(&api, before).await, told_after(&pages, before).await);
    assert_eq!(expected.len(), 14, "{expected:#?}");
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_decided_on_another_state_sees_the_new_one() {
    let (server, first, second) = stage().await;
    let browser = Browser::sign_in(&server, &server.admin_token()).await;
    let stable = "/console/apps/acme/channels/stable";
    let path = paths::promote(&acme(), &"stable".parse().unwrap());
    let _: Value = read(server.admin().post(&path, &json!({"revision": "2.0.0"})).await).await;
    let before = events_after(&server, 0).await.len() as u64;
    let (old, new) = (first.id().to_string(), second.id().to_string());
    let fields = [("revision", "1.0.0"), ("expected", old.as_str()), ("reason", "as it was")];
    let got = browser.post(&format!("{stable}/promote"), &fields).await;
    assert_eq!(got.status, StatusCode::CONFLICT);
    assert!(got.html.contains("ref_moved") && got.html.contains(&format!("name=\"expected\" value=\"{new}\"")));
    assert!(got.html.contains("value=\"as it was\""), "what was typed is kept");
    let got =
        browser.post(&format!("{stable}/rollback"), &[("to", "1.0.0"), ("expected", &old), ("reason", "x")]).await;
    assert_eq!(got.status, StatusCode::CONFLICT);
    assert!(got.html.contains("ref_moved") && got.html.contains(&new), "{}", got.html);
    assert_eq!(events_after(&server, before).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_is_met_and_overridden_with_a_reason() {
    let (server, first, _) = stage().await;
    let browser = Browser::sign_in(&server, &server.admin_token()).await;
    let rules = json!({"gates": {"stable": {"build-not-rising": "block"}}});
    let request = server.admin().request(Method::PUT, &paths::rules(&acme())).json(&rules);
    let _: Value = read(request.send().await.unwrap()).await;
    let third = release("0.9.0", &[("c.bin", BYTES)]);
    let _: Committed = read(server.admin().publish(&third, &[BYTES], None).await).await;
    let path = "/console/apps/acme/channels/stable/promote";
    let expected = first.id().to_string();
    let plain = [("revision", "0.9.0"), ("expected", expected.as_str())];
    let got = browser.post(path, &plain).await;
    assert_eq!(got.status, StatusCode::FORBIDDEN);
    assert!(got.html.contains("gate_blocked") && got.html.contains("value=\"build-not-rising\""), "{}", got.html);
    let fields = [plain.as_slice(), &[("override", "build-not-rising")]].concat();
    let got = browser.post(path, &fields).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
    assert!(got.html.contains("takes a reason"), "{}", got.html);
    let before = events_after(&server, 0).await.len() as u64;
    let fields = [fields.as_slice(), &[("reason", "the old one is needed")]].concat();
    assert!(browser.act(path, &fields).await.html.contains("stable now points at 0.9.0"));
    let actions: Vec<String> =
        events_after(&server, before).await.iter().map(|event| event.action.to_string()).collect();
    assert_eq!(actions, ["channel.promote", "gate.override"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_that_are_not_the_sessions_or_wrong_change_nothing() {
    let (server, first, _) = stage().await;
    let browser = Browser::sign_in(&server, &server.admin_token()).await;
    let before = server.state();
    let expected = first.id().to_string();
    let fields = [("revision", "2.0.0"), ("expected", expected.as_str()), ("csrf", "wrong")];
    let path = "/console/apps/acme/channels/stable/promote";
    assert_eq!(browser.ask(Method::POST, path, Some(&fields)).await.status, StatusCode::BAD_REQUEST);
    let elsewhere = browser.http.post(format!("{}{path}", browser.url)).header(header::COOKIE, &browser.cookie);
    let body = encode(&[("revision", "2.0.0"), ("expected", &expected), ("csrf", &browser.csrf)]);
    let answer = elsewhere.header("sec-fetch-site", "cross-site").body(body.clone()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let token = browser.http.post(format!("{}{path}", browser.url)).bearer_auth(server.admin_token());
    assert_eq!(token.body(body).send().await.unwrap().status(), StatusCode::BAD_REQUEST, "forms are for sessions");
    let wrong = [("name", "2.0"), ("reason", "x")];
    let got = browser.post("/console/apps/acme/releases/2.0.0/revoke", &wrong).await;
    assert!(got.status == StatusCode::BAD_REQUEST && got.html.contains("the release is 2.0.0"), "{}", got.html);
    let got = browser.post("/console/tokens", &[("name", "x"), ("scopes", "fly:acme")]).await;
    assert!(got.status == StatusCode::BAD_REQUEST && got.html.contains("the action is one of"), "{}", got.html);
    let got = browser.post("/console/apps/acme/links", &[("channel", "beta"), ("days", "soon")]).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
    assert_eq!(server.state(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_token_may_not_do_is_disabled_with_the_reason_and_refused() {
    let (server, first, _) = stage().await;
    let made = json!({"name": "Ana", "scopes": ["read:acme"]});
    let made: CreatedToken = read(server.admin().post(paths::TOKENS, &made).await).await;
    let browser = Browser::sign_in(&server, &made.token).await;
    let page = browser.get("/console/apps/acme/channels/stable/promote?revision=2.0.0").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.html.contains("type=\"submit\" disabled") && page.html.contains("promote:acme/stable"));
    let board = browser.get("/console/apps/acme").await.html;
    assert!(board.contains("aria-disabled=\"true\"") && board.contains("needs "), "{board}");
    let before = server.state();
    let expected = first.id().to_string();
    let fields = [("revision", "2.0.0"), ("expected", expected.as_str())];
    let got = browser.post("/console/apps/acme/channels/stable/promote", &fields).await;
    assert_eq!(got.status, StatusCode::FORBIDDEN);
    assert!(got.html.contains("forbidden") && got.html.contains("promote:acme/stable"), "{}", got.html);
    for path in ["/console/tokens", "/console/audit", "/console/storage", "/console/apps/acme/publishers"] {
        assert_eq!(browser.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(server.state(), before);
    let own = browser.get("/console/sessions").await.html;
    assert!(own.contains("see and download acme") && !own.contains("first-admin"), "{own}");
    let id = between(&own, "/console/sessions/", "/end");
    let got = browser.post(&format!("/console/sessions/{id}/end"), &[]).await;
    assert_eq!(got.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.get("/console").await.status, StatusCode::UNAUTHORIZED, "it was one's own");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_screen_is_whole_and_says_what_it_knows() {
    let (server, first, second) = stage().await;
    let browser = Browser::sign_in(&server, &server.admin_token()).await;
    let check = async |path: &str, parts: &[&str]| {
        let got = browser.get(path).await;
        assert_eq!(got.status, StatusCode::OK, "{path}: {}", got.html);
        for part in parts {
            assert!(got.html.contains(part), "{path} has no {part}: {}", got.html);
        }
        assert!(!got.html.contains("<script>") && !got.html.contains(" style=\""), "{path}: nothing inline");
    };
    let (old, new) = (first.id().short(), second.id().short());
    check("/console", &["acme", "beta", "2.0.0", "first-admin", "data-live=\"/console/events\""]).await;
    check("/console?q=nothing", &["No app of that name."]).await;
    check("/console/apps/acme", &["stable", &old, &new, "Promote to stable", "±0", "1 ahead of stable"]).await;
    check("/console/apps/acme?q=2.0", &[&new]).await;
    check("/console/apps/acme?platform=ios", &["No release matches."]).await;
    check("/console/apps/acme/releases/2.0.0", &["b.bin", "Findings", &new, "Diff with stable"]).await;
    check("/console/apps/acme/diff?from=stable&to=beta", &["1.0.0", "2.0.0", "a.bin"]).await;
    check("/console/apps/acme/channels/beta", &["History", "publish"]).await;
    check("/console/apps/acme/channels/new/promote?revision=beta", &["does not exist yet"]).await;
    check("/console/apps/acme/channels/stable/rollback", &["There is nothing to go back to."]).await;
    check("/console/apps/acme/preview", &["iPhone", "Pixel"]).await;
    check("/console/apps/acme/preview/beta/windows", &["b.bin"]).await;
    check("/console/uploads", &["Nothing is staged."]).await;
    check("/console/audit?action=app.create", &["app.create", "have their hashes"]).await;
    check("/console/audit?chain=check", &["the chain holds"]).await;
    check("/console/audit?since=2030-01-01", &["No event matches."]).await;
    check("/console/audit?until=2020-01-01", &["No event matches."]).await;
    check("/console/storage?gc=preview", &["Gc would change nothing", "objects"]).await;
    check("/console/jump?q=promote+stable", &["Promote acme 2.0.0 to stable"]).await;
    check("/console/keys", &["Ctrl-K"]).await;
    let part = release("3.0.0", &[("c.bin", b"c")]);
    server.admin().upload("acme", &[b"c"]).await;
    let body = StageRequest { of: Some(3), ..part_request(&part) };
    let path = paths::stage(&acme(), &part.name(), &"linux".parse().unwrap());
    let staged = server.admin().request(Method::PUT, &path).json(&body).send().await.unwrap();
    assert_eq!(staged.status(), StatusCode::OK);
    check("/console/uploads", &["1 of 3 parts", "c.bin"]).await;
    check_over_api(&server.admin(), json!({ "quick": true })).await;
    check("/console/storage", &["clean (sizes and links)"]).await;
    let missing = browser.get("/console/apps/acme/releases/9.9.9").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.html.contains("revision_unknown") && missing.html.contains("request"), "{}", missing.html);
    let manifest = browser.get("/console/apps/acme/releases/2.0.0/manifest").await.html;
    assert_eq!(manifest.as_bytes(), second.canonical_bytes());
    let style = between(&browser.get("/console").await.html, "href=\"/console/assets/", "\"");
    let asset = browser.http.get(format!("{}/console/assets/{style}", browser.url)).send().await.unwrap();
    assert_eq!(asset.headers()["cache-control"], "public, max-age=31536000, immutable");
    let got = browser.post("/console/theme", &[("theme", "dark"), ("next", "//evil.example")]).await;
    assert_eq!(got.location.as_deref(), Some("/console"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_where_channels_are_and_ends_with_the_server() {
    let (server, first, second) = stage().await;
    let mut stream = server.admin().get("/console/events?app=acme").await;
    let event = String::from_utf8(stream.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(event.starts_with("event: state\ndata: {") && event.contains(&second.id().to_string()), "{event}");
    assert!(event.contains(&format!("\"stable\":{{\"id\":\"{}\"", first.id())), "{event}");
    let other = server.with_scopes(&["read:other"]).await;
    let mut nothing = other.get("/console/events?app=acme").await;
    assert_eq!(nothing.chunk().await.unwrap(), None, "who may not see the app learns nothing");
    server.begin_stop();
    while stream.chunk().await.unwrap().is_some() {}
    server.stop().await;
}
