//! The table `Property`: names and values as numbers of strings in a pool.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek};

use cfb::CompoundFile;

use super::{malformed, read_stream};
use crate::Limits;

/// Properties that are kept.
const PROPERTIES: usize = 2_000;

/// All properties of a package by name.
pub(super) fn read_properties<R: Read + Seek>(
    file: &mut CompoundFile<R>,
    limits: &Limits,
) -> io::Result<BTreeMap<String, String>> {
    let pool = read_stream(file, &encode_table_name("_StringPool"), limits.file_bytes)?;
    let data = read_stream(file, &encode_table_name("_StringData"), limits.file_bytes)?;
    let table = read_stream(file, &encode_table_name("Property"), limits.file_bytes)?;
    let header = read_u16(&pool, 2).ok_or_else(|| malformed("the pool of strings is empty"))?;
    let index_bytes = if header & 0x8000 == 0 { 2 } else { 3 };
    // A table is stored by column: all names, then all values.
    let rows = table.len() / (2 * index_bytes);
    let index = |column: usize, row: usize| {
        let at = (column * rows + row) * index_bytes;
        table.get(at..at + index_bytes).map(|raw| raw.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    };
    let pairs: Vec<(usize, usize)> =
        (0..rows.min(PROPERTIES)).filter_map(|row| Some((index(0, row)?, index(1, row)?))).collect();
    let wanted = pairs.iter().flat_map(|(name, value)| [(*name, None), (*value, None)]).collect();
    let strings = find_strings(&pool, &data, wanted, limits.text_bytes);
    let string = |index: usize| strings.get(&index).cloned().flatten();
    Ok(pairs.into_iter().filter_map(|(name, value)| Some((string(name)?, string(value)?))).collect())
}

/// The pool has four bytes per string, its length and how often it is used; the strings follow each other in the data. A
/// length of 0 that is used says that the length is in the next four bytes.
fn find_strings(
    pool: &[u8],
    data: &[u8],
    mut wanted: BTreeMap<usize, Option<String>>,
    text_bytes: usize,
) -> BTreeMap<usize, Option<String>> {
    let (entries, _) = pool.as_chunks::<4>();
    let mut entries = entries.iter().skip(1);
    let (mut index, mut at) = (1, 0usize);
    while let Some([a, b, c, d]) = entries.next() {
        let mut len = usize::from(u16::from_le_bytes([*a, *b]));
        if len == 0 && (*c, *d) != (0, 0) {
            let Some(long) = entries.next() else { break };
            len = u32::from_le_bytes(*long) as usize;
        }
        let end = at.saturating_add(len);
        if let Some(slot) = wanted.get_mut(&index) {
            *slot = data.get(at..end).map(|bytes| decode(&bytes[..bytes.len().min(text_bytes)]));
        }
        (index, at) = (index + 1, end);
    }
    wanted
}

/// UTF-8 where it is that; else as Windows-1252 has it, near enough for a name in any Western code page.
fn decode(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(error) if error.error_len().is_none() => {
            String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned()
        }
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// Names of streams are packed: two characters of `0-9A-Za-z._` into one from U+3800 on, the last one alone from U+4800 on,
/// and U+4840 before the name of a table.
fn encode_table_name(name: &str) -> String {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'Z' => u32::from(byte - b'A') + 10,
        b'a'..=b'z' => u32::from(byte - b'a') + 36,
        b'.' => 62,
        _ => 63,
    };
    let packed = name.as_bytes().chunks(2).map(|pair| match pair {
        [first, second] => 0x3800 + digit(*first) + (digit(*second) << 6),
        _ => 0x4800 + digit(pair[0]),
    });
    std::iter::once(0x4840).chain(packed).filter_map(char::from_u32).collect()
}

fn read_u16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|raw| u16::from_le_bytes(*raw))
}
