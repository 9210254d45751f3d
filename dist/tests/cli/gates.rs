use serde_json::json;

use crate::harness::{Project, Run, Server};

const PUBLISH: &[&str] = &["ci", "publish", "--create-app", "--json"];

/// A server with acme 1.0.0 and 1.1.0, beta at the last, stable at the first; stable asks that versions rise.
fn two_channels() -> (Server, Project) {
    let (server, project) = (Server::start(), Project::acme(b"one"));
    server.dist(&project, &["push", "--create-app", "--notes", "The first"]).ok();
    server.dist(&project, &["promote", "acme@beta", "stable"]).ok();
    server.dist(&project, &["push", "--version", "1.1.0", "--notes", "# Fix login\n\nOn iOS 18"]).ok();
    let gates =
        ["app", "rules", "acme", "--gate", "stable.build-not-rising=block", "--gate", "beta.build-not-rising=block"];
    server.dist(&project, &gates).ok();
    (server, project)
}

#[test]
fn a_dry_run_shows_what_would_happen_and_changes_nothing() {
    let (server, project) = two_channels();
    let run = server.dist(&project, &["promote", "acme@beta", "stable", "--dry-run"]).ok();
    assert_eq!(run.stdout, "acme stable   1.0.0 → 1.1.0   1 release, 1 note\n  ok     version-rises, platforms-kept\n");
    let run = server.dist(&project, &["promote", "acme@beta", "stable", "-n", "--notes"]).ok();
    assert!(run.stdout.contains("just now\n  # Fix login\n\n  On iOS 18\n"), "{}", run.stdout);
    let plan = server.dist(&project, &["promote", "acme@beta", "stable", "-n", "--json"]).json();
    assert_eq!((&plan["allowed"], &plan["ahead"], &plan["from"]["name"]), (&json!(true), &json!(1), &json!("1.0.0")));
    assert_eq!(plan["passed"][0], json!({"word": "version-rises"}));

    let blocked = server.dist(&project, &["promote", "acme@1.0.0", "beta", "--dry-run"]);
    assert_eq!((blocked.code, blocked.stderr.as_str()), (Some(6), ""));
    insta::assert_snapshot!(blocked.stdout, @r#"
    acme beta   1.1.0 → 1.0.0   1 release back
      block  build-not-rising  1.0.0 is not above 1.1.0, which is live
      ok     platforms-kept
    Refused: 1 gate blocks. Override with --override build-not-rising --reason "…" (needs promote:acme/beta and override:acme/beta).
    "#);
    let error = server.dist(&project, &["promote", "acme@1.0.0", "beta", "-n", "--json"]).fails(6, "gate_blocked");
    assert_eq!(error["details"]["promotion"]["allowed"], false);
    let channels = server.dist(&project, &["channels", "acme", "--json"]).json();
    assert_eq!((&channels["channels"][0]["moves"], &channels["channels"][1]["moves"]), (&json!(2), &json!(1)));
}

#[test]
fn a_gate_that_blocks_is_told_and_overridden_with_a_reason() {
    let (server, project) = two_channels();
    let refused = server.dist(&project, &["promote", "acme@1.0.0", "beta"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(6), ""));
    assert!(
        refused.stderr.contains("  block  build-not-rising  1.0.0 is not above 1.1.0, which is live\n"),
        "{refused:?}"
    );
    assert!(refused.stderr.ends_with("(needs promote:acme/beta and override:acme/beta).\n"), "{refused:?}");
    let over = ["promote", "acme@1.0.0", "beta", "--override", "build-not-rising"];
    server.dist(&project, &[&over[..], &["--json"]].concat()).fails(2, "usage");
    let over = [&over[..], &["--reason", "1.1.0 loses data"]].concat();
    let mut narrow = server.command(&project, &[&over[..], &["--json"]].concat());
    narrow.env("DIST_TOKEN", server.token("promote:acme"));
    let error = Run::of(narrow).fails(4, "forbidden");
    assert_eq!(error["details"]["needed"], "override:acme/beta");
    let moved = server.dist(&project, &over).ok().stdout;
    assert_eq!(
        moved,
        "beta now points at 1.0.0 (was 1.1.0).\n  block  build-not-rising  1.0.0 is not above 1.1.0, which is live (overridden)\n"
    );
    let audit = server.dist(&project, &["audit", "--action", "gate.override", "--json"]).json();
    assert_eq!(audit["events"][0]["reason"], "1.1.0 loses data");
}

#[test]
fn ci_publish_meets_the_same_gates_and_publishes_all_the_same() {
    let (server, project) = two_channels();
    server.dist(&project, &["rollback", "acme@beta", "--reason", "loses data"]).ok();
    let publish = [PUBLISH, &["--version", "1.2.0"]].concat();
    let error = server.dist(&project, &publish).fails(6, "channel_pinned");
    assert_eq!(
        error["message"],
        "acme 1.2.0 is published, and beta stays at 1.0.0: acme beta is pinned at 1.0.0: loses data (test)"
    );
    assert_eq!(error["hint"], "`dist unpin acme@beta`, then `dist promote acme@1.2.0 beta`");
    let published = &error["details"]["published"];
    assert_eq!((&published["schema"], &published["channel"]), (&json!("dist.publish/1"), &json!(null)));
    server.dist(&project, &["show", "acme@1.2.0"]).ok();
    assert_eq!(server.dist(&project, &["show", "acme@beta", "--json"]).json()["name"], "1.0.0");
    server.dist(&project, &publish).fails(6, "channel_pinned");

    let refused = server.dist(&project, &["promote", "acme@1.2.0", "beta"]);
    assert_eq!(refused.code, Some(6));
    assert!(
        refused.stderr.contains("Refused: 1 gate blocks. dist unpin acme@beta lets the channel move. "),
        "{refused:?}"
    );
    assert_eq!(server.dist(&project, &["unpin", "acme@beta"]).ok().stdout, "beta is at 1.0.0 and moves again.\n");
    server.dist(&project, &publish).ok();
    assert_eq!(server.dist(&project, &["show", "acme@beta", "--json"]).json()["name"], "1.2.0");

    let error = server.dist(&project, &[PUBLISH, &["--version", "0.9.0"]].concat()).fails(6, "gate_blocked");
    assert_eq!(error["details"]["gates"][0]["gate"], "build-not-rising");
    let human = server.dist(&project, &["push", "--version", "0.9.0"]);
    assert!(
        human.stderr.contains("  block  build-not-rising  0.9.0 is not above 1.2.0, which is live\nhint: "),
        "{human:?}"
    );
    let pinned = server.dist(&project, &["pin", "acme@stable", "--reason", "audit"]).ok().stdout;
    assert_eq!(pinned, "stable is pinned at 1.0.0: audit.\n");
}

#[test]
fn a_promotion_moves_only_what_it_has_seen() {
    let (server, project) = two_channels();
    server.dist(&project, &["promote", "acme@beta", "new", "--expect", "1.0.0", "--json"]).fails(5, "ref_moved");
    let one = server.dist(&project, &["promote", "acme@1.1.0", "stable", "--expect", "1.0.0"]).ok();
    assert_eq!(one.stdout, "stable now points at 1.1.0 (was 1.0.0).\n");
    let late = server.dist(&project, &["promote", "acme@1.1.0", "stable", "--expect", "1.0.0", "--json"]);
    let error = late.fails(5, "ref_moved");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(": test moved it from 1.0.0 to 1.1.0 (promote) at 20"), "{message}");
}

