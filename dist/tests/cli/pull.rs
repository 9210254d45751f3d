use std::fs;

use crate::harness::{Project, Server, noise};

const SIZE: usize = 2_000_000;

/// A server with a release of 2 MB, and what is fetched of it.
fn release() -> (Server, Project) {
    let (server, project) = (Server::start(), Project::acme(&noise(SIZE)));
    server.dist(&project, &["push", "--create-app"]).ok();
    (server, project)
}

const PULL: &[&str] = &["pull", "acme@beta", "-o", "in", "--json"];

fn fetched(server: &Server, project: &Project) -> u64 {
    let pulled = server.dist(project, PULL).json();
    assert_eq!(project.read("in/app.bin"), noise(SIZE));
    pulled["files"][0]["fetched_bytes"].as_u64().unwrap()
}

#[test]
fn only_what_is_lacking_is_fetched() {
    let (server, project) = release();
    assert_eq!(fetched(&server, &project), SIZE as u64);
    assert_eq!(fetched(&server, &project), 0);

    fs::File::options().write(true).open(project.path("in/app.bin")).unwrap().set_len(1_500_000).unwrap();
    assert_eq!(fetched(&server, &project), 500_000, "a truncated file is continued");

    fs::rename(project.path("in/app.bin"), project.path("in/.app.bin.part")).unwrap();
    assert_eq!(fetched(&server, &project), 0, "a whole part only needs its name");

    project.write("in/.app.bin.part", &noise(SIZE)[..1_000]);
    fs::remove_file(project.path("in/app.bin")).unwrap();
    assert_eq!(fetched(&server, &project), SIZE as u64 - 1_000, "an interrupted download is continued");

    project.write("in/.app.bin.part", b"of another file");
    fs::remove_file(project.path("in/app.bin")).unwrap();
    assert!(fetched(&server, &project) >= SIZE as u64, "a part of something else starts over");
    assert!(!project.path("in/.app.bin.part").exists());
}

#[test]
fn a_file_of_other_content_is_replaced_only_when_told() {
    let (server, project) = release();
    for other in [&b"short"[..], &noise(SIZE + 1)[1..], &noise(SIZE + 1)[..]] {
        project.write("in/app.bin", other);
        server.dist(&project, PULL).fails(5, "file_exists");
        assert_eq!(project.read("in/app.bin"), other);
    }
    server.dist(&project, &[PULL, &["--verify-only"]].concat()).fails(3, "digest_mismatch");
    server.dist(&project, &[PULL, &["--force"]].concat()).ok();
    assert_eq!(project.read("in/app.bin"), noise(SIZE));
    server.dist(&project, &[PULL, &["--verify-only"]].concat()).ok();
    fs::remove_file(project.path("in/app.bin")).unwrap();
    server.dist(&project, &[PULL, &["--verify-only"]].concat()).fails(3, "artifact_missing");
}

#[test]
fn bytes_that_are_not_the_right_ones_never_get_the_name() {
    let (server, project) = release();
    let digest = protocol::Digest::of(&noise(SIZE)).to_string();
    let object = server.data().join("objects").join(&digest[..2]).join(&digest);
    let mut damaged = noise(SIZE);
    damaged[SIZE / 2] ^= 1;
    fs::remove_file(&object).unwrap();
    fs::write(&object, damaged).unwrap();
    // The server never sends them: it ends the download, and says why to whoever asks again.
    server.dist(&project, PULL).fails(7, "object_damaged");
    assert!(!project.path("in/app.bin").exists());
}

#[test]
fn files_are_chosen_and_named_apart() {
    let (server, project) = (Server::start(), Project::acme(b"x"));
    for (folder, content) in [("x64", "intel"), ("arm", "arm"), ("mac", "apple")] {
        project.write(&format!("{folder}/acme"), content.as_bytes());
    }
    project.manifest(
        r#"{"app":"acme","version":"1.0.0","channel":"beta","artifacts":[
            {"path":"x64/acme","platform":"linux","arch":"amd64"},
            {"path":"arm/acme","platform":"linux","arch":"arm64"},
            {"path":"mac/acme","platform":"macos","filename":"Acme.bin"}]}"#,
    );
    server.dist(&project, &["push", "--create-app"]).ok();
    server.dist(&project, &["pull", "acme@beta", "-o", "all"]).ok();
    assert_eq!(project.read("all/linux-x86_64/acme"), b"intel");
    assert_eq!(project.read("all/linux-aarch64/acme"), b"arm");
    assert_eq!(project.read("all/Acme.bin"), b"apple");
    server.dist(&project, &["pull", "acme@beta", "--arch", "x64", "-o", "one"]).ok();
    assert_eq!(project.read("one/acme"), b"intel");
    server.dist(&project, &["pull", "acme@beta", "--platform", "windows", "--json"]).fails(1, "not_found");
}
