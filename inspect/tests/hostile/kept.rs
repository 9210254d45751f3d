//! What the fuzz targets found before: kept, and inspected again.

use std::fs;
use std::path::{Path, PathBuf};

use crate::invariants;
use crate::measure::{alone, held_bytes};
use crate::repair::repair;

#[test]
fn what_was_found_before_is_held_to_the_bounds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus-kept");
    let mut files: Vec<PathBuf> = Vec::new();
    for format in fs::read_dir(&folder).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        files.extend(fs::read_dir(format.path()).unwrap().flatten().map(|entry| entry.path()));
    }
    let _alone = alone();
    for file in files {
        let mut bytes = fs::read(&file).unwrap();
        let what = file.display().to_string();
        held_bytes(&bytes, &what);
        invariants::detect(&bytes);
        repair(&mut bytes);
        held_bytes(&bytes, &what);
    }
}
