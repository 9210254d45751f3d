//! What the program takes from its layers, tells, refuses, and reads again while it runs.

use std::fs;
use std::path::Path;

use distd::ops::care::check_chain;
use objstore::{DirLock, Options};
use protocol::api::AuditPage;
use protocol::paths;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tempfile::TempDir;

use crate::chain::tamper;
use crate::harness::{Client, TestServer, read};
use crate::process::{Program, make_token, run};

/// A data directory whose file says this.
fn data_with(text: &str) -> TempDir {
    let data = tempfile::tempdir().unwrap();
    write_file(data.path(), text);
    data
}

fn write_file(data: &Path, text: &str) {
    fs::create_dir_all(data.join("config")).unwrap();
    fs::write(data.join("config/distd.toml"), text).unwrap();
}

/// The code that a start ends with, and what it says.
fn fails(data: &Path, flags: &[&str]) -> (Option<i32>, String) {
    let output = run(&[&["serve", "--listen", "127.0.0.1:0"], flags].concat(), data);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn each_cause_of_a_failed_start_has_its_code_and_says_what_to_do() {
    let data = data_with("reserve_mib = 'much'\n");
    let (code, said) = fails(data.path(), &[]);
    assert_eq!(code, Some(3));
    assert!(said.contains("config/distd.toml:1: `reserve_mib` cannot be \"much\""), "{said}");

    let file = tempfile::NamedTempFile::new().unwrap();
    let (code, said) = fails(&file.path().join("data"), &[]);
    assert_eq!(code, Some(4), "{said}");

    let data = tempfile::tempdir().unwrap();
    let lock = DirLock::acquire(data.path()).unwrap();
    let (code, said) = fails(data.path(), &[]);
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("another distd serves this data directory"), "{said}");
    drop(lock);

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(&["serve", "--listen", &address], data.path());
    assert_eq!(output.status.code(), Some(7), "{output:?}");

    let connection = rusqlite::Connection::open(data.path().join("dist.sqlite")).unwrap();
    connection.pragma_update(None, "user_version", 9999).unwrap();
    drop(connection);
    let (code, said) = fails(data.path(), &[]);
    assert_eq!(code, Some(6), "{said}");
}

