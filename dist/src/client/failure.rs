//! A failed attempt: what the person is told, and whether to try again.

use std::error::Error;
use std::io;
use std::time::Duration;

use jiff::Timestamp;
use protocol::{ErrorBody, ErrorCode, ServerUrl};
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::retry::Again;
use crate::error::CliError;

/// Most bytes of an error answer that are read.
const ERROR_BYTES: usize = 2 * 1024 * 1024;

/// One attempt that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What to tell if this was the last attempt.
    pub(crate) error: CliError,
    /// Whether to try again.
    pub(crate) again: Again,
    /// The status of the answer, where there was one.
    pub(crate) status: Option<StatusCode>,
    /// The headers of the answer, where there was one.
    pub(crate) headers: HeaderMap,
}

impl Failure {
    /// A failure that another attempt would not mend.
    pub(crate) fn last(error: CliError) -> Self {
        Self::unanswered(error, Again::Never)
    }

    fn unanswered(error: CliError, again: Again) -> Self {
        Self { error, again, status: None, headers: HeaderMap::new() }
    }

    /// A failure without an answer.
    pub(crate) fn transport(server: &ServerUrl, error: &reqwest::Error) -> Self {
        // A request that was never sent cannot have been carried out; of any other that is not known.
        let again = if is_tls(error) || error.is_builder() {
            Again::Never
        } else if error.is_connect() {
            Again::Unsent(None)
        } else {
            Again::Unknown
        };
        let doing = if error.is_connect() { "cannot reach" } else { "the connection was lost to" };
        // The layers in between only say that they failed.
        let told = CliError::new(ErrorCode::ServerUnreachable, format!("{doing} {server}: {}", root_cause(error)));
        let hint = if is_tls(error) {
            "check that the server speaks https and that this machine trusts its certificate"
        } else {
            "check the address and that the server runs"
        };
        Self::unanswered(told.hint(hint), again)
    }

    /// A request that got no answer in time.
    pub(crate) fn timeout(server: &ServerUrl, waited: Duration) -> Self {
        let message = format!("{server} did not answer for {} s", waited.as_secs());
        Self::unanswered(CliError::new(ErrorCode::ServerUnreachable, message), Again::Unknown)
    }

    /// An answer that is not a success. Reads its body.
    pub(crate) async fn answer(response: Response, now: Timestamp) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let url = response.url().to_string();
        let body = read_bounded(response).await;
        let error = match parse_body(&body) {
            Some(body) => CliError::from_body(body),
            None => foreign_answer(status, &headers, &url),
        };
        // Waiting does not make a credential work.
        let is_final = error.code() == ErrorCode::TooManyAttempts;
        let again = if is_final { Again::Never } else { again(status, retry_after(&headers, now)) };
        Self { error, again, status: Some(status), headers }
    }
}

fn again(status: StatusCode, retry_after: Option<Duration>) -> Again {
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Again::Unsent(retry_after),
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT | StatusCode::REQUEST_TIMEOUT => Again::Unknown,
        _ => Again::Never,
    }
}

/// `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let moment = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(moment.duration_since(now)).unwrap_or_default())
}

fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// Whether TLS itself refused: another attempt meets the same certificate.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    if error.is::<rustls::Error>() {
        return true;
    }
    // An io error passes its content over when asked for its source.
    let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    inside.is_some_and(|inside| is_tls(inside)) || error.source().is_some_and(is_tls)
}

async fn read_bounded(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        if body.len() + chunk.len() > ERROR_BYTES {
            break;
        }
        body.extend_from_slice(&chunk);
    }
    body
}

/// An error answer as it came: a newer server may know codes that this client does not.
#[derive(Deserialize)]
struct LooseBody {
    code: String,
    message: String,
    hint: Option<String>,
    request_id: Option<String>,
    #[serde(default)]
    details: Value,
}

