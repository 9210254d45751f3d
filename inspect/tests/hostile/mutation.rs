//! Thousands of damaged files, the same on each run: every seed with bits flipped, cut off, with lengths that lie, with
//! blocks spliced, and put inside of other archives.

use std::fs;
use std::path::{Path, PathBuf};

use crate::invariants;
use crate::making::{Noise, stored, zip_of};
use crate::measure::{alone, held_bytes};
use crate::repair::repair;

/// Larger fixtures are damaged by their own tests.
const SEED_BYTES: u64 = 64 * 1024;
/// Files of each kind of damage that are made of each seed.
const ROUNDS: usize = 20;
/// What lengths and offsets are replaced with; as wide as a place needs.
const LIES: [u64; 6] = [0, u64::MAX, u64::MAX >> 1, 1 << 31, 0x0100_0000_0100_0000, 0x7f7f_7f7f_7f7f_7f7f];
/// What structures of the formats begin with.
const MARKS: &[&[u8]] = &[
    b"PK\x01\x02",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"APK Sig Block 42",
    b"koly",
    b"mish",
    b"bplist00",
    b"<plist",
    b"xar!",
    b"ustar",
    b"`\n",
    b"\x8e\xad\xe8\x01",
    b"\x7fELF",
    b"PE\0\0",
    b".rsrc",
    b"MSCF",
    b"\xfa\xde\x0c",
    b"\xcf\xfa\xed\xfe",
    b"\x03\x00\x08\x00",
    b"\x01\x00\x1c\x00",
    b"\x02\x01\x10\x00",
    b"V\0S\0_\0",
    b"\x89PNG",
    b"\x30\x82",
    b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd",
    b"BZh",
    b"\x1f\x8b\x08",
    b"R\0o\0o\0t\0",
];

struct Seed {
    name: String,
    bytes: Vec<u8>,
}

/// The committed fixtures and the hand-made seeds of the fuzz targets, by name.
fn seeds() -> Vec<Seed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> = files_of(&root.join("../fixtures"));
    files.extend(
        files_of(&root.join("tests/data")).into_iter().filter(|file| file.extension().is_some_and(|it| it == "dmg")),
    );
    for folder in fs::read_dir(root.join("fuzz/seeds")).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        files.extend(files_of(&folder.path()));
    }
    files.sort_unstable();
    let is_small = |file: &PathBuf| fs::metadata(file).unwrap().len() <= SEED_BYTES;
    let seed = |file: PathBuf| Seed { name: file.display().to_string(), bytes: fs::read(file).unwrap() };
    files.into_iter().filter(is_small).map(seed).collect()
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    entries
        .filter(|path| path.is_file() && path.extension().is_none_or(|ending| ending != "md" && ending != "json"))
        .collect()
}

/// Places where structures begin, the file's own beginning and end among them.
fn spots(bytes: &[u8]) -> Vec<usize> {
    let mut spots = vec![0, bytes.len().saturating_sub(16), bytes.len().saturating_sub(512), bytes.len() / 2];
    for mark in MARKS {
        let places = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(mark));
        spots.extend(places.take(12));
    }
    spots.sort_unstable();
    spots.dedup();
    spots
}

/// Damages every seed in one way, and holds each result to the bounds, as it is and repaired.
fn damage(way: fn(&Seed, &mut Noise, usize) -> Option<Vec<u8>>) {
    let _alone = alone();
    let seeds = seeds();
    assert!(seeds.len() > 20, "{} seeds", seeds.len());
    for seed in &seeds {
        let mut noise = Noise(0x9e37_79b9_7f4a_7c15 ^ seed.bytes.len() as u64);
        for round in 0..ROUNDS {
            let Some(mut bytes) = way(seed, &mut noise, round) else { break };
            held_bytes(&bytes, &format!("{} in round {round}", seed.name));
            invariants::detect(&bytes);
            repair(&mut bytes);
            held_bytes(&bytes, &format!("{} in round {round}, repaired", seed.name));
        }
    }
}

#[test]
fn files_with_flipped_bits_get_a_report() {
    damage(|seed, noise, round| {
        let mut bytes = seed.bytes.clone();
        for _ in 0..=round % 6 {
            let at = noise.below(bytes.len());
            bytes[at] ^= 1 << noise.below(8);
        }
        Some(bytes)
    });
}

#[test]
fn files_with_flipped_bits_near_their_structures_get_a_report() {
    damage(|seed, noise, _| {
        let (mut bytes, spots) = (seed.bytes.clone(), spots(&seed.bytes));
        for _ in 0..=noise.below(3) {
            let at = spots[noise.below(spots.len())] + noise.below(64);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << noise.below(8);
            }
        }
        Some(bytes)
    });
}

#[test]
fn files_that_break_off_get_a_report() {
    damage(|seed, noise, round| {
        let spots = spots(&seed.bytes);
        let cut = match round / spots.len() {
            0 => spots[round],
            1 => spots[round % spots.len()] + 1 + noise.below(64),
            _ => noise.below(seed.bytes.len()),
        };
        Some(seed.bytes[..cut.min(seed.bytes.len())].to_vec())
    });
}

#[test]
fn files_whose_lengths_lie_get_a_report() {
    damage(|seed, noise, _| {
        let (mut bytes, spots) = (seed.bytes.clone(), spots(&seed.bytes));
        let at = spots[noise.below(spots.len())] + 2 * noise.below(40);
        let width = [2, 4, 8][noise.below(3)];
        let lie = LIES[noise.below(LIES.len())].to_le_bytes();
        if let Some(place) = bytes.get_mut(at..at + width) {
            place.copy_from_slice(&lie[..width]);
        }
        Some(bytes)
    });
}

#[test]
fn files_with_blocks_in_other_places_get_a_report() {
    damage(|seed, noise, round| {
        let (mut bytes, spots) = (seed.bytes.clone(), spots(&seed.bytes));
        let (from, to) = (spots[noise.below(spots.len())], spots[noise.below(spots.len())]);
        let len = noise.below(600).min(bytes.len() - from);
        let block = bytes[from..from + len].to_vec();
        if round % 2 == 0 {
            bytes.splice(to..to, block);
        } else {
            let end = (to + len).min(bytes.len());
            bytes.splice(to..end, block);
        }
        Some(bytes)
    });
}

#[test]
fn files_inside_of_files_get_a_report() {
    damage(|seed, _, round| {
        let names =
            ["a", "AndroidManifest.xml", "Payload/A.app/Info.plist", "A.app/Contents/Info.plist", "AppxManifest.xml"];
        let name = *names.get(round)?;
        Some(zip_of(&[stored("x", &seed.bytes), stored(name, &seed.bytes), stored("BundleConfig.pb", b"")]))
    });
    damage(|seed, _, round| {
        let other =
            [&b"MZ"[..], b"!<arch>\ndebian-binary   ", b"xar!\0\x1c\0\x01", b"PK\x03\x04", b"\x1f\x8b\x08\0\0\0\0\0"];
        Some([other.get(round)?, &seed.bytes[..]].concat())
    });
}
