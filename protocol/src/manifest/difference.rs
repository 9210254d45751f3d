//! What differs between two manifests that claim the same name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ArtifactKey, ArtifactLine, ReleaseManifest};

/// One thing that differs: present only before, only after, or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// What: `notes`, `links`, `artifacts/android/universal/apk/acme.apk`.
    pub what: String,
    /// Its value in the first manifest; `None` where it is not there.
    pub old: Option<String>,
    /// Its value in the second manifest; `None` where it is not there.
    pub new: Option<String>,
}

/// Everything that differs in content: all but `parent`, `created_at` and `source`.
pub type Difference = Vec<Change>;

impl ReleaseManifest {
    /// What `other` has differently. Empty where both are the same content, whatever their parents, times and sources.
    pub fn difference(&self, other: &Self) -> Difference {
        let mut changes = Vec::new();
        changes.extend(changed("app", self.app.as_str(), other.app.as_str()));
        changes.extend(changed("name", self.name().as_str(), other.name().as_str()));
        changes.extend(changed("notes", self.notes.as_deref().unwrap_or(""), other.notes.as_deref().unwrap_or("")));
        changes.extend(changed("links", &links(self), &links(other)));
        changes.extend(artifact_changes(&self.artifacts, &other.artifacts));
        changes
    }
}

fn changed(what: &str, old: &str, new: &str) -> Option<Change> {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    (old != new).then(|| Change { what: what.to_owned(), old: some(old), new: some(new) })
}

fn links(manifest: &ReleaseManifest) -> String {
    let mut lines: Vec<String> =
        manifest.links.iter().map(|link| format!("{} {} {}", link.platform, link.kind, link.url)).collect();
    lines.sort();
    lines.join("\n")
}

fn artifact_changes(old: &[ArtifactLine], new: &[ArtifactLine]) -> Difference {
    let mut sides: BTreeMap<ArtifactKey<'_>, (Option<&ArtifactLine>, Option<&ArtifactLine>)> = BTreeMap::new();
    for line in old {
        sides.entry(line.key()).or_default().0 = Some(line);
    }
    for line in new {
        sides.entry(line.key()).or_default().1 = Some(line);
    }
    let value = |line: Option<&ArtifactLine>| line.map(|line| format!("{} ({} bytes)", line.sha256, line.size));
    sides
        .into_iter()
        .filter(|(_, (old, new))| old != new)
        .map(|((platform, arch, kind, filename), (old, new))| Change {
            what: format!("artifacts/{platform}/{arch}/{kind}/{filename}"),
            old: value(old),
            new: value(new),
        })
        .collect()
}
