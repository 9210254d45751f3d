//! History as a person reads it: log, show, diff, notes and bisect.

use crate::harness::{Project, Server};

/// Eight releases on beta, each with notes.
fn eight_releases() -> (Server, Project) {
    let server = Server::start();
    let project = Project::acme(b"one");
    for minor in 0..8 {
        let (version, notes) = (format!("1.{minor}.0"), format!("# 1.{minor}.0\nNotes of {minor}"));
        let arguments = ["push", "--create-app", "--version", &version, "--notes", &notes];
        project.write("app.bin", format!("bytes of {minor}").as_bytes());
        server.dist(&project, &arguments).ok();
    }
    (server, project)
}

#[test]
fn a_history_is_told_compared_and_searched() {
    let (server, project) = eight_releases();
    let say = |arguments: &[&str]| server.dist(&project, arguments).ok().stdout;
    let json = |arguments: &[&str]| server.dist(&project, &[arguments, &["--json"]].concat()).json();
    say(&["promote", "acme@1.4.0", "stable", "--reason", "it is good"]);

    let names = |arguments: &[&str]| -> Vec<String> {
        let page = json(arguments);
        page["releases"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&["log", "acme@stable..beta"]), ["1.7.0", "1.6.0", "1.5.0"]);
    assert_eq!(names(&["log", "acme@beta..stable"]), [""; 0]);
    assert_eq!(names(&["log", "acme", "--platform", "windows"]), [""; 0]);
    assert_eq!(names(&["log", "acme", "--since", "1d"]).len(), 8);
    assert_eq!(say(&["log", "acme", "--oneline"]).lines().count(), 8);
    assert_eq!(say(&["log", "acme", "--oneline", "--graph", "-n", "3"]).lines().count(), 3);
    assert!(say(&["log", "acme@1.2.0", "--notes"]).contains("│   Notes of 1\n"));
    assert_eq!(say(&["log", "acme@beta..stable"]), "No releases.\n");

    let shown = say(&["show", "acme@stable"]);
    assert!(shown.contains("stable") && shown.contains("it is good"), "{shown}");

    let notes = say(&["notes", "acme@1.5.0..beta"]);
    let day = &json(&["show", "acme@beta"])["published_at"].as_str().unwrap()[..10].to_owned();
    assert_eq!(notes, format!("## 1.7.0 ({day})\n\nNotes of 7\n\n## 1.6.0 ({day})\n\nNotes of 6\n"));
    assert_eq!(json(&["notes", "acme@1.5.0..beta"])["markdown"], notes);
    assert_eq!(say(&["notes", "acme@beta~2"]), format!("## 1.5.0 ({day})\n\nNotes of 5\n"));

    let diff = say(&["diff", "acme@stable", "acme@beta"]);
    assert!(diff.starts_with("acme  1.4.0 → 1.7.0") && diff.contains("- Notes of 4\n"), "{diff}");
    assert_eq!(json(&["diff", "acme@stable..beta"])["artifacts"][0]["change"], "changed");
    assert!(say(&["diff", "acme@stable..beta", "--stat"]).ends_with("artifacts: 1 changed; notes +2 −2\n"));

    // 1.5.0 brought the fault.
    let first = say(&["bisect", "start", "acme@beta", "--good", "1.0.0"]);
    assert!(first.starts_with("Try 1.3.0") && first.contains("/install/acme/r/1.3.0\n"), "{first}");
    assert!(first.contains("7 suspects, 3 steps left"), "{first}");
    server.dist(&project, &["bisect", "start", "acme@beta", "--good", "1.0.0", "--json"]).fails(2, "usage");
    let mut next = json(&["bisect", "good"]);
    let mut tries = 1;
    while next["state"] == "try" {
        let is_bad = next["release"]["name"].as_str().unwrap() >= "1.5.0";
        next = json(&["bisect", if is_bad { "bad" } else { "good" }]);
        tries += 1;
    }
    assert_eq!((next["release"]["name"].as_str(), next["last_good"]["name"].as_str()), (Some("1.5.0"), Some("1.4.0")));
    assert!(tries <= 3, "{tries}");
    server.dist(&project, &["bisect", "bad", "1.2.0", "--json"]).fails(2, "usage");
    server.dist(&project, &["bisect", "good", "9.9.9", "--json"]).fails(1, "revision_unknown");
    let log = say(&["bisect", "log"]);
    assert!(log.contains("  good  1.3.0") && log.contains("  bad   1.5.0"), "{log}");
    assert!(log.contains("is the first bad release; 1.4.0 is the last good one"), "{log}");
    assert_eq!(say(&["bisect", "reset"]), "The bisect has ended.\n");
    assert_eq!(json(&["bisect", "reset"])["reset"], false);
    server.dist(&project, &["bisect", "good", "--json"]).fails(2, "usage");
    server.dist(&project, &["bisect", "start", "acme@beta", "--good", "1.7.0", "--json"]).fails(2, "usage");
}
