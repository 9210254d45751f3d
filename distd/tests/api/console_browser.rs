//! The console in a real Chromium: a release manager's day by keyboard alone, and every screen looked at by axe-core in light and
//! dark, wide and narrow. Screenshots are left in `target/console` to be looked at.

use std::path::Path;

use protocol::api::Committed;
use protocol::{AppSlug, Platform, ReleaseManifest, paths};
use reqwest::Method;
use serde_json::{Value, json};

use crate::audit::events_after;
use crate::browser::{APK, DEB, DMG, EXE, drive, manifest};
use crate::harness::{TestServer, read, release};

/// acme: 2.3.9 was on beta and is on stable, 2.4.0 without Android is on beta; stable wants every platform it has.
async fn stage() -> (TestServer, ReleaseManifest, ReleaseManifest) {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "link").await;
    let whole = |version: &str, build: &str| {
        let mut manifest = manifest(b"");
        manifest.artifacts.retain(|line| line.platform != Platform::Ios);
        (manifest.version, manifest.build) = (version.parse().unwrap(), Some(build.parse().unwrap()));
        manifest.source.commit = Some("a1b2c3d4e5f60718293a4b5c6d7e8f9012345678".to_owned());
        manifest.source.run_url = Some("https://ci.example.com/runs/17".to_owned());
        manifest
    };
    let old = whole("2.3.9", "238");
    let mut new = whole("2.4.0", "241");
    new.artifacts.retain(|line| line.platform != Platform::Android);
    new.parent = Some(old.id());
    let objects = [APK, DMG, DEB, EXE];
    let _: Committed = read(admin.publish(&old, &objects, Some(("beta", None))).await).await;
    let _: Committed = read(admin.publish(&new, &objects[1..], Some(("beta", Some(old.id())))).await).await;
    let acme: AppSlug = "acme".parse().unwrap();
    let promote = paths::promote(&acme, &"stable".parse().unwrap());
    let _: Value = read(admin.post(&promote, &json!({"revision": "2.3.9+238"})).await).await;
    let rules = json!({"gates": {"stable": {"platform-absent": "block"}}});
    let _: Value = read(admin.request(Method::PUT, &paths::rules(&acme)).json(&rules).send().await.unwrap()).await;
    (server, old, new)
}

