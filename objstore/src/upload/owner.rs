//! Whose upload it is.

use super::UploadError;

/// A caller's namespace, fit to be the name of a directory: no dots, no separators, bounded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Owner(String);

impl Owner {
    const MAX_LEN: usize = 128;

    pub(crate) fn parse(text: &str) -> Result<Self, UploadError> {
        let is_plain = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if is_plain && (1..=Self::MAX_LEN).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(UploadError::BadOwner { owner: text.to_owned() })
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_plain_names() {
        let check = |text: &str, expect: bool| {
            assert_eq!(Owner::parse(text).is_ok(), expect, "{text:?}");
        };
        check("acme", true);
        check("acme-2", true);
        check("0", true);
        check(&"a".repeat(128), true);
        check("", false);
        check(".", false);
        check("..", false);
        check("a/b", false);
        check("a\\b", false);
        check("Acme", false);
        check("a b", false);
        check("é", false);
        check("a\0", false);
        check(&"a".repeat(129), false);
    }
}
