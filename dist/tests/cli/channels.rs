use crate::harness::{Project, Server};

/// A server with acme 1.0.0, 1.1.0 and 1.2.0, beta at the last.
fn three_releases() -> (Server, Project) {
    let (server, project) = (Server::start(), Project::acme(b"one"));
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        server.dist(&project, &["push", "--create-app", "--version", version]).ok();
    }
    (server, project)
}

#[test]
fn a_channel_moves_forward_and_back() {
    let (server, project) = three_releases();
    let say = |arguments: &[&str]| server.dist(&project, arguments).ok().stdout;
    assert_eq!(say(&["promote", "acme@beta~1", "stable"]), "stable now points at 1.1.0 (new channel).\n");
    assert_eq!(
        say(&["promote", "acme@beta", "stable", "--reason", "ship it"]),
        "stable now points at 1.2.0 (was 1.1.0).\n"
    );
    assert_eq!(say(&["promote", "acme@beta", "stable"]), "stable points at 1.2.0 already. Nothing moved.\n");
    let rolled = say(&["rollback", "acme@stable"]);
    assert!(rolled.starts_with("stable now points at 1.1.0 (was 1.2.0).\nIt is pinned there: "), "{rolled}");
    assert!(rolled.contains("linux     by-hand  stay  "), "{rolled}");
    let rolled = say(&["rollback", "acme@beta", "--to", "1.0.0"]);
    assert!(rolled.starts_with("beta now points at 1.0.0 (was 1.2.0).\n"), "{rolled}");

    let reflog = server.dist(&project, &["reflog", "acme@stable", "--json"]).json();
    let told: Vec<(&str, &str)> = reflog["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["action"].as_str().unwrap(), entry["new"]["name"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("rollback", "1.1.0"), ("promote", "1.2.0"), ("promote", "1.1.0")]);
    assert_eq!(reflog["entries"][1]["reason"], "ship it");
    assert!(say(&["reflog", "acme@stable"]).contains("stable@{1}"));
    assert_eq!(say(&["show", "acme@stable@{1}", "--json"]).matches("\"name\":\"1.2.0\"").count(), 1);
    let channels = say(&["channels", "acme"]);
    assert!(channels.contains("stable   1.1.0") && channels.contains("by test"), "{channels}");
}

#[test]
fn a_channel_that_is_not_where_it_was_expected_stays() {
    let (server, project) = three_releases();
    let dist = |arguments: &[&str]| server.dist(&project, &[arguments, &["--json"]].concat());
    dist(&["promote", "acme@1.0.0", "beta", "--expect", "1.1.0"]).fails(5, "ref_moved");
    dist(&["promote", "acme@1.0.0", "beta", "--expect", "none"]).fails(5, "ref_moved");
    dist(&["rollback", "acme@beta", "--expect", "1.0.0"]).fails(5, "ref_moved");
    dist(&["promote", "acme@1.0.0", "new", "--expect", "none"]).ok();
    dist(&["promote", "acme@1.1.0", "new", "--expect", "1.0.0"]).ok();
    dist(&["rollback", "acme@beta", "--to", "9.9.9"]).fails(1, "revision_unknown");
    dist(&["rollback", "acme@new", "--to", "1.2.0"]).fails(5, "rollback_target_invalid");
    dist(&["promote", "acme@1.0.0", "lone"]).ok();
    dist(&["rollback", "acme@lone"]).fails(5, "nothing_to_roll_back");
}

#[test]
fn what_does_not_exist_exits_1_with_its_own_code() {
    let (server, project) = three_releases();
    let dist = |arguments: &[&str]| server.dist(&project, &[arguments, &["--json"]].concat());
    dist(&["app", "show", "nope"]).fails(1, "app_not_found");
    dist(&["log", "nope"]).fails(1, "app_not_found");
    dist(&["reflog", "acme@nope"]).fails(1, "channel_not_found");
    dist(&["token", "revoke", "nope"]).fails(1, "token_not_found");
    let error = dist(&["show", "acme@1.9.9"]).fails(1, "revision_unknown");
    assert!(error["details"]["candidates"].is_array(), "{error}");
}

#[test]
fn malformed_names_never_reach_the_server() {
    let project = Project::acme(b"one");
    let check = |arguments: &[&str], exit_code: i32, code: &str| {
        let nowhere = [arguments, &["--json", "--server", "http://127.0.0.1:9", "--retries", "0"]].concat();
        crate::harness::Run::of(project.command(&nowhere)).fails(exit_code, code);
    };
    check(&["show", "acme"], 2, "revision_invalid");
    check(&["show", "Acme@beta"], 3, "app_invalid");
    check(&["promote", "acme@beta", "Stable"], 3, "channel_invalid");
    check(&["rollback", "acme@1.0.0"], 3, "channel_invalid");
    check(&["token", "create", "--name", "x", "--scope", "write"], 2, "scope_invalid");
    check(&["audit", "--since", "yesterday"], 2, "usage");
    check(&["pull", "acme@beta", "--platform", "beos"], 2, "usage");
    check(&["frobnicate"], 2, "usage");
    check(&["whoami"], 7, "server_unreachable");
}

#[test]
fn history_is_listed_newest_first_and_as_far_as_asked() {
    let (server, project) = three_releases();
    let names = |arguments: &[&str]| -> Vec<String> {
        let page = server.dist(&project, &[arguments, &["--json"]].concat()).json();
        let releases = page["releases"].as_array().unwrap().clone();
        releases.iter().map(|release| release["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&["log", "acme"]), ["1.2.0", "1.1.0", "1.0.0"]);
    assert_eq!(names(&["log", "acme", "--limit", "2"]), ["1.2.0", "1.1.0"]);
    assert_eq!(names(&["log", "acme@beta~1"]), ["1.1.0", "1.0.0"]);
    let audit = server.dist(&project, &["audit", "--app", "acme", "--since", "1h", "--limit", "3", "--json"]).json();
    assert_eq!(audit["events"].as_array().unwrap().len(), 3);
}
