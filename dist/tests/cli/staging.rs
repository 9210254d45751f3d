use std::process::{Command, Stdio};
use std::thread;

use serde_json::{Value, json};

use crate::harness::{Project, Run, Server, noise};
use crate::proxy::{Fate, Proxy};

const FINALIZE: &[&str] = &["ci", "finalize", "--expect", "linux,macos,windows", "--json"];

/// The project of one job: the same app and version, another file.
fn job(part: &str, content: &[u8]) -> Project {
    let project = Project::acme(content);
    project.write(&format!("acme-{part}.bin"), content);
    project
}

fn stage(server: &Server, project: &Project, part: &str) -> Command {
    let artifact = format!("acme-{part}.bin,platform={part}");
    server.command(project, &["ci", "stage", "--part", part, "--artifact", &artifact, "--json"])
}

fn released(server: &Server, project: &Project) -> Vec<Value> {
    server.dist(project, &["log", "acme", "--json"]).json()["releases"].as_array().unwrap().clone()
}

#[test]
fn three_jobs_at_once_and_one_that_is_killed_make_one_release_or_none() {
    let large = noise(8 << 20);
    let (server, jobs) = (Server::start(), [job("linux", b"l"), job("windows", b"w"), job("macos", &large)]);
    server.dist(&jobs[0], &["app", "create", "acme"]).ok();
    thread::scope(|scope| {
        let (server, jobs) = (&server, &jobs);
        scope.spawn(move || Run::of(stage(server, &jobs[0], "linux")).ok());
        scope.spawn(move || Run::of(stage(server, &jobs[1], "windows")).ok());
        scope.spawn(move || {
            let proxy = Proxy::start(server.address(), Fate::HoldUp(4 << 20), 1);
            let mut command = stage(server, &jobs[2], "macos");
            command.env("DIST_SERVER", &proxy.url).stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            proxy.met.recv().unwrap();
            child.kill().unwrap();
            assert!(!child.wait().unwrap().success(), "it was killed in the middle");
        });
    });

    let error = server.dist(&jobs[0], FINALIZE).fails(5, "stage_mismatch");
    assert_eq!(
        (&error["details"]["missing"], &error["details"]["staged"]),
        (&json!(["macos"]), &json!(["linux", "windows"]))
    );
    assert!(released(&server, &jobs[0]).is_empty(), "nothing is visible before");
    assert_eq!(server.dist(&jobs[0], &["channels", "acme", "--json"]).json()["channels"], json!([]));
    let status = server.dist(&jobs[0], &["ci", "status", "--json"]).json();
    let parts: Vec<&Value> = status["releases"][0]["parts"].as_array().unwrap().iter().map(|it| &it["part"]).collect();
    assert_eq!(parts, ["linux", "windows"]);

    let staged = Run::of(stage(&server, &jobs[2], "macos")).json();
    assert_eq!((&staged["schema"], &staged["stage"]["part"]), (&json!("dist.stage/1"), &json!("macos")));
    let published = server.dist(&jobs[0], FINALIZE).json();
    assert_eq!((&published["schema"], &published["status"]), (&json!("dist.publish/1"), &json!("published")));
    assert_eq!(published["channel"]["name"], "beta");
    let found = released(&server, &jobs[0]);
    let files = found[0]["manifest"]["artifacts"].as_array().unwrap();
    let files: Vec<&Value> = files.iter().map(|line| &line["filename"]).collect();
    assert_eq!(files, ["acme-macos.bin", "acme-linux.bin", "acme-windows.bin"]);
    server.dist(&jobs[0], &["pull", "acme@beta", "-o", "in"]).ok();
    assert_eq!(jobs[0].read("in/acme-macos.bin"), large);
    assert_eq!(server.dist(&jobs[0], &["ci", "status", "acme"]).ok().stdout, "Nothing of acme is staged.\n");
    assert_eq!(server.dist(&jobs[0], FINALIZE).json()["status"], "unchanged");
}

#[test]
fn a_person_sees_what_is_staged_and_what_becomes_of_it() {
    let (server, project) = (Server::start(), job("linux", b"l"));
    let artifact = ["--part", "linux", "--artifact", "acme-linux.bin,platform=linux", "--create-app"];
    let run = server.dist(&project, &[&["ci", "stage"][..], &artifact].concat()).ok();
    assert!(run.stdout.starts_with("linux of acme 1.0.0 is staged. It expires in 7 days.\n"), "{run:?}");
    assert!(run.stderr.starts_with("staged linux of acme 1.0.0: sent 1 of 1 objects, 1 B of 1 B"), "{run:?}");
    let status = server.dist(&project, &["ci", "status"]).ok().stdout;
    assert!(status.contains("1.0.0    linux      1   1 B"), "{status}");
    let run = server.dist(&project, &["ci", "finalize", "--expect", "linux", "--notes", "All of it"]).ok();
    assert!(run.stdout.starts_with("acme 1.0.0 is published ("), "{run:?}");
    assert!(run.stderr.starts_with("published acme 1.0.0 on beta: sent 0 of 1 objects"), "{run:?}");
    let wrong = server.dist(&project, &["ci", "stage", "--part", "Linux", "--json"]);
    wrong.fails(2, "usage");
    server.dist(&project, &["ci", "finalize", "--json"]).fails(2, "usage");
}
