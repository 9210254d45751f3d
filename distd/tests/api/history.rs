//! History: revisions, the log and its ranges, where a release was, and what differs between two.

use jiff::SignedDuration;
use protocol::api::{Committed, ReleasePage, ShownRelease};
use protocol::compare::{ChangeKind, Comparison, Fact, ValueChange};
use protocol::{ErrorCode, Kind, Platform, ReleaseId};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Client, TestServer, read, refused, release};

const CONTACTS: &[u8] = include_bytes!("../../../fixtures/ContactManager.apk");
const HELLO: &[u8] = include_bytes!("../../../fixtures/HelloActivity.apk");

/// 1.0 ← 2.0 ← 3.0 on beta, 2.1 beside 3.0 on hotfix, an hour apart; 2.1 is for Windows too.
async fn forked() -> (TestServer, Client) {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    let mut ids: Vec<ReleaseId> = Vec::new();
    for (version, parent, channel) in
        [("1.0", None, "beta"), ("2.0", Some(0), "beta"), ("3.0", Some(1), "beta"), ("2.1", Some(1), "hotfix")]
    {
        let bytes = format!("bytes of {version}");
        let mut manifest = release(version, &[("app.bin", bytes.as_bytes())]);
        manifest.notes = Some(format!("Notes of {version}"));
        manifest.parent = parent.map(|at: usize| ids[at]);
        if version == "2.1" {
            manifest.artifacts[0].platform = Platform::Windows;
        }
        let expected = if channel == "beta" { manifest.parent } else { None };
        let committed = admin.publish(&manifest, &[bytes.as_bytes()], Some((channel, expected))).await;
        let committed: Committed = read(committed).await;
        ids.push(committed.release.id);
        server.advance(SignedDuration::from_hours(1));
    }
    (server, admin)
}

