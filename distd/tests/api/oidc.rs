//! Trusted publishing: which identity tokens become tokens, and that each other one is refused with its own code and written down.

use jiff::SignedDuration;
use protocol::api::{AuditEvent, AuditPage, Committed, CreatedToken, Publisher, Publishers, Whoami};
use protocol::{ErrorCode, paths};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Client, TestServer, read, refused, release};
use crate::issuer::{Issuer, SigningKey};

/// 2026-11-22T09:00:00Z, when every test server starts.
const NOW: i64 = 1_795_338_000;

const DISCOVERY: &str = "/.well-known/openid-configuration";
const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;

fn with(mut base: Value, change: &Value) -> Value {
    for (name, value) in change.as_object().unwrap() {
        base[name] = value.clone();
    }
    base
}

/// A server with the app acme, an issuer with one key, and a publisher that trusts it.
struct Setup {
    server: TestServer,
    issuer: Issuer,
    key: SigningKey,
    publisher: Publisher,
}

impl Setup {
    async fn new(key: SigningKey) -> Self {
        let server = TestServer::start().await;
        server.admin().create_app("acme", "token").await;
        let issuer = Issuer::start(&[&key]).await;
        let rule = json!({"kind": "github", "issuer": issuer.url, "repository_id": 74, "owner_id": 65,
            "workflow": "acme/app/.github/workflows/release.yml", "ref": "refs/heads/main", "environment": "release",
            "channels": ["beta"]});
        let publisher = add(&server.admin(), &rule).await;
        Self { server, issuer, key, publisher }
    }

    /// What GitHub would say of a job that may publish.
    fn claims(&self, jti: &str) -> Value {
        json!({"iss": self.issuer.url, "aud": "dist", "jti": jti, "sub": "repo:acme/app:environment:release",
            "iat": NOW, "nbf": NOW - 300, "exp": NOW + 300, "repository": "acme/app", "repository_id": "74",
            "repository_owner_id": "65", "workflow_ref": "acme/app/.github/workflows/release.yml@refs/heads/main",
            "ref": "refs/heads/main", "environment": "release", "event_name": "push", "run_id": "901"})
    }

    async fn exchange(&self, token: &str) -> Response {
        exchange(&self.server.anonymous(), "acme", token).await
    }

    /// Expects a refusal with its code and its audit event, and that nothing else has changed.
    async fn refuses(&self, token: &str, code: ErrorCode) -> AuditEvent {
        let before = self.server.state();
        refused(self.exchange(token).await, FORBIDDEN, code).await;
        let changed: Vec<String> = self.server.state().into_iter().filter(|row| !before.contains(row)).collect();
        assert!(changed.len() == 1 && changed[0].starts_with("audit_events "), "{changed:?}");
        let event = last_event(&self.server.admin(), "oidc.refuse").await;
        assert_eq!(event.subject, code.as_str());
        assert_eq!((event.actor.as_str(), event.token_id.as_deref()), ("anonymous", None));
        event
    }
}

async fn add(client: &Client, rule: &Value) -> Publisher {
    read(client.post(&paths::publishers(&"acme".parse().unwrap()), rule).await).await
}

async fn exchange(client: &Client, app: &str, token: &str) -> Response {
    client.post(paths::OIDC_EXCHANGE, &json!({"app": app, "identity_token": token})).await
}

