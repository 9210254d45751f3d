//! Where the files of a release go in one folder.
//!
//! Two artifacts of one release may have the same file name, and names that differ in case only are one name on many
//! systems. Whoever collides moves into `<platform>-<arch>/`, and deeper while that is not enough.

use std::collections::HashMap;
use std::path::PathBuf;

use protocol::ArtifactLine;

/// How many ways of telling files apart there are.
const LEVELS: usize = 4;

/// The path of each artifact below the folder, in order; no two are the same, whatever the case of their letters.
pub(crate) fn plan_paths(lines: &[ArtifactLine]) -> Vec<PathBuf> {
    let mut levels = vec![0; lines.len()];
    while let Some(colliding) = find_colliding(lines, &levels) {
        for at in colliding {
            levels[at] += 1;
        }
    }
    lines.iter().zip(levels).map(|(line, level)| path(line, level)).collect()
}

/// The files that collide and can still move.
fn find_colliding(lines: &[ArtifactLine], levels: &[usize]) -> Option<Vec<usize>> {
    let mut takers: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, line) in lines.iter().enumerate() {
        takers.entry(folded(&path(line, levels[at]))).or_default().push(at);
    }
    // A file may also have the name of a folder that another one moves into.
    let folders: Vec<String> =
        takers.keys().filter_map(|path| path.split_once('/')).map(|(folder, _)| folder.to_owned()).collect();
    let collides = |path: &String, files: &Vec<usize>| files.len() > 1 || folders.contains(path);
    let movable = |at: &usize| levels[*at] + 1 < LEVELS;
    let mut colliding: Vec<usize> = takers
        .iter()
        .filter(|(path, files)| collides(path, files))
        .flat_map(|(_, files)| files)
        .copied()
        .filter(movable)
        .collect();
    colliding.sort_unstable();
    (!colliding.is_empty()).then_some(colliding)
}

fn path(line: &ArtifactLine, level: usize) -> PathBuf {
    let ArtifactLine { platform, arch, kind, sha256, .. } = line;
    let name = line.filename.as_str();
    match level {
        0 => PathBuf::from(name),
        1 => PathBuf::from(format!("{platform}-{arch}")).join(name),
        2 => PathBuf::from(format!("{platform}-{arch}-{kind}")).join(name),
        // Two files of one kind whose names differ in case only: their bytes tell them apart, or they are the same.
        _ => PathBuf::from(format!("{platform}-{arch}-{kind}-{}", sha256.short())).join(name),
    }
}

fn folded(path: &std::path::Path) -> String {
    path.to_string_lossy().replace('\\', "/").to_lowercase()
}

#[cfg(test)]
mod tests {
    use protocol::Digest;

    use super::*;

    fn check(artifacts: &[(&str, &str, &str, &str)], expected: &[&str]) {
        let lines: Vec<ArtifactLine> = artifacts
            .iter()
            .enumerate()
            .map(|(at, (platform, arch, kind, filename))| ArtifactLine {
                platform: platform.parse().unwrap(),
                arch: arch.parse().unwrap(),
                kind: kind.parse().unwrap(),
                filename: filename.parse().unwrap(),
                size: 1,
                sha256: Digest::of(&[u8::try_from(at).unwrap()]),
            })
            .collect();
        let paths: Vec<String> = plan_paths(&lines).iter().map(|path| path.to_string_lossy().into_owned()).collect();
        assert_eq!(paths, expected);
    }

    #[test]
    fn names_that_differ_stay_as_they_are() {
        check(
            &[("ios", "universal", "ipa", "Mein Büro 🚀.ipa"), ("android", "universal", "apk", "acme.apk")],
            &["Mein Büro 🚀.ipa", "acme.apk"],
        );
    }

    #[test]
    fn names_that_collide_in_any_case_move_apart() {
        check(
            &[
                ("linux", "x86_64", "tarball", "acme.tar.gz"),
                ("linux", "aarch64", "tarball", "Acme.tar.gz"),
                ("macos", "universal", "dmg", "acme.dmg"),
            ],
            &["linux-x86_64/acme.tar.gz", "linux-aarch64/Acme.tar.gz", "acme.dmg"],
        );
        check(
            &[("linux", "x86_64", "zip", "acme"), ("linux", "x86_64", "file", "acme")],
            &["linux-x86_64-zip/acme", "linux-x86_64-file/acme"],
        );
        check(
            &[("linux", "x86_64", "file", "acme"), ("linux", "x86_64", "file", "ACME")],
            &["linux-x86_64-file-6e340b9cffb3/acme", "linux-x86_64-file-4bf5122f3445/ACME"],
        );
    }

    #[test]
    fn a_file_with_the_name_of_a_folder_moves_too() {
        check(
            &[
                ("linux", "x86_64", "file", "a"),
                ("linux", "aarch64", "file", "a"),
                ("any", "universal", "file", "linux-x86_64"),
            ],
            &["linux-x86_64/a", "linux-aarch64/a", "any-universal/linux-x86_64"],
        );
    }
}
