//! What differs between two releases: for `dist diff`, for promotion and for pages.
//!
//! Pure: two manifests and the reports on their artifacts go in, one [`Comparison`] comes out. It says only what is known of
//! both: where an artifact was not inspected on one side, its facts and files are not compared, and it says so.

mod facts;
mod files;
mod notes;
mod pairs;

use std::collections::HashMap;

use inspect::Report;
use objstore::Digest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::ReleaseRef;
use crate::manifest::{ArtifactLine, Link, ReleaseManifest, Source};
use crate::platform::words;

pub use facts::{Fact, FactChange, FactValue, Facts, ValueChange, compare_facts, read_facts};
pub use files::{FileChange, FileChanges};
pub use notes::{LineChange, NoteHunk, NoteLine, NotesChange};

words! {
    /// What became of something between the older side and the newer.
    ChangeKind, "change" {
        /// Only the newer has it.
        Added = "added",
        /// Only the older has it.
        Removed = "removed",
        /// Both have it, with other bytes.
        Changed = "changed",
        /// Both have the same bytes, under other names.
        Renamed = "renamed",
    }
}

/// What differs between two releases, from the older to the newer, as whoever asks has put them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Comparison {
    /// The older side.
    pub from: ReleaseRef,
    /// The newer side.
    pub to: ReleaseRef,
    /// Bytes of all artifacts of each, each digest counted once.
    pub size: SizeChange,
    /// What each was built from, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceChange>,
    /// The artifacts that were added, removed, changed or renamed, in the order of the newer manifest, removed ones last.
    pub artifacts: Vec<ArtifactChange>,
    /// How many artifacts are the same on both sides.
    pub artifacts_unchanged: u64,
    /// Links that only the newer has.
    pub links_added: Vec<Link>,
    /// Links that only the older has.
    pub links_removed: Vec<Link>,
    /// How the notes differ, where they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<NotesChange>,
}

/// A number of bytes on both sides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SizeChange {
    /// Bytes on the older side.
    pub old: u64,
    /// Bytes on the newer side.
    pub new: u64,
}

impl SizeChange {
    /// Bytes that the newer side has more; negative where it has less.
    pub fn delta(self) -> i128 {
        i128::from(self.new) - i128::from(self.old)
    }
}

/// What two releases were built from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SourceChange {
    /// What the older was built from.
    pub old: Source,
    /// What the newer was built from.
    pub new: Source,
}

/// One artifact that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArtifactChange {
    /// What became of it.
    pub change: ChangeKind,
    /// Its line in the older manifest; absent where it was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<ArtifactLine>,
    /// Its line in the newer manifest; absent where it was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<ArtifactLine>,
    /// Whether inspection could read both sides. Where not, nothing is known of `facts` and `files`.
    pub is_inspected: bool,
    /// What both sides say of themselves, where that differs.
    pub facts: Vec<FactChange>,
    /// The files inside, where both are archives whose files were listed and any differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<FileChanges>,
}

impl ArtifactChange {
    /// The line that stands for it: that of the newer side, or of the older where it was removed.
    pub fn line(&self) -> Option<&ArtifactLine> {
        self.new.as_ref().or(self.old.as_ref())
    }

    /// Its bytes on both sides; 0 where it is absent.
    pub fn size(&self) -> SizeChange {
        let size = |line: &Option<ArtifactLine>| line.as_ref().map_or(0, |line| line.size);
        SizeChange { old: size(&self.old), new: size(&self.new) }
    }

    /// How one fact differs, where it does.
    pub fn fact(&self, fact: Fact) -> Option<&ValueChange> {
        self.facts.iter().find(|change| change.fact == fact).map(|change| &change.change)
    }
}

/// One of the two releases.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// Its manifest.
    pub manifest: &'a ReleaseManifest,
    /// The reports on its artifacts, by digest, with their entries listed where files are to be compared.
    pub reports: &'a HashMap<Digest, Report>,
}

impl Comparison {
    /// Compares two releases.
    pub fn of(from: Side<'_>, to: Side<'_>) -> Self {
        let pairs = pairs::pair(from.manifest, to.manifest);
        let artifacts_unchanged = pairs.iter().filter(|pair| pair.old == pair.new).count() as u64;
        let changed = pairs.into_iter().filter(|pair| pair.old != pair.new);
        let artifacts = changed.map(|pair| compare_artifact(&pair, from.reports, to.reports)).collect();
        let (old, new) = (from.manifest, to.manifest);
        let only = |these: &[Link], others: &[Link]| {
            these.iter().filter(|link| !others.contains(link)).cloned().collect::<Vec<_>>()
        };
        Self {
            from: reference(old),
            to: reference(new),
            size: SizeChange { old: old.size_bytes(), new: new.size_bytes() },
            source: (old.source != new.source)
                .then(|| SourceChange { old: old.source.clone(), new: new.source.clone() }),
            artifacts,
            artifacts_unchanged,
            links_added: only(&new.links, &old.links),
            links_removed: only(&old.links, &new.links),
            notes: notes::compare(old.notes.as_deref().unwrap_or(""), new.notes.as_deref().unwrap_or("")),
        }
    }

    /// Keeps of each artifact's files the `count` whose size changed most, and how many there are of each kind.
    pub fn keep_largest_files(&mut self, count: usize) {
        for files in self.artifacts.iter_mut().filter_map(|artifact| artifact.files.as_mut()) {
            files.listed.truncate(count);
        }
    }

    /// Whether the two are the same to whoever installs them: artifacts, links and notes.
    pub fn is_empty(&self) -> bool {
        self.artifacts.is_empty()
            && self.links_added.is_empty()
            && self.links_removed.is_empty()
            && self.notes.is_none()
    }
}

fn reference(manifest: &ReleaseManifest) -> ReleaseRef {
    ReleaseRef { id: manifest.id(), name: manifest.name() }
}

fn compare_artifact(
    pair: &pairs::Pair<'_>,
    old_reports: &HashMap<Digest, Report>,
    new_reports: &HashMap<Digest, Report>,
) -> ArtifactChange {
    let reports = report_of(pair.old, old_reports).zip(report_of(pair.new, new_reports));
    let (facts, files) = match (pair.change(), reports) {
        (ChangeKind::Changed, Some((old, new))) => {
            (compare_facts(&read_facts(old), &read_facts(new)), files::compare(old, new))
        }
        _ => (Vec::new(), None),
    };
    ArtifactChange {
        change: pair.change(),
        old: pair.old.cloned(),
        new: pair.new.cloned(),
        is_inspected: reports.is_some(),
        facts,
        files,
    }
}

/// The report on an artifact, where there is one that says something.
fn report_of<'r>(line: Option<&ArtifactLine>, reports: &'r HashMap<Digest, Report>) -> Option<&'r Report> {
    reports.get(&line?.sha256).filter(|report| report.details.is_some())
}

#[cfg(test)]
mod tests;
