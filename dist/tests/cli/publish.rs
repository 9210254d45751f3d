use std::thread;

use protocol::Digest;
use serde_json::Value;

use crate::harness::{Project, Run, Server, noise};

const PUBLISH: &[&str] = &["ci", "publish", "--create-app", "--json"];

#[test]
fn the_same_content_again_is_unchanged_and_two_requests() {
    let (server, project) = (Server::start(), Project::acme(b"one"));
    let first = server.dist(&project, PUBLISH).json();
    assert_eq!((&first["schema"], &first["status"]), (&Value::from("dist.publish/1"), &Value::from("published")));
    assert_eq!(first["artifacts"][0]["uploaded"], true);
    assert_eq!(first["transfer"]["uploaded_bytes"], 3);
    assert_eq!(first["channel"]["previous"], Value::Null);

    let second = server.dist(&project, PUBLISH).json();
    assert_eq!(second["status"], "unchanged");
    assert_eq!(second["release"], first["release"]);
    assert_eq!(second["transfer"]["requests"], 2);
    assert_eq!(second["transfer"]["uploaded_bytes"], 0);
    assert_eq!(second["channel"]["previous"], second["channel"]["current"]);
    assert_eq!(second["urls"]["install"], format!("{}/install/acme/beta", server.url));
}

#[test]
fn a_new_release_has_the_one_before_as_its_parent() {
    let (server, project) = (Server::start(), Project::acme(b"one"));
    let first = server.dist(&project, PUBLISH).json();
    project.write("app.bin", b"two");
    let second = server.dist(&project, &[PUBLISH, &["--version", "1.1.0"]].concat()).json();
    assert_eq!(second["channel"]["previous"], first["release"]["id"]);
    let shown = server.dist(&project, &["show", "acme@1.1.0", "--json"]).json();
    assert_eq!(shown["manifest"]["parent"], first["release"]["id"]);
    let log = server.dist(&project, &["log", "acme@beta", "--json"]).json();
    assert_eq!(log["releases"].as_array().unwrap().len(), 2);
}

