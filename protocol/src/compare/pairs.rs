//! Which artifact of the newer release takes the place of which of the older.

use std::collections::BTreeMap;

use super::ChangeKind;
use crate::manifest::{ArtifactLine, ReleaseManifest};

/// An artifact on both sides, or on one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair<'a> {
    pub(super) old: Option<&'a ArtifactLine>,
    pub(super) new: Option<&'a ArtifactLine>,
}

impl Pair<'_> {
    pub(super) fn change(&self) -> ChangeKind {
        match (self.old, self.new) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
            (Some(old), Some(new)) if old.sha256 == new.sha256 => ChangeKind::Renamed,
            _ => ChangeKind::Changed,
        }
    }
}

/// What two artifacts share that take each other's place, the surest first. File names often have the version in them, so after
/// the whole key comes the name without it; then whatever is the only one of its platform, processor and kind on both sides;
/// then of its platform and kind.
const SHARED: [fn(&ArtifactLine, &ReleaseManifest) -> String; 4] = [
    |line, _| format!("{} {} {} {}", line.platform, line.arch, line.kind, line.filename),
    |line, manifest| format!("{} {} {} {}", line.platform, line.arch, line.kind, plain_name(line, manifest)),
    |line, _| format!("{} {} {}", line.platform, line.arch, line.kind),
    |line, _| format!("{} {}", line.platform, line.kind),
];

/// Pairs the artifacts of two releases, in the order of the newer, and after them those that it has no more.
pub(super) fn pair<'a>(old: &'a ReleaseManifest, new: &'a ReleaseManifest) -> Vec<Pair<'a>> {
    let mut gone: Vec<&ArtifactLine> = old.artifacts.iter().collect();
    let mut pairs: Vec<Pair<'_>> = new.artifacts.iter().map(|line| Pair { old: None, new: Some(line) }).collect();
    for shared in SHARED {
        let olds = only_ones(gone.iter().map(|line| shared(line, old)).enumerate());
        let alone = pairs.iter().enumerate().filter(|(_, pair)| pair.old.is_none());
        let news = only_ones(alone.filter_map(|(at, pair)| Some((at, shared(pair.new?, new)))));
        let mut taken = Vec::new();
        for (key, at) in news {
            if let Some(&from) = olds.get(&key) {
                pairs[at].old = Some(gone[from]);
                taken.push(from);
            }
        }
        gone = gone.into_iter().enumerate().filter(|(at, _)| !taken.contains(at)).map(|(_, line)| line).collect();
    }
    pairs.extend(gone.into_iter().map(|line| Pair { old: Some(line), new: None }));
    pairs
}

/// Where each key is that is there once.
fn only_ones(keys: impl Iterator<Item = (usize, String)>) -> BTreeMap<String, usize> {
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, key) in keys {
        places.entry(key).or_default().push(at);
    }
    let once = places.into_iter().filter_map(|(key, places)| match places.as_slice() {
        [only] => Some((key, *only)),
        _ => None,
    });
    once.collect()
}

/// A file name without the version and build of its release.
fn plain_name(line: &ArtifactLine, manifest: &ReleaseManifest) -> String {
    let name = line.filename.as_str().replace(manifest.version.as_str(), "*");
    match &manifest.build {
        Some(build) => name.replace(build.as_str(), "*"),
        None => name,
    }
}
