//! What is on disk images: real file systems packed in every way, and hostile ones.

use std::io::Read;

use inspect::apple::{MacApp, SignatureState};
use inspect::{Limits, Report, inspect};
use plist::{Dictionary, Value};

use crate::making::{codes, dmg, report};

/// An image that `tests/data/make.py` made.
pub(crate) fn made(name: &str) -> Vec<u8> {
    std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)).unwrap()
}

fn u64_at(bytes: &[u8], at: usize) -> usize {
    usize::try_from(u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap())).unwrap()
}

/// The disk in an image with one partition that is packed by zlib.
fn unpacked(name: &str) -> Vec<u8> {
    let image = made(name);
    let koly = &image[image.len() - 512..];
    let (at, len) = (u64_at(koly, 216), u64_at(koly, 224));
    let list = Value::from_reader_xml(&image[at..at + len]).unwrap();
    let blocks = list.as_dictionary().unwrap()["resource-fork"].as_dictionary().unwrap()["blkx"].as_array().unwrap();
    let map = blocks[0].as_dictionary().unwrap()["Data"].as_data().unwrap();
    let mut disk = vec![0; u64_at(map, 16) * 512];
    for run in map[204..].chunks_exact(40).filter(|run| run[..4] == 0x8000_0005u32.to_be_bytes()) {
        let start = u64_at(run, 8) * 512;
        let packed = &image[u64_at(run, 24)..][..u64_at(run, 32)];
        flate2::read::ZlibDecoder::new(packed).read_exact(&mut disk[start..start + u64_at(run, 16) * 512]).unwrap();
    }
    disk
}

/// An image with one partition, cut into runs of `run_bytes` bytes that are kept as `kind` and `pack` say.
fn image(disk: &[u8], kind: u32, run_bytes: usize, pack: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let wide = |number: usize| (number as u64).to_be_bytes();
    let (mut data, mut map) = (Vec::new(), [b"mish\0\0\0\x01".as_slice(), &[0; 8], &wide(disk.len() / 512)].concat());
    map.resize(204, 0);
    for (index, piece) in disk.chunks(run_bytes).enumerate() {
        let packed = pack(piece);
        let numbers = [index * run_bytes / 512, piece.len() / 512, data.len(), packed.len()];
        map.extend(kind.to_be_bytes());
        map.extend([0; 4]);
        map.extend(numbers.map(wide).concat());
        data.extend(packed);
    }
    let block: Dictionary =
        [("Name".to_owned(), "disk".into()), ("Data".to_owned(), Value::Data(map))].into_iter().collect();
    let fork: Dictionary = [("blkx".to_owned(), Value::Array(vec![Value::from(block)]))].into_iter().collect();
    let list: Dictionary = [("resource-fork".to_owned(), Value::from(fork))].into_iter().collect();
    let mut listed = Vec::new();
    Value::from(list).to_writer_xml(&mut listed).unwrap();
    let mut koly = b"koly".to_vec();
    koly.resize(512, 0);
    koly[216..224].copy_from_slice(&wide(data.len()));
    koly[224..232].copy_from_slice(&wide(listed.len()));
    koly[492..500].copy_from_slice(&wide(disk.len() / 512));
    [data, listed, koly].concat()
}

/// The disk as it is.
fn raw(disk: &[u8]) -> Vec<u8> {
    image(disk, 1, disk.len(), <[u8]>::to_vec)
}

fn app(report: &Report) -> &MacApp {
    dmg(report).app.as_ref().unwrap_or_else(|| panic!("{:?}", report.findings))
}

/// Whether everything that `make.py` says of its app is told.
fn check_app(image: &[u8], file_system: &str) {
    let report = report(image);
    let app = app(&report);
    assert_eq!(dmg(&report).file_system.as_deref(), Some(file_system));
    assert_eq!((app.app.as_str(), app.bundle_id.as_deref()), ("Acme.app", Some("com.acme.app")));
    assert_eq!((app.short_version.as_deref(), app.build.as_deref()), (Some("2.4"), Some("210")));
    assert_eq!((app.minimum_macos.as_deref(), app.architectures.join(" ").as_str()), (Some("11.0"), "aarch64"));
    assert_eq!((app.signature.state, app.signature.hardened_runtime), (SignatureState::Signed, true));
    assert_eq!((app.signature.team_id.as_deref(), app.stapled), (Some("ABCDE12345"), true));
    let icon = report.icon.as_ref().unwrap();
    assert_eq!((icon.path.as_str(), icon.width), ("Acme.app/Contents/Resources/Acme.icns", 128));
    assert_eq!(codes(&report), ["unsigned"], "of the image itself");
}

