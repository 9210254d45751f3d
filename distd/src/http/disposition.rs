//! `Content-Disposition` for a download (RFC 6266, RFC 8187).

use axum::http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// `attr-char` of RFC 8187.
const ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Saves under `filename`: an ASCII stand-in for old clients, the real name for all others.
pub(super) fn attachment(filename: &str) -> HeaderValue {
    let plain = |c: char| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ' { c } else { '_' };
    let ascii: String = filename.chars().map(plain).collect();
    let encoded = utf8_percent_encode(filename, ATTR_CHAR);
    HeaderValue::from_str(&format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}"))
        .unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_breaks_out_of_the_header() {
        let check = |name: &str, expect: &str| assert_eq!(attachment(name).to_str().unwrap(), expect);
        check("acme.apk", "attachment; filename=\"acme.apk\"; filename*=UTF-8''acme.apk");
        check("Büro 🚀.ipa", "attachment; filename=\"B_ro _.ipa\"; filename*=UTF-8''B%C3%BCro%20%F0%9F%9A%80.ipa");
        check("a\"b\r\n;c", "attachment; filename=\"a_b__;c\"; filename*=UTF-8''a%22b%0D%0A%3Bc");
    }
}
