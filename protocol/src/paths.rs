//! Where everything is: path builders that client and server share.
//!
//! A builder gives an absolute path, percent-encoded, without the server. [`ServerUrl`] puts the server before it. The
//! route templates of `distd` are tested against these.

use std::fmt;
use std::str::FromStr;

use objstore::Digest;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use refs::{AppSlug, ChannelName, PartName, ReleaseName};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{FileName, Platform, Revision, RevisionRange};

/// Everything but the unreserved characters of RFC 3986 and the few sub-delimiters that are safe in a segment.
const SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'+').remove(b'@');

/// Root of the API.
pub const API: &str = "/api/v1";

/// The OpenAPI document.
pub const OPENAPI: &str = "/api/v1/openapi.json";

/// Who the token is.
pub const WHOAMI: &str = "/api/v1/whoami";

/// All apps; where they are created.
pub const APPS: &str = "/api/v1/apps";

/// All tokens; where they are created.
pub const TOKENS: &str = "/api/v1/tokens";

/// Where a pipeline's identity token is turned into a token of the server.
pub const OIDC_EXCHANGE: &str = "/api/v1/oidc/exchange";

/// The audit log.
pub const AUDIT: &str = "/api/v1/audit";

/// How the store is.
pub const STORE: &str = "/api/v1/store";

/// Where a check of the store is begun.
pub const STORE_CHECK: &str = "/api/v1/store/check";

/// Where what nothing names is deleted.
pub const STORE_GC: &str = "/api/v1/store/gc";

/// How a request arrives.
pub const DOCTOR: &str = "/api/v1/doctor";

/// Takes a body and says how it arrived.
pub const DOCTOR_ECHO: &str = "/api/v1/doctor/echo";

/// Bytes to look at on their way.
pub const DOCTOR_BYTES: &str = "/api/v1/doctor/bytes";

/// A new key for links.
pub const ROTATE_KEY: &str = "/api/v1/keys/rotate";

fn segment(text: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(text, SEGMENT)
}

/// One app.
pub fn app(app: &AppSlug) -> String {
    format!("{APPS}/{app}")
}

/// The links of an app; where they are made.
pub fn links(app: &AppSlug) -> String {
    format!("{APPS}/{app}/links")
}

/// One link.
pub fn link(app: &AppSlug, id: &str) -> String {
    format!("{APPS}/{app}/links/{}", segment(id))
}

/// What an app asks of its artifacts and channels.
pub fn rules(app: &AppSlug) -> String {
    format!("{APPS}/{app}/rules")
}

/// The trusted publishers of an app; where they are added.
pub fn publishers(app: &AppSlug) -> String {
    format!("{APPS}/{app}/publishers")
}

/// One trusted publisher.
pub fn publisher(app: &AppSlug, id: &str) -> String {
    format!("{APPS}/{app}/publishers/{}", segment(id))
}

/// The webhooks of an app; where they are made.
pub fn webhooks(app: &AppSlug) -> String {
    format!("{APPS}/{app}/webhooks")
}

/// One webhook.
pub fn webhook(app: &AppSlug, id: &str) -> String {
    format!("{APPS}/{app}/webhooks/{}", segment(id))
}

/// Where a webhook is tested.
pub fn test_webhook(app: &AppSlug, id: &str) -> String {
    format!("{}/test", webhook(app, id))
}

/// The deliveries of a webhook.
pub fn deliveries(app: &AppSlug, id: &str) -> String {
    format!("{}/deliveries", webhook(app, id))
}

/// Where a delivery is sent again.
pub fn redeliver(app: &AppSlug, id: &str, delivery: u64) -> String {
    format!("{}/{delivery}/redeliver", deliveries(app, id))
}

/// What inspection read out of an object.
pub fn report(app: &AppSlug, digest: &Digest) -> String {
    format!("{APPS}/{app}/reports/{digest}")
}

/// The icon of an object.
pub fn icon(app: &AppSlug, digest: &Digest) -> String {
    format!("{APPS}/{app}/reports/{digest}/icon")
}

