use jiff::Timestamp;
use protocol::api::ArtifactReport;
use protocol::manifest::{SCHEMA, Source};
use protocol::{ArtifactLine, Digest, Kind, ReleaseId, ReleaseManifest};

use super::super::Times;
use super::*;

fn line(platform: &str, kind: &str, size: u64) -> ArtifactLine {
    ArtifactLine {
        platform: platform.parse().unwrap(),
        arch: "universal".parse().unwrap(),
        kind: kind.parse().unwrap(),
        filename: format!("acme.{kind}").parse().unwrap(),
        size,
        sha256: Digest::of(kind.as_bytes()),
    }
}

/// Apple's files are signed, the APK is not, nothing is known of the App Bundle.
fn report(line: &ArtifactLine) -> ArtifactReport {
    let signing = if line.kind == Kind::Ipa { Signing::Signed } else { Signing::Unsigned };
    ArtifactReport {
        platform: line.platform,
        filename: line.filename.clone(),
        sha256: line.sha256,
        summary: (line.kind != Kind::Aab).then(|| Summary { signing, ..Summary::default() }),
        findings: Vec::new(),
    }
}

struct Made<'a> {
    name: (&'a str, &'a str),
    parent: Option<ReleaseId>,
    channels: &'a [&'a str],
    at: &'a str,
    size_bytes: u64,
    notes: Option<&'a str>,
}

fn release(made: &Made<'_>) -> Release {
    let manifest = ReleaseManifest {
        schema: SCHEMA.to_owned(),
        app: "acme".parse().unwrap(),
        version: made.name.0.parse().unwrap(),
        build: Some(made.name.1.parse().unwrap()),
        parent: made.parent,
        created_at: Timestamp::UNIX_EPOCH,
        source: Source {
            commit: Some("a1b2c3d4e5f6".to_owned()),
            branch: Some("main".to_owned()),
            ..Source::default()
        },
        notes: made.notes.map(str::to_owned),
        artifacts: vec![line("ios", "ipa", 1), line("android", "apk", 2), line("android", "aab", 2)],
        links: Vec::new(),
    };
    Release {
        app: manifest.app.clone(),
        id: manifest.id(),
        name: manifest.name(),
        published_at: made.at.parse().unwrap(),
        published_by: "ci-main".to_owned(),
        channels: made.channels.iter().map(|name| name.parse().unwrap()).collect(),
        size_bytes: made.size_bytes,
        reports: manifest.artifacts.iter().map(report).collect(),
        revoked: None,
        manifest,
    }
}

/// 2.4.0 and a fix of 2.3.9, both from 2.3.9.
fn history() -> Vec<Release> {
    let notes =
        "# Fix login on iOS 18, and a few more things that make this first line longer than a terminal is\n\n- More";
    let base = Made {
        name: ("2.3.9", "238"),
        parent: None,
        channels: &["stable"],
        at: "2026-11-16T10:00:00Z",
        size_bytes: 432_013_312,
        notes: None,
    };
    let first = release(&base);
    let parent = Some(first.id);
    let fix = Made { name: ("2.3.9", "239"), parent, channels: &[], notes: Some("Hotfix"), ..base };
    let many = &["alpha", "beta", "internal", "nightly", "partners", "preview"];
    let next = Made {
        name: ("2.4.0", "241"),
        parent,
        channels: many,
        at: "2026-11-22T10:00:00Z",
        size_bytes: 433_270_784,
        notes: Some(notes),
    };
    vec![release(&next), release(&Made { at: "2026-11-20T10:00:00Z", ..fix }), first]
}

fn look(width: Option<u16>, colour: bool) -> Look {
    let now = "2026-11-22T12:00:00Z".parse().unwrap();
    Look { now, times: Times::Relative, width, colour }
}

fn render(look: &Look, detail: Detail, lines: Lines) -> String {
    let releases = history();
    let text = LogView::new(look, detail, lines).render(&releases, releases.len());
    if let (Some(width), false) = (look.width, look.colour) {
        assert!(text.lines().all(|line| line.width() <= usize::from(width)), "{text}");
    }
    text
}

#[test]
fn the_log_at_80_columns() {
    insta::assert_snapshot!(render(&look(Some(80), false), Detail::Short, Lines::Straight));
}

#[test]
fn the_log_at_140_columns() {
    insta::assert_snapshot!(render(&look(Some(140), false), Detail::Short, Lines::Straight));
}

#[test]
fn the_log_in_colour_at_80_columns() {
    insta::assert_snapshot!(render(&look(Some(80), true), Detail::Short, Lines::Straight).replace('\u{1b}', "^"));
}

#[test]
fn the_log_in_colour_at_140_columns() {
    insta::assert_snapshot!(render(&look(Some(140), true), Detail::Short, Lines::Straight).replace('\u{1b}', "^"));
}

#[test]
fn a_history_that_forks_is_joined() {
    insta::assert_snapshot!(render(&look(Some(80), false), Detail::Short, Lines::Joined));
    insta::assert_snapshot!(render(&look(Some(80), false), Detail::OneLine, Lines::Joined));
}

#[test]
fn the_log_fits_one_line_each() {
    insta::assert_snapshot!(render(&look(Some(80), false), Detail::OneLine, Lines::Straight));
}

#[test]
fn notes_are_shown_whole_where_asked() {
    insta::assert_snapshot!(render(&look(Some(140), false), Detail::Notes, Lines::Straight));
}

#[test]
fn a_log_in_parts_is_the_same_log() {
    let (look, releases) = (look(Some(80), false), history());
    let whole = LogView::new(&look, Detail::Short, Lines::Joined).render(&releases, 3);
    let mut view = LogView::new(&look, Detail::Short, Lines::Joined);
    let parts = view.render(&releases, 1) + &view.render(&releases[1..], 1) + &view.render(&releases[2..], 1);
    assert_eq!(parts, whole);
}

#[test]
fn sizes_have_a_sign_where_they_change() {
    assert_eq!(signed_size(0), None);
    assert_eq!(signed_size(1024).as_deref(), Some("+1.0 KiB"));
    assert_eq!(signed_size(-1536).as_deref(), Some("−1.5 KiB"));
}

#[test]
fn the_first_line_of_notes_says_more_than_the_version() {
    let check = |notes: &str, expect: Option<&str>| {
        let mut release = history().remove(0);
        release.manifest.notes = Some(notes.to_owned());
        assert_eq!(first_line(&release), expect, "{notes:?}");
    };
    check("# 2.4.0\n\n- Fix login\n", Some("Fix login"));
    check("## 2.4.0+241\n* Fix", Some("Fix"));
    check("**Bold** move", Some("**Bold** move"));
    check("# 2.4.0 is here", Some("2.4.0 is here"));
    check(" \n# 2.4.0", None);
}
