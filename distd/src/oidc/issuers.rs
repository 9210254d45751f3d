//! The keys of issuers: found through `OpenID` Connect Discovery 1.0 section 4, kept for an hour, fetched again when a token names
//! a key that is not among them (RFC 7517; issuers rotate keys).
//!
//! Nobody has to be authenticated to make us look for a key, so both is rationed on the server's clock. One fetch runs for an
//! issuer at a time; whoever needs it waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::rule::{check_issuer, is_loopback};
use crate::Clock;

/// For how long keys are used without asking again.
const FRESH: SignedDuration = SignedDuration::from_hours(1);

/// For how long an unknown key is not looked for again.
const REFETCH: SignedDuration = SignedDuration::from_mins(1);

/// For how long an issuer that did not answer is left alone.
const PAUSE: SignedDuration = SignedDuration::from_secs(5);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest document of an issuer, in bytes.
const DOCUMENT_BYTES: usize = 256 * 1024;

/// Most keys of one issuer that are kept.
const KEYS: usize = 64;

/// Why an issuer's keys are not to be had.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct IssuerError(String);

/// The keys of all issuers that were needed so far. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Issuers {
    clock: Clock,
    known: Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<Issuer>>>>>,
    encrypted: Arc<OnceLock<reqwest::Client>>,
    local: Arc<OnceLock<reqwest::Client>>,
}

#[derive(Default)]
struct Issuer {
    keys: Vec<Key>,
    fetched_at: Option<Timestamp>,
    failed: Option<(Timestamp, IssuerError)>,
}

/// One key that can verify.
#[derive(Clone)]
struct Key {
    id: String,
    algorithm: Algorithm,
    decoding: DecodingKey,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

impl Issuers {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, known: Arc::default(), encrypted: Arc::default(), local: Arc::default() }
    }

    /// The key of an issuer for an algorithm; `None` where the issuer has no such key.
    ///
    /// `issuer` comes from a publisher's rule, never from a token alone.
    pub(crate) async fn key(
        &self,
        issuer: &str,
        key_id: &str,
        algorithm: Algorithm,
    ) -> Result<Option<DecodingKey>, IssuerError> {
        let entry = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(issuer.to_owned()).or_default())
        };
        let mut entry = entry.lock().await;
        let now = self.clock.now();
        let age = entry.fetched_at.map(|at| now.duration_since(at));
        let found = entry.find(key_id, algorithm);
        let is_due = age.is_none_or(|age| age >= if found.is_some() { FRESH } else { REFETCH });
        if !is_due {
            return Ok(found);
        }
        if let Some((at, error)) = &entry.failed
            && now.duration_since(*at) < PAUSE
        {
            return Err(error.clone());
        }
        match self.fetch(issuer).await {
            Ok(keys) => *entry = Issuer { keys, fetched_at: Some(now), failed: None },
            Err(error) => {
                tracing::warn!(issuer, %error, "an issuer's keys cannot be fetched");
                entry.failed = Some((now, error.clone()));
                return Err(error);
            }
        }
        Ok(entry.find(key_id, algorithm))
    }

    async fn fetch(&self, issuer: &str) -> Result<Vec<Key>, IssuerError> {
        // Rules were checked when they were added; this holds also for those that another version let in.
        check_issuer(issuer).map_err(IssuerError)?;
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let discovery: Discovery = self.get(&address).await?;
        if discovery.issuer != issuer {
            let message = format!("the issuer {issuer} calls itself {:?}", super::clipped(&discovery.issuer, 200));
            return Err(IssuerError(message));
        }
        check_keys_address(issuer, &discovery.jwks_uri)?;
        let set: KeySet = self.get(&discovery.jwks_uri).await?;
        Ok(set.keys.into_iter().filter_map(read_key).take(KEYS).collect())
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, address: &str) -> Result<T, IssuerError> {
        let failed = |what: &str| IssuerError(format!("{address} {what}"));
        let client = self.client(address.starts_with("https:"))?;
        let exchange = async {
            let mut response = client.get(address).send().await.map_err(|_| failed("cannot be reached"))?;
            if !response.status().is_success() {
                return Err(failed(&format!("answers with status {}", response.status().as_u16())));
            }
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|_| failed("broke off its answer"))? {
                if body.len() + chunk.len() > DOCUMENT_BYTES {
                    return Err(failed(&format!("answers with more than {DOCUMENT_BYTES} bytes")));
                }
                body.extend_from_slice(&chunk);
            }
            serde_json::from_slice(&body).map_err(|_| failed("answers with something that is not understood"))
        };
        tokio::time::timeout(ANSWER_TIMEOUT, exchange).await.unwrap_or_else(|_| Err(failed("takes too long to answer")))
    }

    /// The client is made when it is first needed: one for https needs the system's root certificates, and a server that trusts
    /// no publisher runs without.
    fn client(&self, is_encrypted: bool) -> Result<&reqwest::Client, IssuerError> {
        let place = if is_encrypted { &self.encrypted } else { &self.local };
        if let Some(client) = place.get() {
            return Ok(client);
        }
        // Fails where it is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .user_agent(concat!("distd/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT);
        let builder = if is_encrypted { builder.https_only(true) } else { builder.tls_certs_only([]).no_proxy() };
        let client = builder.build().map_err(|error| {
            tracing::error!(%error, "no client for https can be made");
            IssuerError("the server has no root certificates, so it cannot ask issuers for their keys".to_owned())
        })?;
        Ok(place.get_or_init(|| client))
    }
}

