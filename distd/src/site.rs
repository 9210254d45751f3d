//! How the server is reached from outside, and who sends the bytes.

use protocol::{Digest, ServerUrl};

use crate::proxies::Network;

/// What the server knows of the proxy before it.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// The address that people use. Absolute addresses are made from it and never from what a request says.
    pub public_url: Option<ServerUrl>,
    /// Whether a proxy sends the bytes of whole downloads.
    pub handover: Handover,
    /// Whose word is taken for who the client is.
    pub proxies: Vec<Network>,
}

/// Who sends the bytes of whole downloads. Parts are always sent by the server: only it knows the ETag that `If-Range`
/// compares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Handover {
    /// The server itself.
    #[default]
    Never,
    /// nginx, told by `X-Accel-Redirect` with an address below this internal location, such as `/objects/`.
    AccelRedirect(String),
    /// Apache or lighttpd, told by `X-Sendfile` with the path of the file below this directory: the data directory's `objects`
    /// as the proxy sees it.
    Sendfile(String),
}

impl Handover {
    /// The header that hands an object over; `None` where the server sends it. Objects lie in `objects/ab/ab12…` (FORMAT.md).
    pub(crate) fn header(&self, digest: &Digest) -> Option<(&'static str, String)> {
        let digest = digest.to_string();
        let place = |root: &str| format!("{}/{}/{digest}", root.trim_end_matches('/'), &digest[..2]);
        match self {
            Self::Never => None,
            Self::AccelRedirect(root) => Some(("x-accel-redirect", place(root))),
            Self::Sendfile(root) => Some(("x-sendfile", place(root))),
        }
    }
}

impl Site {
    /// The address that iPhones can install from: they take https only.
    pub(crate) fn https(&self) -> Option<&ServerUrl> {
        self.public_url.as_ref().filter(|url| url.is_https())
    }

    /// The address of a path, where the server knows its own.
    pub(crate) fn address(&self, path: &str) -> Option<String> {
        Some(self.public_url.as_ref()?.join(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_handed_over_by_its_place() {
        let digest = Digest::of(b"a");
        let place = format!("ca/{digest}");
        let check = |handover: Handover, expect: Option<(&'static str, String)>| {
            assert_eq!(handover.header(&digest), expect);
        };
        check(Handover::Never, None);
        check(Handover::AccelRedirect("/objects/".to_owned()), Some(("x-accel-redirect", format!("/objects/{place}"))));
        check(Handover::Sendfile("/data/objects".to_owned()), Some(("x-sendfile", format!("/data/objects/{place}"))));
    }
}
