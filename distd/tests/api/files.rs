//! Addresses of files, what they answer, how often they are used, and whether there is something newer.

use std::collections::BTreeMap;
use std::process::Command;

use distd::{Handover, Site};
use jiff::SignedDuration;
use protocol::api::{Committed, Downloads, Update};
use protocol::manifest::ReleaseManifest;
use protocol::{AppSlug, Arch, Digest, ErrorCode, Kind, Platform, paths};
use reqwest::{Method, Response, StatusCode, header};

use crate::harness::{TestServer, read, refused, release};
use crate::install::{WINDOWS, browse};

const LINUX: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const LINUX_ARM: &[u8] = b"for arm";
const BUNDLE: &[u8] = b"a bundle";

fn acme() -> AppSlug {
    "acme".parse().unwrap()
}

/// Two files of one name, and a bundle that is for its makers.
fn manifest(version: &str) -> ReleaseManifest {
    let mut manifest =
        release(version, &[("acme 1.tar.gz", LINUX), ("acme 1.tar.gz", LINUX_ARM), ("acme.aab", BUNDLE)]);
    let lines = &mut manifest.artifacts;
    (lines[0].arch, lines[1].arch) = (Arch::from_spelling("amd64").unwrap(), Arch::from_spelling("arm64").unwrap());
    (lines[2].platform, lines[2].kind) = (Platform::Android, Kind::File);
    manifest.sort();
    manifest
}

async fn server(site: Site, access: &str) -> TestServer {
    let server = TestServer::start_at(site).await;
    let admin = server.admin();
    admin.create_app("acme", access).await;
    let objects: [&[u8]; 3] = [LINUX, LINUX_ARM, BUNDLE];
    let _: Committed = read(admin.publish(&manifest("1.0"), &objects, Some(("beta", None))).await).await;
    server
}

