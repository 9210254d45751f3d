//! Releases that go from one server to another in a file.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tar::{EntryType, Header};

use crate::harness::{Project, Run, Server, noise};
use crate::proxy::{Fate, Proxy};

const BLOCK: usize = 512;

/// Publishes a release of `acme` with a file of its own and one that all share.
fn push(server: &Server, project: &Project, version: &str) {
    project.write("own.bin", &[version.as_bytes(), &noise(100_000)].concat());
    project.write("shared.bin", &noise(300_000));
    project.manifest(&format!(
        r#"{{"app":"acme","version":"{version}","channel":"beta","artifacts":[
            {{"path":"own.bin","platform":"linux"}},{{"path":"shared.bin","platform":"macos"}}]}}"#
    ));
    server.dist(project, &["push", "--create-app"]).ok();
}

/// A server with 1.0.0 to 1.2.0 on beta, and stable at 1.1.0.
fn source(project: &Project) -> Server {
    let server = Server::start();
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        push(&server, project, version);
    }
    server.dist(project, &["promote", "acme@1.1.0", "stable"]).ok();
    server
}

fn create(server: &Server, project: &Project, what: &str, file: &str) -> Value {
    server.dist(project, &["bundle", "create", what, "-o", file, "--force", "--json"]).json()
}

fn import(server: &Server, project: &Project, file: &str, more: &[&str]) -> Run {
    server.dist(project, &[&["bundle", "import", file, "--json"], more].concat())
}

/// Releases with their parents and channels, newest first.
fn history(server: &Server, project: &Project) -> Value {
    let page = server.dist(project, &["log", "acme", "--json"]).json();
    let releases = page["releases"].as_array().unwrap().iter();
    releases.map(|release| json!([release["id"], release["manifest"], release["channels"]])).collect()
}

/// Everything that was ever changed there.
fn audit(server: &Server, project: &Project) -> Value {
    server.dist(project, &["audit", "--json"]).json()
}

#[test]
fn an_app_goes_over_with_its_ids_and_channels_and_again_changes_nothing() {
    let project = Project::acme(b"");
    let (from, to) = (source(&project), Server::start());
    let created = create(&from, &project, "acme", "a.distbundle");
    assert_eq!(created["releases"].as_array().unwrap().len(), 3);
    assert_eq!((created["objects"].as_u64(), created["prerequisites"].as_array().unwrap().len()), (Some(7), 0));
    assert_eq!(fs::metadata(project.path("a.distbundle")).unwrap().len(), created["size"].as_u64().unwrap());

    import(&to, &project, "a.distbundle", &[]).fails(1, "app_not_found");
    let imported = import(&to, &project, "a.distbundle", &["--create-app", "--reason", "from the other side"]).json();
    assert_eq!(imported["transfer"]["uploaded_objects"], 4);
    assert!(imported["releases"].as_array().unwrap().iter().all(|release| release["status"] == "published"));
    assert!(imported["channels"].as_array().unwrap().iter().all(|channel| channel["status"] == "moved"));
    assert_eq!(history(&to, &project), history(&from, &project));
    assert_eq!(history(&to, &project)[0][2], json!(["beta"]));
    to.dist(&project, &["pull", "acme@stable", "-o", "in"]).ok();
    assert_eq!(project.read("in/shared.bin"), noise(300_000));

    let before = audit(&to, &project);
    let again = import(&to, &project, "a.distbundle", &["--create-app"]).json();
    assert_eq!((&again["transfer"]["uploaded_objects"], &again["transfer"]["uploaded_bytes"]), (&json!(0), &json!(0)));
    assert!(again["releases"].as_array().unwrap().iter().all(|release| release["status"] == "unchanged"));
    assert_eq!(audit(&to, &project), before);
}

#[test]
fn a_range_holds_what_is_new_and_needs_what_was_before() {
    let project = Project::acme(b"");
    let (from, to) = (source(&project), Server::start());
    create(&from, &project, "acme@stable", "old.distbundle");
    let created = create(&from, &project, "acme@stable..beta", "new.distbundle");
    assert_eq!(created["prerequisites"][0]["name"], "1.1.0");
    // The manifest and the one file that 1.1.0 does not have.
    assert_eq!(created["objects"], 2);

    let before = audit(&to, &project);
    import(&to, &project, "new.distbundle", &["--create-app"]).fails(5, "bundle_prerequisite_missing");
    assert_eq!(audit(&to, &project), before, "no app is made for it");
    to.dist(&project, &["app", "create", "acme"]).ok();
    let before = audit(&to, &project);
    let refused = import(&to, &project, "new.distbundle", &[]).fails(5, "bundle_prerequisite_missing");
    assert_eq!(refused["details"]["releases"][0]["name"], "1.1.0");
    assert_eq!(audit(&to, &project), before);

    import(&to, &project, "old.distbundle", &[]).ok();
    let imported = import(&to, &project, "new.distbundle", &[]).json();
    assert_eq!(imported["transfer"]["uploaded_objects"], 1);
    assert_eq!(history(&to, &project), history(&from, &project));
    from.dist(&project, &["bundle", "create", "acme@beta..stable", "-o", "none", "--json"]).fails(1, "not_found");
}

