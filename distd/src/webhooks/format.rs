//! The bodies of webhooks: the event itself, or a message that a chat service shows. Pure.
//!
//! Names and reasons come from people and pipelines. None of them may become markup, a link or a mention.

use protocol::api::{MoveAction, ReleaseRef, WebhookEvent, WebhookFormat, WebhookPayload};
use serde_json::{Value, json};

/// Discord takes messages of at most 2,000 characters; the others take more.
const TEXT_CHARS: usize = 1_500;

/// The body of a webhook that is posted. A mail has a text of its own (`letter`).
pub(crate) fn body(format: WebhookFormat, payload: &WebhookPayload) -> Value {
    match format {
        WebhookFormat::Json | WebhookFormat::Mail => {
            serde_json::to_value(payload).expect("a payload has string keys only")
        }
        WebhookFormat::Slack => slack(payload),
        WebhookFormat::Teams => teams(payload),
        WebhookFormat::Discord => discord(payload),
        WebhookFormat::Feishu => feishu(payload),
    }
}

/// `{"text": …}`; Slack reads `&`, `<` and `>` as markup.
fn slack(payload: &WebhookPayload) -> Value {
    let text = escape(&sentence(payload), |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    });
    let link = payload.data.url.as_ref().map(|url| format!("\n<{url}|Open>")).unwrap_or_default();
    json!({ "text": text + &link })
}

