//! What is inside of archives, against 7-Zip and tar.

use std::path::Path;

use crate::tools::{after, run};
use crate::{details, pins, report_of};

/// Number and bytes of the files that `7z l -slt` lists, folders left out.
fn count_listed(listed: &str, archive: &Path) -> (u64, u64) {
    // What lies between entries, such as a signing block, is listed by the name of the archive.
    let is_between = |block: &&str| after(block, "Path = ") == archive.file_stem().unwrap().to_str();
    let files = listed.split_once("\n----------\n").map_or("", |(_, files)| files);
    let blocks = files.split("\n\n").filter(|block| after(block, "Path = ").is_some());
    let files = blocks.filter(|block| !is_between(block) && after(block, "Folder = ") != Some("+"));
    files.fold((0, 0), |(count, bytes), block| {
        let size: u64 = after(block, "Size = ").and_then(|size| size.parse().ok()).unwrap_or(0);
        (count + 1, bytes + size)
    })
}

#[test]
fn zips_hold_what_7z_lists() {
    for pin in pins::of_kinds(&["apk", "app-zip", "ipa", "zip"]) {
        let entries = report_of(&pin.file).entries.unwrap();
        let listed = run(Path::new("."), "7z", &[Path::new("l"), Path::new("-slt"), Path::new("-tzip"), &pin.file]);
        assert_eq!((entries.count, entries.total_bytes), count_listed(&listed, &pin.file), "{}", pin.name);
    }
}

#[test]
fn tarballs_hold_what_tar_lists() {
    for pin in pins::of_kinds(&["tarball"]) {
        let report = report_of(&pin.file);
        let entries = report.entries.as_ref().unwrap();
        let listed = run(Path::new("."), "tar", &[Path::new("-tvf"), &pin.file]);
        let files: Vec<&str> = listed.lines().filter(|line| !line.starts_with('d')).collect();
        let bytes = |line: &str| -> u64 { line.split_whitespace().nth(2).unwrap().parse().unwrap() };
        let total: u64 = files.iter().map(|line| bytes(line)).sum();
        assert_eq!((entries.count, entries.total_bytes), (files.len() as u64, total), "{}", pin.name);
        let paths: Vec<&str> = files.iter().map(|line| line.rsplit(' ').next().unwrap()).collect();
        assert_eq!(entries.listed.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(), paths);
    }
}

#[test]
fn disk_images_are_packed_as_7z_says() {
    for pin in pins::of_kinds(&["dmg"]).into_iter().filter(|pin| !pin.name.contains("aes")) {
        let report = report_of(&pin.file);
        let dmg = details!(report, Dmg);
        let listed = run(Path::new("."), "7z", &[Path::new("l"), Path::new("-slt"), Path::new("-tdmg"), &pin.file]);
        let method = after(&listed, "Method = ").unwrap_or_default().to_lowercase();
        for compression in &dmg.compression {
            assert!(method.contains(compression.as_str()), "{} {compression} {method}", pin.name);
        }
        let (count, bytes) = count_listed(&listed, &pin.file);
        assert_eq!(dmg.partitions.len() as u64, count, "{} {listed}", pin.name);
        assert_eq!(dmg.partitions.iter().map(|partition| partition.size_bytes).sum::<u64>(), bytes, "{}", pin.name);
    }
}
