//! What came back of one attempt.

use jiff::SignedDuration;
use protocol::api::WebhookFormat;

use crate::db::webhooks::Attempt;

/// How an attempt went, and what it means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) attempt: Attempt,
    pub(crate) verdict: Verdict,
    /// What the receiver asked to wait.
    pub(crate) retry_after: Option<SignedDuration>,
}

/// Whether it arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It did.
    Delivered,
    /// It did not, and may another time.
    #[default]
    Failed,
    /// It did not, and would not another time: the mail server refused this mail for good (5xx).
    Refused,
    /// The receiver says that it is gone for good (410).
    Gone,
}

/// What a status and the beginning of a body mean.
pub(super) fn judge(status: u16, answer: &str, format: WebhookFormat) -> (Verdict, Option<String>) {
    match status {
        200..=299 => match refusal(answer, format) {
            None => (Verdict::Delivered, None),
            Some(why) => (Verdict::Failed, Some(why)),
        },
        300..=399 => (Verdict::Failed, Some(format!("answered {status}: redirects are not followed"))),
        410 => (Verdict::Gone, Some("answered 410: it is gone for good".to_owned())),
        _ => (Verdict::Failed, Some(format!("answered {status}"))),
    }
}

/// Feishu answers 200 and says in the body whether it took the message: `code` is 0 where it did.
fn refusal(answer: &str, format: WebhookFormat) -> Option<String> {
    if format != WebhookFormat::Feishu {
        return None;
    }
    let body: serde_json::Value = serde_json::from_str(answer).ok()?;
    let code = body.get("code").and_then(serde_json::Value::as_i64).filter(|code| *code != 0)?;
    Some(format!("answered 200 with the code {code}"))
}

/// The header `Retry-After` where it gives seconds.
pub(super) fn retry_after(text: Option<&str>) -> Option<SignedDuration> {
    text?.trim().parse::<u32>().ok().map(|seconds| SignedDuration::from_secs(i64::from(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_judged_by_its_status_and_feishus_by_its_code() {
        let check = |status: u16, answer: &str, format: WebhookFormat, expect: Verdict| {
            assert_eq!(judge(status, answer, format).0, expect, "{status} {answer}");
        };
        check(200, "", WebhookFormat::Json, Verdict::Delivered);
        check(204, "", WebhookFormat::Discord, Verdict::Delivered);
        check(302, "", WebhookFormat::Json, Verdict::Failed);
        check(410, "", WebhookFormat::Json, Verdict::Gone);
        check(500, "", WebhookFormat::Json, Verdict::Failed);
        check(200, r#"{"code":0,"msg":"success"}"#, WebhookFormat::Feishu, Verdict::Delivered);
        check(200, r#"{"code":19024,"msg":"Key Words Not Found"}"#, WebhookFormat::Feishu, Verdict::Failed);
        check(200, r#"{"code":19024}"#, WebhookFormat::Json, Verdict::Delivered);
    }

    #[test]
    fn a_pause_is_read_in_seconds() {
        assert_eq!(retry_after(Some("30")), Some(SignedDuration::from_secs(30)));
        assert_eq!(retry_after(Some("Sun, 22 Nov 2026 09:00:00 GMT")), None);
        assert_eq!(retry_after(None), None);
    }
}
