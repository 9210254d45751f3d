use serde_json::{Value, json};

use super::*;

fn github() -> Value {
    json!({"kind": "github", "repository_id": 74, "owner_id": 65, "workflow": "acme/app/.github/workflows/release.yml",
        "ref": "refs/tags/v*", "environment": "release"})
}

fn with(mut base: Value, change: &Value) -> Value {
    for (name, value) in change.as_object().unwrap() {
        base[name] = value.clone();
    }
    base
}

fn token() -> Value {
    json!({"aud": "dist", "repository_id": "74", "repository_owner_id": "65", "event_name": "push", "ref": "refs/tags/v1.0",
        "workflow_ref": "acme/app/.github/workflows/release.yml@refs/tags/v1.0", "environment": "release"})
}

#[track_caller]
fn check(rule: &Value, token: &Value, expected: Option<ErrorCode>) {
    let rule: PublisherRule = serde_json::from_value(rule.clone()).unwrap();
    check_rule(&rule).unwrap();
    assert_eq!(judge(&rule, &Claims::of(token)).err().map(|miss| miss.refusal.code), expected, "{token}");
}

#[test]
fn a_github_token_is_held_to_everything_that_a_rule_pins() {
    let changed = |change: Value, expected: ErrorCode| check(&github(), &with(token(), &change), Some(expected));
    check(&github(), &token(), None);
    check(&github(), &with(token(), &json!({"repository_id": 74, "aud": ["dist"]})), None);
    changed(json!({"aud": "npm"}), ErrorCode::OidcAudienceMismatch);
    changed(json!({"repository_id": "75"}), ErrorCode::OidcRepositoryMismatch);
    changed(json!({"repository_owner_id": "66"}), ErrorCode::OidcRepositoryMismatch);
    changed(json!({"repository_id": null}), ErrorCode::OidcRepositoryMismatch);
    for event in ["pull_request", "pull_request_target", "workflow_run", "issue_comment", "merge_group", ""] {
        changed(json!({"event_name": event}), ErrorCode::OidcEventRefused);
    }
    changed(json!({"event_name": null}), ErrorCode::OidcEventRefused);
    for workflow in ["release.yml", "acme/app/.github/workflows/release.yml.evil@refs/tags/v1.0", "evil/app"] {
        changed(json!({"workflow_ref": workflow}), ErrorCode::OidcWorkflowMismatch);
    }
    for reference in ["refs/heads/main", "refs/tags/v1/evil", "refs/tags/1.0", "refs/pull/4/merge"] {
        changed(json!({"ref": reference}), ErrorCode::OidcRefMismatch);
    }
    changed(json!({"environment": "test"}), ErrorCode::OidcEnvironmentMismatch);
    changed(json!({"environment": null}), ErrorCode::OidcEnvironmentMismatch);
}

#[test]
fn a_workflow_may_be_pinned_with_its_ref_and_may_be_a_shared_one() {
    let shared = "acme/ci/.github/workflows/publish.yml@refs/tags/v3";
    let rule = with(github(), &json!({"workflow": shared}));
    check(&rule, &with(token(), &json!({"job_workflow_ref": shared})), None);
    let other = "acme/ci/.github/workflows/publish.yml@refs/heads/try";
    check(&rule, &with(token(), &json!({"job_workflow_ref": other})), Some(ErrorCode::OidcWorkflowMismatch));
    let longer = format!("{shared}@refs/heads/x");
    check(&rule, &with(token(), &json!({"job_workflow_ref": longer})), Some(ErrorCode::OidcWorkflowMismatch));
}

#[test]
fn a_gitlab_token_has_to_be_of_a_protected_ref() {
    let rule = json!({"kind": "gitlab", "repository_id": 20, "ref": "refs/heads/main",
        "workflow": "gitlab.com/acme/app//.gitlab-ci.yml"});
    let token = json!({"aud": "dist", "project_id": "20", "pipeline_source": "push", "ref": "main", "ref_protected": "true",
        "ref_path": "refs/heads/main", "ci_config_ref_uri": "gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main"});
    check(&rule, &token, None);
    check(&rule, &with(token.clone(), &json!({"ref_protected": true})), None);
    let changed = |change: Value, expected| check(&rule, &with(token.clone(), &change), Some(expected));
    changed(json!({"ref_protected": "false"}), ErrorCode::OidcRefUnprotected);
    changed(json!({"ref_protected": null}), ErrorCode::OidcRefUnprotected);
    changed(json!({"project_id": "21"}), ErrorCode::OidcRepositoryMismatch);
    changed(json!({"pipeline_source": "merge_request_event"}), ErrorCode::OidcEventRefused);
    changed(json!({"ref_path": "refs/tags/main"}), ErrorCode::OidcRefMismatch);
}

#[test]
fn any_other_issuer_is_held_to_named_claims() {
    let rule = json!({"kind": "other", "issuer": "https://ci.example.com", "claims": {"sub": "acme", "build": "7", "main": "true"}});
    let token = json!({"aud": "dist", "sub": "acme", "build": 7, "main": true});
    check(&rule, &token, None);
    for change in [json!({"sub": "acme2"}), json!({"build": 8}), json!({"main": null}), json!({"sub": ["acme"]})] {
        check(&rule, &with(token.clone(), &change), Some(ErrorCode::OidcClaimMismatch));
    }
}

#[test]
fn rules_that_pin_too_little_are_not_taken() {
    let check = |change: Value| {
        let rule: PublisherRule = serde_json::from_value(with(github(), &change)).unwrap();
        assert!(check_rule(&rule).is_err(), "{change}");
    };
    check(json!({"repository_id": null}));
    check(json!({"owner_id": null}));
    check(json!({"workflow": null}));
    check(json!({"workflow": ""}));
    check(json!({"ref": null}));
    check(json!({"audience": ""}));
    check(json!({"kind": "forgejo"}));
    check(json!({"kind": "other", "issuer": "https://ci.example.com"}));
    for reference in ["main", "refs/*", "refs/heads/", "refs/pull/1/merge", "refs/tags/***"] {
        check(json!({"ref": reference}));
    }
    let issuers = [
        "http://ci.example.com",
        "http://10.0.0.1",
        "ftp://127.0.0.1",
        "https://u:p@ci.example.com",
        "https://a/?x=1",
        "https://a/#b",
        "file:///etc",
        "ci.example.com",
        "http://127.0.0.1.evil.example",
    ];
    for issuer in issuers {
        check(json!({"issuer": issuer}));
    }
    let other = json!({"kind": "other", "issuer": "https://ci.example.com", "claims": {}});
    assert!(check_rule(&serde_json::from_value(other).unwrap()).is_err());
}
