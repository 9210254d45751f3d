//! Capabilities: what a path may do by itself, for those who send neither token nor cookie, such as iOS installers.
//!
//! The text is unpadded URL-safe base64 of: id of the key (4 bytes), purpose (1), what it is for, and the first 16 bytes of the
//! HMAC-SHA256 of all before. A link stands for its row in the database and can be revoked there; a fetch is short-lived and
//! good for no more than whom it was made for may fetch when it is used.

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use objstore::Digest;
use protocol::AppSlug;

use crate::keys::{KeyId, Keys};

const TAG_BYTES: usize = 16;
const LINK: u8 = 1;

/// What names a link, in its path and in the database.
pub(crate) type LinkId = [u8; 8];

/// What someone who has the text may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Capability {
    /// See what the channel of a link points at, and fetch its files.
    Link(LinkId),
    /// Fetch one thing, until a moment.
    Fetch(Fetch),
}

/// One thing that may be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fetch {
    /// What of the artifact.
    pub(crate) what: What,
    /// For whom the text was made. It is void as soon as they may no longer fetch it themselves.
    pub(crate) audience: Audience,
    /// The app.
    pub(crate) app: AppSlug,
    /// The artifact.
    pub(crate) digest: Digest,
    /// Until when a request may begin, in whole seconds.
    pub(crate) expires: Timestamp,
}

/// What of an artifact is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// Its bytes.
    Bytes,
    /// The manifest that an iOS installer begins with.
    Manifest,
    /// Its icon.
    Icon,
}

/// For whom something is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Anyone: the app or the channel is public.
    Anyone,
    /// The holder of a link.
    Link(LinkId),
    /// The holder of a token, by its id: 8 ASCII characters.
    Token([u8; 8]),
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
        match rest.split_first()? {
            (&LINK, rest) => Some(Self::Link(rest.try_into().ok()?)),
            (purpose, rest) => Fetch::decode(What::of_purpose(*purpose)?, rest).map(Self::Fetch),
        }
    }

    fn encode(&self, key: KeyId) -> Vec<u8> {
        let mut bytes = key.to_vec();
        match self {
            Self::Link(link) => {
                bytes.push(LINK);
                bytes.extend_from_slice(link);
            }
            Self::Fetch(fetch) => fetch.encode(&mut bytes),
        }
        bytes
    }
}

impl What {
    /// 2 was a file that was fetched through a link, in an older form.
    fn purpose(self) -> u8 {
        match self {
            Self::Bytes => 3,
            Self::Manifest => 4,
            Self::Icon => 5,
        }
    }

    fn of_purpose(purpose: u8) -> Option<Self> {
        [Self::Bytes, Self::Manifest, Self::Icon].into_iter().find(|what| what.purpose() == purpose)
    }
}

impl Fetch {
    /// Purpose (1 byte), audience (1 and 8), artifact (32), end in seconds since 1970 (8, big-endian), app (the rest).
    fn encode(&self, bytes: &mut Vec<u8>) {
        let (kind, id) = match &self.audience {
            Audience::Anyone => (0, [0; 8]),
            Audience::Link(link) => (1, *link),
            Audience::Token(token) => (2, *token),
        };
        bytes.extend_from_slice(&[self.what.purpose(), kind]);
        bytes.extend_from_slice(&id);
        bytes.extend_from_slice(self.digest.as_bytes());
        bytes.extend_from_slice(&self.expires.as_second().to_be_bytes());
        bytes.extend_from_slice(self.app.as_str().as_bytes());
    }

    fn decode(what: What, bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (id, rest) = rest.split_first_chunk::<8>()?;
        let (digest, rest) = rest.split_first_chunk::<32>()?;
        let (seconds, app) = rest.split_first_chunk::<8>()?;
        let audience = match kind {
            0 => Audience::Anyone,
            1 => Audience::Link(*id),
            2 => Audience::Token(*id),
            _ => return None,
        };
        Some(Self {
            what,
            audience,
            app: std::str::from_utf8(app).ok()?.parse().ok()?,
            digest: Digest::from_bytes(*digest),
            expires: Timestamp::from_second(i64::from_be_bytes(*seconds)).ok()?,
        })
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
        let fetch = |what, audience| {
            let expires = Timestamp::from_second(1_800_000_000).unwrap();
            Capability::Fetch(Fetch { what, audience, app: "acme".parse().unwrap(), digest: Digest::of(b"a"), expires })
        };
        for capability in [
            Capability::Link([7; 8]),
            fetch(What::Bytes, Audience::Link([7; 8])),
            fetch(What::Manifest, Audience::Anyone),
            fetch(What::Icon, Audience::Token(*b"6n2343sd")),
        ] {
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
