//! The notes of several releases as one text.

use jiff::Timestamp;
use refs::ReleaseName;

/// The notes of one release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReleaseNotes<'a> {
    /// The release.
    pub name: &'a ReleaseName,
    /// When it was published.
    pub published_at: Timestamp,
    /// Its notes, Markdown; empty where it has none.
    pub notes: &'a str,
}

/// The level of the heading of a release, as `##`.
const LEVEL: usize = 2;

/// One Markdown text with a heading for each release that has notes, in the order given. Headings inside notes are moved below
/// it. Notes that are the same as those of the release before are said once.
///
/// ```
/// use protocol::notes::{ReleaseNotes, join_notes};
/// let name = "2.4.0+241".parse()?;
/// let notes = ReleaseNotes { name: &name, published_at: "2026-11-22T09:00:00Z".parse()?, notes: "# Fixes\n- Login" };
/// assert_eq!(join_notes(&[notes]), "## 2.4.0+241 (2026-11-22)\n\n### Fixes\n- Login\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn join_notes(releases: &[ReleaseNotes<'_>]) -> String {
    let mut sections = Vec::new();
    let mut said = "";
    for release in releases {
        let notes = release.notes.trim();
        if notes.is_empty() || notes == said {
            continue;
        }
        said = notes;
        let day = release.published_at.strftime("%Y-%m-%d");
        let heading = format!("{} {} ({day})", "#".repeat(LEVEL), release.name);
        sections.push(format!("{heading}\n\n{}\n", below(without_own_heading(notes, release.name), LEVEL)));
    }
    sections.join("\n")
}

/// The notes without a first line that is but a heading with the version, as a changelog has it.
fn without_own_heading<'a>(notes: &'a str, name: &ReleaseName) -> &'a str {
    let (first, rest) = notes.split_once('\n').unwrap_or((notes, ""));
    let is_own = level_of(first).is_some() && words(first).any(|word| word == name.version().as_str());
    if is_own && !rest.trim().is_empty() { rest.trim_start() } else { notes }
}

/// The words of a heading, without what changelogs put around a version: `[2.4.0]`, `v2.4.0`.
fn words(heading: &str) -> impl Iterator<Item = &str> {
    heading.split([' ', '#', '[', ']', '(', ')', ':']).map(|word| word.strip_prefix('v').unwrap_or(word))
}

/// Moves all headings so that the highest stands right below `level`, at most to the sixth.
fn below(notes: &str, level: usize) -> String {
    let highest = headings(notes).filter_map(|(_, level)| level).min().unwrap_or(level + 1);
    let shift = (level + 1).saturating_sub(highest);
    let lines = headings(notes).map(|(line, of)| match of {
        Some(of) => format!("{}{}", "#".repeat((of + shift).min(6)), &line[of..]),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The lines, each with its level where it is a heading. What stands between fences is no heading.
fn headings(notes: &str) -> impl Iterator<Item = (&str, Option<usize>)> {
    let mut is_code = false;
    notes.lines().map(move |line| {
        let is_fence = line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
        is_code ^= is_fence;
        (line, level_of(line).filter(|_| !is_code && !is_fence))
    })
}

/// The level of a heading: 1 to 6 marks, then a blank or nothing (`CommonMark`, section 4.2).
fn level_of(line: &str) -> Option<usize> {
    let marks = line.bytes().take_while(|byte| *byte == b'#').count();
    let is_heading = (1..=6).contains(&marks) && line[marks..].chars().next().is_none_or(char::is_whitespace);
    is_heading.then_some(marks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(releases: &[(&str, &str)]) -> String {
        let names: Vec<ReleaseName> = releases.iter().map(|(name, _)| name.parse().unwrap()).collect();
        let at = "2026-11-22T09:00:00Z".parse().unwrap();
        let notes = names.iter().zip(releases).map(|(name, (_, notes))| ReleaseNotes { name, published_at: at, notes });
        join_notes(&notes.collect::<Vec<_>>())
    }

    #[test]
    fn each_release_with_notes_has_a_heading() {
        let check = |releases: &[(&str, &str)], expect: &str| assert_eq!(join(releases), expect);
        check(&[], "");
        check(&[("1.0", " \n")], "");
        check(
            &[("1.1", "New\n"), ("1.0", ""), ("0.9", "Old")],
            "## 1.1 (2026-11-22)\n\nNew\n\n## 0.9 (2026-11-22)\n\nOld\n",
        );
        check(&[("1.0+2", "Same"), ("1.0+1", "Same\n")], "## 1.0+2 (2026-11-22)\n\nSame\n");
    }

    #[test]
    fn headings_inside_notes_stand_below_that_of_the_release() {
        let check = |notes: &str, expect: &str| {
            assert_eq!(join(&[("2.4.0+241", notes)]), format!("## 2.4.0+241 (2026-11-22)\n\n{expect}\n"));
        };
        check("# A\n## B\ntext", "### A\n#### B\ntext");
        check("### A", "### A");
        check("# A\n###### F", "### A\n###### F");
        check("#hashtag\n```\n# code\n```\n# A", "#hashtag\n```\n# code\n```\n### A");
        check("## [2.4.0] - 2026-11-22\n\n### Fixed\n- Login", "### Fixed\n- Login");
        check("# v2.4.0\nLogin", "Login");
        check("# 2.4.0", "### 2.4.0");
        check("# 12.4.0 is near\nLogin", "### 12.4.0 is near\nLogin");
    }
}