/// A message with one Adaptive Card, which is what a workflow "When a Teams webhook request is received" takes. Runs of a rich
/// text block are shown as they are.
fn teams(payload: &WebhookPayload) -> Value {
    let text = json!({ "type": "RichTextBlock", "inlines": [{ "type": "TextRun", "text": sentence(payload) }] });
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": [text],
    });
    if let Some(url) = &payload.data.url {
        card["actions"] = json!([{ "type": "Action.OpenUrl", "title": "Open", "url": url }]);
    }
    json!({
        "type": "message",
        "attachments": [{ "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card }],
    })
}

/// `{"content": …}` that mentions nobody.
fn discord(payload: &WebhookPayload) -> Value {
    let text = escape(&sentence(payload), |c| match c {
        '\\' => Some("\\\\"),
        '*' => Some("\\*"),
        '_' => Some("\\_"),
        '~' => Some("\\~"),
        '`' => Some("\\`"),
        '|' => Some("\\|"),
        '>' => Some("\\>"),
        '<' => Some("\\<"),
        '#' => Some("\\#"),
        '[' => Some("\\["),
        ']' => Some("\\]"),
        _ => None,
    });
    let link = payload.data.url.as_ref().map(|url| format!("\n<{url}>")).unwrap_or_default();
    json!({ "content": text + &link, "allowed_mentions": { "parse": [] } })
}

/// `{"msg_type": "text", …}`; a bot reads `<at …>` as a mention, so the sign is written in its wide form.
fn feishu(payload: &WebhookPayload) -> Value {
    let text = escape(&sentence(payload), |c| (c == '<').then_some("＜"));
    let link = payload.data.url.as_ref().map(|url| format!("\n{url}")).unwrap_or_default();
    json!({ "msg_type": "text", "content": { "text": text + &link } })
}

fn escape(text: &str, with: impl Fn(char) -> Option<&'static str>) -> String {
    text.chars().fold(String::new(), |mut written, c| {
        match with(c) {
            Some(instead) => written.push_str(instead),
            None => written.push(c),
        }
        written
    })
}

/// What happened, in one sentence, and why. One line of at most [`TEXT_CHARS`] characters.
pub(crate) fn sentence(payload: &WebhookPayload) -> String {
    let data = &payload.data;
    let (app, by) = (&data.app, &data.actor);
    let channel = data.channel.as_ref().map(ToString::to_string).unwrap_or_default();
    let name = |release: &Option<ReleaseRef>| release.as_ref().map(|it| it.name.to_string()).unwrap_or_default();
    let release = name(&data.release);
    let was = data.from.as_ref().map(|from| format!(" (was {})", from.name)).unwrap_or_default();
    let said = match (payload.event, data.action) {
        (WebhookEvent::ReleasePublish, _) => format!("{app} {release} was published by {by}"),
        (WebhookEvent::ReleaseRevoke, _) => format!("{app} {release} was revoked by {by}"),
        (WebhookEvent::ReleaseRestore, _) => format!("{app} {release} was restored by {by}"),
        (WebhookEvent::ChannelMove, Some(MoveAction::Rollback)) => {
            format!("{app} {channel} was rolled back to {release}{was} by {by}")
        }
        (WebhookEvent::ChannelMove, Some(MoveAction::Promote)) => {
            format!("{app} {channel} is now {release}{was}, promoted by {by}")
        }
        (WebhookEvent::ChannelMove, _) => format!("{app} {channel} is now {release}{was}, published by {by}"),
        (WebhookEvent::ChannelPin, _) => format!("{app} {channel} was pinned by {by}"),
        (WebhookEvent::ChannelUnpin, _) => format!("{app} {channel} was unpinned by {by}"),
        (WebhookEvent::Ping, _) => format!("Webhooks of {app} arrive here; {by} asked for a test"),
    };
    let why = data.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    (said + &why).chars().filter(|c| !c.is_control()).take(TEXT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use protocol::Digest;
    use protocol::api::WebhookData;

    use super::*;

    fn release(name: &str) -> ReleaseRef {
        ReleaseRef { id: Digest::of(name.as_bytes()), name: name.parse().unwrap() }
    }

    fn moved(action: MoveAction, reason: Option<&str>, url: Option<&str>) -> WebhookPayload {
        WebhookPayload {
            event: WebhookEvent::ChannelMove,
            timestamp: "2026-11-22T09:00:00Z".parse().unwrap(),
            data: WebhookData {
                app: "acme".parse().unwrap(),
                actor: "ana".to_owned(),
                channel: Some("stable".parse().unwrap()),
                action: Some(action),
                release: Some(release("2.4.0+241")),
                from: Some(release("2.3.9")),
                reason: reason.map(str::to_owned),
                url: url.map(str::to_owned),
            },
        }
    }

    const URL: Option<&str> = Some("https://dist.example.com/install/acme/stable");
    const HOSTILE: Option<&str> = Some("<!channel> *a*_b_ <at user_id=\"all\"> [x](https://e.example) @everyone & co");

    #[test]
    fn the_event_itself_is_what_is_documented() {
        let body = body(WebhookFormat::Json, &moved(MoveAction::Promote, Some("tested"), None));
        let id = |name: &str| Digest::of(name.as_bytes()).to_string();
        let expect = json!({
            "type": "channel.move",
            "timestamp": "2026-11-22T09:00:00Z",
            "data": {
                "app": "acme", "actor": "ana", "channel": "stable", "action": "promote",
                "release": { "id": id("2.4.0+241"), "name": "2.4.0+241" },
                "from": { "id": id("2.3.9"), "name": "2.3.9" },
                "reason": "tested",
            },
        });
        assert_eq!(body, expect);
    }

    #[test]
    fn slack_gets_text_in_which_names_are_no_markup() {
        let plain = body(WebhookFormat::Slack, &moved(MoveAction::Publish, None, URL));
        let text = "acme stable is now 2.4.0+241 (was 2.3.9), published by ana\n<https://dist.example.com/install/acme/stable|Open>";
        assert_eq!(plain, json!({ "text": text }));
        let hostile = body(WebhookFormat::Slack, &moved(MoveAction::Promote, HOSTILE, None));
        let text = "acme stable is now 2.4.0+241 (was 2.3.9), promoted by ana: &lt;!channel&gt; *a*_b_ &lt;at user_id=\"all\"&gt; [x](https://e.example) @everyone &amp; co";
        assert_eq!(hostile, json!({ "text": text }));
    }

    #[test]
    fn teams_gets_a_card_with_a_run_of_text() {
        let expect = json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": null,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.2",
                    "body": [{ "type": "RichTextBlock", "inlines": [{ "type": "TextRun",
                        "text": "acme stable was rolled back to 2.4.0+241 (was 2.3.9) by ana: crashes" }] }],
                    "actions": [{ "type": "Action.OpenUrl", "title": "Open", "url": URL }],
                },
            }],
        });
        assert_eq!(body(WebhookFormat::Teams, &moved(MoveAction::Rollback, Some("crashes"), URL)), expect);
        let bare = body(WebhookFormat::Teams, &moved(MoveAction::Rollback, None, None));
        assert_eq!(bare["attachments"][0]["content"].get("actions"), None);
    }

    #[test]
    fn discord_gets_content_that_mentions_nobody() {
        let plain = body(WebhookFormat::Discord, &moved(MoveAction::Publish, None, URL));
        let content = "acme stable is now 2.4.0+241 (was 2.3.9), published by ana\n<https://dist.example.com/install/acme/stable>";
        assert_eq!(plain, json!({ "content": content, "allowed_mentions": { "parse": [] } }));
        let hostile = body(WebhookFormat::Discord, &moved(MoveAction::Promote, HOSTILE, None));
        let content = "acme stable is now 2.4.0+241 (was 2.3.9), promoted by ana: \\<!channel\\> \\*a\\*\\_b\\_ \\<at user\\_id=\"all\"\\> \\[x\\](https://e.example) @everyone & co";
        assert_eq!(hostile, json!({ "content": content, "allowed_mentions": { "parse": [] } }));
    }

    #[test]
    fn feishu_gets_text_that_mentions_nobody() {
        let hostile = body(WebhookFormat::Feishu, &moved(MoveAction::Promote, HOSTILE, URL));
        let text = "acme stable is now 2.4.0+241 (was 2.3.9), promoted by ana: ＜!channel> *a*_b_ ＜at user_id=\"all\"> [x](https://e.example) @everyone & co\nhttps://dist.example.com/install/acme/stable";
        assert_eq!(hostile, json!({ "msg_type": "text", "content": { "text": text } }));
    }

    #[test]
    fn every_event_is_one_bounded_sentence() {
        for event in WebhookEvent::ALL {
            let mut payload = moved(MoveAction::Publish, Some("why\nso"), None);
            payload.event = *event;
            let said = sentence(&payload);
            assert!(said.contains("acme") && said.contains("ana") && said.ends_with(": whyso"), "{said}");
        }
        let long = "a".repeat(3_000);
        assert_eq!(sentence(&moved(MoveAction::Publish, Some(&long), None)).chars().count(), TEXT_CHARS);
    }
}
