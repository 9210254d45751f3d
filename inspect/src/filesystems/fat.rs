//! FAT12, FAT16 and FAT32 (Microsoft, "FAT File System Specification", version 1.03, and for long names "Long Filename
//! Specification"). All numbers are little-endian.

use std::io::Read;

use super::tree::{self, FileSystem, Item};
use super::volume::{Contents, Piece, Volume, array};
use super::{ITEMS, PIECES};

/// Clusters of one file that are followed.
const CLUSTERS: usize = 1 << 18;
/// The bytes of one folder: [`ITEMS`] entries with names of middling length.
const FOLDER_BYTES: u64 = 512 * 1024;
/// Read of the table at a time.
const WINDOW: usize = 4_096;

/// An open volume.
pub(crate) struct Fat<'a> {
    volume: Volume<'a>,
    cluster_bytes: u64,
    table_offset: u64,
    root: Node,
    /// Where cluster 2 begins; there are no clusters 0 and 1.
    data_offset: u64,
    clusters: u64,
    /// Part of the table, and where it begins in the volume.
    window: (u64, Vec<u8>),
}

/// Where a file or folder begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Node {
    /// The root of FAT12 and FAT16, which lies before all clusters.
    Root { offset: u64, size_bytes: u64 },
    /// Folders do not say their size.
    Chain { first: u32, size_bytes: Option<u64> },
}

impl<'a> Fat<'a> {
    /// Whether a volume has the mark of this file system.
    pub(crate) fn is_on(volume: &mut Volume<'_>) -> bool {
        let Ok(sector) = volume.read(0, 512) else { return false };
        sector[510..] == [0x55, 0xaa] && (sector[54..].starts_with(b"FAT") || sector[82..].starts_with(b"FAT"))
    }

    /// Reads the boot sector.
    ///
    /// # Errors
    /// With the reason, in words.
    pub(crate) fn open(mut volume: Volume<'a>) -> Result<Self, String> {
        let boot = volume.read(0, 512)?;
        let short = |at: usize| u64::from(u16::from_le_bytes([boot[at], boot[at + 1]]));
        let long = |at: usize| u64::from(u32::from_le_bytes([boot[at], boot[at + 1], boot[at + 2], boot[at + 3]]));
        let either = |small: u64, large: u64| if small == 0 { large } else { small };
        let (sector_bytes, cluster_bytes) = (short(11), short(11) * u64::from(boot[13]));
        if !(512..=4096).contains(&sector_bytes) || cluster_bytes == 0 {
            return Err(format!("sectors of {sector_bytes} bytes, clusters of {cluster_bytes}"));
        }
        let (sectors, table_sectors) = (either(short(19), long(32)), either(short(22), long(36)));
        let root_offset = (short(14) + u64::from(boot[16]) * table_sectors) * sector_bytes;
        let root_bytes = (short(17) * 32).next_multiple_of(sector_bytes);
        let data_offset = root_offset + root_bytes;
        let clusters = (sectors * sector_bytes).saturating_sub(data_offset) / cluster_bytes;
        let root = if clusters < 65_525 {
            Node::Root { offset: root_offset, size_bytes: root_bytes }
        } else {
            Node::Chain { first: u32::try_from(long(44)).unwrap_or(0), size_bytes: None }
        };
        let table_offset = short(14) * sector_bytes;
        Ok(Self { volume, cluster_bytes, table_offset, root, data_offset, clusters, window: (0, Vec::new()) })
    }

    /// The cluster that follows one; none behind the last.
    fn next(&mut self, cluster: u32) -> Result<Option<u32>, String> {
        let index = u64::from(cluster);
        let next = if self.clusters < 4_085 {
            let pair = self.table(index + index / 2, 2)? & 0xffff;
            if cluster.is_multiple_of(2) { pair & 0xfff } else { pair >> 4 }
        } else if self.clusters < 65_525 {
            self.table(index * 2, 2)? & 0xffff
        } else {
            self.table(index * 4, 4)? & 0x0fff_ffff
        };
        Ok(self.is_cluster(next).then_some(next))
    }

    fn is_cluster(&self, number: u32) -> bool {
        (2..self.clusters + 2).contains(&u64::from(number))
    }

    /// The number `at` bytes into the table, of which `len` bytes count.
    fn table(&mut self, at: u64, len: usize) -> Result<u32, String> {
        let offset = self.table_offset + at;
        let within = |window: &(u64, Vec<u8>)| {
            let at = usize::try_from(offset.checked_sub(window.0)?).ok()?;
            let bytes = window.1.get(at..at.checked_add(len)?)?;
            Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
        };
        if let Some(number) = within(&self.window) {
            return Ok(number);
        }
        // The table is followed by other sectors, so that a window only breaks off where the volume does.
        let bytes = self.volume.read(offset, WINDOW).or_else(|_| self.volume.read(offset, len))?;
        self.window = (offset, bytes);
        within(&self.window).ok_or_else(|| "a table that breaks off".to_owned())
    }

