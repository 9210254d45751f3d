//! The background check: everything is read in time, and what is damaged is moved aside.

use std::fs;
use std::time::Duration;

use distd::ops::care::{schedule, scrub};
use jiff::SignedDuration;
use objstore::{Digest, Options};
use protocol::api::Committed;
use protocol::{ErrorCode, paths};
use reqwest::StatusCode;
use serde_json::json;

use super::{acme, get, large, stage, tamper};
use crate::audit::events_after;
use crate::harness::{TestServer, read, refused, release};

#[tokio::test(flavor = "multi_thread")]
async fn the_background_check_moves_aside_what_went_bad_unseen() {
    let (server, admin) = stage().await;
    let (bad, good) = (large(1), large(2));
    let manifest = release("1.0", &[("a", &bad), ("b", &good)]);
    let _: Committed = read(admin.publish(&manifest, &[&bad, &good], None).await).await;
    tamper(server.data.path(), &Digest::of(&bad), |bytes| bytes[700_000] ^= 1);
    let before = events_after(&server, 0).await.len() as u64;
    assert_eq!(scrub(&server.server).await.unwrap(), 0, "all was just written");

    server.advance(SignedDuration::from_hours(16 * 24));
    assert_eq!(scrub(&server.server).await.unwrap(), 3);
    assert_eq!(fs::read_dir(server.data.path().join("quarantine")).unwrap().count(), 1);
    let events = events_after(&server, before).await;
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].action.as_str(), &events[0].subject), ("object.quarantine", &Digest::of(&bad).to_string()));
    refused(get(&admin, &Digest::of(&bad)).await, StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::ObjectDamaged).await;
    assert_eq!(scrub(&server.server).await.unwrap(), 0, "the others were read now");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_does_by_itself_is_due_by_when_it_was_last_done() {
    let (server, admin) = stage().await;
    let day = Duration::from_hours(24);
    assert_eq!(schedule::until_due(&server.server, "gc", day).await, Duration::ZERO);
    let _: serde_json::Value = read(admin.post(paths::STORE_GC, &json!({})).await).await;
    let admin_token = server.admin_token();
    let again = TestServer::serve(server.stop().await, admin_token).await;
    // The clock of the new one begins where that of the other began.
    assert_eq!(schedule::until_due(&again.server, "gc", day).await, day);
    again.advance(SignedDuration::from_hours(20));
    assert_eq!(schedule::until_due(&again.server, "gc", day).await, Duration::from_hours(4));
    again.advance(SignedDuration::from_hours(20));
    assert_eq!(schedule::until_due(&again.server, "gc", day).await, Duration::ZERO);
}

#[tokio::test(flavor = "multi_thread")]
async fn below_the_reserve_reading_goes_on_and_uploads_are_refused() {
    let (server, admin) = stage().await;
    let (here, coming) = (large(1), large(2));
    let _: Committed = read(admin.publish(&release("1.0", &[("a", &here)]), &[&here], None).await).await;
    admin.negotiate("acme", &[&coming]).await;
    let admin_token = server.admin_token();
    let full = Options { reserve_bytes: u64::MAX / 2 };
    let server = TestServer::serve_with(server.stop().await, admin_token, full).await;
    let admin = server.admin();
    let part = admin.patch("acme", &Digest::of(&coming), 0, true, &coming).await;
    refused(part, StatusCode::INSUFFICIENT_STORAGE, ErrorCode::InsufficientStorage).await;
    assert_eq!(admin.get(&paths::object(&acme(), &Digest::of(&here))).await.bytes().await.unwrap(), here);
}
