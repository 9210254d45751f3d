//! macOS disk images.
//!
//! The trailer `koly` and the block maps `mish` are documented by nobody but their readers (`dmg2img`, `libdmg-hfsplus`,
//! 7-Zip's `DmgHandler.cpp`), which agree. All numbers are big-endian.

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use plist::Value;
use serde::{Deserialize, Serialize};

use crate::apple::{Signature, SignatureState, parse_plist, parse_superblob};
use crate::input::Input;
use crate::notes::{Notes, Unreadable};

const KOLY_LEN: usize = 512;
const SECTOR_BYTES: u64 = 512;
/// `mish` begins with a header of this size; runs of 40 bytes follow.
const MISH_LEN: usize = 204;
const RUN_LEN: usize = 40;
/// A signature of a disk image is some ten kilobytes.
const SIGNATURE_BYTES: u64 = 4 * 1024 * 1024;
/// The list has some 60 bytes for each run of half a megabyte.
const LIST_BYTES: u64 = 8 * 1024 * 1024;
/// The partitions that are listed; an image has less than ten.
const PARTITIONS: usize = 128;

/// What a disk image says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dmg {
    /// Whether it takes a password; then nothing else is known.
    pub encrypted: bool,
    /// How its blocks are kept, each way once: `zlib`, `bzip2`, `lzfse`, `lzma`, `adc`, `none`.
    pub compression: Vec<String>,
    /// Its partitions, in the order of the disk.
    pub partitions: Vec<Partition>,
    /// Size of the disk in bytes, uncompressed.
    pub disk_bytes: Option<u64>,
    /// The code signature of the image itself.
    pub signature: Signature,
    /// Whether a notarization ticket is stapled to it.
    pub stapled: bool,
}

/// One partition of a disk image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// Its name as the image has it: `disk image (Apple_APFS : 4)`.
    pub name: String,
    /// Its size in bytes, uncompressed.
    pub size_bytes: u64,
}

pub(crate) fn read<R: Read + Seek>(input: &mut Input<R>, notes: &mut Notes<'_>) -> Result<Dmg, Unreadable> {
    let unreadable = |why| Unreadable::new("dmg-unreadable", "disk image", why);
    if input.read_at(0, 8).map_err(|error| unreadable(error.to_string()))? == b"encrcdsa" {
        notes.warning("encrypted", "The disk image takes a password: nothing in it can be read.");
        return Ok(Dmg { encrypted: true, ..empty() });
    }
    let koly = read_koly(input).map_err(unreadable)?;
    let mut dmg = Dmg { disk_bytes: koly.sectors.checked_mul(SECTOR_BYTES), ..empty() };
    match read_block_maps(input, &koly) {
        Ok(maps) => describe(&mut dmg, &maps, notes.limits.text_bytes),
        Err(why) => notes.error("block-maps-unreadable", format!("The image's block maps cannot be read: {why}.")),
    }
    read_signature(input, &koly, &mut dmg, notes);
    report_signature(&dmg, notes);
    Ok(dmg)
}

fn empty() -> Dmg {
    Dmg {
        encrypted: false,
        compression: Vec::new(),
        partitions: Vec::new(),
        disk_bytes: None,
        signature: Signature::default(),
        stapled: false,
    }
}

/// What of the trailer is needed. Offsets count from the beginning of the file.
#[derive(Debug)]
struct Koly {
    list_offset: u64,
    list_bytes: u64,
    signature_offset: u64,
    signature_bytes: u64,
    sectors: u64,
}

fn read_koly<R: Read + Seek>(input: &mut Input<R>) -> Result<Koly, String> {
    let offset = input.len().checked_sub(KOLY_LEN as u64).ok_or("shorter than its trailer")?;
    let bytes = input.read_at(offset, KOLY_LEN).map_err(|error| error.to_string())?;
    if bytes.len() < KOLY_LEN || !bytes.starts_with(b"koly") {
        return Err("no trailer at its end; is the file whole?".to_owned());
    }
    let word = |at| u64_at(&bytes, at).unwrap_or(0);
    Ok(Koly {
        list_offset: word(216),
        list_bytes: word(224),
        signature_offset: word(296),
        signature_bytes: word(304),
        sectors: word(492),
    })
}

