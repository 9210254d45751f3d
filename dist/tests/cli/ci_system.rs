//! A CI system on a socket of its own: it gives jobs identity tokens, and servers the key to verify them.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

/// What a job has to say to be given a token.
const PASSWORD: &str = "job-password";

/// A running CI system whose jobs are those of one repository.
pub(crate) struct CiSystem {
    pub(crate) url: String,
    issuer: Arc<Issuer>,
}

struct Issuer {
    url: String,
    key: EcdsaKeyPair,
    tokens: AtomicU32,
}

impl CiSystem {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (kind, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let document = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(kind, document.as_ref(), &random).unwrap();
        let issuer = Arc::new(Issuer { url: url.clone(), key, tokens: AtomicU32::new(0) });
        let serving = Arc::clone(&issuer);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let issuer = Arc::clone(&serving);
                // A client that goes away is its own business.
                thread::spawn(move || drop(issuer.answer(stream)));
            }
        });
        Self { url, issuer }
    }

    /// Gives a command the variables of a job.
    pub(crate) fn admit(&self, command: &mut Command) {
        self.admit_with(command, PASSWORD);
    }

    pub(crate) fn admit_with(&self, command: &mut Command, password: &str) {
        command.env("GITHUB_ACTIONS", "true");
        command.env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/token?api-version=2.0", self.url));
        command.env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", password);
    }

    /// An identity token of a job on main.
    pub(crate) fn token(&self, audience: &str) -> String {
        self.issuer.token(audience)
    }
}

impl Issuer {
    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
        let mut may = false;
        for line in lines {
            let line = line?;
            may |= line.eq_ignore_ascii_case(&format!("authorization: Bearer {PASSWORD}"));
            if line.is_empty() {
                break;
            }
        }
        let path = request.split(' ').nth(1).unwrap_or_default();
        let (status, body) = match path.split_once('?').unwrap_or((path, "")) {
            ("/.well-known/openid-configuration", _) => {
                ("200 OK", json!({"issuer": self.url, "jwks_uri": format!("{}/jwks", self.url)}))
            }
            ("/jwks", _) => ("200 OK", json!({"keys": [self.jwk()]})),
            ("/token", query) if may => {
                let audience = query.strip_prefix("api-version=2.0&audience=").unwrap_or_default();
                ("200 OK", json!({"count": 1, "value": self.token(audience)}))
            }
            _ => ("401 Unauthorized", json!({"message": "no"})),
        };
        let body = body.to_string();
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
    }

    fn jwk(&self) -> Value {
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        json!({"kty": "EC", "kid": "k", "crv": "P-256", "x": text(x), "y": text(y)})
    }

    fn token(&self, audience: &str) -> String {
        let now = Timestamp::now().as_second();
        let number = self.tokens.fetch_add(1, Ordering::SeqCst);
        let claims = json!({"iss": self.url, "aud": audience, "jti": number, "iat": now, "exp": now + 300,
            "repository": "acme/app", "repository_id": "74", "repository_owner_id": "65", "event_name": "push",
            "workflow_ref": "acme/app/.github/workflows/release.yml@refs/heads/main", "ref": "refs/heads/main"});
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let message = format!("{}.{}", part(&json!({"alg": "ES256", "kid": "k"})), part(&claims));
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
    }
}
