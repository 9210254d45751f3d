use jiff::Timestamp;
use protocol::Digest;
use protocol::api::{GatePass, GateReport, PassedRelease, Pin};
use protocol::clients::rollback_effects;
use protocol::{Arch, ArtifactLine, Kind, Platform};

use super::super::Times;
use super::*;

fn release(name: &str) -> ReleaseRef {
    ReleaseRef { id: Digest::of(name.as_bytes()), name: name.parse().unwrap() }
}

fn gate(code: &str, level: Level, message: &str) -> GateResult {
    GateResult { channel: "stable".parse().unwrap(), gate: code.parse().unwrap(), level, message: message.to_owned() }
}

fn pass(word: &str, detail: Option<&str>) -> GatePass {
    GatePass { word: word.to_owned(), detail: detail.map(str::to_owned) }
}

fn look(width: u16, colour: bool) -> Look {
    let now = "2026-11-22T12:00:00Z".parse().unwrap();
    Look { now, times: Times::Relative, width: Some(width), colour }
}

fn plan(gates: Vec<GateResult>) -> Promotion {
    let passed = |name: &str, at: &str, notes: Option<&str>| PassedRelease {
        release: release(name),
        published_at: at.parse::<Timestamp>().unwrap(),
        notes: notes.map(str::to_owned),
    };
    let allowed = gates.iter().all(|gate| gate.level != Level::Block);
    Promotion {
        app: "acme".parse().unwrap(),
        channel: "stable".parse().unwrap(),
        from: Some(release("2.3.9+238")),
        to: release("2.4.0+241"),
        ahead: 3,
        notes: 2,
        behind: 0,
        releases: vec![
            passed(
                "2.4.0+241",
                "2026-11-22T10:00:00Z",
                Some(
                    "# Fix login on iOS 18\n\n- the code is asked for once, and what was typed stays there when the app comes back\n",
                ),
            ),
            passed("2.4.0+240", "2026-11-21T10:00:00Z", None),
            passed("2.3.10+239", "2026-11-20T10:00:00Z", Some("Camera")),
        ],
        report: GateReport {
            gates,
            passed: vec![
                pass("version-rises", None),
                pass("same-signer", None),
                pass("profile-valid", Some("212 days")),
                pass("platforms-kept", None),
                pass("minimum-os-kept", None),
            ],
        },
        allowed,
    }
}

fn blocked() -> Promotion {
    plan(vec![
        gate("macos-unsigned", Level::Block, "not signed, or not by its signature: acme.dmg; the live one is"),
        gate("permissions-added", Level::Warn, "android.permission.CAMERA, android.permission.RECORD_AUDIO"),
    ])
}

fn dry_run(look: &Look, plan: &Promotion) -> String {
    let blocks: Vec<&GateResult> = plan.report.blocks().collect();
    render_promotion(look, plan) + &if blocks.is_empty() { String::new() } else { render_refusal(look, plan, &blocks) }
}

/// What a terminal shows that has no colours: the text without its styles.
fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn a_promotion_that_a_gate_blocks_at_80_columns() {
    insta::assert_snapshot!(dry_run(&look(80, false), &blocked()));
}

#[test]
fn a_promotion_that_a_gate_blocks_at_140_columns() {
    insta::assert_snapshot!(dry_run(&look(140, false), &blocked()));
}

#[test]
fn colours_change_nothing_but_colours() {
    for width in [80, 140] {
        let coloured = dry_run(&look(width, true), &blocked());
        assert_ne!(coloured, plain(&coloured));
        assert_eq!(plain(&coloured), dry_run(&look(width, false), &blocked()));
    }
    insta::assert_snapshot!(dry_run(&look(80, true), &blocked()).replace('\u{1b}', "␛"));
    insta::assert_snapshot!(dry_run(&look(140, true), &blocked()).replace('\u{1b}', "␛"));
}