/// The `blkx` entries of the resource list: name and block map.
fn read_block_maps<R: Read + Seek>(input: &mut Input<R>, koly: &Koly) -> Result<Vec<(String, Vec<u8>)>, String> {
    let len = usize::try_from(koly.list_bytes.min(LIST_BYTES)).unwrap_or(0);
    let bytes = input.read_at(koly.list_offset, len).map_err(|error| error.to_string())?;
    let mut list = parse_plist(&bytes)?;
    let blocks = list.get_mut("resource-fork").and_then(Value::as_dictionary_mut);
    let blocks = blocks.and_then(|fork| fork.remove("blkx")).and_then(Value::into_array).ok_or("it has none")?;
    let map = |block: Value| {
        let mut block = block.into_dictionary()?;
        let name = block.get("Name").or_else(|| block.get("CFName")).and_then(Value::as_string);
        let name = name.unwrap_or_default().trim().to_owned();
        Some((name, block.remove("Data")?.into_data()?))
    };
    Ok(blocks.into_iter().take(PARTITIONS).filter_map(map).collect())
}

fn describe(dmg: &mut Dmg, maps: &[(String, Vec<u8>)], text_bytes: usize) {
    let mut compression = BTreeSet::new();
    for (name, map) in maps.iter().filter(|(_, map)| map.starts_with(b"mish")) {
        let sectors = u64_at(map, 16).unwrap_or(0);
        let name = name[..name.floor_char_boundary(text_bytes)].to_owned();
        dmg.partitions.push(Partition { name, size_bytes: sectors.saturating_mul(SECTOR_BYTES) });
        let runs = map.get(MISH_LEN..).unwrap_or_default().chunks_exact(RUN_LEN);
        compression.extend(runs.filter_map(|run| name_run(u32_at(run, 0)?)));
    }
    dmg.compression = compression.into_iter().map(ToOwned::to_owned).collect();
}

/// How the blocks of a run are kept. Runs of zeros, comments and the end mark hold none.
fn name_run(kind: u32) -> Option<&'static str> {
    match kind {
        1 => Some("none"),
        0x8000_0004 => Some("adc"),
        0x8000_0005 => Some("zlib"),
        0x8000_0006 => Some("bzip2"),
        0x8000_0007 => Some("lzfse"),
        0x8000_0008 => Some("lzma"),
        _ => None,
    }
}

/// A superblob that the trailer points to; the ticket is one of its slots.
fn read_signature<R: Read + Seek>(input: &mut Input<R>, koly: &Koly, dmg: &mut Dmg, notes: &mut Notes<'_>) {
    if koly.signature_bytes == 0 {
        return;
    }
    let len = usize::try_from(koly.signature_bytes.min(SIGNATURE_BYTES)).unwrap_or(0);
    let bytes = input.read_at(koly.signature_offset, len).map_err(|error| error.to_string());
    match bytes.and_then(|bytes| parse_superblob(&bytes, notes.limits)) {
        Ok(superblob) => {
            dmg.signature = superblob.signature;
            dmg.stapled = superblob.has_ticket;
        }
        Err(why) => notes.warning("signature-unreadable", format!("The image's signature cannot be read: {why}.")),
    }
}

/// An image need not be signed: macOS judges the app that is copied out of it.
fn report_signature(dmg: &Dmg, notes: &mut Notes<'_>) {
    match dmg.signature.state {
        SignatureState::Signed if !dmg.stapled => {
            notes.warning("no-ticket", "No notarization ticket is stapled: macOS has to ask Apple before it opens it.");
        }
        SignatureState::Signed => {}
        _ => notes.info("unsigned", "The image itself is not signed; what counts is the app inside."),
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).map(|raw| u32::from_be_bytes([raw[0], raw[1], raw[2], raw[3]]))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from(u32_at(bytes, at)?) << 32 | u64::from(u32_at(bytes, at + 4)?))
}
