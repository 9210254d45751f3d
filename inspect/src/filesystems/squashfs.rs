//! Squashfs 4.0 (Linux, `fs/squashfs/squashfs_fs.h`, and "Squashfs Binary Format" by its readers,
//! dr-emann.github.io/squashfs). All numbers are little-endian.

mod inode;

use std::io::{Read, Seek};

use self::inode::{Inode, parse_folder, parse_inode};
use super::packing::Packing;
use super::volume::array;
use super::{ITEMS, TopLevel};
use crate::input::Input;

/// Size of a metadata block, unpacked.
const METADATA_BYTES: usize = 8 * 1024;
/// The listing of one folder.
const FOLDER_BYTES: usize = 512 * 1024;
/// Parts of a path that are followed, those that links lead to included.
const STEPS: usize = 64;
/// Where a file has no fragment.
const NO_FRAGMENT: u32 = u32::MAX;

/// An open file system.
pub(crate) struct Squashfs<'a, R> {
    input: &'a mut Input<R>,
    /// Where it begins in the file; all that it states counts from there.
    start: u64,
    packing: Packing,
    block_bytes: u32,
    root: u64,
    inodes: u64,
    folders: u64,
    fragments: u64,
}

impl<'a, R: Read + Seek> Squashfs<'a, R> {
    /// Reads the superblock at byte `start` of the file.
    ///
    /// # Errors
    /// With the reason, in words.
    pub(crate) fn open(input: &'a mut Input<R>, start: u64) -> Result<Self, String> {
        let head = input.read_at(start, 96).map_err(|error| error.to_string())?;
        let half = |at| array(&head, at).map_or(0, u16::from_le_bytes);
        let wide = |at| array(&head, at).map_or(0, u64::from_le_bytes);
        if !head.starts_with(b"hsqs") || head.len() < 96 || half(28) != 4 {
            return Err("no squashfs of version 4".to_owned());
        }
        let block_bytes = array(&head, 12).map_or(0, u32::from_le_bytes);
        if !(4_096..=1 << 20).contains(&block_bytes) {
            return Err(format!("blocks of {block_bytes} bytes"));
        }
        let packing = Packing::of_number(half(20))?;
        let (root, inodes, folders, fragments) = (wide(32), wide(64), wide(72), wide(80));
        Ok(Self { input, start, packing, block_bytes, root, inodes, folders, fragments })
    }

    fn find(&mut self, path: &str) -> Result<Option<Inode>, String> {
        let mut waiting: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut above = Vec::new();
        let mut current = self.inode(self.root)?;
        for _ in 0..STEPS {
            let Some(name) = waiting.pop() else { return Ok(Some(current)) };
            match name.as_str() {
                "" | "." => continue,
                ".." => {
                    current = above.pop().unwrap_or(current);
                    continue;
                }
                _ => {}
            }
            let place = self.list(&current)?.into_iter().find(|(found, _)| *found == name).map(|(_, place)| place);
            let Some(place) = place else { return Ok(None) };
            match self.inode(place)? {
                // Where the image is mounted is nobody's to know: a path from the very top leads out of it.
                Inode::Link(target) if target.starts_with('/') => return Ok(None),
                Inode::Link(target) => waiting.extend(target.split('/').rev().map(str::to_owned)),
                inode => above.push(std::mem::replace(&mut current, inode)),
            }
        }
        Err("a path of more parts than are followed".to_owned())
    }

    /// Names in a folder, and where their inodes are.
    fn list(&mut self, folder: &Inode) -> Result<Vec<(String, u64)>, String> {
        let Inode::Folder { block, offset, size_bytes } = folder else { return Ok(Vec::new()) };
        let start = self.folders.saturating_add(u64::from(*block));
        let len = (*size_bytes as usize).min(FOLDER_BYTES);
        Ok(parse_folder(&self.metadata(start, *offset, len)?, ITEMS))
    }

    /// `place` is the block in 48 bits, then 16 bits of where in it.
    fn inode(&mut self, place: u64) -> Result<Inode, String> {
        let (start, offset) = (self.inodes.saturating_add(place >> 16), (place & 0xffff) as u16);
        // Long enough for every kind but a file of many blocks, which says how many it has.
        let head = self.metadata(start, offset, 64)?;
        let wanted = inode::wanted_bytes(&head, self.block_bytes)?;
        let bytes = if wanted > head.len() { self.metadata(start, offset, wanted)? } else { head };
        parse_inode(&bytes, self.block_bytes)
    }

