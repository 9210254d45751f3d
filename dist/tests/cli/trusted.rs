//! Publishing with the identity of a CI job.

use std::process::Command;

use serde_json::Value;

use crate::ci_system::CiSystem;
use crate::harness::{Project, Run, Server};

/// Lets jobs of the repository publish acme from one ref, and move beta.
fn trust(server: &Server, project: &Project, ci: &CiSystem, reference: &str) -> String {
    let arguments = [
        "publisher",
        "add",
        "acme",
        "--kind",
        "github",
        "--issuer",
        &ci.url,
        "--repository-id",
        "74",
        "--owner-id",
        "65",
        "--workflow",
        "acme/app/.github/workflows/release.yml",
        "--ref",
        reference,
        "--channel",
        "beta",
        "--json",
    ];
    let added = server.dist(project, &arguments).json();
    added["id"].as_str().unwrap().to_owned()
}

/// Publishes without a token.
fn publish(server: &Server, project: &Project, change: impl FnOnce(&mut Command)) -> Run {
    let mut command = project.command(&["ci", "publish", "--json"]);
    command.env("DIST_SERVER", &server.url);
    change(&mut command);
    Run::of(command)
}

#[test]
fn a_job_publishes_with_its_own_identity_and_says_as_whom() {
    let (server, project, ci) = (Server::start(), Project::acme(b"one"), CiSystem::start());
    server.dist(&project, &["app", "create", "acme"]).ok();
    let publisher = trust(&server, &project, &ci, "refs/heads/main");
    let run = publish(&server, &project, |command| ci.admit(command));
    let told = format!("publishing as github:acme/app@refs/heads/main, trusted publisher {publisher}\n");
    assert!(run.stderr.contains(&told), "{}", run.stderr);
    assert_eq!(run.json()["status"], "published");
    assert_eq!(publish(&server, &project, |command| ci.admit(command)).json()["status"], "unchanged");
    let events = server.dist(&project, &["audit", "--action", "release.publish", "--json"]).json();
    assert_eq!(events["events"][0]["actor"], "github:acme/app@refs/heads/main");

    let listed = server.dist(&project, &["publisher", "list", "acme", "--json"]).json();
    assert_eq!(
        (&listed["publishers"][0]["id"], &listed["publishers"][0]["rule"]["audience"]),
        (&Value::from(publisher.as_str()), &"dist".into())
    );
    let shown = server.dist(&project, &["publisher", "list", "acme"]).ok().stdout;
    assert!(shown.contains("repository 74, owner 65"), "{shown}");
    server.dist(&project, &["publisher", "remove", "acme", &publisher]).ok();
    publish(&server, &project, |command| ci.admit(command)).fails(4, "oidc_issuer_unknown");
    server.dist(&project, &["publisher", "remove", "acme", &publisher, "--json"]).fails(1, "publisher_not_found");
}

#[test]
fn an_identity_token_in_a_variable_works_once() {
    let (server, project, ci) = (Server::start(), Project::acme(b"one"), CiSystem::start());
    server.dist(&project, &["app", "create", "acme"]).ok();
    trust(&server, &project, &ci, "refs/heads/*");
    let token = ci.token("dist");
    let run = || {
        publish(&server, &project, |command| {
            command.env("DIST_ID_TOKEN", &token);
        })
    };
    run().ok();
    let again = run();
    assert!(!again.stdout.contains(&token) && !again.stderr.contains(&token));
    again.fails(4, "oidc_token_reused");
}

#[test]
fn a_job_that_may_not_is_told_why_and_what_to_do() {
    let (server, project, ci) = (Server::start(), Project::acme(b"one"), CiSystem::start());
    server.dist(&project, &["app", "create", "acme"]).ok();
    trust(&server, &project, &ci, "refs/tags/v*");
    let hint = |error: &Value| error["hint"].as_str().unwrap().to_owned();
    let error = publish(&server, &project, |command| ci.admit(command)).fails(4, "oidc_ref_mismatch");
    assert!(
        error["message"].as_str().unwrap().contains("refs/heads/main") && hint(&error).contains("dist publisher list")
    );
    let other = publish(&server, &project, |command| {
        ci.admit(command);
        command.env("DIST_AUDIENCE", "https://dist.example.com");
    });
    other.fails(4, "oidc_audience_mismatch");
    let wrong = publish(&server, &project, |command| ci.admit_with(command, "other-password"));
    assert_ne!(wrong.code, Some(0));
    assert!(wrong.stdout.contains("the CI system gives no identity token") && wrong.stdout.contains("id-token: write"));
    assert!(!wrong.stdout.contains("other-password"));
    let none = publish(&server, &project, |command| {
        command.env("GITHUB_ACTIONS", "true");
    });
    assert!(hint(&none.fails(4, "unauthenticated")).contains("id-token: write"));
    let none = publish(&server, &project, |command| {
        command.env("GITLAB_CI", "true");
    });
    assert!(hint(&none.fails(4, "unauthenticated")).contains("id_tokens"));
}
