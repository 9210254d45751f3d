use jiff::Timestamp;
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use super::super::Times;
use super::*;

/// Two releases that differ in everything that two releases can differ in.
fn comparison() -> Comparison {
    let line = |platform: &str, kind: &str, name: &str, size: u64, bytes: &str| {
        json!({"platform": platform, "arch": "universal", "kind": kind, "filename": name, "size": size,
            "sha256": Digest::of(bytes.as_bytes())})
    };
    let file = |path: &str, change: &str, old: u64, new: u64| json!({"path": path, "change": change, "size": {"old": old, "new": new}});
    let apk = json!({"change": "changed", "is_inspected": true,
        "old": line("android", "apk", "acme-2.3.9.apk", 10_485_760, "a"),
        "new": line("android", "apk", "acme-2.4.0.apk", 12_582_912, "b"),
        "facts": [
            {"fact": "version", "old": "2.3.9", "new": "2.4.0"},
            {"fact": "minimum-os", "old": "24", "new": null},
            {"fact": "signers", "added": [Digest::of(b"new")], "removed": [Digest::of(b"old")]},
            {"fact": "certificate", "old": "CN=Acme GmbH, OU=Mobile Applications, O=Acme GmbH, L=Berlin, C=DE",
                "new": "CN=Acme Inc., OU=Mobile Applications, O=Acme Incorporated, L=New York, C=US"},
            {"fact": "permissions", "added": ["android.permission.CAMERA", "android.permission.RECORD_AUDIO"],
                "removed": ["android.permission.READ_CONTACTS"]}],
        "files": {"added": 1, "removed": 1, "changed": 5, "total": {"old": 9, "new": 10}, "is_complete": false, "listed": [
            file("lib/arm64-v8a/libacme-with-a-name-that-does-not-fit-any-terminal-in-one-piece-whatever-its-width-may-be.so",
                "added", 0, 1_258_291),
            file("classes.dex", "changed", 100, 200), file("assets/old.png", "removed", 30_720, 0),
            file("resources.arsc", "changed", 5, 5)]}});
    let other = |change: &str, side: &str, line: Value| json!({"change": change, side: line, "is_inspected": false, "facts": []});
    let renamed = json!({"change": "renamed", "is_inspected": true, "facts": [],
        "old": line("ios", "ipa", "Acme-2.3.9.ipa", 5, "i"), "new": line("ios", "ipa", "Acme-2.4.0.ipa", 5, "i")});
    let unknown = json!({"change": "changed", "is_inspected": false, "facts": [],
        "old": line("macos", "dmg", "Acme.dmg", 5, "m"), "new": line("macos", "dmg", "Acme.dmg", 5, "n")});
    let note = |change: &str, text: &str| json!({"change": change, "text": text});
    serde_json::from_value(json!({
        "from": {"id": Digest::of(b"from"), "name": "2.3.9+238"}, "to": {"id": Digest::of(b"to"), "name": "2.4.0+241"},
        "size": {"old": 432_013_312, "new": 433_270_784},
        "source": {"old": {"commit": "a1b2c3d", "branch": "main"}, "new": {"commit": "e4f5a6b", "branch": "main"}},
        "artifacts": [apk, renamed, unknown, other("added", "new", line("linux", "deb", "acme.deb", 10_485_760, "d")),
            other("removed", "old", line("windows", "msi", "acme.msi", 3_145_728, "w"))],
        "artifacts_unchanged": 2,
        "links_added": [{"platform": "ios", "kind": "testflight", "url": "https://testflight.apple.com/join/abc"}],
        "links_removed": [],
        "notes": {"added": 1, "removed": 1, "hunks": [{"old_start": 4, "new_start": 4, "lines":
            [note("same", "- Faster start"), note("removed", "- Fix logn"), note("added", "- Fix login on iOS 18")]}]}
    }))
    .unwrap()
}

fn render(width: Option<u16>, colour: bool, part: Part) -> String {
    let look = Look { now: Timestamp::UNIX_EPOCH, times: Times::Relative, width, colour };
    let text = render_diff(&look, &"acme".parse().unwrap(), &comparison(), part);
    if let (Some(width), false) = (width, colour) {
        assert!(text.lines().all(|line| line.width() <= usize::from(width)), "{text}");
    }
    text.replace('\u{1b}', "^")
}

#[test]
fn a_diff_at_80_columns() {
    insta::assert_snapshot!(render(Some(80), false, Part::Whole));
}

#[test]
fn a_diff_at_140_columns() {
    insta::assert_snapshot!(render(Some(140), false, Part::Whole));
}

#[test]
fn a_diff_in_colour_at_80_columns() {
    insta::assert_snapshot!(render(Some(80), true, Part::Whole));
}

#[test]
fn a_diff_in_colour_at_140_columns() {
    insta::assert_snapshot!(render(Some(140), true, Part::Whole));
}

#[test]
fn the_shape_of_a_diff_is_a_line_for_each_artifact() {
    insta::assert_snapshot!(render(Some(80), false, Part::Stat));
    insta::assert_snapshot!(render(Some(140), false, Part::Stat));
}

#[test]
fn two_releases_that_hold_the_same_are_said_to() {
    let mut same = comparison();
    (same.artifacts, same.links_added, same.notes, same.source) = (Vec::new(), Vec::new(), None, None);
    same.size.old = same.size.new;
    let look = Look { now: Timestamp::UNIX_EPOCH, times: Times::Relative, width: None, colour: false };
    insta::assert_snapshot!(render_diff(&look, &"acme".parse().unwrap(), &same, Part::Whole));
}
