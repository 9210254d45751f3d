//! HFS Plus and HFSX (Apple, Technical Note TN1150, "HFS Plus Volume Format"). All numbers are big-endian.
//!
//! A folder is found in the catalog by its number alone, which sorts before all names in it: so no name is ever
//! compared as the catalog sorts names. Files in more than eight pieces, and files that the system has compressed, are
//! said not to be read.

use std::io::Read;

use super::tree::{self, FileSystem, Item};
use super::volume::{Contents, Piece, Volume, array};
use super::{ITEMS, PIECES};

/// Levels of the catalog; eight hold more files than there are numbers.
const DEPTH: usize = 8;
/// Leaves that one folder is looked through.
const LEAVES: usize = 1_024;
/// `kHFSRootFolderID`.
const ROOT: u32 = 2;
/// `UF_COMPRESSED` of `<sys/stat.h>`, in the low byte of the owner's flags.
const COMPRESSED: u8 = 0x20;

/// An open volume.
pub(crate) struct HfsPlus<'a> {
    volume: Volume<'a>,
    block_bytes: u64,
    catalog: Contents,
    node_bytes: u16,
    root_node: u32,
}

/// A folder's number, or where the data of a file lie.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Node {
    Folder(u32),
    File { fork: Fork, is_compressed: bool },
}

/// `HFSPlusForkData`: the size in bytes, then start and length of eight pieces, in blocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fork {
    size_bytes: u64,
    extents: [(u32, u32); 8],
}

impl Fork {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut extents = [(0, 0); 8];
        for (index, extent) in extents.iter_mut().enumerate() {
            *extent = (u32_at(bytes, 16 + index * 8)?, u32_at(bytes, 20 + index * 8)?);
        }
        Some(Self { size_bytes: u64::from_be_bytes(array(bytes, 0)?), extents })
    }

    fn contents(self, block_bytes: u64) -> Contents {
        let piece = |(start, count): &(u32, u32)| Piece {
            offset: Some(u64::from(*start) * block_bytes),
            size_bytes: u64::from(*count) * block_bytes,
        };
        let pieces = self.extents.iter().filter(|(_, count)| *count > 0).map(piece).take(PIECES).collect();
        Contents { size_bytes: self.size_bytes, pieces }
    }
}

impl<'a> HfsPlus<'a> {
    /// Whether a volume has the mark of this file system.
    pub(crate) fn is_on(volume: &mut Volume<'_>) -> bool {
        volume.read(1024, 2).is_ok_and(|mark| mark == b"H+" || mark == b"HX")
    }

    /// Reads the volume header and the head of the catalog.
    ///
    /// # Errors
    /// With the reason, in words.
    pub(crate) fn open(mut volume: Volume<'a>) -> Result<Self, String> {
        let header = volume.read(1024, 512)?;
        let block_bytes = u64::from(u32_at(&header, 40).unwrap_or(0));
        let catalog = header.get(272..).and_then(Fork::parse).ok_or("a volume header that breaks off")?;
        let catalog = catalog.contents(block_bytes);
        let head = catalog.read(&mut volume, 0, 64).map_err(|why| format!("catalog: {why}"))?;
        let node_bytes = array(&head, 14 + 18).map_or(0, u16::from_be_bytes);
        if !(512..=32_768).contains(&node_bytes) {
            return Err(format!("a catalog with nodes of {node_bytes} bytes"));
        }
        let root_node = u32_at(&head, 14 + 2).unwrap_or(0);
        Ok(Self { volume, block_bytes, catalog, node_bytes, root_node })
    }

    fn node(&mut self, number: u32) -> Result<Vec<u8>, String> {
        let offset = u64::from(number) * u64::from(self.node_bytes);
        let read = self.catalog.read(&mut self.volume, offset, usize::from(self.node_bytes));
        read.map_err(|why| format!("node {number} of the catalog: {why}"))
    }

