//! The central directory of a ZIP archive (APPNOTE.TXT 6.3.10, 4.3.12 to 4.3.16 and 4.5.3).

use std::borrow::Cow;
use std::io::{self, Read, Seek};

use crate::input::Input;
use crate::notes::Unreadable;

/// As much of a central directory as is kept: some 300,000 entries with paths of usual length.
const MAX_DIRECTORY_BYTES: u64 = 24 * 1024 * 1024;
/// More entries than an APK, an app or an installer has; each costs eight bytes beside the directory itself.
const MAX_ENTRIES: usize = 500_000;
const END_LEN: usize = 22;
const MAX_COMMENT: usize = 0xffff;
const HEADER_LEN: usize = 46;

/// The raw central directory, and where in it the entries begin.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) offset: u64,
    pub(super) end_offset: u64,
    /// Whether the directory says more than was kept.
    pub(super) is_cut: bool,
    /// What offsets in the archive lack: bytes before its beginning.
    base: u64,
    bytes: Vec<u8>,
    starts: Vec<u32>,
    /// Indices into `starts`, ordered by the name of the entry, then by place.
    by_name: Vec<u32>,
}

/// One entry as the central directory describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member<'a> {
    /// Its path, in whatever encoding the archive has.
    pub(crate) name: &'a [u8],
    /// Size in bytes, uncompressed, as claimed.
    pub(crate) size_bytes: u64,
    /// Size in the archive in bytes, as claimed.
    pub(crate) compressed_bytes: u64,
    /// CRC-32 of the uncompressed bytes, as claimed.
    pub(crate) crc32: u32,
    /// Where its local header is in the artifact.
    pub(crate) header_offset: u64,
    /// Compression method: 0 stored, 8 deflated (4.4.5).
    pub(crate) method: u16,
    flags: u16,
}

impl<'a> Member<'a> {
    pub(crate) fn is_folder(&self) -> bool {
        self.name.ends_with(b"/")
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.flags & 1 != 0
    }

    /// The path for people, of at most `max_bytes` bytes before what is no UTF-8 is replaced.
    pub(crate) fn shown(&self, max_bytes: usize) -> String {
        let shown: Cow<'a, str> = String::from_utf8_lossy(self.name.get(..max_bytes).unwrap_or(self.name));
        shown.into_owned()
    }
}

impl Directory {
    pub(super) fn members(&self) -> impl Iterator<Item = Member<'_>> {
        (0..self.starts.len()).filter_map(|index| self.get(index))
    }

    /// All entries ordered by name, and those of one name by place.
    pub(super) fn members_by_name(&self) -> impl Iterator<Item = Member<'_>> {
        self.by_name.iter().filter_map(|index| self.get(*index as usize))
    }

    pub(super) fn find(&self, name: &[u8]) -> Option<Member<'_>> {
        let end = self.by_name.partition_point(|index| self.name(*index) <= name);
        let member = self.get(*self.by_name.get(end.checked_sub(1)?)? as usize)?;
        (member.name == name).then_some(member)
    }

    fn get(&self, index: usize) -> Option<Member<'_>> {
        parse_member(self.bytes.get(*self.starts.get(index)? as usize..)?, self.base)
    }

    fn name(&self, index: u32) -> &[u8] {
        self.get(index as usize).map_or(&[], |member| member.name)
    }
}

/// Where the end record says that the directory is.
#[derive(Debug)]
struct End {
    record_offset: u64,
    directory_offset: u64,
    directory_bytes: u64,
}

pub(super) fn read<R: Read + Seek>(input: &mut Input<R>) -> Result<Directory, Unreadable> {
    let unreadable = |why: io::Error| Unreadable::new("zip-unreadable", "central directory", why);
    let end = read_end(input).map_err(unreadable)?;
    let (offset, base) = locate(input, &end).map_err(unreadable)?;
    let kept_bytes = end.directory_bytes.min(MAX_DIRECTORY_BYTES);
    let bytes = input.read_at(offset, usize::try_from(kept_bytes).unwrap_or(0)).map_err(unreadable)?;
    let starts = parse_starts(&bytes, base);
    let is_cut = end.directory_bytes > MAX_DIRECTORY_BYTES || starts.len() == MAX_ENTRIES;
    let by_name = (0..u32::try_from(starts.len()).unwrap_or(0)).collect();
    let mut directory = Directory { offset, end_offset: end.record_offset, is_cut, base, bytes, starts, by_name };
    let mut by_name = std::mem::take(&mut directory.by_name);
    by_name.sort_unstable_by(|a, b| directory.name(*a).cmp(directory.name(*b)).then(a.cmp(b)));
    directory.by_name = by_name;
    Ok(directory)
}

