//! Inodes and folders of a squashfs, from the bytes that they are.

use super::super::volume::array;
use super::NO_FRAGMENT;

/// Blocks of one file that is read; with blocks of 4 KiB, 64 MiB.
const BLOCKS: u64 = 16_384;
/// A link's target.
const TARGET_BYTES: u32 = 1_024;

/// What of an inode is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Inode {
    /// Where its listing begins, and its size in bytes.
    Folder {
        block: u32,
        offset: u16,
        size_bytes: u32,
    },
    File(File),
    Link(String),
    /// Devices, pipes and sockets.
    Other,
}

/// Where the bytes of a file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) size_bytes: u64,
    pub(super) blocks_start: u64,
    /// The size of each block as it is kept, with a bit for those that are not compressed.
    pub(super) blocks: Vec<u32>,
    /// Which fragment its end is in, and where.
    pub(super) fragment: u32,
    pub(super) fragment_offset: u32,
}

/// Bytes of the whole inode that begins with `head`.
pub(super) fn wanted_bytes(head: &[u8], block_bytes: u32) -> Result<usize, String> {
    let kind = array(head, 0).map(u16::from_le_bytes);
    Ok(match kind {
        Some(2 | 9) => {
            let file = parse_file(head, kind == Some(9)).ok_or("an inode that breaks off")?;
            let blocks = count_blocks(&file.0, block_bytes);
            if blocks > BLOCKS {
                return Err("a file of more blocks than are read".to_owned());
            }
            file.1 + 4 * usize::try_from(blocks).unwrap_or(0)
        }
        Some(3 | 10) => 24 + array(head, 20).map_or(0, u32::from_le_bytes).min(TARGET_BYTES) as usize,
        _ => head.len(),
    })
}

pub(super) fn parse_inode(bytes: &[u8], block_bytes: u32) -> Result<Inode, String> {
    parse(bytes, block_bytes).ok_or_else(|| "an inode that breaks off".to_owned())
}

fn parse(bytes: &[u8], block_bytes: u32) -> Option<Inode> {
    let half = |at| array(bytes, at).map(u16::from_le_bytes);
    let word = |at| array(bytes, at).map(u32::from_le_bytes);
    // Three bytes of a folder's size stand for `.` and `..`, which are not in its listing.
    let folder = |block, offset, size: u32| Inode::Folder { block, offset, size_bytes: size.saturating_sub(3) };
    Some(match half(0)? {
        1 => folder(word(16)?, half(26)?, u32::from(half(24)?)),
        8 => folder(word(24)?, half(34)?, word(20)?),
        kind @ (2 | 9) => {
            let (mut file, at) = parse_file(bytes, kind == 9)?;
            let blocks = usize::try_from(count_blocks(&file, block_bytes)).ok()?;
            let sizes = bytes.get(at..at.checked_add(blocks.checked_mul(4)?)?)?;
            file.blocks = sizes.as_chunks::<4>().0.iter().map(|raw| u32::from_le_bytes(*raw)).collect();
            Inode::File(file)
        }
        3 | 10 => {
            let len = word(20)?.min(TARGET_BYTES) as usize;
            Inode::Link(String::from_utf8_lossy(bytes.get(24..24 + len)?).into_owned())
        }
        _ => Inode::Other,
    })
}

/// A file without its blocks, and where their sizes begin.
fn parse_file(bytes: &[u8], is_extended: bool) -> Option<(File, usize)> {
    let word = |at| array(bytes, at).map(u32::from_le_bytes);
    let wide = |at| array(bytes, at).map(u64::from_le_bytes);
    let blocks = Vec::new();
    Some(if is_extended {
        let (fragment, fragment_offset) = (word(44)?, word(48)?);
        (File { size_bytes: wide(24)?, blocks_start: wide(16)?, blocks, fragment, fragment_offset }, 56)
    } else {
        let (fragment, fragment_offset) = (word(20)?, word(24)?);
        let (size_bytes, blocks_start) = (u64::from(word(28)?), u64::from(word(16)?));
        (File { size_bytes, blocks_start, blocks, fragment, fragment_offset }, 32)
    })
}

/// What does not fill a block is in the fragment, where there is one.
fn count_blocks(file: &File, block_bytes: u32) -> u64 {
    let block_bytes = u64::from(block_bytes);
    if file.fragment == NO_FRAGMENT { file.size_bytes.div_ceil(block_bytes) } else { file.size_bytes / block_bytes }
}

/// Names and places of inodes, until one makes no sense. A header comes before each up to 256 entries.
pub(super) fn parse_folder(mut bytes: &[u8], most: usize) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<12>() {
        let count = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        let block = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        bytes = rest;
        for _ in 0..=count.min(255) {
            let Some((entry, rest)) = bytes.split_first_chunk::<8>() else { return found };
            let offset = u16::from_le_bytes([entry[0], entry[1]]);
            let len = usize::from(u16::from_le_bytes([entry[6], entry[7]])) + 1;
            let Some((name, rest)) = rest.split_at_checked(len).filter(|_| found.len() < most) else { return found };
            found.push((String::from_utf8_lossy(name).into_owned(), u64::from(block) << 16 | u64::from(offset)));
            bytes = rest;
        }
    }
    found
}
