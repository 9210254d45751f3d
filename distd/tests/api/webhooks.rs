//! Webhooks: what a receiver gets of a change, whatever becomes of server and receiver in between.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::IntoResponse;
use data_encoding::BASE64;
use distd::ops::webhooks::queue::deliver_due;
use distd::webhooks::{Reach, Sender};
use jiff::{SignedDuration, Timestamp};
use protocol::api::{AuditEvent, CreatedToken, CreatedWebhook, Delivery, DeliveryPage, DeliveryState, Webhook};
use protocol::{AppSlug, ErrorCode, paths};
use reqwest::Method;
use serde_json::{Value, json};

use crate::audit::events_after;
use crate::harness::{Client, TestServer, read, refused, release};

const BYTES: &[u8] = b"bytes of acme";

/// What a receiver got.
#[derive(Debug, Clone)]
struct Received {
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Received {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Another server, which takes what it is sent and answers as it is told, 200 where it is told nothing.
#[derive(Clone)]
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Mutex<VecDeque<(StatusCode, HeaderMap, String)>>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let receiver = Self { url, got: Arc::default(), answers: Arc::default() };
        let shared = receiver.clone();
        let service = Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: Bytes| {
            shared.got.lock().unwrap().push(Received { path: uri.path().to_owned(), headers, body: body.to_vec() });
            let answer = shared.answers.lock().unwrap().pop_front();
            async move { answer.unwrap_or((StatusCode::OK, HeaderMap::new(), "thanks".to_owned())).into_response() }
        });
        tokio::spawn(async move { axum::serve(listener, service).await });
        receiver
    }

    fn answer(&self, status: u16, headers: &[(header::HeaderName, &str)], body: &str) {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        let status = StatusCode::from_u16(status).unwrap();
        self.answers.lock().unwrap().push_back((status, headers, body.to_owned()));
    }

    /// What it got since it was asked last.
    fn take(&self) -> Vec<Received> {
        std::mem::take(&mut *self.got.lock().unwrap())
    }
}

pub(crate) fn acme() -> AppSlug {
    "acme".parse().unwrap()
}

async fn stage() -> (TestServer, Client, Receiver) {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    (server, admin, Receiver::start().await)
}

pub(crate) async fn create(admin: &Client, wanted: &Value) -> CreatedWebhook {
    read(admin.post(&paths::webhooks(&acme()), wanted).await).await
}

pub(crate) async fn publish(admin: &Client, version: &str) {
    let manifest = release(version, &[("a", BYTES)]);
    let channels: Value = read(admin.get(&paths::refs(&acme())).await).await;
    let at = channels["refs"]["channels/beta"].as_str().map(|id| id.parse().unwrap());
    assert!(admin.publish(&manifest, &[BYTES], Some(("beta", at))).await.status().is_success());
}

pub(crate) async fn log(admin: &Client, id: &str) -> Vec<Delivery> {
    read::<DeliveryPage>(admin.get(&paths::deliveries(&acme(), id)).await).await.deliveries
}

pub(crate) async fn show(admin: &Client, id: &str) -> Webhook {
    read(admin.get(&paths::webhook(&acme(), id)).await).await
}

/// Sends until nothing is due. Gives how many were tried.
pub(crate) async fn send_all(server: &TestServer) -> usize {
    let mut tried = 0;
    loop {
        match deliver_due(&server.server).await.unwrap() {
            0 => return tried,
            some => tried += some,
        }
    }
}

/// HMAC-SHA256 (RFC 2104), written down once more and not taken from what signs.
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    use protocol::Digest;
    let padded = |with: u8| -> Vec<u8> {
        let key = key.iter().copied().chain(std::iter::repeat(0)).take(64);
        key.map(|byte| byte ^ with).collect()
    };
    let inner = Digest::of(&[padded(0x36), message.to_vec()].concat());
    *Digest::of(&[padded(0x5c), inner.as_bytes().to_vec()].concat()).as_bytes()
}

