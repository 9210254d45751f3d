//! A ZIP archive, read through its central directory with bounded memory.
//!
//! The directory is kept as the bytes that it is, and looked through; no entry costs an allocation. Entries are read one
//! at a time, each up to a size that the caller names. Only entries stored or deflated can be read: every format here
//! uses no other method.

mod directory;
mod oddities;

use std::io::{self, Read, Seek, SeekFrom};

use flate2::read::DeflateDecoder;

use crate::Entry;
use crate::files::Files;
use crate::input::Input;
use crate::notes::{Notes, Unreadable};

use directory::Directory;
pub(crate) use directory::Member;

/// An open archive. Reads from the artifact only when asked for an entry.
#[derive(Debug)]
pub(crate) struct Archive<'a, R> {
    input: &'a mut Input<R>,
    directory: Directory,
}

/// Reads the central directory of `input`.
pub(crate) fn open<R: Read + Seek>(input: &mut Input<R>) -> Result<Archive<'_, R>, Unreadable> {
    let directory = directory::read(input)?;
    Ok(Archive { input, directory })
}

impl<R: Read + Seek> Archive<'_, R> {
    /// Names of all entries in the order of the archive, folders (`a/`) included; names that are no UTF-8 left out.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.members().filter_map(|member| std::str::from_utf8(member.name).ok())
    }

    /// All entries in the order of the archive.
    pub(crate) fn members(&self) -> impl Iterator<Item = Member<'_>> {
        self.directory.members()
    }

    /// The entry called `name`; the last one where there are several, as most readers have it.
    pub(crate) fn member(&self, name: &str) -> Option<Member<'_>> {
        self.directory.find(name.as_bytes())
    }

    /// Whether there is an entry called `name`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.member(name).is_some()
    }

    /// Offset of the central directory in the artifact.
    pub(crate) fn directory_offset(&self) -> u64 {
        self.directory.offset
    }

    /// Offset of the end of central directory record in the artifact.
    pub(crate) fn end_offset(&self) -> u64 {
        self.directory.end_offset
    }

    /// The artifact itself, for what lies outside the entries.
    pub(crate) fn input(&mut self) -> &mut Input<R> {
        self.input
    }

    /// The whole entry, its size and CRC-32 checked. Refused where it has more than `max_bytes` bytes.
    pub(crate) fn read(&mut self, name: &str, max_bytes: u64) -> Result<Vec<u8>, Unreadable> {
        let Plan { size_bytes, crc32, .. } = self.plan(name)?;
        if size_bytes > max_bytes {
            let why = format!("{size_bytes} bytes, and at most {max_bytes} are read");
            return Err(Unreadable::new("entry-too-large", name, why));
        }
        let bytes = self.read_head(name, size_bytes.saturating_add(1))?;
        if bytes.len() as u64 != size_bytes {
            let why = format!("{} bytes or more, where the archive says {size_bytes}", bytes.len());
            return Err(Unreadable::new("entry-size-differs", name, why));
        }
        if crc32fast::hash(&bytes) != crc32 {
            return Err(Unreadable::new("entry-damaged", name, "its bytes differ from its CRC-32"));
        }
        Ok(bytes)
    }

    /// The first `len` bytes of an entry, or as many as it has. Nothing is checked against the directory.
    pub(crate) fn read_head(&mut self, name: &str, len: u64) -> Result<Vec<u8>, Unreadable> {
        let unreadable = |why: io::Error| Unreadable::new("entry-unreadable", name, why);
        let mut bytes = Vec::new();
        self.stream(name)?.take(len).read_to_end(&mut bytes).map_err(unreadable)?;
        self.input.spend(bytes.len() as u64).map_err(unreadable)?;
        Ok(bytes)
    }

    /// An entry to be read forward, for what lies far inside. It ends early rather than at more than the limit allows.
    pub(crate) fn stream(&mut self, name: &str) -> Result<Box<dyn Read + '_>, Unreadable> {
        let plan = self.plan(name)?;
        let unreadable = |why: io::Error| Unreadable::new("entry-unreadable", name, why);
        let start = self.data_offset(&plan).map_err(unreadable)?;
        self.input.seek(SeekFrom::Start(start)).map_err(unreadable)?;
        let left = self.input.left();
        let packed = self.input.by_ref().take(plan.compressed_bytes);
        match plan.method {
            0 => Ok(Box::new(packed)),
            8 => Ok(Box::new(DeflateDecoder::new(packed).take(left))),
            method => Err(unreadable(io::Error::other(format!("compressed by method {method}, which is not read")))),
        }
    }

    /// Lists the files inside, and reports entries that two readers may understand differently.
    pub(crate) fn list_entries(&self, notes: &mut Notes<'_>) {
        for member in self.members().filter(|member| !member.is_folder()) {
            notes.entry(Entry {
                path: member.shown(notes.limits.text_bytes),
                size_bytes: member.size_bytes,
                compressed_bytes: Some(member.compressed_bytes),
                crc32: Some(format!("{:08x}", member.crc32)),
            });
        }
        if self.directory.is_cut {
            notes.warning("too-many-entries", "The archive has more entries than are looked through.");
        }
        oddities::report(&self.directory, notes);
    }

    fn plan(&self, name: &str) -> Result<Plan, Unreadable> {
        let member = self.member(name).ok_or_else(|| Unreadable::new("entry-missing", name, "not in the archive"))?;
        if member.is_encrypted() {
            return Err(Unreadable::new("entry-encrypted", name, "encrypted with a password"));
        }
        Ok(Plan {
            header_offset: member.header_offset,
            size_bytes: member.size_bytes,
            compressed_bytes: member.compressed_bytes,
            crc32: member.crc32,
            method: member.method,
        })
    }

    /// APPNOTE.TXT 4.3.7: the data begins behind the local header, its name and its extra field.
    fn data_offset(&mut self, plan: &Plan) -> io::Result<u64> {
        const HEADER: usize = 30;
        let header = self.input.read_at(plan.header_offset, HEADER)?;
        let length = |at: usize| header.get(at..at + 2).map(|raw| u64::from(u16::from_le_bytes([raw[0], raw[1]])));
        match (header.starts_with(b"PK\x03\x04"), length(26), length(28)) {
            (true, Some(name), Some(extra)) => Ok(plan.header_offset.saturating_add(HEADER as u64 + name + extra)),
            _ => Err(io::Error::other(format!("no local header at byte {}", plan.header_offset))),
        }
    }
}

impl<R: Read + Seek> Files for Archive<'_, R> {
    fn has(&mut self, path: &str) -> bool {
        Archive::has(self, path)
    }

    fn read(&mut self, path: &str, max_bytes: u64) -> Result<Vec<u8>, Unreadable> {
        Archive::read(self, path, max_bytes)
    }

    fn stream(&mut self, path: &str) -> Result<Box<dyn Read + '_>, Unreadable> {
        Archive::stream(self, path)
    }
}

/// What reading an entry takes, apart from the directory that it is from.
#[derive(Debug)]
struct Plan {
    header_offset: u64,
    size_bytes: u64,
    compressed_bytes: u64,
    crc32: u32,
    method: u16,
}
