//! Gc takes only what nothing names, retention only what nobody can go back to.

use std::fs;

use distd::ops::Caller;
use distd::ops::care::gc;
use jiff::SignedDuration;
use objstore::Digest;
use protocol::api::{Committed, SizedObject};
use protocol::{ErrorCode, paths};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    acme, check_over_api, errors, gc as collect, gc_as_rehearsed, get, ground, large, object_path, publish_series,
    stage,
};
use crate::audit::events_after;
use crate::harness::{read, refused, release};

#[tokio::test(flavor = "multi_thread")]
async fn gc_takes_what_nothing_names_in_two_steps_as_its_dry_run_says() {
    let (server, admin) = stage().await;
    let (kept, dropped) = (large(1), large(2));
    let manifest = release("1.0", &[("a", &kept)]);
    let _: Committed = read(admin.publish(&manifest, &[&kept], None).await).await;
    admin.upload("acme", &[&dropped]).await;
    let object = SizedObject { digest: Digest::of(&dropped), size: dropped.len() as u64 };

    assert!(gc_as_rehearsed(&admin).await.is_empty(), "an upload has a lease");
    server.advance(SignedDuration::from_hours(8 * 24));
    let report = gc_as_rehearsed(&admin).await;
    assert_eq!((report.abandoned.len(), report.trashed, report.deleted), (1, vec![object], vec![]));
    assert!(object_path(server.data.path(), &object.digest).is_file(), "the trash is no place");
    assert!(gc_as_rehearsed(&admin).await.is_empty(), "the grace period has only begun");
    assert_eq!(check_over_api(&admin, json!({})).await.findings, []);

    server.advance(SignedDuration::from_hours(8 * 24));
    let before = events_after(&server, 0).await.len() as u64;
    assert_eq!(gc_as_rehearsed(&admin).await.deleted, [object]);
    let events = events_after(&server, before).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].action.as_str(), "object.delete");
    assert_eq!(events[0].details, json!({ "objects": [object] }));
    let mut left = [manifest.id().to_string(), Digest::of(&kept).to_string()];
    left.sort();
    assert_eq!(server.objects(), left);
    assert_eq!(check_over_api(&admin, json!({})).await.findings, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_used_again_comes_out_of_the_trash() {
    let (server, admin) = stage().await;
    let bytes = large(1);
    admin.upload("acme", &[&bytes]).await;
    server.advance(SignedDuration::from_hours(8 * 24));
    assert_eq!(gc_as_rehearsed(&admin).await.trashed.len(), 1);
    server.advance(SignedDuration::from_hours(8 * 24));
    assert_eq!(collect(&admin, true).await.deleted.len(), 1, "it would be deleted now");
    let _: Committed = read(admin.publish(&release("1.0", &[("a", &bytes)]), &[&bytes], None).await).await;
    assert!(gc_as_rehearsed(&admin).await.is_empty());
    assert_eq!(errors(&check_over_api(&admin, json!({})).await), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_steps_back_deletes_nothing() {
    let (server, admin) = stage().await;
    admin.upload("acme", &[b"bytes"]).await;
    server.advance(SignedDuration::from_hours(8 * 24));
    assert_eq!(collect(&admin, false).await.trashed.len(), 1);
    server.advance(SignedDuration::from_hours(-30 * 24));
    assert!(gc_as_rehearsed(&admin).await.is_empty());
    let _: Committed = read(admin.publish(&release("1.0", &[("a", b"other")]), &[b"other"], None).await).await;
    assert_eq!(errors(&check_over_api(&admin, json!({})).await), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_gives_up_artifacts_and_keeps_history_and_what_can_be_rolled_back_to() {
    let (server, admin) = stage().await;
    let published = publish_series(&admin, 9).await;
    assert!(gc_as_rehearsed(&admin).await.is_empty(), "it is off");
    let rules = json!({"retention": {"beta": {"keep_last": 2, "keep_versions": ["2.*"]}}});
    let put = admin.request(Method::PUT, &paths::rules(&acme())).json(&rules).send().await.unwrap();
    assert_eq!(put.status(), StatusCode::OK);

    let report = gc_as_rehearsed(&admin).await;
    let names: Vec<_> = report.expired.iter().map(|it| (it.name.as_str(), it.size)).collect();
    assert_eq!(names, [("3.0", 100), ("1.0", 100)], "five below the current one can be rolled back to");
    assert_eq!(report.trashed.len(), 2);
    let given_up = Digest::of(&[1; 100]);
    refused(get(&admin, &given_up).await, StatusCode::GONE, ErrorCode::ReleaseExpired).await;
    let promote = admin.post(&paths::promote(&acme(), &"stable".parse().unwrap()), &json!({"revision": "1.0"})).await;
    refused(promote, StatusCode::GONE, ErrorCode::ReleaseExpired).await;

    server.advance(SignedDuration::from_hours(8 * 24));
    assert_eq!(gc_as_rehearsed(&admin).await.deleted.len(), 2);
    assert_eq!(errors(&check_over_api(&admin, json!({})).await), []);
    let shown: Value = read(admin.get(&paths::release(&acme(), &"1.0".parse().unwrap())).await).await;
    assert_eq!(shown["id"], published[0].id().to_string());

    let _: Committed = read(admin.publish(&published[0], &[&[1; 100]], None).await).await;
    assert_eq!(get(&admin, &given_up).await.bytes().await.unwrap(), [1; 100].as_slice());
}

#[tokio::test(flavor = "multi_thread")]
async fn gc_beside_the_server_leaves_its_uploads_alone() {
    let (server, admin) = stage().await;
    let sending = large(7);
    admin.negotiate("acme", &[&sending]).await;
    let part = admin.request(Method::PATCH, &paths::object(&acme(), &Digest::of(&sending)));
    let part = part.header("Upload-Offset", 0).header("Upload-Complete", "?0").body(sending[..1000].to_vec());
    assert_eq!(part.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    server.advance(SignedDuration::from_hours(30 * 24));
    assert!(gc::run(&ground(&server), &Caller::local()).await.unwrap().is_empty());
    let report = gc_as_rehearsed(&admin).await;
    assert_eq!(report.abandoned.iter().map(|upload| upload.partial).collect::<Vec<_>>(), [1000]);
    assert_eq!(admin.negotiate("acme", &[&sending]).await.missing[0].offset, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_keeps_what_a_pinned_channel_and_its_links_refer_to() {
    let (server, admin) = stage().await;
    let published = publish_series(&admin, 9).await;
    let promote = paths::promote(&acme(), &"stable".parse().unwrap());
    let _: Value = read(admin.post(&promote, &json!({"revision": "1.0"})).await).await;
    let pin = admin.request(Method::PUT, &paths::pin(&acme(), &"stable".parse().unwrap()));
    let _: Value = read(pin.json(&json!({"reason": "audit"})).send().await.unwrap()).await;
    let rules = json!({
        "access": {"stable": "link"},
        "retention": {"beta": {"keep_last": 1}, "stable": {"keep_last": 1}},
    });
    let _: Value = read(admin.request(Method::PUT, &paths::rules(&acme())).json(&rules).send().await.unwrap()).await;
    let link: Value = read(admin.post(&paths::links(&acme()), &json!({"channel": "stable"})).await).await;

    let report = gc_as_rehearsed(&admin).await;
    assert_eq!(report.expired.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["3.0", "2.0"]);
    server.advance(SignedDuration::from_hours(8 * 24));
    assert_eq!(gc_as_rehearsed(&admin).await.deleted.len(), 2);
    let kept = published[0].artifacts[0].sha256;
    assert_eq!(get(&admin, &kept).await.bytes().await.unwrap(), [1; 100].as_slice());
    let page = server.anonymous().get(link["path"].as_str().unwrap()).await;
    assert_eq!(page.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrived_for_a_push_that_was_stopped_has_its_lease_anew_when_it_goes_on() {
    let (server, admin) = stage().await;
    let (one, two) = (large(1), large(2));
    let manifest = release("1.0", &[("a", &one), ("b", &two)]);
    admin.upload("acme", &[&one]).await;
    server.advance(SignedDuration::from_hours(6 * 24));
    let missing = admin.negotiate("acme", &[&one, &two]).await.missing;
    assert_eq!(missing.iter().map(|it| it.digest).collect::<Vec<_>>(), [Digest::of(&two)]);
    server.advance(SignedDuration::from_hours(6 * 24));
    assert!(gc_as_rehearsed(&admin).await.is_empty());
    admin.upload("acme", &[&two]).await;
    let _: Committed = read(admin.commit(&manifest, None).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_that_tasks_of_the_server_left_are_dropped_after_their_lease() {
    let (server, admin) = stage().await;
    let digest = Digest::of(b"a copy");
    let now = server.clock().now();
    let uploads = server.data.path().join("uploads");
    for (owner, days) in [("-copy", 8), ("-repair", 8), ("-mirror-acme", 6)] {
        fs::create_dir_all(uploads.join(owner)).unwrap();
        let file = fs::File::create(uploads.join(owner).join(digest.to_string())).unwrap();
        file.set_len(4).unwrap();
        file.set_modified((now - SignedDuration::from_hours(24 * days)).into()).unwrap();
    }
    let report = gc_as_rehearsed(&admin).await;
    let dropped: Vec<_> = report.left_copies.iter().map(|it| (it.owner.as_str(), it.partial)).collect();
    assert_eq!((dropped, report.freed_bytes()), (vec![("-copy", 4), ("-repair", 4)], 8));
    assert!(uploads.join("-mirror-acme").join(digest.to_string()).exists(), "it may be going on");
    assert!(!uploads.join("-copy").join(digest.to_string()).exists());
    assert!(gc_as_rehearsed(&admin).await.is_empty());
}
