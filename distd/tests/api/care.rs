//! Care of the store: damage is never served, gc takes only what nothing names, backups come back whole.

mod backup;
mod damage;
mod fsck;
mod gc;
mod scrub;
mod state;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use distd::db::Database;
use distd::ops::care::gc::{Ground, Uploads};
use distd::ops::care::{Policy, check};
use objstore::{BLOCK_BYTES, Digest, Options, Store};
use protocol::api::{CheckEvent, CheckReport, Committed, FindingKind, FindingLevel, GcReport};
use protocol::{AppSlug, ReleaseManifest, paths};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::audit::events_after;
use crate::harness::{Client, TestServer, read, release};

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
