//! Every route and every page, asked by everyone: each answer is as the declared requirement says.

use std::cell::RefCell;
use std::collections::HashMap;

use jiff::SignedDuration;
use protocol::api::{Committed, CreatedToken, CreatedWebhook, Delivery, Link, Publisher};
use protocol::{AppSlug, Digest, ReleaseManifest, paths};
use reqwest::redirect::Policy;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Client, TestServer, commit_request, part_request, read, release};

/// What no one may get who may not read the app.
const SECRET: &[u8] = b"<the secret bytes of an artifact>";
const SENT: &[u8] = b"<bytes on their way>";

/// Everything that the requests below name.
struct World {
    server: TestServer,
    /// Published last, on its way to a channel.
    next: ReleaseManifest,
    /// A part of a release that is staged by then.
    part: ReleaseManifest,
    link: Link,
    publisher: String,
    /// A webhook that leads to this server itself, one to be deleted, and a delivery of the first.
    webhooks: [String; 2],
    delivery: u64,
    /// Tokens to be revoked and rotated.
    spare: [String; 2],
    /// Clients by scope, each made once.
    clients: RefCell<HashMap<String, Client>>,
}

impl World {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let admin = server.admin();
        admin.create_app("acme", "link").await;
        admin.create_app("other", "token").await;
        let first = release("1.0", &[("app.bin", SECRET)]);
        let first: Committed = read(admin.publish(&first, &[SECRET], Some(("beta", None))).await).await;
        let mut second = release("1.1", &[("app.bin", SECRET), ("more.bin", b"more")]);
        second.parent = Some(first.release.id);
        let expected = Some(first.release.id);
        let second: Committed = read(admin.publish(&second, &[SECRET, b"more"], Some(("beta", expected))).await).await;
        let mut next = release("1.2", &[("app.bin", SECRET)]);
        next.parent = Some(second.release.id);
        admin.negotiate("acme", &[SENT]).await;
        let part = release("1.3", &[("app.bin", SECRET)]);
        let staged = admin.stage(&part, &[SECRET], "linux").await;
        assert_eq!(staged.status(), StatusCode::OK);
        let link = read(admin.post(&paths::links(&acme()), &json!({"channel": "beta"})).await).await;
        let rule = json!({"kind": "github", "repository_id": 1, "owner_id": 2, "workflow": "acme/app/.github/workflows/release.yml", "ref": "refs/heads/main"});
        let publisher: Publisher = read(admin.post(&paths::publishers(&acme()), &rule).await).await;
        let publisher = publisher.id;
        let spare = [spare(&admin).await, spare(&admin).await];
        let webhooks = [webhook(&admin, &server.url).await, webhook(&admin, &server.url).await];
        let sent: Delivery = read(admin.post(&paths::test_webhook(&acme(), &webhooks[0]), &json!({})).await).await;
        let delivery = sent.id;
        Self { server, next, part, link, publisher, webhooks, delivery, spare, clients: RefCell::default() }
    }

    async fn with_scope(&self, scope: &str) -> Client {
        let made = self.clients.borrow().get(scope).cloned();
        if let Some(client) = made {
            return client;
        }
        let client = self.server.with_scopes(&[scope]).await;
        self.clients.borrow_mut().insert(scope.to_owned(), client.clone());
        client
    }

    /// The path of an operation, with what is there in place of its parameters.
    fn path(&self, operation: &str, template: &str) -> String {
        let id = match operation {
            "links_revoke" => &self.link.id,
            "publishers_remove" => &self.publisher,
            "tokens_rotate" => &self.spare[1],
            _ => &self.spare[0],
        };
        let digest = Digest::of(if operation == "objects_upload" { SENT } else { SECRET }).to_string();
        // What a revocation or restoration names is on no channel.
        let revision = if operation.starts_with("releases_re") { "1.0" } else { "beta" };
        let release = self.part.name().to_string();
        let delivery = self.delivery.to_string();
        let values = [
            ("app", "acme"),
            ("channel", "beta"),
            ("revision", revision),
            ("range", "1.0..beta"),
            ("digest", &digest),
            ("id", id),
            ("release", &release),
            ("part", "linux"),
            ("webhook", if operation == "webhooks_delete" { &self.webhooks[1] } else { &self.webhooks[0] }),
            ("delivery", &delivery),
        ];
        let path =
            values.iter().fold(template.to_owned(), |path, (name, value)| path.replace(&format!("{{{name}}}"), value));
        match operation {
            "releases_log" | "channels_promotion" => path + "?revision=beta",
            "channels_update" => path + "?platform=linux",
            _ => path,
        }
    }

    /// The request of an operation. One that is not here fails the test, so that a new route finds its place.
    fn request(&self, client: &Client, operation: &str, method: Method, template: &str) -> reqwest::RequestBuilder {
        let request = client.request(method, &self.path(operation, template));
        match operation {
            "apps_create" => request.json(&json!({"slug": "new"})),
            "apps_update" => request.json(&json!({"name": "Acme"})),
            "push_negotiate" => request.json(&json!({"objects": []})),
            "push_commit" => {
                let beta = Some(("beta", self.next.parent));
                request.json(&commit_request(&self.next, beta))
            }
            "doctor_echo" => request.body("a body"),
            "objects_upload" => request.header("Upload-Offset", 0).body(SENT),
            "channels_promote" => request.json(&json!({"revision": "1.0"})),
            "releases_revoke" => request.json(&json!({"reason": "crashes on start"})),
            "staging_put" => request.json(&part_request(&self.part)),
            "staging_finalize" => request.json(&json!({"expect": ["linux"], "channel": "beta",
                "created_at": "2026-11-22T09:00:00Z"})),
            "store_check" | "store_gc" | "channels_pin" | "releases_restore" | "channels_rollback"
            | "tokens_rotate" | "keys_rotate" | "rules_replace" => request.json(&json!({})),
            "publishers_add" => request
                .json(&json!({"kind": "github", "repository_id": 1, "owner_id": 2, "ref": "refs/heads/main",
        "workflow": "acme/app/.github/workflows/release.yml"})),
            "oidc_exchange" => request.json(&json!({"app": "acme", "identity_token": "no.such.token"})),
            "links_create" => request.json(&json!({"channel": "beta"})),
            "webhooks_create" => request.json(&json!({"url": "https://example.com/hooks"})),
            "tokens_create" => request.json(&json!({"name": "x", "scopes": ["read"]})),
            "apps_list"
            | "apps_show"
            | "rules_show"
            | "objects_download"
            | "objects_head"
            | "refs_list"
            | "releases_list"
            | "releases_log"
            | "releases_show"
            | "releases_compare"
            | "reports_show"
            | "channels_list"
            | "channels_show"
            | "channels_promotion"
            | "channels_unpin"
            | "staging_list"
            | "channels_reflog"
            | "links_list"
            | "links_revoke"
            | "publishers_list"
            | "publishers_remove"
            | "tokens_list"
            | "tokens_revoke"
            | "audit_list"
            | "store_show"
            | "whoami"
            | "healthz"
            | "metrics"
            | "doctor_show"
            | "doctor_bytes"
            | "readyz"
            | "webhooks_list"
            | "webhooks_show"
            | "webhooks_delete"
            | "webhooks_test"
            | "webhooks_deliveries"
            | "webhooks_redeliver"
            | "openapi"
            | "reports_icon"
            | "channels_update"
            | "downloads_list" => request,
            other => panic!("{other} has no place in this test"),
        }
    }
}

