//! Identity tokens: what they say before and after their signature is verified.

use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use protocol::{ErrorCode, limits};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{LEEWAY, Refusal, clipped};

/// Most bytes of a `jti` and of a key id.
const ID_BYTES: usize = 255;

/// What a token says before anyone has verified it: enough to find the key, and not to be believed.
#[derive(Debug)]
pub(crate) struct Unverified {
    /// The issuer that it claims to be of.
    pub(crate) issuer: String,
    algorithm: String,
    key_id: Option<String>,
}

/// The claims of a token whose signature is right.
#[derive(Debug, Clone)]
pub(crate) struct Claims(Map<String, Value>);

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
}

#[derive(Deserialize)]
struct Issuer {
    iss: String,
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::OidcTokenInvalid, message)
}

impl Unverified {
    /// Reads the parts of a compact JWT (RFC 7519 section 3) that lead to the key.
    pub(crate) fn read(token: &str) -> Result<Self, Refusal> {
        if token.len() > limits::IDENTITY_TOKEN_BYTES {
            let most = limits::IDENTITY_TOKEN_BYTES;
            return Err(invalid(format!("the identity token has {} bytes, at most {most} are read", token.len())));
        }
        let mut parts = token.split('.');
        let (Some(header), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(invalid("the identity token is not a JWT of three parts"));
        };
        let header: Header = decode(header).ok_or_else(|| invalid("the identity token has no header of a JWT"))?;
        let claims: Issuer = decode(claims).ok_or_else(|| invalid("the identity token does not name its issuer"))?;
        Ok(Self { issuer: claims.iss, algorithm: header.alg, key_id: header.kid })
    }

    /// The algorithm, where it is one of the two that are taken.
    pub(crate) fn algorithm(&self) -> Result<Algorithm, Refusal> {
        match self.algorithm.as_str() {
            "RS256" => Ok(Algorithm::RS256),
            "ES256" => Ok(Algorithm::ES256),
            other => {
                let message = format!("the identity token is signed with {}, not RS256 or ES256", clipped(other, 32));
                Err(Refusal::new(ErrorCode::OidcAlgorithmRefused, message))
            }
        }
    }

    /// The id of the key.
    pub(crate) fn key_id(&self) -> Result<&str, Refusal> {
        let id = self.key_id.as_deref().filter(|id| id.len() <= ID_BYTES);
        id.ok_or_else(|| Refusal::new(ErrorCode::OidcKeyUnknown, "the identity token does not say which key signed it"))
    }
}

fn decode<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).ok()?).ok()
}

impl Claims {
    /// Verifies the signature, and only that: times are compared on our own clock, with [`Claims::check_times`].
    pub(crate) fn verify(token: &str, algorithm: Algorithm, key: &DecodingKey) -> Result<Self, Refusal> {
        super::ring::install();
        let mut validation = Validation::new(algorithm);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        jsonwebtoken::decode(token, key, &validation).map(|data| Self(data.claims)).map_err(|_| {
            Refusal::new(ErrorCode::OidcSignatureInvalid, "the signature of the identity token is not right")
        })
    }

    #[cfg(test)]
    pub(crate) fn of(claims: &Value) -> Self {
        Self(claims.as_object().cloned().unwrap_or_default())
    }

