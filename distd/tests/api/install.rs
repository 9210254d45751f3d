//! Install pages, and what installers fetch.

use distd::Site;
use jiff::SignedDuration;
use plist::Value;
use protocol::api::{Committed, Install, InstallMode, InstallReason, Link, Release};
use protocol::manifest::Link as ReleaseLink;
use protocol::platform::LinkKind;
use protocol::{AppSlug, Digest, Platform, paths};
use reqwest::redirect::Policy;
use reqwest::{Method, Response, StatusCode, header};
use serde_json::json;

use crate::harness::{TestServer, read, release};
use crate::ipas::{Profile, Signer, ios_release};

pub(crate) const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1";
pub(crate) const WINDOWS: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0";
const PUBLIC: &str = "https://dist.example.com";
const LATER: &str = "2027-06-22T10:00:00Z";

fn acme() -> AppSlug {
    "acme".parse().unwrap()
}

pub(crate) fn site() -> Site {
    Site { public_url: Some(PUBLIC.parse().unwrap()), ..Site::default() }
}

/// What a browser without any credential gets, without following redirects.
pub(crate) async fn browse(server: &TestServer, path: &str, agent: &str) -> Response {
    let http = reqwest::Client::builder().redirect(Policy::none()).user_agent(agent).build().unwrap();
    http.get(format!("{}{path}", server.url)).send().await.unwrap()
}

async fn page(server: &TestServer, path: &str, agent: &str) -> String {
    let answer = browse(server, path, agent).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    let text = answer.text().await.unwrap();
    assert!(text.len() < 50 * 1024, "{} bytes", text.len());
    text
}

/// Publishes an app for iPhones on beta, and gives how the API says it installs.
async fn publish(server: &TestServer, access: &str, ipa: &[u8]) -> Vec<Install> {
    let admin = server.admin();
    admin.create_app("acme", access).await;
    let _: Committed = read(admin.publish(&ios_release("2.4", ipa), &[ipa], Some(("beta", None))).await).await;
    let shown: Release = read(admin.get("/api/v1/apps/acme/releases/beta").await).await;
    shown.install
}

