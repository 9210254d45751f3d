//! A server of its own for each test, and a client that speaks to it.

use std::sync::{Arc, Mutex};

use distd::server::Clock;
use distd::webhooks::{Reach, Sender};
use distd::{Inspector, Listening, Server, Settings, Site};
use jiff::{SignedDuration, Timestamp};
use objstore::{Digest, Options};
use protocol::api::{
    CommitRequest, CreateToken, CreatedToken, NegotiateRequest, Negotiated, RefUpdate, StageRequest, WantedObject,
};
use protocol::manifest::{ArtifactLine, SCHEMA, Source};
use protocol::{Arch, ErrorBody, ErrorCode, Kind, Platform, RefName, ReleaseId, ReleaseManifest, paths};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use serde_json::value::RawValue;
use tempfile::TempDir;

/// A server on a data directory of its own.
pub(crate) struct TestServer {
    pub(crate) data: TempDir,
    pub(crate) url: String,
    pub(crate) server: Server,
    now: Arc<Mutex<Timestamp>>,
    stop: Box<dyn Fn() + Send + Sync>,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
    admin: String,
}

/// A client with one token, or none.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
}

/// Workers are the real program.
pub(crate) fn inspector() -> Inspector {
    Inspector::new(env!("CARGO_BIN_EXE_distd").into())
}

fn clock(now: &Arc<Mutex<Timestamp>>) -> Clock {
    let now = Arc::clone(now);
    Clock::new(move || *now.lock().unwrap())
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::start_with(Options { reserve_bytes: 0 }).await
    }

    pub(crate) async fn start_with(options: Options) -> Self {
        Self::open(tempfile::tempdir().unwrap(), options, inspector(), None, Site::default()).await
    }

    /// A server that is reached from outside in this way.
    pub(crate) async fn start_at(site: Site) -> Self {
        Self::open(tempfile::tempdir().unwrap(), Options { reserve_bytes: 0 }, inspector(), None, site).await
    }

    /// The same, which sends webhooks with this.
    pub(crate) async fn start_sending(site: Site, sender: Sender) -> Self {
        let (data, options) = (tempfile::tempdir().unwrap(), Options { reserve_bytes: 0 });
        Self::open_sending(data, options, inspector(), None, site, sender).await
    }

    /// A server whose workers are of another kind.
    pub(crate) async fn start_inspecting(inspector: Inspector) -> Self {
        Self::open(tempfile::tempdir().unwrap(), Options { reserve_bytes: 0 }, inspector, None, Site::default()).await
    }

    /// A server on a data directory that one served before.
    pub(crate) async fn serve(data: TempDir, admin: String) -> Self {
        Self::serve_with(data, admin, Options { reserve_bytes: 0 }).await
    }

    pub(crate) async fn serve_with(data: TempDir, admin: String, options: Options) -> Self {
        Self::open(data, options, inspector(), Some(admin), Site::default()).await
    }

    async fn open(data: TempDir, options: Options, inspector: Inspector, admin: Option<String>, site: Site) -> Self {
        // What tests receive is on this machine.
        Self::open_sending(data, options, inspector, admin, site, Sender::new(Reach::Anywhere)).await
    }

    async fn open_sending(
        data: TempDir,
        options: Options,
        inspector: Inspector,
        admin: Option<String>,
        site: Site,
        sender: Sender,
    ) -> Self {
        // Ignored where another test of the same process was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let now = Arc::new(Mutex::new("2026-11-22T09:00:00Z".parse().unwrap()));
        let server = Server::open(data.path(), options, clock(&now), inspector).unwrap();
        server.change(Settings { site, ..Settings::default() });
        let server = server.with_webhooks(sender);
        let first = distd::ops::tokens::create_first(&server).await.unwrap();
        let admin = admin.unwrap_or_else(|| first.unwrap().token);
        let listening = Listening::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let url = format!("http://{}", listening.address());
        let stop = Box::new(listening.stopper());
        let serving = tokio::spawn(listening.serve(server.clone()));
        Self { data, url, server, now, stop, serving, admin }
    }

    pub(crate) fn clock(&self) -> Clock {
        clock(&self.now)
    }

    pub(crate) fn admin_token(&self) -> String {
        self.admin.clone()
    }

    /// Lets time pass.
    pub(crate) fn advance(&self, by: SignedDuration) {
        let mut now = self.now.lock().unwrap();
        *now += by;
    }

    /// Stops it and waits for the requests in flight.
    pub(crate) async fn stop(self) -> TempDir {
        (self.stop)();
        self.serving.await.unwrap().unwrap();
        self.data
    }

    pub(crate) fn begin_stop(&self) {
        (self.stop)();
    }

    pub(crate) fn admin(&self) -> Client {
        self.client(Some(self.admin.clone()))
    }

    pub(crate) fn anonymous(&self) -> Client {
        self.client(None)
    }

    /// A client whose token has these scopes.
    pub(crate) async fn with_scopes(&self, scopes: &[&str]) -> Client {
        let wanted = CreateToken {
            name: "ci-main".to_owned(),
            scopes: scopes.iter().map(|scope| scope.parse().unwrap()).collect(),
            expires_in_seconds: Some(3600),
            never_expires: false,
        };
        let made: CreatedToken = self.admin().post(paths::TOKENS, &wanted).await.json().await.unwrap();
        self.client(Some(made.token))
    }

    pub(crate) fn client(&self, token: Option<String>) -> Client {
        Client { http: reqwest::Client::new(), url: self.url.clone(), token }
    }

    /// Everything in the database that a refused request must not change; that it was refused is noted elsewhere.
    pub(crate) fn state(&self) -> Vec<String> {
        let db = rusqlite::Connection::open(self.data.path().join(distd::db::FILE_NAME)).unwrap();
        let changes = "audit_events WHERE action <> 'access.refuse'";
        ["apps", "releases", "artifacts", "refs", "reflog", changes, "tokens"]
            .iter()
            .map(|table| {
                let sql = format!("SELECT count(*) FROM {table}");
                let rows: i64 = db.query_row(&sql, [], |row| row.get(0)).unwrap();
                format!("{table} {rows}")
            })
            .collect()
    }

    /// Names of the files below `objects/`.
    pub(crate) fn objects(&self) -> Vec<String> {
        let mut names = Vec::new();
        for shard in std::fs::read_dir(self.data.path().join("objects")).unwrap() {
            for file in std::fs::read_dir(shard.unwrap().path()).unwrap() {
                names.push(file.unwrap().file_name().into_string().unwrap());
            }
        }
        names.sort();
        names
    }
}