/// The end record closest to the end whose comment fits (4.3.16); the ZIP64 one where it defers to that (4.3.14, 4.3.15).
fn read_end<R: Read + Seek>(input: &mut Input<R>) -> io::Result<End> {
    let tail_bytes = input.len().min((END_LEN + MAX_COMMENT) as u64);
    let tail_offset = input.len() - tail_bytes;
    let tail = input.read_at(tail_offset, END_LEN + MAX_COMMENT)?;
    let fits = |at: &usize| {
        let record = &tail[*at..];
        record.starts_with(b"PK\x05\x06") && END_LEN + usize::from(u16_at(record, 20)) <= record.len()
    };
    let at = (0..(tail.len() + 1).saturating_sub(END_LEN)).rev().find(fits);
    let at = at.ok_or_else(|| io::Error::other("no end of central directory record; is the file whole?"))?;
    let record = &tail[at..];
    let record_offset = tail_offset + at as u64;
    let (bytes, offset) = (u32_at(record, 12), u32_at(record, 16));
    if (bytes == u32::MAX || offset == u32::MAX)
        && let Some(end) = read_end64(input, record_offset)?
    {
        return Ok(end);
    }
    Ok(End { record_offset, directory_offset: u64::from(offset), directory_bytes: u64::from(bytes) })
}

fn read_end64<R: Read + Seek>(input: &mut Input<R>, record_offset: u64) -> io::Result<Option<End>> {
    let Some(locator_offset) = record_offset.checked_sub(20) else { return Ok(None) };
    let locator = input.read_at(locator_offset, 20)?;
    if !locator.starts_with(b"PK\x06\x07") {
        return Ok(None);
    }
    let record = input.read_at(u64_at(&locator, 8), 56)?;
    Ok(record.starts_with(b"PK\x06\x06").then(|| End {
        record_offset,
        directory_offset: u64_at(&record, 48),
        directory_bytes: u64_at(&record, 40),
    }))
}

/// Offset of the directory in the artifact, and the bytes that stand before the archive.
fn locate<R: Read + Seek>(input: &mut Input<R>, end: &End) -> io::Result<(u64, u64)> {
    if end.directory_bytes == 0 {
        return Ok((end.directory_offset.min(end.record_offset), 0));
    }
    if input.read_at(end.directory_offset, 4)? == b"PK\x01\x02" {
        return Ok((end.directory_offset, 0));
    }
    let before_end = end.record_offset.checked_sub(end.directory_bytes);
    match before_end.and_then(|offset| Some((offset, offset.checked_sub(end.directory_offset)?))) {
        Some((offset, base)) if input.read_at(offset, 4)? == b"PK\x01\x02" => Ok((offset, base)),
        _ => Err(io::Error::other(format!("not at byte {}, where its end record says", end.directory_offset))),
    }
}

fn parse_starts(bytes: &[u8], base: u64) -> Vec<u32> {
    let mut starts = Vec::new();
    let mut at = 0;
    while starts.len() < MAX_ENTRIES {
        let Some(rest) = bytes.get(at..) else { break };
        let (Some(_), Ok(start)) = (parse_member(rest, base), u32::try_from(at)) else { break };
        starts.push(start);
        at +=
            HEADER_LEN + usize::from(u16_at(rest, 28)) + usize::from(u16_at(rest, 30)) + usize::from(u16_at(rest, 32));
    }
    starts
}

/// A central directory header (4.3.12).
fn parse_member(bytes: &[u8], base: u64) -> Option<Member<'_>> {
    if bytes.len() < HEADER_LEN || !bytes.starts_with(b"PK\x01\x02") {
        return None;
    }
    let name_end = HEADER_LEN + usize::from(u16_at(bytes, 28));
    let name = bytes.get(HEADER_LEN..name_end)?;
    let extra = bytes.get(name_end..name_end + usize::from(u16_at(bytes, 30)))?;
    let mut wide = zip64_values(extra);
    let mut widen = |short: u32| if short == u32::MAX { wide.next().unwrap_or(u64::from(short)) } else { short.into() };
    let size_bytes = widen(u32_at(bytes, 24));
    let compressed_bytes = widen(u32_at(bytes, 20));
    let header_offset = widen(u32_at(bytes, 42)).saturating_add(base);
    let (flags, method, crc32) = (u16_at(bytes, 8), u16_at(bytes, 10), u32_at(bytes, 16));
    Some(Member { name, size_bytes, compressed_bytes, crc32, header_offset, method, flags })
}

/// The ZIP64 extra field holds, in this order, those of the three values that did not fit (4.5.3).
fn zip64_values(extra: &[u8]) -> impl Iterator<Item = u64> {
    let mut rest = extra;
    let mut found: &[u8] = &[];
    while rest.len() >= 4 {
        let end = (4 + usize::from(u16_at(rest, 2))).min(rest.len());
        if u16_at(rest, 0) == 1 {
            found = &rest[4..end];
            break;
        }
        rest = &rest[end..];
    }
    found.chunks_exact(8).map(|raw| u64_at(raw, 0))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |raw| u16::from_le_bytes([raw[0], raw[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
