//! The description of the API, and that client and server mean the same addresses.

use std::collections::HashSet;

use protocol::{Digest, paths};
use serde_json::Value;

use crate::harness::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_served_and_every_operation_is_named_and_described() {
    let server = TestServer::start().await;
    let document: Value = server.anonymous().get(paths::OPENAPI).await.json().await.unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = HashSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} is there twice");
            assert!(operation["summary"].is_string(), "{method} {path} is not described");
        }
    }
    assert_eq!(ids.len(), 64);
}

#[test]
fn the_paths_that_clients_build_are_the_routes_that_the_server_has() {
    let document = serde_json::to_value(distd::http::document()).unwrap();
    let templates: Vec<Vec<String>> =
        document["paths"].as_object().unwrap().keys().map(|path| segments(path)).collect();
    let (app, channel) = ("acme".parse().unwrap(), "beta".parse().unwrap());
    let revision = "beta~1".parse().unwrap();
    for path in [
        paths::OPENAPI.to_owned(),
        paths::WHOAMI.to_owned(),
        paths::APPS.to_owned(),
        paths::TOKENS.to_owned(),
        paths::AUDIT.to_owned(),
        paths::STORE.to_owned(),
        paths::STORE_CHECK.to_owned(),
        paths::STORE_GC.to_owned(),
        paths::DOCTOR.to_owned(),
        paths::DOCTOR_ECHO.to_owned(),
        paths::DOCTOR_BYTES.to_owned(),
        paths::app(&app),
        paths::links(&app),
        paths::link(&app, "id"),
        paths::ROTATE_KEY.to_owned(),
        paths::rotate_token("id"),
        paths::OIDC_EXCHANGE.to_owned(),
        paths::rules(&app),
        paths::publishers(&app),
        paths::publisher(&app, "id"),
        paths::webhooks(&app),
        paths::webhook(&app, "id"),
        paths::test_webhook(&app, "id"),
        paths::deliveries(&app, "id"),
        paths::redeliver(&app, "id", 1),
        paths::report(&app, &Digest::of(b"")),
        paths::icon(&app, &Digest::of(b"")),
        paths::negotiate(&app),
        paths::commit(&app),
        paths::object(&app, &Digest::of(b"")),
        paths::refs(&app),
        paths::releases(&app),
        paths::release(&app, &revision),
        paths::log(&app),
        paths::compare(&app, &"stable..beta".parse().unwrap()),
        paths::channels(&app),
        paths::channel(&app, &channel),
        paths::promote(&app, &channel),
        paths::rollback(&app, &channel),
        paths::promotion(&app, &channel),
        paths::pin(&app, &channel),
        paths::revoke(&app, &revision),
        paths::restore(&app, &revision),
        paths::staging(&app),
        paths::stage(&app, &"2.4.0+241".parse().unwrap(), &"linux".parse().unwrap()),
        paths::finalize(&app, &"2.4.0+241".parse().unwrap()),
        paths::reflog(&app, &channel),
        paths::update(&app, &channel),
        paths::downloads(&app),
        paths::token("id"),
    ] {
        let path = segments(&path);
        let fits = |template: &Vec<String>| {
            template.len() == path.len()
                && template.iter().zip(&path).all(|(pattern, part)| pattern.starts_with('{') || pattern == part)
        };
        assert!(templates.iter().any(fits), "{path:?}");
    }
}

fn segments(path: &str) -> Vec<String> {
    path.split('/').map(str::to_owned).collect()
}
