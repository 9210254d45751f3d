//! Property lists, XML and binary, through the `plist` crate, behind bounds.
//!
//! The crate builds a tree that it also drops by recursion, and a few hundred bytes of a binary list can stand for
//! millions of values, because objects are shared by reference. So the shape is measured first, without a tree.

use plist::{Dictionary, Value};
use quick_xml::events::Event;

/// Levels of arrays and dictionaries.
const DEPTH: usize = 48;
/// Values, keys included, with shared ones counted each time they are used.
const VALUES: usize = 100_000;
/// Bytes of text and data, with shared ones counted each time.
const BYTES: usize = 16 * 1024 * 1024;

/// The dictionary that a property list is.
///
/// # Errors
/// With the reason, in words.
pub(crate) fn parse_plist(bytes: &[u8]) -> Result<Dictionary, String> {
    let value = if bytes.starts_with(b"bplist00") {
        check_binary(bytes)?;
        Value::from_reader(std::io::Cursor::new(bytes))
    } else {
        check_xml(bytes)?;
        Value::from_reader_xml(bytes)
    };
    let value = value.map_err(|error| format!("not a property list: {error}"))?;
    value.into_dictionary().ok_or_else(|| "a property list, but no dictionary".to_owned())
}

/// Reads values by key; what is absent or of another type is `None`. Texts are cut to a length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) dictionary: &'a Dictionary,
    pub(crate) text_bytes: usize,
}

impl<'a> Reading<'a> {
    /// A text that is not blank.
    pub(crate) fn text(self, key: &str) -> Option<String> {
        let text = self.dictionary.get(key)?.as_string()?.trim();
        (!text.is_empty()).then(|| cut(text, self.text_bytes))
    }

    /// The texts of an array, or a single text, up to `limit` of them.
    pub(crate) fn texts(self, key: &str, limit: usize) -> Vec<String> {
        match self.dictionary.get(key) {
            Some(Value::String(text)) => vec![cut(text, self.text_bytes)],
            Some(Value::Array(items)) => {
                let texts = items.iter().filter_map(Value::as_string);
                texts.take(limit).map(|text| cut(text, self.text_bytes)).collect()
            }
            _ => Vec::new(),
        }
    }

    pub(crate) fn flag(self, key: &str) -> Option<bool> {
        self.dictionary.get(key)?.as_boolean()
    }

    /// A date as RFC 3339 in UTC.
    pub(crate) fn date(self, key: &str) -> Option<String> {
        self.dictionary.get(key)?.as_date().map(|date| date.to_xml_format())
    }

    pub(crate) fn array(self, key: &str) -> &'a [Value] {
        self.dictionary.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn within(self, key: &str) -> Option<Self> {
        let dictionary = self.dictionary.get(key)?.as_dictionary()?;
        Some(Self { dictionary, ..self })
    }
}

/// At most `max_bytes` bytes, ending between characters.
pub(crate) fn cut(text: &str, max_bytes: usize) -> String {
    text[..text.floor_char_boundary(max_bytes)].to_owned()
}

fn check_xml(bytes: &[u8]) -> Result<(), String> {
    let mut reader = quick_xml::Reader::from_reader(bytes);
    let (mut depth, mut values) = (0usize, 0usize);
    loop {
        match reader.read_event().map_err(|error| format!("not a property list: {error}"))? {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Empty(_) => {}
            Event::Eof => return Ok(()),
            _ => continue,
        }
        values += 1;
        // Each element is one event or two, and `<plist>` is a level of its own.
        if depth > DEPTH || values > 2 * VALUES {
            return Err("a property list of more values or levels than are read".to_owned());
        }
    }
}

/// Walks a binary list (CFBinaryPList.c in Apple's CF) as a reader would, and counts. What makes no sense is left to
/// the reader to refuse.
fn check_binary(bytes: &[u8]) -> Result<(), String> {
    let Some(table) = Table::parse(bytes) else { return Err("a binary property list without a trailer".to_owned()) };
    let (mut values, mut data_bytes) = (0usize, 0usize);
    let mut open: Vec<References<'_>> = Vec::new();
    let mut next = Some(table.root);
    loop {
        if let Some(reference) = next.take() {
            values += 1;
            match table.object(reference) {
                Some(Object::Collection(references)) => open.push(references),
                Some(Object::Bytes(len)) => data_bytes = data_bytes.saturating_add(len),
                None => {}
            }
        }
        if open.len() > DEPTH || values > VALUES || data_bytes > BYTES {
            return Err("a property list of more values or levels than are read".to_owned());
        }
        let Some(references) = open.last_mut() else { return Ok(()) };
        next = references.next();
        if next.is_none() {
            open.pop();
        }
    }
}

/// The offset table of a binary list.
#[derive(Debug)]
struct Table<'a> {
    bytes: &'a [u8],
    offsets: &'a [u8],
    offset_size: usize,
    reference_size: usize,
    root: usize,
}

