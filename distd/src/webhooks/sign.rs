//! Signatures, as the Standard Webhooks specification has them (standardwebhooks.com): the header `webhook-signature` is
//! `v1,` and the base64 of HMAC-SHA256 over `ID.TIMESTAMP.BODY`, with the bytes behind `whsec_` as the key.

use data_encoding::{BASE32_NOPAD, BASE64};
use jiff::Timestamp;
use ring::hmac;

use crate::db::webhooks::Secret;

/// Makes a secret.
pub(crate) fn new_secret() -> Secret {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).expect("the system has a source of random bytes");
    secret
}

/// How a secret is told to people.
pub(crate) fn secret_text(secret: &Secret) -> String {
    format!("whsec_{}", BASE64.encode(secret))
}

/// An id for the header `webhook-id`: the same for each attempt, so that receivers see what they have had.
pub(crate) fn new_message_id() -> String {
    let mut id = [0; 15];
    getrandom::fill(&mut id).expect("the system has a source of random bytes");
    format!("msg_{}", BASE32_NOPAD.encode(&id).to_lowercase())
}

/// The header `webhook-signature`.
pub(crate) fn signature(secret: &Secret, message: &str, at: Timestamp, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{message}.{}.", at.as_second()).as_bytes());
    context.update(body);
    format!("v1,{}", BASE64.encode(context.sign().as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python's hmac module.
    #[test]
    fn a_signature_is_that_of_the_specification() {
        let secret: Secret = std::array::from_fn(|number| u8::try_from(number).unwrap());
        assert_eq!(secret_text(&secret), "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
        let at: Timestamp = "2026-11-22T09:00:00.5Z".parse().unwrap();
        let signed = signature(&secret, "msg_a", at, br#"{"type":"ping"}"#);
        assert_eq!(signed, "v1,f//ZtRXFYt37ekOIDtfuAVPCZI+gocxdwo/daVhs6mw=");
    }
}