fn assert_signed(got: &Received, secret: &str) {
    let key = BASE64.decode(secret.strip_prefix("whsec_").unwrap().as_bytes()).unwrap();
    let head = format!("{}.{}.", got.header("webhook-id"), got.header("webhook-timestamp"));
    let tag = hmac_sha256(&key, &[head.as_bytes(), &got.body].concat());
    assert_eq!(got.header("webhook-signature"), format!("v1,{}", BASE64.encode(&tag)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_told_once_signed_with_the_secret_that_was_shown() {
    let (server, admin, receiver) = stage().await;
    let made = create(&admin, &json!({"url": receiver.url})).await;
    publish(&admin, "1.0.0").await;
    assert!(receiver.take().is_empty(), "nothing is sent inside the request");
    assert_eq!(send_all(&server).await, 2);
    let got = receiver.take();
    let told: Vec<Value> = got.iter().map(|got| got.json()["type"].clone()).collect();
    assert_eq!(told, ["release.publish", "channel.move"]);
    let now = server.clock().now();
    for got in &got {
        assert_signed(got, made.secret.as_deref().unwrap());
        assert_eq!(got.path, "/hook");
        assert_eq!(got.header("webhook-timestamp"), now.as_second().to_string());
        assert_eq!(got.header("content-type"), "application/json");
    }
    assert_ne!(got[0].header("webhook-id"), got[1].header("webhook-id"));
    let id = release("1.0.0", &[("a", BYTES)]).id();
    let expect = json!({"type": "channel.move", "timestamp": "2026-11-22T09:00:00Z", "data": {
        "app": "acme", "actor": "first-admin", "channel": "beta", "action": "publish",
        "release": {"id": id, "name": "1.0.0"}}});
    assert_eq!(got[1].json(), expect);
    let log = log(&admin, &made.webhook.id).await;
    assert_eq!((log.len(), log[0].state, log[0].status, log[0].attempts), (2, DeliveryState::Delivered, Some(200), 1));
    assert_eq!((log[0].answer.as_deref(), log[0].error.as_deref(), log[0].next_at), (Some("thanks"), None, None));
    assert_eq!(log[0].message, got[1].header("webhook-id"));
    server.advance(SignedDuration::from_hours(100));
    assert_eq!(send_all(&server).await, 0, "what arrived is not sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_its_event_and_only_chosen_ones_are_told() {
    let (server, admin, receiver) = stage().await;
    create(&admin, &json!({"url": receiver.url, "events": ["channel.move"]})).await;
    let all = Receiver::start().await;
    create(&admin, &json!({"url": all.url})).await;
    let beta = "beta".parse().unwrap();
    let first = "1.0.0".parse().unwrap();
    publish(&admin, "1.0.0").await;
    publish(&admin, "2.0.0").await;
    let answer = admin.post(&paths::rollback(&acme(), &beta), &json!({"reason": "crashes"})).await;
    assert!(answer.status().is_success());
    let unpin = admin.request(Method::DELETE, &paths::pin(&acme(), &beta)).send().await.unwrap();
    assert!(unpin.status().is_success());
    let promote = json!({"revision": "2.0.0", "reason": "mended"});
    assert!(admin.post(&paths::promote(&acme(), &beta), &promote).await.status().is_success());
    let pin = admin.request(Method::PUT, &paths::pin(&acme(), &beta)).json(&json!({"reason": "fair"})).send().await;
    assert!(pin.unwrap().status().is_success());
    for path in [paths::revoke(&acme(), &first), paths::restore(&acme(), &first)] {
        assert!(admin.post(&path, &json!({"reason": "leaks"})).await.status().is_success());
    }
    send_all(&server).await;
    let said = |got: &Received| {
        let (body, text) = (got.json(), |value: &Value| value.as_str().unwrap_or("-").to_owned());
        let data = &body["data"];
        let parts = [
            &body["type"],
            &data["channel"],
            &data["action"],
            &data["release"]["name"],
            &data["from"]["name"],
            &data["reason"],
        ];
        parts.map(text).join(" ")
    };
    let all: Vec<String> = all.take().iter().map(said).collect();
    let expect = [
        "release.publish - - 1.0.0 - -",
        "channel.move beta publish 1.0.0 - -",
        "release.publish - - 2.0.0 - -",
        "channel.move beta publish 2.0.0 1.0.0 -",
        "channel.move beta rollback 1.0.0 2.0.0 crashes",
        "channel.unpin beta - - - -",
        "channel.move beta promote 2.0.0 1.0.0 mended",
        "channel.pin beta - - - fair",
        "release.revoke - - 1.0.0 - leaks",
        "release.restore - - 1.0.0 - leaks",
    ];
    assert_eq!(all, expect);
    let moves: Vec<String> = receiver.take().iter().map(said).collect();
    assert_eq!(moves, expect.into_iter().filter(|line| line.starts_with("channel.move")).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_arrive_is_sent_again_by_the_schedule_with_the_same_id() {
    let (server, admin, receiver) = stage().await;
    let made = create(&admin, &json!({"url": receiver.url, "events": ["channel.move"]})).await;
    publish(&admin, "1.0.0").await;
    receiver.answer(500, &[], "no");
    receiver.answer(503, &[(header::RETRY_AFTER, "600")], "later");
    assert_eq!(send_all(&server).await, 1);
    let log_1 = log(&admin, &made.webhook.id).await;
    let at = |seconds: i64| Some(server.clock().now() + SignedDuration::from_secs(seconds));
    assert_eq!((log_1[0].state, log_1[0].status, log_1[0].next_at), (DeliveryState::Waiting, Some(500), at(5)));
    assert_eq!((log_1[0].error.as_deref(), log_1[0].answer.as_deref()), (Some("answered 500"), Some("no")));
    assert_eq!(show(&admin, &made.webhook.id).await.failing_since, at(0));
    server.advance(SignedDuration::from_millis(4_999));
    assert_eq!(send_all(&server).await, 0, "not yet");
    server.advance(SignedDuration::from_millis(1));
    assert_eq!(send_all(&server).await, 1);
    assert_eq!(
        log(&admin, &made.webhook.id).await[0].next_at,
        Some(server.clock().now() + SignedDuration::from_secs(600))
    );
    server.advance(SignedDuration::from_secs(600));
    assert_eq!(send_all(&server).await, 1);
    let (got, log) = (receiver.take(), log(&admin, &made.webhook.id).await);
    assert_eq!((log[0].state, log[0].attempts), (DeliveryState::Delivered, 3));
    assert_eq!(show(&admin, &made.webhook.id).await.failing_since, None);
    for again in &got {
        assert_eq!((again.header("webhook-id"), &again.body), (got[0].header("webhook-id"), &got[0].body));
        assert_signed(again, made.secret.as_deref().unwrap());
    }
    let times: Vec<Timestamp> = got
        .iter()
        .map(|got| Timestamp::from_second(got.header("webhook-timestamp").parse().unwrap()).unwrap())
        .collect();
    assert_eq!((times[1] - times[0]).get_seconds(), 5, "each attempt is signed with its own time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_nothing_reaches_is_given_up_and_a_test_brings_it_back() {
    let (server, admin, receiver) = stage().await;
    let made = create(&admin, &json!({"url": receiver.url, "events": ["channel.move"]})).await;
    let id = &made.webhook.id;
    publish(&admin, "1.0.0").await;
    for _ in 0..6 {
        receiver.answer(500, &[], "");
        assert_eq!(send_all(&server).await, 1);
        server.advance(SignedDuration::from_hours(24));
    }
    let given_up = &log(&admin, id).await[0];
    assert_eq!((given_up.state, given_up.attempts, given_up.next_at), (DeliveryState::Failed, 6, None));
    let webhook = show(&admin, id).await;
    let (since, disabled) = (webhook.failing_since.unwrap(), webhook.disabled_at.unwrap());
    assert_eq!(disabled.duration_since(since), SignedDuration::from_hours(120));
    assert_eq!(receiver.take().len(), 6);
    publish(&admin, "2.0.0").await;
    assert_eq!(send_all(&server).await, 0, "nothing is queued any more");

    receiver.answer(500, &[], "");
    let path = paths::test_webhook(&acme(), id);
    let tested: Delivery = read(admin.post(&path, &json!({})).await).await;
    assert_eq!((tested.state, tested.attempts), (DeliveryState::Failed, 1), "a test is tried once");
    assert!(show(&admin, id).await.disabled_at.is_some());
    let tested: Delivery = read(admin.post(&path, &json!({})).await).await;
    assert_eq!((tested.state, tested.status), (DeliveryState::Delivered, Some(200)));
    assert_eq!(receiver.take()[1].json()["type"], "ping");
    let webhook = show(&admin, id).await;
    assert_eq!((webhook.failing_since, webhook.disabled_at), (None, None));
    publish(&admin, "3.0.0").await;
    assert_eq!(send_all(&server).await, 1);

    let events = events_after(&server, 0).await;
    let told = |event: &AuditEvent| (event.action.to_string(), event.actor.clone(), event.reason.clone());
    let told: Vec<_> = events.iter().filter(|event| event.subject == *id && event.actor == "distd").map(told).collect();
    let (actor, why) = ("distd".to_owned(), Some("answered 500".to_owned()));
    assert_eq!(told, [("webhook.disable".to_owned(), actor.clone(), why), ("webhook.enable".to_owned(), actor, None)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_for_good_is_told_nothing_more() {
    let (server, admin, receiver) = stage().await;
    let made = create(&admin, &json!({"url": receiver.url})).await;
    publish(&admin, "1.0.0").await;
    receiver.answer(410, &[], "");
    assert_eq!(send_all(&server).await, 1, "and what waits is given up");
    assert!(show(&admin, &made.webhook.id).await.disabled_at.is_some());
    assert!(log(&admin, &made.webhook.id).await.iter().all(|delivery| delivery.state == DeliveryState::Failed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed_and_an_answer_is_kept_in_part() {
    let (server, admin, receiver) = stage().await;
    let made = create(&admin, &json!({"url": receiver.url, "events": ["release.publish"]})).await;
    let elsewhere = Receiver::start().await;
    receiver.answer(307, &[(header::LOCATION, &elsewhere.url)], &"é".repeat(10_000));
    publish(&admin, "1.0.0").await;
    assert_eq!(send_all(&server).await, 1);
    assert_eq!((receiver.take().len(), elsewhere.take().len()), (1, 0));
    let log = log(&admin, &made.webhook.id).await;
    assert_eq!(log[0].error.as_deref(), Some("answered 307: redirects are not followed"));
    assert_eq!(log[0].answer.as_deref(), Some("é".repeat(256).as_str()), "512 bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_are_not_connected_to_unless_they_are_allowed() {
    let (server, admin, receiver) = stage().await;
    let strict = server.server.clone().with_webhooks(Sender::new(Reach::Public));
    let port = receiver.url.split([':', '/']).nth(4).unwrap();
    for (url, why) in [
        (receiver.url.clone(), "webhooks go over https"),
        (format!("https://localhost:{port}/"), "is not a public address"),
        (format!("https://127.0.0.1:{port}/"), "127.0.0.1 is not a public address"),
        (format!("https://[::ffff:127.0.0.1]:{port}/"), "::ffff:127.0.0.1 is not a public address"),
        (format!("https://2130706433:{port}/"), "127.0.0.1 is not a public address"),
    ] {
        let made = create(&admin, &json!({"url": url, "events": ["channel.pin"]})).await;
        let path = paths::pin(&acme(), &"beta".parse().unwrap());
        publish(&admin, &format!("1.0.{}", made.webhook.id.len() + url.len())).await;
        assert!(admin.request(Method::PUT, &path).json(&json!({})).send().await.unwrap().status().is_success());
        assert_eq!(deliver_due(&strict).await.unwrap(), 1, "{url}");
        let log = log(&admin, &made.webhook.id).await;
        let error = log[0].error.as_deref().unwrap();
        assert!(error.contains(why), "{url}: {error}");
        assert_eq!((log[0].status, log[0].state), (None, DeliveryState::Waiting));
        for path in [path, paths::webhook(&acme(), &made.webhook.id)] {
            assert!(admin.request(Method::DELETE, &path).send().await.unwrap().status().is_success());
        }
    }
    assert!(receiver.take().is_empty());
    let path = paths::webhooks(&acme());
    for (url, events) in [
        ("https://a:b@example.com/", json!([])),
        ("ftp://example.com/", json!([])),
        ("https://example.com/", json!(["ping"])),
    ] {
        let answer = admin.post(&path, &json!({"url": url, "events": events})).await;
        refused(answer, StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::WebhookInvalid).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_gets_its_own_words_and_feishus_refusals_are_seen() {
    let (server, admin, receiver) = stage().await;
    let wanted = json!({"url": receiver.url, "events": ["channel.move"], "format": "feishu"});
    let made = create(&admin, &wanted).await;
    publish(&admin, "1.0.0").await;
    receiver.answer(200, &[], r#"{"code":19024,"msg":"Key Words Not Found"}"#);
    assert_eq!(send_all(&server).await, 1);
    let text = "acme beta is now 1.0.0, published by first-admin";
    assert_eq!(receiver.take()[0].json(), json!({"msg_type": "text", "content": {"text": text}}));
    let log = log(&admin, &made.webhook.id).await;
    assert_eq!(log[0].error.as_deref(), Some("answered 200 with the code 19024"));
    assert_eq!(log[0].state, DeliveryState::Waiting);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_sent_again_on_request_and_strangers_find_nothing() {
    let (server, admin, receiver) = stage().await;
    let made = create(&admin, &json!({"url": receiver.url, "events": ["release.publish"]})).await;
    let id = &made.webhook.id;
    publish(&admin, "1.0.0").await;
    send_all(&server).await;
    let first = log(&admin, id).await[0].clone();
    let again: Delivery = read(admin.post(&paths::redeliver(&acme(), id, first.id), &json!({})).await).await;
    assert_eq!((again.state, &again.message), (DeliveryState::Delivered, &first.message));
    assert_ne!(again.id, first.id);
    let got = receiver.take();
    assert_eq!(got[0].body, got[1].body);
    assert_eq!(log(&admin, id).await.len(), 2);
    let missing = admin.post(&paths::redeliver(&acme(), id, 999), &json!({})).await;
    refused(missing, StatusCode::NOT_FOUND, ErrorCode::DeliveryNotFound).await;
    admin.create_app("other", "token").await;
    let other: AppSlug = "other".parse().unwrap();
    for path in [paths::webhook(&other, id), paths::deliveries(&other, id)] {
        refused(admin.get(&path).await, StatusCode::NOT_FOUND, ErrorCode::WebhookNotFound).await;
    }
    let shown: Value = read(admin.get(&paths::webhook(&acme(), id)).await).await;
    assert_eq!(shown.get("secret"), None, "it is shown once");
    let audit = serde_json::to_string(&events_after(&server, 0).await).unwrap();
    assert!(!audit.contains("/hook") && !audit.contains(&made.secret.unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_change_tells_nothing() {
    let (server, admin, receiver) = stage().await;
    create(&admin, &json!({"url": receiver.url})).await;
    publish(&admin, "1.0.0").await;
    send_all(&server).await;
    receiver.take();
    let other = release("1.0.0", &[("b", b"other bytes")]);
    let answer = admin.publish(&other, &[b"other bytes"], None).await;
    refused(answer, StatusCode::CONFLICT, ErrorCode::ReleaseExists).await;
    let path = paths::pin(&acme(), &"nowhere".parse().unwrap());
    let answer = admin.request(Method::PUT, &path).json(&json!({})).send().await.unwrap();
    refused(answer, StatusCode::NOT_FOUND, ErrorCode::ChannelNotFound).await;
    assert_eq!(send_all(&server).await, 0);
}

/// The real program.
struct Program(Child, String);

impl Program {
    fn start(data: &Path, fault: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_distd"))
            .args(["serve", "--listen", "127.0.0.1:0", "--reserve-mib", "0", "--webhook-allow-private", "--data"])
            .arg(data)
            .envs((!fault.is_empty()).then_some(("DISTD_FAULT", fault)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self(child, url)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Looks until something is there, for a bounded time.
async fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "it does not come");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_is_told_after_a_kill_before_it_was_sent() {
    let (data, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
    let mut program = Program::start(data.path(), "webhook.send=kill");
    let mut command = Command::new(env!("CARGO_BIN_EXE_distd"));
    command.args(["token", "create", "--name", "admin", "--scope", "admin", "--json", "--data"]).arg(data.path());
    let token: CreatedToken = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    let admin = Client::at(program.1.clone(), Some(token.token));
    admin.create_app("acme", "token").await;
    let made = create(&admin, &json!({"url": receiver.url, "events": ["release.publish"]})).await;
    let manifest = release("1.0.0", &[("a", BYTES)]);
    admin.upload("acme", &[BYTES]).await;
    let commit = crate::harness::commit_request(&manifest, None);
    // Whether the answer comes before the end is open.
    let _ = admin.request(Method::POST, &paths::commit(&acme())).json(&commit).send().await;
    let status = until(|| program.0.try_wait().unwrap()).await;
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
    assert!(receiver.take().is_empty());

    let _again = Program::start(data.path(), "");
    let got = until(|| receiver.take().pop()).await;
    assert_eq!(got.json()["data"]["release"]["name"], "1.0.0");
    assert_signed(&got, made.secret.as_deref().unwrap());
}
