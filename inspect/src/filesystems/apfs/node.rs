//! The trees of a container ("B-Trees" in the reference): object maps, and the files of a volume.

use super::super::volume::{Volume, array};

/// Levels of a tree.
const DEPTH: u16 = 12;
/// Nodes that one question to a tree looks at.
const NODES: usize = 8_192;
/// `BTNODE_ROOT`, behind whose values the tree is described.
const IS_ROOT: u16 = 1;
const IS_LEAF: u16 = 2;
/// `BTNODE_FIXED_KV_SIZE`: places of keys and values without their lengths.
const IS_FIXED: u16 = 4;
/// Where a node's data begin, behind its header.
const HEADER: usize = 56;
/// Size of `btree_info_t`.
const DESCRIPTION: usize = 40;

/// One key and its value.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
}

/// A tree whose nodes are blocks, or objects that another tree has the blocks of.
#[derive(Debug)]
pub(super) struct Tree {
    root: u64,
    pub(super) block_bytes: u32,
    objects: Option<Box<Tree>>,
}

/// What records are told by: the object, and the kind of record.
type Address = (u64, u8);

impl Tree {
    /// `root` is the number of a block.
    pub(super) fn new(root: u64, block_bytes: u32, objects: Option<Self>) -> Self {
        Self { root, block_bytes, objects: objects.map(Box::new) }
    }

    /// The records with this address, in the order of their keys; at most `most` of them.
    pub(super) fn records(
        &self,
        volume: &mut Volume<'_>,
        address: Address,
        most: usize,
    ) -> Result<Vec<Record>, String> {
        let mut found = Vec::new();
        let mut left = NODES;
        let mut look = |node: &Node, index| {
            if found.len() < most && node.key(index).map(read_address) == Some(address) {
                found.extend(node.record(index));
            }
            found.len() < most
        };
        self.walk(volume, self.root, DEPTH, &mut left, address, &mut look)?;
        Ok(found)
    }

    /// The block of an object, as an object map has it: that of its newest version.
    pub(super) fn place(&self, volume: &mut Volume<'_>, object: u64) -> Result<u64, String> {
        let mut block = self.root;
        for _ in 0..DEPTH {
            let node = self.node(volume, block)?;
            // Keys are object and transaction; the last one of the object is the newest.
            let upto = |index: &usize| node.key(*index).is_some_and(|key| number(key, 0) <= object);
            let index = (0..node.count).take_while(upto).last();
            let Some(index) = index else { break };
            let (key, value) = (node.key(index).unwrap_or_default(), node.value(index).unwrap_or_default());
            if node.flags & IS_LEAF == 0 {
                block = number(value, 0);
            } else if number(key, 0) == object {
                return Ok(number(value, 8));
            } else {
                break;
            }
        }
        Err(format!("object {object} is not in the object map"))
    }

    /// Goes through the leaves in which records of `address` may lie, until `look` has seen enough.
    fn walk(
        &self,
        volume: &mut Volume<'_>,
        block: u64,
        depth: u16,
        left: &mut usize,
        address: Address,
        look: &mut dyn FnMut(&Node, usize) -> bool,
    ) -> Result<bool, String> {
        if depth == 0 || *left == 0 {
            return Err("a tree of more nodes than are followed".to_owned());
        }
        *left -= 1;
        let node = self.node(volume, block)?;
        for index in 0..node.count {
            let above = |index| node.key(index).map(read_address);
            if above(index).is_some_and(|first| first > address) {
                return Ok(false);
            }
            if node.flags & IS_LEAF != 0 {
                if !look(&node, index) {
                    return Ok(false);
                }
            // What begins before `address` ends where the next one begins.
            } else if index + 1 == node.count || above(index + 1).is_none_or(|next| next >= address) {
                let child = number(node.value(index).unwrap_or_default(), 0);
                let child = match &self.objects {
                    Some(objects) => objects.place(volume, child)?,
                    None => child,
                };
                if !self.walk(volume, child, depth - 1, left, address, look)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn node(&self, volume: &mut Volume<'_>, block: u64) -> Result<Node, String> {
        let offset = block.saturating_mul(u64::from(self.block_bytes));
        let bytes = volume.read(offset, self.block_bytes as usize).map_err(|why| format!("block {block}: {why}"))?;
        let half = |at| array(&bytes, at).map_or(0, u16::from_le_bytes);
        let (flags, table) = (half(32), HEADER + usize::from(half(40)));
        let count = array(&bytes, 36).map_or(0, u32::from_le_bytes) as usize;
        let keys = table + usize::from(half(42));
        let width = if flags & IS_FIXED == 0 { 8 } else { 4 };
        let values = bytes.len() - if flags & IS_ROOT == 0 { 0 } else { DESCRIPTION };
        Ok(Node { flags, table, width, keys, values, count: count.min(bytes.len() / width), bytes })
    }
}

/// One node: a table of places, keys from the front and values from the back.
struct Node {
    flags: u16,
    count: usize,
    table: usize,
    /// Size of one place in the table.
    width: usize,
    keys: usize,
    /// Where values end; their offsets count backwards from there.
    values: usize,
    bytes: Vec<u8>,
}

impl Node {
    fn half(&self, index: usize, at: usize) -> Option<usize> {
        array(&self.bytes, self.table + index * self.width + at).map(u16::from_le_bytes).map(usize::from)
    }

    fn key(&self, index: usize) -> Option<&[u8]> {
        let start = self.keys + self.half(index, 0)?;
        let len = if self.flags & IS_FIXED == 0 { self.half(index, 2)? } else { 16 };
        self.bytes.get(start..start + len)
    }

    fn value(&self, index: usize) -> Option<&[u8]> {
        let is_fixed = self.flags & IS_FIXED != 0;
        let start = self.values.checked_sub(self.half(index, if is_fixed { 2 } else { 4 })?)?;
        let len = match (is_fixed, self.flags & IS_LEAF != 0) {
            (true, true) => 16,
            (true, false) => 8,
            (false, _) => self.half(index, 6)?,
        };
        self.bytes.get(start..start + len)
    }

    fn record(&self, index: usize) -> Option<Record> {
        Some(Record { key: self.key(index)?.to_vec(), value: self.value(index)?.to_vec() })
    }
}

/// `j_key_t`: the object in 60 bits, the kind in the four above.
fn read_address(key: &[u8]) -> Address {
    let word = number(key, 0);
    (word & 0x0fff_ffff_ffff_ffff, u8::try_from(word >> 60).unwrap_or(0))
}

/// The 64-bit number at `at`, or 0 where there is none.
pub(super) fn number(bytes: &[u8], at: usize) -> u64 {
    array(bytes, at).map_or(0, u64::from_le_bytes)
}
