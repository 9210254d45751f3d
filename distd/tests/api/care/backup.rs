//! Backups come back whole, and what is wrong with them is told.

use std::fs;
use std::path::Path;

use distd::ops::care::backup::{self, BackupReport};
use jiff::{SignedDuration, Timestamp};
use objstore::{CopyMethod, Digest};
use protocol::paths;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::{acme, check_directory, gc, gc_as_rehearsed, ground, large, publish_series, stage, tamper};
use crate::harness::{TestServer, read, release};
use crate::process::{Program, run};

/// Makes one, as beside a server.
async fn make(server: &TestServer, directory: &Path, hour: i64, method: CopyMethod) -> BackupReport {
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let now = now + SignedDuration::from_hours(hour);
    let (job, data, to) = (ground(server), server.data.path().to_owned(), directory.to_owned());
    let make = move || backup::create(&data, &job.store, &job.db, &to, method, now).unwrap();
    tokio::task::spawn_blocking(make).await.unwrap()
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
    let made = make(&server, folder.path(), 0, CopyMethod::Copy).await;
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
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_in_a_backup_comes_again_with_the_next_one() {
    let (server, admin) = stage().await;
    let published = publish_series(&admin, 2).await;
    let folder = tempfile::tempdir().unwrap();
    make(&server, folder.path(), 0, CopyMethod::Copy).await;
    let damaged = published[0].artifacts[0].sha256;
    tamper(folder.path(), &damaged, |bytes| bytes[0] ^= 1);
    let faults = backup_faults(folder.path());
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].starts_with(&format!("object {damaged}: its ")), "{faults:?}");
    assert!(faults[0].contains("moved to quarantine/"), "{faults:?}");
    assert!(faults[1].ends_with(&format!("it needs {damaged}, which is not there or not whole")), "{faults:?}");
    assert_eq!(fs::read_dir(folder.path().join("quarantine")).unwrap().count(), 1);
    assert_eq!(make(&server, folder.path(), 1, CopyMethod::Copy).await.copied, 1);
    assert_eq!(backup_faults(folder.path()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_object_gets_into_no_backup_by_any_method() {
    let (server, admin) = stage().await;
    let published = publish_series(&admin, 2).await;
    let damaged = published[0].artifacts[0].sha256;
    tamper(server.data.path(), &damaged, |bytes| bytes[0] ^= 1);
    for method in [CopyMethod::Copy, CopyMethod::Link, CopyMethod::Reflink] {
        let folder = tempfile::tempdir_in(server.data.path()).unwrap();
        let made = make(&server, folder.path(), 0, method).await;
        assert_eq!((made.objects, made.missing), (3, vec![damaged]), "{method:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_staged_manifest_is_told_and_stops_neither_backup_nor_restore() {
    let (server, admin) = stage().await;
    let part = release("1.0", &[("a", b"part")]);
    assert!(admin.stage(&part, &[b"part"], "linux").await.status().is_success());
    tamper(server.data.path(), &part.id(), |bytes| bytes[5] ^= 1);
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for hour in 0..2 {
        let made = make(&server, folder.path(), hour, CopyMethod::Reflink).await;
        assert_eq!((made.objects, made.missing), (1, vec![part.id()]), "its artifact is known from the index");
    }
    assert_eq!(backup::rotate(folder.path(), 1).unwrap().len(), 1);
    let restored = backup::restore(&backup::choose(folder.path(), None).unwrap(), elsewhere.path()).unwrap();
    assert_eq!(restored.objects, 2);
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
async fn the_program_makes_verifies_and_restores_a_backup_while_an_upload_arrives() {
    let (server, admin) = stage().await;
    let published = publish_series(&admin, 3).await;
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (data, backups) = (server.data.path(), folder.path().to_str().unwrap());
    let sending = large(9);
    admin.negotiate("acme", &[&sending]).await;
    let half = sending.len() / 2;
    let answer = admin.patch("acme", &Digest::of(&sending), 0, false, &sending[..half]).await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    // The rest arrives while the program reads: whenever it does, what is restored is whole.
    let (rest, sender) = (sending[half..].to_vec(), admin.clone());
    let digest = Digest::of(&sending);
    let sent = tokio::spawn(async move { sender.patch("acme", &digest, half as u64, true, &rest).await.status() });
    let made = tokio::task::block_in_place(|| run(&["backup", backups, "--json"], data));
    assert_eq!(sent.await.unwrap(), StatusCode::NO_CONTENT);
    assert!(made.status.success());
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();

    let verified = run_on(&["backup", backups, "--verify"]);
    assert_eq!((verified.status.code(), told(&verified.stdout).contains("all whole")), (Some(0), true));
    let restored = run(&["restore", backups, "--json"], elsewhere.path());
    assert!(restored.status.success());
    let restored: Value = serde_json::from_slice(&restored.stdout).unwrap();
    assert_eq!(restored["audit_head"], made["audit_head"]);
    assert_eq!(run(&["fsck"], elsewhere.path()).status.code(), Some(0));
    let refs: Value = read(admin.get(&paths::refs(&acme())).await).await;
    let again = run(&["restore", backups], elsewhere.path());
    assert!(!again.status.success() && told(&again.stderr).contains("holds a store already"));
    let same = TestServer::serve(elsewhere, server.admin_token()).await;
    assert_eq!(read::<Value>(same.admin().get(&paths::refs(&acme())).await).await, refs);

    tamper(folder.path(), &published[0].artifacts[0].sha256, |bytes| bytes[0] ^= 1);
    let damaged = run_on(&["backup", backups, "--verify"]);
    assert_eq!((damaged.status.code(), told(&damaged.stdout).contains("moved to quarantine/")), (Some(1), true));
    assert!(run(&["backup", backups], data).status.success());
    assert_eq!(run_on(&["backup", backups, "--verify"]).status.code(), Some(0));
}

fn told(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Without a data directory, where there need be none.
fn run_on(words: &[&str]) -> std::process::Output {
    let nowhere = tempfile::tempdir().unwrap();
    run(words, nowhere.path())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_makes_the_backup_that_is_due_and_none_when_it_is_started_again() {
    let (server, admin) = stage().await;
    publish_series(&admin, 1).await;
    let data = server.stop().await;
    let (folder, logs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let flags = ["--backup", folder.path().to_str().unwrap(), "--backup-keep", "2"];
    let mut first = Program::start(data.path(), &logs.path().join("first"), &flags);
    first.wait_for("backup made");
    let database = rusqlite::Connection::open(data.path().join(distd::db::FILE_NAME)).unwrap();
    let noted = "SELECT count(*) FROM care_runs WHERE task = 'backup'";
    while database.query_row(noted, [], |row| row.get::<_, u32>(0)).unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    drop(first);
    let made = backup::snapshots(folder.path()).unwrap();
    assert_eq!(made.len(), 1);
    assert_eq!(backup_faults(folder.path()), Vec::<String>::new());

    let again = Program::start(data.path(), &logs.path().join("again"), &flags);
    let answer = reqwest::get(format!("{}/healthz", again.url)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    drop(again);
    assert_eq!(backup::snapshots(folder.path()).unwrap(), made);
}