#[test]
fn other_content_under_a_taken_name_is_refused_with_what_differs() {
    let (server, project) = (Server::start(), Project::acme(b"one"));
    server.dist(&project, PUBLISH).ok();
    let check = |what: &str| {
        let error = server.dist(&project, PUBLISH).fails(5, "release_exists");
        assert_eq!(error["details"]["difference"][0]["what"], what, "{error}");
    };
    // Other notes: the server finds out. Other bytes: the client does, before it sends them.
    project.manifest(
        r#"{"app":"acme","version":"1.0.0","notes":"new","artifacts":[{"path":"app.bin","platform":"linux"}]}"#,
    );
    check("notes");
    project.manifest(r#"{"app":"acme","version":"1.0.0","artifacts":[{"path":"app.bin","platform":"linux"}]}"#);
    project.write("app.bin", b"other");
    check("artifacts/linux/universal/file/app.bin");
    let audit = server.dist(&project, &["audit", "--action", "object.upload", "--json"]).json();
    assert_eq!(audit["events"].as_array().unwrap().len(), 1, "nothing was sent");

    let human = server.dist(&project, &["push"]);
    assert_eq!((human.code, human.stdout.as_str()), (Some(5), ""));
    assert!(human.stderr.contains("(release_exists)") && human.stderr.contains("hint: "), "{}", human.stderr);
}

#[test]
fn an_app_that_is_missing_is_created_only_when_asked() {
    let (server, project) = (Server::start(), Project::acme(b"one"));
    let error = server.dist(&project, &["ci", "publish", "--json"]).fails(1, "app_not_found");
    assert!(error["hint"].as_str().unwrap().contains("--create-app"));
    server.dist(&project, &["app", "create", "acme"]).ok();
    server.dist(&project, &["ci", "publish", "--json"]).ok();
    server.dist(&project, &["app", "create", "acme", "--json"]).fails(5, "app_exists");
}

#[test]
fn a_token_may_do_what_its_scopes_say() {
    let (server, project) = (Server::start(), Project::acme(b"one"));
    server.dist(&project, PUBLISH).ok();
    let with = |token: &str, arguments: &[&str]| {
        let mut command = server.command(&project, arguments);
        command.env("DIST_TOKEN", token);
        Run::of(command)
    };
    let publish = ["ci", "publish", "--json", "--version", "2.0.0"];
    with("", &publish).fails(4, "unauthenticated");
    with("dist_not_a_token", &publish).fails(4, "unauthenticated");
    with(&server.token("read:acme"), &publish).fails(4, "forbidden");
    with(&server.token("publish:acme"), &publish).fails(4, "forbidden");
    with(&server.token("publish:acme/beta"), &publish).ok();
    with(&server.token("publish:acme/beta"), &["promote", "acme@2.0.0", "beta", "--json"]).fails(4, "forbidden");

    let created = server.dist(&project, &["token", "create", "--name", "ci", "--scope", "read:acme,promote:acme/beta"]);
    let token = created.ok().stdout.trim().to_owned();
    let whoami = with(&token, &["whoami", "--json"]).json();
    assert_eq!((&whoami["actor"], &whoami["scopes"][1]), (&Value::from("ci"), &Value::from("promote:acme/beta")));
    server.dist(&project, &["token", "revoke", whoami["token_id"].as_str().unwrap()]).ok();
    with(&token, &["whoami", "--json"]).fails(4, "unauthenticated");
}

#[test]
fn any_name_and_no_bytes_at_all_go_in_and_come_out() {
    let (server, project) = (Server::start(), Project::acme(b"one"));
    project.write("out/Mein Büro 🚀.bin", b"emoji");
    project.write("out/empty", b"");
    project.manifest(
        r#"{"app":"acme","version":"1.0.0","artifacts":[{"path":"out/*.bin","platform":"any"},
            {"path":"out/empty","platform":"linux"},{"path":"out/empty","platform":"macos"}]}"#,
    );
    let published = server.dist(&project, PUBLISH).json();
    assert_eq!(published["transfer"]["objects"], 2, "one file for two platforms is one object");
    server.dist(&project, &["pull", "acme@1.0.0", "-o", "in"]).ok();
    assert_eq!(project.read("in/Mein Büro 🚀.bin"), b"emoji");
    assert_eq!(project.read("in/linux-universal/empty"), b"");
    assert_eq!(project.read("in/macos-universal/empty"), b"");
}

