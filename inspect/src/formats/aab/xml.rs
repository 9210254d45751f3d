//! XML as app bundles hold it: protocol buffers (`XmlNode`, `Item` and their parts in `Resources.proto` of aapt2).
//!
//! Only the fields that are asked for are decoded. Elements nest at most as deep as prost allows, which is 100.

use prost::{DecodeError, Message};

const ANDROID: &str = "http://schemas.android.com/apk/res/android";

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(message, optional, boxed, tag = "1")]
    element: Option<Box<Element>>,
}

/// An element, its attributes and what is in it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Element {
    #[prost(string, tag = "3")]
    name: String,
    #[prost(message, repeated, tag = "4")]
    attributes: Vec<Attribute>,
    #[prost(message, repeated, tag = "5")]
    children: Vec<Node>,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(string, tag = "1")]
    namespace: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    value: String,
    #[prost(message, optional, tag = "6")]
    compiled: Option<Item>,
}

/// What a value was compiled to, where that is no reference.
#[derive(Clone, PartialEq, Message)]
struct Item {
    #[prost(message, optional, tag = "2")]
    text: Option<Text>,
    #[prost(message, optional, tag = "7")]
    primitive: Option<Primitive>,
}

#[derive(Clone, PartialEq, Message)]
struct Text {
    #[prost(string, tag = "1")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Primitive {
    #[prost(int32, optional, tag = "6")]
    decimal: Option<i32>,
    #[prost(uint32, optional, tag = "7")]
    hexadecimal: Option<u32>,
}

/// The outermost element of a document.
pub(super) fn parse(bytes: &[u8]) -> Result<Element, DecodeError> {
    Ok(Node::decode(bytes)?.element.map(|element| *element).unwrap_or_default())
}

impl Element {
    /// An attribute of the platform, as written in the source; a number in decimal where only what it was compiled to is
    /// there.
    pub(super) fn android(&self, name: &str) -> Option<String> {
        self.attribute(ANDROID, name)
    }

    /// An attribute without a namespace.
    pub(super) fn plain(&self, name: &str) -> Option<String> {
        self.attribute("", name)
    }

    /// The first element of that name in it.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().filter_map(|child| child.element.as_deref()).find(|child| child.name == name)
    }

    fn attribute(&self, namespace: &str, name: &str) -> Option<String> {
        let is_it = |attribute: &&Attribute| attribute.name == name && attribute.namespace == namespace;
        let attribute = self.attributes.iter().find(is_it)?;
        if !attribute.value.is_empty() {
            return Some(attribute.value.clone());
        }
        let Item { text, primitive } = attribute.compiled.as_ref()?;
        let number = || {
            let Primitive { decimal, hexadecimal } = primitive.as_ref()?;
            // The platform reads both as the same 32 bits.
            decimal.map(i32::cast_unsigned).or(*hexadecimal).map(|number| number.to_string())
        };
        text.as_ref().map(|text| text.value.clone()).or_else(number)
    }
}
