//! Every operation that changes something leaves exactly its audit event.

use std::collections::HashSet;

use protocol::api::{AuditEvent, AuditPage, Committed, CreatedToken, Links, Whoami};
use protocol::{AppSlug, Digest, paths};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::harness::{Client, TestServer, commit_request, part_request, read, release};

const BYTES: &[u8] = b"bytes of acme";

/// A fresh server with the app acme, and a caller whose token is not the one that made it.
struct Stage {
    server: TestServer,
    caller: Client,
    who: Whoami,
}

/// What one call did.
struct Done {
    events: Vec<AuditEvent>,
    request_id: String,
}

/// What an event says beside who, when and where.
#[derive(Debug, Default, PartialEq)]
struct Expected {
    action: &'static str,
    app: Option<&'static str>,
    subject: String,
    old: Option<String>,
    new: Option<String>,
    reason: Option<&'static str>,
}

fn acme() -> AppSlug {
    "acme".parse().unwrap()
}

/// Events after `from`, oldest first.
pub(crate) async fn events_after(server: &TestServer, from: u64) -> Vec<AuditEvent> {
    let path = format!("{}?from={from}&limit=500", paths::AUDIT);
    read::<AuditPage>(server.admin().get(&path).await).await.events
}

impl Stage {
    async fn set() -> Self {
        let server = TestServer::start().await;
        server.admin().create_app("acme", "token").await;
        let caller = server.with_scopes(&["admin"]).await;
        let who = read(caller.get(paths::WHOAMI).await).await;
        Self { server, caller, who }
    }

    /// The same with two releases, both of which beta and stable have seen.
    async fn with_releases() -> (Self, Digest, Digest) {
        let stage = Self::set().await;
        let (first, second) = (release("1.0.0", &[("a", BYTES)]), release("2.0.0", &[("a", BYTES)]));
        let admin = stage.server.admin();
        let _: Committed = read(admin.publish(&first, &[BYTES], Some(("beta", None))).await).await;
        let _: Committed = read(admin.publish(&second, &[BYTES], Some(("beta", Some(first.id())))).await).await;
        (stage, first.id(), second.id())
    }

    async fn call(&self, request: RequestBuilder) -> Done {
        let before = events_after(&self.server, 0).await.len() as u64;
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
        let request_id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        drop(answer.bytes().await.unwrap());
        Done { events: events_after(&self.server, before).await, request_id }
    }

    async fn post(&self, path: &str, body: &impl serde::Serialize) -> Done {
        self.call(self.caller.request(Method::POST, path).json(body)).await
    }

    /// Expects one event, by this caller in this request.
    fn one(&self, done: &Done, expected: &Expected) {
        let [event] = done.events.as_slice() else { panic!("not one event: {:#?}", done.events) };
        let found = Expected {
            action: event.action.as_str(),
            app: event.app.as_ref().map(|_| "acme"),
            subject: event.subject.clone(),
            old: event.old.clone(),
            new: event.new.clone(),
            reason: expected.reason.filter(|reason| event.reason.as_deref() == Some(reason)),
        };
        assert_eq!(found, *expected);
        assert!(event.app.as_ref().is_none_or(|app| *app == acme()), "{event:?}");
        assert_eq!(event.reason.is_some(), expected.reason.is_some(), "{event:?}");
        assert_eq!((&event.actor, &event.token_id), (&self.who.actor, &self.who.token_id));
        assert_eq!(event.address.as_deref(), Some("127.0.0.1"));
        assert_eq!(event.request_id.as_deref(), Some(done.request_id.as_str()));
        assert_eq!(event.at, self.server.clock().now());
    }
}

/// The table: calls an operation on a fresh state and looks for its event.
async fn check(operation: &str) {
    match operation {
        "apps_create" => apps_create().await,
        "apps_update" => apps_update().await,
        "rules_replace" => rules_replace().await,
        "push_negotiate" => push_negotiate_changes_nothing().await,
        "objects_upload" => objects_upload().await,
        "push_commit" => push_commit().await,
        "channels_promote" => channels_promote().await,
        "channels_rollback" => channels_rollback().await,
        "channels_pin" | "channels_unpin" => pins().await,
        "releases_revoke" | "releases_restore" => revocations().await,
        "staging_put" | "staging_finalize" => stages().await,
        "tokens_create" => tokens_create().await,
        "tokens_rotate" => tokens_rotate().await,
        "tokens_revoke" => tokens_revoke().await,
        "links_create" | "links_revoke" => links().await,
        "keys_rotate" => keys_rotate().await,
        "publishers_add" | "publishers_remove" => publishers().await,
        "webhooks_create" | "webhooks_delete" | "webhooks_test" | "webhooks_redeliver" => webhooks().await,
        "store_check" => store_check().await,
        "store_gc" => store_gc_of_nothing().await,
        "doctor_echo" => doctor_echo_changes_nothing().await,
        // Who it records is the token that it makes: `oidc.rs` finds that event and that token, and nothing else.
        "oidc_exchange" => {}
        other => panic!("{other} changes something and has no entry here: which event does it leave?"),
    }
}

