//! `dist doctor` against a real server: each check as text and as a document, and the codes that it ends with.

use serde_json::Value;

use crate::harness::{Project, Server};

/// What every check says of a server that is reached directly over http, as code and level.
const DIRECT: [(&str, &str); 10] = [
    ("reachable", "ok"),
    ("versions", "ok"),
    ("proxy", "ok"),
    ("public_url", "warn"),
    ("http2", "ok"),
    ("clock", "ok"),
    ("body_limit", "ok"),
    ("request_buffering", "ok"),
    ("range", "ok"),
    ("response_buffering", "ok"),
];

fn told(checks: &Value) -> Vec<(&str, &str)> {
    checks.as_array().unwrap().iter().map(|it| (it["code"].as_str().unwrap(), it["level"].as_str().unwrap())).collect()
}

#[test]
fn a_way_without_faults_is_told_check_by_check() {
    let (server, project) = (Server::start(), Project::acme(b"bytes"));
    let document = server.dist(&project, &["doctor", "--upload-mib", "1", "--json"]).json();
    assert_eq!(
        (&document["schema"], &document["server"]),
        (&"dist.doctor/1".into(), &Value::from(server.url.as_str()))
    );
    assert_eq!(told(&document["checks"]), DIRECT);
    let text = server.dist(&project, &["doctor", "--upload-mib", "1"]).ok();
    let firsts: Vec<&str> = text.stdout.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(firsts.len(), DIRECT.len(), "{}", text.stdout);
    for (line, (code, level)) in firsts.iter().zip(DIRECT) {
        let words: Vec<&str> = line.split_whitespace().take(2).collect();
        assert_eq!(words, [level, code], "{}", text.stdout);
    }
    let mends = format!("distd.toml: public_url = \"{}\"", server.url);
    assert!(text.stdout.contains(&mends), "{}", text.stdout);
}

#[test]
fn what_is_wrong_ends_in_one_and_says_what_mends_it() {
    let (mut server, project) = (Server::start(), Project::acme(b"bytes"));
    server.kill();
    std::fs::write(server.data().join("config/distd.toml"), "public_url = 'https://dist.example.com'\n").unwrap();
    server.start_again();
    let document = server.dist(&project, &["doctor", "--upload-mib", "1", "--json"]).fails(1, "doctor_found_faults");
    assert_eq!(document["message"], format!("1 check failed between here and {}", server.url));
    let checks = &document["details"]["report"]["checks"];
    let failed: Vec<_> = told(checks).into_iter().filter(|(_, level)| *level == "fail").collect();
    assert_eq!(failed, [("plain_http", "fail")]);
    assert_eq!(told(checks).len(), DIRECT.len());
    let text = server.dist(&project, &["doctor", "--upload-mib", "1"]);
    assert_eq!(text.code, Some(1));
    let line = text.stdout.lines().find(|line| line.starts_with("FAIL")).unwrap();
    assert!(line.contains("plain_http") && line.contains("your token travels in the open"), "{line}");
    assert!(text.stderr.contains("1 check failed"), "{}", text.stderr);
}

#[test]
fn a_server_that_is_not_there_is_one_fault_and_a_wrong_token_is_refused() {
    let (mut server, project) = (Server::start(), Project::acme(b"bytes"));
    let mut command = server.command(&project, &["doctor", "--json"]);
    command.env("DIST_TOKEN", "dist_0000000000000000000000000000000000000000");
    let refused = crate::harness::Run::of(command);
    assert_ne!(refused.code, Some(0), "{refused:?}");
    assert!(!refused.stdout.contains("dist.doctor/1"), "{refused:?}");
    server.kill();
    let document = server.dist(&project, &["doctor", "--json"]).fails(1, "doctor_found_faults");
    assert_eq!(told(&document["details"]["report"]["checks"]), [("reachable", "fail")]);
}
