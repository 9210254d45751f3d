//! What is refused on the wire: each with its own code, nothing changed.

use objstore::Options;
use protocol::api::Committed;
use protocol::{Digest, ErrorCode, limits, paths};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::{Client, TestServer, commit_request, read, refused, release};

const ACME: &str = "acme";
const UNPROCESSABLE: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

async fn started() -> (TestServer, Client) {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app(ACME, "token").await;
    (server, admin)
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_are_not_what_was_announced_are_refused() {
    let (server, admin) = started().await;
    let bytes = b"0123456789".as_slice();
    let digest = Digest::of(bytes);
    let stranger = Digest::of(b"never announced");
    refused(
        admin.patch(ACME, &stranger, 0, true, b"never announced").await,
        StatusCode::CONFLICT,
        ErrorCode::ObjectNotNegotiated,
    )
    .await;
    admin.negotiate(ACME, &[bytes]).await;
    let before = server.state();

    let wrong = refused(
        admin.patch(ACME, &digest, 0, true, b"9876543210").await,
        StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::DigestMismatch,
    );
    assert_eq!(wrong.await["expected"], digest.to_string());
    refused(
        admin.patch(ACME, &digest, 0, true, b"01234567890").await,
        StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::SizeMismatch,
    )
    .await;
    // Cut short: what arrived stays, and the next part has to begin there.
    admin.patch(ACME, &digest, 0, false, b"01234").await;
    let answer = admin.patch(ACME, &digest, 3, true, b"3456789").await;
    assert_eq!(answer.headers()["upload-offset"], "5");
    refused(answer, StatusCode::CONFLICT, ErrorCode::UploadOffsetMismatch).await;
    refused(
        admin.patch(ACME, &digest, 5, true, b"567").await,
        StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::SizeMismatch,
    )
    .await;
    let path = paths::object(&ACME.parse().unwrap(), &digest);
    let no_offset = admin.request(Method::PATCH, &path).body("x").send().await.unwrap();
    refused(no_offset, StatusCode::BAD_REQUEST, ErrorCode::RequestInvalid).await;
    assert_eq!(server.state(), before);
    assert!(server.objects().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_that_do_not_add_up_are_refused() {
    let (server, admin) = started().await;
    admin.upload(ACME, &[b"one"]).await;
    let before = (server.state(), server.objects());
    let good = release("1.0.0", &[("a", b"one")]);
    let check = async |change: &dyn Fn(&mut serde_json::Value), code: ErrorCode, status: StatusCode| {
        let mut body = serde_json::to_value(commit_request(&good, Some(("beta", None)))).unwrap();
        change(&mut body);
        refused(admin.post(&paths::commit(&good.app), &body).await, status, code).await;
    };
    check(&|body| body["updates"][0]["new"] = json!("0".repeat(64)), ErrorCode::UpdateInvalid, UNPROCESSABLE).await;
    check(&|body| body["updates"][0]["ref"] = json!("releases/9.9.9"), ErrorCode::UpdateInvalid, UNPROCESSABLE).await;
    check(&|body| body["updates"][1]["ref"] = json!("staging/1.0.0/x"), ErrorCode::UpdateInvalid, UNPROCESSABLE).await;
    check(&|body| body["updates"][1]["ref"] = json!("Beta"), ErrorCode::RequestInvalid, StatusCode::BAD_REQUEST).await;
    check(&|body| body["manifest"]["extra"] = json!(1), ErrorCode::ManifestField, UNPROCESSABLE).await;
    check(&|body| body["manifest"]["artifacts"] = json!([]), ErrorCode::ReleaseEmpty, UNPROCESSABLE).await;
    let expected = |id: &str| json!(id);
    check(
        &|body| body["updates"][1]["expected"] = expected(&"1".repeat(64)),
        ErrorCode::RefMoved,
        StatusCode::CONFLICT,
    )
    .await;

    let commit = paths::commit(&good.app);
    let text = serde_json::to_string(&commit_request(&good, None)).unwrap().replace("\"app\":", "\"app\": ");
    let spaced = admin.request(Method::POST, &commit).body(text).send().await.unwrap();
    refused(spaced, UNPROCESSABLE, ErrorCode::ManifestNotCanonical).await;
    let broken = admin.request(Method::POST, &commit).body("{").send().await.unwrap();
    refused(broken, StatusCode::BAD_REQUEST, ErrorCode::RequestInvalid).await;
    let huge = admin.request(Method::POST, &commit).body(" ".repeat(limits::JSON_BODY_BYTES + 1)).send().await.unwrap();
    refused(huge, StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::BodyTooLarge).await;

    let missing = release("1.0.0", &[("a", b"one"), ("b", b"two")]);
    let details = refused(admin.commit(&missing, None).await, StatusCode::CONFLICT, ErrorCode::ObjectMissing).await;
    assert_eq!(details["objects"][0]["digest"], Digest::of(b"two").to_string());
    let mut lie = good.clone();
    lie.artifacts[0].size = 4;
    refused(admin.commit(&lie, None).await, StatusCode::CONFLICT, ErrorCode::ObjectMissing).await;
    let mut orphan = good.clone();
    orphan.parent = Some(Digest::of(b"nobody"));
    refused(admin.commit(&orphan, None).await, UNPROCESSABLE, ErrorCode::ParentUnknown).await;
    assert_eq!((server.state(), server.objects()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_ref_is_refused_naming_who_moved_it() {
    let (server, admin) = started().await;
    let first = release("1.0.0", &[("a", b"one")]);
    let _: Committed = read(admin.publish(&first, &[b"one"], Some(("beta", None))).await).await;
    let before = server.state();
    let second = release("2.0.0", &[("a", b"one")]);
    let details =
        refused(admin.commit(&second, Some(("beta", None))).await, StatusCode::CONFLICT, ErrorCode::RefMoved).await;
    assert_eq!(details["actual"], first.id().to_string());
    assert_eq!(details["last"]["actor"], "first-admin");
    assert_eq!(details["last"]["new"]["name"], "1.0.0");
    assert_eq!(server.state(), before, "the release is not published either");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_not_names_and_things_that_are_not_there() {
    let (_server, admin) = started().await;
    let check = async |path: &str, status: StatusCode, code: ErrorCode| {
        refused(admin.get(path).await, status, code).await;
    };
    check("/api/v1/nothing", StatusCode::NOT_FOUND, ErrorCode::NotFound).await;
    check("/api/v1/apps/Acme", StatusCode::BAD_REQUEST, ErrorCode::RequestInvalid).await;
    check("/api/v1/apps/nobody", StatusCode::NOT_FOUND, ErrorCode::AppNotFound).await;
    check("/api/v1/apps/acme/channels/beta", StatusCode::NOT_FOUND, ErrorCode::ChannelNotFound).await;
    check("/api/v1/apps/acme/releases/beta", StatusCode::NOT_FOUND, ErrorCode::RevisionUnknown).await;
    check("/api/v1/apps/acme/releases/beta~x", StatusCode::BAD_REQUEST, ErrorCode::RevisionInvalid).await;
    check("/api/v1/apps/acme/releases?limit=0", StatusCode::BAD_REQUEST, ErrorCode::RequestInvalid).await;
    check("/api/v1/apps/acme/releases?page=2", StatusCode::BAD_REQUEST, ErrorCode::RequestInvalid).await;
    check("/api/v1/apps/acme/objects/zz", StatusCode::BAD_REQUEST, ErrorCode::RequestInvalid).await;
    let path = paths::object(&ACME.parse().unwrap(), &Digest::of(b"nothing"));
    check(&path, StatusCode::NOT_FOUND, ErrorCode::ObjectNotFound).await;
    let put = admin.request(Method::PUT, paths::APPS).send().await.unwrap();
    refused(put, StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed).await;
    let again = admin.post(paths::APPS, &json!({"slug": "acme"})).await;
    refused(again, StatusCode::CONFLICT, ErrorCode::AppExists).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_into_the_reserve_is_refused_before_it_starts() {
    let server = TestServer::start_with(Options { reserve_bytes: u64::MAX / 2 }).await;
    let admin = server.admin();
    admin.create_app(ACME, "token").await;
    let request = json!({"objects": [{"digest": Digest::of(b"bytes"), "size": 5}]});
    let answer = admin.post(&paths::negotiate(&ACME.parse().unwrap()), &request).await;
    refused(answer, StatusCode::INSUFFICIENT_STORAGE, ErrorCode::InsufficientStorage).await;
}
