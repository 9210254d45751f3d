use serde_json::{Value, json};

use super::*;

const NOW: &str = "2026-11-22T09:00:00Z";

/// A release of one artifact for each entry: platform, file, what a summary and the facts say.
fn side(name: &str, artifacts: &[(&str, &str, Value)]) -> Side {
    let artifacts: Vec<Artifact> =
        artifacts.iter().map(|(platform, file, says)| artifact(platform, file, says)).collect();
    let platforms = artifacts.iter().map(|artifact| artifact.platform).collect();
    Side { name: name.parse().unwrap(), platforms, artifacts }
}

fn artifact(platform: &str, filename: &str, says: &Value) -> Artifact {
    let list = |name: &str| -> Option<FactValue> {
        let values = says.get(name)?.as_array()?;
        Some(FactValue::Many(values.iter().map(|value| value.as_str().unwrap().to_owned()).collect()))
    };
    let lists = [(Fact::Permissions, list("permissions")), (Fact::Entitlements, list("entitlements"))];
    Artifact {
        platform: platform.parse().unwrap(),
        filename: filename.parse().unwrap(),
        // Each its own bytes.
        sha256: Digest::of(format!("{filename}{says}").as_bytes()),
        summary: serde_json::from_value(says.clone()).unwrap(),
        facts: lists.into_iter().filter_map(|(fact, value)| Some((fact, value?))).collect(),
    }
}

/// What speaks against a release as `level code: message`, then what passes as `word (detail)`.
fn told(report: &GateReport) -> Vec<String> {
    let gates = report.gates.iter().map(|it| format!("{} {}: {}", it.level, it.gate, it.message));
    let detail = |it: &GatePass| it.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
    let passed = report.passed.iter().map(|it| format!("ok {}{}", it.word, detail(it)));
    gates.chain(passed).collect()
}

fn case<'a>(live: Option<&'a Side>, release: &'a Side) -> Case<'a> {
    Case { live, release, revoked: None, pin: None, soaked: None, now: NOW.parse().unwrap() }
}

fn ask_with(rules: &str, case: &Case<'_>) -> Vec<String> {
    told(&evaluate(&serde_json::from_str(rules).unwrap(), &"stable".parse().unwrap(), case))
}

