//! An issuer of identity tokens: real keys, a real JWKS, over real HTTP.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64URL_NOPAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::traits::PublicKeyParts;
use serde_json::{Value, json};

/// A key pair with its id.
pub(crate) struct SigningKey {
    pub(crate) id: String,
    pair: Pair,
}

enum Pair {
    Rsa { pair: Box<RsaKeyPair>, modulus: Vec<u8>, exponent: Vec<u8> },
    Ec(EcdsaKeyPair),
}

impl SigningKey {
    pub(crate) fn rsa(id: &str) -> Self {
        let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap();
        let pair = Box::new(RsaKeyPair::from_der(key.to_pkcs1_der().unwrap().as_bytes()).unwrap());
        let (modulus, exponent) = (key.n().to_bytes_be(), key.e().to_bytes_be());
        Self { id: id.to_owned(), pair: Pair::Rsa { pair, modulus, exponent } }
    }

    pub(crate) fn ec(id: &str) -> Self {
        let (kind, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let document = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(kind, document.as_ref(), &random).unwrap();
        Self { id: id.to_owned(), pair: Pair::Ec(pair) }
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa { .. } => "RS256",
            Pair::Ec(_) => "ES256",
        }
    }

    /// The public half, as a JWKS has it.
    pub(crate) fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        match &self.pair {
            Pair::Rsa { modulus, exponent, .. } => {
                json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id, "n": text(modulus), "e": text(exponent)})
            }
            Pair::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "use": "sig", "kid": self.id, "crv": "P-256", "x": text(x), "y": text(y)})
            }
        }
    }

    /// A token with this key's algorithm and id in its header.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({"typ": "JWT", "alg": self.algorithm(), "kid": self.id}), claims)
    }

    pub(crate) fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let message = format!("{}.{}", part(header), part(claims));
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Rsa { pair, .. } => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
        };
        format!("{message}.{}", BASE64URL_NOPAD.encode(&signature))
    }
}

/// A running issuer that counts how often it is asked for what.
pub(crate) struct Issuer {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    keys: Vec<Value>,
    /// What a path answers in place of what it should.
    instead: Option<(String, StatusCode, String)>,
    asked: Vec<String>,
}

impl Issuer {
    pub(crate) async fn start(keys: &[&SigningKey]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let (own, shared) = (url.clone(), Arc::clone(&state));
        let service = Router::new().fallback(move |uri: Uri| {
            let answer = shared.lock().unwrap().answer(uri.path(), &own);
            async move { answer }
        });
        tokio::spawn(async move { axum::serve(listener, service).await });
        let issuer = Self { url, state };
        issuer.publish(keys);
        issuer
    }

    /// Replaces the keys.
    pub(crate) fn publish(&self, keys: &[&SigningKey]) {
        self.state.lock().unwrap().keys = keys.iter().map(|key| key.jwk()).collect();
    }

    /// Lets a path answer something else; a redirect goes to `body`.
    pub(crate) fn answer_instead(&self, path: &str, status: StatusCode, body: &str) {
        self.state.lock().unwrap().instead = Some((path.to_owned(), status, body.to_owned()));
    }

    /// The paths that were asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}

impl State {
    fn answer(&mut self, path: &str, own: &str) -> Response {
        self.asked.push(path.to_owned());
        if let Some((_, status, body)) = self.instead.as_ref().filter(|(instead, ..)| instead == path) {
            return (*status, [(header::LOCATION, body.clone())], body.clone()).into_response();
        }
        let document = match path {
            "/.well-known/openid-configuration" => json!({"issuer": own, "jwks_uri": format!("{own}/jwks")}),
            "/jwks" => json!({"keys": self.keys}),
            _ => return StatusCode::NOT_FOUND.into_response(),
        };
        document.to_string().into_response()
    }
}