async fn doctor_echo_changes_nothing() {
    let stage = Stage::set().await;
    let done = stage.call(stage.caller.request(Method::PUT, paths::DOCTOR_ECHO).body(BYTES)).await;
    assert!(done.events.is_empty());
}

async fn apps_create() {
    let stage = Stage::set().await;
    let before = events_after(&stage.server, 0).await.len() as u64;
    let created = stage.caller.post(paths::APPS, &json!({"slug": "other"})).await;
    let request_id = created.headers()["x-request-id"].to_str().unwrap().to_owned();
    let mut events = events_after(&stage.server, before).await;
    assert_eq!(events[0].app.as_ref().map(AppSlug::as_str), Some("other"));
    assert_eq!(events[0].details, json!({"name": "other", "access": "token"}));
    events[0].app = Some(acme());
    let expected =
        Expected { action: "app.create", app: Some("acme"), subject: "other".to_owned(), ..Expected::default() };
    stage.one(&Done { events, request_id }, &expected);
}

async fn rules_replace() {
    let stage = Stage::set().await;
    let rules = json!({"gates": {"stable": {"debuggable": "block"}}});
    let done = stage.call(stage.caller.request(Method::PUT, &paths::rules(&acme())).json(&rules)).await;
    assert_eq!(done.events[0].details["new"]["gates"]["stable"]["debuggable"], "block");
    let subject = "acme".to_owned();
    stage.one(&done, &Expected { action: "app.rules", app: Some("acme"), subject, ..Expected::default() });
}

/// It says what would have to be sent; the upload is the change.
async fn push_negotiate_changes_nothing() {
    let stage = Stage::set().await;
    let request = json!({"objects": [{"digest": Digest::of(BYTES), "size": BYTES.len()}]});
    assert_eq!(stage.post(&paths::negotiate(&acme()), &request).await.events, []);
}

async fn objects_upload() {
    let stage = Stage::set().await;
    let digest = Digest::of(BYTES);
    stage.caller.negotiate("acme", &[BYTES]).await;
    let part = |offset: usize, complete: &'static str, body: &'static [u8]| {
        let request = stage.caller.request(Method::PATCH, &paths::object(&acme(), &digest));
        request.header("Upload-Offset", offset).header("Upload-Complete", complete).body(body)
    };
    assert_eq!(stage.call(part(0, "?0", &BYTES[..4])).await.events, [], "a part is not an object");
    let done = stage.call(part(4, "?1", &BYTES[4..])).await;
    assert_eq!(done.events[0].details, json!({"size": BYTES.len()}));
    assert_eq!(stage.call(part(BYTES.len(), "?1", b"")).await.events, [], "it was there already");
    let subject = digest.to_string();
    stage.one(&done, &Expected { action: "object.upload", app: Some("acme"), subject, ..Expected::default() });
}

async fn store_check() {
    let stage = Stage::set().await;
    let done = stage.post(paths::STORE_CHECK, &json!({"quick": true})).await;
    assert_eq!(done.events[0].details, json!({"quick": true, "max_mib_per_second": 0}));
    stage.one(&done, &Expected { action: "store.check", subject: "store".to_owned(), ..Expected::default() });
}

/// What it deletes leaves events of its own: `care.rs` finds them.
async fn store_gc_of_nothing() {
    let stage = Stage::set().await;
    assert_eq!(stage.post(paths::STORE_GC, &json!({})).await.events, []);
}