async fn last_event(admin: &Client, action: &str) -> AuditEvent {
    let page: AuditPage = read(admin.get(&format!("{}?action={action}&limit=1", paths::AUDIT)).await).await;
    page.events.into_iter().next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_can_publish_for_a_quarter_of_an_hour_and_nothing_else() {
    let setup = Setup::new(SigningKey::rsa("rsa-1")).await;
    let server = &setup.server;
    server.admin().create_app("other", "token").await;
    let before = server.state();
    let made: CreatedToken = read(setup.exchange(&setup.key.sign(&setup.claims("1"))).await).await;
    let changed: Vec<String> = server.state().into_iter().filter(|row| !before.contains(row)).collect();
    assert_eq!(changed.len(), 2, "one event and one token: {changed:?}");
    let event = last_event(&server.admin(), "oidc.exchange").await;
    assert_eq!(
        (event.subject.as_str(), event.token_id.as_deref()),
        (made.about.id.as_str(), Some(made.about.id.as_str()))
    );
    assert_eq!(event.actor, "github:acme/app@refs/heads/main");
    assert_eq!(
        (&event.details["publisher"], &event.details["claims"]["run_id"]),
        (&json!(setup.publisher.id), &json!("901"))
    );
    assert!(!serde_json::to_string(&event).unwrap().contains(&made.token));

    let ci = server.client(Some(made.token));
    let who: Whoami = read(ci.get(paths::WHOAMI).await).await;
    assert_eq!(who.expires_at, Some(server.clock().now() + SignedDuration::from_mins(15)));
    let scopes: Vec<String> = who.scopes.iter().map(ToString::to_string).collect();
    assert_eq!(scopes, ["publish:acme", "publish:acme/beta"]);
    let manifest = release("1.0.0", &[("a", b"one")]);
    let _: Committed = read(ci.publish(&manifest, &[b"one"], Some(("beta", None))).await).await;

    let acme = "acme".parse().unwrap();
    let next = release("1.1.0", &[("a", b"two")]);
    refused(ci.publish(&next, &[b"two"], Some(("stable", None))).await, FORBIDDEN, ErrorCode::Forbidden).await;
    let promote = paths::promote(&acme, &"beta".parse().unwrap());
    let wanted = json!({"revision": "1.0.0"});
    refused(ci.post(&promote, &wanted).await, FORBIDDEN, ErrorCode::Forbidden).await;
    for path in [
        paths::TOKENS.to_owned(),
        paths::AUDIT.to_owned(),
        paths::publishers(&acme),
        paths::app(&"other".parse().unwrap()),
    ] {
        refused(ci.get(&path).await, FORBIDDEN, ErrorCode::Forbidden).await;
    }
    server.advance(SignedDuration::from_mins(15));
    refused(ci.get(paths::WHOAMI).await, StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_claim_that_is_not_as_pinned_is_refused_with_its_own_code() {
    let setup = Setup::new(SigningKey::ec("ec-1")).await;
    let changes = [
        (json!({"aud": "npm"}), ErrorCode::OidcAudienceMismatch),
        (json!({"repository_id": "75"}), ErrorCode::OidcRepositoryMismatch),
        (json!({"repository_owner_id": "66"}), ErrorCode::OidcRepositoryMismatch),
        (json!({"event_name": "pull_request_target"}), ErrorCode::OidcEventRefused),
        (json!({"event_name": "pull_request"}), ErrorCode::OidcEventRefused),
        (json!({"event_name": "workflow_run"}), ErrorCode::OidcEventRefused),
        (
            json!({"workflow_ref": "acme/app/.github/workflows/other.yml@refs/heads/main"}),
            ErrorCode::OidcWorkflowMismatch,
        ),
        (json!({"ref": "refs/heads/try"}), ErrorCode::OidcRefMismatch),
        (json!({"environment": null}), ErrorCode::OidcEnvironmentMismatch),
        (json!({"exp": NOW - 60}), ErrorCode::OidcTokenExpired),
        (json!({"nbf": NOW + 61}), ErrorCode::OidcTokenEarly),
        (json!({"iat": NOW + 61}), ErrorCode::OidcTokenEarly),
        (json!({"exp": null}), ErrorCode::OidcTokenInvalid),
        (json!({"jti": null}), ErrorCode::OidcIdMissing),
    ];
    for (change, code) in changes {
        let event = setup.refuses(&setup.key.sign(&with(setup.claims("1"), &change)), code).await;
        assert_eq!(event.details["claims"]["repository"], "acme/app", "verified claims are kept");
    }
    let _: CreatedToken = read(setup.exchange(&setup.key.sign(&setup.claims("1"))).await).await;
    setup.refuses(&setup.key.sign(&setup.claims("1")), ErrorCode::OidcTokenReused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_signed_by_the_issuer_is_refused_and_not_believed() {
    let setup = Setup::new(SigningKey::ec("ec-1")).await;
    let claims = setup.claims("1");
    let good = setup.key.sign(&claims);
    let event = setup.refuses(&SigningKey::ec("ec-1").sign(&claims), ErrorCode::OidcSignatureInvalid).await;
    assert_eq!(event.details["claims"], Value::Null, "nobody has verified them");
    let (head, signature) = good.rsplit_once('.').unwrap();
    let other = setup.key.sign(&with(claims.clone(), &json!({"repository_id": "1"})));
    let moved = format!("{}.{signature}", other.rsplit_once('.').unwrap().0);
    setup.refuses(&moved, ErrorCode::OidcSignatureInvalid).await;
    setup.refuses(&format!("{head}."), ErrorCode::OidcSignatureInvalid).await;
    for algorithm in ["none", "HS256", "RS512"] {
        let token = setup.key.sign_as(&json!({"alg": algorithm, "kid": "ec-1"}), &claims);
        setup.refuses(&token, ErrorCode::OidcAlgorithmRefused).await;
    }
    // The key exists, for another algorithm.
    let confused = setup.key.sign_as(&json!({"alg": "RS256", "kid": "ec-1"}), &claims);
    setup.refuses(&confused, ErrorCode::OidcKeyUnknown).await;
    setup.refuses(&setup.key.sign_as(&json!({"alg": "ES256"}), &claims), ErrorCode::OidcKeyUnknown).await;
    for bad in ["", "a.b.c", &good.replace('.', "~")] {
        setup.refuses(bad, ErrorCode::OidcTokenInvalid).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_issuers_that_a_rule_names_are_ever_asked() {
    let setup = Setup::new(SigningKey::ec("ec-1")).await;
    let stranger = Issuer::start(&[&setup.key]).await;
    let claims = with(setup.claims("1"), &json!({"iss": stranger.url}));
    let event = setup.refuses(&setup.key.sign(&claims), ErrorCode::OidcIssuerUnknown).await;
    assert_eq!(event.details["claimed_issuer"], json!(stranger.url));
    let good = setup.key.sign(&setup.claims("1"));
    let other_app = exchange(&setup.server.anonymous(), "other", &good).await;
    refused(other_app, FORBIDDEN, ErrorCode::OidcIssuerUnknown).await;
    assert_eq!((stranger.asked().len(), setup.issuer.asked().len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_fetched_once_and_again_when_they_change() {
    let mut setup = Setup::new(SigningKey::ec("one")).await;
    for jti in ["1", "2", "3"] {
        let _: CreatedToken = read(setup.exchange(&setup.key.sign(&setup.claims(jti))).await).await;
    }
    assert_eq!(setup.issuer.asked(), [DISCOVERY, "/jwks"]);

    let next = SigningKey::ec("two");
    setup.issuer.publish(&[&next]);
    setup.refuses(&next.sign(&setup.claims("4")), ErrorCode::OidcKeyUnknown).await;
    assert_eq!(setup.issuer.asked().len(), 2, "an unknown key is looked for once a minute at most");
    setup.server.advance(SignedDuration::from_mins(1));
    let old = std::mem::replace(&mut setup.key, next);
    let _: CreatedToken = read(setup.exchange(&setup.key.sign(&setup.claims("4"))).await).await;
    setup.refuses(&old.sign(&setup.claims("5")), ErrorCode::OidcKeyUnknown).await;
    assert_eq!(setup.issuer.asked().len(), 4);

    setup.server.advance(SignedDuration::from_hours(1));
    let later = with(setup.claims("6"), &json!({"exp": NOW + 4000}));
    let _: CreatedToken = read(setup.exchange(&setup.key.sign(&later)).await).await;
    assert_eq!(setup.issuer.asked().len(), 6, "keys are kept for an hour");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_misbehaves_is_unavailable_and_left_alone_for_a_while() {
    let setup = Setup::new(SigningKey::ec("ec-1")).await;
    let good = setup.key.sign(&setup.claims("1"));
    let elsewhere = Issuer::start(&[&setup.key]).await;
    let large = format!("{{\"keys\": [], \"x\": \"{}\"}}", "x".repeat(300_000));
    let config = |issuer: &str, keys: &str| json!({"issuer": issuer, "jwks_uri": keys}).to_string();
    let own = setup.issuer.url.as_str();
    let cases = [
        (DISCOVERY, StatusCode::INTERNAL_SERVER_ERROR, String::new()),
        (DISCOVERY, StatusCode::FOUND, format!("{}{DISCOVERY}", elsewhere.url)),
        (DISCOVERY, StatusCode::OK, "not json".to_owned()),
        (DISCOVERY, StatusCode::OK, config(&elsewhere.url, &format!("{own}/jwks"))),
        (DISCOVERY, StatusCode::OK, config(own, "http://192.0.2.1/jwks")),
        ("/jwks", StatusCode::OK, large),
        ("/jwks", StatusCode::FOUND, format!("{}/jwks", elsewhere.url)),
    ];
    let unavailable = ErrorCode::OidcIssuerUnavailable;
    for (path, status, body) in cases {
        setup.issuer.answer_instead(path, status, &body);
        refused(setup.exchange(&good).await, StatusCode::SERVICE_UNAVAILABLE, unavailable).await;
        let asked = setup.issuer.asked().len();
        refused(setup.exchange(&good).await, StatusCode::SERVICE_UNAVAILABLE, unavailable).await;
        assert_eq!(setup.issuer.asked().len(), asked, "it is left alone");
        setup.server.advance(SignedDuration::from_secs(5));
    }
    assert_eq!(elsewhere.asked().len(), 0, "redirects are not followed");
    setup.issuer.answer_instead("/nowhere", StatusCode::OK, "");
    let _: CreatedToken = read(setup.exchange(&good).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gitlab_pipeline_publishes_from_a_protected_ref_only() {
    let setup = Setup::new(SigningKey::rsa("rsa-1")).await;
    let rule = json!({"kind": "gitlab", "issuer": setup.issuer.url, "audience": "https://dist.example.com", "repository_id": 20,
        "workflow": "gitlab.example.com/acme/app//.gitlab-ci.yml", "ref": "refs/tags/v*"});
    add(&setup.server.admin(), &rule).await;
    let claims = json!({"iss": setup.issuer.url, "aud": "https://dist.example.com", "jti": "g1", "iat": NOW, "exp": NOW + 300,
        "project_id": "20", "project_path": "acme/app", "pipeline_source": "push", "ref_path": "refs/tags/v1.0",
        "ref_protected": "true", "ci_config_ref_uri": "gitlab.example.com/acme/app//.gitlab-ci.yml@refs/tags/v1.0"});
    let unprotected = with(claims.clone(), &json!({"ref_protected": "false"}));
    setup.refuses(&setup.key.sign(&unprotected), ErrorCode::OidcRefUnprotected).await;
    let merge = with(claims.clone(), &json!({"pipeline_source": "merge_request_event"}));
    setup.refuses(&setup.key.sign(&merge), ErrorCode::OidcEventRefused).await;
    let made: CreatedToken = read(setup.exchange(&setup.key.sign(&claims)).await).await;
    assert_eq!(made.about.name, "gitlab:acme/app@refs/tags/v1.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn publishers_are_added_and_removed_by_those_who_administer_the_app() {
    let setup = Setup::new(SigningKey::ec("ec-1")).await;
    let (server, acme) = (&setup.server, "acme".parse().unwrap());
    let rule = serde_json::to_value(&setup.publisher.rule).unwrap();
    let list = paths::publishers(&acme);
    for scope in ["publish:acme/*", "promote:acme", "admin:other"] {
        let client = server.with_scopes(&[scope]).await;
        refused(client.post(&list, &rule).await, FORBIDDEN, ErrorCode::Forbidden).await;
        refused(client.get(&list).await, FORBIDDEN, ErrorCode::Forbidden).await;
    }
    let owner = server.with_scopes(&["admin:acme"]).await;
    let second = add(&owner, &rule).await;
    let event = last_event(&server.admin(), "publisher.add").await;
    assert_eq!((&event.subject, &event.details["rule"]["repository_id"]), (&second.id, &json!(74)));
    let bad = with(rule.clone(), &json!({"ref": "refs/pull/1/merge"}));
    refused(owner.post(&list, &bad).await, StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::PublisherInvalid).await;
    let unknown = with(rule, &json!({"repo": "acme/app"}));
    refused(owner.post(&list, &unknown).await, StatusCode::BAD_REQUEST, ErrorCode::RequestInvalid).await;

    for publisher in [&setup.publisher, &second] {
        let path = paths::publisher(&acme, &publisher.id);
        let removed: Publisher = read(owner.request(Method::DELETE, &path).send().await.unwrap()).await;
        assert_eq!(&removed, publisher);
        assert_eq!(last_event(&server.admin(), "publisher.remove").await.subject, publisher.id);
        let again = owner.request(Method::DELETE, &path).send().await.unwrap();
        refused(again, StatusCode::NOT_FOUND, ErrorCode::PublisherNotFound).await;
    }
    assert!(read::<Publishers>(owner.get(&list).await).await.publishers.is_empty());
    setup.refuses(&setup.key.sign(&setup.claims("1")), ErrorCode::OidcIssuerUnknown).await;
}
