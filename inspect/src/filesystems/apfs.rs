//! Apple File System ("Apple File System Reference", Apple, 2020). All numbers are little-endian.
//!
//! Reads the first volume of a container as its newest checkpoint has it. Volumes that are encrypted or sealed and
//! files that the system has compressed are said not to be read.

mod node;

use std::collections::BTreeMap;
use std::io::Read;

use self::node::{Record, Tree, number};
use super::tree::{self, FileSystem, Item};
use super::volume::{Contents, Piece, Volume, array};
use super::{ITEMS, PIECES};

/// Blocks of the checkpoint area that are looked at; it has some hundred.
const CHECKPOINTS: u64 = 512;
/// `ROOT_DIR_INO_NUM`.
const ROOT: u64 = 2;
/// `UF_COMPRESSED` of `<sys/stat.h>`.
const COMPRESSED: u32 = 0x20;
/// `APFS_FS_UNENCRYPTED`.
const UNENCRYPTED: u64 = 1;
/// `APFS_INCOMPAT_SEALED_VOLUME`.
const SEALED: u64 = 0x20;
/// Kinds of records (`j_obj_types`).
const INODE: u8 = 3;
const EXTENT: u8 = 8;
const NAME: u8 = 9;

/// An open volume of a container.
pub(crate) struct Apfs<'a> {
    volume: Volume<'a>,
    files: Tree,
}

impl<'a> Apfs<'a> {
    /// Whether a partition has the mark of a container.
    pub(crate) fn is_on(volume: &mut Volume<'_>) -> bool {
        volume.read(32, 4).is_ok_and(|mark| mark == b"NXSB")
    }

    /// Reads the container's superblock, then that of its first volume.
    ///
    /// # Errors
    /// With the reason, in words.
    pub(crate) fn open(mut volume: Volume<'a>) -> Result<Self, String> {
        let first = volume.read(0, 4_096)?;
        let block_bytes = array(&first, 36).map_or(0, u32::from_le_bytes);
        if !(4_096..=65_536).contains(&block_bytes) || !block_bytes.is_power_of_two() {
            return Err(format!("blocks of {block_bytes} bytes"));
        }
        let container = newest(&mut volume, &first, block_bytes);
        let objects = read_objects(&mut volume, number(&container, 160), block_bytes)?;
        let place = objects.place(&mut volume, number(&container, 184))?;
        let superblock = volume.read(place.saturating_mul(u64::from(block_bytes)), 1_024)?;
        if superblock.get(32..36) != Some(b"APSB") {
            return Err("a container without a volume".to_owned());
        }
        if number(&superblock, 264) & UNENCRYPTED == 0 {
            return Err("an encrypted volume".to_owned());
        }
        if number(&superblock, 56) & SEALED != 0 {
            return Err("a sealed volume, which is not read".to_owned());
        }
        let objects = read_objects(&mut volume, number(&superblock, 128), block_bytes)?;
        let root = objects.place(&mut volume, number(&superblock, 136))?;
        Ok(Self { volume, files: Tree::new(root, block_bytes, Some(objects)) })
    }

    /// The records of one kind that an object has.
    fn records(&mut self, object: u64, kind: u8, most: usize) -> Result<Vec<Record>, String> {
        self.files.records(&mut self.volume, (object, kind), most)
    }
}

/// The superblock with the highest transaction in the checkpoint area, or the first block where there is none.
fn newest(volume: &mut Volume<'_>, first: &[u8], block_bytes: u32) -> Vec<u8> {
    let blocks = u64::from(array(first, 104).map_or(0, u32::from_le_bytes)).min(CHECKPOINTS);
    let base = number(first, 112);
    let mut newest = first.to_vec();
    for index in 0..blocks {
        let offset = base.saturating_add(index).saturating_mul(u64::from(block_bytes));
        let Ok(block) = volume.read(offset, 1_024) else { break };
        if block.get(32..36) == Some(b"NXSB") && number(&block, 16) > number(&newest, 16) {
            newest = block;
        }
    }
    newest
}

