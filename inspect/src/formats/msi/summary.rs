//! The summary information: a property set (`[MS-OLEPS]`, 2.21).

use std::io;

use super::malformed;

/// `PIDSI_SUBJECT` and `PIDSI_TEMPLATE`.
const SUBJECT: u32 = 3;
const TEMPLATE: u32 = 7;
/// `VT_LPSTR`.
const STRING: u32 = 30;
/// Properties that are looked at; a summary has some fifteen.
const PROPERTIES: u32 = 64;
const TEXT_BYTES: usize = 1_024;

/// What the summary says.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) subject: Option<String>,
    pub(super) template: Option<String>,
}

pub(super) fn parse(bytes: &[u8]) -> io::Result<Summary> {
    let broken = || malformed("it breaks off");
    // Byte order, version, system, class, count of sets; then the class of the first set and its offset at 44.
    let set = read_u32(bytes, 44).and_then(|offset| bytes.get(offset as usize..)).ok_or_else(broken)?;
    let count = read_u32(set, 4).ok_or_else(broken)?.min(PROPERTIES) as usize;
    let find = |id: u32| {
        let entry = (0..count).map(|index| 8 + index * 8).find(|at| read_u32(set, *at) == Some(id))?;
        let value = set.get(read_u32(set, entry + 4)? as usize..)?;
        (read_u32(value, 0)? == STRING).then(|| parse_string(value)).flatten()
    };
    Ok(Summary { subject: find(SUBJECT).filter(|text| !text.is_empty()), template: find(TEMPLATE) })
}

/// A type, a length in bytes, and text up to a zero.
fn parse_string(value: &[u8]) -> Option<String> {
    let len = read_u32(value, 4)? as usize;
    let text = value.get(8..8usize.checked_add(len)?)?.split(|byte| *byte == 0).next()?;
    Some(String::from_utf8_lossy(&text[..text.len().min(TEXT_BYTES)]).trim().to_owned())
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|raw| u32::from_le_bytes(*raw))
}
