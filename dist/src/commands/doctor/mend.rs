//! The line of configuration that mends a fault. Each line for nginx stands in `docs/deploy/nginx.conf`, each for Caddy in
//! `docs/deploy/Caddyfile`: `cargo xtask proxies` compares them, and breaks nginx by taking them out.

use serde::Serialize;

/// What mends one fault, for each proxy and for the server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Mend {
    /// Lines for `server` or `location` in nginx.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nginx: Option<&'static str>,
    /// A line for the Caddyfile, or what must not stand in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) caddy: Option<&'static str>,
    /// A line for `config/distd.toml`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) distd: Option<String>,
}

const fn proxy(nginx: &'static str, caddy: &'static str) -> Mend {
    Mend { nginx: Some(nginx), caddy: Some(caddy), distd: None }
}

/// Bodies are refused by their size.
pub(super) const BODY_LIMIT: Mend = proxy("client_max_body_size 0;", "no request_body max_size");
/// Requests are kept until they are whole.
pub(super) const REQUEST_BUFFERING: Mend = proxy("proxy_request_buffering off;", "no request_buffers");
/// Answers are kept until they are whole.
pub(super) const RESPONSE_BUFFERING: Mend = proxy("proxy_buffering off;", "flush_interval -1");
/// The header `Range` does not come through.
pub(super) const RANGE: Mend = proxy("proxy_set_header Range $http_range;", "no header_up -Range");
/// The server does not learn who the client is.
pub(super) const CLIENT_ADDRESS: Mend =
    proxy("proxy_set_header X-Forwarded-For $remote_addr;", "no header_up X-Forwarded-For, no trusted_proxies");
/// The server does not learn how the client came.
pub(super) const FORWARDED_PROTO: Mend =
    proxy("proxy_set_header X-Forwarded-Proto $scheme;", "no header_up X-Forwarded-Proto");
/// The server does not learn by which name.
pub(super) const HOST: Mend = proxy("proxy_set_header Host $host;", "no header_up Host");
/// Every request needs a connection of its own.
pub(super) const HTTP2: Mend = proxy("listen 443 ssl http2;", "no protocols h1");

/// A line for the server's own configuration.
pub(super) fn server(line: String) -> Mend {
    Mend { distd: Some(line), ..Mend::default() }
}
