//! ISO 9660 as images of programs use it (ECMA-119), with names and links of Rock Ridge (IEEE P1282, "Rock Ridge
//! Interchange Protocol") and files compressed by zisofs (zisofs-tools, `doc/zisofs_format.txt`). Only what lies in the
//! folder at the top is read. Numbers are written twice there; the little-endian ones are read.

use std::io::{Read, Seek};

use super::packing::Packing;
use super::volume::array;
use super::{ITEMS, TopLevel};
use crate::input::Input;

/// What places and sizes are counted in.
const SECTOR_BYTES: u64 = 2_048;
/// The same, for what is in memory.
const SECTOR_LEN: usize = 2_048;
/// Where the primary volume descriptor is.
const DESCRIPTOR: u64 = 16 * SECTOR_BYTES;
/// The listing of the folder at the top.
const FOLDER_BYTES: u32 = 512 * 1024;
/// Links that one name may lead through.
const LINKS: usize = 8;
/// The first bytes of a file that zisofs compressed.
const ZISOFS: [u8; 8] = [0x37, 0xe4, 0x53, 0x96, 0xc9, 0xdb, 0xd6, 0x07];

/// An open file system, which begins where the file does.
pub(crate) struct Iso9660<'a, R> {
    input: &'a mut Input<R>,
    items: Vec<Item>,
}

/// Something in the folder at the top.
#[derive(Debug)]
struct Item {
    name: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Folder,
    /// Where its bytes are, and how many as they lie there.
    File {
        offset: u64,
        size_bytes: u32,
        is_compressed: bool,
    },
    /// A name in the same folder; `None` where it leads elsewhere.
    Link(Option<String>),
}

/// Whether a primary volume descriptor is where it should be.
pub(crate) fn is_iso9660<R: Read + Seek>(input: &mut R) -> std::io::Result<bool> {
    input.seek(std::io::SeekFrom::Start(DESCRIPTOR))?;
    let mut mark = Vec::new();
    input.by_ref().take(6).read_to_end(&mut mark)?;
    Ok(mark == b"\x01CD001")
}

impl<'a, R: Read + Seek> Iso9660<'a, R> {
    /// Reads the volume descriptor and lists the folder at the top.
    ///
    /// # Errors
    /// With the reason, in words.
    pub(crate) fn open(input: &'a mut Input<R>) -> Result<Self, String> {
        let descriptor = read_at(input, DESCRIPTOR, 190)?;
        if !descriptor.starts_with(b"\x01CD001") {
            return Err("no volume descriptor".to_owned());
        }
        let (sector, size_bytes) = place(&descriptor[156..]).ok_or("a volume descriptor that breaks off")?;
        let len = size_bytes.min(FOLDER_BYTES) as usize;
        let listing = read_at(input, u64::from(sector) * SECTOR_BYTES, len)?;
        let items = list(&listing, |offset, len| read_at(input, offset, len).unwrap_or_default());
        Ok(Self { input, items })
    }

    fn find(&self, name: &str) -> Option<&Kind> {
        let mut kind = &self.items.iter().find(|item| item.name == name)?.kind;
        for _ in 0..LINKS {
            let Kind::Link(target) = kind else { return Some(kind) };
            let target = target.as_ref()?;
            kind = &self.items.iter().find(|item| item.name == *target)?.kind;
        }
        None
    }