#[derive(Debug)]
enum Object<'a> {
    Collection(References<'a>),
    Bytes(usize),
}

#[derive(Debug)]
struct References<'a> {
    rest: &'a [u8],
    size: usize,
}

impl Iterator for References<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let (first, rest) = self.rest.split_at_checked(self.size)?;
        self.rest = rest;
        (!first.is_empty()).then(|| big_endian(first))
    }
}

impl<'a> Table<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let trailer = bytes.get(bytes.len().checked_sub(32)?..)?;
        let offsets = bytes.get(big_endian(&trailer[24..32])..)?;
        let (offset_size, reference_size) = (usize::from(trailer[6]), usize::from(trailer[7]));
        let root = big_endian(&trailer[16..24]);
        (offset_size > 0 && reference_size > 0).then_some(Self { bytes, offsets, offset_size, reference_size, root })
    }

    fn object(&self, reference: usize) -> Option<Object<'a>> {
        let start = reference.checked_mul(self.offset_size)?;
        let offset = big_endian(self.offsets.get(start..start.checked_add(self.offset_size)?)?);
        let (marker, rest) = self.bytes.get(offset..)?.split_first()?;
        let (len, rest) = match marker & 0x0f {
            0x0f => {
                let size = 1usize << (rest.first()? & 3);
                let (len, rest) = rest[1..].split_at_checked(size)?;
                (big_endian(len), rest)
            }
            len => (usize::from(len), rest),
        };
        match marker >> 4 {
            kind @ (0xa | 0xd) => {
                let count = if kind == 0xd { len.checked_mul(2)? } else { len };
                let rest = rest.get(..count.checked_mul(self.reference_size)?)?;
                Some(Object::Collection(References { rest, size: self.reference_size }))
            }
            0x4 | 0x5 => Some(Object::Bytes(len)),
            0x6 => Some(Object::Bytes(len.saturating_mul(2))),
            _ => None,
        }
    }
}

/// Numbers that do not fit saturate, and lead to nowhere.
fn big_endian(bytes: &[u8]) -> usize {
    bytes.iter().fold(0usize, |number, byte| number.checked_mul(256).map_or(usize::MAX, |n| n | usize::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `levels` arrays that each hold the next one `width` times; the last holds an integer.
    fn nested(levels: u8, width: u8) -> Vec<u8> {
        let mut bytes = b"bplist00".to_vec();
        let mut offsets = Vec::new();
        for level in 0..levels {
            offsets.push(u16::try_from(bytes.len()).unwrap());
            bytes.extend([0xaf, 0x10, width]);
            bytes.extend(std::iter::repeat_n(level + 1, usize::from(width)));
        }
        offsets.push(u16::try_from(bytes.len()).unwrap());
        bytes.extend([0x10, 1]);
        let table = bytes.len() as u64;
        bytes.extend(offsets.iter().flat_map(|offset| offset.to_be_bytes()));
        bytes.extend([0, 0, 0, 0, 0, 0, 2, 1]);
        bytes.extend((offsets.len() as u64).to_be_bytes());
        bytes.extend(0u64.to_be_bytes());
        bytes.extend(table.to_be_bytes());
        bytes
    }

    #[test]
    fn lists_that_unfold_without_end_are_refused() {
        let too_much = "a property list of more values or levels than are read";
        assert_eq!(parse_plist(&nested(200, 1)).unwrap_err(), too_much);
        assert_eq!(parse_plist(&nested(12, 12)).unwrap_err(), too_much);
        assert_eq!(parse_plist(&nested(3, 3)).unwrap_err(), "a property list, but no dictionary");
        let mut cyclic = nested(3, 3);
        cyclic[8 + 3] = 0;
        assert_eq!(parse_plist(&cyclic).unwrap_err(), too_much);
        let deep = format!("<plist>{}", "<array>".repeat(100_000));
        assert_eq!(parse_plist(deep.as_bytes()).unwrap_err(), too_much);
    }

    #[test]
    fn both_kinds_are_read_and_nonsense_is_named() {
        let mut dictionary = Dictionary::new();
        dictionary.insert("CFBundleIdentifier".to_owned(), Value::String(" com.acme ".to_owned()));
        let (mut binary, mut xml) = (Vec::new(), Vec::new());
        let value = Value::Dictionary(dictionary.clone());
        value.to_writer_binary(&mut binary).unwrap();
        value.to_writer_xml(&mut xml).unwrap();
        for bytes in [&binary, &xml] {
            let read = parse_plist(bytes).unwrap();
            let reading = Reading { dictionary: &read, text_bytes: 5 };
            assert_eq!(reading.text("CFBundleIdentifier").as_deref(), Some("com.a"));
        }
        assert!(parse_plist(b"").unwrap_err().starts_with("not a property list"));
        assert!(parse_plist(&binary[..20]).is_err());
    }
}