/// The address in the button that installs, as iOS decodes it; `None` where there is no such button.
fn manifest_path(html: &str) -> Option<String> {
    let (_, rest) = html.split_once("href=\"itms-services://?action=download-manifest&amp;url=")?;
    let (value, _) = rest.split_once('"')?;
    let url = percent_encoding::percent_decode_str(value).decode_utf8().unwrap();
    assert!(!url.contains(['?', ' ', '&']), "{url}");
    Some(url.strip_prefix(PUBLIC).expect("the configured address").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_profile_has_its_mode_its_page_and_its_manifest() {
    let signer = Signer::new();
    let check = async |profile, expires, mode, reason: Option<InstallReason>, says: &str| {
        let server = TestServer::start_at(site()).await;
        let install = publish(&server, "public", &signer.app(profile, expires)).await;
        assert_eq!((install.len(), install[0].mode, install[0].reason), (1, mode, reason));
        let html = page(&server, "/install/acme/beta", IPHONE).await;
        assert!(html.contains(says), "{says}: {html}");
        let installs = matches!(mode, InstallMode::Enterprise | InstallMode::AdHoc);
        let path = manifest_path(&html);
        assert_eq!(path.is_some(), installs, "{html}");
        if let Some(path) = path {
            let answer = browse(&server, &path, "com.apple.appstored/1.0").await;
            assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/xml");
            let list = Value::from_reader_xml(answer.bytes().await.unwrap().as_ref()).unwrap();
            assert!(list.as_dictionary().unwrap()["items"].as_array().is_some());
        } else {
            assert!(!html.contains("Install on this") && !html.contains(".ipa\""), "{html}");
        }
        install.into_iter().next().unwrap()
    };
    let days = "valid 212 more days";
    let enterprise = check(Profile::Enterprise, LATER, InstallMode::Enterprise, None, days).await;
    assert_eq!((enterprise.days_left, enterprise.devices), (Some(212), None));
    let ad_hoc = check(Profile::AdHoc, LATER, InstallMode::AdHoc, None, "registered in this build, 2 of them").await;
    assert_eq!(ad_hoc.devices, Some(2));
    let development = Some(InstallReason::DevelopmentProfile);
    check(Profile::Development, LATER, InstallMode::ArtifactOnly, development, "A development build").await;
    let store = Some(InstallReason::StoreProfile);
    check(Profile::Store, LATER, InstallMode::None, store, "only the App Store and TestFlight install it").await;
    let expired = Some(InstallReason::ProfileExpired);
    check(Profile::Enterprise, "2026-11-22T08:59:59Z", InstallMode::None, expired, "profile has ended").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installer_fetches_everything_without_a_login() {
    let server = TestServer::start_at(site()).await;
    let ipa = Signer::new().app(Profile::AdHoc, LATER);
    publish(&server, "public", &ipa).await;
    let path = manifest_path(&page(&server, "/install/acme/beta", IPHONE).await).unwrap();
    let bytes = browse(&server, &path, "appstored").await.bytes().await.unwrap();
    let list = Value::from_reader_xml(bytes.as_ref()).unwrap();
    let item = list.as_dictionary().unwrap()["items"].as_array().unwrap()[0].as_dictionary().unwrap();
    let metadata = item["metadata"].as_dictionary().unwrap();
    for (key, value) in [
        ("bundle-identifier", "com.acme.app"),
        ("bundle-version", "210"),
        ("kind", "software"),
        ("title", "Acme & Co"),
        ("platform-identifier", "com.apple.platform.iphoneos"),
    ] {
        assert_eq!(metadata[key].as_string(), Some(value), "{key}");
    }
    let assets = item["assets"].as_array().unwrap();
    let of = |kind: &str| {
        let mut assets = assets.iter().map(|asset| asset.as_dictionary().unwrap());
        assets.find(|asset| asset["kind"].as_string() == Some(kind)).unwrap()
    };
    let local = |asset: &plist::Dictionary| asset["url"].as_string().unwrap().strip_prefix(PUBLIC).unwrap().to_owned();
    let package = of("software-package");
    assert_eq!(package["sha256-size"].as_unsigned_integer(), Some(10 * 1024 * 1024));
    let sums = package["sha256s"].as_array().unwrap();
    assert_eq!(sums[0].as_string(), Some(Digest::of(&ipa).to_string().as_str()), "one chunk is the whole");

    let http = reqwest::Client::new();
    let file = format!("{}{}", server.url, local(package));
    let whole = http.get(&file).send().await.unwrap();
    assert_eq!(whole.headers()[header::CONTENT_TYPE], "application/octet-stream");
    assert!(whole.bytes().await.unwrap() == ipa);
    let head = http.head(&file).send().await.unwrap();
    assert_eq!(head.headers()[header::CONTENT_LENGTH], ipa.len().to_string());
    let part = http.get(&file).header("range", "bytes=100-199").send().await.unwrap();
    assert_eq!((part.status(), part.bytes().await.unwrap().as_ref()), (StatusCode::PARTIAL_CONTENT, &ipa[100..200]));
    for kind in ["display-image", "full-size-image"] {
        let icon = browse(&server, &local(of(kind)), "appstored").await;
        assert_eq!(icon.headers()[header::CONTENT_TYPE], "image/png");
        assert!(icon.bytes().await.unwrap().starts_with(b"\x89PNG"));
    }

    server.advance(SignedDuration::from_mins(11));
    assert_eq!(
        browse(&server, &path, "appstored").await.status(),
        StatusCode::NOT_FOUND,
        "an installation begins soon"
    );
    assert_eq!(browse(&server, &local(package), "appstored").await.status(), StatusCode::OK, "and may take its time");
    let closed = server.admin().request(Method::PATCH, "/api/v1/apps/acme").json(&json!({"access": "token"}));
    assert_eq!(closed.send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(browse(&server, &local(package), "appstored").await.status(), StatusCode::NOT_FOUND, "closed to anyone");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_public_https_address_the_page_says_what_is_missing() {
    let ipa = Signer::new().app(Profile::Enterprise, LATER);
    for public_url in [None, Some("http://dist.example.com".parse().unwrap())] {
        let server = TestServer::start_at(Site { public_url, ..Site::default() }).await;
        publish(&server, "public", &ipa).await;
        let html = page(&server, "/install/acme/beta", IPHONE).await;
        assert!(html.contains("DISTD_PUBLIC_URL") && !html.contains("itms-services"), "{html}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn below_a_path_everything_leads_back_below_it() {
    let public_url = Some("https://example.com/apps/dist".parse().unwrap());
    let server = TestServer::start_at(Site { public_url, ..Site::default() }).await;
    publish(&server, "public", &Signer::new().app(Profile::Enterprise, LATER)).await;
    for below in ["", "/apps/dist"] {
        let html = page(&server, &format!("{below}/install/acme/beta"), IPHONE).await;
        assert!(html.contains(" href=\"/apps/dist/assets/style.css\""), "{html}");
        assert!(html.contains("url=https%3A%2F%2Fexample%2Ecom%2Fapps%2Fdist%2Ff%2F"), "{html}");
        assert!(!html.contains("=\"/assets") && !html.contains("=\"/artifacts"), "{html}");
        let style = browse(&server, &format!("{below}/assets/style.css"), IPHONE).await;
        assert_eq!(style.status(), StatusCode::OK);
    }
    let moved = browse(&server, "/apps/dist/download/acme/beta/ios", IPHONE).await;
    let place = moved.headers()["location"].to_str().unwrap();
    assert!(place.starts_with("/apps/dist/artifacts/acme/"), "{place}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_is_one_use_of_its_link() {
    let server = TestServer::start_at(site()).await;
    publish(&server, "link", &Signer::new().app(Profile::Enterprise, LATER)).await;
    let admin = server.admin();
    let link: Link = read(admin.post(&paths::links(&acme()), &json!({"channel": "beta", "max_uses": 1})).await).await;
    let path = manifest_path(&page(&server, &link.path, IPHONE).await).unwrap();
    for _ in 0..2 {
        assert_eq!(browse(&server, &path, "appstored").await.status(), StatusCode::OK, "an installer may ask again");
    }
    server.advance(SignedDuration::from_secs(1));
    let other = manifest_path(&page(&server, &link.path, IPHONE).await).unwrap();
    assert_ne!(path, other);
    assert_eq!(browse(&server, &other, "appstored").await.status(), StatusCode::NOT_FOUND, "used up");
    let _: Link = read(admin.request(Method::DELETE, &paths::link(&acme(), &link.id)).send().await.unwrap()).await;
    assert_eq!(browse(&server, &path, "appstored").await.status(), StatusCode::NOT_FOUND, "revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_a_mode_of_its_own() {
    let server = TestServer::start_at(site()).await;
    let admin = server.admin();
    admin.create_app("acme", "public").await;
    let mut manifest = release("1.0", &[]);
    let url = "https://testflight.apple.com/join/abc".to_owned();
    manifest.links = vec![ReleaseLink { platform: Platform::Ios, kind: LinkKind::Testflight, url: url.clone() }];
    let _: Committed = read(admin.publish(&manifest, &[], Some(("beta", None))).await).await;
    server.advance(SignedDuration::from_hours(24 * 2));
    let shown: Release = read(admin.get("/api/v1/apps/acme/releases/beta").await).await;
    assert_eq!((shown.install[0].mode, shown.install[0].days_left), (InstallMode::Testflight, Some(88)));
    assert_eq!(shown.install[0].url.as_ref(), Some(&url));
    let html = page(&server, "/install/acme/beta", IPHONE).await;
    assert!(html.contains("Open in TestFlight") && html.contains("88 more days") && html.contains("2 days ago"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_speaks_the_readers_language_and_is_small_whatever_the_notes() {
    let server = TestServer::start_at(site()).await;
    let admin = server.admin();
    admin.create_app("acme", "public").await;
    let mut manifest = release("1.0", &[("acme.bin", b"one")]);
    manifest.notes = Some("- & many changes\n".repeat(3500));
    let _: Committed = read(admin.publish(&manifest, &[b"one"], Some(("beta", None))).await).await;
    let ask = async |query: &str, language: &str| {
        let url = format!("{}/install/acme/beta{query}", server.url);
        let request = reqwest::Client::new().get(url).header("accept-language", language).header("user-agent", WINDOWS);
        let answer = request.send().await.unwrap();
        let told = answer.headers()[header::CONTENT_LANGUAGE].to_str().unwrap().to_owned();
        (told, answer.text().await.unwrap())
    };
    for (query, language, tag, word) in [
        ("", "de-CH,de;q=0.9", "de", "Neuerungen"),
        ("", "zh-CN", "zh-Hans", "更新内容"),
        ("", "fr", "en", "What&#39;s new"),
        ("?lang=en", "de", "en", "What's new"),
    ] {
        let (told, html) = ask(query, language).await;
        let word = word.replace("&#39;", "'");
        assert!(told == tag && html.contains(&format!("<html lang=\"{tag}\">")) && html.contains(&word), "{language}");
        assert!(html.len() < 50 * 1024, "{} bytes", html.len());
        assert!(html.contains("?notes=all"), "{language}");
    }
    let (_, all) = ask("?notes=all", "en").await;
    assert_eq!(all.matches("<li>&amp; many changes</li>").count(), 3500);
}

#[tokio::test(flavor = "multi_thread")]
async fn chats_get_a_preview_and_computers_a_code_to_scan() {
    let server = TestServer::start_at(site()).await;
    publish(&server, "public", &Signer::new().app(Profile::Enterprise, LATER)).await;
    let html = page(&server, "/install/acme/beta", "Slackbot-LinkExpanding 1.0").await;
    let icon = html.split_once("property=\"og:image\" content=\"").unwrap().1.split_once('"').unwrap().0;
    let icon = browse(&server, icon.strip_prefix(PUBLIC).unwrap(), "Slack-ImgProxy").await;
    assert_eq!(icon.headers()[header::CONTENT_TYPE], "image/png");
    assert!(html.contains("property=\"og:title\" content=\"acme 2.4 · beta\""), "{html}");
    assert!(html.contains("property=\"og:url\" content=\"https://dist.example.com/install/acme/beta\""));
    let computer = page(&server, "/install/acme/beta", WINDOWS).await;
    assert!(computer.contains("<svg class=\"qr\"") && computer.contains("Open this page on the iPhone or iPad"));
    assert!(!computer.contains("itms-services"), "nothing that cannot work");
    assert!(!page(&server, "/install/acme/beta", IPHONE).await.contains("<svg class=\"qr\""));
    let inside = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.53";
    let chat = page(&server, "/install/acme/beta", inside).await;
    assert!(chat.contains("inside WeChat") && chat.contains("open the page in Safari"), "{chat}");
    assert!(!chat.contains("itms-services"), "where it does nothing");
}
