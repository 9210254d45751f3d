//! What is compressed as a whole: tar archives and the members of packages.

use std::io::Write;

use inspect::compression::Compression;
use inspect::{Details, Format, Report};

use crate::making::{Noise, message};
use crate::measure::held;

const MIB: usize = 1024 * 1024;
/// The largest file that the bounds are for.
const WHOLE_BYTES: usize = 50 * MIB;

/// A tar header of a file, with the size field as given.
fn header(name: &str, kind: u8, size: &[u8; 12]) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000644\0");
    block[124..136].copy_from_slice(size);
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn octal(size: u64) -> [u8; 12] {
    format!("{size:011o}\0").into_bytes().try_into().unwrap()
}

fn is_complete(report: &Report) -> bool {
    let Some(Details::Tarball(tarball)) = &report.details else { panic!("{report:?}") };
    tarball.is_complete
}

fn gzip(pieces: &[(&[u8], usize)]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for (piece, times) in pieces {
        (0..*times).for_each(|_| encoder.write_all(piece).unwrap());
    }
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut options = lzma_rust2::XzOptions::with_preset(0);
    options.set_check_sum_type(lzma_rust2::CheckType::None);
    let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_gzip_bomb_is_left_unfinished() {
    let report = held(|| gzip(&[(&header("zeros", b'0', &octal(7 << 30)), 1), (&[0; MIB], 1_000)]));
    assert!(!is_complete(&report));
    let why = "Only the first 1 entries were read: decompressing the rest takes longer than is waited for.";
    assert_eq!(message(&report, "archive-not-read-to-end"), why);
}

#[test]
fn an_xz_bomb_is_left_unfinished() {
    let report = held(|| xz(&[header("zeros", b'0', &octal(1 << 30)), vec![0; 140 * MIB]].concat()));
    assert!(!is_complete(&report));
    message(&report, "archive-not-read-to-end");
}

#[test]
fn a_bzip2_bomb_is_left_unfinished() {
    let report = held(|| bzip2(&[header("zeros", b'0', &octal(1 << 30)), vec![0; 48 * MIB]].concat()));
    assert!(!is_complete(&report));
    message(&report, "archive-not-read-to-end");
}

/// Frames of one block of the kind "RLE", each 128 KiB out of four bytes (RFC 8878, 3.1.1.2).
#[test]
fn a_zstandard_bomb_is_left_unfinished() {
    let report = held(|| {
        let head = header("zeros", b'0', &octal(7 << 30));
        let mut bytes = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x70];
        bytes.extend(&((512u32 << 3).to_le_bytes())[..3]);
        bytes.extend(head);
        (0..10_000).for_each(|_| bytes.extend([0x02, 0x00, 0x10, 0x00]));
        bytes.extend([0x03, 0x00, 0x10, 0x00]);
        bytes
    });
    assert!(!is_complete(&report));
    message(&report, "archive-not-read-to-end");
}

/// Noise, which hardly shrinks, in streams of a mebibyte one behind the other: packing all of it would take longer than
/// this test may.
#[test]
fn what_is_slow_to_decompress_is_left_unfinished() {
    let noise = Noise(3).bytes(MIB, 150);
    for (name, pack) in [("xz", xz as fn(&[u8]) -> Vec<u8>), ("bzip2", bzip2)] {
        let report = held(|| {
            let again = pack(&noise);
            let count = WHOLE_BYTES / again.len();
            [pack(&header("noise", b'0', &octal(1 << 30))), again.repeat(count)].concat()
        });
        assert!(!is_complete(&report), "{name}");
        let why = "Only the first 1 entries were read: decompressing the rest takes longer than is waited for.";
        assert_eq!(message(&report, "archive-not-read-to-end"), why, "{name}");
    }
    let report = held(|| gzip(&[(&header("noise", b'0', &octal(1 << 30)), 1), (&noise, 50)]));
    assert_eq!(report.format, Format::Tarball);
}

/// An archive as large as archives of programs are.
#[test]
fn what_is_of_honest_size_is_read_whole() {
    type Pack = fn(&[u8]) -> Vec<u8>;
    let noise = Noise(3).bytes(MIB, 150);
    let of = |times: usize| {
        let size = octal((times * MIB) as u64);
        [header("noise", b'0', &size), noise.repeat(times), vec![0; 1_024]].concat()
    };
    let packers: [(usize, Pack); 3] = [(40, |bytes| gzip(&[(bytes, 1)])), (8, xz), (8, bzip2)];
    for (times, pack) in packers {
        let report = held(|| pack(&of(times)));
        assert!(is_complete(&report), "{report:?}");
    }
}