#[test]
fn what_was_lost_is_brought_back() {
    let project = Project::acme(b"");
    let (from, to) = (source(&project), Server::start());
    create(&from, &project, "acme", "a.distbundle");
    import(&to, &project, "a.distbundle", &["--create-app"]).ok();
    let digest = protocol::Digest::of(&noise(300_000)).to_string();
    fs::remove_file(to.data().join("objects").join(&digest[..2]).join(&digest)).unwrap();
    let imported = import(&to, &project, "a.distbundle", &[]).json();
    assert_eq!(imported["transfer"]["uploaded_objects"], 1);
    to.dist(&project, &["pull", "acme@beta", "-o", "in"]).ok();
}

#[test]
fn a_channel_that_was_moved_here_stays_and_a_pinned_one_is_told() {
    let project = Project::acme(b"");
    let (from, to) = (source(&project), Server::start());
    create(&from, &project, "acme", "one.distbundle");
    import(&to, &project, "one.distbundle", &["--create-app", "--no-channels"]).ok();
    assert_eq!(to.dist(&project, &["channels", "acme", "--json"]).json()["channels"], json!([]));
    to.dist(&project, &["promote", "acme@1.2.0", "stable"]).ok();
    to.dist(&project, &["promote", "acme@1.0.0", "beta"]).ok();
    to.dist(&project, &["pin", "acme@beta", "--reason", "audit"]).ok();

    let refused = import(&to, &project, "one.distbundle", &[]).fails(6, "channel_pinned");
    let channels = &refused["details"]["imported"]["channels"];
    assert_eq!((&channels[0]["name"], &channels[0]["status"]), (&json!("beta"), &json!("held")));
    assert_eq!((&channels[1]["name"], &channels[1]["status"]), (&json!("stable"), &json!("kept")));

    to.dist(&project, &["unpin", "acme@beta"]).ok();
    let imported = import(&to, &project, "one.distbundle", &[]).json();
    assert_eq!(imported["channels"][0]["status"], "moved");
    let channels = to.dist(&project, &["channels", "acme", "--json"]).json();
    let at = |number: usize| channels["channels"][number]["release"]["name"].clone();
    assert_eq!((at(0), at(1)), (json!("1.2.0"), json!("1.2.0")));
}

#[test]
fn rights_are_those_of_a_push_and_a_taken_name_changes_nothing() {
    let project = Project::acme(b"");
    let from = source(&project);
    create(&from, &project, "acme", "a.distbundle");
    let to = Server::start();
    project.write("own.bin", b"of this side");
    project.manifest(
        r#"{"app":"acme","version":"1.1.0","channel":"beta","artifacts":[{"path":"own.bin","platform":"linux"}]}"#,
    );
    to.dist(&project, &["push", "--create-app"]).ok();
    let before = audit(&to, &project);
    let mut command = to.command(&project, &["bundle", "import", "a.distbundle", "--json"]);
    command.env("DIST_TOKEN", to.token("read"));
    Run::of(command).fails(4, "forbidden");
    let refused = import(&to, &project, "a.distbundle", &[]).fails(5, "release_exists");
    assert_eq!(refused["details"]["release"]["name"], "1.1.0");
    // A token was made in between, and refused.
    let (before, after) = (before["events"].as_array().unwrap(), audit(&to, &project));
    let after = after["events"].as_array().unwrap();
    assert_eq!(after[after.len() - before.len()..], before[..]);
    let news: Vec<&Value> = after[..after.len() - before.len()].iter().map(|event| &event["action"]).collect();
    assert_eq!(news, ["access.refuse", "token.create"]);
}

