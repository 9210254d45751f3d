//! Releases of random bytes, and whether a store still has them.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use walkdir::WalkDir;

use crate::{
    bench::write_noise,
    client::Client,
    digest,
    manifest::{Entry, Manifest},
    store,
};

/// The app that is pushed to.
pub(super) const APP: &str = "crash";

/// A release of random bytes, laid out in a folder.
pub(super) struct Release {
    /// `APP@NAME`.
    pub(super) revision: String,
    pub(super) folder: PathBuf,
    pub(super) manifest: PathBuf,
    /// Digest and size of each artifact.
    pub(super) artifacts: Vec<(String, u64)>,
}

impl Release {
    /// A release of [`APP`].
    pub(super) fn write(above: &Path, number: u32, sizes: &[u64], random: &mut fastrand::Rng) -> Result<Self> {
        Self::write_for(APP, above, number, sizes, random)
    }

    pub(super) fn write_for(
        app: &'static str,
        above: &Path,
        number: u32,
        sizes: &[u64],
        random: &mut fastrand::Rng,
    ) -> Result<Self> {
        let folder = above.join(format!("{app}-{number}"));
        fs::create_dir(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let mut entries = Vec::new();
        let mut artifacts = Vec::new();
        for (number, &bytes) in sizes.iter().enumerate() {
            let name = format!("part-{number}.bin");
            let file = folder.join(&name);
            write_noise(&file, bytes, random.u64(..))?;
            artifacts.push((digest::of_file(&file)?, bytes));
            entries.push(Entry::opaque(name));
        }
        let build = (number + 1).to_string();
        let revision = format!("{app}@1.0.0+{build}");
        let manifest = Manifest { app, version: "1.0.0".into(), build, channel: "beta", artifacts: entries };
        Ok(Self { revision, manifest: manifest.write(&folder)?, folder, artifacts })
    }

    pub(super) fn total_bytes(&self) -> u64 {
        self.artifacts.iter().map(|(_, bytes)| bytes).sum()
    }

    /// What the server has of this release: whole objects, and what lies in `uploads/` now and did not in `earlier`. A part
    /// may have a name that was made up.
    pub(super) fn read_held_bytes(&self, data: &Path, earlier: &HashSet<PathBuf>) -> Result<u64> {
        let whole = self.artifacts.iter().filter(|(digest, _)| store::object_path(data, digest).is_file());
        let mut held_bytes: u64 = whole.map(|(_, bytes)| bytes).sum();
        for part in read_parts(data)?.difference(earlier) {
            held_bytes += fs::metadata(part).context("cannot look at an upload")?.len();
        }
        Ok(held_bytes.min(self.total_bytes()))
    }

    /// That the release is shown, and that the bytes of its artifacts are in the store, all but those of `damaged`.
    pub(super) fn look(&self, client: &Client, data: &Path, damaged: Option<&str>) -> Result<()> {
        let shown = client
            .run(["show", &self.revision, "--json"])
            .with_context(|| format!("{} was acknowledged and is not there", self.revision))?;
        for (digest, _) in &self.artifacts {
            ensure!(shown.contains(digest), "{} was acknowledged and is another", self.revision);
            if damaged != Some(digest.as_str()) {
                let found = digest::of_file(&store::object_path(data, digest))
                    .with_context(|| format!("{} was acknowledged, and its files are not there", self.revision))?;
                ensure!(found == *digest, "{} has other bytes, {found}, than {digest}", self.revision);
            }
        }
        Ok(())
    }

    /// Pulls the release into a folder that is gone afterwards, and holds its files against those that were published.
    pub(super) fn pull(&self, client: &Client) -> Result<()> {
        let folder = tempfile::tempdir().context("cannot create a folder")?;
        client.run(["pull".as_ref(), self.revision.as_ref(), "-o".as_ref(), folder.path().as_os_str()])?;
        for (number, (digest, _)) in self.artifacts.iter().enumerate() {
            let pulled = digest::of_file(&folder.path().join(format!("part-{number}.bin")))?;
            ensure!(pulled == *digest, "{} was pulled as {pulled}, not {digest}", self.revision);
        }
        Ok(())
    }

    /// Its files are not needed any more.
    pub(super) fn remove_files(&self) -> Result<()> {
        fs::remove_dir_all(&self.folder).with_context(|| format!("cannot remove {}", self.folder.display()))
    }
}

/// The files in `uploads/`, which belong to uploads that were cut.
pub(super) fn read_parts(data: &Path) -> Result<HashSet<PathBuf>> {
    let mut parts = HashSet::new();
    for entry in WalkDir::new(data.join("uploads")).min_depth(1) {
        let entry = entry.context("cannot walk the uploads")?;
        if entry.file_type().is_file() {
            parts.insert(entry.into_path());
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_has_its_bytes_and_is_held_where_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let release = Release::write(folder.path(), 3, &[10, 20], &mut fastrand::Rng::with_seed(1)).unwrap();
        assert_eq!(release.revision, "crash@1.0.0+4");
        assert_eq!(release.total_bytes(), 30);
        let object = store::object_path(&data, &release.artifacts[0].0);
        fs::create_dir_all(object.parent().unwrap()).unwrap();
        fs::write(object, [0; 10]).unwrap();
        fs::create_dir_all(data.join("uploads/crash")).unwrap();
        fs::write(data.join("uploads/crash/left"), [0; 7]).unwrap();
        let earlier = read_parts(&data).unwrap();
        assert_eq!(release.read_held_bytes(&data, &earlier).unwrap(), 10, "what another release left does not count");
        fs::write(data.join("uploads/crash/x"), [0; 5]).unwrap();
        assert_eq!(release.read_held_bytes(&data, &earlier).unwrap(), 15);
        release.remove_files().unwrap();
    }
}
