//! The name of an object: the SHA-256 of its bytes.
//!
//! A newtype over [`gix_hash::ObjectId`], because the bare type is more lenient than a name may
//! be: it parses uppercase digits, has a serde form of its own, and grows other kinds of hash when
//! any crate in the build asks for them. A [`Digest`] is always SHA-256 and always reads and
//! writes as 64 lowercase hex digits, also in JSON.

use std::{fmt, str::FromStr};

use gix_hash::ObjectId;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Hasher;

/// The SHA-256 of an object's bytes, and thereby the object's name.
///
/// ```
/// use objstore::Digest;
///
/// let digest = Digest::of(b"");
/// assert_eq!(digest.short(), "e3b0c44298fc");
/// assert_eq!(Digest::parse(&digest.to_string()), Ok(digest));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(ObjectId);

/// Why a text is not a [`Digest`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseDigestError {
    /// The text is too short or too long.
    #[error("a SHA-256 is {} hex digits, this has {found} bytes", Digest::HEX_LEN)]
    Length {
        /// How long the text is, in bytes.
        found: usize,
    },
    /// The text has the right length, but something in it is not a lowercase hex digit.
    #[error("a SHA-256 has only the digits 0-9 and a-f, this has {found:?} at byte {index}")]
    Digit {
        /// Where the first such character starts, in bytes.
        index: usize,
        /// That character.
        found: char,
    },
}

/// An [`ObjectId`] is of another kind than SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("object id {0} is not a SHA-256")]
pub struct NotSha256(ObjectId);

impl Digest {
    /// How many digits the text form has.
    pub const HEX_LEN: usize = 64;

    /// How many digits [`Digest::short`] shows.
    const SHORT_LEN: usize = 12;

    /// Reads exactly 64 lowercase hex digits.
    ///
    /// # Errors
    ///
    /// Anything else, uppercase digits too: one object must not have two names.
    pub fn parse(text: &str) -> Result<Self, ParseDigestError> {
        let wrong_length = ParseDigestError::Length { found: text.len() };
        if text.len() != Self::HEX_LEN {
            return Err(wrong_length);
        }
        if !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            let wrong = text.char_indices().find(|(_, c)| !matches!(c, '0'..='9' | 'a'..='f'));
            return Err(wrong.map_or(wrong_length, |(index, found)| ParseDigestError::Digit { index, found }));
        }
        ObjectId::from_hex(text.as_bytes()).map(Self).map_err(|_| wrong_length)
    }

    /// The digest with these 32 bytes. They are taken as they are; use [`Digest::of`] to hash.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(ObjectId::from(bytes))
    }

    /// The 32 bytes of the SHA-256.
    pub fn as_bytes(&self) -> &[u8; 32] {
        match &self.0 {
            ObjectId::Sha256(bytes) => bytes,
            _ => unreachable!("only the SHA-256 kind is ever wrapped"),
        }
    }

    /// Hashes `bytes`. For what does not fit in memory, see [`Hasher`] and
    /// [`hash_reader`](crate::hash_reader).
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.finish()
    }

    /// The first 12 hex digits, for people. Not unique: never look anything up by it.
    pub fn short(&self) -> String {
        self.0.to_hex_with_len(Self::SHORT_LEN).to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.short())
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl From<Digest> for ObjectId {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl TryFrom<ObjectId> for Digest {
    type Error = NotSha256;

    fn try_from(id: ObjectId) -> Result<Self, Self::Error> {
        match id.kind() {
            gix_hash::Kind::Sha256 => Ok(Self(id)),
            _ => Err(NotSha256(id)),
        }
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.hex_to_buf(&mut [0; Self::HEX_LEN]))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(HexVisitor)
    }
}

struct HexVisitor;

impl de::Visitor<'_> for HexVisitor {
    type Value = Digest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a SHA-256 as 64 lowercase hex digits")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Digest, E> {
        Digest::parse(text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn only_64_lowercase_hex_digits_parse() {
        let check = |text: &str, expect: Result<(), ParseDigestError>| {
            assert_eq!(Digest::parse(text).map(|_| ()), expect, "{text:?}");
        };
        let digit = |index, found| Err(ParseDigestError::Digit { index, found });
        let length = |found| Err(ParseDigestError::Length { found });

        check(EMPTY, Ok(()));
        check(&"0".repeat(64), Ok(()));
        check("", length(0));
        check(&EMPTY[1..], length(63));
        check(&format!("{EMPTY}0"), length(65));
        check(&"a".repeat(40), length(40));
        check(&EMPTY.to_uppercase(), digit(0, 'E'));
        check(&format!("{}g", &EMPTY[1..]), digit(63, 'g'));
        check(&format!("{} ", &EMPTY[1..]), digit(63, ' '));
        check(&format!("0x{}", &EMPTY[2..]), digit(1, 'x'));
        check(&format!("é{}", &EMPTY[2..]), digit(0, 'é'));
    }

    #[test]
    fn text_forms_are_the_full_and_the_short_hex() {
        let digest = Digest::of(b"");
        assert_eq!(digest.to_string(), EMPTY);
        assert_eq!(digest.short(), "e3b0c44298fc");
        assert_eq!(format!("{digest:?}"), "Digest(e3b0c44298fc)");
    }

    #[test]
    fn json_is_the_hex_string_and_nothing_else() {
        let digest = Digest::of(b"");
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(json, format!("\"{EMPTY}\""));
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        assert!(serde_json::from_str::<Digest>(&json.to_uppercase()).is_err());
        assert!(serde_json::from_str::<Digest>(r#"{"Sha256":[1]}"#).is_err());
    }

    proptest! {
        #[test]
        fn any_32_bytes_round_trip(bytes: [u8; 32]) {
            let digest = Digest::from_bytes(bytes);
            prop_assert_eq!(digest.as_bytes(), &bytes);
            prop_assert_eq!(Digest::parse(&digest.to_string()), Ok(digest));
            prop_assert_eq!(digest.to_string().parse(), Ok(digest));
            prop_assert_eq!(Digest::try_from(ObjectId::from(digest)), Ok(digest));
            let json = serde_json::to_string(&digest).unwrap();
            prop_assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        }

        #[test]
        fn order_is_that_of_the_text(a: [u8; 32], b: [u8; 32]) {
            let (a, b) = (Digest::from_bytes(a), Digest::from_bytes(b));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }
    }
}