#[test]
fn a_release_is_revoked_and_restored() {
    let (server, project) = two_channels();
    let dist = |arguments: &[&str]| server.dist(&project, &[arguments, &["--json"]].concat());
    let revoke = ["revoke", "acme@1.1.0", "--reason", "loses data"];
    assert_eq!(dist(&revoke).fails(5, "release_live")["details"]["channels"], json!(["beta"]));
    let told = server.dist(&project, &[&revoke[..], &["--rollback"]].concat()).ok().stdout;
    assert!(told.starts_with("acme 1.1.0 is revoked: loses data.\nIt can no longer be promoted, installed or downloaded.\n\nbeta now points at 1.0.0 (was 1.1.0).\n"), "{told}");
    dist(&["promote", "acme@1.1.0", "stable"]).fails(6, "release_revoked");
    dist(&["pull", "acme@1.1.0"]).fails(6, "release_revoked");
    let log = server.dist(&project, &["log", "acme"]).ok().stdout;
    assert!(log.lines().next().unwrap().contains("revoked"), "{log}");
    let shown = server.dist(&project, &["show", "acme@1.1.0"]).ok().stdout;
    assert!(shown.contains("revoked") && shown.contains("by test: loses data"), "{shown}");
    let told = server.dist(&project, &["restore", "acme@1.1.0"]).ok().stdout;
    assert_eq!(told, "acme 1.1.0 can be promoted, installed and downloaded. Channels stay where they are.\n");
    dist(&["pull", "acme@1.1.0"]).ok();
}

#[test]
fn a_release_soaks_as_long_as_the_rules_ask() {
    let (server, project) = two_channels();
    let rules = server.dist(&project, &["app", "rules", "acme", "--soak", "stable=beta:24h", "--json"]).json();
    assert_eq!(rules["soak"]["stable"], json!({"on": "beta", "seconds": 86_400}));
    let error = server.dist(&project, &["promote", "acme@beta", "stable", "--json"]).fails(6, "gate_blocked");
    assert_eq!(error["details"]["gates"][0]["gate"], "soak-too-short");
    server.dist(&project, &["app", "rules", "acme", "--no-soak", "stable"]).ok();
    server.dist(&project, &["promote", "acme@beta", "stable"]).ok();
    let wrong = ["app", "rules", "acme", "--gate", "stable.channel-pinned=off", "--json"];
    server.dist(&project, &wrong).fails(3, "rules_invalid");
}