#[tokio::test]
async fn a_clock_that_is_far_behind_is_not_served_by() {
    let server = TestServer::start_with(Options { reserve_bytes: 0 }).await;
    server.advance(jiff::SignedDuration::from_hours(24 * 365 * 30));
    server.admin().create_app("acme", "token").await;
    let data = server.stop().await;
    let (code, said) = fails(data.path(), &[]);
    assert_eq!(code, Some(8), "{said}");
    assert!(said.contains("hint: set the clock"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    drop(Program::start(data.path(), &folder.path().join("log"), &["--accept-clock"]));
}

#[test]
fn show_says_where_each_value_is_from_and_check_what_is_wrong() {
    let data = data_with("log_days = 3\nx_sendfile = '/x'\n");
    let shown = run(&["config", "show", "--json", "--gc-every", "12h"], data.path());
    let document: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(document["schema"], "distd.config/1");
    let source = |key: &str| {
        let settings = document["settings"].as_array().unwrap();
        settings.iter().find(|setting| setting["key"] == key).unwrap()["source"].clone()
    };
    assert_eq!([source("log_days"), source("gc_every"), source("reserve_mib")], ["file", "flag", "default"]);
    let checked = run(&["config", "check"], data.path());
    assert!(checked.status.success());
    let checked = run(&["config", "check", "--x-accel-redirect", "/objects/"], data.path());
    assert_eq!(checked.status.code(), Some(3));
    let checked = run(&["config", "check", "--tls-cert", "/nowhere.pem", "--tls-key", "/nowhere.pem"], data.path());
    assert_eq!(checked.status.code(), Some(3));
    assert!(!data.path().join("dist.sqlite").exists(), "checking makes nothing");
}

#[test]
fn mail_is_configured_whole_or_not_at_all_and_its_password_never_shown() {
    let data = tempfile::tempdir().unwrap();
    let password = data.path().join("password");
    fs::write(&password, "hunter2\n").unwrap();
    let check = |text: &str, code: Option<i32>, expect: &str| {
        write_file(data.path(), text);
        let checked = run(&["config", "check"], data.path());
        let said = String::from_utf8([checked.stdout, checked.stderr].concat()).unwrap();
        assert_eq!(checked.status.code(), code, "{text}: {said}");
        assert!(said.contains(expect) && !said.contains("hunter2"), "{text}: {said}");
    };
    let (server, from) = ("smtp_url = 'smtps://dist@mail.example.com'\n", "smtp_from = 'dist <dist@example.com>'\n");
    let file = format!("smtp_password_file = '{}'\n", password.display());
    check(&format!("{server}{from}{file}"), Some(0), "3 of its keys are in force");
    check(&format!("{server}{from}smtp_password = 'hunter2'\n"), Some(0), "3 of its keys are in force");
    check("smtp_url = 'smtp://relay?tls=none'\nsmtp_from = 'a@example.com'\n", Some(0), "2 of its keys");
    check(from, Some(3), "need smtp_url");
    check(server, Some(3), "needs smtp_from");
    check(&format!("{server}{from}"), Some(3), "belong together");
    check(
        &format!("{server}{from}smtp_password_file = '/nowhere'\n"),
        Some(3),
        "cannot read smtp_password_file /nowhere",
    );
    check(&format!("{server}{from}{file}smtp_password = 'hunter2'\n"), Some(3), "exclude each other");
    check(&format!("{server}smtp_from = 'nobody'\n"), Some(3), "distd.toml:2: `smtp_from` cannot be \"nobody\"");

    write_file(data.path(), &format!("{server}{from}smtp_password = 'hunter2'\n"));
    for flags in [["config", "show"].as_slice(), &["config", "show", "--json"]] {
        let shown = String::from_utf8(run(flags, data.path()).stdout).unwrap();
        assert!(shown.contains("smtp_password") && !shown.contains("hunter2"), "{shown}");
    }
}

#[tokio::test]
async fn a_signal_has_the_file_read_again_and_one_that_is_wrong_changes_nothing() {
    let data = data_with("trusted_proxy = []\n");
    let token = make_token(data.path());
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start(data.path(), &folder.path().join("log"), &[]);
    let admin = Client::at(program.url.clone(), Some(token));
    let create = async |name: &str| {
        let request = admin.request(Method::POST, paths::TOKENS).header("x-forwarded-for", "198.51.100.1");
        let wanted = serde_json::json!({"name": name, "scopes": ["read"]});
        assert_eq!(request.json(&wanted).send().await.unwrap().status(), StatusCode::CREATED);
        let page: AuditPage = read(admin.get(&format!("{}?limit=1", paths::AUDIT)).await).await;
        page.events[0].address.clone()
    };
    assert_eq!(create("first").await.as_deref(), Some("127.0.0.1"));
    write_file(data.path(), "trusted_proxy = 'everyone'\n");
    program.signal("HUP");
    program.wait_for("the configuration stays as it is");
    assert_eq!(create("second").await.as_deref(), Some("127.0.0.1"));
    write_file(data.path(), "trusted_proxy = ['127.0.0.0/8']\nreserve_mib = 1\nstage_ttl = '1h'\n");
    program.signal("HUP");
    program.wait_for("the configuration was read again");
    program.wait_for("stage_ttl,trusted_proxy");
    assert_eq!(create("third").await.as_deref(), Some("198.51.100.1"));
}

#[tokio::test]
async fn it_speaks_tls_and_takes_a_new_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    let renew = || {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        fs::write(&certificate, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap()
    };
    let ask = async |url: &str, trusted: &reqwest::Certificate| {
        let client = reqwest::Client::builder().tls_certs_only([trusted.clone()]).no_proxy().build().unwrap();
        client.get(format!("{url}/healthz")).send().await
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let first = renew();
    let data = tempfile::tempdir().unwrap();
    let flags = ["--tls-cert", certificate.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let mut program = Program::start(data.path(), &folder.path().join("log"), &flags);
    assert!(program.url.starts_with("https://"));
    let answer = ask(&program.url, &first).await.unwrap();
    assert_eq!((answer.status(), answer.version()), (StatusCode::OK, reqwest::Version::HTTP_2));
    let second = renew();
    program.signal("HUP");
    program.wait_for("the configuration was read again");
    assert!(ask(&program.url, &first).await.is_err());
    assert_eq!(ask(&program.url, &second).await.unwrap().status(), StatusCode::OK);
    let address = program.url.strip_prefix("https://").unwrap();
    let health = run(&["healthcheck", "--listen", address, "--tls-cert", certificate.to_str().unwrap()], data.path());
    assert!(health.status.success(), "{health:?}");
}

#[tokio::test]
async fn metrics_count_requests_and_say_how_things_are() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    admin.get("/api/v1/apps/acme/releases/nowhere").await;
    check_chain(&server.server).await.unwrap();
    let answer = admin.get("/metrics").await;
    assert_eq!(answer.headers()["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = answer.text().await.unwrap();
    let has = |line: &str| assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    has("dist_apps 1");
    has("dist_releases 0");
    has(r#"dist_http_requests_total{method="POST",route="/api/v1/apps",status="201"} 1"#);
    has(r#"dist_http_requests_total{method="GET",route="/api/v1/apps/{app}/releases/{revision}",status="404"} 1"#);
    assert!(text.ends_with("# EOF\n"));
    let dashboard = include_str!("../../../docs/deploy/grafana.json");
    let is_name = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    let names = dashboard.split(|letter| !is_name(letter)).filter(|word| word.starts_with("dist_"));
    // What has not happened yet is not there.
    let happened = |name: &&str| !name.contains("_timestamp_");
    for name in names.filter(happened) {
        assert!(text.contains(&format!("\n{name}")), "{name} of the dashboard is not measured");
    }
    let anonymous = server.anonymous().get("/metrics").await;
    assert_eq!(anonymous.status(), StatusCode::UNAUTHORIZED);
    let reader = server.with_scopes(&["read"]).await.get("/metrics").await;
    assert_eq!(reader.status(), StatusCode::FORBIDDEN);
}

/// The value of a gauge, where it is there.
async fn gauge(server: &TestServer, name: &str) -> Option<f64> {
    let text = server.admin().get("/metrics").await.text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map(|value| value.parse().unwrap())
}

#[tokio::test]
async fn metrics_say_whether_the_audit_chain_held_when_it_was_checked() {
    const INTACT: &str = "dist_audit_chain_intact";
    const CHECKED: &str = "dist_audit_chain_checked_timestamp_seconds";
    let server = TestServer::start().await;
    server.admin().create_app("acme", "token").await;
    assert_eq!((gauge(&server, INTACT).await, gauge(&server, CHECKED).await), (None, None), "nobody has looked yet");
    assert_eq!(check_chain(&server.server).await.unwrap().faults, 0);
    #[expect(clippy::cast_precision_loss, reason = "seconds are exact")]
    let now = server.clock().now().as_second() as f64;
    assert_eq!((gauge(&server, INTACT).await, gauge(&server, CHECKED).await), (Some(1.0), Some(now)));

    // An end that is cut off is a chain that holds, but for who knows where it ended.
    tamper(server.data.path(), "DELETE FROM audit_events WHERE seq = (SELECT max(seq) FROM audit_events)");
    for _ in 0..2 {
        assert!(check_chain(&server.server).await.unwrap().faults > 0);
        assert_eq!(gauge(&server, INTACT).await, Some(0.0));
    }
}
