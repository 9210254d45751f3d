//! Care of the store: damage is never served, gc takes only what nothing names, backups come back whole.

use std::cmp::Reverse;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use distd::db::Database;
use distd::ops::Caller;
use distd::ops::care::gc::{self, Ground, Uploads};
use distd::ops::care::repair::{self, Source};
use distd::ops::care::{self, Policy, backup, check};
use distd::ops::remote::Remote;
use jiff::{SignedDuration, Timestamp};
use objstore::{BLOCK_BYTES, CopyMethod, Digest, Options, Store};
use protocol::api::{
    CheckEvent, CheckReport, Committed, FindingKind, FindingLevel, GcReport, SizedObject, StoreStatus,
};
use protocol::{AppSlug, ErrorCode, ReleaseManifest, paths};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::audit::events_after;
use crate::harness::{Client, TestServer, read, refused, release};

fn acme() -> AppSlug {
    "acme".parse().unwrap()
}

/// Bytes of several blocks, none of which is like another.
fn large(seed: u8) -> Vec<u8> {
    (0..BLOCK_BYTES * 4 + 1000).map(|at| (at / 251).to_le_bytes()[0] ^ (at % 249).to_le_bytes()[0] ^ seed).collect()
}

async fn stage() -> (TestServer, Client) {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    (server, admin)
}

fn object_path(data: &Path, digest: &Digest) -> PathBuf {
    let name = digest.to_string();
    data.join("objects").join(&name[..2]).join(name)
}

/// Changes the file of an object behind the server's back.
fn tamper(data: &Path, digest: &Digest, change: impl FnOnce(&mut Vec<u8>)) {
    let path = object_path(data, digest);
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
}

async fn get(client: &Client, digest: &Digest) -> Response {
    client.get(&paths::object(&acme(), digest)).await
}

/// What arrives of a body, and whether it arrived whole.
async fn drain(mut answer: Response) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return (bytes, true),
            Err(_) => return (bytes, false),
        }
    }
}

/// Until it is told: the file is aside a moment earlier.
async fn wait_for_quarantine(server: &TestServer) {
    while !events_after(server, 0).await.iter().any(|event| event.action.as_str() == "object.quarantine") {
        tokio::task::yield_now().await;
    }
}

pub(crate) async fn check_over_api(client: &Client, request: Value) -> CheckReport {
    let answer = client.post(paths::STORE_CHECK, &request).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let text = answer.text().await.unwrap();
    let events: Vec<CheckEvent> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    match events.into_iter().last() {
        Some(CheckEvent::Done(report)) => report,
        other => panic!("not a report: {other:?}"),
    }
}

fn errors(report: &CheckReport) -> Vec<(FindingKind, String)> {
    let wrong = report.findings.iter().filter(|it| it.level == FindingLevel::Error && it.repaired.is_none());
    wrong.map(|finding| (finding.kind, finding.subject.clone())).collect()
}

async fn gc(client: &Client, dry_run: bool) -> GcReport {
    read(client.post(paths::STORE_GC, &json!({"dry_run": dry_run})).await).await
}

/// The dry run says what the run then does.
async fn gc_as_rehearsed(client: &Client) -> GcReport {
    let rehearsed = gc(client, true).await;
    let done = gc(client, false).await;
    assert_eq!(GcReport { dry_run: false, ..rehearsed }, done);
    done
}

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

