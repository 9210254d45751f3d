//! The packages, made of the programs that were built with this test.

use std::{fs, process::Command};

use xtask::{
    package::{self, Compression},
    workspace::Binaries,
};

#[test]
fn the_unit_is_hardened() {
    assert!(package::unit::exposure().unwrap() < 2.0);
}

/// The Debian package is made and held to its contents where cargo-deb is installed; the archive everywhere.
#[test]
fn the_packages_hold_programs_pages_and_completions() {
    let binaries = Binaries::of_this_build().unwrap();
    let folder = xtask::workspace::root().join("target/package");
    let files = package::make(&binaries, &folder, Compression::Quick).unwrap();
    let archive = files.iter().find(|file| file.to_string_lossy().ends_with("-linux.tar.gz")).unwrap();
    let list = Command::new("tar").args(["--list", "--file"]).arg(archive).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    for part in [
        "bin/dist",
        "bin/distd",
        "man/man1/dist.1",
        "man/man8/distd.8",
        "completions/bash/dist",
        "completions/zsh/_dist",
        "completions/fish/dist.fish",
        "systemd/distd.service",
    ] {
        assert!(list.lines().any(|line| line.split_once('/').is_some_and(|(_, path)| path == part)), "{part}: {list}");
    }
    let sums = Command::new("sha256sum").args(["--check", "SHA256SUMS"]).current_dir(&folder).output().unwrap();
    assert!(sums.status.success(), "{sums:?}");
    assert_eq!(fs::read_to_string(folder.join("SHA256SUMS")).unwrap().lines().count(), files.len() - 1);
}
