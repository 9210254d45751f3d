//! Damaged files: a report for each, and never a panic.

use inspect::{Limits, inspect};
use std::io::Cursor;

use crate::making::{executable, fixture, info_plist, message, superblob, zip_of};
use crate::pkg::installer;

/// A few hundred bit flips and cuts of a file, at places that a seed gives.
fn damage(bytes: &[u8]) {
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    let check = |bytes: &[u8]| drop(inspect(Cursor::new(bytes), bytes.len() as u64, &Limits::default()).unwrap());
    for _ in 0..300 {
        let mut flipped = bytes.to_vec();
        for _ in 0..=next(4) {
            let at = next(bytes.len());
            flipped[at] ^= 1 << next(8);
        }
        check(&flipped);
        check(&bytes[..next(bytes.len())]);
    }
    // What tells where things are is at the end: be thorough there.
    for at in bytes.len().saturating_sub(700)..bytes.len() {
        let mut flipped = bytes.to_vec();
        flipped[at] = 0xff;
        check(&flipped);
    }
}

#[test]
fn damaged_files_get_a_report() {
    damage(&fixture("TestApp7.1.ipa"));
    damage(&fixture("dmgwiz-zlib.dmg"));
    damage(&installer());
}

#[test]
fn damaged_signatures_get_a_report() {
    let code = executable(1, &superblob(0x1_0000, &[message(b"x")]));
    for at in 0..code.len() {
        let mut flipped = code.clone();
        flipped[at] ^= 0xff;
        let bytes = zip_of(&[("A.app/Contents/Info.plist", &info_plist()), ("A.app/Contents/MacOS/Acme", &flipped)]);
        inspect(Cursor::new(&bytes), bytes.len() as u64, &Limits::default()).unwrap();
    }
}