/// A webhook to a server that refuses it.
async fn webhook(admin: &Client, url: &str) -> String {
    let made: CreatedWebhook = read(admin.post(&paths::webhooks(&acme()), &json!({"url": url})).await).await;
    made.webhook.id
}

async fn spare(admin: &Client) -> String {
    let wanted = json!({"name": "spare", "scopes": ["read"], "never_expires": true});
    read::<CreatedToken>(admin.post(paths::TOKENS, &wanted).await).await.about.id
}

fn acme() -> AppSlug {
    "acme".parse().unwrap()
}

/// Scopes that come near a requirement and are not enough.
fn too_little(requires: &str) -> Vec<&'static str> {
    match requires {
        "read:{app}" => vec!["read:other", "admin:other"],
        "publish:{app}" => vec!["read:acme", "publish:other", "promote:acme"],
        "publish:{app}/{channel}" => vec!["read:acme", "publish:acme", "publish:acme/stable", "publish:other/beta"],
        "promote:{app}/{channel}" => {
            vec![
                "read:acme",
                "publish:acme",
                "publish:acme/beta",
                "promote:acme/stable",
                "override:acme/beta",
                "promote:other",
            ]
        }
        "promote:{app}" => vec!["read:acme", "publish:acme/*", "promote:acme/beta", "override:acme", "promote:other"],
        "admin:{app}" => vec!["promote:acme", "publish:acme/*", "admin:other"],
        "token" => vec![],
        "admin" => vec!["admin:acme", "promote:*", "publish:*/*", "read:*"],
        other => panic!("{other} is no requirement"),
    }
}

