//! Objects that are sent before their digest is known, under a name that was made up.

use protocol::api::{AuditPage, NegotiateRequest, Negotiated, WantedObject};
use protocol::{Digest, ErrorCode, digest_field, paths};
use reqwest::{Method, Response, StatusCode};

use crate::harness::{Client, TestServer, read, refused, release};

async fn offer(client: &Client, size: usize) -> Negotiated {
    let object = WantedObject { digest: made_up(), size: size as u64 };
    let request = NegotiateRequest { provisional: vec![object], ..NegotiateRequest::default() };
    read(client.post(&paths::negotiate(&"acme".parse().unwrap()), &request).await).await
}

fn made_up() -> Digest {
    Digest::of(b"a name")
}

async fn name(client: &Client, offset: usize, field: &str) -> Response {
    client
        .request(Method::PATCH, &paths::object(&"acme".parse().unwrap(), &made_up()))
        .header("Upload-Offset", offset)
        .header("Upload-Complete", "?1")
        .header(digest_field::NAME, field)
        .send()
        .await
        .unwrap()
}

async fn acme() -> (TestServer, Client) {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    (server, admin)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_named_at_its_end() {
    let (server, admin) = acme().await;
    let bytes = vec![7u8; 300_000];
    let digest = Digest::of(&bytes);
    assert_eq!(offer(&admin, bytes.len()).await.missing.len(), 1);
    admin.patch("acme", &made_up(), 0, false, &bytes[..100_000]).await;
    assert_eq!(offer(&admin, bytes.len()).await.missing[0].offset, 100_000);
    admin.patch("acme", &made_up(), 100_000, false, &bytes[100_000..]).await;

    let answer = name(&admin, bytes.len(), &digest_field::render(&digest)).await;
    assert_eq!(
        (answer.status(), answer.headers()["upload-complete"].to_str().unwrap()),
        (StatusCode::NO_CONTENT, "?1")
    );
    assert!(admin.negotiate("acme", &[&bytes]).await.missing.is_empty());
    assert_eq!(server.objects(), [digest.to_string()]);
    let audit: AuditPage = read(admin.get(paths::AUDIT).await).await;
    assert_eq!(audit.events[0].subject, digest.to_string());

    // The name is free again, and what has the size of something that is there is to be hashed first.
    refused(name(&admin, bytes.len(), "").await, StatusCode::CONFLICT, ErrorCode::ObjectNotNegotiated).await;
    assert!(offer(&admin, bytes.len()).await.missing.is_empty());
    assert_eq!(offer(&admin, bytes.len() + 1).await.missing.len(), 1);
    let manifest = release("1.0.0", &[("a", &bytes)]);
    assert_eq!(admin.commit(&manifest, None).await.status(), StatusCode::OK);
    assert!(offer(&admin, bytes.len()).await.missing.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_what_they_turn_out_to_be_are_dropped() {
    let (_server, admin) = acme().await;
    offer(&admin, 4).await;
    admin.patch("acme", &made_up(), 0, false, b"four").await;
    refused(name(&admin, 4, "sha-256=:four:").await, StatusCode::BAD_REQUEST, ErrorCode::RequestInvalid).await;
    assert_eq!(offer(&admin, 4).await.missing[0].offset, 4);
    let other = digest_field::render(&Digest::of(b"five"));
    refused(name(&admin, 4, &other).await, StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::DigestMismatch).await;
    assert_eq!(offer(&admin, 4).await.missing[0].offset, 0);
    // Without a digest, the made-up name is what it must hash to.
    admin.patch("acme", &made_up(), 0, false, b"four").await;
    refused(name(&admin, 4, "").await, StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::DigestMismatch).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_under_its_own_name_before_is_one_object() {
    let (_server, admin) = acme().await;
    admin.negotiate("acme", &[b"four"]).await;
    admin.patch("acme", &Digest::of(b"four"), 0, false, b"fo").await;
    offer(&admin, 4).await;
    admin.patch("acme", &made_up(), 0, false, b"four").await;
    let answer = name(&admin, 4, &digest_field::render(&Digest::of(b"four"))).await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert!(admin.negotiate("acme", &[b"four"]).await.missing.is_empty());
    assert_eq!(admin.commit(&release("1.0.0", &[("a", b"four")]), None).await.status(), StatusCode::OK);
}