/// The object map in a block: where objects that move have their newest version.
fn read_objects(volume: &mut Volume<'_>, block: u64, block_bytes: u32) -> Result<Tree, String> {
    let map =
        volume.read(block.saturating_mul(u64::from(block_bytes)), 64).map_err(|why| format!("object map: {why}"))?;
    Ok(Tree::new(number(&map, 48), block_bytes, None))
}

impl FileSystem for Apfs<'_> {
    type Node = u64;

    fn root(&self) -> u64 {
        ROOT
    }

    fn list(&mut self, folder: u64) -> Result<Vec<Item<u64>>, String> {
        const FOLDER: u16 = 4;
        const REGULAR: u16 = 8;
        let records = self.records(folder, NAME, ITEMS)?;
        let item = |record: Record| {
            let kind = array(&record.value, 16).map(u16::from_le_bytes)? & 0xf;
            let name = parse_name(&record.key)?;
            (kind == FOLDER || kind == REGULAR).then(|| Item {
                name,
                is_folder: kind == FOLDER,
                node: number(&record.value, 0),
            })
        };
        Ok(records.into_iter().filter_map(item).collect())
    }

    fn open(&mut self, file: u64) -> Result<Contents, String> {
        let inode = self.records(file, INODE, 1)?.pop().ok_or_else(|| format!("there is no inode {file}"))?.value;
        if array(&inode, 68).map_or(0, u32::from_le_bytes) & COMPRESSED != 0 {
            return Err("compressed by the file system, which is not read".to_owned());
        }
        let size_bytes = parse_size(&inode).unwrap_or(0);
        let extents = self.records(number(&inode, 8), EXTENT, PIECES)?;
        let block_bytes = u64::from(self.files.block_bytes);
        let mut kept = BTreeMap::new();
        for extent in extents {
            let block = number(&extent.value, 8);
            let piece = Piece {
                offset: (block != 0).then(|| block.saturating_mul(block_bytes)),
                size_bytes: number(&extent.value, 0) & 0x00ff_ffff_ffff_ffff,
            };
            kept.insert(number(&extent.key, 8), piece);
        }
        lay_out(size_bytes, kept)
    }

    fn read_forward(&mut self, contents: Contents) -> Box<dyn Read + '_> {
        tree::stream(&mut self.volume, contents)
    }
}

/// Pieces by where in the file they begin, with zeros between them.
fn lay_out(size_bytes: u64, kept: BTreeMap<u64, Piece>) -> Result<Contents, String> {
    let mut contents = Contents { size_bytes, pieces: Vec::new() };
    let mut end = 0u64;
    for (start, piece) in kept {
        match start.checked_sub(end) {
            None => return Err("pieces of it overlap".to_owned()),
            Some(0) => {}
            Some(gap) => contents.pieces.push(Piece { offset: None, size_bytes: gap }),
        }
        end = start.saturating_add(piece.size_bytes);
        contents.pieces.push(piece);
    }
    if end < size_bytes {
        contents.pieces.push(Piece { offset: None, size_bytes: size_bytes - end });
    }
    Ok(contents)
}

/// `j_drec_key_t` and `j_drec_hashed_key_t`: behind eight bytes the length of the name, in ten bits with a hash above
/// them or alone in two bytes, and the name with a zero at its end.
fn parse_name(key: &[u8]) -> Option<String> {
    let short = usize::from(u16::from_le_bytes(array(key, 8)?));
    let plain = key.get(10..)?;
    let name = if plain.len() == short && plain.last() == Some(&0) { plain } else { key.get(12..)? };
    Some(String::from_utf8_lossy(name.split(|byte| *byte == 0).next()?).into_owned())
}

/// The size of the data stream among an inode's extended fields (`xf_blob_t`), each padded to eight bytes.
fn parse_size(inode: &[u8]) -> Option<u64> {
    /// `INO_EXT_TYPE_DSTREAM`.
    const STREAM: u8 = 8;
    let count = usize::from(u16::from_le_bytes(array(inode, 92)?));
    let fields = inode.get(96..)?;
    let mut data = fields.get(4 * count..)?;
    for field in fields.chunks_exact(4).take(count) {
        if field[0] == STREAM {
            return array(data, 0).map(u64::from_le_bytes);
        }
        data = data.get(usize::from(u16::from_le_bytes([field[2], field[3]])).next_multiple_of(8)..)?;
    }
    None
}
