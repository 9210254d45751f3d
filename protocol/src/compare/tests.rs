use serde_json::{Value, json};

use super::*;
use crate::manifest::SCHEMA;

/// `platform arch kind filename bytes`.
fn line(text: &str) -> ArtifactLine {
    let words: Vec<&str> = text.split_whitespace().collect();
    ArtifactLine {
        platform: words[0].parse().unwrap(),
        arch: words[1].parse().unwrap(),
        kind: words[2].parse().unwrap(),
        filename: words[3].parse().unwrap(),
        size: words[4].len() as u64,
        sha256: Digest::of(words[4].as_bytes()),
    }
}

fn release(name: (&str, &str), notes: &str, lines: &[&str]) -> ReleaseManifest {
    ReleaseManifest {
        schema: SCHEMA.to_owned(),
        app: "acme".parse().unwrap(),
        version: name.0.parse().unwrap(),
        build: Some(name.1.parse().unwrap()),
        parent: None,
        created_at: "2026-11-22T09:00:00Z".parse().unwrap(),
        source: Source::default(),
        notes: Some(notes.to_owned()),
        artifacts: lines.iter().map(|text| line(text)).collect(),
        links: Vec::new(),
    }
}

fn compare(old: &ReleaseManifest, new: &ReleaseManifest, reports: &[(&str, Report)]) -> Comparison {
    let reports = reports.iter().map(|(bytes, report)| (Digest::of(bytes.as_bytes()), report.clone())).collect();
    Comparison::of(Side { manifest: old, reports: &reports }, Side { manifest: new, reports: &reports })
}

fn report(format: &str, details: &Value, entries: &Value) -> Report {
    serde_json::from_value(
        json!({"inspector": 2, "format": format, "size_bytes": 1, "details": details, "findings": [],
        "entries": entries}),
    )
    .unwrap()
}

fn apk(changes: &Value) -> Report {
    let mut apk = json!({"package": "com.acme", "version_name": "2.4.0", "version_code": 240, "min_sdk": "24",
        "permissions": ["a.INTERNET"], "features": [], "abis": ["arm64-v8a"], "debuggable": false, "test_only": false,
        "requires_splits": false, "signatures": []});
    for (key, value) in changes.as_object().unwrap() {
        apk[key] = value.clone();
    }
    report("apk", &json!({ "apk": apk }), &Value::Null)
}

fn tarball(top: &str, files: &[(&str, u64)], count: u64) -> Report {
    let listed: Vec<Value> =
        files.iter().map(|(path, size)| json!({"path": format!("{top}/{path}"), "size_bytes": size})).collect();
    let details = json!({"tarball": {"compression": "gzip", "top_folder": top, "executables": [], "architectures": [],
        "is_complete": true}});
    let total: u64 = files.iter().map(|(_, size)| size).sum();
    report("tarball", &details, &json!({"count": count, "total_bytes": total, "listed": listed}))
}

#[test]
fn each_artifact_is_compared_with_the_one_whose_place_it_takes() {
    let check = |old: &[&str], new: &[&str], expect: &[&str]| {
        let compared = compare(&release(("1.0.0", "9"), "", old), &release(("1.1.0", "10"), "", new), &[]);
        let name = |line: &Option<ArtifactLine>| line.as_ref().map_or("-".to_owned(), |it| it.filename.to_string());
        let told: Vec<String> = compared
            .artifacts
            .iter()
            .map(|it| format!("{} {} {} {:+}", it.change, name(&it.old), name(&it.new), it.size().delta()))
            .collect();
        assert_eq!(told, expect);
    };
    check(&["android universal apk a.apk aa"], &["android universal apk a.apk aa"], &[]);
    check(&["android universal apk a.apk aa"], &["android universal apk a.apk bbb"], &["changed a.apk a.apk +1"]);
    check(&["android universal apk a.apk aa"], &["android universal apk b.apk aa"], &["renamed a.apk b.apk +0"]);
    check(
        &["ios universal ipa a.ipa aa"],
        &["android universal apk a.apk b"],
        &["added - a.apk +1", "removed a.ipa - -2"],
    );
    check(
        &["linux x86_64 deb acme_1.0.0-9.deb a", "linux x86_64 deb acme-dbg_1.0.0-9.deb b"],
        &["linux x86_64 deb acme_1.1.0-10.deb c", "linux x86_64 deb acme-dbg_1.1.0-10.deb d"],
        &["changed acme_1.0.0-9.deb acme_1.1.0-10.deb +0", "changed acme-dbg_1.0.0-9.deb acme-dbg_1.1.0-10.deb +0"],
    );
    check(&["android aarch64 apk a.apk a"], &["android universal apk b.apk b"], &["changed a.apk b.apk +0"]);
    check(
        &["linux x86_64 file one a", "linux x86_64 file two b"],
        &["linux x86_64 file three c"],
        &["added - three +1", "removed one - -1", "removed two - -1"],
    );
}

