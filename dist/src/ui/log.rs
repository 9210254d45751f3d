//! Releases as a history.

use inspect::{Signing, Summary};
use protocol::Platform;
use protocol::api::Release;
use unicode_width::UnicodeWidthStr;

use super::graph::{Graph, Rails};
use super::line::Line;
use super::look::Tone;
use super::{Look, size};

/// How much is said of each release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Two lines, and the first of the notes.
    Short,
    /// One line.
    OneLine,
    /// Two lines, and all of the notes.
    Notes,
}

/// Whether lines join each release to its parent, or one line goes through them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines {
    /// One line.
    Straight,
    /// To the parent.
    Joined,
}

/// A log that is shown part by part. Its columns grow where a later part needs it.
#[derive(Debug)]
pub(crate) struct LogView {
    look: Look,
    detail: Detail,
    graph: Option<Graph>,
    name_width: usize,
    channels_width: usize,
    when_width: usize,
}

/// Least width of the column with channels.
const CHANNELS: usize = 12;

/// Most columns that channels take where a release has one line.
const ONE_LINE_CHANNELS: usize = 24;

impl LogView {
    /// A log of which nothing was shown yet.
    pub(crate) fn new(look: &Look, detail: Detail, lines: Lines) -> Self {
        let graph = (lines == Lines::Joined).then(Graph::default);
        Self { look: *look, detail, graph, name_width: 0, channels_width: CHANNELS, when_width: 0 }
    }

    /// The next `count` of `releases`, newest first. Those after them are known and not shown yet: what a release grew by shows
    /// against its parent.
    pub(crate) fn render(&mut self, releases: &[Release], count: usize) -> String {
        for release in releases.iter().take(count) {
            self.name_width = self.name_width.max(release.name.as_str().width());
            self.channels_width = self.channels_width.max(all_channels(release).width());
            self.when_width = self.when_width.max(self.look.when(release.published_at).width());
        }
        let mut text = String::new();
        for (at, release) in releases.iter().enumerate().take(count) {
            let rails = match &mut self.graph {
                Some(graph) => graph.next(release.id, release.manifest.parent),
                None => Rails { join: None, node: "● ".to_owned(), body: "│ ".to_owned() },
            };
            let parent = releases[at + 1..].iter().find(|other| Some(other.id) == release.manifest.parent);
            text.push_str(&self.entry(&rails, release, parent));
        }
        text
    }

    fn entry(&self, rails: &Rails, release: &Release, parent: Option<&Release>) -> String {
        let join = rails.join.iter().map(|join| Line::new().add(Tone::Muted, join));
        let lines: Vec<Line> = match self.detail {
            Detail::OneLine => join.chain([self.one_line(rails, release)]).collect(),
            Detail::Short => {
                let notes = first_line(release).map(|line| body(rails).add(Tone::Plain, line));
                join.chain([self.head(rails, release)]).chain(self.facts(rails, release, parent)).chain(notes).collect()
            }
            Detail::Notes => {
                let notes = release.manifest.notes.as_deref().map(str::trim).filter(|notes| !notes.is_empty());
                let notes = notes.map_or_else(|| "\n".to_owned(), |notes| format!("\n{notes}\n"));
                let said = notes.lines().map(|line| body(rails).add(Tone::Plain, line)).collect::<Vec<_>>();
                let gap = (said.len() > 1).then(|| body(rails));
                let head = join.chain([self.head(rails, release)]).chain(self.facts(rails, release, parent));
                head.chain(said).chain(gap).collect()
            }
        };
        lines.iter().map(|line| line.render(&self.look)).collect()
    }

    fn head(&self, rails: &Rails, release: &Release) -> Line {
        let start = Line::new().add(Tone::Plain, &rails.node).append(self.name(release)).append(id(release));
        let when = self.look.when(release.published_at);
        let end = Line::new()
            .add(Tone::Plain, "  ")
            .add(Tone::Plain, format!("{when:<width$}", width = self.when_width))
            .add(Tone::Plain, format!("  {}", release.published_by));
        let taken = start.width() + end.width();
        let room = self.look.width.map_or(usize::MAX, |width| usize::from(width).saturating_sub(taken));
        let width = self.channels_width.min(room.max(CHANNELS));
        let column = start.width() + width;
        start.add(Tone::Accent, channels(release, width)).pad_to(column).append(end)
    }

    fn one_line(&self, rails: &Rails, release: &Release) -> Line {
        let when = format!("{:<width$}", self.look.when(release.published_at), width = self.when_width);
        let line = Line::new().add(Tone::Plain, &rails.node).append(self.name(release)).append(id(release));
        let line = line.add(Tone::Plain, when).add(Tone::Plain, "  ");
        let names = channels(release, ONE_LINE_CHANNELS);
        let channels =
            if names.is_empty() { Line::new() } else { Line::new().add(Tone::Accent, format!("({names}) ")) };
        line.append(channels).add(Tone::Plain, first_line(release).unwrap_or_default())
    }

    fn name(&self, release: &Release) -> Line {
        let tone = if release.revoked.is_some() { Tone::Struck } else { Tone::Strong };
        Line::new().add(tone, release.name.as_str()).pad_to(self.name_width + 2)
    }

