//! TLS of the server's own, for those who have no proxy before it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use axum_server::tls_rustls::RustlsConfig;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_mins(1);

/// A certificate chain and its key, which are read again when the files change.
#[derive(Clone)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    pub(crate) config: RustlsConfig,
}

impl Tls {
    /// Reads both files, PEM.
    ///
    /// # Errors
    /// When one cannot be read, or they do not belong together.
    pub async fn load(certificate: PathBuf, key: PathBuf) -> io::Result<Self> {
        install_provider();
        let config = RustlsConfig::from_pem_file(&certificate, &key).await?;
        Ok(Self { certificate, key, config })
    }

    /// Reads the files again. Connections that are open keep what they have; where the files are no good all do.
    ///
    /// # Errors
    /// As [`Tls::load`].
    pub async fn reload(&self) -> io::Result<()> {
        self.config.reload_from_pem_file(&self.certificate, &self.key).await
    }

    /// Reads the files again whenever one has changed. Never ends.
    pub async fn follow(self) {
        let mut seen = self.changed_at();
        loop {
            tokio::time::sleep(LOOK).await;
            let now = self.changed_at();
            if now == seen {
                continue;
            }
            match self.reload().await {
                Ok(()) => tracing::info!(certificate = %self.certificate.display(), "the certificate was read again"),
                // Whoever renews writes one file after the other: the next look finds both.
                Err(error) => tracing::error!(%error, "the certificate cannot be read again; the one before stays"),
            }
            seen = now;
        }
    }

    fn changed_at(&self) -> [Option<SystemTime>; 2] {
        [&self.certificate, &self.key].map(|path| changed_at(path))
    }
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|found| found.modified()).ok()
}

/// TLS here is rustls with ring, as everywhere in this program.
pub(crate) fn install_provider() {
    // It fails only where one is installed already: the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