    /// The leaf in which the records of a folder begin.
    fn first_leaf(&mut self, folder: u32) -> Result<Vec<u8>, String> {
        let mut number = self.root_node;
        for _ in 0..DEPTH {
            let node = self.node(number)?;
            match node.get(8) {
                // `kBTLeafNode` is -1, `kBTIndexNode` 0.
                Some(0xff) => return Ok(node),
                Some(0) => {}
                _ => return Err(format!("node {number} of the catalog is of no kind that it should be")),
            }
            let mut child = None;
            for (key, data) in records(&node) {
                let is_behind = key.folder > folder || key.folder == folder && !key.name.is_empty();
                if child.is_some() && is_behind {
                    break;
                }
                child = u32_at(data, 0);
            }
            number = child.ok_or_else(|| format!("node {number} of the catalog is empty"))?;
        }
        Err("a catalog of more levels than are followed".to_owned())
    }
}

impl FileSystem for HfsPlus<'_> {
    type Node = Node;

    fn root(&self) -> Node {
        Node::Folder(ROOT)
    }

    fn list(&mut self, folder: Node) -> Result<Vec<Item<Node>>, String> {
        let Node::Folder(folder) = folder else { return Err("a file where a folder should be".to_owned()) };
        let mut leaf = self.first_leaf(folder)?;
        let mut items = Vec::new();
        for _ in 0..LEAVES {
            for (key, data) in records(&leaf) {
                if key.folder > folder || items.len() >= ITEMS {
                    return Ok(items);
                }
                if key.folder == folder {
                    items.extend(parse_item(&key, data));
                }
            }
            // The number of the next leaf.
            match u32_at(&leaf, 0) {
                Some(next) if next > 0 => leaf = self.node(next)?,
                _ => break,
            }
        }
        Ok(items)
    }

    fn open(&mut self, file: Node) -> Result<Contents, String> {
        let Node::File { fork, is_compressed } = file else { return Err("a folder where a file should be".to_owned()) };
        if is_compressed {
            return Err("compressed by the file system, which is not read".to_owned());
        }
        let contents = fork.contents(self.block_bytes);
        let kept: u64 = contents.pieces.iter().map(|piece| piece.size_bytes).fold(0, u64::saturating_add);
        if kept < contents.size_bytes {
            return Err("in more than eight pieces, which is not read".to_owned());
        }
        Ok(contents)
    }

    fn read_forward(&mut self, contents: Contents) -> Box<dyn Read + '_> {
        tree::stream(&mut self.volume, contents)
    }
}

/// `HFSPlusCatalogKey`: the folder that it is in, and its name.
struct Key {
    folder: u32,
    name: String,
}

/// Keys and data of a node. Their offsets stand at its end, backwards.
fn records(node: &[u8]) -> impl Iterator<Item = (Key, &[u8])> {
    let count = array(node, 10).map_or(0, u16::from_be_bytes);
    (1..=usize::from(count)).filter_map(move |index| {
        let at = array(node, node.len().checked_sub(2 * index)?).map(u16::from_be_bytes)?;
        let record = node.get(usize::from(at)..)?;
        let key_bytes = usize::from(u16::from_be_bytes(array(record, 0)?));
        let units = usize::from(u16::from_be_bytes(array(record, 6)?)).min(255);
        let name = record.get(8..8 + 2 * units)?.chunks_exact(2).map(|raw| u16::from_be_bytes([raw[0], raw[1]]));
        // A slash in a name is what everyone above the file system sees as a colon.
        let name = char::decode_utf16(name).map(|character| match character {
            Ok('/') => ':',
            other => other.unwrap_or(char::REPLACEMENT_CHARACTER),
        });
        let key = Key { folder: u32_at(record, 2)?, name: name.collect() };
        Some((key, record.get((2 + key_bytes).next_multiple_of(2)..)?))
    })
}

/// A folder or file record; threads lead back to names that are known already.
fn parse_item(key: &Key, data: &[u8]) -> Option<Item<Node>> {
    /// `S_IFMT` and `S_IFREG`; files from before Unix have no mode.
    const KIND: u16 = 0o170_000;
    const REGULAR: u16 = 0o100_000;
    let node = match array(data, 0).map(u16::from_be_bytes)? {
        1 => Node::Folder(u32_at(data, 8)?),
        2 => {
            let mode = array(data, 42).map(u16::from_be_bytes)?;
            if mode != 0 && mode & KIND != REGULAR {
                return None;
            }
            let is_compressed = data.get(41)? & COMPRESSED != 0;
            Node::File { fork: Fork::parse(data.get(88..)?)?, is_compressed }
        }
        _ => return None,
    };
    Some(Item { name: key.name.clone(), is_folder: matches!(node, Node::Folder(_)), node })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}
