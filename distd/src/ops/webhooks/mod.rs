//! Webhooks: make, list, delete, test, and what became of deliveries.

mod events;
pub mod queue;

use data_encoding::BASE32_NOPAD;
use jiff::SignedDuration;
use protocol::api::{
    AuditAction, CreateWebhook, CreatedWebhook, Delivery, DeliveryPage, PageQuery, Webhook, WebhookData, WebhookEvent,
    WebhookFormat, WebhookPayload, Webhooks,
};
use protocol::scope::Need;
use protocol::{AppSlug, limits};
use rusqlite::{Connection, Transaction};
use serde_json::{Value, json};
use url::Url;

use super::caller::Record;
use super::page::Page;
use super::{Caller, OpError};
use crate::db::webhooks::{NewDelivery, Signing, Tries};
use crate::webhooks::{address, sign};
use crate::{Server, db};

pub(super) use events::enqueue;

/// For how long the queue leaves alone what someone waits for.
const LEASE: SignedDuration = SignedDuration::from_mins(1);

/// Makes a webhook.
pub(crate) async fn create(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    wanted: CreateWebhook,
) -> Result<CreatedWebhook, OpError> {
    caller.require(Need::AdminApp(&app))?;
    let events = chosen(&wanted.events)?;
    let format = check_address(server, &wanted)?;
    let mut id = [0; 5];
    getrandom::fill(&mut id).expect("the system has a source of random bytes");
    let webhook = Webhook {
        id: BASE32_NOPAD.encode(&id).to_lowercase(),
        app,
        url: wanted.url,
        format,
        events,
        created_at: server.clock.now(),
        created_by: caller.actor().to_owned(),
        failing_since: None,
        disabled_at: None,
    };
    let secret = sign::new_secret();
    server
        .db
        .write(move |tx| {
            require_app(tx, &webhook.app)?;
            if db::webhooks::list(tx, &webhook.app)?.len() >= limits::WEBHOOKS {
                return Err(OpError::WebhookInvalid(format!("an app has at most {} webhooks", limits::WEBHOOKS)));
            }
            db::webhooks::insert(tx, &webhook, &secret)?;
            record(tx, &caller, AuditAction::WebhookCreate, &webhook, described(&webhook), webhook.created_at)?;
            let is_signed = webhook.format != WebhookFormat::Mail;
            Ok(CreatedWebhook { webhook, secret: is_signed.then(|| sign::secret_text(&secret)) })
        })
        .await
}

/// Whether a webhook may go where it is to go. Gives its format: what goes to a `mailto:` address is a mail.
fn check_address(server: &Server, wanted: &CreateWebhook) -> Result<WebhookFormat, OpError> {
    let refuse = |why: &str| Err(OpError::WebhookInvalid(why.to_owned()));
    if !address::is_mail(&wanted.url) {
        if wanted.format == WebhookFormat::Mail {
            return refuse("a mail goes to a mailto: address");
        }
        address::parse_url(&wanted.url, server.webhooks.reach()).map_err(OpError::WebhookInvalid)?;
        return Ok(wanted.format);
    }
    if !matches!(wanted.format, WebhookFormat::Json | WebhookFormat::Mail) {
        return refuse("what goes to a mailto: address is a mail: leave the format out");
    }
    address::parse_mailto(&wanted.url).map_err(OpError::WebhookInvalid)?;
    if server.webhooks.mails() { Ok(WebhookFormat::Mail) } else { Err(OpError::MailNotConfigured) }
}

/// The events of a webhook, each once and in the order of the list; all where none is chosen.
fn chosen(events: &[WebhookEvent]) -> Result<Vec<WebhookEvent>, OpError> {
    if events.contains(&WebhookEvent::Ping) {
        return Err(OpError::WebhookInvalid("ping is sent by a test only, and always".to_owned()));
    }
    let is_wanted =
        |event: &&WebhookEvent| **event != WebhookEvent::Ping && (events.is_empty() || events.contains(event));
    Ok(WebhookEvent::ALL.iter().filter(is_wanted).copied().collect())
}

/// The webhooks of an app.
pub(crate) async fn list(server: &Server, caller: Caller, app: AppSlug) -> Result<Webhooks, OpError> {
    caller.require(Need::AdminApp(&app))?;
    server
        .db
        .read(move |connection| {
            require_app(connection, &app)?;
            Ok(Webhooks { webhooks: db::webhooks::list(connection, &app)? })
        })
        .await
}

/// One webhook.
pub(crate) async fn show(server: &Server, caller: Caller, app: AppSlug, id: String) -> Result<Webhook, OpError> {
    caller.require(Need::AdminApp(&app))?;
    server.db.read(move |connection| Ok(find(connection, &app, &id)?.webhook)).await
}

