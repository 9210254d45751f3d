//! An event as a mail: plain text, which nothing in it can turn into anything else. Pure.
//!
//! The subject is made of names that have been checked. Everything else stands in the body, on lines of its own.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use lettre::message::Mailbox;
use lettre::message::header::{self, ContentType, Header, HeaderName, HeaderValue};
use lettre::{Address, Message};
use protocol::api::{MoveAction, Webhook, WebhookEvent, WebhookPayload};

use super::format::sentence;

/// What a mail is made from.
pub(super) struct Letter<'a> {
    pub(super) webhook: &'a Webhook,
    /// The id of the message: the same for each attempt, so that mail programs show it once.
    pub(super) message: &'a str,
    pub(super) payload: &'a WebhookPayload,
    pub(super) at: Timestamp,
}

/// `Auto-Submitted: auto-generated` (RFC 3834): nobody's absence answers it.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

impl Letter<'_> {
    /// The whole mail.
    ///
    /// # Errors
    /// A sentence, where a mail cannot be made of it.
    pub(super) fn write(&self, from: &Mailbox, to: Address) -> Result<Message, String> {
        let seconds = u64::try_from(self.at.as_second()).unwrap_or_default();
        Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject(self.payload))
            .date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
            .message_id(Some(format!("<{}@{}>", self.message, from.email.domain())))
            .header(AutoSubmitted)
            .header(header::MIME_VERSION_1_0)
            .header(ContentType::TEXT_PLAIN)
            .body(self.body())
            .map_err(|error| format!("the mail cannot be written: {error}"))
    }

    fn body(&self) -> String {
        let Webhook { app, id, .. } = self.webhook;
        let link = self.payload.data.url.as_ref().map(|url| format!("\n{url}\n")).unwrap_or_default();
        let says = sentence(self.payload);
        // Lines are kept short: beyond 76 characters the text is encoded, and nobody reads it in the source.
        format!("{says}\n{link}\n-- \nSent by a webhook of {app}. No more of these:\ndist webhook delete {app} {id}\n")
    }
}

/// `[acme] 1.2.0 is live on stable`.
fn subject(payload: &WebhookPayload) -> String {
    let data = &payload.data;
    let channel = data.channel.as_ref().map(ToString::to_string).unwrap_or_default();
    let release = data.release.as_ref().map(|release| release.name.to_string()).unwrap_or_default();
    let says = match (payload.event, data.action) {
        (WebhookEvent::ReleasePublish, _) => format!("{release} was published"),
        (WebhookEvent::ReleaseRevoke, _) => format!("{release} was revoked"),
        (WebhookEvent::ReleaseRestore, _) => format!("{release} was restored"),
        (WebhookEvent::ChannelMove, Some(MoveAction::Rollback)) => format!("{channel} was rolled back to {release}"),
        (WebhookEvent::ChannelMove, _) => format!("{release} is live on {channel}"),
        (WebhookEvent::ChannelPin, _) => format!("{channel} was pinned"),
        (WebhookEvent::ChannelUnpin, _) => format!("{channel} was unpinned"),
        (WebhookEvent::Ping, _) => "webhooks arrive here".to_owned(),
    };
    format!("[{}] {says}", data.app)
}

#[cfg(test)]
mod tests {
    use protocol::Digest;
    use protocol::api::{ReleaseRef, WebhookData, WebhookFormat};

    use super::*;

    fn payload(event: WebhookEvent, action: Option<MoveAction>) -> WebhookPayload {
        let is_move = event == WebhookEvent::ChannelMove;
        let of_channel = is_move || matches!(event, WebhookEvent::ChannelPin | WebhookEvent::ChannelUnpin);
        let release = ReleaseRef { id: Digest::of(b"a"), name: "1.2.0+7".parse().unwrap() };
        WebhookPayload {
            event,
            timestamp: "2026-11-22T09:00:00Z".parse().unwrap(),
            data: WebhookData {
                app: "acme".parse().unwrap(),
                actor: "ana".to_owned(),
                channel: of_channel.then(|| "stable".parse().unwrap()),
                action,
                release: (is_move || !of_channel).then_some(release),
                from: None,
                reason: None,
                url: None,
            },
        }
    }

