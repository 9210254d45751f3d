//! `distd doctor`: whether the data directory and what surrounds it will last. Reads only, beside a server that runs.

mod disk;
mod store;

use std::path::Path;

use jiff::Timestamp;
use protocol::diagnosis::{self, CERTIFICATE_SOON};

pub(crate) use disk::{directory, file_system, open_files, space};
pub(crate) use store::database;

/// One check, with what mends it in words.
pub(crate) type Check = diagnosis::Check<String>;

/// What people reach the server at, and whether they do by https.
pub(crate) fn public_url(url: Option<&str>) -> Check {
    match url {
        Some(url) if url.starts_with("https:") => Check::ok("public_url", url),
        Some(url) => Check::warn("public_url", format!("{url}: iPhones install from https only"))
            .mended_by("put a proxy or tls_cert before it and say https://…"),
        None => Check::warn("public_url", "not set: install pages have no address")
            .mended_by("public_url = \"https://dist.example.com\""),
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
        return Check::fail(code, format!("{} holds no certificate", file.display()))
            .mended_by("tls_cert = \"FILE\", PEM");
    };
    let left = end.duration_since(now);
    let (days, mend) = (left.as_hours() / 24, "renew it; the files are read again when they change");
    match left {
        left if left.is_negative() => Check::fail(code, format!("ended {} days ago", -days)).mended_by(mend),
        left if left < CERTIFICATE_SOON => Check::warn(code, format!("ends in {days} days")).mended_by(mend),
        _ => Check::ok(code, format!("ends in {days} days")),
    }
}
