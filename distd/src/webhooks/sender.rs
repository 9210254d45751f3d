//! Sends one webhook: bounded in time and bytes, to no address that it may not go to, without following anyone elsewhere.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use protocol::api::{WebhookFormat, WebhookPayload};
use protocol::limits;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use url::Url;

use super::address::{Reach, Resolver, parse_url};
use super::letter::Letter;
use super::mailer::Mailer;
use super::reply::{Reply, Verdict, judge, retry_after};
use super::{format, sign};
use crate::db::webhooks::{Attempt, Signing};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// Mail servers look at what they are given before they take it. Less than the lease of what someone waits for.
const MAIL_TIMEOUT: Duration = Duration::from_secs(30);

/// What sends webhooks.
#[derive(Default)]
pub struct Sender {
    reach: Reach,
    mailer: Option<Mailer>,
    encrypted: OnceLock<reqwest::Client>,
    plain: OnceLock<reqwest::Client>,
}

impl Sender {
    /// One that goes so far.
    pub fn new(reach: Reach) -> Self {
        Self { reach, ..Self::default() }
    }

    /// The same, which sends mail too.
    #[must_use]
    pub fn mailing(self, mailer: Option<Mailer>) -> Self {
        Self { mailer, ..self }
    }

    /// Whether it sends mail.
    pub(crate) fn mails(&self) -> bool {
        self.mailer.is_some()
    }

    /// How far it goes.
    pub(crate) fn reach(&self) -> Reach {
        self.reach
    }

    /// Sends once. Whatever happens is in the reply.
    pub(crate) async fn send(
        &self,
        signing: &Signing,
        message: &str,
        payload: &WebhookPayload,
        at: Timestamp,
    ) -> Reply {
        let begun = Instant::now();
        let is_mail = signing.webhook.format == WebhookFormat::Mail;
        let patience = if is_mail { MAIL_TIMEOUT } else { ANSWER_TIMEOUT };
        let attempt = async {
            if is_mail {
                return self.mail(&Letter { webhook: &signing.webhook, message, payload, at }).await;
            }
            // It was checked when it was made; the server may have been told less since.
            let url = parse_url(&signing.webhook.url, self.reach)?;
            self.post(&url, signing, message, payload, at).await
        };
        let outcome = tokio::time::timeout(patience, attempt).await;
        let outcome = outcome.unwrap_or_else(|_| Err(format!("no answer within {} s", patience.as_secs())));
        let mut reply = outcome.unwrap_or_else(|error| Reply {
            attempt: Attempt { error: Some(error), ..Attempt::default() },
            ..Reply::default()
        });
        reply.attempt.milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        reply
    }

    async fn mail(&self, letter: &Letter<'_>) -> Result<Reply, String> {
        let mailer = self.mailer.as_ref().ok_or("this server sends no mail any more: smtp_url is not set")?;
        mailer.send(letter).await
    }

    async fn post(
        &self,
        url: &Url,
        signing: &Signing,
        message: &str,
        payload: &WebhookPayload,
        at: Timestamp,
    ) -> Result<Reply, String> {
        let body = format::body(signing.webhook.format, payload).to_string();
        let signature = sign::signature(&signing.secret, message, at, body.as_bytes());
        let request = self
            .client(url.scheme() == "https")?
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", message)
            .header("webhook-timestamp", at.as_second().to_string())
            .header("webhook-signature", signature)
            .body(body);
        let mut response = request.send().await.map_err(why)?;
        let status = response.status().as_u16();
        let asked = retry_after(response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()));
        let answer = beginning(&mut response).await;
        let (verdict, error) = judge(status, &answer, signing.webhook.format);
        let answer = Some(answer).filter(|answer| !answer.is_empty());
        let attempt = Attempt { status: Some(status), error, answer, ..Attempt::default() };
        Ok(Reply { attempt, verdict, retry_after: asked.filter(|_| verdict == Verdict::Failed) })
    }

    /// The client is made when it is first needed: one for https needs the system's root certificates, and a server without
    /// webhooks runs without.
    fn client(&self, is_encrypted: bool) -> Result<&reqwest::Client, String> {
        let place = if is_encrypted { &self.encrypted } else { &self.plain };
        if let Some(client) = place.get() {
            return Ok(client);
        }
        // Fails where it is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .user_agent(concat!("distd/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(std::sync::Arc::new(Resolver(self.reach)))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECT_TIMEOUT);
        let builder = if is_encrypted { builder.https_only(true) } else { builder.tls_certs_only([]) };
        let client = builder.build().map_err(|error| {
            tracing::error!(%error, "no client for https can be made");
            "the server has no root certificates, so it sends nothing over https".to_owned()
        })?;
        Ok(place.get_or_init(|| client))
    }
}

/// The beginning of a body as text on one page; where it breaks off, what came.
async fn beginning(response: &mut reqwest::Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < limits::WEBHOOK_ANSWER_BYTES
        && let Ok(Some(chunk)) = response.chunk().await
    {
        bytes.extend_from_slice(&chunk);
    }
    bytes.truncate(limits::WEBHOOK_ANSWER_BYTES);
    let text = String::from_utf8_lossy(&bytes);
    text.chars().filter(|c| !c.is_control() || *c == '\n').collect()
}

/// Why a request failed, without its address, which may be a secret: the innermost cause.
#[expect(clippy::needless_pass_by_value, reason = "it is given by map_err")]
fn why(error: reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "no connection in time"
    } else if error.is_connect() {
        "cannot connect"
    } else {
        "the connection broke off"
    };
    let chain = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
    chain.last().map_or_else(|| what.to_owned(), |cause| format!("{what}: {cause}"))
}