    /// Platforms, size, growth and source on one line, or on two where one is too narrow.
    fn facts(&self, rails: &Rails, release: &Release, parent: Option<&Release>) -> Vec<Line> {
        let column = self.look.width.map_or(50, |width| usize::from(width).saturating_sub(30).clamp(30, 70));
        let platforms = body(rails).append(platforms(release)).pad_to(column).add(Tone::Plain, " ");
        let sizes = Line::new().add(Tone::Plain, format!("{:>10}", size(release.size_bytes)));
        let growth = parent.map(|parent| growth(release, parent)).unwrap_or_default();
        let sizes = sizes.add(Tone::Plain, format!("   {growth:<12}"));
        let whole = platforms.clone().append(sizes.clone());
        if !whole.fits(&self.look) {
            return vec![platforms, body(rails).append(sizes)];
        }
        let with_source = whole.clone().append(source(release));
        vec![if with_source.fits(&self.look) { with_source } else { whole }]
    }
}

fn body(rails: &Rails) -> Line {
    Line::new().add(Tone::Muted, &rails.body).add(Tone::Plain, "  ")
}

fn id(release: &Release) -> Line {
    Line::new().add(Tone::Muted, release.id.short()).add(Tone::Plain, "  ")
}

/// One that is revoked is on no channel, and says so where the stroke through its name is not seen.
fn all_channels(release: &Release) -> String {
    if release.revoked.is_some() {
        return "revoked".to_owned();
    }
    release.channels.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The channels that fit so many columns, and how many more there are: `beta, nightly +3`.
fn channels(release: &Release, columns: usize) -> String {
    let all = all_channels(release);
    if all.width() <= columns {
        return all;
    }
    let shown = |count: usize| {
        let names: Vec<&str> = release.channels[..count].iter().map(protocol::ChannelName::as_str).collect();
        format!("{} +{}", names.join(", "), release.channels.len() - count)
    };
    let fitting = (1..release.channels.len()).rev().map(shown).find(|text| text.width() <= columns);
    fitting.unwrap_or_else(|| format!("{} channels", release.channels.len()))
}

fn platforms(release: &Release) -> Line {
    let mut platforms: Vec<Platform> = release.manifest.artifacts.iter().map(|line| line.platform).collect();
    platforms.dedup();
    let mut line = Line::new();
    for (at, platform) in platforms.iter().enumerate() {
        let (tone, mark) = mark(release, *platform);
        let gap = if at == 0 { "" } else { "  " };
        line = line.add(Tone::Plain, format!("{gap}{}", platform.display_name())).add(tone, mark);
    }
    if platforms.is_empty() { line.add(Tone::Muted, "links only") } else { line }
}

/// What is to be said of a platform's files at a glance; nothing where nobody has looked into them.
fn mark(release: &Release, platform: Platform) -> (Tone, &'static str) {
    let summaries: Vec<&Summary> =
        release.reports.iter().filter(|it| it.platform == platform).filter_map(|it| it.summary.as_ref()).collect();
    let is_any = |signing: Signing| summaries.iter().any(|summary| summary.signing == signing);
    if is_any(Signing::Invalid) {
        (Tone::Bad, " ! signature wrong")
    } else if is_any(Signing::Unsigned) {
        (Tone::Warn, " ! unsigned")
    } else if is_any(Signing::AdHoc) {
        (Tone::Warn, " ! ad hoc")
    } else if is_any(Signing::Signed) {
        (Tone::Good, " ✓")
    } else {
        (Tone::Plain, "")
    }
}

fn growth(release: &Release, parent: &Release) -> String {
    signed_size(i128::from(release.size_bytes) - i128::from(parent.size_bytes)).unwrap_or_default()
}

/// `+1.2 MiB` or `−1.2 MiB`; `None` for nothing.
pub(crate) fn signed_size(delta: i128) -> Option<String> {
    let bytes = u64::try_from(delta.unsigned_abs()).unwrap_or(u64::MAX);
    match delta.signum() {
        0 => None,
        1 => Some(format!("+{}", size(bytes))),
        _ => Some(format!("−{}", size(bytes))),
    }
}

/// Commit and branch that it was built from.
fn source(release: &Release) -> Line {
    let source = &release.manifest.source;
    let commit = source.commit.as_deref().map(|commit| commit.chars().take(7).collect::<String>());
    let told: Vec<String> = [commit, source.branch.clone()].into_iter().flatten().collect();
    Line::new().add(Tone::Muted, format!("  {}", told.join(" ")))
}

/// The first line of the notes that says something beyond the version, without the marks of a heading or list.
fn first_line(release: &Release) -> Option<&str> {
    let notes = release.manifest.notes.as_deref()?;
    let is_news =
        |line: &&str| !line.is_empty() && ![release.name.as_str(), release.manifest.version.as_str()].contains(line);
    notes.lines().map(bare).find(is_news)
}

fn bare(line: &str) -> &str {
    let line = line.trim_start_matches('#').trim();
    line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")).unwrap_or(line)
}

#[cfg(test)]
mod tests;
