//! The resource tree of an image (PE Format, "The .rsrc Section"): type, name, language, then the bytes.

use std::io::{self, Read, Seek};

use super::headers::Image;
use super::malformed;
use crate::input::Input;

/// `RT_ICON`: one picture.
pub(super) const ICON: u32 = 3;
/// `RT_GROUP_ICON`: the pictures of one icon.
pub(super) const ICON_GROUP: u32 = 14;
/// `RT_RCDATA`: bytes of the program's own.
pub(super) const RAW: u32 = 10;
/// `RT_VERSION`.
pub(super) const VERSION: u32 = 16;
/// `RT_MANIFEST`.
pub(super) const MANIFEST: u32 = 24;

/// Entries of one directory that are looked at.
const ENTRIES: usize = 256;
/// Entries of all directories together; those of a large program are some thousands, those of a loop have no end.
const ALL_ENTRIES: usize = 20_000;
/// Resources that are kept.
const RESOURCES: usize = 2_048;
/// One resource that is read; manifests and versions take a few kilobytes.
const RESOURCE_BYTES: u32 = 256 * 1024;
/// An entry leads to another directory when this bit of its offset is set, and its name is text when it is set there.
const HIGH_BIT: u32 = 1 << 31;

/// The resources of interest of one image.
#[derive(Debug, Default)]
pub(super) struct Resources {
    listed: Vec<Resource>,
}

/// One resource in its first language.
#[derive(Debug)]
pub(super) struct Resource {
    kind: Name,
    name: Name,
    file_offset: u64,
    size_bytes: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    Number(u32),
    Text(String),
}

impl Resources {
    /// The first resource of a numbered type.
    pub(super) fn first(&self, kind: u32) -> Option<&Resource> {
        self.listed.iter().find(|resource| resource.kind == Name::Number(kind))
    }

    /// A numbered resource of a numbered type.
    pub(super) fn get(&self, kind: u32, name: u32) -> Option<&Resource> {
        let is = |resource: &&Resource| resource.kind == Name::Number(kind) && resource.name == Name::Number(name);
        self.listed.iter().find(is)
    }

    /// Whether there is a numbered resource of a numbered type.
    pub(super) fn has(&self, kind: u32, name: u32) -> bool {
        self.get(kind, name).is_some()
    }

    /// Whether there is a numbered resource of a named type.
    pub(super) fn has_named(&self, kind: &str, name: u32) -> bool {
        let is = |found: &Name| matches!(found, Name::Text(text) if text == kind);
        self.listed.iter().any(|resource| is(&resource.kind) && resource.name == Name::Number(name))
    }
}

impl Resource {
    pub(super) fn size_bytes(&self) -> u32 {
        self.size_bytes
    }

    /// All of it; the caller has bounded its size.
    pub(super) fn read_whole<R: Read + Seek>(&self, input: &mut Input<R>) -> io::Result<Vec<u8>> {
        input.read_at(self.file_offset, self.size_bytes as usize)
    }

    /// Its first bytes.
    pub(super) fn read<R: Read + Seek>(&self, input: &mut Input<R>) -> io::Result<Vec<u8>> {
        input.read_at(self.file_offset, self.size_bytes.min(RESOURCE_BYTES) as usize)
    }
}

pub(super) fn read<R: Read + Seek>(input: &mut Input<R>, image: &Image) -> io::Result<Resources> {
    let Some((address, _)) = image.resources else { return Ok(Resources::default()) };
    let root = image.file_offset(address).ok_or_else(|| malformed("they lie in no section"))?;
    let mut tree = Tree { input, image, root, left: ALL_ENTRIES };
    let mut listed = Vec::new();
    for (kind, kind_at) in tree.directory(0)? {
        for (name, name_at) in tree.directory(kind_at)? {
            if listed.len() >= RESOURCES {
                break;
            }
            listed.extend(tree.first_language(&kind, name, name_at)?);
        }
    }
    Ok(Resources { listed })
}

/// Why a tree is given up.
const TOO_MANY: &str = "their directories have more entries than are looked at; they may lead to themselves";

struct Tree<'a, R> {
    input: &'a mut Input<R>,
    image: &'a Image,
    root: u64,
    /// Entries that may still be looked at.
    left: usize,
}

impl<R: Read + Seek> Tree<'_, R> {
    /// Names and offsets of the entries of the directory `offset` bytes into the resources.
    fn directory(&mut self, offset: u32) -> io::Result<Vec<(Name, u32)>> {
        let start = self.root + u64::from(offset & !HIGH_BIT);
        let header = self.input.read_at(start, 16)?;
        let count =
            |at: usize| header.get(at..at + 2).map_or(0, |raw| usize::from(u16::from_le_bytes([raw[0], raw[1]])));
        let wanted = (count(12) + count(14)).min(ENTRIES);
        self.left = self.left.checked_sub(wanted.max(1)).ok_or_else(|| malformed(TOO_MANY))?;
        let rows = self.input.read_at(start + 16, wanted * 8)?;
        let (rows, _) = rows.as_chunks::<8>();
        rows.iter()
            .map(|[a, b, c, d, e, f, g, h]| {
                let name = self.name(u32::from_le_bytes([*a, *b, *c, *d]))?;
                Ok((name, u32::from_le_bytes([*e, *f, *g, *h])))
            })
            .collect()
    }

    fn name(&mut self, name: u32) -> io::Result<Name> {
        if name & HIGH_BIT == 0 {
            return Ok(Name::Number(name));
        }
        let start = self.root + u64::from(name & !HIGH_BIT);
        let length = self.input.read_at(start, 2)?;
        let units = length.first_chunk().map_or(0, |raw| u16::from_le_bytes(*raw)).min(64);
        let text = self.input.read_at(start + 2, usize::from(units) * 2)?;
        Ok(Name::Text(super::version::decode_utf16(&text)))
    }

    fn first_language(&mut self, kind: &Name, name: Name, offset: u32) -> io::Result<Option<Resource>> {
        let leaf =
            if offset & HIGH_BIT == 0 { Some(offset) } else { self.directory(offset)?.first().map(|(_, at)| *at) };
        let Some(leaf) = leaf.filter(|leaf| leaf & HIGH_BIT == 0) else { return Ok(None) };
        let entry = self.input.read_at(self.root + u64::from(leaf), 8)?;
        let number = |at: usize| entry.get(at..).and_then(<[u8]>::first_chunk).map(|raw| u32::from_le_bytes(*raw));
        let (Some(address), Some(size_bytes)) = (number(0), number(4)) else { return Ok(None) };
        let file_offset = self.image.file_offset(address);
        Ok(file_offset.map(|file_offset| Resource { kind: kind.clone(), name, file_offset, size_bytes }))
    }
}
