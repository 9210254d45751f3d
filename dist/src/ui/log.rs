//! Releases as a history.

use inspect::{Signing, Summary};
use protocol::Platform;
use protocol::api::Release;

use super::table::printable;
use super::{Align, Look, Table, size};

/// The log: two or three lines for each release.
pub(crate) fn render_log(look: &Look, releases: &[Release]) -> String {
    let mut text = String::new();
    let widths = Widths::of(look, releases);
    for (at, release) in releases.iter().enumerate() {
        // The list is newest first: what a release grew by shows against the next one.
        text.push_str(&entry(look, &widths, release, releases.get(at + 1)));
    }
    text
}

/// The log with one line for each release.
pub(crate) fn render_oneline(look: &Look, releases: &[Release]) -> String {
    let mut table = Table::new(&[
        ("release", Align::Left),
        ("id", Align::Left),
        ("channels", Align::Left),
        ("published", Align::Left),
        ("by", Align::Left),
        ("size", Align::Right),
    ]);
    for release in releases {
        table.row([
            release.name.to_string(),
            release.id.short(),
            channels(release),
            look.when(release.published_at),
            release.published_by.clone(),
            size(release.size_bytes),
        ]);
    }
    table.render(look)
}

/// How wide each column of the first lines is.
struct Widths {
    name: usize,
    channels: usize,
    when: usize,
}

impl Widths {
    fn of(look: &Look, releases: &[Release]) -> Self {
        let widest = |text: &dyn Fn(&Release) -> String| {
            releases.iter().map(|release| text(release).chars().count()).max().unwrap_or_default()
        };
        Self {
            name: widest(&|release| release.name.to_string()),
            channels: widest(&channels).max(12),
            when: widest(&|release| look.when(release.published_at)),
        }
    }
}

fn entry(look: &Look, widths: &Widths, release: &Release, before: Option<&Release>) -> String {
    let name = format!("{:<width$}", release.name, width = widths.name);
    let channels = format!("{:<width$}", channels(release), width = widths.channels);
    let when = format!("{:<width$}", look.when(release.published_at), width = widths.when);
    let id = look.dim(&release.id.short());
    let head = format!("● {}  {id}  {channels}  {when}  {}", look.bold(&name), printable(&release.published_by));
    let facts = format!("{:<46}{:>11}   {}", platforms(release), size(release.size_bytes), growth(release, before));
    let notes = first_line(release).map(|line| format!("│   {}\n", cut(line, look.width)));
    format!("{}\n│   {}\n{}", head.trim_end(), facts.trim_end(), notes.unwrap_or_default())
}

fn channels(release: &Release) -> String {
    release.channels.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn platforms(release: &Release) -> String {
    let mut platforms: Vec<Platform> = release.manifest.artifacts.iter().map(|line| line.platform).collect();
    platforms.dedup();
    let marked = |platform: &Platform| format!("{}{}", display_name(*platform), mark(release, *platform));
    let marked: Vec<String> = platforms.iter().map(marked).collect();
    if marked.is_empty() { "links only".to_owned() } else { marked.join("  ") }
}

/// What is to be said of a platform's files at a glance; nothing where nobody has looked into them.
fn mark(release: &Release, platform: Platform) -> &'static str {
    let summaries: Vec<&Summary> =
        release.reports.iter().filter(|it| it.platform == platform).filter_map(|it| it.summary.as_ref()).collect();
    let is_any = |signing: Signing| summaries.iter().any(|summary| summary.signing == signing);
    if is_any(Signing::Invalid) {
        " ! signature wrong"
    } else if is_any(Signing::Unsigned) {
        " ! unsigned"
    } else if is_any(Signing::AdHoc) {
        " ! ad hoc"
    } else if is_any(Signing::Signed) {
        " ✓"
    } else {
        ""
    }
}

/// A platform as its maker writes it.
fn display_name(platform: Platform) -> &'static str {
    match platform {
        Platform::Ios => "iOS",
        Platform::Android => "Android",
        Platform::Macos => "macOS",
        Platform::Linux => "Linux",
        Platform::Windows => "Windows",
        Platform::Any => "any",
    }
}

