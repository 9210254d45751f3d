//! `Repr-Digest`, the digest of a whole representation in a header ([RFC 9530](https://www.rfc-editor.org/rfc/rfc9530)):
//! `sha-256=:…:`, a dictionary of structured fields whose values are base64 between colons.

use data_encoding::BASE64;

use crate::Digest;

/// The header's name.
pub const NAME: &str = "repr-digest";

/// Why a header tells no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sha-256 is not the base64 of 32 bytes between colons")]
pub struct DigestFieldError;

/// The header for a digest.
pub fn render(digest: &Digest) -> String {
    format!("sha-256=:{}:", BASE64.encode(digest.as_bytes()))
}

/// The SHA-256 among the digests of a header; `None` where others are given.
///
/// # Errors
/// [`DigestFieldError`] where what is given for `sha-256` is none.
pub fn parse(text: &str) -> Result<Option<Digest>, DigestFieldError> {
    let mut members = text.split(',').filter_map(|member| member.trim().split_once('='));
    let Some((_, value)) = members.find(|(algorithm, _)| *algorithm == "sha-256") else { return Ok(None) };
    let encoded = value.strip_prefix(':').and_then(|rest| rest.strip_suffix(':')).ok_or(DigestFieldError)?;
    let bytes = BASE64.decode(encoded.as_bytes()).map_err(|_| DigestFieldError)?;
    bytes.try_into().map(Digest::from_bytes).map(Some).map_err(|_| DigestFieldError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_comes_back_from_its_header() {
        let digest = Digest::of(b"abc");
        let field = render(&digest);
        assert_eq!(field, "sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:");
        assert_eq!(parse(&field), Ok(Some(digest)));
        assert_eq!(parse(&format!("sha-512=:AAAA:, {field}")), Ok(Some(digest)));
        assert_eq!(parse("sha-512=:AAAA:"), Ok(None));
        assert_eq!(parse(""), Ok(None));
        for bad in ["sha-256=", "sha-256=ungW", "sha-256=:ungW:", "sha-256=:!:", "sha-256=:"] {
            assert_eq!(parse(bad), Err(DigestFieldError), "{bad}");
        }
    }
}