/// The narrowest scope that is enough.
fn enough(requires: &str, operation: &str) -> String {
    if requires == "token" {
        return "read:other".to_owned();
    }
    let app = if operation == "apps_create" { "new" } else { "acme" };
    requires.replace("{app}", app).replace("{channel}", "beta")
}

/// Refused, without a word of what is secret.
async fn assert_refused(answer: Response, statuses: &[u16], who: &str) {
    let status = answer.status().as_u16();
    let body = answer.bytes().await.unwrap();
    assert!(statuses.contains(&status), "{who}: {status} {}", String::from_utf8_lossy(&body));
    assert!(!body.windows(SECRET.len()).any(|window| window == SECRET), "{who}: artifact bytes in a refusal");
    let digest = Digest::of(SECRET).to_string();
    let says_digest = String::from_utf8_lossy(&body).contains(&digest);
    assert!(!says_digest || who.contains(&digest), "{who}: a digest that was not asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_as_its_declared_requirement_says() {
    let world = World::new().await;
    let expired = world.server.with_scopes(&["admin"]).await;
    world.server.advance(SignedDuration::from_hours(2));
    let revoked = world.server.with_scopes(&["admin"]).await;
    let who: Value = read(revoked.get(paths::WHOAMI).await).await;
    let path = paths::token(who["token_id"].as_str().unwrap());
    let _: Value = read(world.server.admin().request(Method::DELETE, &path).send().await.unwrap()).await;
    let document = serde_json::to_value(distd::http::document()).unwrap();
    for (template, operations) in document["paths"].as_object().unwrap() {
        for (method, described) in operations.as_object().unwrap() {
            let operation = described["operationId"].as_str().unwrap();
            let requires = described["x-requires"].as_str();
            let requires = requires.unwrap_or_else(|| panic!("{operation} declares no requirement"));
            let method: Method = method.to_uppercase().parse().unwrap();
            let ask = |client: &Client| world.request(client, operation, method.clone(), template).send();
            if requires == "identity" {
                assert_refused(ask(&world.server.anonymous()).await.unwrap(), &[403], operation).await;
                continue;
            }
            if requires == "none" {
                assert!(ask(&world.server.anonymous()).await.unwrap().status().is_success(), "{operation}");
                continue;
            }
            let of = |who: &str| format!("{operation} {template} as {who} {}", Digest::of(SECRET));
            for (who, client) in
                [("nobody", world.server.anonymous()), ("expired", expired.clone()), ("revoked", revoked.clone())]
            {
                // After some of them the answer is that these were too many.
                assert_refused(ask(&client).await.unwrap(), &[401, 429], &of(who)).await;
            }
            for scope in too_little(requires) {
                let client = world.with_scope(scope).await;
                // Where even the thing named is a secret, it is as if it did not exist.
                assert_refused(ask(&client).await.unwrap(), &[403, 404], &of(scope)).await;
            }
            let scope = enough(requires, operation);
            let answer = ask(&world.with_scope(&scope).await).await.unwrap();
            let is_right =
                answer.status().is_success() || operation == "reports_icon" && answer.status() == StatusCode::NOT_FOUND;
            assert!(is_right, "{operation} with {scope}: {} {}", answer.status(), answer.text().await.unwrap());
            if operation == "channels_pin" {
                // What comes after it moves the channel.
                let unpin = world
                    .server
                    .admin()
                    .request(Method::DELETE, &template.replace("{app}", "acme").replace("{channel}", "beta"));
                assert_eq!(unpin.send().await.unwrap().status(), StatusCode::OK);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_answers_as_its_declared_requirement_says() {
    let world = World::new().await;
    let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
    let digest = Digest::of(SECRET).to_string();
    let begun = http.get(format!("{}{}/get/{digest}", world.server.url, world.link.path)).send().await.unwrap();
    let file = begun.headers()["location"].to_str().unwrap().split('/').nth(2).unwrap().to_owned();
    let link = world.link.path.trim_start_matches("/l/").to_owned();
    let address = |template: &str, link: &str, file: &str| {
        let values = [
            ("app", "acme"),
            ("channel", "beta"),
            ("revision", "1.0"),
            ("digest", &digest),
            ("link", link),
            ("file", file),
            ("filename", "app.bin"),
            ("platform", "linux"),
            ("arch", "x86_64"),
            ("release", "1.0"),
            ("device", "mac"),
        ];
        values.iter().fold(template.to_owned(), |path, (name, value)| path.replace(&format!("{{{name}}}"), value))
    };
    for (template, requires) in distd::web::pages() {
        let ask = async |client: &Client, link: &str, file: &str| {
            let request = client.request(Method::GET, &address(template, link, file)).build().unwrap();
            http.execute(request).await.unwrap()
        };
        let anyone = world.server.anonymous();
        match requires {
            "none" => assert_eq!(ask(&anyone, &link, &file).await.status(), StatusCode::OK, "{template}"),
            // Only a form that carries what the session's pages carry gets there: `install.rs`.
            "session" => assert_eq!(ask(&anyone, &link, &file).await.status(), StatusCode::METHOD_NOT_ALLOWED),
            "token" => {
                assert_refused(ask(&anyone, &link, &file).await, &[401], template).await;
                let holder = world.with_scope("read:other").await;
                assert_eq!(ask(&holder, &link, &file).await.status(), StatusCode::OK, "{template}");
            }
            // Without the revision that the address has to ask for, there is nothing to promote; the files have no icon.
            "promotion" | "icon" => {
                assert_refused(ask(&anyone, &link, &file).await, &[401], &address(template, &link, &file)).await;
                let right = ask(&world.server.admin(), &link, &file).await.status();
                assert!(right == StatusCode::BAD_REQUEST || right == StatusCode::NOT_FOUND, "{template}: {right}");
            }
            // Whose name changes with what is in it: `console.rs`.
            "asset" => assert_eq!(ask(&anyone, &link, &file).await.status(), StatusCode::NOT_FOUND),
            "link" => {
                let right = ask(&anyone, &link, &file).await.status();
                assert!(right.is_success() || right.is_redirection(), "{template}: {right}");
                let wrong = if template.contains("{file}") { (&link, &link) } else { (&file, &file) };
                assert_refused(ask(&world.server.admin(), wrong.0, wrong.1).await, &[404], template).await;
            }
            _ => {
                assert_refused(ask(&anyone, &link, &file).await, &[401], template).await;
                for scope in too_little(requires) {
                    let client = world.with_scope(scope).await;
                    assert_refused(ask(&client, &link, &file).await, &[401, 403, 404], template).await;
                }
                let client = world.with_scope(&enough(requires, "")).await;
                let right = ask(&client, &link, &file).await.status();
                assert!(right.is_success() || right == StatusCode::SEE_OTHER, "{template}: {right}");
            }
        }
    }
}