    /// The clusters from `first` on that hold `size_bytes` bytes.
    fn chain(&mut self, first: u32, size_bytes: u64) -> Result<Vec<Piece>, String> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut left = size_bytes;
        let mut cluster = Some(first).filter(|first| self.is_cluster(*first));
        for _ in 0..CLUSTERS {
            let Some(number) = cluster.filter(|_| left > 0) else { return Ok(pieces) };
            let offset = self.data_offset + (u64::from(number) - 2) * self.cluster_bytes;
            match pieces.last_mut() {
                Some(last) if last.offset.map(|start| start + last.size_bytes) == Some(offset) => {
                    last.size_bytes += self.cluster_bytes;
                }
                _ => pieces.push(Piece { offset: Some(offset), size_bytes: self.cluster_bytes }),
            }
            if pieces.len() > PIECES {
                break;
            }
            left = left.saturating_sub(self.cluster_bytes);
            cluster = self.next(number)?;
        }
        Err("in more pieces than are followed".to_owned())
    }
}

impl FileSystem for Fat<'_> {
    type Node = Node;

    fn root(&self) -> Node {
        self.root
    }

    fn list(&mut self, folder: Node) -> Result<Vec<Item<Node>>, String> {
        let mut contents = self.open(folder)?;
        // A folder is as long as its clusters.
        let kept: u64 = contents.pieces.iter().map(|piece| piece.size_bytes).fold(0, u64::saturating_add);
        contents.size_bytes = kept.min(FOLDER_BYTES);
        let len = usize::try_from(contents.size_bytes).unwrap_or(0);
        Ok(parse_folder(&contents.read(&mut self.volume, 0, len)?))
    }

    fn open(&mut self, file: Node) -> Result<Contents, String> {
        match file {
            Node::Root { offset, size_bytes } => {
                Ok(Contents { size_bytes, pieces: vec![Piece { offset: Some(offset), size_bytes }] })
            }
            Node::Chain { first, size_bytes } => {
                let pieces = self.chain(first, size_bytes.unwrap_or(FOLDER_BYTES))?;
                Ok(Contents { size_bytes: size_bytes.unwrap_or(0), pieces })
            }
        }
    }

    fn read_forward(&mut self, contents: Contents) -> Box<dyn Read + '_> {
        tree::stream(&mut self.volume, contents)
    }
}

/// Entries of 32 bytes; parts of a long name come before the entry that they name, last part first.
fn parse_folder(bytes: &[u8]) -> Vec<Item<Node>> {
    const DELETED: u8 = 0xe5;
    const LONG_NAME: u8 = 0x0f;
    const LABEL: u8 = 0x08;
    const FOLDER: u8 = 0x10;
    let mut items = Vec::new();
    let mut long_name: Vec<u16> = Vec::new();
    let (entries, _) = bytes.as_chunks::<32>();
    for entry in entries.iter().take_while(|entry| entry[0] != 0) {
        let attributes = entry[11];
        if attributes == LONG_NAME && entry[0] != DELETED {
            let units = [&entry[1..11], &entry[14..26], &entry[28..32]].concat();
            let units = units.chunks_exact(2).map(|raw| u16::from_le_bytes([raw[0], raw[1]]));
            let is_last_part = entry[0] & 0x40 != 0;
            let behind = if is_last_part { Vec::new() } else { std::mem::take(&mut long_name) };
            long_name = units.take_while(|unit| !matches!(unit, 0 | 0xffff)).chain(behind).take(255).collect();
            continue;
        }
        let stated = std::mem::take(&mut long_name);
        if entry[0] == DELETED || entry[0] == b'.' || attributes & LABEL != 0 {
            continue;
        }
        let name = if stated.is_empty() { short_name(entry) } else { String::from_utf16_lossy(&stated) };
        let half = |at: usize| u32::from(array(entry, at).map_or(0, u16::from_le_bytes));
        let is_folder = attributes & FOLDER != 0;
        let size_bytes = array(entry, 28).map(u32::from_le_bytes).map(u64::from).filter(|_| !is_folder);
        items.push(Item { name, is_folder, node: Node::Chain { first: half(20) << 16 | half(26), size_bytes } });
        if items.len() >= ITEMS {
            break;
        }
    }
    items
}

/// Eight letters and three, padded; two bits at 12 say which are lowercase.
fn short_name(entry: &[u8; 32]) -> String {
    let part = |bytes: &[u8], is_lowercase: bool| {
        let text = String::from_utf8_lossy(bytes).trim_end().to_owned();
        if is_lowercase { text.to_ascii_lowercase() } else { text }
    };
    let (stem, ending) = (part(&entry[..8], entry[12] & 8 != 0), part(&entry[8..11], entry[12] & 16 != 0));
    if ending.is_empty() { stem } else { format!("{stem}.{ending}") }
}
