//! `distd doctor`: whether the data directory and what surrounds it will last. Reads only, beside a server that runs.

mod disk;
mod store;

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

pub(crate) use disk::{directory, file_system, open_files, space};
pub(crate) use store::database;

/// A certificate that ends sooner is worth a word.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How one check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// As it should be.
    Ok,
    /// Works, and could be better.
    Warn,
    /// Does not work, or will not for long.
    Fail,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// What was looked at, stable for scripts.
    pub(crate) code: &'static str,
    /// How it ended.
    pub(crate) level: Level,
    /// What was seen.
    pub(crate) seen: String,
    /// What mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mend: Option<String>,
}

impl Check {
    pub(crate) fn ok(code: &'static str, seen: impl Into<String>) -> Self {
        Self { code, level: Level::Ok, seen: seen.into(), mend: None }
    }

    pub(crate) fn warn(code: &'static str, seen: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { code, level: Level::Warn, seen: seen.into(), mend: Some(mend.into()) }
    }

    pub(crate) fn fail(code: &'static str, seen: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { code, level: Level::Fail, seen: seen.into(), mend: Some(mend.into()) }
    }
}

/// What people reach the server at, and whether they do by https.
pub(crate) fn public_url(url: Option<&str>) -> Check {
    match url {
        Some(url) if url.starts_with("https:") => Check::ok("public_url", url),
        Some(url) => Check::warn(
            "public_url",
            format!("{url}: iPhones install from https only"),
            "put a proxy or tls_cert before it and say https://…",
        ),
        None => Check::warn(
            "public_url",
            "not set: install pages have no address",
            "public_url = \"https://dist.example.com\"",
        ),
    }
}

/// The certificate that the server shows, PEM.
pub(crate) fn certificate(file: &Path, now: Timestamp) -> Check {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let code = "certificate";
    let first = CertificateDer::from_pem_file(file).ok().and_then(|der| inspect::certificates::read(&der));
    let end = first.and_then(|it| it.not_after.parse::<Timestamp>().ok());
    let Some(end) = end else {
        return Check::fail(code, format!("{} holds no certificate", file.display()), "tls_cert = \"FILE\", PEM");
    };
    let left = end.duration_since(now);
    let (days, mend) = (left.as_hours() / 24, "renew it; the files are read again when they change");
    match left {
        left if left.is_negative() => Check::fail(code, format!("ended {} days ago", -days), mend),
        left if left < SOON => Check::warn(code, format!("ends in {days} days"), mend),
        _ => Check::ok(code, format!("ends in {days} days")),
    }
}