    /// A claim as text: numbers and booleans as JSON writes them; lists and objects are no text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(is) => Some(is.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// Whether `aud` is this audience, or a list that holds it.
    pub(crate) fn is_for(&self, audience: &str) -> bool {
        match self.0.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(several)) => several.iter().any(|one| one == audience),
            _ => false,
        }
    }

    /// Refuses a token before and after its time; gives when its time is over.
    pub(crate) fn check_times(&self, now: Timestamp) -> Result<Timestamp, Refusal> {
        let expiry = self.time("exp")?.ok_or_else(|| invalid("the identity token does not say when it expires"))?;
        if expiry.saturating_add(LEEWAY).is_ok_and(|last| last <= now) {
            let ago = now.duration_since(expiry).as_secs();
            return Err(Refusal::new(ErrorCode::OidcTokenExpired, format!("the identity token expired {ago} s ago")));
        }
        let earliest = now + LEEWAY;
        for claim in ["nbf", "iat"] {
            if let Some(start) = self.time(claim)?.filter(|start| *start > earliest) {
                let ahead = start.duration_since(now).as_secs();
                let message = format!("the identity token is valid in {ahead} s ({claim})");
                return Err(Refusal::new(ErrorCode::OidcTokenEarly, message));
            }
        }
        Ok(expiry)
    }

    /// A `NumericDate` (RFC 7519 section 2), which may have a fraction.
    fn time(&self, claim: &str) -> Result<Option<Timestamp>, Refusal> {
        let Some(value) = self.0.get(claim) else { return Ok(None) };
        let seconds = value
            .as_i64()
            .map(SignedDuration::from_secs)
            .or_else(|| value.as_f64().and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok()));
        let time = seconds.and_then(|seconds| Timestamp::from_duration(seconds).ok());
        time.map(Some).ok_or_else(|| invalid(format!("the identity token's {claim} is not a time")))
    }

    /// What is never the same in two tokens of an issuer.
    pub(crate) fn id(&self) -> Result<String, Refusal> {
        let id = self.text("jti").filter(|id| !id.is_empty() && id.len() <= ID_BYTES);
        id.ok_or_else(|| {
            Refusal::new(ErrorCode::OidcIdMissing, "the identity token has no jti, or one that is too long")
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        format!("{}.{}.AA", part(header), part(claims))
    }

    #[test]
    fn only_two_algorithms_are_taken() {
        let check = |alg: &str, expected: Option<Algorithm>| {
            let read = Unverified::read(&token(&json!({"alg": alg}), &json!({"iss": "i"}))).unwrap();
            assert_eq!(read.algorithm().ok(), expected, "{alg}");
        };
        check("RS256", Some(Algorithm::RS256));
        check("ES256", Some(Algorithm::ES256));
        for bad in ["none", "HS256", "RS512", "PS256", "EdDSA", "rs256", ""] {
            check(bad, None);
        }
    }

    #[test]
    fn what_is_no_jwt_is_refused_and_not_echoed() {
        let whole = token(&json!({"alg": "RS256"}), &json!({"iss": "i"}));
        let no_issuer = token(&json!({"alg": "RS256"}), &json!({"sub": "i"}));
        for bad in ["", "a.b", "a.b.c", "a.b.c.d", &whole[1..], &no_issuer, &format!("{whole}.x"), &"a".repeat(20_000)]
        {
            let refusal = Unverified::read(bad).unwrap_err();
            assert_eq!(refusal.code, ErrorCode::OidcTokenInvalid, "{bad}");
        }
    }

    #[test]
    fn times_have_a_minute_of_leeway() {
        let now: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        let check = |exp: i64, nbf: i64, expected: Option<ErrorCode>| {
            let at = |seconds: i64| now.as_second() + seconds;
            let claims = Claims::of(&json!({"exp": at(exp), "nbf": at(nbf)}));
            assert_eq!(claims.check_times(now).err().map(|refusal| refusal.code), expected, "{exp} {nbf}");
        };
        check(300, 0, None);
        check(-59, 60, None);
        check(-60, 0, Some(ErrorCode::OidcTokenExpired));
        check(300, 61, Some(ErrorCode::OidcTokenEarly));
        for bad in [json!({}), json!({"exp": "soon"}), json!({"exp": i64::MAX}), json!({"exp": 1e300})] {
            assert_eq!(Claims::of(&bad).check_times(now).unwrap_err().code, ErrorCode::OidcTokenInvalid, "{bad}");
        }
    }

    #[test]
    fn an_audience_may_be_one_of_several() {
        let check = |aud: Value, expected: bool| assert_eq!(Claims::of(&json!({"aud": aud})).is_for("dist"), expected);
        check(json!("dist"), true);
        check(json!(["other", "dist"]), true);
        check(json!("distd"), false);
        check(json!(["other"]), false);
        check(json!({"dist": 1}), false);
        check(Value::Null, false);
    }
}