async fn push_commit() {
    let stage = Stage::set().await;
    let manifest = release("1.0.0", &[("a", BYTES)]);
    stage.caller.upload("acme", &[BYTES]).await;
    let mut request = commit_request(&manifest, Some(("beta", None)));
    request.reason = Some("weekly".to_owned());
    let done = stage.post(&paths::commit(&acme()), &request).await;
    let refs: Vec<&str> =
        done.events[0].details["refs"].as_array().unwrap().iter().map(|moved| moved["ref"].as_str().unwrap()).collect();
    assert_eq!(refs, ["releases/1.0.0", "channels/beta"]);
    assert_eq!(stage.post(&paths::commit(&acme()), &request).await.events, [], "the second time it is unchanged");
    let (subject, new) = ("releases/1.0.0".to_owned(), Some(manifest.id().to_string()));
    let expected =
        Expected { action: "release.publish", app: Some("acme"), subject, old: None, new, reason: Some("weekly") };
    stage.one(&done, &expected);
}

async fn channels_promote() {
    let (stage, first, second) = Stage::with_releases().await;
    let body = json!({"revision": "1.0.0", "reason": "tested"});
    let done = stage.post(&paths::promote(&acme(), &"beta".parse().unwrap()), &body).await;
    let expected = Expected {
        action: "channel.promote",
        app: Some("acme"),
        subject: "channels/beta".to_owned(),
        old: Some(second.to_string()),
        new: Some(first.to_string()),
        reason: Some("tested"),
    };
    stage.one(&done, &expected);
}

async fn channels_rollback() {
    let (stage, first, second) = Stage::with_releases().await;
    let body = json!({"reason": "crashes on start"});
    let done = stage.post(&paths::rollback(&acme(), &"beta".parse().unwrap()), &body).await;
    let expected = Expected {
        action: "channel.rollback",
        app: Some("acme"),
        subject: "channels/beta".to_owned(),
        old: Some(second.to_string()),
        new: Some(first.to_string()),
        reason: Some("crashes on start"),
    };
    stage.one(&done, &expected);
}

async fn pins() {
    let (stage, ..) = Stage::with_releases().await;
    let path = paths::pin(&acme(), &"beta".parse().unwrap());
    let pin = || stage.caller.request(Method::PUT, &path).json(&json!({"reason": "incident 7"}));
    let unpin = || stage.caller.request(Method::DELETE, &path);
    let expected = |action, reason| Expected {
        action,
        app: Some("acme"),
        subject: "channels/beta".to_owned(),
        reason,
        ..Expected::default()
    };
    stage.one(&stage.call(pin()).await, &expected("channel.pin", Some("incident 7")));
    assert_eq!(stage.call(pin()).await.events, [], "it is pinned already");
    stage.one(&stage.call(unpin()).await, &expected("channel.unpin", None));
    assert_eq!(stage.call(unpin()).await.events, [], "it is not pinned");
}

async fn revocations() {
    let (stage, first, _) = Stage::with_releases().await;
    let revision = "1.0.0".parse().unwrap();
    let revoke =
        || stage.caller.request(Method::POST, &paths::revoke(&acme(), &revision)).json(&json!({"reason": "leaks"}));
    let restore =
        || stage.caller.request(Method::POST, &paths::restore(&acme(), &revision)).json(&json!({"reason": "mended"}));
    let id = || Some(first.to_string());
    let expected = |action, (old, new), reason| {
        let subject = "releases/1.0.0".to_owned();
        Expected { action, app: Some("acme"), subject, old, new, reason: Some(reason) }
    };
    stage.one(&stage.call(revoke()).await, &expected("release.revoke", (id(), None), "leaks"));
    assert_eq!(stage.call(revoke()).await.events, [], "it is revoked already");
    stage.one(&stage.call(restore()).await, &expected("release.restore", (None, id()), "mended"));
    assert_eq!(stage.call(restore()).await.events, [], "it is in use");
}