#[test]
fn streams_without_end_that_hold_nothing_are_left_unfinished() {
    let (empty_gzip, empty_xz, empty_bzip2) = (gzip(&[]), xz(b""), bzip2(b""));
    let empty_zstd = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x00, 0x01, 0x00, 0x00];
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0];
    let again = |empty: &[u8]| empty.repeat(WHOLE_BYTES / empty.len());
    for empty in [&empty_gzip[..], &empty_xz, &empty_bzip2, &empty_zstd, &skippable] {
        let report = held(|| again(empty));
        assert_eq!(report.format, Format::File);
    }
    let tar = header("a", b'0', &octal(0));
    for (first, empty) in [(gzip(&[(&tar, 1)]), empty_gzip), (xz(&tar), empty_xz), (bzip2(&tar), empty_bzip2)] {
        let report = held(|| [first, again(&empty)].concat());
        assert!(!is_complete(&report));
        message(&report, "archive-not-read-to-end");
    }
}

/// The index of an xz stream that says how many blocks there were (the .xz file format, 4.1): it comes where a block
/// could begin, and lists none of the blocks that it counts, or millions of them.
#[test]
fn xz_indexes_that_claim_billions_are_refused() {
    let start = xz(b"")[..12].to_vec();
    let count = [0xff, 0xff, 0xff, 0xff, 0x0f];
    for records in [vec![], [1, 1].repeat(25 * MIB)] {
        let report = held(|| [start.clone(), vec![0], count.to_vec(), records].concat());
        assert_eq!(report.format, Format::File);
    }
}

#[test]
fn dictionaries_that_are_too_large_are_refused() {
    let report = held(|| {
        // The properties byte 28 of the LZMA2 filter stands for 64 MiB; the CRC-32 of the block header follows.
        let mut bytes = xz(&header("a", b'0', &octal(0)));
        let at = bytes.windows(3).position(|window| window[..2] == [0x21, 0x01]).unwrap();
        bytes[at + 2] = 28;
        let (start, len) = (12, (usize::from(bytes[12]) + 1) * 4);
        let crc = crc32fast::hash(&bytes[start..start + len - 4]).to_le_bytes();
        bytes[start + len - 4..start + len].copy_from_slice(&crc);
        bytes
    });
    let Some(Details::Tarball(tarball)) = &report.details else { panic!("{report:?}") };
    assert_eq!(tarball.compression, Compression::Xz);
    assert_eq!(
        message(&report, "dictionary-too-large"),
        "Not read: to decompress it takes more than 34 MiB of memory."
    );
    let report = held(|| [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3][..], &[1, 0, 0]].concat());
    message(&report, "dictionary-too-large");
}

#[test]
fn sizes_of_tar_entries_that_are_lies_are_named() {
    let mut huge = [0xff; 12];
    huge[0] = 0x80;
    for (size, kind, seen) in [
        (octal(7 << 30), b'0', 2),
        (*b"77777777777\0", b'0', 2),
        (huge, b'0', 1),
        (octal(7 << 30), b'S', 2),
        (huge, b'S', 1),
    ] {
        let bytes = [header("acme/a", b'0', &octal(0)), header("acme/b", kind, &size), vec![1; 2_000]].concat();
        for bytes in [gzip(&[(&bytes, 1)]), bytes] {
            let report = held(|| bytes);
            let why = message(&report, "archive-damaged");
            assert!(why.contains(&format!("after {seen} entries")), "{} {why}", char::from(kind));
        }
    }
}

#[test]
fn names_and_attributes_of_tar_entries_that_are_gibibytes_long_are_cut() {
    for kind in [b'L', b'x', b'g', b'K'] {
        let name = vec![b'a'; MIB];
        let report = held(|| gzip(&[(&header("long", kind, &octal(4 << 30)), 1), (&name, 64)]));
        assert_eq!(message(&report, "archive-unreadable"), "tar archive: unexpected EOF during skip");
        let report = held(|| {
            let long =
                [header("long", kind, &octal(65_536)), vec![b'a'; 65_536], header("a", b'0', &octal(0))].concat();
            gzip(&[(&long, 1_000)])
        });
        assert_eq!(report.format, Format::Tarball);
    }
}

#[test]
fn a_million_tar_entries_are_cut_short() {
    let report = held(|| gzip(&[(&header(&"a".repeat(99), b'0', &octal(0)), 900_000)]));
    assert_eq!(message(&report, "too-many-entries"), "The archive has more entries than are looked through.");
    let report = held(|| gzip(&[(&header(&"a".repeat(99), b'0', &octal(0)), 100_000)])[..1_000].to_vec());
    assert!(message(&report, "archive-damaged").contains("breaks off after"));
}

#[test]
fn a_sparse_map_without_end_is_read_in_time() {
    let mut block = header("sparse", b'S', &octal(0));
    block[257..265].copy_from_slice(b"ustar  \0");
    block[482] = 1;
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut more = vec![0; 512];
    more[504] = 1;
    let report = held(|| gzip(&[(&block, 1), (&more, 800_000)]));
    assert_eq!(report.format, Format::Tarball);
}
