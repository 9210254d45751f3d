//! Property lists, archives and images of Apple's that lie.

use std::io::Write;

use inspect::Report;

use crate::making::{deflated, fixture, message, stored, zip_of};
use crate::measure::held;

const INFO: &str = "Payload/A.app/Info.plist";
const MIB: usize = 1024 * 1024;

fn ipa(info: &[u8]) -> Report {
    held(|| zip_of(&[stored(INFO, info)]))
}

/// A binary list of these objects, the first of which is the root.
fn binary_list(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"bplist00".to_vec();
    let mut offsets = Vec::new();
    for object in objects {
        offsets.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(object);
    }
    let table = bytes.len() as u64;
    bytes.extend(offsets);
    bytes.extend([0, 0, 0, 0, 0, 0, 4, 1]);
    bytes.extend([objects.len() as u64, 0, table].map(u64::to_be_bytes).concat());
    bytes
}

#[test]
fn lists_that_go_in_circles_are_refused_by_name() {
    let too_much = format!("{INFO}: a property list of more values or levels than are read");
    // A dictionary whose value is itself, and one whose key is.
    let key = vec![0x51, b'a'];
    assert_eq!(message(&ipa(&binary_list(&[vec![0xd1, 1, 0], key.clone()])), "info-plist-unreadable"), too_much);
    assert_eq!(message(&ipa(&binary_list(&[vec![0xd1, 0, 1], key])), "info-plist-unreadable"), too_much);
    // Two arrays that hold each other twice.
    let rings = [vec![0xa2, 1, 1], vec![0xa2, 0, 0]];
    assert_eq!(message(&ipa(&binary_list(&rings)), "info-plist-unreadable"), too_much);
    // Sixteen levels, each of which holds the next 200 times.
    let levels: Vec<Vec<u8>> = (1..=16).map(|next| [vec![0xaf, 0x10, 200], vec![next; 200]].concat()).collect();
    assert_eq!(message(&ipa(&binary_list(&levels)), "info-plist-unreadable"), too_much);
}

#[test]
fn lists_whose_numbers_are_lies_are_refused_by_name() {
    for (marker, len) in [(0x5f, 0x13), (0x6f, 0x13), (0x4f, 0x13), (0xaf, 0x13), (0xdf, 0x13), (0x5f, 0x10)] {
        let list = binary_list(&[vec![0xd1, 1, 2], [vec![marker, len], vec![0xff; 8]].concat(), vec![0x51, b'a']]);
        let report = ipa(&list);
        assert!(message(&report, "info-plist-unreadable").starts_with(INFO), "{marker:x} {report:?}");
    }
    for at in 1..=32 {
        let mut list = binary_list(&[vec![0xd1, 1, 2], vec![0x51, b'a'], vec![0x51, b'b']]);
        let place = list.len() - at;
        list[place] = 0xff;
        ipa(&list);
    }
}

#[test]
fn lists_of_as_much_as_fits_are_read_in_time() {
    let text = |inside: &str| format!("<?xml version='1.0'?><plist version='1.0'><dict>{inside}</dict></plist>");
    ipa(text(&"<key>a</key><true/>".repeat(50_000)).as_bytes());
    ipa(text(&(0..40_000).map(|index| format!("<key>{index}</key><true/>")).collect::<String>()).as_bytes());
    ipa(text(&format!("<key>a</key><array>{}</array>", "<real/>".repeat(140_000))).as_bytes());
    ipa(text(&format!("<key>a</key>{}", "<array>".repeat(140_000))).as_bytes());
    ipa(&binary_list(&[
        [vec![0xaf, 0x12, 0, 1, 0x7f, 0xff], vec![1; 0x17fff]].concat(),
        [vec![0x5f, 0x11, 0, 150], vec![b'a'; 150]].concat(),
    ]));
}

#[test]
fn a_list_that_laughs_a_billion_times_is_not_unfolded() {
    let report =
        ipa(laughs("<plist version='1.0'><dict><key>CFBundleIdentifier</key><string>&b9;</string></dict></plist>")
            .as_bytes());
    message(&report, "bundle-id-missing");
}

fn laughs(body: &str) -> String {
    let mut text = "<?xml version=\"1.0\"?><!DOCTYPE p [<!ENTITY b0 \"ha\">".to_owned();
    for level in 1..10 {
        text += &format!("<!ENTITY b{level} \"{}\">", format!("&b{};", level - 1).repeat(100));
    }
    text + "]>" + body
}

