//! What differs between two releases, for people.

use protocol::compare::{
    ArtifactChange, ChangeKind, Comparison, Fact, FileChanges, LineChange, NotesChange, SizeChange, ValueChange,
};
use protocol::manifest::{ArtifactLine, Link};
use protocol::{AppSlug, Arch, Digest};

use super::line::Line;
use super::log::signed_size;
use super::look::Tone;
use super::{Look, size};

/// How much of a comparison is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Everything.
    Whole,
    /// One line for each artifact.
    Stat,
}

/// The column where values of facts begin.
const VALUES: usize = 22;

/// Columns for sizes on both sides and what they differ by.
const SIZES: usize = 40;

/// Columns for a size, what it grew by, and counts of what differs.
const COUNTS: usize = 48;

/// A comparison as text.
pub(crate) fn render_diff(look: &Look, app: &AppSlug, comparison: &Comparison, part: Part) -> String {
    let lines = match part {
        Part::Whole => whole(look, app, comparison),
        Part::Stat => stat(look, app, comparison),
    };
    lines.iter().map(|line| line.render(look)).collect()
}

fn whole(look: &Look, app: &AppSlug, comparison: &Comparison) -> Vec<Line> {
    let mut lines = head(app, comparison);
    if comparison.is_empty() {
        lines.push(plain("They hold the same: no difference in artifacts, links or notes."));
        return lines;
    }
    for change in &comparison.artifacts {
        lines.push(Line::new());
        lines.extend(artifact(look, change));
    }
    if let Some(line) = unchanged(comparison) {
        lines.extend([Line::new(), line]);
    }
    let gone = comparison.links_removed.iter().map(|it| link(it, ChangeKind::Removed));
    let come = comparison.links_added.iter().map(|it| link(it, ChangeKind::Added));
    lines.extend(titled("links", gone.chain(come).collect()));
    lines.extend(titled("notes", comparison.notes.iter().flat_map(notes).collect()));
    lines
}

fn head(app: &AppSlug, comparison: &Comparison) -> Vec<Line> {
    let (from, to) = (&comparison.from, &comparison.to);
    let names = Line::new().add(Tone::Strong, format!("{app}  {} → {}", from.name, to.name));
    let ids = format!("{} → {}", from.id.short(), to.id.short());
    let mut lines = vec![names.add(Tone::Plain, "   ").append(sizes(comparison.size)), fact_line("id", muted(&ids))];
    if let Some(source) = &comparison.source {
        let texts = [
            ("commit", &source.old.commit, &source.new.commit),
            ("branch", &source.old.branch, &source.new.branch),
            ("repository", &source.old.repository, &source.new.repository),
        ];
        let differing = texts.into_iter().filter(|(_, old, new)| old != new);
        lines.extend(differing.map(|(name, old, new)| fact_line(name, plain(arrow(old.as_deref(), new.as_deref())))));
    }
    lines
}

fn stat(look: &Look, app: &AppSlug, comparison: &Comparison) -> Vec<Line> {
    let mut lines: Vec<Line> = head(app, comparison).into_iter().take(1).collect();
    for change in &comparison.artifacts {
        let files = change.files.as_ref().map_or(0, |files| files.added + files.removed + files.changed);
        let told = [(change.facts.len() as u64, "fact"), (files, "file")];
        let told: Vec<String> =
            told.iter().filter(|(count, _)| *count > 0).map(|(count, of)| counted(*count, of)).collect();
        lines.push(
            start(look, change, COUNTS).append(brief(change)).add(Tone::Muted, format!("   {}", told.join(", "))),
        );
    }
    let of = |kind: ChangeKind| comparison.artifacts.iter().filter(|change| change.change == kind).count() as u64;
    let counts = [ChangeKind::Changed, ChangeKind::Added, ChangeKind::Removed, ChangeKind::Renamed];
    let counts = counts.map(|kind| (of(kind), kind.as_str()));
    let counts = counts.into_iter().chain([(comparison.artifacts_unchanged, "unchanged")]);
    let told: Vec<String> =
        counts.filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let notes = comparison.notes.as_ref().map(|notes| format!("; notes +{} −{}", notes.added, notes.removed));
    let artifacts = if told.is_empty() { "no artifacts".to_owned() } else { format!("artifacts: {}", told.join(", ")) };
    lines.push(plain(artifacts + &notes.unwrap_or_default()));
    lines
}