impl Client {
    /// A client of a server that runs elsewhere.
    pub(crate) fn at(url: String, token: Option<String>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { http: reqwest::Client::new(), url, token }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &impl serde::Serialize) -> Response {
        self.request(Method::POST, path).json(body).send().await.unwrap()
    }

    pub(crate) async fn create_app(&self, slug: &str, access: &str) {
        let answer = self.post(paths::APPS, &serde_json::json!({"slug": slug, "access": access})).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
    }

    pub(crate) async fn negotiate(&self, app: &str, objects: &[&[u8]]) -> Negotiated {
        let objects = objects.iter().map(|bytes| wanted(bytes)).collect();
        let request = NegotiateRequest { objects, ..NegotiateRequest::default() };
        read(self.post(&paths::negotiate(&app.parse().unwrap()), &request).await).await
    }

    /// Sends `body` as the part of `digest` that begins at `offset`.
    pub(crate) async fn patch(&self, app: &str, digest: &Digest, offset: u64, is_last: bool, body: &[u8]) -> Response {
        self.request(Method::PATCH, &paths::object(&app.parse().unwrap(), digest))
            .header("Upload-Offset", offset)
            .header("Upload-Complete", if is_last { "?1" } else { "?0" })
            .body(body.to_vec())
            .send()
            .await
            .unwrap()
    }