    /// The blocks of a compressed file, behind a head and a table of where each begins.
    fn decompress(&mut self, offset: u64, max_bytes: u64) -> Result<Vec<u8>, String> {
        let head = read_at(self.input, offset, 16)?;
        let size = array(&head, 8).map_or(0, u32::from_le_bytes);
        let (head_bytes, block_log) = (u64::from(head.get(12).copied().unwrap_or(0)) * 4, head.get(13).copied());
        let block_bytes = match block_log {
            Some(log @ 15..=17) if head.starts_with(&ZISOFS) => 1_usize << log,
            _ => return Err("compressed in a way that is not read".to_owned()),
        };
        check_size(u64::from(size), max_bytes)?;
        let size = size as usize;
        let table = read_at(self.input, offset + head_bytes, (size.div_ceil(block_bytes) + 1) * 4)?;
        let starts: Vec<u32> = table.as_chunks().0.iter().copied().map(u32::from_le_bytes).collect();
        let mut bytes = Vec::new();
        for pair in starts.windows(2) {
            let wanted = (size - bytes.len()).min(block_bytes);
            let packed_bytes = pair[1].checked_sub(pair[0]).ok_or("blocks that run backwards")? as usize;
            let packed = read_at(self.input, offset + u64::from(pair[0]), packed_bytes.min(2 * block_bytes))?;
            if packed.is_empty() {
                bytes.resize(bytes.len() + wanted, 0);
            } else {
                bytes.extend(Packing::Zlib.unpack(self.input, &packed, wanted)?);
            }
        }
        if bytes.len() == size { Ok(bytes) } else { Err(format!("it breaks off at byte {}", bytes.len())) }
    }
}

impl<R: Read + Seek> TopLevel for Iso9660<'_, R> {
    fn names(&mut self) -> Result<Vec<String>, String> {
        let mut names: Vec<String> = self.items.iter().map(|item| item.name.clone()).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn read(&mut self, path: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, String> {
        match self.find(path) {
            Some(&Kind::File { offset, is_compressed: true, .. }) => self.decompress(offset, max_bytes).map(Some),
            Some(&Kind::File { offset, size_bytes, is_compressed: false }) => {
                check_size(u64::from(size_bytes), max_bytes)?;
                let bytes = read_at(self.input, offset, size_bytes as usize)?;
                if bytes.len() == size_bytes as usize { Ok(Some(bytes)) } else { Err("it breaks off".to_owned()) }
            }
            _ => Ok(None),
        }
    }
}

fn check_size(size_bytes: u64, max_bytes: u64) -> Result<(), String> {
    if size_bytes > max_bytes { Err(format!("{size_bytes} bytes, and at most {max_bytes} are read")) } else { Ok(()) }
}

fn read_at<R: Read + Seek>(input: &mut Input<R>, offset: u64, len: usize) -> Result<Vec<u8>, String> {
    input.read_at(offset, len).map_err(|error| error.to_string())
}

/// First sector and size of what a record is about (ECMA-119, 9.1).
fn place(record: &[u8]) -> Option<(u32, u32)> {
    Some((array(record, 2).map(u32::from_le_bytes)?, array(record, 10).map(u32::from_le_bytes)?))
}

/// The records of a folder, none of which crosses a sector, but for those of itself and the one above.
fn list(listing: &[u8], mut elsewhere: impl FnMut(u64, usize) -> Vec<u8>) -> Vec<Item> {
    let mut items = Vec::new();
    let mut at = 0;
    while let Some(&len) = listing.get(at) {
        if items.len() >= ITEMS {
            break;
        }
        let Some(record) = listing.get(at..at + usize::from(len)).filter(|record| record.len() > 33) else {
            // The rest of the sector is empty.
            at = (at / SECTOR_LEN + 1) * SECTOR_LEN;
            continue;
        };
        at += usize::from(len);
        items.extend(parse_record(record, &mut elsewhere));
    }
    items
}

fn parse_record(record: &[u8], elsewhere: impl FnMut(u64, usize) -> Vec<u8>) -> Option<Item> {
    let (sector, size_bytes) = place(record)?;
    let name_bytes = usize::from(record[32]);
    let name = record.get(33..33 + name_bytes)?;
    if matches!(name, [0 | 1]) {
        return None;
    }
    // The name is padded to an even end; what follows is the system's.
    let extra = RockRidge::read(record.get(33 + (name_bytes | 1)..).unwrap_or_default(), elsewhere);
    let kind = match extra.link {
        Some(target) => Kind::Link((!target.is_empty() && !target.contains('/')).then_some(target)),
        None if record[25] & 2 != 0 => Kind::Folder,
        None => Kind::File { offset: u64::from(sector) * SECTOR_BYTES, size_bytes, is_compressed: extra.is_compressed },
    };
    let plain = || String::from_utf8_lossy(name).trim_end_matches(";1").to_owned();
    Some(Item { name: extra.name.unwrap_or_else(plain), kind })
}

/// What the fields of Rock Ridge say of one item.
#[derive(Debug, Default)]
struct RockRidge {
    name: Option<String>,
    link: Option<String>,
    is_compressed: bool,
}

impl RockRidge {
    /// The fields, and those in the places where they go on.
    fn read(fields: &[u8], mut elsewhere: impl FnMut(u64, usize) -> Vec<u8>) -> Self {
        const AREAS: usize = 4;
        let mut found = Self::default();
        let mut area = fields.to_vec();
        for _ in 0..AREAS {
            let Some((offset, len)) = found.take_fields(&area) else { break };
            area = elsewhere(offset, len);
        }
        found
    }

    /// Takes in one area, and says where it goes on.
    fn take_fields(&mut self, mut area: &[u8]) -> Option<(u64, usize)> {
        let mut next = None;
        while let [first, second, len, _, ..] = *area {
            let Some(field) = area.get(4..usize::from(len)) else { break };
            match &[first, second] {
                b"NM" => self.name.get_or_insert_default().push_str(&text(field.get(1..))),
                b"SL" => self.link.get_or_insert_default().push_str(&link_target(field.get(1..))),
                b"ZF" => self.is_compressed = field.starts_with(b"pz"),
                b"CE" => next = continuation(field),
                _ => {}
            }
            area = &area[usize::from(len)..];
        }
        next
    }
}

fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}

