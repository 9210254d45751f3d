//! What the fuzz targets begin with, and what they found before: kept, and inspected again.

use std::fs;
use std::path::{Path, PathBuf};

use crate::invariants;
use crate::measure::{alone, held_bytes};
use crate::repair::repair;

const FORMATS: &[&str] =
    &["ipa", "apk", "aab", "app-zip", "dmg", "pkg", "tarball", "deb", "rpm", "appimage", "exe", "msi", "msix", "zip"];

/// Honest seeds of a format, and what was found in it.
fn files_of(format: &str) -> Vec<PathBuf> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let folders = [fuzz.join("seeds").join(format), fuzz.join("corpus-kept").join(format)];
    // Where nothing was found there is no folder.
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

#[test]
fn every_format_has_a_corpus_of_its_own() {
    for format in FORMATS {
        let is_of_format = |file: &PathBuf| invariants::detect(&fs::read(file).unwrap()).as_str() == *format;
        assert!(files_of(format).iter().any(is_of_format), "nothing of {format} is kept");
    }
}

#[test]
fn what_was_found_before_is_held_to_the_bounds() {
    let _alone = alone();
    for file in FORMATS.iter().chain(&["detect"]).flat_map(|format| files_of(format)) {
        let mut bytes = fs::read(&file).unwrap();
        let what = file.display().to_string();
        held_bytes(&bytes, &what);
        invariants::detect(&bytes);
        repair(&mut bytes);
        held_bytes(&bytes, &what);
    }
}
