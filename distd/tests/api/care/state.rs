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
