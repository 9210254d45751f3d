//! The audit log from the command line: filters, verification, export, following.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::harness::{Project, Run, Server};

/// A server with a release of acme and an app by another actor.
fn started() -> (Server, Project) {
    let (server, project) = (Server::start(), Project::acme(b"one"));
    server.dist(&project, &["app", "create", "acme"]).ok();
    server.dist(&project, &["push"]).ok();
    server.dist(&project, &["token", "create", "--name", "ci", "--scope", "publish:acme"]).ok();
    (server, project)
}

/// Does to the table what its triggers would refuse.
fn tamper(server: &Server, sql: &str) {
    let db = rusqlite::Connection::open(server.data().join("dist.sqlite")).unwrap();
    let drop = "DROP TRIGGER audit_events_are_never_changed; DROP TRIGGER audit_events_are_never_removed;";
    db.execute_batch(&format!("{drop} {sql}")).unwrap();
}

fn actions(document: &Value) -> Vec<&str> {
    document["events"].as_array().unwrap().iter().map(|event| event["action"].as_str().unwrap()).collect()
}

#[test]
fn events_are_found_by_app_actor_action_and_time() {
    let (server, project) = started();
    let list = |arguments: &[&str]| server.dist(&project, &[&["audit", "--json"], arguments].concat()).json();
    assert_eq!(actions(&list(&["--app", "acme"])), ["release.publish", "object.upload", "app.create"]);
    assert_eq!(actions(&list(&["--actor", "local"])).len(), 2, "the first token and the test's");
    assert_eq!(actions(&list(&["--action", "object.upload"])), ["object.upload"]);
    assert_eq!(actions(&list(&["--since", "1d"])).len(), 6);
    assert_eq!(actions(&list(&["--since", "2999-01-01"])), [""; 0]);
    assert_eq!(actions(&list(&["--app", "acme", "--actor", "test", "-n", "1"])), ["release.publish"]);
    let shown = server.dist(&project, &["audit", "--app", "acme"]).ok().stdout;
    assert!(shown.contains("releases/1.0.0"), "{shown}");
    server.dist(&project, &["audit", "--json", "--action", "nothing"]).fails(2, "usage");
    server.dist(&project, &["audit", "--app", "acme", "verify", "--json"]).fails(2, "usage");
}

#[test]
fn an_export_is_every_event_oldest_first_and_can_be_verified_by_itself() {
    let (server, project) = started();
    let exported = server.dist(&project, &["audit", "export"]).ok().stdout;
    let events: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 6);
    let mut check = protocol::audit_chain::ChainCheck::new(None);
    for (event, seq) in events.iter().zip(1..) {
        assert_eq!(event["seq"], seq);
        check.push(serde_json::from_value(event.clone()).unwrap());
    }
    assert_eq!(check.finish().faults, []);
    let some = server.dist(&project, &["audit", "export", "--app", "acme", "--since", "1d"]).ok().stdout;
    assert_eq!(some.lines().count(), 3);
}

#[test]
fn a_log_that_was_tampered_with_is_an_error_that_names_each_event() {
    let (server, project) = started();
    let whole = server.dist(&project, &["audit", "verify", "--json"]).json();
    assert_eq!((whole["events"].as_u64(), &whole["faults"]), (Some(6), &serde_json::json!([])));
    let head = whole["head"].as_str().unwrap();
    let said = server.dist(&project, &["audit", "verify", "--expect", head]).ok().stdout;
    assert!(said.contains("6 events") && said.contains(head), "{said}");

    tamper(&server, "UPDATE audit_events SET actor = 'eve' WHERE seq = 3; DELETE FROM audit_events WHERE seq = 5;");
    let error = server.dist(&project, &["audit", "verify", "--json"]).fails(1, "audit_chain_broken");
    let faults = error["details"]["faults"].as_array().unwrap();
    let faults: Vec<_> =
        faults.iter().map(|fault| (fault["seq"].as_u64().unwrap(), fault["kind"].as_str().unwrap())).collect();
    assert_eq!(faults, [(3, "edited"), (5, "missing")]);
    let run = server.dist(&project, &["audit", "verify"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("event 3 ") && run.stderr.contains("event 5 "), "{}", run.stderr);
    let error = server.dist(&project, &["audit", "verify", "--json", "--expect", "9"]).fails(2, "usage");
    assert!(error["message"].as_str().unwrap().contains("SEQ:HASH"), "{error}");
}

#[test]
fn following_prints_what_comes_until_it_is_stopped() {
    let (server, project) = started();
    let mut command = server.command(&project, &["audit", "--follow", "--json", "-n", "1"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["action"], "token.create");
    server.dist(&project, &["promote", "acme@1.0.0", "stable"]).ok();
    let event = next();
    assert_eq!((&event["action"], &event["subject"]), (&"channel.promote".into(), &"channels/stable".into()));
    // The process is ours and was not waited for yet, so the id is still its own.
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_token_that_does_not_work_is_told_at_once_however_often_it_was_tried() {
    let server = Server::start();
    let project = Project::acme(b"one");
    let unknown = protocol::TokenText::from_random([1; 5], [1; 32]).reveal();
    let whoami = || {
        let mut command = server.command(&project, &["whoami", "--json"]);
        command.env("DIST_TOKEN", &unknown);
        Run::of(command)
    };
    for _ in 0..protocol::limits::FAILED_ATTEMPTS_OF_TOKEN {
        whoami().fails(4, "unauthenticated");
    }
    whoami().fails(4, "too_many_attempts");
    server.dist(&project, &["whoami"]).ok();
}
