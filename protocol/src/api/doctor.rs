//! What `dist doctor` asks: how a request arrived, and bodies to look at on their way. Nothing of it is kept.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How a request arrived at the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Arrival {
    /// Version of the server.
    pub server_version: String,
    /// The server's clock.
    #[schema(value_type = String, format = DateTime)]
    pub now: Timestamp,
    /// The address that people reach the server at, as it was told; links are made from it.
    pub public_url: Option<String>,
    /// The version of HTTP that the request arrived with, such as `HTTP/1.1`: the last proxy's.
    pub http_version: String,
    /// The header `Host` that arrived.
    pub host: Option<String>,
    /// The header `X-Forwarded-For` that arrived.
    pub forwarded_for: Option<String>,
    /// The header `X-Forwarded-Proto` that arrived.
    pub forwarded_proto: Option<String>,
    /// The other end of the connection: the client, or the last proxy.
    pub peer_address: Option<String>,
    /// Whether that is a proxy that the server trusts.
    pub is_peer_trusted: bool,
    /// Who the server takes for the client; stands in the audit log.
    pub client_address: Option<String>,
}

/// How a body arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Echo {
    /// Its length in bytes.
    pub size_bytes: u64,
    /// SHA-256 of it, 64 lowercase hexadecimal digits.
    pub sha256: String,
    /// Milliseconds between its first byte and its last.
    pub arrival_ms: u64,
}

/// Which bytes to send.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BytesQuery {
    /// How many, at most 1048576; 65536 unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// In pieces over 400 milliseconds, whatever `Range` says.
    #[serde(default)]
    pub slow: bool,
}

/// The byte of the answer at this place: what it is can be told without asking.
pub fn byte_at(place: u64) -> u8 {
    u8::try_from(place % 251).unwrap_or_default()
}