    fn written(payload: &WebhookPayload, from: &str) -> String {
        let webhook = Webhook {
            id: "hq2x7m4a".to_owned(),
            app: "acme".parse().unwrap(),
            url: "mailto:qa@example.com".to_owned(),
            format: WebhookFormat::Mail,
            events: Vec::new(),
            created_at: payload.timestamp,
            created_by: "ana".to_owned(),
            failing_since: None,
            disabled_at: None,
        };
        let letter = Letter { webhook: &webhook, message: "msg_a", payload, at: payload.timestamp };
        let mail = letter.write(&from.parse().unwrap(), "qa@example.com".parse().unwrap()).unwrap();
        String::from_utf8(mail.formatted()).unwrap()
    }

    #[test]
    fn the_subject_says_what_happened() {
        let check =
            |event, action, expect: &str| assert_eq!(subject(&payload(event, action)), format!("[acme] {expect}"));
        check(WebhookEvent::ReleasePublish, None, "1.2.0+7 was published");
        check(WebhookEvent::ReleaseRevoke, None, "1.2.0+7 was revoked");
        check(WebhookEvent::ReleaseRestore, None, "1.2.0+7 was restored");
        check(WebhookEvent::ChannelMove, Some(MoveAction::Publish), "1.2.0+7 is live on stable");
        check(WebhookEvent::ChannelMove, Some(MoveAction::Promote), "1.2.0+7 is live on stable");
        check(WebhookEvent::ChannelMove, Some(MoveAction::Rollback), "stable was rolled back to 1.2.0+7");
        check(WebhookEvent::ChannelPin, None, "stable was pinned");
        check(WebhookEvent::ChannelUnpin, None, "stable was unpinned");
        check(WebhookEvent::Ping, None, "webhooks arrive here");
    }

    #[test]
    fn a_mail_is_text_with_a_link_and_an_end_to_it() {
        let mut payload = payload(WebhookEvent::ChannelMove, Some(MoveAction::Promote));
        payload.data.url = Some("https://dist.example.com/install/acme/stable".to_owned());
        let expect = [
            "From: dist <dist@example.com>",
            "To: qa@example.com",
            "Subject: [acme] 1.2.0+7 is live on stable",
            "Date: Sun, 22 Nov 2026 09:00:00 +0000",
            "Message-ID: <msg_a@example.com>",
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: 7bit",
            "",
            "acme stable is now 1.2.0+7, promoted by ana",
            "",
            "https://dist.example.com/install/acme/stable",
            "",
            "-- ",
            "Sent by a webhook of acme. No more of these:",
            "dist webhook delete acme hq2x7m4a",
            "",
        ];
        assert_eq!(written(&payload, "dist <dist@example.com>"), expect.join("\r\n"));
    }

    #[test]
    fn what_people_write_is_never_a_header_and_no_end_of_the_mail() {
        let plain = written(&payload(WebhookEvent::ChannelMove, Some(MoveAction::Promote)), "dist@example.com");
        let count = |mail: &str| mail.split_once("\r\n\r\n").unwrap().0.matches("\r\n").count();
        let mut hostile = payload(WebhookEvent::ChannelMove, Some(MoveAction::Promote));
        hostile.data.actor = "ana\r\nBcc: all@example.com".to_owned();
        hostile.data.reason = Some("rocket 🚀\r\n.\r\nMAIL FROM:<a@b.example>\nDATA".to_owned());
        let mail = written(&hostile, "\"dist, 发布 🚀\" <dist@example.com>");
        let (head, body) = mail.split_once("\r\n\r\n").unwrap();
        assert_eq!(count(&mail), count(&plain), "{head}");
        assert!(head.is_ascii() && !head.contains("Bcc"), "{head}");
        assert!(!body.lines().any(|line| line.starts_with("Bcc") || line.starts_with("MAIL") || line == "."), "{body}");
    }
}
