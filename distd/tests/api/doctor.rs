//! What the server says of the way between it and a client.

use std::os::unix::fs::PermissionsExt;

use protocol::api::{Arrival, Echo, byte_at};
use protocol::{Digest, ErrorCode, limits, paths};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::harness::{TestServer, read};
use crate::process::{make_token, run};

#[tokio::test(flavor = "multi_thread")]
async fn an_arrival_is_described_as_it_was() {
    let server = TestServer::start().await;
    let request = server.admin().request(Method::GET, paths::DOCTOR);
    let arrival: Arrival = read(request.header("X-Forwarded-For", "203.0.113.9").send().await.unwrap()).await;
    assert_eq!(arrival.now, server.clock().now());
    assert_eq!(arrival.http_version, "HTTP/1.1");
    assert_eq!(arrival.host.as_deref(), server.url.strip_prefix("http://"));
    assert_eq!(arrival.forwarded_for.as_deref(), Some("203.0.113.9"));
    assert_eq!((arrival.public_url, arrival.forwarded_proto), (None, None));
    // The test's server trusts nobody.
    assert!(!arrival.is_peer_trusted);
    assert_eq!(arrival.client_address.as_deref(), Some("127.0.0.1"));
    assert_eq!(arrival.peer_address.as_deref(), Some("127.0.0.1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_counted_and_one_that_is_too_large_refused() {
    let server = TestServer::start().await;
    let put = async |len: usize| {
        let request = server.admin().request(Method::PUT, paths::DOCTOR_ECHO);
        request.body(vec![7; len]).send().await.unwrap()
    };
    let most = usize::try_from(limits::DOCTOR_BODY_BYTES).unwrap();
    for len in [0, 5, most] {
        let echo: Echo = read(put(len).await).await;
        assert_eq!((echo.size_bytes, echo.sha256), (len as u64, Digest::of(&vec![7; len]).to_string()));
    }
    // Where the client is still sending when it is refused, it may not come to read the answer.
    let request = server.admin().request(Method::PUT, paths::DOCTOR_ECHO).body(vec![7; most + 1]);
    if let Ok(refused) = request.send().await {
        assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_come_whole_in_part_and_in_pieces() {
    let server = TestServer::start().await;
    let get = async |query: &str, range: &str| {
        let request = server.admin().request(Method::GET, &format!("{}?{query}", paths::DOCTOR_BYTES));
        request.header("Range", range).send().await.unwrap()
    };
    let expected: Vec<u8> = (0..1000).map(byte_at).collect();
    let part = get("size=1000", "bytes=300-399").await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()["content-range"], "bytes 300-399/1000");
    assert_eq!(part.bytes().await.unwrap(), expected[300..400]);
    let slow = get("size=1000&slow=true", "bytes=300-399").await;
    assert_eq!(slow.status(), StatusCode::OK);
    assert_eq!(slow.bytes().await.unwrap(), expected);
    assert_eq!(get("size=1000", "bytes=1000-").await.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    let refused: protocol::ErrorBody = get("size=1048577", "").await.json().await.unwrap();
    assert_eq!(refused.code, ErrorCode::RequestInvalid);
}

#[test]
fn the_program_tells_what_is_wrong_with_a_data_directory_and_how_to_mend_it() {
    let data = tempfile::tempdir().unwrap();
    make_token(data.path());
    let checks = |output: &std::process::Output| -> Vec<(String, String)> {
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["schema"], "distd.doctor/1");
        let told = |check: &Value, name: &str| check[name].as_str().unwrap().to_owned();
        let checks = document["checks"].as_array().unwrap().iter();
        checks.map(|check| (told(check, "code"), told(check, "level"))).collect()
    };
    let right = checks(&run(&["doctor", "--json", "--public-url", "https://dist.example.com"], data.path()));
    let level = |checks: &[(String, String)], code: &str| {
        checks.iter().find(|(found, _)| found == code).map(|(_, level)| level.clone())
    };
    for code in ["configuration", "public_url", "data_directory", "database", "clock"] {
        assert_eq!(level(&right, code).as_deref(), Some("ok"), "{code}: {right:?}");
    }

    std::fs::set_permissions(data.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let open = run(&["doctor", "--json"], data.path());
    assert_eq!(open.status.code(), Some(1));
    assert_eq!(level(&checks(&open), "data_directory").as_deref(), Some("fail"));
    let told = String::from_utf8(run(&["doctor"], data.path()).stdout).unwrap();
    let line = told.lines().skip_while(|line| !line.starts_with("FAIL  data_directory")).nth(1).unwrap();
    assert_eq!(line.trim(), format!("mend: chmod 0750 {}", data.path().display()));
}