/// What to send, and where refs are.
pub fn negotiate(app: &AppSlug) -> String {
    format!("{APPS}/{app}/push/negotiate")
}

/// Publish what was sent.
pub fn commit(app: &AppSlug) -> String {
    format!("{APPS}/{app}/push/commit")
}

/// One object of an app: uploaded to, asked about and downloaded here.
pub fn object(app: &AppSlug, digest: &Digest) -> String {
    format!("{APPS}/{app}/objects/{digest}")
}

/// All refs of an app.
pub fn refs(app: &AppSlug) -> String {
    format!("{APPS}/{app}/refs")
}

/// The releases of an app, newest first.
pub fn releases(app: &AppSlug) -> String {
    format!("{APPS}/{app}/releases")
}

/// One release, by any revision.
pub fn release(app: &AppSlug, revision: &Revision) -> String {
    format!("{APPS}/{app}/releases/{}", segment(&revision.to_string()))
}

/// Where a release is revoked.
pub fn revoke(app: &AppSlug, revision: &Revision) -> String {
    format!("{}/revoke", release(app, revision))
}

/// Where the revocation of a release is undone.
pub fn restore(app: &AppSlug, revision: &Revision) -> String {
    format!("{}/restore", release(app, revision))
}

/// Everything that is staged in an app.
pub fn staging(app: &AppSlug) -> String {
    format!("{APPS}/{app}/staging")
}

/// One part of a release that is not published yet.
pub fn stage(app: &AppSlug, name: &ReleaseName, part: &PartName) -> String {
    format!("{APPS}/{app}/staging/{}/parts/{part}", segment(name.as_str()))
}

/// Where a release is published from its parts.
pub fn finalize(app: &AppSlug, name: &ReleaseName) -> String {
    format!("{APPS}/{app}/staging/{}/finalize", segment(name.as_str()))
}

/// A release and its parents.
pub fn log(app: &AppSlug) -> String {
    format!("{APPS}/{app}/log")
}

/// What differs between two releases: from the first of a range to the last.
pub fn compare(app: &AppSlug, range: &RevisionRange) -> String {
    format!("{APPS}/{app}/compare/{}", segment(&range.to_string()))
}

/// The channels of an app.
pub fn channels(app: &AppSlug) -> String {
    format!("{APPS}/{app}/channels")
}

/// One channel.
pub fn channel(app: &AppSlug, channel: &ChannelName) -> String {
    format!("{APPS}/{app}/channels/{channel}")
}

/// Move a channel to a release.
pub fn promote(app: &AppSlug, channel: &ChannelName) -> String {
    format!("{APPS}/{app}/channels/{channel}/promote")
}

/// What a promotion would do.
pub fn promotion(app: &AppSlug, channel: &ChannelName) -> String {
    format!("{APPS}/{app}/channels/{channel}/promotion")
}

/// That a channel stays where it is.
pub fn pin(app: &AppSlug, channel: &ChannelName) -> String {
    format!("{APPS}/{app}/channels/{channel}/pin")
}

/// Move a channel back along its own reflog.
pub fn rollback(app: &AppSlug, channel: &ChannelName) -> String {
    format!("{APPS}/{app}/channels/{channel}/rollback")
}

/// How a channel moved.
pub fn reflog(app: &AppSlug, channel: &ChannelName) -> String {
    format!("{APPS}/{app}/channels/{channel}/reflog")
}

/// A token in place of another.
pub fn rotate_token(id: &str) -> String {
    format!("{TOKENS}/{}/rotate", segment(id))
}

/// One token.
pub fn token(id: &str) -> String {
    format!("{TOKENS}/{}", segment(id))
}

/// The page of a capability link.
pub fn opened_link(link: &str) -> String {
    format!("/l/{link}")
}

/// Where a download through a link begins.
pub fn link_download(link: &str, digest: &Digest) -> String {
    format!("/l/{link}/get/{digest}")
}

/// Something that is fetched by a capability.
pub fn fetched_file(file: &str, filename: &str) -> String {
    format!("/f/{file}/{}", segment(filename))
}

