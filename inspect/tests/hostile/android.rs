//! Compiled XML and resource tables that lie.

use inspect::Details;

use crate::making::{deflated, message, stored, zip_of};
use crate::measure::held;

const MANIFEST: &str = "AndroidManifest.xml";
const RESOURCES: &str = "resources.arsc";
const MIB: usize = 1024 * 1024;
const NONE: u32 = u32::MAX;

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A chunk: kind, size of the header, size of all, the rest.
fn chunk(kind: u16, header_bytes: u16, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).unwrap();
    [&kind.to_le_bytes(), &header_bytes.to_le_bytes(), &size.to_le_bytes()[..], body].concat()
}

/// A pool of UTF-8 strings that claims to have `count` of them.
fn pool(count: u32, strings: &[&[u8]]) -> Vec<u8> {
    let (mut offsets, mut data) = (Vec::new(), Vec::new());
    for string in strings {
        offsets.push(u32::try_from(data.len()).unwrap());
        let length = u16::try_from(string.len()).unwrap() | 0x8000;
        data.extend([length.to_be_bytes(), length.to_be_bytes()].concat());
        data.extend_from_slice(string);
        data.push(0);
    }
    let start = 28 + 4 * u32::try_from(offsets.len()).unwrap();
    chunk(1, 28, &[words(&[count, 0, 0x100, start, 0]), words(&offsets), data].concat())
}

/// An element that begins, by the number of its name; attributes are names and values as text.
fn element(name: u32, attributes: &[[u32; 2]]) -> Vec<u8> {
    let fields = [20u16, 20, u16::try_from(attributes.len()).unwrap(), 0, 0, 0].map(u16::to_le_bytes).concat();
    let attributes: Vec<u8> =
        attributes.iter().flat_map(|[name, value]| words(&[NONE, *name, *value, 0x0300_0008, *value])).collect();
    chunk(0x102, 16, &[words(&[1, NONE, NONE, name]), fields, attributes].concat())
}

fn end() -> Vec<u8> {
    chunk(0x103, 16, &words(&[1, NONE, NONE, 0]))
}

/// A manifest of these strings, platform ids of the first of them, and elements.
fn manifest(pool: &[u8], ids: &[u32], elements: &[u8]) -> Vec<u8> {
    chunk(3, 8, &[pool, &chunk(0x180, 8, &words(ids)), elements].concat())
}

fn apk(manifest: &[u8], resources: &[u8]) -> Vec<u8> {
    zip_of(&[deflated(MANIFEST, manifest, manifest.len()), deflated(RESOURCES, resources, resources.len())])
}

fn permissions(report: &inspect::Report) -> usize {
    let Some(Details::Apk(apk)) = &report.details else { panic!("{report:?}") };
    apk.permissions.len()
}

#[test]
fn a_manifest_of_many_permissions_that_hardly_differ_is_read_in_time() {
    let report = held(|| {
        let long = |index: usize| format!("{}{index:04}", "p".repeat(4_080)).into_bytes();
        let names: Vec<Vec<u8>> = (0..999).map(long).collect();
        let mut strings: Vec<&[u8]> = vec![b"name", b"manifest", b"uses-permission", b"package", b"a.b"];
        strings.extend(names.iter().map(Vec::as_slice));
        let mut elements = element(1, &[[3, 4]]);
        let uses = |index: u32| [element(2, &[[0, 5 + index]]), end()].concat();
        (0..999).for_each(|index| elements.extend(uses(index)));
        let last = uses(998);
        (0..48_000).for_each(|_| elements.extend(&last));
        let manifest = manifest(&pool(u32::MAX, &strings), &[0x0101_0003], &elements);
        apk(&manifest, b"")
    });
    assert_eq!(permissions(&report), 999);
}

#[test]
fn a_manifest_of_as_many_elements_and_attributes_as_fit_is_read_in_time() {
    let strings: [&[u8]; 5] = [b"name", b"manifest", b"uses-feature", b"activity", &[b'n'; 30_000]];
    let of = |elements: &[u8]| held(|| apk(&manifest(&pool(5, &strings), &[0x0101_0003], elements), b""));
    let wide = element(1, &vec![[3, 4]; 60_000]);
    assert_eq!(permissions(&of(&[wide, [element(4, &[]), end()].concat().repeat(100_000)].concat())), 0);
    let features = [element(2, &vec![[3, 4]; 60]), end()].concat().repeat(11_000);
    assert_eq!(permissions(&of(&[element(1, &[]), features].concat())), 0);
}

#[test]
fn pools_of_strings_that_claim_billions_are_read_as_far_as_they_go() {
    let report = held(|| {
        let elements = element(1, &[[2, 3]]);
        let manifest = manifest(&pool(u32::MAX, &[b"name", b"manifest", b"package", b"com.acme"]), &[], &elements);
        apk(&manifest, &chunk(2, 12, &[words(&[1]), pool(u32::MAX, &[&[b'a'; 20_000][..]; 1_000])].concat()))
    });
    let Some(Details::Apk(apk)) = &report.details else { panic!("{report:?}") };
    assert_eq!(apk.package.as_deref(), Some("com.acme"));
}

