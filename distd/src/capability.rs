//! Capabilities: what a path may do by itself, for those who send neither token nor cookie, such as iOS installers.
//!
//! The text is unpadded URL-safe base64 of: id of the key (4 bytes), purpose (1), what it is for, and the first 16 bytes of the
//! HMAC-SHA256 of all before. A link stands for its row in the database and can be revoked there; a file is short-lived and
//! dies with its link.

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use objstore::Digest;

use crate::keys::{KeyId, Keys};

const TAG_BYTES: usize = 16;
const LINK: u8 = 1;
const FILE: u8 = 2;

/// What names a link, in its path and in the database.
pub(crate) type LinkId = [u8; 8];

/// What someone who has the text may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capability {
    /// See what the channel of a link points at, and fetch its files.
    Link(LinkId),
    /// Fetch one file through a link, until a moment.
    File {
        /// The link.
        link: LinkId,
        /// The file.
        digest: Digest,
        /// Until when a request may begin, in whole seconds.
        expires: Timestamp,
    },
}

impl Capability {
    /// The text, signed with the key that signs now.
    pub(crate) fn seal(&self, keys: &Keys) -> String {
        let (mut bytes, tag) = keys.sign(|id| self.encode(id));
        bytes.extend_from_slice(&tag.as_ref()[..TAG_BYTES]);
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// Reads a text that a key of this server signed. Whether it still counts is for others to say.
    pub(crate) fn open(text: &str, keys: &Keys) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (message, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG_BYTES)?)?;
        let (id, rest) = message.split_first_chunk::<4>()?;
        if !keys.verify(*id, message, tag) {
            return None;
        }
        let (purpose, rest) = rest.split_first()?;
        let (link, rest) = rest.split_first_chunk::<8>()?;
        match (*purpose, rest) {
            (LINK, []) => Some(Self::Link(*link)),
            (FILE, rest) => {
                let (digest, rest) = rest.split_first_chunk::<32>()?;
                let seconds = i64::from_be_bytes(rest.try_into().ok()?);
                let expires = Timestamp::from_second(seconds).ok()?;
                Some(Self::File { link: *link, digest: Digest::from_bytes(*digest), expires })
            }
            _ => None,
        }
    }

    fn encode(&self, key: KeyId) -> Vec<u8> {
        let mut bytes = key.to_vec();
        match self {
            Self::Link(link) => {
                bytes.push(LINK);
                bytes.extend_from_slice(link);
            }
            Self::File { link, digest, expires } => {
                bytes.push(FILE);
                bytes.extend_from_slice(link);
                bytes.extend_from_slice(digest.as_bytes());
                bytes.extend_from_slice(&expires.as_second().to_be_bytes());
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::OldKeys;

    #[test]
    fn a_capability_is_read_back_and_nothing_of_it_can_be_changed() {
        let data = tempfile::tempdir().unwrap();
        std::fs::create_dir(data.path().join("config")).unwrap();
        let keys = Keys::open(data.path()).unwrap();
        let expires = Timestamp::from_second(1_800_000_000).unwrap();
        let file = Capability::File { link: [7; 8], digest: Digest::of(b"a"), expires };
        for capability in [Capability::Link([7; 8]), file] {
            let text = capability.seal(&keys);
            assert_eq!(Capability::open(&text, &keys), Some(capability));
            let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
            for at in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                assert_eq!(Capability::open(&BASE64URL_NOPAD.encode(&changed), &keys), None, "byte {at}");
            }
            for len in 0..bytes.len() {
                assert_eq!(Capability::open(&BASE64URL_NOPAD.encode(&bytes[..len]), &keys), None, "{len} bytes");
            }
        }
        let text = Capability::Link([7; 8]).seal(&keys);
        keys.rotate(OldKeys::Drop).unwrap();
        assert_eq!(Capability::open(&text, &keys), None);
        for noise in ["", "AAAA", "%", "dist_12345678"] {
            assert_eq!(Capability::open(noise, &keys), None);
        }
    }
}