#[test]
fn publishers_at_once_do_not_lose_a_release() {
    let (server, project) = (Server::start(), Project::acme(b"one"));
    server.dist(&project, PUBLISH).ok();
    let versions = ["2.0.0", "3.0.0", "4.0.0", "5.0.0"];
    thread::scope(|scope| {
        for version in versions {
            let publish = || server.dist(&project, &[PUBLISH, &["--version", version]].concat()).json();
            scope.spawn(publish);
        }
    });
    let reflog = server.dist(&project, &["reflog", "acme@beta", "--json"]).json();
    let entries = reflog["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 5);
    for pair in entries.windows(2) {
        assert_eq!(pair[0]["old"], pair[1]["new"], "{reflog}");
    }
    let log = server.dist(&project, &["log", "acme@beta", "--json"]).json();
    assert_eq!(log["releases"].as_array().unwrap().len(), 5, "each has the one before as its parent");
}

#[test]
fn the_same_release_from_two_publishers_is_published_once() {
    let (server, project) = (Server::start(), Project::acme(&noise(1_000_000)));
    server.dist(&project, &["app", "create", "acme"]).ok();
    let publish = || server.dist(&project, PUBLISH).json()["release"]["id"].clone();
    let (one, two) = thread::scope(|scope| {
        let (one, two) = (scope.spawn(publish), scope.spawn(publish));
        (one.join().unwrap(), two.join().unwrap())
    });
    assert_eq!(one, two);
    let log = server.dist(&project, &["log", "acme", "--json"]).json();
    assert_eq!(log["releases"].as_array().unwrap().len(), 1);
}

#[test]
fn pieces_are_no_larger_than_asked() {
    let (server, project) = (Server::start(), Project::acme(&noise(3_500_000)));
    server.dist(&project, &["app", "create", "acme"]).ok();
    let published = server.dist(&project, &["push", "--chunk-size", "1MiB", "--json"]).json();
    assert_eq!(published["transfer"]["requests"], 2 + 4);
    assert_eq!(published["transfer"]["uploaded_bytes"], 3_500_000);
}

#[test]
fn answers_go_to_stdout_and_everything_else_to_stderr() {
    let (server, project) = (Server::start(), Project::acme(b"one"));
    let run = server.dist(&project, &["push", "--create-app"]).ok();
    assert!(run.stdout.starts_with("acme 1.0.0 is published ("), "{}", run.stdout);
    assert!(run.stdout.contains("beta now points at it (new channel).\n"), "{}", run.stdout);
    assert!(run.stderr.starts_with("sent 1 of 1 objects, 3 B of 3 B, in ") && run.stderr.lines().count() == 1);
    let run = server.dist(&project, &["ci", "publish"]).ok();
    assert!(run.stderr.starts_with("unchanged acme 1.0.0 on beta: sent 0 of 1 objects"), "{}", run.stderr);
    assert_eq!(server.dist(&project, &["push", "--quiet"]).ok().stderr, "");
}

#[test]
fn the_source_is_what_the_environment_says() {
    let (server, project) = (Server::start(), Project::acme(b"one"));
    let mut command = server.command(&project, PUBLISH);
    command.env("GITLAB_CI", "true").env("CI_COMMIT_SHA", "c0ffee").env("CI_PROJECT_URL", "https://git.example.com/a");
    Run::of(command).ok();
    let shown = server.dist(&project, &["show", "acme@beta", "--json"]).json();
    let source = &shown["manifest"]["source"];
    assert_eq!((&source["commit"], &source["repository"]), (&"c0ffee".into(), &"https://git.example.com/a".into()));
}

/// Large enough to be sent while it is hashed.
#[test]
fn a_large_file_is_sent_at_once_unless_the_server_may_have_it() {
    let bytes = noise(17 * 1024 * 1024);
    let project = Project::acme(&bytes);
    let server = Server::start();
    server.dist(&project, &["app", "create", "acme"]).ok();
    let publish = ["ci", "publish", "--json"];
    let first = server.dist(&project, &publish).json();
    assert_eq!(first["status"], "published");
    assert_eq!(first["artifacts"][0]["sha256"], Digest::of(&bytes).to_string());
    let counts = |run: &Value| (run["transfer"]["requests"].as_u64(), run["transfer"]["uploaded_bytes"].as_u64());
    // Negotiation, its bytes, its name, commit.
    assert_eq!(counts(&first), (Some(4), Some(17 * 1024 * 1024)));

    let again = server.dist(&project, &publish).json();
    assert_eq!((again["status"].as_str(), counts(&again)), (Some("unchanged"), (Some(2), Some(0))));
    let newer = server.dist(&project, &[&publish[..], &["--version", "9.9.9"]].concat()).json();
    assert_eq!((newer["status"].as_str(), counts(&newer)), (Some("published"), (Some(2), Some(0))));

    // As many bytes, but others: found out by hashing them, and then sent.
    let mut other = bytes;
    other[5] ^= 1;
    project.write("app.bin", &other);
    server.dist(&project, &publish).fails(5, "release_exists");
    let changed = server.dist(&project, &[&publish[..], &["--version", "9.9.10"]].concat()).json();
    assert_eq!(changed["artifacts"][0]["sha256"], Digest::of(&other).to_string());
    assert_eq!(changed["transfer"]["uploaded_bytes"], 17 * 1024 * 1024);
}