async fn stages() {
    let stage = Stage::set().await;
    let part = release("1.0.0", &[("a", BYTES)]);
    stage.caller.upload("acme", &[BYTES]).await;
    let path = paths::stage(&acme(), &part.name(), &"linux".parse().unwrap());
    let done = stage.call(stage.caller.request(Method::PUT, &path).json(&part_request(&part))).await;
    let (subject, new) = ("staging/1.0.0/linux".to_owned(), Some(part.id().to_string()));
    stage.one(&done, &Expected { action: "stage.put", app: Some("acme"), subject, new, ..Expected::default() });
    let body = json!({"expect": ["linux"], "created_at": "2026-11-22T09:00:00Z", "reason": "weekly"});
    let finalize = paths::finalize(&acme(), &part.name());
    let done = stage.post(&finalize, &body).await;
    assert_eq!(done.events[0].details["parts"], json!([{"part": "linux", "id": part.id()}]));
    let (subject, new) = ("releases/1.0.0".to_owned(), done.events[0].new.clone());
    let expected = Expected {
        action: "release.publish",
        app: Some("acme"),
        subject,
        new,
        reason: Some("weekly"),
        ..Expected::default()
    };
    stage.one(&done, &expected);
    assert_eq!(stage.post(&finalize, &body).await.events, [], "it is published");
}

async fn tokens_create() {
    let stage = Stage::set().await;
    let done = stage.post(paths::TOKENS, &json!({"name": "ci", "scopes": ["publish:acme"]})).await;
    let details = &done.events[0].details;
    assert_eq!((&details["name"], &details["scopes"]), (&json!("ci"), &json!(["publish:acme"])));
    let subject = done.events[0].subject.clone();
    assert_eq!(subject.len(), 8, "the id, not the secret");
    stage.one(&done, &Expected { action: "token.create", subject, ..Expected::default() });
}

async fn tokens_revoke() {
    let stage = Stage::set().await;
    let made: CreatedToken =
        read(stage.server.admin().post(paths::TOKENS, &json!({"name": "ci", "scopes": ["read:*"]})).await).await;
    let revoke = || stage.caller.request(Method::DELETE, &paths::token(&made.about.id));
    let done = stage.call(revoke()).await;
    assert_eq!(stage.call(revoke()).await.events, [], "it was revoked already");
    stage.one(&done, &Expected { action: "token.revoke", subject: made.about.id, ..Expected::default() });
}

async fn apps_update() {
    let stage = Stage::set().await;
    let update = || stage.caller.request(Method::PATCH, &paths::app(&acme())).json(&json!({"access": "link"}));
    let done = stage.call(update()).await;
    assert_eq!(stage.call(update()).await.events, [], "it is so already");
    let (old, new) = (Some("token".to_owned()), Some("link".to_owned()));
    let subject = "acme".to_owned();
    let expected = Expected { action: "app.update", app: Some("acme"), subject, old, new, ..Expected::default() };
    stage.one(&done, &expected);
}

async fn tokens_rotate() {
    let stage = Stage::set().await;
    let made: CreatedToken =
        read(stage.server.admin().post(paths::TOKENS, &json!({"name": "ci", "scopes": ["read:*"]})).await).await;
    let old = made.about.id;
    let done = stage.post(&paths::rotate_token(&old), &json!({})).await;
    let new = done.events[0].new.clone();
    assert!(new.as_ref().is_some_and(|new| *new != old));
    let subject = old.clone();
    stage.one(&done, &Expected { action: "token.rotate", subject, old: Some(old), new, ..Expected::default() });
}

async fn links() {
    let (stage, ..) = Stage::with_releases().await;
    let open = json!({"access": "link"});
    let _: Value =
        read(stage.server.admin().request(Method::PATCH, &paths::app(&acme())).json(&open).send().await.unwrap()).await;
    let done = stage.post(&paths::links(&acme()), &json!({"channel": "beta"})).await;
    let made: Links = read(stage.caller.get(&paths::links(&acme())).await).await;
    let expected = |action| {
        let subject = format!("{} channels/beta", made.links[0].id);
        Expected { action, app: Some("acme"), subject, ..Expected::default() }
    };
    stage.one(&done, &expected("link.create"));
    let revoke = || stage.caller.request(Method::DELETE, &paths::link(&acme(), &made.links[0].id));
    let done = stage.call(revoke()).await;
    stage.one(&done, &expected("link.revoke"));
    assert_eq!(stage.call(revoke()).await.events, [], "it was revoked already");
}

async fn keys_rotate() {
    let stage = Stage::set().await;
    let done = stage.post(paths::ROTATE_KEY, &json!({"drop_old": true})).await;
    let subject = done.events[0].subject.clone();
    assert_eq!(subject.len(), 8, "the id of the new key");
    stage.one(&done, &Expected { action: "key.rotate", subject, ..Expected::default() });
}

