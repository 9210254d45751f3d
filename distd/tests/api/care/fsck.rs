//! A check finds what is wrong and nothing else; repair puts it right.

use std::cmp::Reverse;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};

use distd::ops::care::check;
use distd::ops::care::repair::{self, Source};
use distd::ops::remote::Remote;
use objstore::{Digest, Options, Store};
use protocol::api::{CheckEvent, Committed, FindingKind, FindingLevel};
use protocol::paths;
use serde_json::json;

use super::{
    check_directory, check_over_api, drain, errors, get, ground, large, object_path, publish_series, stage, tamper,
};
use crate::harness::{read, release};
use crate::process::run;

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
    let mut fsck = Command::new(env!("CARGO_BIN_EXE_distd"));
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

/// The program, on a disk that gives no object.
fn fsck_on_a_failing_disk(data: &Path, words: &[&str]) -> Output {
    let mut fsck = Command::new(env!("CARGO_BIN_EXE_distd"));
    fsck.args(["fsck", "--repair", "--data"]).arg(data).args(words);
    fsck.env("DISTD_FAULT", "object.read=eio").output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_moved_aside_only_for_a_whole_copy() {
    let (server, admin) = stage().await;
    let bytes = large(1);
    let manifest = release("1.0", &[("a", &bytes)]);
    let _: Committed = read(admin.publish(&manifest, &[&bytes], None).await).await;
    let (other, there) = stage().await;
    let _: Committed = read(there.publish(&manifest, &[&bytes], None).await).await;
    let (data, empty) = (server.data.path(), tempfile::tempdir().unwrap());
    fs::create_dir(empty.path().join("objects")).unwrap();

    let aside = || fs::read_dir(data.join("quarantine")).unwrap().count();
    for words in [vec![], vec!["--from", empty.path().to_str().unwrap()]] {
        assert_eq!(fsck_on_a_failing_disk(data, &words).status.code(), Some(1), "{words:?}");
        assert_eq!((aside(), check_directory(data).findings), (0, vec![]), "{words:?}");
    }
    fsck_on_a_failing_disk(data, &["--from", other.data.path().to_str().unwrap()]);
    assert_eq!((aside(), check_directory(data).findings), (2, vec![]), "manifest and artifact");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_is_told_whatever_becomes_of_the_repair() {
    let (server, admin) = stage().await;
    let bytes = large(1);
    let _: Committed = read(admin.publish(&release("1.0", &[("a", &bytes)]), &[&bytes], None).await).await;
    let (data, digest, empty) = (server.data.path(), Digest::of(&bytes), tempfile::tempdir().unwrap());
    fs::create_dir(empty.path().join("objects")).unwrap();
    tamper(data, &digest, |bytes| bytes[9] ^= 1);

    let nobody = run(&["fsck", "--repair", "--from", "http://127.0.0.1:1"], data);
    let said = String::from_utf8(nobody.stdout).unwrap();
    assert!(said.contains(&format!("object-damaged    {digest}: its ")), "{said}");
    assert_eq!(nobody.status.code(), Some(2));
    assert!(String::from_utf8(nobody.stderr).unwrap().contains("the repair could not go on"));

    let from = empty.path().to_str().unwrap();
    let lacking = run(&["fsck", "--repair", "--from", from], data);
    let said = String::from_utf8(lacking.stdout).unwrap();
    assert!(said.contains("not repaired: object"), "why is told: {said}");
    assert_eq!(lacking.status.code(), Some(1));

    assert_eq!(run(&["fsck"], empty.path()).status.code(), Some(2), "there is no store");
    let from = data.join("quarantine").join(format!("{digest}.0"));
    assert!(from.is_file(), "it was moved aside");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_was_stopped_goes_on_from_where_it_wrote_that_it_was() {
    let (server, admin) = stage().await;
    let all: Vec<Vec<u8>> = (1..=6).map(large).collect();
    let names = ["a", "b", "c", "d", "e", "f"];
    let files: Vec<(&str, &[u8])> = names.into_iter().zip(all.iter().map(Vec::as_slice)).collect();
    let bytes: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
    let _: Committed = read(admin.publish(&release("1.0", &files), &bytes, None).await).await;
    let data = server.data.path();
    let mut order: Vec<Digest> = all.iter().map(|bytes| Digest::of(bytes)).collect();
    order.sort();
    tamper(data, &order[0], |bytes| bytes[9] ^= 1);
    tamper(data, &order[5], |bytes| bytes[9] ^= 1);

    let (store, stop) = (Store::attach(data, Options::default()), AtomicBool::new(false));
    let position = data.join("fsck.position");
    // So slow that it is told of the first objects while the others are read.
    let slow = check::Options {
        threads: 1,
        max_bytes_per_second: 3 * 1024 * 1024,
        position: Some(position.clone()),
        ..check::Options::default()
    };
    let stopped = check::run(data, &store, &slow, &stop, &|event| {
        if matches!(event, CheckEvent::Progress { objects: 2.., .. }) {
            stop.store(true, Ordering::Relaxed);
        }
    });
    let stopped = stopped.unwrap();
    assert!(stopped.interrupted && !stopped.is_clean());

    let resume = check::read_position(&position);
    assert!(resume.as_ref().is_some_and(|it| it.next > order[0] && it.findings.len() == 1), "{resume:?}");
    let rest = check::Options { resume, position: Some(position.clone()), ..check::Options::default() };
    let resumed = check::run(data, &store, &rest, &AtomicBool::new(false), &|_| {}).unwrap();
    let mut expected = [order[0], order[5]].map(|digest| (FindingKind::ObjectDamaged, digest.to_string()));
    expected.sort();
    assert_eq!(errors(&resumed), expected);
    assert!(resumed.bytes <= 5 * all[0].len() as u64, "the first were not read again");
    assert!(!position.exists(), "it came to its end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_reads_no_faster_than_it_may_and_tells_how_far_it_is() {
    let (_server, admin) = stage().await;
    let bytes = large(1);
    let _: Committed = read(admin.publish(&release("1.0", &[("a", &bytes)]), &[&bytes], None).await).await;
    let answer = admin.post(paths::STORE_CHECK, &json!({"max_mib_per_second": 2})).await;
    let text = answer.text().await.unwrap();
    let events: Vec<CheckEvent> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let progress = events.iter().filter_map(|event| match event {
        CheckEvent::Progress { objects, of_objects: 2, bytes, .. } => Some((*objects, *bytes)),
        _ => None,
    });
    let progress: Vec<_> = progress.collect();
    assert!(progress.len() > 1 && progress.is_sorted(), "{progress:?}");
    let Some(CheckEvent::Done(report)) = events.last() else { panic!("no report: {text}") };
    assert_eq!((report.objects, progress.last().copied()), (2, Some((2, report.bytes))));
    let rate = f64::from(u32::try_from(report.bytes).unwrap()) / report.seconds;
    assert!(rate <= 2.1 * 1024.0 * 1024.0, "{rate} bytes a second");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_others_may_read_or_change_are_told() {
    let (server, admin) = stage().await;
    let data = server.data.path();
    assert_eq!(check_directory(data).findings, []);
    let open = |file: &str, mode: u32| fs::set_permissions(data.join(file), fs::Permissions::from_mode(mode)).unwrap();
    open("config/link.keys", 0o640);
    open("dist.sqlite", 0o666);
    let expected = ["config/link.keys", "dist.sqlite"].map(|file| (FindingKind::Permissions, file.to_owned()));
    assert_eq!(errors(&check_over_api(&admin, json!({})).await), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_that_repeats_something_is_held_against_it() {
    let (server, admin) = stage().await;
    let _: Committed = read(admin.publish(&release("1.0", &[("a", b"bytes")]), &[b"bytes"], None).await).await;
    let part = release("2.0", &[("b", b"part")]);
    assert!(admin.stage(&part, &[b"part"], "linux").await.status().is_success());
    let data = server.data.path();
    assert_eq!(check_directory(data).findings, []);
    let database = rusqlite::Connection::open(data.join(distd::db::FILE_NAME)).unwrap();
    let changes = [
        ("version = '1.1'", "version"),
        ("build = '7'", "build"),
        ("created_at = '2001-01-01T00:00:00.000Z'", "created_at"),
        ("published_at = '2001-01-01T00:00:00.000Z'", "when or by whom it was published"),
        ("published_by = 'mallory'", "when or by whom it was published"),
    ];
    for (change, told) in changes {
        database.execute(&format!("UPDATE releases SET {change}"), []).unwrap();
        let findings = check_directory(data).findings;
        assert_eq!(findings.len(), 1, "{change}: {findings:?}");
        assert_eq!((findings[0].kind, findings[0].subject.as_str()), (FindingKind::Index, "acme releases/1.0"));
        assert!(findings[0].message.contains(&format!("manifest: {told};")), "{findings:?}");
        assert!(run(&["fsck", "--repair", "--quick"], data).status.success(), "{change}");
        assert_eq!(check_directory(data).findings, [], "{change}");
    }
    database.execute(&format!("UPDATE stages SET manifest = '{}'", Digest::of(b"other")), []).unwrap();
    let findings = errors(&check_directory(data));
    assert_eq!(findings, [(FindingKind::Ref, "acme staging/2.0/linux".to_owned())]);
}
