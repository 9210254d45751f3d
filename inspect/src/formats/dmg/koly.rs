//! The trailer `koly` and the block maps `mish` that it leads to.

use std::io::{Read, Seek};

use plist::Value;

use crate::apple::parse_plist;
use crate::input::Input;

pub(super) const SECTOR_BYTES: u64 = 512;
/// Size of one run in a block map.
pub(super) const RUN_LEN: usize = 40;
const KOLY_LEN: usize = 512;
/// `mish` begins with a header of this size; runs follow.
const MISH_LEN: usize = 204;
/// The list has some 60 bytes for each run of half a megabyte.
const LIST_BYTES: u64 = 8 * 1024 * 1024;
/// The partitions that are listed; an image has less than ten.
const PARTITIONS: usize = 128;

/// What of the trailer is needed. Offsets count from the beginning of the file.
#[derive(Debug)]
pub(super) struct Koly {
    /// Where packed blocks begin.
    pub(super) data_offset: u64,
    pub(super) list_offset: u64,
    pub(super) list_bytes: u64,
    pub(super) signature_offset: u64,
    pub(super) signature_bytes: u64,
    pub(super) sectors: u64,
}

pub(super) fn read_koly<R: Read + Seek>(input: &mut Input<R>) -> Result<Koly, String> {
    let offset = input.len().checked_sub(KOLY_LEN as u64).ok_or("shorter than its trailer")?;
    let bytes = input.read_at(offset, KOLY_LEN).map_err(|error| error.to_string())?;
    if bytes.len() < KOLY_LEN || !bytes.starts_with(b"koly") {
        return Err("no trailer at its end; is the file whole?".to_owned());
    }
    let word = |at| u64_at(&bytes, at).unwrap_or(0);
    Ok(Koly {
        data_offset: word(24),
        list_offset: word(216),
        list_bytes: word(224),
        signature_offset: word(296),
        signature_bytes: word(304),
        sectors: word(492),
    })
}

/// The `blkx` entries of the resource list: name and block map.
pub(super) fn read_block_maps<R: Read + Seek>(
    input: &mut Input<R>,
    koly: &Koly,
) -> Result<Vec<(String, Vec<u8>)>, String> {
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

/// The runs of a block map, each as the bytes that it is; none where it is no block map.
pub(super) fn runs(map: &[u8]) -> impl Iterator<Item = &[u8; RUN_LEN]> {
    let runs = map.get(MISH_LEN..).filter(|_| map.starts_with(b"mish")).unwrap_or_default();
    runs.as_chunks::<RUN_LEN>().0.iter()
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).map(|raw| u32::from_be_bytes([raw[0], raw[1], raw[2], raw[3]]))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from(u32_at(bytes, at)?) << 32 | u64::from(u32_at(bytes, at + 4)?))
}
