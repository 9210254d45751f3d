//! `dist webhook`: what an app tells other programs.

use clap::{Args, Subcommand};
use protocol::api::{
    CreateWebhook, CreatedWebhook, Delivery, DeliveryPage, DeliveryState, PageQuery, Webhook, WebhookEvent,
    WebhookFormat, Webhooks,
};
use protocol::{ErrorCode, paths};
use serde_json::json;

use super::parse_app;
use crate::client::Repeat;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Align, Look, Table};

/// Webhooks: tell other programs and chats what happens to an app.
#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    Create(CreateArgs),
    List(ListArgs),
    Show(OneArgs),
    Delete(DeleteArgs),
    Test(TestArgs),
    Deliveries(DeliveriesArgs),
    Redeliver(RedeliverArgs),
}

/// Make a webhook
///
/// Prints the secret that its deliveries are signed with, which is shown only now. What is sent, and how to verify it, is in
/// docs/WEBHOOKS.md. A mail has no secret.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The app
    app: String,
    /// Where it is sent: an https address, or mailto: and a mail address
    url: String,
    /// What it is told of. Repeatable, or separated by commas [default: everything]
    ///
    /// release.publish, release.revoke, release.restore, channel.move (by publishing, promotion or rollback), channel.pin and
    /// channel.unpin.
    #[arg(long = "event", value_name = "EVENT", value_delimiter = ',')]
    events: Vec<WebhookEvent>,
    /// How it is written: json, slack, teams, discord or feishu. What goes to a mailto: address is a mail
    #[arg(long, value_name = "FORMAT", default_value_t = WebhookFormat::Json)]
    format: WebhookFormat,
}

/// List the webhooks of an app, and how they do
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The app
    app: String,
}

/// Show a webhook
#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    /// The app
    app: String,
    /// The webhook's id, as `dist webhook list` shows it
    id: String,
}

/// Delete a webhook, with what waits to be sent
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    one: OneArgs,
}

/// Send a ping now, and wait for how it goes
///
/// Exits 7 where it does not arrive. Where it does, a webhook that the server gave up works again.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    #[command(flatten)]
    one: OneArgs,
}

/// List what was sent and what is to be, newest first
#[derive(Debug, Args)]
pub(crate) struct DeliveriesArgs {
    #[command(flatten)]
    one: OneArgs,
    /// How many, 1 to 500
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    /// Begin after this delivery, for the next page
    #[arg(long, value_name = "DELIVERY")]
    after: Option<String>,
}

/// Send a delivery again now, and wait for how it goes
///
/// It keeps its webhook-id, so that a receiver that has had it knows. Exits 7 where it does not arrive.
#[derive(Debug, Args)]
pub(crate) struct RedeliverArgs {
    #[command(flatten)]
    one: OneArgs,
    /// The delivery's number, as `dist webhook deliveries` shows it
    delivery: u64,
}

/// Runs `dist webhook …`.
///
/// # Errors
/// What the server refuses, and a delivery that was asked for and did not arrive.
pub(crate) async fn run(command: WebhookCommand, session: &Session) -> Result<(), CliError> {
    match command {
        WebhookCommand::Create(args) => create(args, session).await,
        WebhookCommand::List(args) => {
            let webhooks: Webhooks = session.client()?.get(&paths::webhooks(&parse_app(&args.app)?)).await?;
            session.output.answer(&webhooks, render_list)
        }
        WebhookCommand::Show(one) => {
            let path = paths::webhook(&parse_app(&one.app)?, &one.id);
            let webhook: Webhook = session.client()?.get(&path).await?;
            session.output.answer(&webhook, render_one)
        }
        WebhookCommand::Delete(DeleteArgs { one }) => {
            let path = paths::webhook(&parse_app(&one.app)?, &one.id);
            let webhook: Webhook = session.client()?.delete(&path).await?;
            session.output.answer(&webhook, |_, it| format!("The webhook {} of {} is deleted.\n", it.id, it.app))
        }
        WebhookCommand::Test(TestArgs { one }) => {
            send(&paths::test_webhook(&parse_app(&one.app)?, &one.id), session).await
        }
        WebhookCommand::Deliveries(args) => {
            let path = paths::deliveries(&parse_app(&args.one.app)?, &args.one.id);
            let query = PageQuery { after: args.after, limit: Some(args.limit) };
            let page: DeliveryPage = session.client()?.get_query(&path, &query).await?;
            session.output.answer(&page, render_deliveries)
        }
        WebhookCommand::Redeliver(args) => {
            let path = paths::redeliver(&parse_app(&args.one.app)?, &args.one.id, args.delivery);
            send(&path, session).await
        }
    }
}

