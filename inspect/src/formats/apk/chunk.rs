//! The chunks that binary XML and `resources.arsc` are made of, and their string pools.
//!
//! Source: `ResourceTypes.h` of the Android framework (`ResChunk_header`, `ResStringPool_header`). All numbers are
//! little-endian. Nothing is copied: strings are decoded when asked for.

pub(super) const STRING_POOL: u16 = 0x0001;
pub(super) const TABLE: u16 = 0x0002;
pub(super) const XML: u16 = 0x0003;
pub(super) const XML_START: u16 = 0x0102;
pub(super) const XML_END: u16 = 0x0103;
pub(super) const XML_RESOURCE_MAP: u16 = 0x0180;
pub(super) const TABLE_PACKAGE: u16 = 0x0200;
pub(super) const TABLE_TYPE: u16 = 0x0201;

/// One chunk, header and all; offsets inside count from its first byte.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk<'a> {
    pub(super) kind: u16,
    /// Where its own fields end and its contents begin.
    pub(super) header_bytes: usize,
    pub(super) bytes: &'a [u8],
}

impl<'a> Chunk<'a> {
    pub(super) fn u8_at(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    pub(super) fn u16_at(&self, at: usize) -> Option<u16> {
        u16_at(self.bytes, at)
    }

    pub(super) fn u32_at(&self, at: usize) -> Option<u32> {
        u32_at(self.bytes, at)
    }

    /// The chunks inside.
    pub(super) fn children(&self) -> Chunks<'a> {
        Chunks { rest: self.bytes.get(self.header_bytes..).unwrap_or_default() }
    }
}

/// Walks chunk after chunk; ends where the bytes do or make no sense.
#[derive(Debug, Clone)]
pub(super) struct Chunks<'a> {
    rest: &'a [u8],
}

/// The chunks that `bytes` consist of.
pub(super) fn chunks(bytes: &[u8]) -> Chunks<'_> {
    Chunks { rest: bytes }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    fn next(&mut self) -> Option<Chunk<'a>> {
        let kind = u16_at(self.rest, 0)?;
        let header_bytes = usize::from(u16_at(self.rest, 2)?);
        let size = usize::try_from(u32_at(self.rest, 4)?).ok()?;
        if header_bytes < 8 || size < header_bytes {
            return None;
        }
        let (bytes, rest) = self.rest.split_at_checked(size).unwrap_or((self.rest, &[]));
        self.rest = rest;
        Some(Chunk { kind, header_bytes, bytes })
    }
}

/// Strings by number.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StringPool<'a> {
    offsets: &'a [u8],
    strings: &'a [u8],
    is_utf8: bool,
}

impl<'a> StringPool<'a> {
    pub(super) fn parse(chunk: Chunk<'a>) -> Option<Self> {
        let count = usize::try_from(chunk.u32_at(8)?).ok()?;
        let strings_start = usize::try_from(chunk.u32_at(20)?).ok()?;
        let offsets = chunk.bytes.get(chunk.header_bytes..)?;
        let offsets = offsets.get(..count.checked_mul(4)?).unwrap_or(offsets);
        let strings = chunk.bytes.get(strings_start..).unwrap_or_default();
        Some(Self { offsets, strings, is_utf8: chunk.u32_at(16)? & 0x100 != 0 })
    }

    /// The string of that number, of at most about `max_bytes` bytes.
    pub(super) fn get(&self, index: u32, max_bytes: usize) -> Option<String> {
        let offset = u32_at(self.offsets, usize::try_from(index).ok()?.checked_mul(4)?)?;
        let bytes = self.strings.get(usize::try_from(offset).ok()?..)?;
        if self.is_utf8 { decode_utf8(bytes, max_bytes) } else { decode_utf16(bytes, max_bytes) }
    }
}

/// Its length in UTF-16 units, its length in bytes, its bytes; each length one byte, or two with the first one's high bit.
fn decode_utf8(bytes: &[u8], max_bytes: usize) -> Option<String> {
    let length = |at: usize| {
        let first = usize::from(*bytes.get(at)?);
        if first & 0x80 == 0 {
            return Some((first, at + 1));
        }
        Some(((first & 0x7f) << 8 | usize::from(*bytes.get(at + 1)?), at + 2))
    };
    let (_, at) = length(0)?;
    let (len, at) = length(at)?;
    let text = bytes.get(at..)?;
    Some(String::from_utf8_lossy(&text[..len.min(max_bytes).min(text.len())]).into_owned())
}

/// Its length in units, one or two of them, and its units.
fn decode_utf16(bytes: &[u8], max_bytes: usize) -> Option<String> {
    let first = usize::from(u16_at(bytes, 0)?);
    let (len, at) =
        if first & 0x8000 == 0 { (first, 2) } else { ((first & 0x7fff) << 16 | usize::from(u16_at(bytes, 2)?), 4) };
    let units = bytes.get(at..)?.chunks_exact(2).take(len.min(max_bytes));
    let units = units.map(|raw| u16::from_le_bytes([raw[0], raw[1]]));
    Some(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let raw = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes([raw[0], raw[1]]))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let raw = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]]))
}