fn parse_body(body: &[u8]) -> Option<ErrorBody> {
    let loose: LooseBody = serde_json::from_slice(body).ok()?;
    let code = serde_json::from_value(Value::String(loose.code.clone()));
    Some(ErrorBody {
        message: if code.is_ok() { loose.message } else { format!("{} ({})", loose.message, loose.code) },
        code: code.unwrap_or(ErrorCode::ServerAnswerInvalid),
        hint: loose.hint,
        request_id: loose.request_id,
        details: loose.details,
    })
}

/// An answer that did not come from `distd`: a proxy, or another server.
fn foreign_answer(status: StatusCode, headers: &HeaderMap, url: &str) -> CliError {
    let code = match status {
        StatusCode::UNAUTHORIZED => ErrorCode::Unauthenticated,
        StatusCode::FORBIDDEN => ErrorCode::Forbidden,
        StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::BodyTooLarge,
        StatusCode::INSUFFICIENT_STORAGE => ErrorCode::InsufficientStorage,
        StatusCode::REQUEST_TIMEOUT => ErrorCode::RequestTimeout,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => ErrorCode::Unavailable,
        _ => ErrorCode::ServerAnswerInvalid,
    };
    let error = CliError::new(code, format!("{url} answered {status}, not in the words of a dist server"));
    if status.is_redirection() {
        let target = headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("elsewhere");
        return error.hint(format!("it redirects to {target}: give --server that address"));
    }
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => error.hint("a proxy limits requests: give --chunk-size, such as 64MiB"),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => error.hint("check --server: is a dist server there?"),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
        let check = |text: &'static str, expected: Option<u64>| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs), "{text}");
        };
        check("7", Some(7));
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(37));
        check("Sun, 06 Nov 1994 08:48:37 GMT", Some(0));
        check("soon", None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn a_refusal_by_tls_is_found_however_deep_it_is_wrapped() {
        let tls = || rustls::Error::General("no".to_owned());
        assert!(is_tls(&tls()));
        assert!(is_tls(&io::Error::other(tls())));
        assert!(is_tls(&io::Error::other(io::Error::other(tls()))));
        assert!(!is_tls(&io::Error::other("reset")));
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let check = |status: u16, expected: Again| {
            assert_eq!(again(StatusCode::from_u16(status).unwrap(), None), expected, "{status}");
        };
        check(429, Again::Unsent(None));
        check(503, Again::Unsent(None));
        check(502, Again::Unknown);
        check(504, Again::Unknown);
        check(408, Again::Unknown);
        for status in [400, 401, 403, 404, 409, 413, 422, 500, 501, 507] {
            check(status, Again::Never);
        }
    }

    #[test]
    fn a_code_of_a_newer_server_is_shown_as_it_came() {
        let body = parse_body(br#"{"code":"moon_phase","message":"not tonight"}"#).unwrap();
        assert_eq!((body.code, body.message.as_str()), (ErrorCode::ServerAnswerInvalid, "not tonight (moon_phase)"));
        let body = parse_body(br#"{"code":"ref_moved","message":"m","details":{"by":"ana"}}"#).unwrap();
        assert_eq!((body.code, &body.details["by"]), (ErrorCode::RefMoved, &Value::from("ana")));
        assert!(parse_body(b"<html>Bad Gateway</html>").is_none());
    }

    #[test]
    fn an_answer_of_another_server_says_so() {
        let check = |status: u16, expected: ErrorCode| {
            let error = foreign_answer(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), "https://a/");
            assert_eq!(error.code(), expected, "{status}");
        };
        check(301, ErrorCode::ServerAnswerInvalid);
        check(401, ErrorCode::Unauthenticated);
        check(404, ErrorCode::ServerAnswerInvalid);
        check(413, ErrorCode::BodyTooLarge);
        check(500, ErrorCode::ServerAnswerInvalid);
        check(502, ErrorCode::Unavailable);
        check(507, ErrorCode::InsufficientStorage);
    }
}