/// A text as the value of a query parameter.
pub fn query_value(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The page where testers install what a channel points at.
pub fn install(app: &AppSlug, channel: &ChannelName) -> String {
    format!("/install/{app}/{channel}")
}

/// The page of one release.
pub fn install_release(app: &AppSlug, revision: &Revision) -> String {
    format!("/install/{app}/r/{}", segment(&revision.to_string()))
}

/// Where someone signs in with a token in a browser.
pub const SIGN_IN: &str = "/signin";

/// Where a session ends.
pub const SIGN_OUT: &str = "/signout";

/// Leads to the file of a platform that a channel points at now.
pub fn current_download(app: &AppSlug, channel: &ChannelName, platform: Platform) -> String {
    format!("/download/{app}/{channel}/{platform}")
}

/// A file of a release, for good.
pub fn artifact(app: &AppSlug, release: &ReleaseName, filename: &FileName) -> String {
    format!("/artifacts/{app}/{}/{}", segment(release.as_ref()), segment(filename.as_str()))
}

/// Whether a channel has something newer than what is installed.
pub fn update(app: &AppSlug, channel: &ChannelName) -> String {
    format!("{APPS}/{app}/channels/{channel}/update")
}

/// How often the artifacts of an app were downloaded.
pub fn downloads(app: &AppSlug) -> String {
    format!("{APPS}/{app}/downloads")
}

/// Where a server is: an http or https address, possibly with a path below which everything lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerUrl(Url);

/// Text that is not a [`ServerUrl`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseServerUrlError {
    /// Not an address at all.
    #[error("{text:?} is not the address of a server: {source}")]
    Malformed {
        /// The text given.
        text: String,
        /// What is wrong with it.
        source: url::ParseError,
    },
    /// An address that no server of ours is at.
    #[error("{0:?} is not the address of a server: write https://HOST, without query, fragment or password")]
    NotAServer(String),
}

impl ServerUrl {
    /// The address of `path`, which starts with `/`, on this server.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0.as_str().trim_end_matches('/'))
    }

    /// The path that everything is below, such as `/dist`; empty where that is the root.
    pub fn path(&self) -> &str {
        self.0.path().trim_end_matches('/')
    }

    /// Scheme, host and port, as browsers write them in `Origin`.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Whether the connection is encrypted.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }
}

impl FromStr for ServerUrl {
    type Err = ParseServerUrlError;

    fn from_str(text: &str) -> Result<Self, ParseServerUrlError> {
        let url =
            Url::parse(text).map_err(|source| ParseServerUrlError::Malformed { text: text.to_owned(), source })?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if plain { Ok(Self(url)) } else { Err(ParseServerUrlError::NotAServer(text.to_owned())) }
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl TryFrom<String> for ServerUrl {
    type Error = ParseServerUrlError;

    fn try_from(text: String) -> Result<Self, ParseServerUrlError> {
        text.parse()
    }
}

impl From<ServerUrl> for String {
    fn from(server: ServerUrl) -> Self {
        server.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_may_live_below_a_path() {
        let check = |server: &str, expected: &str| {
            assert_eq!(server.parse::<ServerUrl>().unwrap().join("/api/v1/apps"), expected);
        };
        check("https://dist.example.com", "https://dist.example.com/api/v1/apps");
        check("http://nas:8080/dist/", "http://nas:8080/dist/api/v1/apps");
        for bad in ["", "nas:8080", "ftp://nas", "https://u:p@nas", "https://nas?x=1"] {
            assert!(bad.parse::<ServerUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_revision_is_one_path_segment() {
        let acme: AppSlug = "acme".parse().unwrap();
        let path = release(&acme, &"beta@{2026-11-01}~2".parse().unwrap());
        assert_eq!(path, "/api/v1/apps/acme/releases/beta@%7B2026-11-01T00%3A00%3A00Z%7D~2");
        assert_eq!(release(&acme, &"2.4.0+241".parse().unwrap()), "/api/v1/apps/acme/releases/2.4.0+241");
    }
}
