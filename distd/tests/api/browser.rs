//! Install pages in a real Chromium: as a phone and on a computer, with and without script, light and dark. Screenshots are left
//! in `target/pages` to be looked at.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use protocol::api::{Committed, CreatedToken};
use protocol::manifest::ReleaseManifest;
use protocol::{Digest, Kind, Platform, paths};
use serde_json::{Value, json};

use crate::harness::{Client, TestServer, read, release};
use crate::install::{IPHONE, WINDOWS, site};
use crate::ipas::{Profile, Signer};

const ANDROID: &str =
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36";
const MAC: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15";
pub(crate) const LINUX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0";
const WECHAT: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.53";

const NOTES: &str = "# Fix login on iOS 18\n\nThe app *keeps* you signed in, and:\n\n- opens links from `acme://`\n- is half as large\n\n| system | size |\n|---|---|\n| iOS | 48 MiB |\n";

pub(crate) const APK: &[u8] = include_bytes!("../../../fixtures/ContactManager.apk");
pub(crate) const DMG: &[u8] = include_bytes!("../../../fixtures/dmgwiz-zlib.dmg");
pub(crate) const DEB: &[u8] = include_bytes!("../../../fixtures/ripgrep_13.0.0-4+b2_amd64.deb");
pub(crate) const EXE: &[u8] = include_bytes!("../../../fixtures/notifu64.exe");

/// A release for every system.
pub(crate) fn manifest(ipa: &[u8]) -> ReleaseManifest {
    let files =
        [("Acme.ipa", ipa), ("acme.apk", APK), ("Acme.dmg", DMG), ("acme_2.4_amd64.deb", DEB), ("Acme-setup.exe", EXE)];
    let mut manifest = release("2.4.0", &files);
    let kinds = [
        (Platform::Ios, Kind::Ipa, "universal"),
        (Platform::Android, Kind::Apk, "universal"),
        (Platform::Macos, Kind::Dmg, "universal"),
        (Platform::Linux, Kind::Deb, "x86_64"),
        (Platform::Windows, Kind::Exe, "x86_64"),
    ];
    for (line, (platform, kind, arch)) in manifest.artifacts.iter_mut().zip(kinds) {
        (line.platform, line.kind, line.arch) = (platform, kind, arch.parse().unwrap());
    }
    manifest.build = Some("241".parse().unwrap());
    manifest.notes = Some(NOTES.to_owned());
    manifest.sort();
    manifest
}

async fn publish(admin: &Client, app: &str, access: &str, ipa: &[u8]) {
    admin.create_app(app, access).await;
    let mut manifest = manifest(ipa);
    manifest.app = app.parse().unwrap();
    let _: Committed = read(admin.publish(&manifest, &[ipa, APK, DMG, DEB, EXE], Some(("beta", None))).await).await;
}

/// Name, path, browser, width, script, dark.
fn page(name: &str, path: &str, agent: &str, width: u32, script: bool, dark: bool) -> Value {
    let opens = name.ends_with("-open");
    json!({"name": name, "path": path, "agent": agent, "width": width, "script": script, "dark": dark, "opens": opens})
}

fn pages() -> Value {
    let beta = "/install/acme/beta";
    json!([
        page("iphone", beta, IPHONE, 360, true, false),
        page("iphone-dark-plain", beta, IPHONE, 360, false, true),
        page("android-zh", "/install/acme/beta?lang=zh-Hans", ANDROID, 360, true, true),
        page("android-plain-open", beta, ANDROID, 360, false, false),
        page("wechat", beta, WECHAT, 360, true, false),
        page("mac-open", beta, MAC, 1280, true, false),
        page("windows-de-dark-open", "/install/acme/r/2.4.0+241?lang=de", WINDOWS, 1280, true, true),
        page("windows-plain", beta, WINDOWS, 1280, false, false),
        page("linux", beta, LINUX, 1280, true, false),
        page("expired", "/install/old/beta", IPHONE, 360, true, false),
        page("signin", "/install/secret/beta", IPHONE, 360, true, false),
        page("signin-dark-plain", "/install/secret/beta", WINDOWS, 1280, false, true),
    ])
}

/// Where `cargo xtask browser` puts what drives Chromium.
pub(crate) fn modules() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/browser/node_modules");
    assert!(folder.join("axe-core").exists(), "{} is not there: run `cargo xtask browser` first", folder.display());
    folder
}

pub(crate) fn drive(script: &str, config: &Value) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api").join(script);
    let mut node = Command::new("node")
        .arg(script)
        .env("NODE_PATH", modules())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    node.stdin.take().unwrap().write_all(config.to_string().as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_stand_in_a_browser_and_the_button_downloads_the_file() {
    let server = TestServer::start_at(site()).await;
    let admin = server.admin();
    let signer = Signer::new();
    let ipa = signer.app(Profile::Enterprise, "2027-06-22T10:00:00Z");
    publish(&admin, "acme", "public", &ipa).await;
    publish(&admin, "old", "public", &signer.app(Profile::AdHoc, "2026-01-01T00:00:00Z")).await;
    // Without the address that makes cookies secure, which a browser does not keep for http.
    let plain = TestServer::start().await;
    publish(&plain.admin(), "secret", "token", &ipa).await;
    let token = json!({"name": "Ana", "scopes": ["read:secret"]});
    let token: CreatedToken = read(plain.admin().post(paths::TOKENS, &token).await).await;

    let shots = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/pages");
    std::fs::create_dir_all(&shots).unwrap();
    let downloads = tempfile::tempdir().unwrap();
    let found = tokio::task::spawn_blocking({
        let config = json!({
            "base": server.url, "chromium": "/usr/bin/chromium", "shots": shots, "downloads": downloads.path(),
            "pages": pages(),
            "download": {"url": format!("{}/install/secret/beta", plain.url), "agent": LINUX, "token": token.token},
        });
        move || drive("browser.cjs", &config)
    });
    let found = found.await.unwrap();
    for page in found["pages"].as_array().unwrap() {
        let name = page["name"].as_str().unwrap();
        assert_eq!(page["violations"], json!([]), "{name}");
        assert_eq!(page["overflow"], json!(0), "{name} is wider than its window");
        assert!(page["focus"].as_i64().unwrap() >= 0, "{name}: the keyboard does not reach the action");
        let is_closed = name.starts_with("signin");
        assert_eq!(page["status"], json!(if is_closed { 401 } else { 200 }), "{name}");
        if !is_closed {
            assert_eq!(page["problems"], json!([]), "{name}");
        }
    }
    let expected = json!({"filename": "acme_2.4_amd64.deb", "sha256": Digest::of(DEB).to_string()});
    assert_eq!(found["download"], expected);
}
