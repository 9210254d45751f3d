//! Damage is never served.

use std::fs;

use objstore::{BLOCK_BYTES, Digest};
use protocol::api::Committed;
use protocol::{ErrorCode, paths};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{acme, check_over_api, drain, errors, get, large, stage, tamper, wait_for_quarantine};
use crate::audit::events_after;
use crate::harness::{read, refused, release};

#[tokio::test(flavor = "multi_thread")]
async fn flipped_bytes_are_never_served_and_the_next_push_brings_the_object_back() {
    let (server, admin) = stage().await;
    let bytes = large(1);
    let manifest = release("1.0", &[("a.bin", &bytes)]);
    let _: Committed = read(admin.publish(&manifest, &[&bytes], Some(("beta", None))).await).await;
    let digest = Digest::of(&bytes);
    let at = usize::try_from(BLOCK_BYTES * 3).unwrap() + 7;
    tamper(server.data.path(), &digest, |bytes| bytes[at..at + 4].iter_mut().for_each(|byte| *byte ^= 0xff));

    let range = admin.request(Method::GET, &paths::object(&acme(), &digest)).header("Range", "bytes=10-99");
    let (part, is_whole) = drain(range.send().await.unwrap()).await;
    assert_eq!((part.as_slice(), is_whole), (&bytes[10..100], true), "a range without the damage is right");

    let (part, is_whole) = drain(get(&admin, &digest).await).await;
    assert!(!is_whole, "the body ends as an error");
    assert!(part.len() <= at && part == bytes[..part.len()], "no byte of the damaged block was sent");

    wait_for_quarantine(&server).await;
    let details =
        refused(get(&admin, &digest).await, StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::ObjectDamaged).await;
    assert_eq!(details, json!({ "digest": digest }));
    let events = events_after(&server, 0).await;
    let event = events.iter().find(|event| event.action.as_str() == "object.quarantine").unwrap();
    assert_eq!((event.subject.as_str(), event.actor.as_str()), (digest.to_string().as_str(), "local"));
    assert_eq!(event.details["moved_to"], format!("quarantine/{digest}.0"));

    assert_eq!(admin.negotiate("acme", &[&bytes]).await.missing.len(), 1);
    let again: Committed = read(admin.publish(&manifest, &[&bytes], None).await).await;
    assert_eq!(again.release.id, manifest.id());
    assert_eq!(drain(get(&admin, &digest).await).await, (bytes, true));
    assert_eq!(errors(&check_over_api(&admin, json!({})).await), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_to_a_small_object_or_to_its_size_is_an_error_before_the_first_byte() {
    let (server, admin) = stage().await;
    let (small, cut) = (b"a few bytes".to_vec(), large(2));
    let manifest = release("1.0", &[("a.bin", &small), ("b.bin", &cut)]);
    let _: Committed = read(admin.publish(&manifest, &[&small, &cut], None).await).await;
    tamper(server.data.path(), &Digest::of(&small), |bytes| bytes[3] ^= 1);
    tamper(server.data.path(), &Digest::of(&cut), |bytes| bytes.truncate(bytes.len() - 1));
    for bytes in [&small, &cut] {
        let answer = get(&admin, &Digest::of(bytes)).await;
        refused(answer, StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::ObjectDamaged).await;
    }
    while fs::read_dir(server.data.path().join("quarantine")).unwrap().count() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(admin.negotiate("acme", &[&small, &cut]).await.missing.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_manifest_is_not_shown_and_the_same_push_brings_it_back() {
    let (server, admin) = stage().await;
    let manifest = release("1.0", &[("a.bin", b"a")]);
    let _: Committed = read(admin.publish(&manifest, &[b"a"], None).await).await;
    tamper(server.data.path(), &manifest.id(), |bytes| bytes[20] ^= 1);
    let path = paths::release(&acme(), &"1.0".parse().unwrap());
    refused(admin.get(&path).await, StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::ObjectDamaged).await;
    wait_for_quarantine(&server).await;
    let _: Committed = read(admin.commit(&manifest, None).await).await;
    let shown: Value = read(admin.get(&path).await).await;
    assert_eq!(shown["id"], manifest.id().to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_without_checksums_gets_them_when_it_is_first_read() {
    let (server, admin) = stage().await;
    let bytes = large(3);
    let _: Committed = read(admin.publish(&release("1.0", &[("a.bin", &bytes)]), &[&bytes], None).await).await;
    let database = rusqlite::Connection::open(server.data.path().join(distd::db::FILE_NAME)).unwrap();
    database.execute("DELETE FROM object_care", []).unwrap();
    assert_eq!(drain(get(&admin, &Digest::of(&bytes)).await).await, (bytes.clone(), true));
    let sums: Vec<u8> = database.query_row("SELECT sums FROM object_care", [], |row| row.get(0)).unwrap();
    assert_eq!(sums.len(), 5 * 4);
    // Checksums that are wrong themselves do no harm: the object is whole, and gets new ones.
    database.execute("UPDATE object_care SET sums = zeroblob(20)", []).unwrap();
    let mut answer = get(&admin, &Digest::of(&bytes)).await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    while answer.status() != StatusCode::OK {
        answer = get(&admin, &Digest::of(&bytes)).await;
    }
    assert_eq!(drain(answer).await, (bytes, true));
    assert_eq!(fs::read_dir(server.data.path().join("quarantine")).unwrap().count(), 0);
}