fn artifact(look: &Look, change: &ArtifactChange) -> Vec<Line> {
    let mut lines = vec![headline(look, change)];
    if let (Some(old), Some(new)) = (&change.old, &change.new) {
        let names = [
            ("file", old.filename.to_string(), new.filename.to_string()),
            ("processor", old.arch.to_string(), new.arch.to_string()),
        ];
        let differing = names.into_iter().filter(|(_, old, new)| old != new);
        lines.extend(differing.flat_map(|(name, old, new)| value(look, name, Some(&old), Some(&new))));
    }
    for fact in &change.facts {
        lines.extend(fact_lines(look, fact.fact, &fact.change));
    }
    lines.extend(change.files.iter().flat_map(|it| files(look, it)));
    if change.change == ChangeKind::Changed && !change.is_inspected {
        lines.push(plain("    not inspected on both sides: nothing more is known"));
    }
    lines
}

/// `~ acme.apk  android apk   10.0 MiB → 12.0 MiB   +2.0 MiB`.
fn headline(look: &Look, change: &ArtifactChange) -> Line {
    let line = start(look, change, SIZES);
    match change.change {
        ChangeKind::Changed if change.size().delta() != 0 => line.append(sizes(change.size())),
        _ => line.append(brief(change)),
    }
}

/// What became of its size, in few words.
fn brief(change: &ArtifactChange) -> Line {
    let change_of_size = signed_size(change.size().delta());
    plain(match (change.change, change_of_size) {
        (ChangeKind::Renamed, _) => "the same bytes".to_owned(),
        (ChangeKind::Changed, None) => format!("{:>10}   same size", size(change.size().new)),
        (ChangeKind::Changed, Some(delta)) => format!("{:>10}   {delta}", size(change.size().new)),
        (_, delta) => delta.unwrap_or_else(|| size(0)),
    })
}

/// What it is, up to the column that leaves so much for what follows.
fn start(look: &Look, change: &ArtifactChange, rest: usize) -> Line {
    let (tone, mark) = mark(change.change);
    let name = change.line().map(|line| line.filename.to_string()).unwrap_or_default();
    let line = Line::new().add(tone, format!("{mark} ")).add(Tone::Strong, name);
    let line = line.add(Tone::Muted, format!("  {}", change.line().map(place).unwrap_or_default()));
    let column = look.width.map_or(50, |width| usize::from(width).saturating_sub(rest).clamp(20, 60));
    line.pad_to(column).add(Tone::Plain, "  ")
}

/// `linux x86_64 deb`, `android apk`: what fits every processor says so by not naming one.
fn place(line: &ArtifactLine) -> String {
    if line.arch == Arch::universal() {
        return format!("{} {}", line.platform, line.kind);
    }
    format!("{} {} {}", line.platform, line.arch, line.kind)
}

fn mark(kind: ChangeKind) -> (Tone, &'static str) {
    match kind {
        ChangeKind::Added => (Tone::Good, "+"),
        ChangeKind::Removed => (Tone::Bad, "-"),
        ChangeKind::Changed => (Tone::Warn, "~"),
        ChangeKind::Renamed => (Tone::Warn, "→"),
    }
}

fn sizes(change: SizeChange) -> Line {
    match signed_size(change.delta()) {
        None => plain(size(change.new)),
        Some(delta) => plain(format!("{} → {}   {delta}", size(change.old), size(change.new))),
    }
}

fn fact_lines(look: &Look, fact: Fact, change: &ValueChange) -> Vec<Line> {
    let name = fact.as_str().replace('-', " ");
    match change {
        ValueChange::Value { old, new } => value(look, &name, old.as_deref(), new.as_deref()),
        ValueChange::Set { added, removed } => {
            let removed = removed.iter().map(|value| (ChangeKind::Removed, value));
            let all = removed.chain(added.iter().map(|value| (ChangeKind::Added, value)));
            let titles = std::iter::once(name.as_str()).chain(std::iter::repeat(""));
            titles.zip(all).map(|(title, (kind, value))| fact_line(title, marked(kind, &shortened(value)))).collect()
        }
    }
}