fn comparable(answer: &Response) -> (StatusCode, BTreeMap<String, String>) {
    let text = |(name, value): (&header::HeaderName, &header::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    let mut headers: BTreeMap<_, _> = answer.headers().iter().map(text).collect();
    headers.retain(|name, _| name != "x-request-id" && name != "date");
    (answer.status(), headers)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_leads_to_its_file_and_the_file_stays_where_it_is() {
    let server = server(Site::default(), "public").await;
    for (path, bytes) in [
        ("/download/acme/beta/linux", LINUX),
        ("/download/acme/beta/linux/arm64", LINUX_ARM),
        ("/download/acme/beta/linux?kind=file", LINUX),
    ] {
        let answer = browse(&server, path, WINDOWS).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
        let place = answer.headers()[header::LOCATION].to_str().unwrap().to_owned();
        assert!(place.starts_with("/artifacts/acme/1.0/acme%201.tar.gz?sha256="), "{place}");
        let file = browse(&server, &place, WINDOWS).await;
        assert_eq!(file.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
        assert_eq!(file.headers()[header::ETAG], format!("\"{}\"", Digest::of(bytes)));
        assert!(file.headers()[header::CONTENT_DISPOSITION].to_str().unwrap().contains("filename=\"acme 1.tar.gz\""));
        assert!(file.headers()["repr-digest"].to_str().unwrap().starts_with("sha-256=:"));
        assert_eq!(file.bytes().await.unwrap(), bytes);
    }
    for path in [
        "/download/acme/beta/linux/riscv64",
        "/download/acme/beta/macos",
        "/download/acme/nightly/linux",
        "/artifacts/acme/1.0/acme%201.tar.gz",
        "/artifacts/acme/beta/acme.aab",
        "/artifacts/acme/1.0/nothing",
    ] {
        assert_eq!(browse(&server, path, WINDOWS).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_the_headers_of_its_get_wherever_a_file_is() {
    let server = server(Site::default(), "public").await;
    let file = format!("/artifacts/acme/1.0/acme%201.tar.gz?sha256={}", Digest::of(LINUX));
    let style = "/assets/style.css".to_owned();
    for path in [file, style, "/install/acme/beta".to_owned(), "/download/acme/beta/linux".to_owned()] {
        for range in ["", "bytes=5-", "bytes=0-1,-2"] {
            let ask = async |method: Method| {
                let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
                let request = http.request(method, format!("{}{path}", server.url));
                comparable(
                    &if range.is_empty() { request } else { request.header("range", range) }.send().await.unwrap(),
                )
            };
            assert_eq!(ask(Method::HEAD).await, ask(Method::GET).await, "{path} {range}");
        }
    }
}

/// What curl writes with these arguments.
fn curl(arguments: &[&str], url: &str) -> Vec<u8> {
    let output = Command::new("curl").args(["--silent", "--show-error", "--fail"]).args(arguments).arg(url).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_resumes_and_asks_for_parts() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "public").await;
    let bytes: Vec<u8> = (0..500_000u32).flat_map(u32::to_le_bytes).collect();
    let _: Committed = read(admin.publish(&release("1.0", &[("big.bin", &bytes)]), &[&bytes], None).await).await;
    let url = format!("{}/artifacts/acme/1.0/big.bin", server.url);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("big.bin");
    std::fs::write(&file, &bytes[..1_234_567]).unwrap();
    curl(&["--continue-at", "-", "--output", file.to_str().unwrap()], &url);
    assert!(std::fs::read(&file).unwrap() == bytes, "resumed");
    assert!(curl(&["--range", "-1000"], &url) == bytes[bytes.len() - 1000..], "suffix");
    let several = curl(&["--range", "0-99,1999900-"], &url);
    let parts: Vec<&[u8]> = [&bytes[..100], &bytes[1_999_900..]].into();
    for part in parts {
        assert!(several.windows(part.len()).any(|window| window == part), "several");
    }
    assert!(several.starts_with(b"\r\n--dist-"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_bundle_is_handed_to_holders_of_a_token_only() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "public").await;
    let mut manifest = release("1.0", &[("acme.ipa", BUNDLE), ("notes.txt", LINUX)]);
    (manifest.artifacts[0].platform, manifest.artifacts[0].kind) = (Platform::Ios, Kind::File);
    let _: Committed = read(admin.publish(&manifest, &[BUNDLE, LINUX], Some(("beta", None))).await).await;
    let path = "/artifacts/acme/1.0/acme.ipa";
    let answer = browse(&server, path, WINDOWS).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert!(answer.text().await.unwrap().contains("action=\"/signin\""));
    assert_eq!(admin.get(path).await.bytes().await.unwrap(), BUNDLE);
    let html = browse(&server, "/install/acme/beta", WINDOWS).await.text().await.unwrap();
    assert!(!html.contains("href=\"/artifacts/acme/1.0/acme.ipa\"") && html.contains("notes.txt"), "{html}");
    let html = admin.get("/install/acme/beta").await.text().await.unwrap();
    assert!(html.contains("href=\"/artifacts/acme/1.0/acme.ipa\""), "{html}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_apps_files_are_kept_by_nobody_else() {
    let server = server(Site::default(), "token").await;
    let file = format!("/artifacts/acme/1.0/acme%201.tar.gz?sha256={}", Digest::of(LINUX));
    for path in ["/download/acme/beta/linux", &file] {
        assert_eq!(browse(&server, path, WINDOWS).await.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    let reader = server.with_scopes(&["read:acme"]).await;
    let answer = reader.get(&file).await;
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "private, max-age=31536000, immutable");
    assert_eq!(answer.headers()[header::VARY], "Authorization, Cookie");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_handed_whole_downloads_and_nothing_else() {
    let site = Site { handover: Handover::AccelRedirect("/objects/".to_owned()), ..Site::default() };
    let server = server(site, "public").await;
    let file = format!("{}/artifacts/acme/1.0/acme%201.tar.gz?sha256={}", server.url, Digest::of(LINUX));
    let http = reqwest::Client::new();
    let digest = Digest::of(LINUX).to_string();
    let whole = http.get(&file).send().await.unwrap();
    assert_eq!(whole.headers()["x-accel-redirect"], format!("/objects/{}/{digest}", &digest[..2]));
    assert!(whole.headers().contains_key(header::CONTENT_DISPOSITION));
    assert!(whole.bytes().await.unwrap().is_empty());
    let part = http.get(&file).header("range", "bytes=1-3").send().await.unwrap();
    assert_eq!(part.bytes().await.unwrap(), LINUX[1..4]);
    let head = http.head(&file).send().await.unwrap();
    assert_eq!(head.headers()[header::CONTENT_LENGTH], LINUX.len().to_string());
    let etag = format!("\"{digest}\"");
    let known = http.get(&file).header("if-none-match", etag).send().await.unwrap();
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_learns_what_is_newer_for_its_device() {
    let site = Site { public_url: Some("https://dist.example.com".parse().unwrap()), ..Site::default() };
    let server = server(site, "public").await;
    let anyone = server.anonymous();
    let path = paths::update(&acme(), &"beta".parse().unwrap());
    let ask = async |query: &str| anyone.get(&format!("{path}?{query}")).await;
    let update: Update = read(ask("platform=linux&arch=aarch64&version=0.9").await).await;
    assert_eq!((update.version.as_str(), update.artifact.size), ("1.0", LINUX_ARM.len() as u64));
    let url = update.artifact.url.strip_prefix("https://dist.example.com").unwrap();
    assert_eq!(browse(&server, url, "acme/0.9").await.bytes().await.unwrap(), LINUX_ARM);
    for (query, status) in [
        ("platform=linux&arch=x86_64", StatusCode::OK),
        ("platform=linux&arch=x86_64&version=1.0", StatusCode::NO_CONTENT),
        ("platform=linux&arch=x86_64&version=1.0-rc.1", StatusCode::OK),
        ("platform=linux&arch=x86_64&version=1.1", StatusCode::NO_CONTENT),
        ("platform=linux&arch=riscv64&version=0.9", StatusCode::NO_CONTENT),
        ("platform=macos&version=0.9", StatusCode::NO_CONTENT),
        ("platform=amiga&version=0.9", StatusCode::BAD_REQUEST),
        ("version=0.9", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(ask(query).await.status(), status, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn downloads_are_counted_by_artifact_and_day_and_resuming_is_none() {
    let server = server(Site::default(), "public").await;
    let file = format!("{}/artifacts/acme/1.0/acme%201.tar.gz?sha256={}", server.url, Digest::of(LINUX));
    let http = reqwest::Client::new();
    let get = async |range: &str| http.get(&file).header("range", range).send().await.unwrap().bytes().await.unwrap();
    for range in ["bytes=0-", "bytes=0-9", "bytes=10-", "bytes=-1"] {
        get(range).await;
    }
    http.head(&file).send().await.unwrap();
    server.advance(SignedDuration::from_hours(24));
    get("bytes=0-").await;
    let path = paths::downloads(&acme());
    let reader = server.with_scopes(&["read:acme"]).await;
    let found: Downloads = read(reader.get(&path).await).await;
    let days: Vec<(String, u64)> = found.downloads.iter().map(|it| (it.day.to_string(), it.count)).collect();
    assert_eq!(days, [("2026-11-23".to_owned(), 1), ("2026-11-22".to_owned(), 2)]);
    let first = &found.downloads[0];
    assert_eq!((first.sha256, first.release.name.to_string().as_str()), (Digest::of(LINUX), "1.0"));
    let today: Downloads = read(reader.get(&format!("{path}?days=1")).await).await;
    assert_eq!(today.downloads.len(), 1);
    refused(reader.get(&format!("{path}?days=0")).await, StatusCode::BAD_REQUEST, ErrorCode::RequestInvalid).await;

    get("bytes=0-").await;
    let admin = server.admin_token();
    let again = TestServer::serve(server.stop().await, admin).await;
    let found: Downloads = read(again.admin().get(&path).await).await;
    assert_eq!(found.downloads[1].count, 2, "{found:?}: what was counted survives the end of the server");
    let answer = again.admin().get(&format!("{path}?from=x")).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
}
