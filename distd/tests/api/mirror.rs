//! Apps that are kept equal to those of another server.

use std::fs;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use distd::db::Database;
use distd::ops::care::Policy;
use distd::ops::care::check::{self, Options as CheckOptions};
use distd::ops::care::gc::{Ground, Uploads};
use distd::ops::mirror::{self, MirrorError, Updated, Work};
use distd::ops::remote::Remote;
use objstore::{BLOCK_BYTES, Digest, Options, Store};
use protocol::api::{App, Channels, Committed, ReflogPage, RefsAnswer, ReleasePage, Withdrawn};
use protocol::{AppSlug, ErrorCode, ReleaseManifest, Revision, paths};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::{Client, TestServer, inspector, read, refused, release};

const ONE: &[u8] = b"the first";
const TWO: &[u8] = b"the second";
const BOTH: &[u8] = b"in both";

fn acme() -> AppSlug {
    "acme".parse().unwrap()
}

fn revision(text: &str) -> Revision {
    text.parse().unwrap()
}

/// A server with acme 1.0 and 2.0, beta moved to either, stable at the first.
async fn source() -> (TestServer, Client) {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "public").await;
    let first = release("1.0", &[("own", ONE), ("both", BOTH)]);
    let second = after(&first, "2.0", &[("own", TWO), ("both", BOTH)]);
    let _: Committed = read(admin.publish(&first, &[ONE, BOTH], Some(("beta", None))).await).await;
    let _: Committed = read(admin.publish(&second, &[TWO, BOTH], Some(("beta", Some(first.id())))).await).await;
    promote(&admin, "stable", "1.0", "soaked").await;
    (server, admin)
}

fn after(parent: &ReleaseManifest, version: &str, files: &[(&str, &[u8])]) -> ReleaseManifest {
    ReleaseManifest { parent: Some(parent.id()), ..release(version, files) }
}

async fn promote(admin: &Client, channel: &str, to: &str, reason: &str) {
    let path = paths::promote(&acme(), &channel.parse().unwrap());
    let answer = admin.post(&path, &json!({"revision": to, "reason": reason})).await;
    assert_eq!(answer.status(), StatusCode::OK);
}

/// What `distd mirror` works on, beside the server that serves the mirror.
fn work(server: &TestServer, of: &TestServer) -> Work {
    let data = server.data.path();
    let ground = Ground {
        db: Database::attach(data).unwrap(),
        store: Store::attach(data, Options { reserve_bytes: 0 }),
        clock: server.clock(),
        policy: Policy::default(),
        uploads: Uploads::OfAnother,
    };
    let remote = Remote::new(of.url.parse().unwrap(), Some(of.admin_token())).unwrap();
    Work { ground, inspector: inspector(), remote }
}

async fn update(server: &TestServer, of: &TestServer) -> Result<Updated, MirrorError> {
    mirror::update(&work(server, of), &acme(), &|_| ()).await
}

fn assert_clean(server: &TestServer) {
    let store = Store::attach(server.data.path(), Options::default());
    let report =
        check::run(server.data.path(), &store, &CheckOptions::default(), &AtomicBool::new(false), &|_| {}).unwrap();
    assert!(report.is_clean(), "{report:?}");
}

/// Everything that a mirror has of its source.
async fn told(client: &Client) -> (RefsAnswer, Channels, Vec<ReflogPage>, ReleasePage) {
    let channels: Channels = read(client.get(&paths::channels(&acme())).await).await;
    let mut reflogs = Vec::new();
    for channel in &channels.channels {
        reflogs.push(read(client.get(&paths::reflog(&acme(), &channel.name)).await).await);
    }
    let refs = read(client.get(&paths::refs(&acme())).await).await;
    (refs, channels, reflogs, read(client.get(&paths::releases(&acme())).await).await)
}

