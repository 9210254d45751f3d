//! Requests, from the router to the answer's last byte, without a network: a negotiation of 10,000 digests, the install page,
//! the console's page of an app, a release list.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use distd::http::router;
use distd::ops::tokens;
use distd::{Clock, Inspector, Server};
use objstore::{Digest, Options};
use protocol::api::{CommitRequest, NegotiateRequest, RefUpdate, WantedObject};
use protocol::manifest::{SCHEMA, Source};
use protocol::{AppSlug, Arch, ArtifactLine, Kind, Platform, RefName, ReleaseId, ReleaseManifest, limits, paths};
use serde_json::json;
use serde_json::value::RawValue;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// Releases of the app.
const RELEASES: u32 = 100;

/// A server with one app, whose releases have an artifact each.
struct Bench {
    runtime: Runtime,
    router: Router,
    token: String,
    _data: TempDir,
}

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let data = tempfile::tempdir().unwrap();
        let inspector = Inspector::new(env!("CARGO_BIN_EXE_distd").into());
        let server = Server::open(data.path(), Options { reserve_bytes: 0 }, Clock::system(), inspector).unwrap();
        let token = runtime.block_on(tokens::create_first(&server)).unwrap().unwrap().token;
        let bench = Self { router: router(server), token, runtime, _data: data };
        bench.ask("POST", paths::APPS, json!({"slug": "acme", "access": "public"}).to_string());
        let mut parent = None;
        for number in 1..=RELEASES {
            parent = Some(bench.publish(number, parent));
        }
        bench
    }

    /// The answer's body.
    fn ask(&self, method: &str, path: &str, body: impl Into<Body>) -> Vec<u8> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json")
            .header("upload-offset", "0")
            .header("upload-complete", "?1")
            .body(body.into())
            .unwrap();
        let answer = self.router.clone().oneshot(request);
        self.runtime.block_on(async {
            let answer = answer.await.unwrap();
            let status = answer.status();
            let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
            assert!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&body));
            assert_ne!(status, StatusCode::ACCEPTED);
            body.to_vec()
        })
    }

    fn publish(&self, number: u32, parent: Option<ReleaseId>) -> ReleaseId {
        let app: AppSlug = "acme".parse().unwrap();
        let bytes = number.to_le_bytes();
        let sha256 = Digest::of(&bytes);
        let wanted = NegotiateRequest { objects: vec![WantedObject { digest: sha256, size: 4 }], ..Default::default() };
        self.ask("POST", &paths::negotiate(&app), serde_json::to_vec(&wanted).unwrap());
        self.ask("PATCH", &paths::object(&app, &sha256), bytes.to_vec());
        let line = ArtifactLine {
            platform: Platform::Linux,
            arch: Arch::universal(),
            kind: Kind::File,
            filename: "acme.bin".parse().unwrap(),
            size: 4,
            sha256,
        };
        let manifest = ReleaseManifest {
            schema: SCHEMA.to_owned(),
            app: app.clone(),
            version: format!("1.0.{number}").parse().unwrap(),
            build: None,
            parent,
            created_at: "2026-11-22T09:00:00Z".parse().unwrap(),
            source: Source::default(),
            notes: Some("* Faster.\n* Smaller.\n".to_owned()),
            artifacts: vec![line],
            links: Vec::new(),
        };
        let update = |name: RefName, expected| RefUpdate { name, expected, new: manifest.id() };
        let request = CommitRequest {
            manifest: RawValue::from_string(String::from_utf8(manifest.canonical_bytes()).unwrap()).unwrap(),
            updates: vec![
                update(RefName::Release(manifest.name()), None),
                update("channels/beta".parse().unwrap(), parent),
            ],
            reason: None,
        };
        self.ask("POST", &paths::commit(&app), serde_json::to_vec(&request).unwrap());
        manifest.id()
    }
}

fn requests(criterion: &mut Criterion) {
    let bench = Bench::new();
    let app: AppSlug = "acme".parse().unwrap();
    let mut group = criterion.benchmark_group("request");
    let count = limits::NEGOTIATED_OBJECTS as u64;
    let objects = (0..count).map(|number| WantedObject { digest: Digest::of(&number.to_be_bytes()), size: number });
    let wanted = NegotiateRequest { objects: objects.collect(), ..Default::default() };
    let wanted = serde_json::to_vec(&wanted).unwrap();
    group.throughput(Throughput::Elements(count));
    group.sample_size(20);
    group.bench_function("negotiation of 10,000 digests", |bencher| {
        bencher.iter(|| bench.ask("POST", &paths::negotiate(&app), wanted.clone()));
    });
    group.throughput(Throughput::Elements(1));
    group.sample_size(100);
    let pages = [
        ("install page", paths::install(&app, &"beta".parse().unwrap())),
        ("release list of 50", paths::releases(&app)),
        ("refs of an app", paths::refs(&app)),
    ];
    for (name, path) in pages {
        group.bench_function(name, |bencher| bencher.iter(|| bench.ask("GET", &path, Body::empty())));
    }
    group.finish();
}

criterion_group!(benches, requests);
criterion_main!(benches);