#[test]
fn facts_of_both_sides_are_compared() {
    let check = |changes: Value, expect: &[&str]| {
        let (old, new) = (read_facts(&apk(&json!({}))), read_facts(&apk(&changes)));
        let told = compare_facts(&old, &new).into_iter().map(|it| match it.change {
            ValueChange::Set { added, removed } => format!("{} +{} -{}", it.fact, added.join(","), removed.join(",")),
            ValueChange::Value { old, new } => {
                format!("{} {} > {}", it.fact, old.unwrap_or_default(), new.unwrap_or_default())
            }
        });
        assert_eq!(told.collect::<Vec<_>>(), expect, "{changes}");
    };
    check(json!({}), &[]);
    check(json!({"permissions": ["a.CAMERA"]}), &["permissions +a.CAMERA -a.INTERNET"]);
    check(json!({"version_code": 239, "version_name": "2.3.9"}), &["version 2.4.0 > 2.3.9", "build 240 > 239"]);
    check(json!({"min_sdk": "26", "target_sdk": "35"}), &["minimum-os 24 > 26", "target-os  > 35"]);
    check(json!({"debuggable": true, "abis": ["arm64-v8a", "x86"]}), &["architectures +x86 -", "debuggable no > yes"]);
    check(
        json!({"features": [{"name": "f", "required": true}, {"name": "g", "required": false}]}),
        &["required-features +f -"],
    );
}

#[test]
fn entitlements_frameworks_signer_and_profile_of_an_ipa_are_compared() {
    let ipa = |entitlements: Value, frameworks: Value, team: &str, expires: &str| {
        let details = json!({"ipa": {"app": "Payload/A.app", "bundle_id": "a", "short_version": "1", "build": "1",
            "display_name": "A", "minimum_os": "15.0", "device_families": [], "architectures": ["arm64"], "simulator": false,
            "encrypted": false, "frameworks": frameworks, "extensions": [], "privacy_manifest": true,
            "profile": {"kind": "enterprise", "name": "P", "uuid": null, "team_id": team, "team_name": null,
                "application_id": null, "created": null, "expires": expires, "devices": 0, "certificates": 1,
                "entitlements": {}, "verified": true},
            "signature": {"state": "signed", "identifier": "a", "team_id": team, "hardened_runtime": false,
                "certificates": [], "entitlements": entitlements}}});
        report("ipa", &details, &Value::Null)
    };
    let old =
        ipa(json!({"get-task-allow": false, "groups": ["a"]}), json!(["A.framework"]), "T1", "2027-01-01T00:00:00Z");
    let new =
        ipa(json!({"get-task-allow": true, "groups": ["a"]}), json!(["B.framework"]), "T2", "2028-01-01T00:00:00Z");
    let changes = compare_facts(&read_facts(&old), &read_facts(&new));
    assert_eq!(
        serde_json::to_value(&changes).unwrap(),
        json!([
            {"fact": "team", "old": "T1", "new": "T2"},
            {"fact": "profile-expires", "old": "2027-01-01T00:00:00Z", "new": "2028-01-01T00:00:00Z"},
            {"fact": "entitlements", "added": ["get-task-allow"], "removed": ["get-task-allow = false"]},
            {"fact": "frameworks", "added": ["B.framework"], "removed": ["A.framework"]}
        ])
    );
    assert_eq!(serde_json::from_value::<Vec<FactChange>>(serde_json::to_value(&changes).unwrap()).unwrap(), changes);
}

#[test]
fn files_inside_are_compared_by_path_and_size() {
    let check = |old: Report, new: Report, expect: &[&str]| {
        let told = files::compare(&old, &new).map_or(Vec::new(), |files| {
            let listed = files.listed.iter().map(|it| format!("{} {} {:+}", it.change, it.path, it.size.delta()));
            let counts = format!("{}+ {}- {}~ {}", files.added, files.removed, files.changed, files.is_complete);
            std::iter::once(counts).chain(listed).collect()
        });
        assert_eq!(told, expect);
    };
    let old = || tarball("acme-1", &[("bin", 100), ("old", 5), ("same", 7)], 3);
    check(old(), old(), &[]);
    let new = tarball("acme-2", &[("bin", 90), ("new", 50), ("same", 7)], 3);
    check(old(), new, &["1+ 1- 1~ true", "added new +50", "changed bin -10", "removed old -5"]);
    // What the list of an archive leaves out is neither added nor removed.
    let cut = tarball("acme-2", &[("bin", 100), ("new", 1)], 9);
    check(old(), cut.clone(), &["1+ 0- 0~ false", "added new +1"]);
    check(cut, old(), &["0+ 1- 0~ false", "removed new -1"]);
    check(apk(&json!({})), apk(&json!({})), &[]);
}

