//! The manifest of an installation over the air (developer.apple.com, Device Management, `ManifestURL`).

use objstore::Digest;
use plist::{Dictionary, Value};

use super::chunks::CHUNK_BYTES;

/// What the manifest says.
#[derive(Debug)]
pub(super) struct Manifest<'a> {
    /// The whole address of the app.
    pub(super) app_url: String,
    /// SHA-256 of each [`CHUNK_BYTES`] of it.
    pub(super) sums: &'a [Digest],
    /// The whole address of its icon.
    pub(super) icon_url: Option<String>,
    /// `CFBundleIdentifier`.
    pub(super) bundle_id: &'a str,
    /// `CFBundleVersion`.
    pub(super) bundle_version: &'a str,
    /// Its name in the question that the system asks.
    pub(super) title: &'a str,
}

impl Manifest<'_> {
    /// An XML property list.
    pub(super) fn encode(&self) -> Vec<u8> {
        let package = dictionary([
            ("kind", "software-package".into()),
            ("url", self.app_url.as_str().into()),
            ("sha256-size", CHUNK_BYTES.into()),
            ("sha256s", Value::Array(self.sums.iter().map(|sum| sum.to_string().into()).collect())),
        ]);
        let image = |kind: &'static str, url: &String| {
            dictionary([("kind", kind.into()), ("url", url.as_str().into()), ("needs-shine", false.into())])
        };
        let images = self.icon_url.iter().flat_map(|url| [image("display-image", url), image("full-size-image", url)]);
        let metadata = dictionary([
            ("bundle-identifier", self.bundle_id.into()),
            ("bundle-version", self.bundle_version.into()),
            ("kind", "software".into()),
            ("platform-identifier", "com.apple.platform.iphoneos".into()),
            ("title", self.title.into()),
        ]);
        let assets = Value::Array(std::iter::once(package).chain(images).collect());
        let item = dictionary([("assets", assets), ("metadata", metadata)]);
        let mut bytes = Vec::new();
        let whole = dictionary([("items", Value::Array(vec![item]))]);
        whole.to_writer_xml(&mut bytes).expect("a list of texts and numbers goes into memory");
        bytes
    }
}

fn dictionary<const N: usize>(values: [(&str, Value); N]) -> Value {
    Value::Dictionary(values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Dictionary>())
}