#[test]
fn the_app_on_a_disk_is_read_whatever_packs_it() {
    check_app(&made("hfs-zlib.dmg"), "hfs+");
    check_app(&made("hfs-bzip2.dmg"), "hfs+");
    check_app(&made("hfs-lzma.dmg"), "hfs+");
    check_app(&made("apfs-zlib.dmg"), "apfs");
    let disk = unpacked("hfs-zlib.dmg");
    check_app(&raw(&disk), "hfs+");
    let lzfse = |piece: &[u8]| {
        let mut packed = Vec::new();
        lzfse_rust::encode_bytes(piece, &mut packed).unwrap();
        packed
    };
    check_app(&image(&disk, 0x8000_0007, 128 * 1024, lzfse), "hfs+");
    let literals = |piece: &[u8]| piece.chunks(128).flat_map(|part| [&[0xff], part].concat()).collect();
    check_app(&image(&disk, 0x8000_0004, 4096, literals), "hfs+");
}

#[test]
fn disks_without_an_app_say_so() {
    let check = |image: &[u8], file_system: Option<&str>, findings: &[&str]| {
        let report = report(image);
        assert_eq!(dmg(&report).file_system.as_deref(), file_system);
        assert_eq!((dmg(&report).app.as_ref(), codes(&report).as_slice()), (None, findings));
    };
    check(&raw(&[0; 4096]), None, &["unsigned", "file-system-unknown"]);
    let mut other = unpacked("hfs-zlib.dmg");
    replace(&mut other, &utf16("Acme.app"), &utf16("Acme.bin"));
    check(&raw(&other), Some("hfs+"), &["unsigned", "no-app"]);
    let mut unreadable = unpacked("hfs-zlib.dmg");
    replace(&mut unreadable, b"<plist", b"<klist");
    check(&raw(&unreadable), Some("hfs+"), &["unsigned", "info-plist-unreadable"]);
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// Puts other bytes at every place of some; there has to be one.
fn replace(disk: &mut [u8], from: &[u8], to: &[u8]) {
    let places: Vec<usize> = (0..=disk.len() - from.len()).filter(|at| disk[*at..].starts_with(from)).collect();
    assert!(!places.is_empty() && from.len() == to.len());
    for at in places {
        disk[at..at + to.len()].copy_from_slice(to);
    }
}

/// Where the HFS+ catalog begins, and the size of its nodes.
fn catalog(disk: &[u8]) -> (usize, usize) {
    let word = |at: usize| u32::from_be_bytes(disk[at..at + 4].try_into().unwrap()) as usize;
    let start = word(1024 + 272 + 16) * word(1024 + 40);
    (start, usize::from(u16::from_be_bytes([disk[start + 32], disk[start + 33]])))
}

/// Places of the nodes of the HFS+ catalog that are of a kind: 0xff for leaves, 0 for what leads to them.
fn catalog_nodes(disk: &[u8], kind: u8) -> Vec<usize> {
    let (start, node_bytes) = catalog(disk);
    let nodes = u32::from_be_bytes(disk[start + 36..start + 40].try_into().unwrap()) as usize;
    let nodes = (1..nodes).map(|number| start + number * node_bytes);
    nodes.filter(|at| disk[at + 8] == kind && disk[at + 10..at + 12] != [0, 0]).collect()
}

#[test]
fn trees_of_hfs_plus_that_lead_in_circles_end() {
    let whole = unpacked("hfs-zlib.dmg");
    let mut circle = whole.clone();
    let leaves = catalog_nodes(&whole, 0xff);
    assert!(leaves.len() > 2 && catalog_nodes(&whole, 0).len() == 1, "a tree of two levels");
    for at in &leaves {
        let first = whole[leaves[1]..leaves[1] + 4].to_vec();
        circle[*at..at + 4].copy_from_slice(&first);
    }
    assert!(dmg(&report(&raw(&circle))).file_system.is_some());
    // Every child of the root is the root.
    let index = catalog_nodes(&whole, 0)[0];
    let (start, node_bytes) = catalog(&whole);
    let number = u32::try_from((index - start) / node_bytes).unwrap().to_be_bytes();
    let half = |at: usize| usize::from(u16::from_be_bytes([whole[at], whole[at + 1]]));
    let mut loops = whole.clone();
    for record in 1..=half(index + 10) {
        let at = index + half(index + node_bytes - 2 * record);
        let data = at + (2 + half(at)).next_multiple_of(2);
        loops[data..data + 4].copy_from_slice(&number);
    }
    assert_eq!(codes(&report(&raw(&loops))), ["unsigned", "file-system-unreadable"]);
}

#[test]
fn a_tree_of_apfs_that_leads_to_itself_ends() {
    let mut disk = unpacked("apfs-zlib.dmg");
    // The object map of the volume: its values say in which block an object is, from the back of block 7.
    let values = 8 * 4096 - 40;
    let count = usize::from(disk[7 * 4096 + 36]);
    for index in 1..=count {
        disk[values - 16 * index + 8] = 10;
    }
    assert_eq!(codes(&report(&raw(&disk))), ["unsigned", "file-system-unreadable"]);
}

#[test]
fn sizes_that_lie_are_named() {
    let check = |name: &str, at: usize, bytes: &[u8], findings: &[&str]| {
        let mut disk = unpacked(name);
        disk[at..at + bytes.len()].copy_from_slice(bytes);
        assert_eq!(codes(&report(&raw(&disk))), findings, "{name} at {at}");
    };
    let unreadable = ["unsigned", "file-system-unreadable"];
    let header = 1024;
    check("hfs-zlib.dmg", header + 40, &[0xff; 4], &unreadable);
    check("hfs-zlib.dmg", header + 40, &[0; 4], &unreadable);
    check("hfs-zlib.dmg", header + 272 + 16, &[0xff; 8], &unreadable);
    check("apfs-zlib.dmg", 36, &[0xff; 4], &unreadable);
    check("apfs-zlib.dmg", 36, &[0; 4], &unreadable);
    check("apfs-zlib.dmg", 160, &[0xff; 8], &unreadable);
    check("apfs-zlib.dmg", 8 * 4096 + 128, &[0xff; 8], &unreadable);
    check("apfs-zlib.dmg", 8 * 4096 + 264, &[0; 8], &unreadable);
    check("apfs-zlib.dmg", 10 * 4096 + 36, &[0xff; 4], &["unsigned"]);
}

#[test]
fn runs_that_lie_are_named() {
    let disk = unpacked("hfs-zlib.dmg");
    let pack = |piece: &[u8]| {
        let mut packed = Vec::new();
        flate2::read::ZlibEncoder::new(piece, flate2::Compression::fast()).read_to_end(&mut packed).unwrap();
        packed
    };
    let unreadable = ["unsigned", "file-system-unknown"];
    assert_eq!(
        codes(&report(&image(&disk, 0x8000_0005, 1 << 26, |piece| [piece.to_vec(), vec![0; 5 << 20]].concat()))),
        unreadable
    );
    assert_eq!(codes(&report(&image(&disk, 0x8000_0005, 65_536, |piece| pack(&piece[..512])))), unreadable);
    assert_eq!(codes(&report(&image(&disk, 0x8000_0006, 65_536, pack))), unreadable);
    assert_eq!(codes(&report(&image(&disk, 0x8000_0007, 65_536, pack))), unreadable);
    assert_eq!(codes(&report(&image(&disk, 0x8000_0008, 65_536, pack))), unreadable);
    assert_eq!(codes(&report(&image(&disk, 0x7fff_fffe, 65_536, pack))), unreadable);
}

#[test]
fn more_than_the_limit_is_not_unpacked() {
    let image = made("hfs-zlib.dmg");
    let limits = Limits { total_bytes: 100_000, ..Limits::default() };
    let report = inspect(std::io::Cursor::new(&image), image.len() as u64, &limits).unwrap();
    assert_eq!(codes(&report), ["unsigned", "entry-unreadable"]);
}

/// Flips bits where file systems say where things are.
#[test]
fn damaged_file_systems_get_a_report() {
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    for name in ["hfs-zlib.dmg", "apfs-zlib.dmg"] {
        let whole = unpacked(name);
        let used: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] != 0).collect();
        for _ in 0..80 {
            let mut disk = whole.clone();
            for _ in 0..=next(40) {
                disk[used[next(used.len())]] ^= 1 << next(8);
            }
            report(&raw(&disk));
        }
        for len in (512..whole.len()).step_by(whole.len() / 16 / 512 * 512) {
            report(&raw(&whole[..len]));
        }
        let packed = made(name);
        for _ in 0..40 {
            let mut flipped = packed.clone();
            flipped[next(packed.len())] ^= 1 << next(8);
            report(&flipped);
        }
    }
}