async fn names(client: &Client, query: &str) -> Vec<String> {
    let page: ReleasePage = read(client.get(&format!("/api/v1/apps/acme/log?{query}")).await).await;
    assert_eq!(page.next, None, "{query}");
    page.releases.iter().map(|release| release.name.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_follows_parents_and_ranges_leave_out_what_is_known() {
    let (_server, admin) = forked().await;
    let check = async |query: &str, expect: &[&str]| assert_eq!(names(&admin, query).await, expect, "{query}");
    check("", &["2.1", "3.0", "2.0", "1.0"]).await;
    check("revision=beta", &["3.0", "2.0", "1.0"]).await;
    check("revision=hotfix", &["2.1", "2.0", "1.0"]).await;
    check("revision=1.0..beta", &["3.0", "2.0"]).await;
    check("revision=beta..hotfix", &["2.1"]).await;
    check("revision=hotfix..beta", &["3.0"]).await;
    check("revision=beta..1.0", &[]).await;
    check("revision=beta%40%7B1%7D..beta", &["3.0"]).await;
    check("platform=windows", &["2.1"]).await;
    check("revision=hotfix&platform=linux", &["2.0", "1.0"]).await;
    check("since=2026-11-22T11:00:00Z", &["2.1", "3.0"]).await;
    check("revision=beta&since=2026-11-22T10:00:00Z", &["3.0", "2.0"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_range_end_where_the_range_does() {
    let (_server, admin) = forked().await;
    for (query, expect) in [("revision=1.0..beta", vec!["3.0", "2.0"]), ("", vec!["2.1", "3.0", "2.0", "1.0"])] {
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/apps/acme/log?limit=1&{query}{after}");
            let page: ReleasePage = read(admin.get(&path).await).await;
            found.extend(page.releases.iter().map(|release| release.name.to_string()));
            let Some(next) = page.next else { break };
            after = format!("&after={next}");
        }
        assert_eq!(found, expect);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_that_leads_nowhere_is_refused_with_candidates() {
    let (_server, admin) = forked().await;
    let candidates = async |revision: &str| -> Value {
        let path = protocol::paths::release(&"acme".parse().unwrap(), &revision.parse().unwrap());
        refused(admin.get(&path).await, StatusCode::NOT_FOUND, ErrorCode::RevisionUnknown).await["candidates"].clone()
    };
    assert_eq!(candidates("hotfx").await[0], "hotfix");
    assert_eq!(candidates("beta~3").await, json!(["1.0"]));
    assert_eq!(candidates("beta@{7}").await, json!(["beta@{2}", "beta@{1}", "beta@{0}"]));
    assert_eq!(candidates("hotfix@{2026-11-22}").await, json!(["hotfix@{0}"]));
    for (path, code) in [
        ("log?revision=beta..", ErrorCode::RevisionInvalid),
        ("compare/beta", ErrorCode::RevisionInvalid),
        ("log?platform=beos", ErrorCode::RequestInvalid),
        ("log?since=yesterday", ErrorCode::RequestInvalid),
    ] {
        refused(admin.get(&format!("/api/v1/apps/acme/{path}")).await, StatusCode::BAD_REQUEST, code).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_shown_with_where_it_was() {
    let (_server, admin) = forked().await;
    let promote = json!({"revision": "2.0", "reason": "it is stable"});
    let _: Value = read(admin.post("/api/v1/apps/acme/channels/stable/promote", &promote).await).await;
    let shown: ShownRelease = read(admin.get("/api/v1/apps/acme/releases/2.0").await).await;
    let stays = serde_json::to_value(&shown.stays).unwrap();
    assert_eq!(stays[0]["channel"], "stable");
    assert_eq!((&stays[0]["action"], &stays[0]["reason"]), (&json!("promote"), &json!("it is stable")));
    assert!(stays[0].get("until").is_none() && stays[0].get("followed_by").is_none(), "{stays}");
    assert_eq!((&stays[1]["channel"], &stays[1]["action"]), (&json!("beta"), &json!("publish")));
    assert_eq!(stays[1]["since"], "2026-11-22T10:00:00Z");
    assert_eq!((&stays[1]["until"], &stays[1]["followed_by"]["name"]), (&json!("2026-11-22T11:00:00Z"), &json!("3.0")));
    assert_eq!(shown.stays.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_releases_are_compared_whether_or_not_one_came_from_the_other() {
    let (_server, admin) = forked().await;
    let compare = async |range: &str| -> Comparison {
        read(admin.get(&format!("/api/v1/apps/acme/compare/{range}")).await).await
    };
    let forward = compare("1.0..beta").await;
    assert_eq!((forward.from.name.as_str(), forward.to.name.as_str()), ("1.0", "3.0"));
    assert_eq!((forward.artifacts.len(), forward.artifacts[0].change), (1, ChangeKind::Changed));
    assert_eq!(forward.notes.unwrap().hunks[0].lines[1].text, "Notes of 3.0");
    let across = compare("beta..hotfix").await;
    let kinds: Vec<ChangeKind> = across.artifacts.iter().map(|it| it.change).collect();
    assert_eq!(kinds, [ChangeKind::Added, ChangeKind::Removed]);
    assert!(compare("beta..3.0").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_packages_say_of_themselves_is_compared_and_their_files_as_far_as_asked() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    let any_identity = json!({"identity": {"android": {}}});
    let rules = admin.request(Method::PUT, "/api/v1/apps/acme/rules").json(&any_identity);
    let _: Value = read(rules.send().await.unwrap()).await;
    let mut parent = None;
    for (version, bytes) in [("1.0", HELLO), ("2.0", CONTACTS)] {
        let mut manifest = release(version, &[(&format!("acme-{version}.apk"), bytes)]);
        (manifest.artifacts[0].platform, manifest.artifacts[0].kind) = (Platform::Android, Kind::Apk);
        manifest.parent = parent;
        let committed: Committed = read(admin.publish(&manifest, &[bytes], Some(("beta", parent))).await).await;
        parent = Some(committed.release.id);
    }
    let compare = async |query: &str| -> Comparison {
        read(admin.get(&format!("/api/v1/apps/acme/compare/1.0..2.0{query}")).await).await
    };
    let whole = compare("?files=5000").await;
    let apk = &whole.artifacts[0];
    assert_eq!((whole.artifacts.len(), apk.change, apk.is_inspected), (1, ChangeKind::Changed, true));
    let added = ["GET_ACCOUNTS", "READ_CONTACTS", "WRITE_CONTACTS"].map(|name| format!("android.permission.{name}"));
    let added = added.to_vec();
    assert_eq!(apk.fact(Fact::Permissions), Some(&ValueChange::Set { added, removed: Vec::new() }));
    let files = apk.files.as_ref().unwrap();
    assert_eq!(files.listed.len() as u64, files.added + files.removed + files.changed);
    assert!(files.listed.is_sorted_by_key(|file| std::cmp::Reverse(file.size.delta().abs())));

    let cut = compare("?files=1").await;
    let one = cut.artifacts[0].files.as_ref().unwrap();
    assert_eq!((one.listed.as_slice(), one.added), (&files.listed[..1], files.added));
    assert!(compare("").await.artifacts[0].files.as_ref().unwrap().listed.len() <= 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sees_one_channel_sees_and_compares_only_what_was_on_it() {
    let (server, admin) = forked().await;
    let rules = json!({"access": {"hotfix": "public"}});
    let _: Value = read(admin.request(Method::PUT, "/api/v1/apps/acme/rules").json(&rules).send().await.unwrap()).await;
    let anyone = server.anonymous();
    assert_eq!(names(&anyone, "").await, ["2.1"]);
    assert_eq!(names(&anyone, "revision=hotfix").await, ["2.1"]);
    let hidden = async |path: &str| {
        refused(
            anyone.get(&format!("/api/v1/apps/acme/{path}")).await,
            StatusCode::NOT_FOUND,
            ErrorCode::RevisionUnknown,
        )
        .await
    };
    assert_eq!(hidden("compare/2.0..hotfix").await["candidates"], json!([]));
    hidden("log?revision=beta..hotfix").await;
    hidden("releases/hotfix~1").await;
    let _: Value =
        read(admin.post("/api/v1/apps/acme/channels/secret/promote", &json!({"revision": "2.1"})).await).await;
    let shown: ShownRelease = read(anyone.get("/api/v1/apps/acme/releases/hotfix").await).await;
    assert_eq!(shown.stays.iter().map(|stay| stay.channel.as_str()).collect::<Vec<_>>(), ["hotfix"]);
}