async fn run(server: &TestServer, screens: Option<Value>) -> Value {
    let shots = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/console");
    std::fs::create_dir_all(&shots).unwrap();
    let config = json!({
        "base": server.url, "token": server.admin_token(), "chromium": "/usr/bin/chromium", "shots": shots, "screens": screens,
    });
    tokio::task::spawn_blocking(move || drive("console.cjs", &config)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_managers_day_by_keyboard() {
    let (server, ..) = stage().await;
    let before = events_after(&server, 0).await.len() as u64;
    let seen = run(&server, None).await;
    let check = |step: &str, parts: &[&str]| {
        let text = seen[step].as_str().unwrap_or_else(|| panic!("{step}: {seen:#}"));
        for part in parts {
            assert!(text.contains(part), "{step} has no {part:?}: {text}");
        }
    };
    check("apps", &["acme", "2.3.9+238", "2.4.0+241"]);
    check("found", &["2.4.0+241"]);
    check("release", &["Findings", "Artifacts", "Diff with stable"]);
    check("diff", &["2.3.9+238 → 2.4.0+241", "removed acme.apk"]);
    check("plan", &["Promote 2.4.0+241 to stable", "block", "loses Android"]);
    check("blocked", &["gate_blocked", "platform-absent"]);
    check("promoted", &["stable now points at 2.4.0+241 (was 2.3.9+238)", "Android comes on Monday"]);
    check("choices", &["Roll back stable", "2.3.9+238"]);
    check("rolledBack", &["stable now points at 2.3.9+238", "pinned", "crashes on start"]);
    check("unpinned", &["stable moves again"]);
    check("revoked", &["Revoked", "leaks a key"]);
    check("token", &["night-shift", "never again", "dist_"]);
    check("tokens", &["night-shift", "revoked"]);
    check("audit", &["release.revoke", "leaks a key"]);
    assert!(seen["address"].as_str().unwrap().contains("action=release.revoke"), "{}", seen["address"]);
    assert_eq!(seen["problems"], json!([]));
    let actions: Vec<String> =
        events_after(&server, before).await.iter().map(|event| event.action.to_string()).collect();
    let expected = [
        "session.begin",
        "channel.promote",
        "gate.override",
        "channel.rollback",
        "channel.unpin",
        "release.revoke",
        "channel.rollback",
        "token.create",
        "token.revoke",
    ];
    assert_eq!(actions, expected);
}

fn screens() -> Value {
    let screen = |name: &str, path: &str| json!({"name": name, "path": path});
    let (stable, newest) = ("/console/apps/acme/channels/stable", "/console/apps/acme/releases/2.4.0+241");
    json!([
        {"name": "sign-in", "path": "/console", "out": true},
        screen("apps", "/console"),
        screen("app", "/console/apps/acme"),
        screen("app-empty", "/console/apps/empty"),
        screen("release", newest),
        screen("release-revoked", "/console/apps/acme/releases/0.9.0"),
        screen("diff", "/console/apps/acme/diff?from=stable&to=beta"),
        screen("channel", stable),
        screen("channel-pinned", "/console/apps/acme/channels/nightly"),
        screen("promote", &format!("{stable}/promote?revision=beta")),
        screen("rollback", "/console/apps/acme/channels/beta/rollback"),
        screen("revoke", &format!("{newest}/revoke")),
        screen("restore", "/console/apps/acme/releases/0.9.0/restore"),
        screen("links", "/console/apps/acme/links"),
        screen("publishers", "/console/apps/acme/publishers"),
        screen("preview", "/console/apps/acme/preview"),
        screen("uploads", "/console/uploads"),
        screen("tokens", "/console/tokens"),
        screen("audit", "/console/audit?chain=check"),
        screen("storage", "/console/storage?gc=preview"),
        screen("sessions", "/console/sessions"),
        screen("jump", "/console/jump?q=acme"),
        screen("keys", "/console/keys"),
        screen("missing", "/console/apps/acme/releases/9.9.9"),
        {"name": "palette", "path": "/console/apps/acme", "act": "palette"},
    ])
}

/// What the other screens show: a link, a publisher, a staged part, a pinned channel, a release that was revoked, an app without
/// any.
async fn furnish(server: &TestServer) {
    let (admin, acme): (_, AppSlug) = (server.admin(), "acme".parse().unwrap());
    admin.create_app("empty", "token").await;
    let link = json!({"channel": "beta", "note": "testers in Graz", "max_uses": 50});
    let _: Value = read(admin.post(&paths::links(&acme), &link).await).await;
    let publisher = json!({"kind": "github", "repository_id": 7, "owner_id": 8, "workflow": "release.yml", "ref": "refs/heads/main", "channels": ["beta"]});
    let _: Value = read(admin.post(&paths::publishers(&acme), &publisher).await).await;
    let (old, part) = (release("0.9.0", &[("acme.bin", b"old")]), release("2.5.0", &[("acme-linux.bin", b"part")]));
    let _: Committed = read(admin.publish(&old, &[b"old"], None).await).await;
    let body = json!({"reason": "it leaks a key"});
    let _: Value = read(admin.post(&paths::revoke(&acme, &"0.9.0".parse().unwrap()), &body).await).await;
    let _: Value = read(admin.stage(&part, &[b"part"], "linux").await).await;
    let nightly = "nightly".parse().unwrap();
    let _: Value = read(admin.post(&paths::promote(&acme, &nightly), &json!({"revision": "beta"})).await).await;
    let request = admin.request(Method::PUT, &paths::pin(&acme, &nightly)).json(&json!({"reason": "release freeze"}));
    let _: Value = read(request.send().await.unwrap()).await;
    server.with_scopes(&["read:acme", "promote:acme/stable"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_screen_stands_in_light_and_dark_wide_and_narrow() {
    let (server, ..) = stage().await;
    furnish(&server).await;
    let found = run(&server, Some(screens())).await;
    assert_eq!(found["problems"], json!([]));
    let mut wrong = Vec::new();
    for screen in found["found"].as_array().unwrap() {
        let name = screen["name"].as_str().unwrap();
        let status = if name.starts_with("sign-in") {
            401
        } else if name.starts_with("missing") {
            404
        } else {
            200
        };
        if screen["violations"] != json!([]) || screen["overflow"] != json!(0) || screen["status"] != json!(status) {
            wrong.push(screen.clone());
        }
    }
    assert_eq!(wrong, Vec::<Value>::new());
}