async fn create(args: CreateArgs, session: &Session) -> Result<(), CliError> {
    let app = parse_app(&args.app)?;
    let wanted = CreateWebhook { url: args.url, events: args.events, format: args.format };
    let made: CreatedWebhook = session.client()?.post(&paths::webhooks(&app), &wanted, Repeat::OnlyUnsent).await?.value;
    session.output.answer(&made, |_, made| {
        let shown = |secret: &String| format!("Its secret is shown only now:\n\n  {secret}\n\n");
        format!(
            "The webhook {id} tells {url} of {events}.\n{secret}Try it: dist webhook test {app} {id}\n",
            id = made.webhook.id,
            url = made.webhook.url,
            events = words(&made.webhook.events),
            secret = made.secret.as_ref().map(shown).unwrap_or_default(),
        )
    })
}

async fn send(path: &str, session: &Session) -> Result<(), CliError> {
    let sent: Delivery = session.client()?.post(path, &json!({}), Repeat::OnlyUnsent).await?.value;
    if sent.state == DeliveryState::Delivered {
        return session.output.answer(&sent, |_, sent| format!("Delivery {} arrived: {}.\n", sent.id, result(sent)));
    }
    let answer = sent.answer.as_ref().map(|answer| format!("\nIt answered: {answer}")).unwrap_or_default();
    let message = format!("delivery {} did not arrive: {}{answer}", sent.id, result(&sent));
    Err(CliError::new(ErrorCode::WebhookUndelivered, message).details(json!({ "delivery": sent })))
}

fn words(events: &[WebhookEvent]) -> String {
    events.iter().map(|event| event.as_str()).collect::<Vec<_>>().join(", ")
}

/// How the last attempt went: `answered 200 in 31 ms`.
fn result(delivery: &Delivery) -> String {
    let took = delivery.milliseconds.map(|took| format!(" in {took} ms")).unwrap_or_default();
    match (&delivery.error, delivery.status) {
        (Some(error), _) => error.clone(),
        (None, Some(status)) => format!("answered {status}{took}"),
        (None, None) => String::new(),
    }
}

/// Whether it works, in a few words.
fn health(look: &Look, webhook: &Webhook) -> String {
    match (webhook.disabled_at, webhook.failing_since) {
        (Some(at), _) => format!("given up {}", look.when(at)),
        (None, Some(since)) => format!("failing since {}", look.when(since)),
        (None, None) => "works".to_owned(),
    }
}

fn render_one(look: &Look, webhook: &Webhook) -> String {
    let by = format!("{} by {}", look.when(webhook.created_at), webhook.created_by);
    let lines = [
        ("address", webhook.url.clone()),
        ("format", webhook.format.to_string()),
        ("events", words(&webhook.events)),
        ("state", health(look, webhook)),
        ("made", by),
    ];
    let lines = lines.iter().map(|(name, text)| format!("{name:9}{text}\n"));
    format!("{}\n{}", look.bold(&webhook.id), lines.collect::<String>())
}

fn render_list(look: &Look, webhooks: &Webhooks) -> String {
    let titles = ["id", "format", "state", "events", "address", "made"];
    let mut table = Table::new(&titles.map(|title| (title, Align::Left)));
    for webhook in &webhooks.webhooks {
        table.row([
            webhook.id.clone(),
            webhook.format.to_string(),
            health(look, webhook),
            words(&webhook.events),
            webhook.url.clone(),
            format!("{} by {}", look.when(webhook.created_at), webhook.created_by),
        ]);
    }
    if table.is_empty() {
        "No webhooks. `dist webhook create` tells other programs and chats what happens to the app.\n".to_owned()
    } else {
        table.render(look)
    }
}

