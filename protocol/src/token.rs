//! The text of a token: `dist_<id>_<secret><checksum>`.
//!
//! The id is public and names the token in lists and in the audit log. The secret is 256 random bits, of which the server
//! keeps only the SHA-256. The checksum (CRC-32 of all before it) lets a client, a log filter or a secret scanner tell a
//! token from a typing error without asking anyone.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use data_encoding::Encoding;
use objstore::Digest;

const PREFIX: &str = "dist_";
const ID_LEN: usize = 8;
const SECRET_LEN: usize = 52;
const CHECKSUM_LEN: usize = 7;

/// Of base32 in RFC 4648, in lowercase.
const SYMBOLS: &str = "abcdefghijklmnopqrstuvwxyz234567";

/// RFC 4648 base32 in lowercase, unpadded.
static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut spec = data_encoding::Specification::new();
    spec.symbols.push_str(SYMBOLS);
    spec.encoding().expect("thirty-two distinct symbols make an encoding")
});

/// A whole token as its holder keeps it. Debug never shows the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenText {
    id: String,
    secret: String,
}

/// Text that is not a [`TokenText`]. Says nothing of the text, which may be a secret after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseTokenError {
    /// Not `dist_<id>_<secret><checksum>`.
    #[error("this is not a dist token: a token starts with dist_ and has {len} characters", len = TokenText::LEN)]
    Malformed,
    /// The right shape, but the checksum does not fit.
    #[error("this token was not copied whole: its checksum does not fit")]
    Checksum,
}

impl TokenText {
    /// Characters of a token.
    pub const LEN: usize = PREFIX.len() + ID_LEN + 1 + SECRET_LEN + CHECKSUM_LEN;

    /// A token from random bytes: 5 for the id, 32 for the secret.
    pub fn from_random(id: [u8; 5], secret: [u8; 32]) -> Self {
        Self { id: BASE32.encode(&id), secret: BASE32.encode(&secret) }
    }

    /// The public part: 8 characters.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the server keeps of the secret.
    pub fn secret_sha256(&self) -> Digest {
        Digest::of(self.secret.as_bytes())
    }

    /// The whole text, to be handed to its holder.
    pub fn reveal(&self) -> String {
        let body = format!("{PREFIX}{}_{}", self.id, self.secret);
        let checksum = checksum(&body);
        body + &checksum
    }
}

fn checksum(body: &str) -> String {
    BASE32.encode(&crc32fast::hash(body.as_bytes()).to_be_bytes())
}

/// Text without the secrets of tokens in it: of what looks like a token, only the id stays.
pub fn redacted(text: &str) -> Cow<'_, str> {
    if !text.contains(PREFIX) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(PREFIX) {
        let (before, token) = rest.split_at(at + PREFIX.len());
        shown.push_str(before);
        let is_other = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        let (token, after) = token.split_at(token.find(is_other).unwrap_or(token.len()));
        if token.len() > ID_LEN {
            shown.push_str(&token[..ID_LEN]);
            shown.push('…');
        } else {
            shown.push_str(token);
        }
        rest = after;
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

impl FromStr for TokenText {
    type Err = ParseTokenError;

    fn from_str(text: &str) -> Result<Self, ParseTokenError> {
        let is_ours = |part: &str| part.bytes().all(|byte| SYMBOLS.as_bytes().contains(&byte));
        if text.len() != Self::LEN || !text.is_ascii() {
            return Err(ParseTokenError::Malformed);
        }
        let (body, sum) = text.split_at(Self::LEN - CHECKSUM_LEN);
        let (id, secret) =
            body.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).ok_or(ParseTokenError::Malformed)?;
        if id.len() != ID_LEN || !is_ours(id) || !is_ours(secret) {
            return Err(ParseTokenError::Malformed);
        }
        if checksum(body) != sum {
            return Err(ParseTokenError::Checksum);
        }
        Ok(Self { id: id.to_owned(), secret: secret.to_owned() })
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenText({}_…)", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_round_trips_and_a_typing_error_is_told_from_another_text() {
        let token = TokenText::from_random([1, 2, 3, 4, 5], [7; 32]);
        let text = token.reveal();
        assert_eq!(text.len(), TokenText::LEN);
        assert_eq!(text.parse(), Ok(token.clone()));
        assert!(!format!("{token:?}").contains(&text[20..40]));

        let mut typo = text.clone().into_bytes();
        typo[30] = if typo[30] == b'a' { b'b' } else { b'a' };
        assert_eq!(String::from_utf8(typo).unwrap().parse::<TokenText>(), Err(ParseTokenError::Checksum));
        for other in ["", "dist_", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", &text[1..], &text.to_uppercase()] {
            assert_eq!(other.parse::<TokenText>(), Err(ParseTokenError::Malformed), "{other}");
        }
    }

    #[test]
    fn of_a_token_in_a_text_only_the_id_stays() {
        let text = TokenText::from_random([1, 2, 3, 4, 5], [7; 32]).reveal();
        let id = &text[..PREFIX.len() + ID_LEN];
        let said = format!("no token {text}, and no {}.", &text[..30]);
        assert_eq!(redacted(&said), format!("no token {id}…, and no {id}…."));
        assert_eq!(redacted("use dist_ or dist_abc"), "use dist_ or dist_abc");
        assert_eq!(redacted("nothing"), "nothing");
        assert_eq!(redacted("dist_é"), "dist_é");
    }
}