#[test]
fn nothing_is_wider_than_the_terminal() {
    for width in [60, 80, 140] {
        let plan = blocked();
        let moved =
            Moved { gates: plan.report.gates.clone(), ..Moved::new("stable".parse().unwrap(), None, release("2.4.0")) };
        for text in [
            dry_run(&look(width, false), &plan),
            render_passed(&look(width, false), &plan),
            render_moved(&look(width, false), &moved, 3),
        ] {
            let is_narrow = |line: &str| line.chars().count() <= usize::from(width) || !line.trim_start().contains(' ');
            assert!(text.lines().filter(|line| !line.starts_with("acme stable")).all(is_narrow), "{text}");
        }
    }
}

#[test]
fn what_lies_between_is_told_with_its_notes() {
    insta::assert_snapshot!(render_passed(&look(80, false), &Promotion { ahead: 240, ..blocked() }));
}

#[test]
fn each_way_out_is_told_where_it_is_one() {
    let refused = |code: &str| {
        let plan = plan(vec![gate(code, Level::Block, "why")]);
        let blocks: Vec<&GateResult> = plan.report.blocks().collect();
        render_refusal(&look(140, false), &plan, &blocks)
    };
    insta::assert_snapshot!(refused("release-revoked"));
    insta::assert_snapshot!(refused("channel-pinned"));
}

#[test]
fn how_far_it_is_in_each_direction() {
    let check = |ahead: u64, notes: u64, behind: u64, expected: &str| {
        assert_eq!(distance(&Promotion { ahead, notes, behind, ..plan(Vec::new()) }), expected);
    };
    check(3, 2, 0, "3 releases, 2 notes");
    check(1, 1, 0, "1 release, 1 note");
    check(1, 0, 2, "1 release, 0 notes, 2 releases back");
    check(0, 0, 1, "1 release back");
    let there = Promotion { from: Some(release("2.4.0+241")), ..plan(Vec::new()) };
    assert_eq!(render_promotion(&look(80, false), &there), "acme stable   2.4.0+241   it is there already\n");
    let new = render_promotion(&look(80, false), &Promotion { from: None, ..plan(Vec::new()) });
    assert!(new.starts_with("acme stable   new channel → 2.4.0+241   3 releases, 2 notes\n"), "{new}");
}

#[test]
fn a_move_is_told_with_where_it_came_from() {
    let check = |from: Option<&str>, ahead: u64, expected: &str| {
        let moved = Moved::new("beta".parse().unwrap(), from.map(release), release("2.4.0+241"));
        assert_eq!(render_moved(&look(80, false), &moved, ahead), expected);
    };
    check(Some("2.3.9+238"), 1, "beta now points at 2.4.0+241 (was 2.3.9+238).\n");
    check(Some("2.3.9+238"), 2, "beta now points at 2.4.0+241 (was 2.3.9+238). 1 release in between.\n");
    check(Some("2.3.9+238"), 4, "beta now points at 2.4.0+241 (was 2.3.9+238). 3 releases in between.\n");
    check(Some("2.4.0+241"), 0, "beta points at 2.4.0+241 already. Nothing moved.\n");
    check(None, 1, "beta now points at 2.4.0+241 (new channel).\n");
}

#[test]
fn a_rollback_says_whom_it_reaches() {
    let line = |platform, kind: Kind| ArtifactLine {
        platform,
        arch: Arch::universal(),
        kind,
        filename: "acme".parse().unwrap(),
        size: 1,
        sha256: Digest::of(b"1"),
    };
    let left = [line(Platform::Android, Kind::Apk), line(Platform::Macos, Kind::AppZip)];
    let pin = Pin { at: Timestamp::UNIX_EPOCH, by: "ana".to_owned(), reason: None };
    let moved = Moved {
        pin: Some(pin),
        clients: rollback_effects(&left),
        ..Moved::new("stable".parse().unwrap(), Some(release("2.4.0+241")), release("2.3.9+238"))
    };
    insta::assert_snapshot!(render_rollback(&look(80, false), "acme", &moved));
    insta::assert_snapshot!(render_rollback(&look(140, false), "acme", &moved));
}