fn xar(table: &[u8], heap: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(table).unwrap();
    let packed = encoder.finish().unwrap();
    let sizes = [packed.len() as u64, table.len() as u64].map(u64::to_be_bytes).concat();
    [b"xar!\0\x1c\0\x01".to_vec(), sizes, vec![0; 4], packed, heap.to_vec()].concat()
}

#[test]
fn a_table_of_contents_that_laughs_or_nests_is_not_unfolded() {
    let report = held(|| xar(laughs("<xar><toc><file><name>&b9;</name></file></toc></xar>").as_bytes(), b""));
    assert_eq!(report.entries.unwrap().listed[0].path, "");
    let report = held(|| xar(format!("<xar><toc>{}", "<file>".repeat(100_000)).as_bytes(), b""));
    assert_eq!(
        message(&report, "pkg-unreadable"),
        "package: its table of contents: more elements or levels than are read"
    );
    let report = held(|| xar(&vec![b' '; 100 * MIB], b""));
    assert_eq!(message(&report, "pkg-unreadable"), "package: more than 8388608 bytes");
}

#[test]
fn a_table_of_contents_of_as_much_as_fits_is_read_in_time() {
    let info = "<file><name>PackageInfo</name><data><offset>0</offset><length>99999999</length><encoding style='application/x-gzip'/></data></file>";
    let report = held(|| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&b"<a/>".repeat(262_000)).unwrap();
        xar(format!("<xar><toc>{}</toc></xar>", info.repeat(11_000)).as_bytes(), &encoder.finish().unwrap())
    });
    assert_eq!(report.entries.unwrap().count, 10_000);
    let wide = "<a b='c' d='e' f='g' h='i'/>".repeat(200_000);
    held(|| xar(format!("<xar><toc>{wide}</toc></xar>").as_bytes(), b""));
    let attributes: String = (0..400_000).map(|index| format!(" a{index}='b'")).collect();
    held(|| xar(format!("<xar><toc{attributes}></toc></xar>").as_bytes(), b""));
    let names = format!("<file><name>{}</name><type>directory</type>", "a".repeat(100_000)).repeat(30);
    held(|| xar(format!("<xar><toc>{names}{}</toc></xar>", "</file>".repeat(30)).as_bytes(), b""));
    let certificates = "<X509Certificate>MIIB</X509Certificate>".repeat(40_000);
    held(|| {
        xar(
            format!(
                "<xar><toc><signature><KeyInfo><X509Data>{certificates}</X509Data></KeyInfo></signature></toc></xar>"
            )
            .as_bytes(),
            b"",
        )
    });
}

#[test]
fn trailers_of_images_that_point_to_nowhere_are_named() {
    let whole = fixture("dmgwiz-zlib.dmg");
    let koly = whole.len() - 512;
    let with = |at: usize, value: u64| {
        let mut bytes = whole.clone();
        bytes[koly + at..koly + at + 8].copy_from_slice(&value.to_be_bytes());
        held(|| bytes)
    };
    for (at, value) in [(216, u64::MAX), (216, u64::MAX / 2), (224, 0), (216, 1 << 40)] {
        let report = with(at, value);
        assert!(
            message(&report, "block-maps-unreadable").starts_with("The image's block maps cannot be read"),
            "{report:?}"
        );
    }
    for value in [u64::MAX, u64::MAX / 2, 1 << 40] {
        with(224, value);
        with(304, value);
        with(296, value);
        with(492, value);
    }
}

#[test]
fn an_image_whose_list_is_as_large_as_it_may_be_is_read_in_time() {
    let held_list = |list: Vec<u8>| {
        held(|| {
            let mut koly = vec![0; 512];
            koly[..4].copy_from_slice(b"koly");
            koly[224..232].copy_from_slice(&(list.len() as u64).to_be_bytes());
            [list, koly].concat()
        })
    };
    let block = format!(
        "<dict><key>Name</key><string>a</string><key>Data</key><data>{}</data></dict>",
        "bWlzaAAA".repeat(8_000)
    );
    let text = |blocks: &str| {
        format!("<plist version='1.0'><dict><key>resource-fork</key><dict><key>blkx</key><array>{blocks}</array></dict></dict></plist>").into_bytes()
    };
    held_list(text(&block.repeat(120)));
    held_list(text(&"<dict><key>a</key><string>b</string></dict>".repeat(24_000)));
    held_list(text(&format!("<data>{}</data>", "AAAA".repeat(2 * MIB - 100))));
    // Data of 80 KiB that 200 blocks share.
    let data = [vec![0x4f, 0x12, 0, 1, 0x40, 0], vec![0; 0x1_4000]].concat();
    let dict = vec![0xd1, 4, 5];
    let objects = [
        vec![0xd1, 1, 2],
        [vec![0x5d], b"resource-fork".to_vec()].concat(),
        vec![0xd1, 3, 6],
        [vec![0x54], b"blkx".to_vec()].concat(),
        [vec![0x54], b"Data".to_vec()].concat(),
        data,
        [vec![0xaf, 0x10, 200], vec![7; 200]].concat(),
        dict,
    ];
    let report = held_list(binary_list(&objects));
    assert!(report.details.is_some(), "{report:?}");
}

