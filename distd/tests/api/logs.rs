//! Secrets reach neither the log nor an answer.

use std::fs;

use protocol::api::Committed;
use protocol::{TokenText, paths};
use reqwest::Method;
use serde_json::json;

use crate::harness::{Client, read, release};
use crate::process::{Program, make_token};

/// Everything that a request with this client's token at every place of a request is answered.
async fn answers(client: &Client, secret: &str) -> String {
    let with_secret = json!({"slug": secret, secret: secret, "name": secret});
    let requests = [
        client.request(Method::GET, paths::WHOAMI),
        client.request(Method::GET, paths::TOKENS),
        client.request(Method::POST, paths::APPS).json(&with_secret),
        client.request(Method::DELETE, &paths::token(secret)),
        client.request(Method::GET, &format!("/api/v1/apps/{secret}")),
        client.request(Method::GET, &format!("/api/v1/apps/acme/releases/{secret}")),
        client.request(Method::GET, &format!("/api/v1/audit?{secret}={secret}")),
        client.request(Method::GET, &format!("/api/v1/audit?after={secret}")),
        client.request(Method::GET, &format!("/{secret}/{secret}")),
        client.request(Method::GET, &format!("/install/{secret}/beta")),
        client.request(Method::GET, paths::WHOAMI).header("authorization", format!("Token {secret}")),
        client.request(Method::GET, paths::WHOAMI).header("cookie", format!("session={secret}")),
    ];
    let mut said = Vec::new();
    for request in requests {
        let answer = request.send().await.unwrap();
        said.push(format!("{:?}", answer.headers()));
        said.push(answer.text().await.unwrap());
    }
    said.join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_in_the_log_or_in_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    fs::create_dir(&data).unwrap();
    let good = make_token(&data);
    let unknown = TokenText::from_random([3; 5], [3; 32]).reveal();
    let damaged = format!("{}x", &good[..good.len() - 1]);
    let program = Program::start(&data, &log, &["--log", "trace"]);

    let admin = Client::at(program.url.clone(), Some(good.clone()));
    admin.create_app("acme", "token").await;
    let manifest = release("1.0.0", &[("a", b"one")]);
    let _: Committed = read(admin.publish(&manifest, &[b"one"], Some(("beta", None))).await).await;
    let mut said = String::new();
    for token in [&good, &unknown, &damaged] {
        said += &answers(&Client::at(program.url.clone(), Some(token.clone())), token).await;
        said += &answers(&Client::at(program.url.clone(), None), token).await;
    }
    drop(program);
    let logged = fs::read_to_string(&log).unwrap();
    assert!(logged.contains("push/commit") && logged.contains("status=401"), "{logged}");
    for token in [&good, &unknown, &damaged] {
        let secret = &token[14..40];
        for (what, text) in [("the log", &logged), ("an answer", &said)] {
            let line = text.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{what}");
        }
    }
}
