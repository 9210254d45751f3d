//! What the server says of the way between it and a client.

use protocol::api::{Arrival, Echo, byte_at};
use protocol::{Digest, ErrorCode, limits, paths};
use reqwest::{Method, StatusCode};

use crate::harness::{TestServer, read};

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