fn growth(release: &Release, before: Option<&Release>) -> String {
    let Some(before) = before else { return String::new() };
    match release.size_bytes.cmp(&before.size_bytes) {
        std::cmp::Ordering::Equal => String::new(),
        std::cmp::Ordering::Greater => format!("+{}", size(release.size_bytes - before.size_bytes)),
        std::cmp::Ordering::Less => format!("−{}", size(before.size_bytes - release.size_bytes)),
    }
}

/// The first line of the notes that says something, without the marks of a heading.
fn first_line(release: &Release) -> Option<&str> {
    let notes = release.manifest.notes.as_deref()?;
    notes.lines().map(|line| line.trim_start_matches('#').trim()).find(|line| !line.is_empty())
}

fn cut(line: &str, width: Option<u16>) -> String {
    let line = printable(line);
    let room = width.map_or(usize::MAX, |width| usize::from(width).saturating_sub(4));
    if line.chars().count() <= room { line } else { line.chars().take(room.saturating_sub(1)).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use protocol::api::ArtifactReport;
    use protocol::manifest::{SCHEMA, Source};
    use protocol::{ArtifactLine, Digest, Kind, ReleaseManifest};

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

    fn release(
        version: &str,
        build: &str,
        channels: &[&str],
        at: &str,
        size_bytes: u64,
        notes: Option<&str>,
    ) -> Release {
        let manifest = ReleaseManifest {
            schema: SCHEMA.to_owned(),
            app: "acme".parse().unwrap(),
            version: version.parse().unwrap(),
            build: Some(build.parse().unwrap()),
            parent: None,
            created_at: Timestamp::UNIX_EPOCH,
            source: Source::default(),
            notes: notes.map(str::to_owned),
            artifacts: vec![line("ios", "ipa", 1), line("android", "apk", 2), line("android", "aab", 2)],
            links: Vec::new(),
        };
        Release {
            app: manifest.app.clone(),
            id: manifest.id(),
            name: manifest.name(),
            published_at: at.parse().unwrap(),
            published_by: "ci-main".to_owned(),
            channels: channels.iter().map(|name| name.parse().unwrap()).collect(),
            size_bytes,
            reports: manifest.artifacts.iter().map(report).collect(),
            install: Vec::new(),
            manifest,
        }
    }

    fn history() -> Vec<Release> {
        vec![
            release(
                "2.4.0",
                "241",
                &["beta", "nightly"],
                "2026-11-22T10:00:00Z",
                433_270_784,
                Some(
                    "# Fix login on iOS 18, and a few more things that make this first line longer than a terminal is\n\nMore",
                ),
            ),
            release("2.3.9", "238", &["stable"], "2026-11-16T10:00:00Z", 432_013_312, None),
        ]
    }

    fn look() -> Look {
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        Look { now, times: Times::Relative, width: Some(80), colour: false }
    }

    #[test]
    fn the_log_is_a_history() {
        let text = render_log(&look(), &history());
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        insta::assert_snapshot!(text, @r"
        ● 2.4.0+241  d698c8e1dfa7  beta, nightly  2 hours ago  ci-main
        │   iOS ✓  Android ! unsigned                       413.2 MiB   +1.2 MiB
        │   Fix login on iOS 18, and a few more things that make this first line longer…
        ● 2.3.9+238  572c2416beeb  stable         6 days ago   ci-main
        │   iOS ✓  Android ! unsigned                       412.0 MiB
        ");
    }

    #[test]
    fn the_log_fits_one_line_each() {
        insta::assert_snapshot!(render_oneline(&look(), &history()), @r"
        release    id            channels       published    by            size
        2.4.0+241  d698c8e1dfa7  beta, nightly  2 hours ago  ci-main  413.2 MiB
        2.3.9+238  572c2416beeb  stable         6 days ago   ci-main  412.0 MiB
        ");
    }
}
