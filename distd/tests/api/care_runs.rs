//! What `distd fsck` and `distd backup` came to is known afterwards, as what the server does by itself is.

use distd::db::Database;
use distd::ops::care::{self, State};
use protocol::api::{Committed, LastCheck};

use crate::harness::{TestServer, read, release};
use crate::process::run;

async fn state(server: &TestServer) -> State {
    let database = Database::attach(server.data.path()).unwrap();
    care::state(&database, server.data.path()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_and_backups_by_hand_beside_a_server_are_known() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    let first = release("1.0", &[("a", b"bytes")]);
    let _: Committed = read(admin.publish(&first, &[b"bytes"], None).await).await;
    let (data, backups) = (server.data.path(), tempfile::tempdir().unwrap());

    assert!(run(&["fsck", "--quick"], data).status.success());
    let clean = LastCheck { quick: true, interrupted: false, errors: 0, failure: None };
    assert_eq!(state(&server).await.check.unwrap().1, clean);

    let to = backups.path().to_str().unwrap();
    assert!(run(&["backup", to], data).status.success());
    let whole = state(&server).await;
    assert_eq!((whole.backup_error, whole.whole_backup_at), (None, whole.backup_at));
    assert!(whole.backup_at.is_some());

    let id = first.artifacts[0].sha256.to_string();
    std::fs::remove_file(data.join("objects").join(&id[..2]).join(&id)).unwrap();
    std::fs::remove_dir_all(backups.path().join("objects")).unwrap();
    assert_eq!(run(&["backup", to], data).status.code(), Some(1));
    let lacking = state(&server).await;
    assert_eq!(lacking.backup_error.as_deref(), Some("1 objects are missing"));
    assert_eq!(lacking.whole_backup_at, whole.whole_backup_at, "the last whole one is still told");
}