async fn publishers() {
    let stage = Stage::set().await;
    let rule = json!({"kind": "github", "repository_id": 1, "owner_id": 2, "ref": "refs/heads/main",
        "workflow": "acme/app/.github/workflows/release.yml"});
    let done = stage.post(&paths::publishers(&acme()), &rule).await;
    let id = done.events[0].subject.clone();
    let expected = |action| Expected { action, app: Some("acme"), subject: id.clone(), ..Expected::default() };
    stage.one(&done, &expected("publisher.add"));
    let remove = stage.caller.request(Method::DELETE, &paths::publisher(&acme(), &id));
    stage.one(&stage.call(remove).await, &expected("publisher.remove"));
}

/// To this server itself, which answers 405: that is a delivery that fails, and no change.
async fn webhooks() {
    let stage = Stage::set().await;
    let wanted = json!({"url": stage.server.url, "events": ["channel.move"]});
    let done = stage.post(&paths::webhooks(&acme()), &wanted).await;
    let host = json!({"host": "127.0.0.1", "format": "json", "events": ["channel.move"]});
    assert_eq!(done.events[0].details, host);
    let id = done.events[0].subject.clone();
    let expected = |action| Expected { action, app: Some("acme"), subject: id.clone(), ..Expected::default() };
    stage.one(&done, &expected("webhook.create"));
    let done = stage.post(&paths::test_webhook(&acme(), &id), &json!({})).await;
    stage.one(&done, &expected("webhook.test"));
    let delivery = done.events[0].details["delivery"].as_u64().unwrap();
    let done = stage.post(&paths::redeliver(&acme(), &id, delivery), &json!({})).await;
    assert_eq!(done.events[0].details, json!({"delivery": delivery + 1, "of": delivery}));
    stage.one(&done, &expected("webhook.redeliver"));
    let delete = stage.caller.request(Method::DELETE, &paths::webhook(&acme(), &id));
    stage.one(&stage.call(delete).await, &expected("webhook.delete"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mutating_operation_leaves_exactly_its_event() {
    let document = serde_json::to_value(distd::http::document()).unwrap();
    let mut checked = HashSet::new();
    for operations in document["paths"].as_object().unwrap().values() {
        for (method, operation) in operations.as_object().unwrap() {
            if ["post", "put", "patch", "delete"].contains(&method.as_str()) {
                let id = operation["operationId"].as_str().unwrap();
                check(id).await;
                checked.insert(id.to_owned());
            }
        }
    }
    assert!(checked.len() >= 9, "{checked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_found_by_app_actor_action_and_time_in_either_order() {
    let (stage, ..) = Stage::with_releases().await;
    let admin = stage.server.admin();
    stage.server.advance(jiff::SignedDuration::from_hours(1));
    admin.create_app("other", "token").await;
    let list = async |query: &str| -> Vec<u64> {
        let page: AuditPage = read(admin.get(&format!("{}?{query}", paths::AUDIT)).await).await;
        page.events.iter().map(|event| event.seq).collect()
    };
    let all = list("limit=500").await;
    let (newest, count) = (all[0], all.len());
    assert_eq!(list("app=other").await, [newest]);
    assert_eq!(list("since=2026-11-22T10:00:00Z").await, [newest]);
    assert_eq!(list("until=2026-11-22T10:00:00Z&limit=500").await, all[1..]);
    assert!(list("since=2026-11-22T10:00:00Z&until=2026-11-22T10:00:00Z").await.is_empty());
    assert_eq!(list("action=release.publish").await.len(), 2);
    assert_eq!(list("actor=first-admin&action=app.create").await.len(), 2);
    assert!(list("actor=nobody").await.is_empty());
    assert_eq!(list("from=0").await, (1..=newest).collect::<Vec<_>>());
    assert_eq!(list(&format!("from={}", newest - 1)).await, [newest]);
    assert!(list(&format!("from={}", u64::MAX)).await.is_empty());
    let page: AuditPage = read(admin.get(&format!("{}?from=1&limit=2", paths::AUDIT)).await).await;
    assert_eq!((page.events[0].seq, page.next.as_deref()), (2, Some("3")));
    let both = admin.get(&format!("{}?from=1&after=3", paths::AUDIT)).await;
    assert_eq!(both.status(), reqwest::StatusCode::BAD_REQUEST);
    assert_eq!(count as u64, newest);
    let value: Value = read(admin.get(&format!("{}?app=acme&limit=1", paths::AUDIT)).await).await;
    assert!(value["next"].is_string());
}
