//! Parts of a release that several runners put together.

use jiff::SignedDuration;
use protocol::api::{AuditPage, Committed, Finalized, RefsAnswer, Release, ReleasePage, Stage, StageRequest, Stages};
use protocol::publish::PublishStatus;
use protocol::{AppSlug, Digest, ErrorCode, ReleaseManifest, paths};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Client, TestServer, read, refused, release};

fn acme() -> AppSlug {
    "acme".parse().unwrap()
}

/// A part of acme 1.0 with one file.
fn part(file: &str, bytes: &[u8]) -> ReleaseManifest {
    release("1.0", &[(file, bytes)])
}

async fn finalize(client: &Client, body: Value) -> Response {
    let mut whole = json!({"created_at": "2026-11-22T10:00:00Z"});
    whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    client.post(&paths::finalize(&acme(), &"1.0".parse().unwrap()), &whole).await
}

async fn start() -> (TestServer, Client) {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    (server, admin)
}

async fn staged(client: &Client) -> Vec<String> {
    let stages: Stages = read(client.get(&paths::staging(&acme())).await).await;
    stages.releases.iter().flat_map(|it| &it.parts).map(|it| format!("{}/{}", it.release, it.part)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_become_a_release_all_at_once() {
    let (server, admin) = start().await;
    let runner = server.with_scopes(&["publish:acme"]).await;
    let linux: Stage = read(runner.stage(&part("linux.bin", b"l"), &[b"l"], "linux").await).await;
    assert_eq!(
        (linux.staged_by.as_str(), linux.expires_at.duration_since(linux.staged_at)),
        ("ci-main", SignedDuration::from_hours(7 * 24))
    );
    let _: Stage = read(runner.stage(&part("macos.bin", b"m"), &[b"m"], "macos").await).await;
    assert_eq!(staged(&admin).await, ["1.0/linux", "1.0/macos"]);
    let page: ReleasePage = read(admin.get(&paths::releases(&acme())).await).await;
    assert!(page.releases.is_empty(), "nothing is visible before");
    let object = paths::object(&acme(), &Digest::of(b"l"));
    refused(admin.get(&object).await, StatusCode::NOT_FOUND, ErrorCode::ObjectNotFound).await;

    let expect = json!(["linux", "macos", "windows"]);
    let answer = finalize(&admin, json!({"expect": expect, "channel": "beta"})).await;
    let details = refused(answer, StatusCode::CONFLICT, ErrorCode::StageMismatch).await;
    assert_eq!((&details["missing"], &details["staged"]), (&json!(["windows"]), &json!(["linux", "macos"])));
    let answer = finalize(&admin, json!({"expect": ["linux"]})).await;
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["message"], "acme 1.0 is not published: staged and not expected macos");
    let answer = finalize(&runner, json!({"expect": ["linux", "macos"], "channel": "beta"})).await;
    refused(answer, StatusCode::FORBIDDEN, ErrorCode::Forbidden).await;

    let body = || json!({"expect": ["macos", "linux"], "channel": "beta", "notes": "All of it"});
    let done: Finalized = read(finalize(&admin, body()).await).await;
    assert_eq!(done.committed.status, PublishStatus::Published);
    let shown: Release = read(admin.get(&paths::release(&acme(), &"beta".parse().unwrap())).await).await;
    let files: Vec<&str> = shown.manifest.artifacts.iter().map(|line| line.filename.as_str()).collect();
    assert_eq!(
        (files.as_slice(), shown.manifest.notes.as_deref()),
        (["linux.bin", "macos.bin"].as_slice(), Some("All of it"))
    );
    assert_eq!(shown.manifest, done.manifest);
    assert_eq!(admin.get(&object).await.status(), StatusCode::OK);
    assert!(staged(&admin).await.is_empty());
    let refs: RefsAnswer = read(admin.get(&paths::refs(&acme())).await).await;
    assert_eq!(refs.refs.keys().map(ToString::to_string).collect::<Vec<_>>(), ["channels/beta", "releases/1.0"]);

    let again: Finalized = read(finalize(&admin, body()).await).await;
    assert_eq!((again.committed.status, again.committed.release), (PublishStatus::Unchanged, done.committed.release));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_runs_again_replaces_its_part() {
    let (_server, admin) = start().await;
    let _: Stage = read(admin.stage(&part("old.bin", b"old"), &[b"old"], "linux").await).await;
    let _: Stage = read(admin.stage(&part("new.bin", b"new"), &[b"new"], "linux").await).await;
    assert_eq!(staged(&admin).await, ["1.0/linux"]);
    let done: Finalized = read(finalize(&admin, json!({"expect": ["linux"]})).await).await;
    assert_eq!(done.manifest.artifacts[0].filename.as_str(), "new.bin");
    // The same content again, after it was published: the part comes and goes, the release stays.
    let _: Stage = read(admin.stage(&part("new.bin", b"new"), &[b"new"], "linux").await).await;
    let again: Finalized = read(finalize(&admin, json!({"expect": ["linux"]})).await).await;
    assert_eq!(again.committed.status, PublishStatus::Unchanged);
    assert!(staged(&admin).await.is_empty());
    let _: Stage = read(admin.stage(&part("other.bin", b"other"), &[b"other"], "linux").await).await;
    let answer = finalize(&admin, json!({"expect": ["linux"]})).await;
    refused(answer, StatusCode::CONFLICT, ErrorCode::ReleaseExists).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_do_not_belong_together_are_refused() {
    let (_server, admin) = start().await;
    let with = |file: &str, bytes: &[u8], commit: &str, notes: &str| {
        let mut manifest = part(file, bytes);
        manifest.source.commit = Some(commit.to_owned());
        manifest.notes = Some(notes.to_owned());
        manifest
    };
    let _: Stage = read(admin.stage(&with("a", b"a", "c0ffee", "one"), &[b"a"], "linux").await).await;
    let _: Stage = read(admin.stage(&with("b", b"b", "decade", "two"), &[b"b"], "macos").await).await;
    let why = async |body: Value| {
        let body: Value = finalize(&admin, body).await.json().await.unwrap();
        assert_eq!(body["code"], "stage_mismatch", "{body}");
        body["message"].as_str().unwrap().to_owned()
    };
    let both = json!({"expect": ["linux", "macos"]});
    assert_eq!(why(both.clone()).await, "acme 1.0 is not published: linux was built from c0ffee, macos from decade");
    let _: Stage = read(admin.stage(&with("b", b"b", "c0ffee", "two"), &[b"b"], "macos").await).await;
    assert_eq!(why(both).await, "acme 1.0 is not published: linux and macos have other notes: finalize with --notes");
    let elsewhere = json!({"expect": ["linux", "macos"], "notes": "x", "source": {"commit": "facade"}});
    assert_eq!(
        why(elsewhere).await,
        "acme 1.0 is not published: its parts were built from c0ffee, it is finalized from facade"
    );
    let _: Stage = read(admin.stage(&with("a", b"b", "c0ffee", "one"), &[b"b"], "macos").await).await;
    let answer = finalize(&admin, json!({"expect": ["linux", "macos"]})).await;
    refused(answer, StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::ArtifactDuplicate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_part_of_the_release_is_not_staged() {
    let (server, admin) = start().await;
    let manifest = part("a", b"a");
    let before = server.state();
    let path = paths::stage(&acme(), &"1.0".parse().unwrap(), &"linux".parse().unwrap());
    let put = async |path: &str, manifest: &ReleaseManifest| {
        let body = crate::harness::part_request(manifest);
        admin.request(reqwest::Method::PUT, path).json(&body).send().await.unwrap()
    };
    refused(put(&path, &manifest).await, StatusCode::CONFLICT, ErrorCode::ObjectMissing).await;
    let other = paths::stage(&acme(), &"2.0".parse().unwrap(), &"linux".parse().unwrap());
    refused(put(&other, &manifest).await, StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::UpdateInvalid).await;
    let child = ReleaseManifest { parent: Some(Digest::of(b"x")), ..manifest };
    refused(put(&path, &child).await, StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::UpdateInvalid).await;
    for of in [0, 65] {
        let body = StageRequest { of: Some(of), ..crate::harness::part_request(&part("a", b"a")) };
        let answer = admin.request(reqwest::Method::PUT, &path).json(&body).send().await.unwrap();
        refused(answer, StatusCode::BAD_REQUEST, ErrorCode::RequestInvalid).await;
    }
    assert_eq!(server.state(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_not_used_goes_away() {
    let (server, admin) = start().await;
    let _: Stage = read(admin.stage(&part("a", b"a"), &[b"a"], "linux").await).await;
    server.advance(SignedDuration::from_hours(7 * 24 - 1));
    let _: Stage = read(admin.stage(&part("b", b"b"), &[b"b"], "macos").await).await;
    assert_eq!(staged(&admin).await, ["1.0/linux", "1.0/macos"]);
    server.advance(SignedDuration::from_hours(1));
    assert_eq!(staged(&admin).await, ["1.0/macos"]);
    let answer = finalize(&admin, json!({"expect": ["linux", "macos"]})).await;
    refused(answer, StatusCode::CONFLICT, ErrorCode::StageMismatch).await;
    let refs: RefsAnswer = read(admin.get(&paths::refs(&acme())).await).await;
    assert_eq!(refs.refs.keys().map(ToString::to_string).collect::<Vec<_>>(), ["staging/1.0/macos"]);
    let events: AuditPage = read(admin.get("/api/v1/audit?action=stage.expire").await).await;
    assert_eq!((events.events[0].actor.as_str(), events.events[0].subject.as_str()), ("distd", "staging/1.0/linux"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_held_holds_parts_too() {
    let (_server, admin) = start().await;
    let first = release("0.9", &[("a", b"0")]);
    let _: Committed = read(admin.publish(&first, &[b"0"], Some(("beta", None))).await).await;
    let pin = paths::pin(&acme(), &"beta".parse().unwrap());
    let _: Value = read(admin.request(reqwest::Method::PUT, &pin).json(&json!({})).send().await.unwrap()).await;
    let _: Stage = read(admin.stage(&part("a", b"a"), &[b"a"], "linux").await).await;
    let done: Finalized = read(finalize(&admin, json!({"expect": ["linux"], "channel": "beta"})).await).await;
    assert_eq!((done.committed.held[0].code, done.manifest.parent), (ErrorCode::ChannelPinned, Some(first.id())));
}