#[tokio::test(flavor = "multi_thread")]
async fn a_check_finds_every_kind_of_damage_and_nothing_else() {
    let (server, admin) = stage().await;
    let (flipped, cut, gone, writable) = (large(1), large(2), large(3), large(4));
    let all: [(&str, &[u8]); 4] = [("a", &flipped), ("b", &cut), ("c", &gone), ("d", &writable)];
    let manifest = release("1.0", &all);
    let _: Committed =
        read(admin.publish(&manifest, &[&flipped, &cut, &gone, &writable], Some(("beta", None))).await).await;
    assert_eq!(check_over_api(&admin, json!({})).await.findings, []);

    let data = server.data.path();
    let store = Store::attach(data, Options::default());
    let orphan = store.put(b"nothing names it").unwrap().digest;
    tamper(data, &Digest::of(&flipped), |bytes| bytes[500_000] ^= 1);
    tamper(data, &Digest::of(&cut), |bytes| bytes.truncate(1000));
    fs::remove_file(object_path(data, &Digest::of(&gone))).unwrap();
    fs::set_permissions(object_path(data, &Digest::of(&writable)), fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(data.join("objects/00/notes.txt"), "x").unwrap();
    let database = rusqlite::Connection::open(data.join(distd::db::FILE_NAME)).unwrap();
    database.execute("UPDATE artifacts SET filename = 'z' WHERE filename = 'a'", []).unwrap();

    let report = check_over_api(&admin, json!({})).await;
    let mut expected = vec![
        (FindingKind::ObjectDamaged, Digest::of(&flipped).to_string()),
        (FindingKind::ObjectSize, Digest::of(&cut).to_string()),
        (FindingKind::ObjectMissing, Digest::of(&gone).to_string()),
        (FindingKind::ObjectMode, Digest::of(&writable).to_string()),
        (FindingKind::Index, "acme releases/1.0".to_owned()),
        (FindingKind::Stray, "objects/00/notes.txt".to_owned()),
    ];
    expected.sort();
    assert_eq!(errors(&report), expected);
    let notes: Vec<_> = report.findings.iter().filter(|it| it.level == FindingLevel::Note).collect();
    assert_eq!((notes.len(), notes[0].kind, &notes[0].subject), (1, FindingKind::ObjectOrphan, &orphan.to_string()));
    assert_eq!(report.objects, 5, "four of the release with its manifest, and the orphan");
    assert_eq!(fs::read_dir(data.join("quarantine")).unwrap().count(), 2, "what is damaged is moved aside");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quick_check_reads_no_bytes_and_finds_what_is_missing_or_cut() {
    let (server, admin) = stage().await;
    let (one, two) = (large(1), large(2));
    let _: Committed =
        read(admin.publish(&release("1.0", &[("a", &one), ("b", &two)]), &[&one, &two], None).await).await;
    tamper(server.data.path(), &Digest::of(&one), |bytes| bytes[0] ^= 1);
    assert_eq!(errors(&check_over_api(&admin, json!({"quick": true})).await), [], "the size is right");
    fs::remove_file(object_path(server.data.path(), &Digest::of(&two))).unwrap();
    let report = check_over_api(&admin, json!({"quick": true})).await;
    assert_eq!(errors(&report), [(FindingKind::ObjectMissing, Digest::of(&two).to_string())]);
}

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
    assert_eq!(gc(&admin, true).await.deleted.len(), 1, "it would be deleted now");
    let _: Committed = read(admin.publish(&release("1.0", &[("a", &bytes)]), &[&bytes], None).await).await;
    assert!(gc_as_rehearsed(&admin).await.is_empty());
    assert_eq!(errors(&check_over_api(&admin, json!({})).await), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_steps_back_deletes_nothing() {
    let (server, admin) = stage().await;
    admin.upload("acme", &[b"bytes"]).await;
    server.advance(SignedDuration::from_hours(8 * 24));
    assert_eq!(gc(&admin, false).await.trashed.len(), 1);
    server.advance(SignedDuration::from_hours(-30 * 24));
    assert!(gc_as_rehearsed(&admin).await.is_empty());
    let _: Committed = read(admin.publish(&release("1.0", &[("a", b"other")]), &[b"other"], None).await).await;
    assert_eq!(errors(&check_over_api(&admin, json!({})).await), []);
}

/// Publishes `count` releases, one after the other, to beta.
async fn publish_series(admin: &Client, count: u8) -> Vec<ReleaseManifest> {
    let mut published: Vec<ReleaseManifest> = Vec::new();
    for number in 1..=count {
        let bytes = [number; 100];
        let manifest = release(&format!("{number}.0"), &[("a", &bytes)]);
        let expected = published.last().map(ReleaseManifest::id);
        let _: Committed = read(admin.publish(&manifest, &[&bytes], Some(("beta", expected))).await).await;
        published.push(manifest);
    }
    published
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

fn ground(server: &TestServer) -> Ground {
    let data = server.data.path();
    Ground {
        db: Database::attach(data).unwrap(),
        store: Store::attach(data, Options::default()),
        clock: server.clock(),
        policy: Policy::default(),
        uploads: Uploads::OfAnother,
    }
}

fn check_directory(data: &Path) -> CheckReport {
    let store = Store::attach(data, Options::default());
    check::run(data, &store, &check::Options::default(), &AtomicBool::new(false), &|_| {}).unwrap()
}

fn backup_faults(directory: &Path) -> Vec<String> {
    backup::verify(directory, &|_| {}).unwrap().faults
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_during_an_upload_is_restored_whole() {
    let (server, admin) = stage().await;
    let published = publish_series(&admin, 3).await;
    let sending = large(7);
    admin.negotiate("acme", &[&sending]).await;
    let part = admin.request(Method::PATCH, &paths::object(&acme(), &Digest::of(&sending)));
    let part = part.header("Upload-Offset", 0).header("Upload-Complete", "?0").body(sending[..1000].to_vec());
    assert_eq!(part.send().await.unwrap().status(), StatusCode::NO_CONTENT);

    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let job = ground(&server);
    let (data, to) = (server.data.path().to_owned(), folder.path().to_owned());
    let made = tokio::task::spawn_blocking(move || {
        backup::create(&data, &job.store, &job.db, &to, CopyMethod::Copy, now).unwrap()
    });
    let made = made.await.unwrap();
    assert_eq!((made.objects, made.copied, made.missing.len()), (6, 6, 0));
    assert_eq!(backup_faults(folder.path()), Vec::<String>::new());

    let restored = backup::restore(&backup::choose(folder.path(), None).unwrap(), elsewhere.path()).unwrap();
    assert_eq!((restored.audit_head, restored.missing.len()), (made.audit_head, 0));
    assert_eq!(check_directory(elsewhere.path()).findings, []);
    let refs: Value = read(admin.get(&paths::refs(&acme())).await).await;
    let again = TestServer::serve(elsewhere, server.admin_token()).await;
    let same: Value = read(again.admin().get(&paths::refs(&acme())).await).await;
    assert_eq!(refs, same);
    assert_eq!(refs["refs"]["channels/beta"], published[2].id().to_string());
    let error = backup::restore(&backup::choose(folder.path(), None).unwrap(), again.data.path());
    assert!(error.is_err(), "never over a store that is there");

    let damaged = published[0].artifacts[0].sha256;
    tamper(folder.path(), &damaged, |bytes| bytes[0] ^= 1);
    let faults = backup_faults(folder.path());
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].starts_with(&format!("object {damaged}: its ")), "{faults:?}");
    assert!(faults[1].ends_with(&format!("it needs {damaged}, which is not there or not whole")), "{faults:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_are_incremental_rotate_and_hold_gc_off_while_they_are_made() {
    let (server, admin) = stage().await;
    publish_series(&admin, 1).await;
    let folder = tempfile::tempdir().unwrap();
    let (job, data, to) = (ground(&server), server.data.path().to_owned(), folder.path().to_owned());
    let make = move |hour: i64, keep: usize| {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let now = now + SignedDuration::from_hours(hour);
        let made = backup::create(&data, &job.store, &job.db, &to, CopyMethod::Reflink, now).unwrap();
        (made.copied, backup::rotate(&to, keep).unwrap().len())
    };
    let make = std::sync::Arc::new(make);
    let blocking = |hour, keep| {
        let make = std::sync::Arc::clone(&make);
        async move { tokio::task::spawn_blocking(move || make(hour, keep)).await.unwrap() }
    };
    assert_eq!(blocking(0, 2).await, (2, 0));
    assert_eq!(blocking(1, 2).await, (0, 0), "nothing is new");
    admin.upload("acme", &[b"more"]).await;
    assert_eq!(blocking(2, 2).await, (1, 1));
    assert_eq!(backup::snapshots(folder.path()).unwrap().len(), 2);
    assert_eq!(backup_faults(folder.path()), Vec::<String>::new());

    let database = rusqlite::Connection::open(server.data.path().join(distd::db::FILE_NAME)).unwrap();
    assert_eq!(database.query_row("SELECT count(*) FROM gc_holds", [], |row| row.get::<_, u32>(0)).unwrap(), 0);
    let hold = "INSERT INTO gc_holds VALUES ('x', 'a backup is being made', '2027-01-01T00:00:00.000Z')";
    database.execute(hold, []).unwrap();
    server.advance(SignedDuration::from_hours(8 * 24));
    gc(&admin, false).await;
    server.advance(SignedDuration::from_hours(8 * 24));
    let report = gc_as_rehearsed(&admin).await;
    assert_eq!((report.deleted.len(), report.held.as_deref()), (0, Some("a backup is being made")));
    server.advance(SignedDuration::from_hours(60 * 24));
    assert_eq!(gc_as_rehearsed(&admin).await.deleted.len(), 1, "a hold that nobody ended expires");
}

#[tokio::test(flavor = "multi_thread")]
async fn repair_restores_from_a_folder_or_from_another_server() {
    let (server, admin) = stage().await;
    let (one, two) = (large(1), large(2));
    let manifest = release("1.0", &[("a", &one), ("b", &two)]);
    let _: Committed = read(admin.publish(&manifest, &[&one, &two], None).await).await;
    let (other, there) = stage().await;
    let _: Committed = read(there.publish(&manifest, &[&one, &two], None).await).await;
    let from_folder = Source::Directory(other.data.path().to_owned());
    let remote = Remote::new(other.url.parse().unwrap(), Some(other.admin_token())).unwrap();
    let from_server = Source::Server(remote);
    for source in [from_folder, from_server] {
        tamper(server.data.path(), &Digest::of(&one), |bytes| bytes[9] ^= 1);
        fs::remove_file(object_path(server.data.path(), &Digest::of(&two))).unwrap();
        fs::remove_file(object_path(server.data.path(), &manifest.id())).unwrap();
        let mut report = check_directory(server.data.path());
        assert_eq!(errors(&report).len(), 3);
        repair::run(&ground(&server), &mut report, Some(&source)).await.unwrap();
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(check_directory(server.data.path()).findings, []);
    }
    assert_eq!(drain(get(&admin, &Digest::of(&one)).await).await, (one, true));

    fs::remove_file(object_path(server.data.path(), &Digest::of(&two))).unwrap();
    let mut fsck = std::process::Command::new(env!("CARGO_BIN_EXE_distd"));
    fsck.args(["fsck", "--repair", "--from", &other.url, "--data"]).arg(server.data.path());
    let repaired = fsck.env("DISTD_FROM_TOKEN", other.admin_token()).output().unwrap();
    let said = String::from_utf8(repaired.stdout).unwrap();
    assert!(said.contains(&format!("restored from {}", other.url)), "{said}");
    assert_eq!(check_directory(server.data.path()).findings, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_was_ended_goes_on_and_tells_all() {
    let (server, admin) = stage().await;
    publish_series(&admin, 5).await;
    let size = |digest: &Digest| object_path(server.data.path(), digest).metadata().unwrap().len();
    let mut digests: Vec<Digest> = server.objects().iter().map(|name| Digest::parse(name).unwrap()).collect();
    digests.sort_by_key(|digest| (Reverse(size(digest)), *digest));
    tamper(server.data.path(), &digests[1], |bytes| bytes[0] ^= 1);
    tamper(server.data.path(), &digests[8], |bytes| bytes[0] ^= 1);
    let whole = check_directory(server.data.path());
    let first =
        whole.findings.iter().find(|it| it.kind == FindingKind::ObjectDamaged && it.subject == digests[1].to_string());
    let (next, findings) = (digests[5], vec![first.unwrap().clone()]);
    let position = check::Position { next, next_bytes: size(&next), findings };
    let options = check::Options { resume: Some(position), ..check::Options::default() };
    let store = Store::attach(server.data.path(), Options::default());
    let resumed = check::run(server.data.path(), &store, &options, &AtomicBool::new(false), &|_| {}).unwrap();
    assert_eq!(errors(&resumed), errors(&whole));
    assert!(resumed.bytes < whole.bytes);
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
