//! Binary XML, as Android compiles it (`ResXMLTree_node` and what follows it in `ResourceTypes.h`).
//!
//! Read as a stream of elements that begin and end. Attributes of the platform are known by resource id, because their
//! names may be removed or lie.

use super::chunk::{Chunk, Chunks, STRING_POOL, StringPool, XML, XML_END, XML_RESOURCE_MAP, XML_START, chunks};
use super::chunk::{u16_at, u32_at};

const NO_STRING: u32 = u32::MAX;
/// Elements looked at. The largest manifests have some ten thousand.
const MAX_ELEMENTS: usize = 100_000;

/// What an attribute or a resource holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    /// Another resource, by its id.
    Reference(u32),
    Number(u32),
    Flag(bool),
}

impl Value {
    /// `Res_value`: type and data.
    pub(super) fn of(kind: u8, data: u32, strings: StringPool<'_>, max_bytes: usize) -> Option<Self> {
        match kind {
            0x01 | 0x07 => Some(Self::Reference(data)),
            0x03 => strings.get(data, max_bytes).map(Self::Text),
            0x10 | 0x11 => Some(Self::Number(data)),
            0x12 => Some(Self::Flag(data != 0)),
            _ => None,
        }
    }
}

/// A step through the document.
#[derive(Debug)]
pub(super) enum Event<'a> {
    Start(Element<'a>),
    End,
}

/// An element that begins.
#[derive(Debug)]
pub(super) struct Element<'a> {
    pub(super) name: String,
    attributes: &'a [u8],
    attribute_bytes: usize,
    document: Document<'a>,
}

/// How an attribute is known.
#[derive(Debug, Clone, Copy)]
pub(super) enum Attribute {
    /// One of the platform's, by resource id (`android.R.attr`).
    Platform(u32),
    /// One without a namespace, by name.
    Plain(&'static str),
}

impl Element<'_> {
    pub(super) fn get(&self, wanted: Attribute) -> Option<Value> {
        let strings = self.document.strings;
        let mut attributes = self.attributes.chunks_exact(self.attribute_bytes);
        let raw = attributes.find(|raw| self.document.is_named(raw, wanted))?;
        let (kind, data) = (*raw.get(15)?, u32_at(raw, 16)?);
        let text = || strings.get(u32_at(raw, 8)?, self.document.max_bytes).map(Value::Text);
        Value::of(kind, data, strings, self.document.max_bytes).or_else(text)
    }

    pub(super) fn text(&self, wanted: Attribute) -> Option<String> {
        match self.get(wanted)? {
            Value::Text(text) => Some(text),
            Value::Reference(_) | Value::Number(_) | Value::Flag(_) => None,
        }
    }
}

/// What all elements share.
#[derive(Debug, Clone, Copy)]
struct Document<'a> {
    strings: StringPool<'a>,
    resource_ids: &'a [u8],
    max_bytes: usize,
}

impl Document<'_> {
    fn is_named(&self, attribute: &[u8], wanted: Attribute) -> bool {
        let (Some(namespace), Some(name)) = (u32_at(attribute, 0), u32_at(attribute, 4)) else { return false };
        match wanted {
            Attribute::Platform(id) => {
                usize::try_from(name).ok().and_then(|name| u32_at(self.resource_ids, name.checked_mul(4)?)) == Some(id)
            }
            Attribute::Plain(text) => {
                namespace == NO_STRING && self.strings.get(name, text.len() + 1).as_deref() == Some(text)
            }
        }
    }
}

/// The steps through a document.
#[derive(Debug)]
pub(super) struct Events<'a> {
    chunks: Chunks<'a>,
    document: Document<'a>,
    left: usize,
}

/// Begins to read a document; `None` where the bytes are not binary XML. Texts are cut at `max_bytes`.
pub(super) fn parse(bytes: &[u8], max_bytes: usize) -> Option<Events<'_>> {
    let file = chunks(bytes).next().filter(|chunk| chunk.kind == XML)?;
    let mut document = Document { strings: StringPool::default(), resource_ids: &[], max_bytes };
    for chunk in file.children().take_while(|chunk| chunk.kind != XML_START) {
        match chunk.kind {
            STRING_POOL => document.strings = StringPool::parse(chunk)?,
            XML_RESOURCE_MAP => document.resource_ids = chunk.bytes.get(chunk.header_bytes..)?,
            _ => {}
        }
    }
    Some(Events { chunks: file.children(), document, left: MAX_ELEMENTS })
}

impl<'a> Iterator for Events<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        let chunk = self.chunks.find(|chunk| matches!(chunk.kind, XML_START | XML_END))?;
        self.left = self.left.checked_sub(1)?;
        if chunk.kind == XML_END {
            return Some(Event::End);
        }
        parse_element(chunk, self.document).map(Event::Start)
    }
}

/// `ResXMLTree_attrExt`, behind the header of the node.
fn parse_element<'a>(chunk: Chunk<'a>, document: Document<'a>) -> Option<Element<'a>> {
    let extension = chunk.bytes.get(chunk.header_bytes..)?;
    let name = document.strings.get(u32_at(extension, 4)?, document.max_bytes)?;
    let start = usize::from(u16_at(extension, 8)?);
    let attribute_bytes = usize::from(u16_at(extension, 10)?).max(20);
    let count = usize::from(u16_at(extension, 12)?);
    let attributes = extension.get(start..).unwrap_or_default();
    let attributes = attributes.get(..count * attribute_bytes).unwrap_or(attributes);
    Some(Element { name, attributes, attribute_bytes, document })
}