    /// Negotiates and sends objects.
    pub(crate) async fn upload(&self, app: &str, objects: &[&[u8]]) {
        let missing = self.negotiate(app, objects).await.missing;
        for bytes in objects {
            let digest = Digest::of(bytes);
            if missing.iter().any(|object| object.digest == digest) {
                let answer = self.patch(app, &digest, 0, true, bytes).await;
                assert_eq!(answer.status(), StatusCode::NO_CONTENT);
            }
        }
    }

    /// Uploads, then commits with a channel, whose place is `expected`.
    pub(crate) async fn publish(
        &self,
        manifest: &ReleaseManifest,
        objects: &[&[u8]],
        channel: Option<(&str, Option<ReleaseId>)>,
    ) -> Response {
        self.upload(manifest.app.as_str(), objects).await;
        self.commit(manifest, channel).await
    }

    /// Uploads, then stages as a part of the manifest's release.
    pub(crate) async fn stage(&self, manifest: &ReleaseManifest, objects: &[&[u8]], part: &str) -> Response {
        self.upload(manifest.app.as_str(), objects).await;
        let path = paths::stage(&manifest.app, &manifest.name(), &part.parse().unwrap());
        self.request(Method::PUT, &path).json(&part_request(manifest)).send().await.unwrap()
    }

    pub(crate) async fn commit(
        &self,
        manifest: &ReleaseManifest,
        channel: Option<(&str, Option<ReleaseId>)>,
    ) -> Response {
        self.post(&paths::commit(&manifest.app), &commit_request(manifest, channel)).await
    }
}

pub(crate) fn commit_request(manifest: &ReleaseManifest, channel: Option<(&str, Option<ReleaseId>)>) -> CommitRequest {
    let text = String::from_utf8(manifest.canonical_bytes()).unwrap();
    let update = |name: String, expected| RefUpdate { name: name.parse().unwrap(), expected, new: manifest.id() };
    let own = update(RefName::Release(manifest.name()).to_string(), None);
    let channel = channel.map(|(name, expected)| update(format!("channels/{name}"), expected));
    CommitRequest {
        manifest: RawValue::from_string(text).unwrap(),
        updates: std::iter::once(own).chain(channel).collect(),
        reason: None,
    }
}

pub(crate) fn part_request(manifest: &ReleaseManifest) -> StageRequest {
    let text = String::from_utf8(manifest.canonical_bytes()).unwrap();
    StageRequest { manifest: RawValue::from_string(text).unwrap(), of: None }
}

pub(crate) fn wanted(bytes: &[u8]) -> WantedObject {
    WantedObject { digest: Digest::of(bytes), size: bytes.len() as u64 }
}

/// A release of acme with one file per entry.
pub(crate) fn release(version: &str, files: &[(&str, &[u8])]) -> ReleaseManifest {
    let artifacts = files.iter().map(|(name, bytes)| ArtifactLine {
        platform: Platform::Linux,
        arch: Arch::universal(),
        kind: Kind::File,
        filename: name.parse().unwrap(),
        size: bytes.len() as u64,
        sha256: Digest::of(bytes),
    });
    ReleaseManifest {
        schema: SCHEMA.to_owned(),
        app: "acme".parse().unwrap(),
        version: version.parse().unwrap(),
        build: None,
        parent: None,
        created_at: "2026-11-22T09:00:00Z".parse().unwrap(),
        source: Source::default(),
        notes: None,
        artifacts: artifacts.collect(),
        links: Vec::new(),
    }
}

pub(crate) async fn read<T: serde::de::DeserializeOwned>(answer: Response) -> T {
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// The error of an answer that has this status and code.
pub(crate) async fn refused(answer: Response, status: StatusCode, code: ErrorCode) -> Value {
    let found = answer.status();
    let body: ErrorBody = answer.json().await.unwrap();
    assert_eq!((found, body.code), (status, code), "{body:?}");
    assert!(body.request_id.is_some(), "{body:?}");
    body.details
}