/// Keys come over https, or from where an unencrypted issuer is: this very machine.
fn check_keys_address(issuer: &str, text: &str) -> Result<(), IssuerError> {
    let is_local_issuer = issuer.starts_with("http:");
    let url = Url::parse(text).ok().filter(Url::has_host);
    let is_safe = url
        .is_some_and(|url| url.scheme() == "https" || url.scheme() == "http" && is_local_issuer && is_loopback(&url));
    if is_safe { Ok(()) } else { Err(IssuerError(format!("the issuer {issuer} has its keys at no https address"))) }
}

impl Issuer {
    fn find(&self, key_id: &str, algorithm: Algorithm) -> Option<DecodingKey> {
        let found = self.keys.iter().find(|key| key.id == key_id && key.algorithm == algorithm);
        found.map(|key| key.decoding.clone())
    }
}

/// A key that can verify one of our algorithms; `None` for any other, which issuers may have as well.
fn read_key(value: Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        _ => return None,
    };
    let is_for_signatures = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let is_for_it = jwk.common.key_algorithm.is_none_or(|named| named == KeyAlgorithm::from(algorithm));
    if !is_for_signatures || !is_for_it {
        return None;
    }
    let decoding = DecodingKey::from_jwk(&jwk).ok()?;
    Some(Key { id: jwk.common.key_id?, algorithm, decoding })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_that_cannot_verify_are_left_out() {
        let check = |key: Value, expected: Option<Algorithm>| {
            assert_eq!(read_key(key.clone()).map(|key| key.algorithm), expected, "{key}");
        };
        check(json!({"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB"}), Some(Algorithm::RS256));
        check(
            json!({"kty": "RSA", "kid": "a", "use": "sig", "alg": "RS256", "n": "AQ", "e": "AQAB"}),
            Some(Algorithm::RS256),
        );
        check(json!({"kty": "EC", "kid": "a", "crv": "P-256", "x": "AQ", "y": "AQ"}), Some(Algorithm::ES256));
        check(json!({"kty": "EC", "kid": "a", "crv": "P-384", "x": "AQ", "y": "AQ"}), None);
        check(json!({"kty": "RSA", "kid": "a", "use": "enc", "n": "AQ", "e": "AQAB"}), None);
        check(json!({"kty": "RSA", "kid": "a", "alg": "RS512", "n": "AQ", "e": "AQAB"}), None);
        check(json!({"kty": "RSA", "n": "AQ", "e": "AQAB"}), None);
        check(json!({"kty": "oct", "kid": "a", "k": "AQ"}), None);
        check(json!({"kty": "OKP", "kid": "a", "crv": "Ed25519", "x": "AQ"}), None);
        check(json!("RSA"), None);
    }

    #[test]
    fn keys_are_fetched_from_safe_addresses_only() {
        let check = |issuer: &str, keys: &str, expected: bool| {
            assert_eq!(check_keys_address(issuer, keys).is_ok(), expected, "{issuer} {keys}");
        };
        check("https://ci.example.com", "https://keys.example.com/jwks", true);
        check("https://ci.example.com", "http://ci.example.com/jwks", false);
        check("https://ci.example.com", "http://127.0.0.1/jwks", false);
        check("http://127.0.0.1:1", "http://127.0.0.1:1/jwks", true);
        check("http://127.0.0.1:1", "http://10.0.0.1/jwks", false);
        check("https://ci.example.com", "file:///etc/passwd", false);
    }
}
