//! ZIP archives that lie.

use inspect::{Format, Report, Severity};

use crate::making::{Noise, Packed, deflated, message, stored, zip_of};
use crate::measure::held;

const INFO: &str = "Payload/A.app/Info.plist";
const MIB: usize = 1024 * 1024;

#[test]
fn a_flat_bomb_of_entries_that_share_their_bytes_is_named() {
    let report = held(|| {
        let kernel = deflated("a", &[0; MIB], 20 * MIB);
        let pointer = Packed { data: Vec::new(), offset: Some(0), ..kernel.clone() };
        let again = |index: usize| Packed { name: format!("b{index}").into_bytes(), ..pointer.clone() };
        zip_of(&[vec![kernel], (0..60_000).map(again).collect()].concat())
    });
    assert_eq!(message(&report, "overlapping-entries"), "Entries share bytes of the archive: a and 59999 more.");
    assert_eq!(report.entries.unwrap().count, 60_001);
}

#[test]
fn a_bomb_of_archives_within_archives_is_not_unpacked() {
    let report = held(|| {
        let mut inner = zip_of(&[deflated("zeros", &[0; MIB], 128 * MIB)]);
        for level in 0..3 {
            let copies: Vec<Packed> =
                (0..4).map(|copy| deflated(&format!("{level}/{copy}.zip"), &inner, inner.len())).collect();
            inner = zip_of(&copies);
        }
        inner
    });
    assert_eq!((report.format, report.entries.unwrap().count), (Format::Zip, 4));
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

#[test]
fn entries_that_overlap_by_a_byte_are_named() {
    let report = held(|| {
        let first = stored("first", &[7; 100]);
        let inside = Packed { offset: Some(30), ..stored("inside", b"") };
        zip_of(&[first, inside, stored("last", b"")])
    });
    assert_eq!(message(&report, "overlapping-entries"), "Entries share bytes of the archive: inside.");
}

#[test]
fn names_that_lead_out_of_the_folder_are_named() {
    let check = |name: &str, is_outside: bool| {
        let report = held(|| zip_of(&[stored("a/b", b"1"), stored(name, b"2")]));
        let is_named = report.findings.iter().any(|finding| {
            finding.code == "path-traversal" && finding.severity == Severity::Error && finding.message.contains(name)
        });
        assert_eq!(is_named, is_outside, "{name} {:?}", report.findings);
    };
    check("../../etc/passwd", true);
    check("a/../../b", true);
    check("/etc/passwd", true);
    check("..\\..\\windows", true);
    check("\\\\server\\share", true);
    check("C:\\windows", true);
    check("C:windows", true);
    check("a/..b/c", false);
    check("...", false);
}

#[test]
fn sizes_of_four_gibibytes_that_are_lies_are_refused_by_name() {
    let of_size = |size_bytes: u32| held(|| zip_of(&[Packed { size_bytes, ..stored(INFO, b"<plist/>") }]));
    assert_eq!(
        message(&of_size(u32::MAX - 1), "entry-too-large"),
        format!("{INFO}: 4294967294 bytes, and at most 1048576 are read")
    );
    assert_eq!(
        message(&of_size(9), "entry-size-differs"),
        format!("{INFO}: 8 bytes or more, where the archive says 9")
    );
    let report = held(|| zip_of(&[Packed { size_bytes: 100, ..deflated(INFO, &[0; MIB], 1024 * MIB) }]));
    assert_eq!(
        message(&report, "entry-size-differs"),
        format!("{INFO}: 101 bytes or more, where the archive says 100")
    );
    let report = held(|| zip_of(&[Packed { crc32: 1, ..stored(INFO, b"<plist/>") }]));
    assert_eq!(message(&report, "entry-damaged"), format!("{INFO}: its bytes differ from its CRC-32"));
}

#[test]
fn offsets_to_nowhere_are_named() {
    let report =
        held(|| zip_of(&[stored("a", b""), Packed { offset: Some(u32::MAX - 1), ..stored(INFO, b"<plist/>") }]));
    assert_eq!(message(&report, "entry-unreadable"), format!("{INFO}: no local header at byte 4294967294"));
}

#[test]
fn a_method_that_is_not_read_is_named() {
    let report = held(|| zip_of(&[Packed { method: 99, ..stored(INFO, b"<plist/>") }]));
    assert_eq!(message(&report, "entry-unreadable"), format!("{INFO}: compressed by method 99, which is not read"));
}

#[test]
fn archives_that_break_off_are_named_wherever_that_is() {
    let whole = zip_of(&[stored("a/b", b"hello"), stored("a/c", b"world")]);
    for len in 30..whole.len() {
        let report = held(|| whole[..len].to_vec());
        let message = message(&report, "zip-unreadable");
        assert!(message.starts_with("central directory: no end of central directory record"), "{len} {message}");
    }
}

/// Directories with as many entries as fit, and names that are as hard to compare as can be.
#[test]
fn a_directory_of_fifty_mebibytes_is_read_in_time() {
    let of = |entries: usize, name: &dyn Fn(usize) -> String| {
        let report = held(|| {
            let shared = |index: usize| Packed { offset: Some(0), ..stored(&name(index), b"") };
            zip_of(&[vec![stored("x", b"")], (0..entries).rev().map(shared).collect()].concat())
        });
        assert!(report.entries.as_ref().unwrap().count > 300, "{:?}", report.findings);
        report
    };
    let is_cut = |report: &Report| report.findings.iter().any(|finding| finding.code == "too-many-entries");
    assert!(is_cut(&of(500_000, &|index| format!("{index:07}"))));
    assert!(is_cut(&of(300_000, &|index| format!("META-INF/{index:032}.RSA"))));
    assert!(is_cut(&of(300_000, &|index| format!("Payload/{index:026}.app/Info.plist"))));
    assert!(is_cut(&of(500, &|index| format!("{}{index:07}", "a".repeat(65_000)))));
    let report =
        of(250_000, &|index| if index == 0 { "AndroidManifest.xml".into() } else { format!("lib/{index:032}/a.so") });
    assert_eq!(report.format, Format::Apk);
}

#[test]
fn thousands_of_bombs_are_only_begun() {
    let report = held(|| {
        let bomb = deflated("a", &[0; MIB], MIB);
        let bombs: Vec<Packed> =
            (0..6_000).map(|index| Packed { name: format!("{index}").into(), ..bomb.clone() }).collect();
        zip_of(&bombs)
    });
    assert_eq!(report.entries.unwrap().count, 6_000);
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

#[test]
fn an_end_record_that_points_at_itself_is_named() {
    let mut bytes = zip_of(&[stored("a", b"1")]);
    let end = bytes.len() - 22;
    bytes[end + 16..end + 20].copy_from_slice(&u32::try_from(end).unwrap().to_le_bytes());
    bytes[end + 12..end + 16].copy_from_slice(&u32::MAX.to_le_bytes());
    let report = held(|| bytes);
    assert_eq!(
        message(&report, "zip-unreadable"),
        format!("central directory: not at byte {end}, where its end record says")
    );
}

#[test]
fn noise_behind_the_magic_of_an_archive_is_named() {
    let report = held(|| [b"PK\x03\x04".to_vec(), Noise(7).bytes(50 * MIB, 256)].concat());
    assert!(message(&report, "zip-unreadable").contains("is the file whole?"));
}
