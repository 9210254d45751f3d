//! Downloads: ranges, conditions, headers.

use protocol::api::Committed;
use protocol::{Digest, ErrorCode, paths};
use reqwest::{Method, Response, StatusCode};

use crate::harness::{Client, TestServer, read, refused, release};

async fn started(bytes: &[u8], name: &str) -> (TestServer, Client, String) {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    let manifest = release("1.0.0", &[(name, bytes)]);
    let _: Committed = read(admin.publish(&manifest, &[bytes], None).await).await;
    let path = paths::object(&"acme".parse().unwrap(), &Digest::of(bytes));
    (server, admin, path)
}

async fn ranged(client: &Client, path: &str, range: &str) -> Response {
    client.request(Method::GET, path).header("Range", range).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_an_object_are_its_bytes() {
    let bytes: Vec<u8> = (0..1_000_000u32).flat_map(u32::to_le_bytes).collect();
    let (_server, client, path) = started(&bytes, "big.bin").await;
    for (range, part) in [
        ("bytes=0-0", &bytes[..1]),
        ("bytes=1000-2999999", &bytes[1000..3_000_000]),
        ("bytes=-7", &bytes[bytes.len() - 7..]),
        ("bytes=3999999-", &bytes[3_999_999..]),
    ] {
        let answer = ranged(&client, &path, range).await;
        assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(answer.content_length(), Some(part.len() as u64));
        assert!(answer.bytes().await.unwrap() == part, "{range}");
    }
    let beyond = ranged(&client, &path, "bytes=4000000-").await;
    assert_eq!(beyond.headers()["content-range"], "bytes */4000000");
    refused(beyond, StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::RangeNotSatisfiable).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_parts_come_as_multipart_with_the_announced_length() {
    let (_server, client, path) = started(b"0123456789", "a.txt").await;
    let answer = ranged(&client, &path, "bytes=0-1,-2").await;
    assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT);
    let media_type = answer.headers()["content-type"].to_str().unwrap().to_owned();
    let boundary = media_type.strip_prefix("multipart/byteranges; boundary=").unwrap().to_owned();
    let announced = answer.content_length().unwrap();
    let body = answer.text().await.unwrap();
    assert_eq!(body.len() as u64, announced);
    let kind = "Content-Type: application/octet-stream";
    assert_eq!(
        body,
        format!(
            "\r\n--{boundary}\r\n{kind}\r\nContent-Range: bytes 0-1/10\r\n\r\n01\
             \r\n--{boundary}\r\n{kind}\r\nContent-Range: bytes 8-9/10\r\n\r\n89\r\n--{boundary}--\r\n"
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_the_headers_of_its_get_and_conditions_hold() {
    let (_server, client, path) = started(b"0123456789", "Büro 🚀.bin").await;
    let get = client.get(&path).await;
    let head = client.request(Method::HEAD, &path).send().await.unwrap();
    let comparable = |answer: &Response| {
        let mut headers: Vec<_> =
            answer.headers().iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
        headers.retain(|(name, _)| name != "x-request-id" && name != "date");
        headers.sort_by(|a, b| a.0.cmp(&b.0));
        (answer.status(), headers)
    };
    assert_eq!(comparable(&get), comparable(&head));
    let etag = get.headers()["etag"].clone();
    assert_eq!(etag.to_str().unwrap(), format!("\"{}\"", Digest::of(b"0123456789")));
    assert_eq!(
        get.headers()["content-disposition"],
        "attachment; filename=\"B_ro _.bin\"; filename*=UTF-8''B%C3%BCro%20%F0%9F%9A%80.bin"
    );
    assert_eq!(get.headers()["x-content-type-options"], "nosniff");
    assert!(head.bytes().await.unwrap().is_empty());

    let same = client.request(Method::GET, &path).header("If-None-Match", etag.clone()).send().await.unwrap();
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
    let resumed = client.request(Method::GET, &path).header("Range", "bytes=5-").header("If-Range", etag);
    assert_eq!(resumed.send().await.unwrap().text().await.unwrap(), "56789");
    let other = client.request(Method::GET, &path).header("Range", "bytes=5-").header("If-Range", "\"other\"");
    assert_eq!(other.send().await.unwrap().text().await.unwrap(), "0123456789");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_object_is_an_object() {
    let (_server, client, path) = started(b"", "empty").await;
    let answer = client.get(&path).await;
    assert_eq!((answer.status(), answer.content_length()), (StatusCode::OK, Some(0)));
    refused(
        ranged(&client, &path, "bytes=0-").await,
        StatusCode::RANGE_NOT_SATISFIABLE,
        ErrorCode::RangeNotSatisfiable,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_object_never_looks_like_a_whole_download() {
    let bytes = vec![1u8; 2_000_000];
    let (server, client, path) = started(&bytes, "a").await;
    let digest = Digest::of(&bytes).to_string();
    let file = server.data.path().join("objects").join(&digest[..2]).join(&digest);
    // The answer has begun, with the length it had, when the disk loses the rest.
    let answer = client.get(&path).await;
    std::fs::remove_file(&file).unwrap();
    assert_eq!(answer.bytes().await.unwrap().len(), bytes.len(), "an open object outlives its name");
    std::fs::write(&file, b"short").unwrap();
    let negotiated = client.negotiate("acme", &[&bytes]).await;
    assert_eq!(negotiated.missing.len(), 1, "what is not there whole is asked for again");
}