/// Two releases of one artifact each: what the gates say of the second over the first.
fn check(platform: &str, live: Value, release: Value, expected: &[&str]) {
    let (old, new) = (side("1.0.0", &[(platform, "old", live)]), side("2.0.0", &[(platform, "new", release)]));
    let found = ask_with("{}", &case(Some(&old), &new));
    let common = ["ok version-rises", "ok platforms-kept"];
    let found: Vec<&str> = found.iter().map(String::as_str).filter(|it| !common.contains(it)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_release_that_has_what_the_live_one_has_passes() {
    let says = |build: &str| json!({"build": build, "signing": "signed", "signers": ["ab"], "minimum_os": "26", "permissions": ["CAMERA"]});
    let (old, new) = (
        side("2.3.9+238", &[("android", "a.apk", says("238"))]),
        side("2.4.0+241", &[("android", "a.apk", says("241"))]),
    );
    let expected = [
        "ok version-rises",
        "ok same-signer",
        "ok platforms-kept",
        "ok signed",
        "ok not-debuggable",
        "ok minimum-os-kept",
        "ok permissions-kept",
    ];
    assert_eq!(ask_with("{}", &case(Some(&old), &new)), expected);
    assert_eq!(ask_with("{}", &case(None, &new)), ["ok signed", "ok not-debuggable"]);
}

#[test]
fn signatures() {
    check(
        "windows",
        json!({"signing": "signed"}),
        json!({"signing": "unsigned"}),
        &["warn windows-unsigned: not signed, or not by its signature: new; the live one is"],
    );
    check(
        "windows",
        json!({"signing": "unsigned"}),
        json!({"signing": "invalid"}),
        &["warn windows-unsigned: not signed, or not by its signature: new"],
    );
    check("linux", json!({}), json!({}), &[]);
    check(
        "ios",
        json!({"team_id": "OLD"}),
        json!({"team_id": "NEW"}),
        &["warn ios-signer-changed: signed by NEW, the live one by OLD"],
    );
    let (one, two) = ("a".repeat(64), "b".repeat(64));
    check(
        "windows",
        json!({"signers": [one]}),
        json!({"signers": [two]}),
        &["warn windows-signer-changed: signed by bbbbbbbbbbbb, the live one by aaaaaaaaaaaa"],
    );
    // A certificate that is kept beside a new one still updates.
    check("windows", json!({"signers": ["a"]}), json!({"signers": ["a", "b"]}), &["ok same-signer"]);
    check("windows", json!({"signers": ["a"]}), json!({}), &[]);
    check(
        "macos",
        json!({"signing": "signed", "stapled": true}),
        json!({"signing": "signed", "stapled": false}),
        &["warn unstapled: signed, no notarization ticket found: new", "ok signed"],
    );
    check("macos", json!({}), json!({"signing": "signed", "stapled": true}), &["ok signed", "ok stapled"]);
    // That it is not signed says enough.
    check(
        "macos",
        json!({}),
        json!({"signing": "unsigned", "stapled": false}),
        &["warn macos-unsigned: not signed, or not by its signature: new"],
    );
    check("android", json!({}), json!({"debuggable": true}), &["warn debuggable: a debugger may attach to new"]);
}

#[test]
fn what_devices_compare() {
    check(
        "android",
        json!({"build": "241"}),
        json!({"build": "240"}),
        &["warn android-build-not-rising: version code 240 is not above 241, which is live", "ok not-debuggable"],
    );
    check("ios", json!({"build": "1.9"}), json!({"build": "1.10"}), &[]);
    check(
        "ios",
        json!({"build": "7"}),
        json!({"build": "7"}),
        &["warn ios-build-not-rising: build 7 is not above 7, which is live"],
    );
    check("windows", json!({"build": "7"}), json!({"build": "6"}), &[]);
    check(
        "ios",
        json!({"minimum_os": "15.0"}),
        json!({"minimum_os": "16"}),
        &["warn ios-minimum-os-raised: needs 16, the live one 15.0"],
    );
    check(
        "android",
        json!({"minimum_os": "26"}),
        json!({"minimum_os": "29"}),
        &["warn android-minimum-os-raised: needs API level 29, the live one API level 26", "ok not-debuggable"],
    );
    check("ios", json!({"minimum_os": "16"}), json!({"minimum_os": "15.0"}), &["ok minimum-os-kept"]);
}

#[test]
fn what_people_are_asked_for() {
    check(
        "android",
        json!({"permissions": ["android.permission.INTERNET"]}),
        json!({"permissions": ["android.permission.CAMERA"]}),
        &["warn permissions-added: android.permission.CAMERA", "ok not-debuggable"],
    );
    check(
        "ios",
        json!({"entitlements": ["a"]}),
        json!({"entitlements": ["a", "aps-environment = \"production\""]}),
        &["warn entitlements-added: aps-environment = \"production\""],
    );
    check("ios", json!({"entitlements": ["a", "b"]}), json!({"entitlements": ["a"]}), &["ok entitlements-kept"]);
    check("ios", json!({}), json!({"entitlements": ["a"]}), &[]);
}

#[test]
fn profiles_end() {
    let with = |expires: &str| json!({"profile": {"kind": "enterprise", "expires": expires, "devices": 0}});
    let check = |expires: &str, expected: &str| check("ios", json!({}), with(expires), &[expected]);
    check("2027-06-22T10:00:00Z", "ok profile-valid (212 days)");
    check("2026-12-22T08:00:00Z", "warn profile-expiring: the profile in new ends on 2026-12-22, in 29 days");
    check("2026-11-22T12:00:00Z", "warn profile-expiring: the profile in new ends on 2026-11-22, in 3 hours");
    check("2026-11-22T09:00:00Z", "warn profile-expired: the profile in new ended on 2026-11-22");
    check("2020-01-01T00:00:00Z", "warn profile-expired: the profile in new ended on 2020-01-01");
}

#[test]
fn what_is_live_is_kept_and_rises() {
    let (old, new) = (
        side("2.0.0", &[("ios", "a.ipa", json!({})), ("linux", "a.deb", json!({}))]),
        side("1.9.0", &[("linux", "b.deb", json!({}))]),
    );
    assert_eq!(
        ask_with("{}", &case(Some(&old), &new)),
        [
            "warn build-not-rising: 1.9.0 is not above 2.0.0, which is live",
            "warn ios-platform-absent: 2.0.0 has it, 1.9.0 does not",
        ]
    );
    // The same bytes are no build that fails to rise.
    let (old, new) = (
        side("1.0.0", &[("android", "a.apk", json!({"build": "7"}))]),
        side("2.0.0", &[("android", "a.apk", json!({"build": "7"})), ("linux", "a", json!({}))]),
    );
    assert_eq!(ask_with("{}", &case(Some(&old), &new)), ["ok version-rises", "ok platforms-kept", "ok not-debuggable"]);
}

#[test]
fn what_was_decided_by_people() {
    let (old, new) = (side("1.0.0", &[]), side("2.0.0", &[]));
    let (at, by) = (NOW.parse().unwrap(), "ana".to_owned());
    let revoked = Revocation { at, by: by.clone(), reason: "crashes on start".to_owned() };
    let pin = Pin { at, by, reason: Some("incident 7".to_owned()) };
    let hours = SignedDuration::from_hours;
    let soaked = |had| Soaked { on: "beta".parse().unwrap(), had, needed: hours(24) };
    let asked = |revoked, pin, soaked: Option<&Soaked>, rules: &str| {
        ask_with(rules, &Case { revoked, pin, soaked, ..case(Some(&old), &new) })
    };
    let kept = ["ok version-rises", "ok platforms-kept"];
    let check = |found: Vec<String>, expected: &str| assert_eq!(found, [&[expected], &kept[..]].concat());
    check(asked(Some(&revoked), None, None, "{}"), "block release-revoked: revoked by ana: crashes on start");
    let off = r#"{"gates": {"stable": {"soak-too-short": "off"}}}"#;
    check(asked(None, Some(&pin), None, off), "block channel-pinned: pinned at 1.0.0 by ana: incident 7");
    check(
        asked(None, None, Some(&soaked(hours(3))), "{}"),
        "block soak-too-short: 3 hours on beta, 24 hours are asked",
    );
    assert_eq!(asked(None, None, Some(&soaked(hours(3))), off), kept);
    let warn = r#"{"gates": {"stable": {"soak-too-short": "warn"}}}"#;
    let none = soaked(SignedDuration::ZERO);
    check(asked(None, None, Some(&none), warn), "warn soak-too-short: 0 seconds on beta, 24 hours are asked");
    let found = asked(None, None, Some(&soaked(hours(96))), "{}");
    assert_eq!(found, ["ok soaked (4 days)", "ok version-rises", "ok platforms-kept"]);
}

#[test]
fn a_gate_does_what_the_channel_says() {
    let rules = r#"{"gates": {"stable": {"unsigned": "block", "windows-unsigned": "off", "debuggable": "off"}}}"#;
    let unsigned = || json!({"signing": "unsigned"});
    let release = side(
        "1.0.0",
        &[
            ("windows", "a.exe", unsigned()),
            ("macos", "a.dmg", unsigned()),
            ("android", "a.apk", json!({"signing": "unsigned", "debuggable": true})),
        ],
    );
    let expected = [
        "block android-unsigned: not signed, or not by its signature: a.apk",
        "block macos-unsigned: not signed, or not by its signature: a.dmg",
    ];
    assert_eq!(ask_with(rules, &case(None, &release)), expected);
    let report = evaluate(&serde_json::from_str(rules).unwrap(), &"beta".parse().unwrap(), &case(None, &release));
    assert!(report.blocks().next().is_none(), "another channel warns");
    assert_eq!(report.gates.len(), 4);
}

#[test]
fn times_are_told_in_a_unit_that_fits() {
    let check = |seconds: i64, expected: &str| assert_eq!(in_words(SignedDuration::from_secs(seconds)), expected);
    check(0, "0 seconds");
    check(1, "1 second");
    check(90, "90 seconds");
    check(120, "2 minutes");
    check(3_600, "60 minutes");
    check(5_400, "90 minutes");
    check(86_400, "24 hours");
    check(90_000, "25 hours");
    check(212 * 86_400, "212 days");
}
