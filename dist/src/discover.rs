//! Finding artifacts in a folder, by what their bytes are. Bounded: a checkout may hold millions of files.

use std::fs::File;
use std::path::Path;

use protocol::{Kind, Platform};
use walkdir::{DirEntry, WalkDir};

use crate::error::CliError;

/// How deep the search goes.
const DEPTH: usize = 8;

/// How many files and folders are looked at.
const ENTRIES: usize = 50_000;

/// How many artifacts are proposed.
const FOUND: usize = 50;

/// Where artifacts rarely lie and other people's files do. Looked into only when there is nothing elsewhere.
const SKIPPED: &[&str] = &["node_modules", "target", "vendor", "Pods", "intermediates", "__pycache__"];

/// A file that looks like an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Relative to the folder, with `/`.
    pub(crate) path: String,
    /// The system it is for.
    pub(crate) platform: Platform,
    /// That system again, where the file's bytes do not tell it, so that it has to be written down.
    pub(crate) told_platform: Option<Platform>,
    /// Its package format.
    pub(crate) kind: Kind,
    /// Its size in bytes.
    pub(crate) size_bytes: u64,
}

/// The artifacts below `folder`, sorted by path.
///
/// # Errors
/// When the folder itself cannot be read. What cannot be read below it is passed over.
pub(crate) fn find_artifacts(folder: &Path) -> Result<Vec<Found>, CliError> {
    std::fs::read_dir(folder).map_err(|error| CliError::io("read", folder, error))?;
    let found = search(folder, |name| !SKIPPED.contains(&name));
    Ok(if found.is_empty() { search(folder, |_| true) } else { found })
}

fn search(folder: &Path, enter: impl Fn(&str) -> bool) -> Vec<Found> {
    let is_entered = |entry: &DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 0 || !name.starts_with('.') && (!entry.file_type().is_dir() || enter(&name))
    };
    WalkDir::new(folder)
        .max_depth(DEPTH)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(is_entered)
        .flatten()
        .take(ENTRIES)
        .filter(|entry| entry.file_type().is_file())
        .filter_map(|entry| look(folder, &entry))
        .take(FOUND)
        .collect()
}

fn look(folder: &Path, entry: &DirEntry) -> Option<Found> {
    let name = entry.file_name().to_str()?.to_owned();
    let mut file = File::open(entry.path()).ok()?;
    let size_bytes = file.metadata().ok()?.len();
    let kind: Kind = inspect::detect(&mut file, size_bytes, &name).ok()?.format.as_str().parse().ok()?;
    if !is_plausible(kind, &name) {
        return None;
    }
    let told_platform = if kind.only_platform().is_none() { platform_of_name(&name) } else { None };
    let path: Vec<&str> = entry.path().strip_prefix(folder).ok()?.iter().filter_map(|part| part.to_str()).collect();
    Some(Found {
        path: path.join("/"),
        platform: kind.only_platform().or(told_platform)?,
        told_platform,
        kind,
        size_bytes,
    })
}

/// Libraries are PE files too, and much that is no artifact is a ZIP.
fn is_plausible(kind: Kind, name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    match kind {
        Kind::Exe => lower.ends_with(".exe"),
        Kind::Zip => lower.ends_with(".zip"),
        Kind::File => false,
        _ => true,
    }
}

/// The platform that a file's name tells, as in `acme-linux-x64.tar.gz`.
fn platform_of_name(name: &str) -> Option<Platform> {
    let lower = name.to_ascii_lowercase();
    let mut words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    words.find_map(|word| match word {
        "linux" => Some(Platform::Linux),
        "macos" | "darwin" | "osx" | "mac" => Some(Platform::Macos),
        "windows" | "win" | "win32" | "win64" => Some(Platform::Windows),
        "android" => Some(Platform::Android),
        "ios" => Some(Platform::Ios),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const DEB: &[u8] = b"!<arch>\ndebian-binary   ";
    const GZIP: &[u8] = &[0x1f, 0x8b, 8, 0];

    fn paths(files: &[(&str, &[u8])]) -> Vec<(String, Option<Platform>)> {
        let dir = tempfile::tempdir().unwrap();
        for (path, bytes) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        find_artifacts(dir.path()).unwrap().into_iter().map(|found| (found.path, found.told_platform)).collect()
    }

    #[test]
    fn artifacts_are_found_by_their_bytes_and_others_are_not() {
        let found = paths(&[
            ("out/acme.deb", DEB),
            ("out/acme-linux-x64.tar.gz", GZIP),
            ("out/backup.tar.gz", GZIP),
            ("README.md", b"# Acme"),
            ("lib.dll", b"MZ"),
            (".cache/old.deb", DEB),
            ("node_modules/x/y.deb", DEB),
        ]);
        assert_eq!(
            found,
            [("out/acme-linux-x64.tar.gz".to_owned(), Some(Platform::Linux)), ("out/acme.deb".to_owned(), None)]
        );
    }

    #[test]
    fn build_folders_are_searched_when_there_is_nothing_else() {
        let found = paths(&[("target/debian/acme.deb", DEB), ("src/main.rs", b"fn main() {}")]);
        assert_eq!(found, [("target/debian/acme.deb".to_owned(), None)]);
    }
}