#[test]
fn a_file_that_is_no_whole_bundle_is_refused_and_changes_nothing() {
    let project = Project::acme(b"");
    let (from, to) = (source(&project), Server::start());
    create(&from, &project, "acme", "a.distbundle");
    to.dist(&project, &["app", "create", "acme"]).ok();
    let before = audit(&to, &project);
    let good = project.read("a.distbundle");
    let starts = headers(&good);
    let (second, last) = (starts[1], *starts.last().unwrap());
    let check = |change: &dyn Fn(&mut Vec<u8>), expected: &str| {
        let mut bytes = good.clone();
        change(&mut bytes);
        project.write("bad.distbundle", &bytes);
        let refused = import(&to, &project, "bad.distbundle", &[]).fails(3, "bundle_invalid");
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains(expected) && refused["hint"].is_string(), "{message}");
    };
    check(&|bytes| bytes.clear(), "it is cut off");
    check(&|bytes| *bytes = noise(4_000), "no tar header");
    check(&|bytes| bytes.truncate(700), "it is cut off");
    check(&|bytes| bytes.truncate(last + 1_000), "bytes of");
    check(&|bytes| bytes.truncate(good.len() - 1), "bytes of");
    check(&|bytes| bytes.extend_from_slice(b"more"), "something else follows");
    check(&|bytes| bytes[last + BLOCK + 70_000] ^= 1, "do not have that digest");
    check(&|bytes| bytes[BLOCK + 30] ^= 1, "bundle.json");
    check(&|bytes| bytes[second + BLOCK] ^= 1, "SHA256SUMS is not what");
    check(
        &|bytes| alter(bytes, last, |header| name(header, "objects/../../escape")),
        "\"objects/../../escape\" where objects/",
    );
    check(&|bytes| alter(bytes, last, |header| name(header, "/etc/passwd")), "\"/etc/passwd\" where objects/");
    check(&|bytes| alter(bytes, last, |header| header.set_entry_type(EntryType::Symlink)), "no regular file");
    check(&|bytes| alter(bytes, 0, |header| header.set_size(u64::MAX / 2)), "are the most");
    check(&|bytes| alter(bytes, last, |header| header.set_size(u64::MAX / 2)), "were announced");
    assert_eq!(audit(&to, &project), before);
    import(&to, &project, "a.distbundle", &[]).ok();
}

/// Where the headers of a tar are.
fn headers(bytes: &[u8]) -> Vec<usize> {
    let (mut at, mut found) = (0, Vec::new());
    while bytes[at] != 0 {
        found.push(at);
        let size = usize::try_from(Header::from_byte_slice(&bytes[at..at + BLOCK]).entry_size().unwrap()).unwrap();
        at += BLOCK + size.next_multiple_of(BLOCK);
    }
    found
}

/// Changes a header and makes its checksum right.
fn alter(bytes: &mut [u8], at: usize, change: impl Fn(&mut Header)) {
    let mut header = Header::from_byte_slice(&bytes[at..at + BLOCK]).clone();
    change(&mut header);
    header.set_cksum();
    bytes[at..at + BLOCK].copy_from_slice(header.as_bytes());
}

/// Gives an entry a name that the crate itself would not write.
fn name(header: &mut Header, name: &str) {
    header.as_mut_bytes()[..100].fill(0);
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
}

#[test]
fn an_interrupted_bundle_is_continued_and_the_same_content_is_the_same_file() {
    let project = Project::acme(b"");
    let from = source(&project);
    let created = create(&from, &project, "acme", "a.distbundle");
    let whole = project.read("a.distbundle");
    from.dist(&project, &["bundle", "create", "acme", "-o", "a.distbundle", "--json"]).fails(5, "file_exists");

    let last = *headers(&whole).last().unwrap();
    project.write(".b.distbundle.part", &whole[..last + 10_000]);
    let continued = create(&from, &project, "acme", "b.distbundle");
    // The last object: the file of its own of the newest release.
    assert_eq!(continued["fetched_bytes"], 100_005);
    assert!(created["fetched_bytes"].as_u64().unwrap() > 600_000);
    assert_eq!(project.read("b.distbundle"), whole);
    assert!(!project.path(".b.distbundle.part").exists());

    let mut command = from.command(&project, &["bundle", "create", "acme", "-o", "-"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut streamed = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut streamed).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(streamed, whole);

    // No server is asked.
    let mut offline = project.command(&["bundle", "verify", "a.distbundle", "--json"]);
    offline.env("DIST_SERVER", "http://127.0.0.1:1");
    let verified = Run::of(offline).json();
    assert_eq!((&verified["app"], &verified["releases"][2]["name"]), (&json!("acme"), &json!("1.2.0")));
    assert_eq!(verified["channels"]["stable"], verified["releases"][1]["id"]);
}

#[test]
fn a_connection_that_is_cut_while_a_bundle_is_made_continues() {
    let project = Project::acme(&noise(8_000_000));
    let from = Server::start();
    from.dist(&project, &["push", "--create-app"]).ok();
    let proxy = Proxy::start(from.address(), Fate::CutDown(3_000_000), 2);
    let mut command = from.command(&project, &["bundle", "create", "acme", "-o", "a.distbundle", "--json"]);
    command.env("DIST_SERVER", &proxy.url);
    Run::of(command).json();
    assert_eq!(proxy.met.try_iter().count(), 2);
    Run::of(project.command(&["bundle", "verify", "a.distbundle"])).ok();
}

#[test]
fn common_tools_open_and_check_a_bundle() {
    let project = Project::acme(b"");
    let from = source(&project);
    create(&from, &project, "acme", "a.distbundle");
    let shell = |line: &str| {
        let output = Command::new("sh").args(["-c", line]).current_dir(project.path(".")).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(shell("tar tf a.distbundle").starts_with("bundle.json\nSHA256SUMS\nobjects/"));
    let checked = shell("mkdir out && tar xf a.distbundle -C out && cd out && sha256sum -c SHA256SUMS");
    assert_eq!(checked.lines().filter(|line| line.ends_with(": OK")).count(), 8);
}