/// Deletes a webhook, with what waits to be sent.
pub(crate) async fn delete(server: &Server, caller: Caller, app: AppSlug, id: String) -> Result<Webhook, OpError> {
    caller.require(Need::AdminApp(&app))?;
    let at = server.clock.now();
    server
        .db
        .write(move |tx| {
            let webhook = find(tx, &app, &id)?.webhook;
            db::webhooks::remove(tx, &id)?;
            record(tx, &caller, AuditAction::WebhookDelete, &webhook, described(&webhook), at)?;
            Ok(webhook)
        })
        .await
}

/// Sends a `ping` and waits for how it goes. Where that succeeds, a webhook that was given up works again.
pub(crate) async fn test(server: &Server, caller: Caller, app: AppSlug, id: String) -> Result<Delivery, OpError> {
    caller.require(Need::AdminApp(&app))?;
    let at = server.clock.now();
    let (webhook, delivery) = server
        .db
        .write(move |tx| {
            let webhook = find(tx, &app, &id)?.webhook;
            let payload = WebhookPayload {
                event: WebhookEvent::Ping,
                timestamp: at,
                data: WebhookData {
                    app,
                    actor: caller.actor().to_owned(),
                    channel: None,
                    action: None,
                    release: None,
                    from: None,
                    reason: None,
                    url: None,
                },
            };
            let message = sign::new_message_id();
            let delivery = queue_one(tx, &webhook.id, &message, &payload, at)?;
            record(tx, &caller, AuditAction::WebhookTest, &webhook, json!({ "delivery": delivery }), at)?;
            Ok::<_, OpError>((webhook.id, delivery))
        })
        .await?;
    queue::send_now(server, webhook, delivery).await
}

/// Sends a delivery once more, as the same message, and waits for how it goes.
pub(crate) async fn redeliver(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    id: String,
    delivery: u64,
) -> Result<Delivery, OpError> {
    caller.require(Need::AdminApp(&app))?;
    let at = server.clock.now();
    let (webhook, again) = server
        .db
        .write(move |tx| {
            let webhook = find(tx, &app, &id)?.webhook;
            let Some(sent) = db::webhooks::to_send(tx, &id, delivery)? else {
                return Err(OpError::DeliveryNotFound { id, delivery });
            };
            let again = queue_one(tx, &webhook.id, &sent.message, &sent.payload, at)?;
            let details = json!({ "delivery": again, "of": delivery });
            record(tx, &caller, AuditAction::WebhookRedeliver, &webhook, details, at)?;
            Ok((webhook.id, again))
        })
        .await?;
    queue::send_now(server, webhook, again).await
}

/// What was sent and what is to be.
pub(crate) async fn deliveries(
    server: &Server,
    caller: Caller,
    app: AppSlug,
    id: String,
    query: PageQuery,
) -> Result<DeliveryPage, OpError> {
    caller.require(Need::AdminApp(&app))?;
    let page = Page::parse(query.after.as_deref(), query.limit)?;
    server
        .db
        .read(move |connection| {
            find(connection, &app, &id)?;
            let mut deliveries = db::webhooks::deliveries(connection, &id, page.before, page.rows_and_one())?;
            let next = page.cut(&mut deliveries, |delivery| delivery.id);
            Ok(DeliveryPage { deliveries, next })
        })
        .await
}

fn require_app(connection: &Connection, app: &AppSlug) -> Result<(), OpError> {
    db::apps::access(connection, app)?.map(|_| ()).ok_or_else(|| OpError::AppNotFound(app.clone()))
}

fn find(connection: &Connection, app: &AppSlug, id: &str) -> Result<Signing, OpError> {
    require_app(connection, app)?;
    let found = db::webhooks::find(connection, id)?.filter(|found| found.webhook.app == *app);
    found.ok_or_else(|| OpError::WebhookNotFound { app: app.clone(), id: id.to_owned() })
}

/// Queues what is sent once, right after the transaction; by the queue itself only where this process ends before.
fn queue_one(
    tx: &Transaction<'_>,
    webhook: &str,
    message: &str,
    payload: &WebhookPayload,
    at: jiff::Timestamp,
) -> Result<u64, OpError> {
    let new = NewDelivery { webhook, message, payload, created_at: at, next_at: at + LEASE, tries: Tries::One };
    Ok(db::webhooks::queue(tx, &new, queue::oldest(at))?)
}

/// What the audit log is told of a webhook: where to, but not the whole address, which may be a secret.
fn described(webhook: &Webhook) -> Value {
    let host = match address::parse_mailto(&webhook.url) {
        Ok(to) => Some(to.domain().to_owned()),
        Err(_) => Url::parse(&webhook.url).ok().and_then(|url| url.host_str().map(str::to_owned)),
    };
    json!({ "host": host, "format": webhook.format, "events": webhook.events })
}

fn record(
    tx: &Transaction<'_>,
    caller: &Caller,
    action: AuditAction,
    webhook: &Webhook,
    details: Value,
    at: jiff::Timestamp,
) -> Result<(), OpError> {
    let (app, subject) = (Some(&webhook.app), webhook.id.clone());
    caller.record(tx, at, Record { action, app, subject, old: None, new: None, reason: None, details })
}
