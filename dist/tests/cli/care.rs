//! `dist fsck` and `dist gc` against a real server: what they say, and the codes that they end with.

use std::fs;

use protocol::Digest;

use crate::harness::{Project, Server};

const PUBLISH: &[&str] = &["ci", "publish", "--create-app", "--json"];

#[test]
fn a_check_says_clean_or_what_is_wrong_and_the_next_push_mends_it() {
    let (server, project) = (Server::start(), Project::acme(b"some bytes"));
    server.dist(&project, PUBLISH).json();
    let text = server.dist(&project, &["fsck"]).ok().stdout;
    assert!(text.starts_with("2 objects, ") && text.contains("every byte read"), "{text}");
    let report = server.dist(&project, &["fsck", "--quick", "--json"]).json();
    assert_eq!((&report["schema"], &report["quick"]), (&"dist.fsck/1".into(), &true.into()));
    let by_its_old_name = server.dist(&project, &["fsck", "--sizes-only", "--json"]).json();
    assert_eq!(by_its_old_name["quick"], true);

    let digest = Digest::of(b"some bytes").to_string();
    let object = server.data().join("objects").join(&digest[..2]).join(&digest);
    fs::remove_file(&object).unwrap();
    fs::write(&object, b"same size!").unwrap();
    let mut permissions = object.metadata().unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&object, permissions).unwrap();
    let document = server.dist(&project, &["fsck", "--json"]).fails(1, "store_damaged");
    let finding = &document["details"]["report"]["findings"][0];
    assert_eq!((finding["kind"].as_str(), finding["subject"].as_str()), (Some("object-damaged"), Some(&*digest)));
    assert!(!object.exists(), "it was moved aside");

    server.dist(&project, PUBLISH).json();
    assert_eq!(fs::read(&object).unwrap(), b"some bytes");
    server.dist(&project, &["fsck"]).ok();
}

#[test]
fn gc_says_what_it_would_do_and_what_it_did() {
    let (server, project) = (Server::start(), Project::acme(b"some bytes"));
    server.dist(&project, PUBLISH).json();
    let text = server.dist(&project, &["gc"]).ok().stdout;
    assert_eq!(text, "There is nothing to delete.\n");
    // What a crash leaves: whole, and named by nothing.
    let orphan = Digest::of(b"nothing names it").to_string();
    fs::write(server.data().join("objects").join(&orphan[..2]).join(&orphan), b"nothing names it").unwrap();
    let rehearsed = server.dist(&project, &["gc", "--dry-run", "--json"]).json();
    assert_eq!((&rehearsed["dry_run"], &rehearsed["trashed"][0]["digest"]), (&true.into(), &orphan.as_str().into()));
    let text = server.dist(&project, &["gc", "--dry-run"]).ok().stdout;
    assert!(text.contains("trashes") && text.ends_with("nothing was changed.\n"), "{text}");
    let done = server.dist(&project, &["gc", "--json"]).json();
    assert_eq!((&done["dry_run"], &done["trashed"]), (&false.into(), &rehearsed["trashed"]));
    let reader = server.token("read:acme");
    let mut refused = server.command(&project, &["gc", "--json"]);
    refused.env("DIST_TOKEN", reader);
    assert!(!refused.output().unwrap().status.success());
}
