//! Whoever tampers with the log is found out: through the API, on the data directory, and by the program itself.

use std::path::Path;
use std::process::{Command, Output};

use protocol::audit_chain::{ChainCheck, ChainSummary, FaultKind, Mark};
use rusqlite::Connection;

use crate::audit::events_after;
use crate::harness::TestServer;

/// Six events.
async fn started() -> TestServer {
    let server = TestServer::start().await;
    for app in ["one", "two", "three", "four", "five"] {
        server.admin().create_app(app, "token").await;
    }
    server
}

/// What a client finds that trusts nothing but the hashes.
async fn by_api(server: &TestServer) -> ChainSummary {
    let mut check = ChainCheck::new(None);
    for event in events_after(server, 0).await {
        check.push(event);
    }
    check.finish()
}

fn by_program(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_distd"));
    command.args(["audit", "verify", "--data"]).arg(data).args(arguments).output().unwrap()
}

/// Does something to the table that its triggers would refuse.
pub(crate) fn tamper(data: &Path, sql: &str) {
    let db = Connection::open(data.join(distd::db::FILE_NAME)).unwrap();
    let drop = "DROP TRIGGER IF EXISTS audit_events_are_never_changed;
                DROP TRIGGER IF EXISTS audit_events_are_never_removed;";
    db.execute_batch(&format!("{drop} {sql}")).unwrap();
}

fn faults(summary: &ChainSummary) -> Vec<(u64, FaultKind)> {
    summary.faults.iter().map(|fault| (fault.seq, fault.kind)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_a_removed_and_a_reordered_row_are_found() {
    use FaultKind::{Edited, Missing, Reordered};
    let check = async |sql: &str, expected: &[(u64, FaultKind)]| {
        let server = started().await;
        assert_eq!(by_api(&server).await.faults, []);
        let data = server.data.path();
        assert!(by_program(data, &[]).status.success());
        tamper(data, sql);
        assert_eq!(faults(&by_api(&server).await), expected, "{sql}");
        assert_eq!(faults(&distd::ops::audit::verify(data, None).unwrap()), expected, "{sql}");
        let output = by_program(data, &[]);
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said.lines().count(), expected.len(), "{said}");
        assert!(said.contains(&format!(" {} ", expected[0].0)), "{said}");
    };
    check("UPDATE audit_events SET actor = 'eve' WHERE seq = 3", &[(3, Edited)]).await;
    check("UPDATE audit_events SET details = json_set(details, '$.name', 'x') WHERE seq = 6", &[(6, Edited)]).await;
    check("UPDATE audit_events SET hash = '11' || substr(hash, 3) WHERE seq = 2", &[(2, Edited)]).await;
    check("DELETE FROM audit_events WHERE seq = 4", &[(4, Missing)]).await;
    check("DELETE FROM audit_events WHERE seq < 3", &[(1, Missing)]).await;
    let swap = "UPDATE audit_events SET seq = -2 WHERE seq = 2; UPDATE audit_events SET seq = 2 WHERE seq = 5;
                UPDATE audit_events SET seq = 5 WHERE seq = -2;";
    check(swap, &[(2, Reordered), (5, Reordered)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_cut_off_is_found_by_the_head_that_was_noted() {
    let server = started().await;
    let data = server.data.path();
    let head: Mark = by_api(&server).await.head;
    assert!(by_program(data, &["--expect", &head.to_string()]).status.success());
    tamper(data, "DELETE FROM audit_events WHERE seq = 6");
    assert!(by_program(data, &[]).status.success(), "nothing in the table itself shows it");
    let output = by_program(data, &["--expect", &head.to_string(), "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let summary: ChainSummary = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(faults(&summary), [(6, FaultKind::Missing)]);
    assert_eq!((summary.events, summary.head.seq), (5, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_cannot_even_read_the_program_names() {
    let server = started().await;
    let data = server.data.path();
    tamper(data, "UPDATE audit_events SET action = 'moon.phase', at = at || ' ' WHERE seq = 3");
    let summary = distd::ops::audit::verify(data, None).unwrap();
    assert_eq!(faults(&summary), [(3, FaultKind::Edited)]);
    tamper(data, "UPDATE audit_events SET at = replace(at, 'Z', '+00:00') WHERE seq = 2");
    let summary = distd::ops::audit::verify(data, None).unwrap();
    assert_eq!(faults(&summary), [(2, FaultKind::Edited), (3, FaultKind::Edited)], "the same time in other words");
    assert!(!by_program(Path::new("/nowhere"), &[]).status.success());
}