    /// `len` bytes of metadata from a block on, or as many as there are.
    fn metadata(&mut self, start: u64, offset: u16, len: usize) -> Result<Vec<u8>, String> {
        const PACKED: u16 = 0x7fff;
        let mut bytes = Vec::new();
        let mut at = self.start.saturating_add(start);
        let wanted = usize::from(offset) + len;
        while bytes.len() < wanted {
            let head = self.input.read_at(at, 2).map_err(|error| error.to_string())?;
            let Some(head) = array(&head, 0).map(u16::from_le_bytes) else { break };
            let packed = self.input.read_at(at + 2, usize::from(head & PACKED)).map_err(|error| error.to_string())?;
            at = at.saturating_add(2 + u64::from(head & PACKED));
            let block = if head & !PACKED == 0 {
                match self.packing.unpack(self.input, &packed, METADATA_BYTES) {
                    Ok(block) => block,
                    // What follows the last block is another table, which need not look like one.
                    Err(_) if bytes.len() > usize::from(offset) => break,
                    Err(why) => return Err(format!("metadata at byte {at}: {why}")),
                }
            } else {
                packed
            };
            if block.is_empty() {
                break;
            }
            bytes.extend(block);
        }
        bytes.truncate(wanted);
        if bytes.len() <= usize::from(offset) && len > 0 {
            return Err(format!("metadata that breaks off at byte {at}"));
        }
        Ok(bytes.split_off(usize::from(offset)))
    }

    /// The caller has bounded its size.
    fn read_file(&mut self, file: &inode::File) -> Result<Vec<u8>, String> {
        let size = usize::try_from(file.size_bytes).map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        let mut at = self.start.saturating_add(file.blocks_start);
        for block in &file.blocks {
            let wanted = (size - bytes.len()).min(self.block_bytes as usize);
            if *block == 0 {
                bytes.resize(bytes.len() + wanted, 0);
                continue;
            }
            bytes.extend(self.block(at, *block, wanted)?);
            at = at.saturating_add(u64::from(packed_bytes(*block)));
        }
        if file.fragment != NO_FRAGMENT && bytes.len() < size {
            let fragment = self.fragment(file.fragment)?;
            let start = file.fragment_offset as usize;
            let end = start.saturating_add(size - bytes.len());
            bytes.extend(fragment.get(start..end).ok_or("a fragment that breaks off")?);
        }
        if bytes.len() == size { Ok(bytes) } else { Err(format!("it breaks off at byte {}", bytes.len())) }
    }

    /// A block of data, at most `most` bytes of it.
    fn block(&mut self, at: u64, stated: u32, most: usize) -> Result<Vec<u8>, String> {
        const PLAIN: u32 = 1 << 24;
        let packed = packed_bytes(stated).min(self.block_bytes) as usize;
        let mut packed = self.input.read_at(at, packed).map_err(|error| error.to_string())?;
        if stated & PLAIN != 0 {
            packed.truncate(most);
            return Ok(packed);
        }
        self.packing.unpack(self.input, &packed, most).map_err(|why| format!("data at byte {at}: {why}"))
    }

    /// The block that a fragment is part of. Their table is a list of blocks of metadata, each with 512 entries.
    fn fragment(&mut self, number: u32) -> Result<Vec<u8>, String> {
        let pointer = self.start.saturating_add(self.fragments).saturating_add(u64::from(number / 512) * 8);
        let pointer = self.input.read_at(pointer, 8).map_err(|error| error.to_string())?;
        let table = array(&pointer, 0).map(u64::from_le_bytes).ok_or("no fragment where one should be")?;
        let offset = u16::try_from(number % 512 * 16).unwrap_or(0);
        let entry = self.metadata(table, offset, 16)?;
        let place = array(&entry, 0).map(u64::from_le_bytes);
        let size = array(&entry, 8).map(u32::from_le_bytes);
        let (Some(place), Some(size)) = (place, size) else { return Err("a fragment without a place".to_owned()) };
        self.block(self.start.saturating_add(place), size, self.block_bytes as usize)
    }
}

impl<R: Read + Seek> TopLevel for Squashfs<'_, R> {
    fn names(&mut self) -> Result<Vec<String>, String> {
        let root = self.inode(self.root)?;
        let mut names: Vec<String> = self.list(&root)?.into_iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn read(&mut self, path: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, String> {
        match self.find(path)? {
            Some(Inode::File(file)) if file.size_bytes > max_bytes => {
                Err(format!("{} bytes, and at most {max_bytes} are read", file.size_bytes))
            }
            Some(Inode::File(file)) => self.read_file(&file).map(Some),
            _ => Ok(None),
        }
    }
}

/// Size of a block in the image.
fn packed_bytes(stated: u32) -> u32 {
    stated & 0x00ff_ffff
}