fn render_deliveries(look: &Look, page: &DeliveryPage) -> String {
    let titles = ["delivery", "event", "queued", "state", "attempts", "last", "next"];
    let mut table = Table::new(&titles.map(|title| (title, Align::Left)));
    for delivery in &page.deliveries {
        table.row([
            delivery.id.to_string(),
            delivery.event.to_string(),
            look.when(delivery.created_at),
            delivery.state.to_string(),
            delivery.attempts.to_string(),
            result(delivery),
            delivery.next_at.map(|at| look.when(at)).unwrap_or_default(),
        ]);
    }
    match (table.is_empty(), &page.next) {
        (true, _) => "Nothing was to be sent yet.\n".to_owned(),
        (false, None) => table.render(look),
        (false, Some(next)) => format!("{}More: --after {next}\n", table.render(look)),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::ui::Times;

    const NOW: &str = "2026-11-22T12:00:00Z";

    fn look() -> Look {
        Look { now: NOW.parse().unwrap(), times: Times::Relative, width: None, colour: false }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_list_says_which_webhooks_fail() {
        let webhook = |failing_since, disabled_at| Webhook {
            id: "hq2x7m4a".to_owned(),
            app: "acme".parse().unwrap(),
            url: "https://ci.example.com/hooks".to_owned(),
            format: WebhookFormat::Json,
            events: vec![WebhookEvent::ChannelMove, WebhookEvent::ReleaseRevoke],
            created_at: "2026-11-15T12:00:00Z".parse().unwrap(),
            created_by: "ana".to_owned(),
            failing_since,
            disabled_at,
        };
        let since = Some(at("2026-11-17T12:00:00Z"));
        let webhooks =
            vec![webhook(None, None), webhook(since, None), webhook(since, Some(at("2026-11-22T11:00:00Z")))];
        insta::assert_snapshot!(render_list(&look(), &Webhooks { webhooks }), @r"
        id        format  state                     events                        address                       made
        hq2x7m4a  json    works                     channel.move, release.revoke  https://ci.example.com/hooks  7 days ago by ana
        hq2x7m4a  json    failing since 5 days ago  channel.move, release.revoke  https://ci.example.com/hooks  7 days ago by ana
        hq2x7m4a  json    given up 1 hour ago       channel.move, release.revoke  https://ci.example.com/hooks  7 days ago by ana
        ");
    }

    #[test]
    fn deliveries_say_how_they_went_and_when_they_go_again() {
        let delivery = |id, state, status, error: Option<&str>, next_at| Delivery {
            id,
            message: "msg_a".to_owned(),
            event: WebhookEvent::ChannelMove,
            created_at: "2026-11-22T11:00:00Z".parse().unwrap(),
            state,
            attempts: 1,
            next_at,
            last_at: Some(at("2026-11-22T11:00:00Z")),
            status,
            milliseconds: Some(31),
            error: error.map(str::to_owned),
            answer: None,
        };
        let deliveries = vec![
            delivery(3, DeliveryState::Delivered, Some(204), None, None),
            delivery(2, DeliveryState::Waiting, Some(500), Some("answered 500"), Some(at("2026-11-22T12:05:00Z"))),
            delivery(1, DeliveryState::Failed, None, Some("cannot connect: Connection refused"), None),
        ];
        let page = DeliveryPage { deliveries, next: Some("1".to_owned()) };
        insta::assert_snapshot!(render_deliveries(&look(), &page), @r"
        delivery  event         queued      state      attempts  last                                next
        3         channel.move  1 hour ago  delivered  1         answered 204 in 31 ms
        2         channel.move  1 hour ago  waiting    1         answered 500                        in 5 minutes
        1         channel.move  1 hour ago  failed     1         cannot connect: Connection refused
        More: --after 1
        ");
    }
}