#[test]
fn an_artifact_that_was_not_inspected_is_not_said_to_have_lost_anything() {
    let (old, new) = (
        release(("1", "1"), "", &["android universal apk a.apk old"]),
        release(("2", "2"), "", &["android universal apk a.apk new"]),
    );
    let only_old = compare(&old, &new, &[("old", apk(&json!({})))]);
    assert_eq!((only_old.artifacts[0].is_inspected, only_old.artifacts[0].facts.as_slice()), (false, [].as_slice()));
    let both = compare(&old, &new, &[("old", apk(&json!({}))), ("new", apk(&json!({"min_sdk": "26"})))]);
    assert!(both.artifacts[0].is_inspected);
    let raised = ValueChange::Value { old: Some("24".to_owned()), new: Some("26".to_owned()) };
    assert_eq!(both.artifacts[0].fact(Fact::MinimumOs), Some(&raised));
}

#[test]
fn notes_are_compared_by_line() {
    let check = |old: &str, new: &str, expect: &str| {
        let told = notes::compare(old, new).map_or(String::new(), |notes| {
            let lines = notes.hunks.iter().flat_map(|hunk| {
                let head = format!("@{},{}", hunk.old_start, hunk.new_start);
                std::iter::once(head).chain(hunk.lines.iter().map(|line| match line.change {
                    LineChange::Same => format!(" {}", line.text),
                    LineChange::Added => format!("+{}", line.text),
                    LineChange::Removed => format!("-{}", line.text),
                }))
            });
            format!("{}+ {}- {}", notes.added, notes.removed, lines.collect::<Vec<_>>().join("|"))
        });
        assert_eq!(told, expect);
    };
    check("", "", "");
    check("a\r\nb\n", "a\nb", "");
    check("", "Fix login", "1+ 0- @1,1|+Fix login");
    check("a\nb\nc", "a\nB\nc\nd", "2+ 1- @1,1| a|-b|+B| c|+d");
    check("1\n2\n3\n4\n5\n6", "1\n2\n3\n4\n5\n7", "1+ 1- @3,3| 3| 4| 5|-6|+7");
    let many = |from: u32| (from..from + 2_500).map(|n| n.to_string()).collect::<Vec<_>>().join("\n");
    let replaced = notes::compare(&many(0), &many(1)).unwrap();
    assert_eq!((replaced.added, replaced.removed, replaced.hunks.len()), (2_500, 2_500, 1));
}

#[test]
fn a_comparison_of_a_release_with_itself_is_empty() {
    let same = release(("1.0.0", "9"), "Notes", &["android universal apk a.apk a"]);
    let compared = compare(&same, &same, &[]);
    assert!(compared.is_empty());
    assert_eq!((compared.artifacts_unchanged, compared.from), (1, compared.to));
}

#[test]
fn links_and_source_are_compared_and_files_can_be_cut() {
    let (old, mut new) = (
        release(("1", "1"), "", &["linux x86_64 tarball a.tgz old"]),
        release(("2", "2"), "", &["linux x86_64 tarball a.tgz new"]),
    );
    new.source.commit = Some("e4f5".to_owned());
    new.links =
        serde_json::from_value(json!([{"platform": "ios", "kind": "testflight", "url": "https://t.example/x"}]))
            .unwrap();
    let reports = [("old", tarball("t", &[("a", 1), ("b", 2)], 2)), ("new", tarball("t", &[("a", 9), ("c", 4)], 2))];
    let mut compared = compare(&old, &new, &reports);
    assert_eq!(compared.source.as_ref().unwrap().new.commit.as_deref(), Some("e4f5"));
    assert_eq!((compared.links_added.len(), compared.links_removed.len()), (1, 0));
    compared.keep_largest_files(1);
    let files = compared.artifacts[0].files.as_ref().unwrap();
    assert_eq!((files.added, files.removed, files.changed, files.listed.len()), (1, 1, 1, 1));
    assert_eq!(files.listed[0].path, "t/a");
    let json = serde_json::to_value(&compared).unwrap();
    assert_eq!(serde_json::from_value::<Comparison>(json).unwrap(), compared);
}
