//! Writing a `dist.json`, as a CI job does.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::Serialize;

/// What CI writes, as far as the tasks need it.
#[derive(Clone, Debug, Serialize)]
pub struct Manifest {
    /// The app's slug.
    pub app: &'static str,
    /// The release's version.
    pub version: String,
    /// The release's build.
    pub build: String,
    /// The channel to move.
    pub channel: &'static str,
    /// What the release has.
    pub artifacts: Vec<Entry>,
}

/// One artifact. What is `None` is left to `dist` to find out from the file.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Relative to the manifest.
    pub path: String,
    /// `ios android macos linux windows any`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<&'static str>,
    /// For example `x86_64`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arch: Option<&'static str>,
    /// For example `deb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
}

impl Entry {
    /// A file of which `dist` finds out the rest.
    pub fn named(path: impl Into<String>) -> Self {
        Self { path: path.into(), platform: None, arch: None, kind: None }
    }

    /// A file that is nothing in particular.
    pub fn opaque(path: impl Into<String>) -> Self {
        Self { path: path.into(), platform: Some("any"), arch: Some("universal"), kind: Some("file") }
    }
}

impl Manifest {
    /// Writes `dist.json` into `folder` and says where it is.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<PathBuf> {
        let file = folder.join("dist.json");
        let text = serde_json::to_string_pretty(self).context("cannot encode a manifest")?;
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = Manifest {
            app: "acme",
            version: "2.4.0".into(),
            build: "241".into(),
            channel: "beta",
            artifacts: vec![Entry::named("a.apk"), Entry::opaque("b")],
        };
        let text = fs::read_to_string(manifest.write(folder.path()).unwrap()).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!([
            {"path": "a.apk"},
            {"path": "b", "platform": "any", "arch": "universal", "kind": "file"},
        ]);
        assert_eq!(value["artifacts"], expected);
    }
}
