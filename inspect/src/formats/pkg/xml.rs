//! XML as a small tree, within bounds.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

/// Elements, attributes and pieces of text of the components together, and of each other document; some hundreds are usual.
pub(super) const PARTS: usize = 200_000;
/// Levels of elements.
const DEPTH: usize = 64;
/// Attributes of one element that are kept.
const ATTRIBUTES: usize = 32;

/// An element with what is in it.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    /// Its own text, without that of its children.
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    pub(super) fn children_called<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The number that is the text of the child called `name`.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.child(name)?.text.trim().parse().ok()
    }
}

/// Parses a document into its root element, and takes its parts from those that are `left`.
///
/// # Errors
/// With the reason, in words.
pub(super) fn parse(bytes: &[u8], left: &mut usize) -> Result<Element, String> {
    let mut reader = Reader::from_reader(bytes);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => open.push(element(&start, left)),
            Event::Empty(start) => close(&mut open, element(&start, left)),
            Event::End(_) => {
                if let Some(done) = open.pop() {
                    close(&mut open, done);
                }
            }
            Event::Text(text) => append(&mut open, &text.xml10_content()),
            Event::CData(text) => append(&mut open, &text.xml10_content()),
            Event::GeneralRef(reference) => append(&mut open, &resolve(&reference)),
            Event::Eof => break,
            _ => continue,
        }
        *left = left.saturating_sub(1);
        if open.len() > DEPTH || *left == 0 {
            return Err("more elements or levels than are read".to_owned());
        }
    }
    let root = open.into_iter().next().and_then(|document| document.children.into_iter().next());
    root.ok_or_else(|| "no element in it".to_owned())
}

fn element(start: &BytesStart<'_>, left: &mut usize) -> Element {
    let mut attributes = start.attributes();
    attributes.with_checks(false);
    let pair = |attribute: quick_xml::events::attributes::Attribute<'_>| {
        let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).ok()?.into_owned();
        Some((attribute.key.as_ref().to_owned(), value))
    };
    let attributes: Vec<_> = attributes.flatten().take(ATTRIBUTES).filter_map(pair).collect();
    *left = left.saturating_sub(attributes.len());
    Element { name: start.local_name().as_ref().to_owned(), attributes, ..Element::default() }
}

fn close(open: &mut [Element], done: Element) {
    if let Some(parent) = open.last_mut() {
        parent.children.push(done);
    }
}

/// A character by its number, or one of the five that XML names; others stand for nothing.
fn resolve(reference: &BytesRef<'_>) -> String {
    match reference.resolve_char_ref() {
        Ok(Some(char)) => char.to_string(),
        _ => resolve_predefined_entity(&reference.xml10_content()).unwrap_or_default().to_owned(),
    }
}

fn append(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<Element, String> {
        super::parse(bytes, &mut PARTS.clone())
    }

    #[test]
    fn a_document_is_a_tree_and_too_much_of_it_is_refused() {
        let root = parse(b"<?xml version='1.0'?><a x='1&amp;2'><b>7</b><b>8&lt;&#57;</b><!-- c --></a>").unwrap();
        assert_eq!((root.name.as_str(), root.attribute("x")), ("a", Some("1&2")));
        assert_eq!((root.number("b"), root.children_called("b").count()), (Some(7), 2));
        assert_eq!(root.children[1].text, "8<9");
        assert!(parse("<a>".repeat(100).as_bytes()).is_err());
        assert!(parse(format!("<a>{}</a>", "<b/>".repeat(300_000)).as_bytes()).is_err());
        assert!(parse(b"<a></b>").is_err());
        assert!(parse(b"").is_err());
    }
}
