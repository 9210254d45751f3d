//! The console with 10,000 releases and 100,000 audit events: what a page holds is bounded, whatever there is.

use protocol::api::Committed;
use protocol::{Digest, ReleaseManifest};
use rusqlite::{Connection, params};

use crate::console::Browser;
use crate::harness::{TestServer, read, release};

const RELEASES: u32 = 10_000;
const EVENTS: u32 = 100_000;
const PAGE_BYTES: usize = 150 * 1024;
const BYTES: &[u8] = b"bytes of acme";

/// A server with one release and one token, to which the rest is added as rows and objects.
async fn server() -> (TestServer, ReleaseManifest) {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "public").await;
    let files: Vec<(String, &[u8])> = (0..6).map(|n| (format!("acme-{n}.tar.gz"), BYTES)).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    let first = release("1.0.0", &files);
    let _: Committed = read(admin.publish(&first, &[BYTES], Some(("beta", None))).await).await;
    (server, first)
}

/// Releases after the first, each the child of the one before and on beta for a while.
fn add_releases(db: &mut Connection, server: &TestServer, first: &ReleaseManifest) {
    let tx = db.transaction().unwrap();
    let mut parent = first.id();
    for number in 2..=RELEASES {
        let version = format!("1.0.{number}").parse().unwrap();
        let manifest = ReleaseManifest {
            version,
            parent: Some(parent),
            notes: Some(format!("What is new in {number}")),
            ..first.clone()
        };
        let bytes = manifest.canonical_bytes();
        let (id, name, at) = (Digest::of(&bytes), manifest.name().to_string(), "2026-11-22T08:00:00.000Z");
        let digits = id.to_string();
        let shard = server.data.path().join("objects").join(&digits[..2]);
        std::fs::create_dir_all(&shard).unwrap();
        std::fs::write(shard.join(&digits), bytes).unwrap();
        let parent_digits = parent.to_string();
        tx.prepare_cached(
            "INSERT INTO releases (app, id, name, version, build, parent, size_bytes, created_at, published_at, published_by)
             VALUES ('acme', ?1, ?2, ?2, NULL, ?3, 78, ?4, ?4, 'ci-main')",
        )
        .unwrap()
        .execute(params![digits, name, parent_digits, at])
        .unwrap();
        tx.prepare_cached(
            "INSERT INTO artifacts SELECT app, ?1, position, platform, arch, kind, filename, size, sha256 FROM artifacts
             WHERE app = 'acme' AND release = ?2",
        )
        .unwrap()
        .execute(params![digits, first.id().to_string()])
        .unwrap();
        tx.execute("INSERT INTO refs VALUES ('acme', ?1, ?2, ?3)", params![format!("releases/{name}"), digits, at])
            .unwrap();
        tx.execute(
            "INSERT INTO reflog VALUES ('acme', 'channels/beta', ?1, ?2, ?3, 'ci-main', 'publish', NULL, ?4)",
            params![number, parent_digits, digits, at],
        )
        .unwrap();
        parent = id;
    }
    let set = "UPDATE refs SET target = ?1 WHERE app = 'acme' AND name = 'channels/beta'";
    tx.execute(set, [parent.to_string()]).unwrap();
    tx.commit().unwrap();
}

/// Rows of the audit log as a busy server has them. Their hashes are no chain, which the page says.
fn add_events(db: &Connection) {
    let hash = Digest::of(b"").to_string();
    db.execute(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
         INSERT INTO audit_events (seq, at, actor, token_id, action, app, subject, old, new, reason, address, request_id,
           details, previous_hash, hash)
         SELECT (SELECT max(seq) FROM audit_events) + n, '2026-11-22T08:00:00.000Z', 'ci-main', '6n2343sd', 'channel.promote',
           'acme', 'channels/beta', ?2, ?2, 'because number ' || n || ' is better than the one before', '192.0.2.1',
           'aaaaaaaaaaaaaaaa', '{}', ?2, ?2 FROM numbers",
        params![EVENTS, hash],
    )
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_bounded_whatever_there_is() {
    let (server, first) = server().await;
    let browser = Browser::sign_in(&server, &server.admin_token()).await;
    let mut db = Connection::open(server.data.path().join(distd::db::FILE_NAME)).unwrap();
    db.execute_batch("PRAGMA synchronous = OFF").unwrap();
    add_releases(&mut db, &server, &first);
    add_events(&db);
    let last = format!("1.0.{RELEASES}");
    let pages = [
        ("/console".to_owned(), 1),
        ("/console/apps/acme".to_owned(), 50),
        ("/console/apps/acme?q=1.0.9".to_owned(), 50),
        ("/console/apps/acme?after=5000".to_owned(), 50),
        ("/console/apps/acme/channels/beta".to_owned(), 50),
        (format!("/console/apps/acme/releases/{last}"), 6),
        (format!("/console/apps/acme/diff?from=1.0.0&to={last}"), 0),
        (format!("/console/apps/acme/channels/stable/promote?revision={last}"), 0),
        ("/console/apps/acme/channels/beta/promote?revision=1.0.9000".to_owned(), 0),
        ("/console/apps/acme/channels/beta/rollback".to_owned(), 0),
        ("/console/audit".to_owned(), 50),
        ("/console/audit?actor=ci-main&action=channel.promote&app=acme".to_owned(), 50),
        ("/console/tokens".to_owned(), 1),
        ("/console/uploads".to_owned(), 0),
        ("/console/storage".to_owned(), 1),
        ("/console/jump?q=1.0.9".to_owned(), 0),
    ];
    for (path, rows) in pages {
        let got = browser.get(&path).await;
        assert!(got.status.is_success(), "{path}: {}", got.html);
        assert!(got.html.len() <= PAGE_BYTES, "{path} has {} bytes", got.html.len());
        let table = got.html.split("<tbody>").nth(1).and_then(|rest| rest.split("</tbody>").next());
        let found = table.map_or(0, |body| body.matches("<tr").count());
        assert_eq!(found, rows, "rows of {path}");
    }
    let older = browser.get("/console/apps/acme").await.html;
    assert!(older.contains("rel=\"next\"") && older.contains(&last));
}