/// From one value to another on one line, or on two where one is too narrow.
fn value(look: &Look, name: &str, old: Option<&str>, new: Option<&str>) -> Vec<Line> {
    let line = fact_line(name, plain(arrow(old, new)));
    if line.fits(look) {
        return vec![line];
    }
    let none = "nothing";
    vec![
        fact_line(name, marked(ChangeKind::Removed, old.unwrap_or(none))),
        fact_line("", marked(ChangeKind::Added, new.unwrap_or(none))),
    ]
}

fn arrow(old: Option<&str>, new: Option<&str>) -> String {
    format!("{} → {}", old.unwrap_or("nothing"), new.unwrap_or("nothing"))
}

fn fact_line(name: &str, value: Line) -> Line {
    plain("    ").add(Tone::Muted, name).pad_to(VALUES).append(value)
}

/// A digest as 12 digits, everything else as it is.
fn shortened(value: &str) -> String {
    Digest::parse(value).map_or_else(|_| value.to_owned(), |digest| digest.short())
}

fn files(look: &Look, files: &FileChanges) -> Vec<Line> {
    let counts = [(files.added, "added"), (files.removed, "removed"), (files.changed, "changed")];
    let told: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let rest = if files.is_complete { "" } else { "; not all files are known" };
    let mut lines = vec![fact_line("files", plain(told.join(", ") + rest))];
    let column = look.width.map_or(90, |width| usize::from(width).saturating_sub(14).clamp(30, 110));
    for file in &files.listed {
        let path = fact_line("", marked(file.change, &file.path));
        // A path that is too long gives way to what its file grew by.
        let cut = path.clone().shorten_to(column);
        lines.push(cut.pad_to(column).add(Tone::Plain, format!("  {}", grown(file.size))));
    }
    let all = files.added + files.removed + files.changed;
    let left = all.saturating_sub(files.listed.len() as u64);
    if left > 0 && !files.listed.is_empty() {
        lines.push(fact_line("", muted(&format!("… and {left} that changed less; --files lists them all"))));
    }
    lines
}

fn grown(change: SizeChange) -> String {
    signed_size(change.delta()).unwrap_or_else(|| "same size".to_owned())
}

fn link(link: &Link, kind: ChangeKind) -> Line {
    plain("  ").append(marked(kind, &format!("{} {} {}", link.platform, link.kind, link.url)))
}

fn notes(change: &NotesChange) -> Vec<Line> {
    let mut lines = Vec::new();
    for (at, hunk) in change.hunks.iter().enumerate() {
        if at > 0 || hunk.old_start > 1 {
            lines.push(muted(&format!("  @ line {}", hunk.new_start)));
        }
        lines.extend(hunk.lines.iter().map(|line| match line.change {
            LineChange::Same => plain(format!("    {}", line.text)),
            LineChange::Added => plain("  ").append(marked(ChangeKind::Added, &line.text)),
            LineChange::Removed => plain("  ").append(marked(ChangeKind::Removed, &line.text)),
        }));
    }
    lines
}

fn unchanged(comparison: &Comparison) -> Option<Line> {
    let count = comparison.artifacts_unchanged;
    (count > 0).then(|| muted(&format!("{} unchanged", counted(count, "artifact"))))
}

fn titled(title: &str, lines: Vec<Line>) -> Vec<Line> {
    if lines.is_empty() {
        return lines;
    }
    [Line::new(), Line::new().add(Tone::Strong, title)].into_iter().chain(lines).collect()
}

fn marked(kind: ChangeKind, text: &str) -> Line {
    let (tone, mark) = mark(kind);
    Line::new().add(tone, format!("{mark} {text}"))
}

fn plain(text: impl AsRef<str>) -> Line {
    Line::new().add(Tone::Plain, text)
}

fn muted(text: &str) -> Line {
    Line::new().add(Tone::Muted, text)
}

fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

#[cfg(test)]
mod tests;