/// The parts of a link, with slashes between them.
fn link_target(parts: Option<&[u8]>) -> String {
    const ROOT: u8 = 8;
    let mut rest = parts.unwrap_or_default();
    let mut target = Vec::new();
    while let [flags, len, ..] = *rest {
        let Some(part) = rest.get(2..2 + usize::from(len)) else { break };
        target.push(match flags {
            2 => ".".to_owned(),
            4 => "..".to_owned(),
            ROOT => String::new(),
            _ => text(Some(part)),
        });
        rest = &rest[2 + usize::from(len)..];
    }
    target.join("/")
}

fn continuation(field: &[u8]) -> Option<(u64, usize)> {
    let number = |at| array(field, at).map(u32::from_le_bytes);
    let offset = u64::from(number(0)?) * SECTOR_BYTES + u64::from(number(8)?);
    Some((offset, (number(16)? as usize).min(SECTOR_LEN)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_links_are_put_together_from_their_fields() {
        let mut fields = b"NM\x0a\x01\x01.DirINM\x08\x01\0con".to_vec();
        fields.extend(b"SL\x0d\x01\0\0\x06ab.pngZF\x10\x01pz\x04\x0f\0\0\0\0\0\0\0\0");
        let found = RockRidge::read(&fields, |_, _| Vec::new());
        assert_eq!(found.name.as_deref(), Some(".DirIcon"));
        assert_eq!(found.link.as_deref(), Some("ab.png"));
        assert!(found.is_compressed);
    }

    #[test]
    fn a_field_of_no_length_ends_the_area() {
        let found = RockRidge::read(b"NM\x00\x01\x00abcd", |_, _| Vec::new());
        assert_eq!(found.name, None);
    }

    #[test]
    fn areas_that_lead_to_themselves_end() {
        let area = [b"CE\x1c\x01".as_slice(), &[1; 24]].concat();
        let mut asked = 0;
        RockRidge::read(&area, |_, _| {
            asked += 1;
            area.clone()
        });
        assert!(asked <= 4);
    }
}