/// An archive with an app whose executable is `code`, `size_bytes` bytes of it.
fn app(code: &[u8], size_bytes: usize) -> Report {
    let info = b"<plist version='1.0'><dict><key>CFBundleExecutable</key><string>A</string></dict></plist>";
    held(|| zip_of(&[stored(INFO, info), deflated("Payload/A.app/A", code, size_bytes)]))
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn executables_that_claim_a_signature_far_away_are_read_in_time() {
    let place = |offset: u32, size: u32| {
        [words(&[0xfeed_facf, 0x0100_000c, 0, 2, 1, 16, 0, 0, 0x1d, 16, offset, size]), vec![0; MIB]].concat()
    };
    let report = app(&place(u32::MAX, 64), 2000 * MIB);
    assert!(message(&report, "signature-unreadable").starts_with("Payload/A.app/A: "), "{report:?}");
    let report = app(&place(0, 64), 10 * MIB);
    assert_eq!(message(&report, "signature-unreadable"), "Payload/A.app/A: a code signature inside the load commands.");
    let report = app(&place(100, u32::MAX), 10 * MIB);
    assert_eq!(message(&report, "signature-unreadable"), "Payload/A.app/A: a code signature of 4294967295 bytes.");
}

#[test]
fn executables_of_as_many_commands_and_slices_as_fit_are_read_in_time() {
    let commands = words(&[0x32, 8]).repeat(32 * 1024);
    app(&[words(&[0xfeed_facf, 0x0100_000c, 0, 2, u32::MAX, 256 * 1024, 0, 0]), commands].concat(), MIB);
    let report = app(&words(&[0xfeed_facf, 7, 0, 2, u32::MAX, u32::MAX, 0, 0]), 32);
    assert_eq!(message(&report, "executable-unreadable"), "Payload/A.app/A: load commands of 4294967295 bytes.");
    let report = app(&[0xca, 0xfe, 0xba, 0xbe, 0xff, 0xff, 0xff, 0xff], 8);
    assert_eq!(
        message(&report, "executable-unreadable"),
        "Payload/A.app/A: a universal file for 4294967295 processors."
    );
}

#[test]
fn pictures_that_claim_to_be_large_are_named() {
    let png = |width: u32, height: u32, kind: &[u8]| {
        let header = [width.to_be_bytes(), height.to_be_bytes()].concat();
        let chunk = |kind: &[u8], data: &[u8]| {
            [&u32::try_from(data.len()).unwrap().to_be_bytes(), kind, data, &[0; 4]].concat()
        };
        let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(&vec![0; 20 * MIB]).unwrap();
        let data = packed.finish().unwrap();
        [
            b"\x89PNG\r\n\x1a\n".to_vec(),
            chunk(kind, &[0; 4]),
            chunk(b"IHDR", &[header, vec![8, 6, 0, 0, 0]].concat()),
            chunk(b"IDAT", &data),
        ]
        .concat()
    };
    let with_icon = |icon: Vec<u8>| {
        let info = b"<plist version='1.0'><dict><key>CFBundleIconFile</key><string>Icon</string></dict></plist>";
        held(|| zip_of(&[stored(INFO, info), stored("Payload/A.app/Icon.png", &icon)]))
    };
    let report = with_icon(png(u32::MAX, 1, b"CgBI"));
    assert_eq!(
        message(&report, "icon-unreadable"),
        "The icon Payload/A.app/Icon.png cannot be shown: a picture of 4294967295×1 pixels."
    );
    let report = with_icon(png(2_048, 2_048, b"CgBI"));
    assert_eq!(report.icon.map(|icon| (icon.width, icon.height)), Some((2_048, 2_048)));
    let report = with_icon(png(2_048, 2_049, b"abcd"));
    message(&report, "icon-unreadable");
}