/// One value of resource `0x7f01_0000` that refers to `to`.
fn reference(to: u32) -> Vec<u8> {
    let entry = [words(&[8, 0]), words(&[0x0100_0008, to])].concat();
    let config = words(&[28, 0, 0, 0, 0, 0, 0]);
    let fields = [words(&[1, 1, 20 + 28 + 4]), config, words(&[0])].concat();
    chunk(0x201, 48, &[fields, entry].concat())
}

fn table(types: &[u8]) -> Vec<u8> {
    let name = vec![0; 256 + 20];
    let package = chunk(0x200, 288, &[words(&[0x7f]), name, types.to_vec()].concat());
    chunk(2, 12, &[words(&[1]), pool(1, &[b"a"]), package].concat())
}

/// A manifest whose every value is resource `0x7f01_0000`.
fn referring() -> Vec<u8> {
    let strings: [&[u8]; 9] = [
        b"label",
        b"icon",
        b"name",
        b"versionName",
        b"versionCode",
        b"debuggable",
        b"manifest",
        b"application",
        b"package",
    ];
    let ids = [0x0101_0001, 0x0101_0002, 0x0101_0003, 0x0101_021c, 0x0101_021b, 0x0101_000f];
    let refer = |name: u32| [NONE, name, NONE, 0x0100_0008, 0x7f01_0000];
    let with = |name: u32, attributes: &[u32]| {
        let fields = [20u16, 20, u16::try_from(attributes.len()).unwrap(), 0, 0, 0].map(u16::to_le_bytes).concat();
        let attributes: Vec<u8> = attributes.iter().flat_map(|name| words(&refer(*name))).collect();
        chunk(0x102, 16, &[words(&[1, NONE, NONE, name]), fields, attributes].concat())
    };
    manifest(&pool(9, &strings), &ids, &[with(6, &[3, 4]), with(7, &[0, 1, 5])].concat())
}

#[test]
fn resources_that_refer_to_each_other_in_circles_end() {
    let report = held(|| apk(&referring(), &table(&reference(0x7f01_0000))));
    assert_eq!(message(&report, "icon-unreadable"), "The icon cannot be shown: it leads to no file.");
    let report = held(|| apk(&referring(), &table(&reference(0x7f01_0000).repeat(100_000))));
    assert_eq!(message(&report, "icon-unreadable"), "The icon cannot be shown: it leads to no file.");
}

#[test]
fn a_table_of_as_many_chunks_as_fit_is_read_in_time() {
    let report = held(|| {
        let noise = chunk(0x200, 8, b"").repeat(MIB / 4);
        let table = [table(&reference(0x7f01_0000)), noise].concat();
        let size = u32::try_from(table.len()).unwrap().to_le_bytes();
        apk(&referring(), &[&table[..4], &size, &table[8..]].concat())
    });
    message(&report, "icon-unreadable");
}

#[test]
fn what_is_no_table_or_manifest_is_named() {
    let report = held(|| apk(b"<manifest/>", b""));
    assert_eq!(message(&report, "manifest-unreadable"), "AndroidManifest.xml: not compiled XML");
    let report = held(|| apk(&referring(), b"nothing"));
    assert_eq!(message(&report, "resources-unreadable"), "resources.arsc: not a resource table");
    let report = held(|| zip_of(&[stored(MANIFEST, &referring()), deflated(RESOURCES, &[0; MIB], 100 * MIB)]));
    assert_eq!(
        message(&report, "resources-unreadable"),
        "resources.arsc: 104857600 bytes, and at most 25165824 are read"
    );
}

/// The block that an APK's signatures are in, with these pairs.
fn signing_block(pairs: &[u8], size: Option<u64>) -> Vec<u8> {
    let size = size.unwrap_or(pairs.len() as u64 + 24).to_le_bytes();
    [&size, pairs, &size, b"APK Sig Block 42"].concat()
}

fn with_block(block: &[u8]) -> Vec<u8> {
    let bytes = apk(&referring(), b"");
    let end = bytes.len() - 22;
    let at = usize::try_from(u32::from_le_bytes(bytes[end + 16..end + 20].try_into().unwrap())).unwrap();
    let mut whole = [&bytes[..at], block, &bytes[at..]].concat();
    let offset = u32::try_from(at + block.len()).unwrap().to_le_bytes();
    let end = whole.len() - 22;
    whole[end + 16..end + 20].copy_from_slice(&offset);
    whole
}

#[test]
fn signing_blocks_that_lie_are_named() {
    let report = held(|| with_block(&signing_block(b"", Some(u64::MAX - 20))));
    assert_eq!(
        message(&report, "signing-block-unreadable"),
        "The APK Signing Block cannot be read: its size is larger than what lies before it."
    );
    let pair = |len: u64, id: u32, value: &[u8]| [&len.to_le_bytes()[..], &id.to_le_bytes(), value].concat();
    let report = held(|| with_block(&signing_block(&pair(u64::MAX, 0x7109_871a, b""), None)));
    message(&report, "unsigned");
    let report = held(|| with_block(&signing_block(&pair(8, 0x7109_871a, &[0xff; 4]), None)));
    assert_eq!(message(&report, "signing-block-unreadable"), "The v2 signature is damaged.");
    let report = held(|| with_block(&signing_block(&pair(4, 0x7777_7777, b"").repeat(400_000), None)));
    message(&report, "unsigned");
}
