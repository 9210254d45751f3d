//! The version resource (`VS_VERSIONINFO`, learn.microsoft.com/windows/win32/menurc/vs-versioninfo): blocks in blocks,
//! each of a length, the length of its value, a kind, a UTF-16 name, the value and then the blocks inside.

use serde::{Deserialize, Serialize};

/// Blocks on one level that are looked at.
const BLOCKS: usize = 256;

/// What the version resource says, in its first language. Text is trimmed, and absent where nothing is left.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// `ProductName`.
    pub product: Option<String>,
    /// `CompanyName`.
    pub company: Option<String>,
    /// `FileDescription`.
    pub description: Option<String>,
    /// `FileVersion`, as text.
    pub file_version: Option<String>,
    /// `ProductVersion`, as text.
    pub product_version: Option<String>,
    /// `OriginalFilename`.
    pub original_filename: Option<String>,
    /// `LegalCopyright`.
    pub copyright: Option<String>,
    /// The file's version as four numbers, `1.7.0.0`.
    pub fixed_file_version: Option<String>,
    /// The product's version as four numbers.
    pub fixed_product_version: Option<String>,
}

/// `None` where the first block is none. Text is cut to `text_bytes`.
pub(super) fn parse(bytes: &[u8], text_bytes: usize) -> Option<Version> {
    let root = Block::first(bytes)?;
    let mut version = Version::default();
    (version.fixed_file_version, version.fixed_product_version) = parse_fixed(root.value).unzip();
    let Some(strings) = blocks(root.children).find(|block| block.name == "StringFileInfo") else {
        return Some(version);
    };
    let Some(table) = blocks(strings.children).next() else { return Some(version) };
    for string in blocks(table.children) {
        let field = match string.name.as_str() {
            "ProductName" => &mut version.product,
            "CompanyName" => &mut version.company,
            "FileDescription" => &mut version.description,
            "FileVersion" => &mut version.file_version,
            "ProductVersion" => &mut version.product_version,
            "OriginalFilename" => &mut version.original_filename,
            "LegalCopyright" => &mut version.copyright,
            _ => continue,
        };
        *field = string.text(text_bytes);
    }
    Some(version)
}

/// `VS_FIXEDFILEINFO`: the file's version is in the words at 8 and 12, the product's at 16 and 20, upper half first.
fn parse_fixed(value: &[u8]) -> Option<(String, String)> {
    if !value.starts_with(&[0xbd, 0x04, 0xef, 0xfe]) {
        return None;
    }
    let part = |at: usize| read_u16(value, at);
    let version = |at: usize| Some(format!("{}.{}.{}.{}", part(at + 2)?, part(at)?, part(at + 6)?, part(at + 4)?));
    Some((version(8)?, version(16)?))
}

struct Block<'a> {
    name: String,
    value: &'a [u8],
    children: &'a [u8],
    is_text: bool,
    len: usize,
}

impl<'a> Block<'a> {
    fn first(bytes: &'a [u8]) -> Option<Self> {
        let len = usize::from(read_u16(bytes, 0)?);
        let value_len = usize::from(read_u16(bytes, 2)?);
        let is_text = read_u16(bytes, 4)? == 1;
        let body = bytes.get(6..len.min(bytes.len()))?;
        let (name, _) = split_at_zero(body);
        let value_start = align(6 + name.len() + 2);
        let value_bytes = if is_text { value_len * 2 } else { value_len };
        let end = len.min(bytes.len());
        let value = bytes.get(value_start.min(end)..(value_start + value_bytes).min(end))?;
        let children = bytes.get(align(value_start + value_bytes).min(end)..end)?;
        Some(Self { name: decode_utf16(name), value, children, is_text, len })
    }

    /// Some linkers count text in bytes, some in characters; its end is the zero in either case.
    fn text(&self, text_bytes: usize) -> Option<String> {
        if !self.is_text {
            return None;
        }
        let (text, _) = split_at_zero(self.value);
        let text = decode_utf16(text);
        let text = text.trim();
        let text = &text[..text.floor_char_boundary(text_bytes)];
        (!text.is_empty()).then(|| text.to_owned())
    }
}

/// The blocks that follow each other in `bytes`.
fn blocks(bytes: &[u8]) -> impl Iterator<Item = Block<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let block = Block::first(rest)?;
        rest = rest.get(align(block.len.max(1))..).unwrap_or_default();
        Some(block)
    })
    .take(BLOCKS)
}

fn align(offset: usize) -> usize {
    offset.next_multiple_of(4)
}

/// The bytes of whole UTF-16 units before the first zero, and what follows the zero.
fn split_at_zero(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (units, _) = bytes.as_chunks::<2>();
    let len = units.iter().position(|unit| *unit == [0, 0]).unwrap_or(units.len()) * 2;
    (&bytes[..len], bytes.get(len + 2..).unwrap_or_default())
}

/// UTF-16, little-endian.
pub(super) fn decode_utf16(bytes: &[u8]) -> String {
    let (units, _) = bytes.as_chunks::<2>();
    char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit)))
        .map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

fn read_u16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|raw| u16::from_le_bytes(*raw))
}
