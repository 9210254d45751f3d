//! How care goes is told.

use distd::db::Database;
use distd::ops::care;
use jiff::SignedDuration;
use objstore::Digest;
use protocol::api::{Committed, StoreStatus};
use protocol::paths;
use serde_json::json;

use super::{check_over_api, gc, stage, tamper};
use crate::harness::{read, release};

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_the_store_is_told() {
    let (server, admin) = stage().await;
    admin.upload("acme", &[b"bytes"]).await;
    let status: StoreStatus = read(admin.get(paths::STORE).await).await;
    assert_eq!((status.objects, status.bytes, status.trashed, status.quarantined), (1, 5, 0, 0));
    assert_eq!((status.scrub.days, status.scrub.overdue), (30, 0));
    assert_eq!(status.scrub.oldest_check, Some(server.clock().now()));
    server.advance(SignedDuration::from_hours(31 * 24));
    let _: Committed = read(admin.publish(&release("1.0", &[("b", b"other")]), &[b"other"], None).await).await;
    let status: StoreStatus = read(admin.get(paths::STORE).await).await;
    assert_eq!((status.objects, status.scrub.overdue), (3, 1), "what was just written is not overdue");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_metrics_ask_of_care_is_what_happened() {
    let (server, admin) = stage().await;
    let digest = Digest::of(b"bytes");
    let database = Database::attach(server.data.path()).unwrap();
    let before = care::state(&database, server.data.path()).await.unwrap();
    assert_eq!((before.objects, before.oldest_check, before.check, before.gc_at), (0, None, None, None));

    admin.upload("acme", &[b"bytes"]).await;
    let now = server.clock().now();
    check_over_api(&admin, json!({})).await;
    gc(&admin, false).await;
    let state = care::state(&database, server.data.path()).await.unwrap();
    assert_eq!((state.objects, state.bytes, state.trashed, state.trashed_bytes, state.quarantined), (1, 5, 0, 0, 0));
    assert_eq!((state.oldest_check, state.newest_check, state.gc_at), (Some(now), Some(now), Some(now)));
    let clean = protocol::api::LastCheck { quick: false, interrupted: false, errors: 0, failure: None };
    assert_eq!(state.check, Some((now, clean)));
    assert_eq!((state.backup_at, state.backup_error), (None, None));

    tamper(server.data.path(), &digest, |bytes| bytes[0] ^= 1);
    check_over_api(&admin, json!({})).await;
    let state = care::state(&database, server.data.path()).await.unwrap();
    assert_eq!((state.objects, state.quarantined), (0, 1), "what was moved aside is no object");
    assert_eq!(state.check.map(|(_, last)| last.errors), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_check_counts_as_having_read_what_it_read() {
    let (server, admin) = stage().await;
    let _: Committed = read(admin.publish(&release("1.0", &[("a", b"bytes")]), &[b"bytes"], None).await).await;
    let database = rusqlite::Connection::open(server.data.path().join(distd::db::FILE_NAME)).unwrap();
    let state = async || care::state(&Database::attach(server.data.path()).unwrap(), server.data.path()).await.unwrap();
    server.advance(SignedDuration::from_hours(31 * 24));
    check_over_api(&admin, json!({"quick": true})).await;
    assert_ne!(state().await.oldest_check, Some(server.clock().now()), "a quick one has read nothing");
    check_over_api(&admin, json!({})).await;
    assert_eq!(state().await.oldest_check, Some(server.clock().now()));
    let status: StoreStatus = read(admin.get(paths::STORE).await).await;
    assert_eq!((status.scrub.overdue, status.unreadable), (0, 0));

    // What nothing is known of is not counted before it was read.
    database.execute("DELETE FROM object_care", []).unwrap();
    assert_eq!((state().await.objects, state().await.oldest_check), (0, None));
    let by_hand = crate::process::run(&["fsck"], server.data.path());
    assert!(by_hand.status.success());
    assert_eq!((state().await.objects, state().await.oldest_check.is_some()), (2, true));
}