async fn download(client: &Client, bytes: &[u8]) -> StatusCode {
    let answer = client.get(&paths::object(&acme(), &Digest::of(bytes))).await;
    let status = answer.status();
    if status.is_success() {
        assert_eq!(answer.bytes().await.unwrap(), bytes);
    }
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_is_equal_to_its_source_and_takes_only_what_is_new() {
    let (source, there) = source().await;
    let server = TestServer::start().await;
    let here = server.admin();
    let bytes = (ONE.len() + TWO.len() + BOTH.len()) as u64;
    let first = update(&server, &source).await.unwrap();
    assert_eq!(first, Updated { releases: 2, objects: 3, bytes, moves: 3, ..Updated::default() });
    assert_eq!(told(&here).await, told(&there).await);
    assert_eq!(download(&here, TWO).await, StatusCode::OK);
    assert_clean(&server);

    let head = server.state();
    assert_eq!(update(&server, &source).await.unwrap(), Updated::default());
    assert_eq!(server.state().len(), head.len(), "nothing new is no event");

    let third = release("3.0", &[("both", BOTH)]);
    let at: Channels = read(there.get(&paths::channels(&acme())).await).await;
    let beta = at.channels.iter().find(|channel| channel.name.as_str() == "beta").unwrap().release.id;
    let _: Committed = read(there.publish(&third, &[BOTH], Some(("beta", Some(beta)))).await).await;
    let path = paths::rollback(&acme(), &"beta".parse().unwrap());
    assert_eq!(there.post(&path, &json!({"reason": "crashes"})).await.status(), StatusCode::OK);
    let path = paths::revoke(&acme(), &revision("3.0"));
    let _: Withdrawn = read(there.post(&path, &json!({"reason": "leaks"})).await).await;
    let second = update(&server, &source).await.unwrap();
    assert_eq!(second, Updated { releases: 1, moves: 2, marks: 2, ..Updated::default() });
    assert_eq!(told(&here).await, told(&there).await);
    assert_clean(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_changes_only_by_its_source() {
    let (source, _) = source().await;
    let server = TestServer::start().await;
    update(&server, &source).await.unwrap();
    let here = server.admin();
    let app: App = read(here.get(&paths::app(&acme())).await).await;
    assert_eq!(app.mirror.unwrap().source.to_string(), source.url);
    let before = server.state();
    let new = release("9.0", &[]);
    let beta = "beta".parse().unwrap();
    let posts = [
        (paths::negotiate(&acme()), json!({"objects": [], "refs": []})),
        (paths::promote(&acme(), &beta), json!({"revision": "1.0"})),
        (paths::rollback(&acme(), &beta), json!({})),
        (paths::revoke(&acme(), &revision("2.0")), json!({"reason": "leaks", "rollback": true})),
    ];
    for (path, body) in posts {
        let details = refused(here.post(&path, &body).await, StatusCode::CONFLICT, ErrorCode::AppIsMirror).await;
        assert_eq!(details, json!({"source": source.url}), "{path}");
    }
    let pin = here.request(Method::PUT, &paths::pin(&acme(), &beta)).json(&json!({})).send().await.unwrap();
    refused(pin, StatusCode::CONFLICT, ErrorCode::AppIsMirror).await;
    let linked = ReleaseManifest {
        links: vec![
            serde_json::from_value(json!({
                "platform": "ios", "kind": "testflight", "url": "https://testflight.apple.com/join/abc"
            }))
            .unwrap(),
        ],
        ..new
    };
    refused(here.commit(&linked, None).await, StatusCode::CONFLICT, ErrorCode::AppIsMirror).await;
    let path = paths::stage(&acme(), &linked.name(), &"ios".parse().unwrap());
    let part = crate::harness::part_request(&linked);
    let stage = here.request(Method::PUT, &path).json(&part).send().await.unwrap();
    refused(stage, StatusCode::CONFLICT, ErrorCode::AppIsMirror).await;
    assert_eq!(server.state(), before);

    // Who may see it is said here, and where it comes from is for who may read it by a token.
    let public = here.request(Method::PATCH, &paths::app(&acme())).json(&json!({"access": "public"}));
    assert_eq!(public.send().await.unwrap().status(), StatusCode::OK);
    let seen: App = read(server.anonymous().get(&paths::app(&acme())).await).await;
    assert_eq!(seen.mirror, None);

    mirror::stop(&work(&server, &source).ground, &acme()).await.unwrap();
    let _: Committed = read(here.commit(&linked, None).await).await;
    let error = update(&server, &source).await.unwrap_err();
    assert!(matches!(error, MirrorError::OwnApp(_)), "{error}");
    assert_clean(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_of_this_server_and_one_of_another_source_stay_as_they_are() {
    let (source, _) = source().await;
    let (other, there) = self::source().await;
    let server = TestServer::start().await;
    let here = server.admin();
    here.create_app("acme", "token").await;
    let before = server.state();
    assert!(matches!(update(&server, &source).await, Err(MirrorError::OwnApp(_))));
    assert_eq!(server.state(), before);

    let server = TestServer::start().await;
    update(&server, &source).await.unwrap();
    let before = server.state();
    assert!(matches!(update(&server, &other).await, Err(MirrorError::OtherSource { .. })));
    let unknown = mirror::update(&work(&server, &source), &"nothing".parse().unwrap(), &|_| ()).await.unwrap_err();
    assert!(unknown.to_string().contains("app_not_found"), "{unknown}");
    assert_eq!(server.state(), before);

    // The source is not what it was: it has taken back what the mirror has seen.
    promote(&there, "stable", "2.0", "sooner").await;
    mirror::stop(&work(&server, &source).ground, &acme()).await.unwrap();
    let database = rusqlite::Connection::open(server.data.path().join(distd::db::FILE_NAME)).unwrap();
    let sql = "INSERT INTO mirrors (app, source, since) VALUES ('acme', ?1, '2026-11-22T09:00:00.000Z')";
    database.execute(sql, [&other.url]).unwrap();
    let sql = "UPDATE reflog SET at = '2020-01-01T00:00:00.000Z' WHERE ref = 'channels/beta'";
    database.execute(sql, []).unwrap();
    let before = server.state();
    let error = update(&server, &other).await.unwrap_err();
    assert!(matches!(error, MirrorError::Diverged { .. }), "{error}");
    assert_eq!(server.state(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_app_holds_is_taken_from_the_source_all_the_same() {
    let (source, _) = source().await;
    let server = TestServer::start().await;
    let here = server.admin();
    here.create_app("secret", "token").await;
    let secret = ReleaseManifest { app: "secret".parse().unwrap(), ..release("1.0", &[("own", TWO)]) };
    let _: Committed = read(here.publish(&secret, &[TWO], None).await).await;
    assert_eq!(update(&server, &source).await.unwrap().objects, 3);
    assert_clean(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_app_holds_is_not_shown_by_a_release_that_came_without_it() {
    let (source, there) = source().await;
    let path = paths::revoke(&acme(), &revision("2.0"));
    let _: Withdrawn = read(there.post(&path, &json!({"reason": "leaks", "rollback": true})).await).await;
    let server = TestServer::start().await;
    let here = server.admin();
    here.create_app("secret", "token").await;
    let secret = ReleaseManifest { app: "secret".parse().unwrap(), ..release("1.0", &[("own", TWO)]) };
    let _: Committed = read(here.publish(&secret, &[TWO], None).await).await;
    assert_eq!(update(&server, &source).await.unwrap().withheld, 1);
    assert_eq!(download(&here, TWO).await, StatusCode::GONE);
    let path = paths::restore(&acme(), &revision("2.0"));
    let _: Withdrawn = read(there.post(&path, &json!({})).await).await;
    assert_eq!(update(&server, &source).await.unwrap().objects, 1, "the source has shown that it has it");
    assert_eq!(download(&here, TWO).await, StatusCode::OK);
    assert_clean(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_shows_nothing_and_the_next_update_goes_on_where_it_was() {
    let source = TestServer::start().await;
    let there = source.admin();
    there.create_app("acme", "token").await;
    let large: Vec<u8> = (0..3 * BLOCK_BYTES + 5).map(|at| (at % 251) as u8).collect();
    let manifest = release("1.0", &[("large", &large)]);
    let _: Committed = read(there.publish(&manifest, &[&large], Some(("beta", None))).await).await;
    let name = Digest::of(&large).to_string();
    let path = source.data.path().join("objects").join(&name[..2]).join(&name);
    let flip = |path: &std::path::Path| {
        let mut bytes = fs::read(path).unwrap();
        bytes[2 * usize::try_from(BLOCK_BYTES).unwrap() + 9] ^= 1;
        fs::remove_file(path).unwrap();
        fs::write(path, bytes).unwrap();
    };
    flip(&path);
    let server = TestServer::start().await;
    let error = update(&server, &source).await.unwrap_err();
    assert!(matches!(error, MirrorError::Remote(_)), "{error}");
    let here = server.admin();
    let refs: RefsAnswer = read(here.get(&paths::refs(&acme())).await).await;
    assert!(refs.refs.is_empty());
    let partial = server.data.path().join("uploads/-mirror-acme").join(&name);
    // A connection that is reset takes with it what was not read yet.
    let kept = fs::metadata(&partial).map_or(0, |found| found.len());
    assert!(kept <= 2 * BLOCK_BYTES, "{kept} bytes, more than were whole");

    let _: Committed = read(there.publish(&manifest, &[&large], None).await).await;
    let arrived = std::sync::atomic::AtomicU64::new(0);
    let count = |step| {
        if let mirror::Step::Arrived(bytes) = step {
            arrived.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
        }
    };
    mirror::update(&work(&server, &source), &acme(), &count).await.unwrap();
    assert_eq!(arrived.into_inner(), 3 * BLOCK_BYTES + 5 - kept, "only the rest");
    assert_eq!(download(&here, &large).await, StatusCode::OK);
    assert!(!partial.exists());
    assert_clean(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_source_keeps_to_itself_comes_when_it_is_given_again() {
    let (source, there) = source().await;
    let path = paths::revoke(&acme(), &revision("2.0"));
    let _: Withdrawn = read(there.post(&path, &json!({"reason": "leaks", "rollback": true})).await).await;
    let server = TestServer::start().await;
    let here = server.admin();
    let first = update(&server, &source).await.unwrap();
    assert_eq!((first.releases, first.objects, first.withheld), (2, 2, 1));
    assert_eq!(download(&here, TWO).await, StatusCode::GONE);
    assert_clean(&server);
    assert_eq!(update(&server, &source).await.unwrap(), Updated::default());

    let path = paths::restore(&acme(), &revision("2.0"));
    let _: Withdrawn = read(there.post(&path, &json!({})).await).await;
    let second = update(&server, &source).await.unwrap();
    assert_eq!((second.objects, second.marks), (1, 1));
    assert_eq!(download(&here, TWO).await, StatusCode::OK);
    assert_eq!(told(&here).await, told(&there).await);
    assert_clean(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_mirror_lost_it_takes_again() {
    let (source, _) = source().await;
    let server = TestServer::start().await;
    update(&server, &source).await.unwrap();
    let name = Digest::of(ONE).to_string();
    fs::remove_file(server.data.path().join("objects").join(&name[..2]).join(&name)).unwrap();
    let again = update(&server, &source).await.unwrap();
    assert_eq!((again.objects, again.releases), (1, 0));
    assert_clean(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_makes_a_mirror_where_nothing_is_and_ends_it() {
    let (source, there) = source().await;
    let data = tempfile::tempdir().unwrap();
    let data = data.path().join("täglich 📦");
    let token = source.admin_token();
    let url = source.url.clone();
    let run = move |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_distd"));
        command.arg("mirror").args(words).args(["--reserve-mib", "0", "--data"]).arg(&data);
        command.env("DISTD_FROM_TOKEN", &token).output().unwrap()
    };
    let run = |words: Vec<String>| {
        let run = run.clone();
        async move {
            let go = move || run(&words.iter().map(String::as_str).collect::<Vec<_>>());
            let output = tokio::task::spawn_blocking(go).await.unwrap();
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            (output.status.code(), text(output.stdout), text(output.stderr))
        }
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();

    let (code, said, errors) = run(words(&[&url, "--app", "acme"])).await;
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert_eq!(said, "acme: 2 releases, 3 objects (26 B), 3 moves of channels\n");
    let (code, said, _) = run(words(&[&url, "--app", "acme,nothing", "--json"])).await;
    let outcomes: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &outcomes[0]["releases"], &outcomes[1]["app"]), (Some(1), &json!(0), &json!("nothing")));
    assert!(outcomes[1]["error"].as_str().unwrap().contains("app_not_found"), "{said}");
    promote(&there, "stable", "2.0", "soaked").await;
    assert_eq!(run(words(&[&url, "--app", "acme"])).await.1, "acme: 1 move of a channel\n");
    let (code, _, errors) = run(words(&["--stop", "--app", "acme"])).await;
    assert_eq!((code, errors.as_str()), (Some(0), "acme is an app of this server now\n"));
    let (code, _, errors) = run(words(&["--stop", "--app", "acme"])).await;
    assert_eq!(code, Some(1));
    assert!(errors.contains("acme is not a mirror"), "{errors}");
}
