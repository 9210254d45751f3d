//! macOS disk images.
//!
//! The trailer `koly` and the block maps `mish` are documented by nobody but their readers (`dmg2img`, `libdmg-hfsplus`,
//! 7-Zip's `DmgHandler.cpp`), which agree. All numbers are big-endian.

mod adc;
mod disk;
mod koly;
mod volumes;

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use serde::{Deserialize, Serialize};

use self::disk::{Disk, Packing};
use self::koly::{Koly, SECTOR_BYTES, read_block_maps, read_koly, runs, u32_at, u64_at};
use crate::apple::{MacApp, Signature, SignatureState, parse_superblob};
use crate::input::Input;
use crate::notes::{Notes, Unreadable};

/// A signature of a disk image is some ten kilobytes.
const SIGNATURE_BYTES: u64 = 4 * 1024 * 1024;

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
    /// The file system that was read: `hfs+`, `apfs`, `fat`. Absent where none could be.
    pub file_system: Option<String>,
    /// The app inside, where there is one.
    pub app: Option<MacApp>,
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
    read_signature(input, &koly, &mut dmg, notes);
    report_signature(&dmg, notes);
    match read_block_maps(input, &koly) {
        Ok(maps) => {
            describe(&mut dmg, &maps, notes.limits.text_bytes);
            let places = volumes::places(&maps);
            let mut disk = Disk::new(input, &koly, &maps);
            drop(maps);
            (dmg.file_system, dmg.app) = volumes::read_app(&mut disk, &places, notes);
        }
        Err(why) => notes.error("block-maps-unreadable", format!("The image's block maps cannot be read: {why}.")),
    }
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
        file_system: None,
        app: None,
    }
}

fn describe(dmg: &mut Dmg, maps: &[(String, Vec<u8>)], text_bytes: usize) {
    let mut compression = BTreeSet::new();
    for (name, map) in maps.iter().filter(|(_, map)| map.starts_with(b"mish")) {
        let sectors = u64_at(map, 16).unwrap_or(0);
        let name = name[..name.floor_char_boundary(text_bytes)].to_owned();
        dmg.partitions.push(Partition { name, size_bytes: sectors.saturating_mul(SECTOR_BYTES) });
        compression.extend(runs(map).filter_map(|run| Packing::of_run(u32_at(run, 0)?)?.word()));
    }
    dmg.compression = compression.into_iter().map(ToOwned::to_owned).collect();
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
