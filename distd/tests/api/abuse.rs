//! What every answer carries, what is never served, and what one client may ask for.

use objstore::Digest;
use protocol::api::Committed;
use protocol::{Kind, TokenText, limits, paths};
use reqwest::{Method, Response, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Client, TestServer, read, release};

const PAGE: &[u8] = b"<!doctype html><script>alert(document.cookie)</script>";
const DRAWING: &[u8] = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";

/// Types that a browser runs, or guesses further from.
const RUNS: &[&str] = &["html", "svg", "xml", "javascript", "ecmascript", "css", "pdf", "text/", "x-shockwave", "json"];

/// A public app with a page and a drawing among its files.
async fn started() -> (TestServer, Client) {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "public").await;
    let manifest = release("1.0.0", &[("evil.html", PAGE), ("evil.svg", DRAWING)]);
    let _: Committed = read(admin.publish(&manifest, &[PAGE, DRAWING], Some(("beta", None))).await).await;
    (server, admin)
}

fn object(bytes: &[u8]) -> String {
    paths::object(&"acme".parse().unwrap(), &Digest::of(bytes))
}

fn check_headers(what: &str, answer: &Response) {
    let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let policy = header("content-security-policy").unwrap_or_else(|| panic!("{what}: {answer:?}"));
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{what}: {policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{what}: {policy}");
    assert!(policy.contains("object-src 'none'") || policy.contains("default-src 'none'"), "{what}: {policy}");
    let expected = [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ];
    for (name, value) in expected {
        assert_eq!(header(name).as_deref(), Some(value), "{what}");
    }
    assert!(header("permissions-policy").unwrap().contains("camera=()"), "{what}");
    assert_eq!(header("x-request-id").unwrap().len(), 16, "{what}");
    assert_eq!(header("server"), None, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_answer_carries_the_security_headers() {
    let (server, admin) = started().await;
    let anyone = server.anonymous();
    let get = |path: &str| anyone.request(Method::GET, path);
    let huge = " ".repeat(limits::JSON_BODY_BYTES + 1);
    let (new, negotiate) = (b"new".as_slice(), paths::negotiate(&"acme".parse().unwrap()));
    admin.negotiate("acme", &[new]).await;
    let upload = admin.request(Method::PATCH, &object(new)).header("Upload-Offset", 0);
    let bad = server.client(Some(TokenText::from_random([9; 5], [9; 32]).reveal()));
    for _ in 0..limits::FAILED_ATTEMPTS_OF_TOKEN {
        bad.get(paths::WHOAMI).await;
    }
    let etag = format!("\"{}\"", Digest::of(PAGE));
    let requests = [
        (200, get("/api/v1/apps/acme")),
        (200, get(paths::OPENAPI)),
        (200, get("/healthz")),
        (200, get("/install/acme/beta")),
        (200, get("/assets/style.css")),
        (200, get(&object(PAGE))),
        (200, anyone.request(Method::HEAD, &object(PAGE))),
        (201, admin.request(Method::POST, paths::APPS).json(&json!({"slug": "other"}))),
        (204, upload.body(new)),
        (206, get(&object(PAGE)).header("range", "bytes=0-3")),
        (206, get(&object(PAGE)).header("range", "bytes=0-3,8-9")),
        (304, get(&object(PAGE)).header("if-none-match", etag)),
        (400, get("/api/v1/apps/Acme")),
        (401, get(paths::TOKENS)),
        (401, get("/install/nobody/beta")),
        (403, server.with_scopes(&["read:*"]).await.request(Method::GET, paths::TOKENS)),
        (404, get("/nothing/here")),
        (404, get("/install/acme/stable")),
        (404, anyone.request(Method::HEAD, &object(b"nothing"))),
        (405, anyone.request(Method::PUT, paths::APPS)),
        (409, admin.request(Method::POST, paths::APPS).json(&json!({"slug": "acme"}))),
        (413, admin.request(Method::POST, &negotiate).body(huge)),
        (416, get(&object(PAGE)).header("range", "bytes=9999-")),
        (429, bad.request(Method::GET, paths::WHOAMI)),
    ];
    for (status, request) in requests {
        let answer = request.send().await.unwrap();
        let what = format!("{status} {}", answer.url());
        assert_eq!(answer.status().as_u16(), status, "{what}");
        check_headers(&what, &answer);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn uploaded_bytes_are_never_served_as_what_a_browser_runs() {
    let (server, _admin) = started().await;
    let anyone = server.anonymous();
    for bytes in [PAGE, DRAWING] {
        for range in [None, Some("bytes=0-"), Some("bytes=0-3,8-9")] {
            let request = anyone.request(Method::GET, &object(bytes)).header("accept", "text/html,image/svg+xml");
            let request = range.into_iter().fold(request, |request, range| request.header("range", range));
            let answer = request.send().await.unwrap();
            let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
            assert!(header("content-disposition").starts_with("attachment;"));
            assert_eq!(header("x-content-type-options"), "nosniff");
            assert!(header("content-security-policy").ends_with("sandbox"));
            let media_type = header("content-type");
            assert!(!RUNS.iter().any(|word| media_type.contains(word)), "{media_type}");
        }
    }
    for kind in Kind::ALL {
        assert!(!RUNS.iter().any(|word| kind.media_type().contains(word)), "{kind}");
    }
}

/// The first line of what the server says to a request as it is.
async fn raw(server: &TestServer, request: &str) -> String {
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).await.unwrap();
    // The server may hang up before it has taken everything.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_are_bounded_in_number_and_size() {
    let server = TestServer::start().await;
    let request = |headers: usize, value: &str| {
        let lines: Vec<String> = (0..headers).map(|number| format!("x-{number}: {value}\r\n")).collect();
        format!("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{}\r\n", lines.concat())
    };
    assert_eq!(raw(&server, &request(50, "1")).await, "HTTP/1.1 200 OK");
    let too_many = raw(&server, &request(limits::HEADER_COUNT, "1")).await;
    assert!(too_many.starts_with("HTTP/1.1 431"), "{too_many}");
    let too_long = raw(&server, &request(1, &"x".repeat(limits::HEADER_BUFFER_BYTES))).await;
    assert!(!too_long.contains("200"), "{too_long}");

    let http2 = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let get = |len: usize| http2.get(format!("{}/healthz", server.url)).header("x-long", "x".repeat(len)).send();
    assert_eq!(get(1024).await.unwrap().status(), StatusCode::OK);
    let too_long = get(limits::HEADER_LIST_BYTES as usize).await;
    assert!(too_long.is_err() || too_long.unwrap().status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(server.admin().get(paths::TOKENS).await.status(), StatusCode::OK, "others are not concerned");
}
