//! Mail through the server that the operator names. That one may be on this machine or its network: who administers an app
//! chooses the recipient, and nothing else of the way.

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use percent_encoding::percent_decode_str;
use protocol::limits;
use url::Url;

use super::address::parse_mailto;
use super::letter::Letter;
use super::reply::{Reply, Verdict};
use crate::db::webhooks::Attempt;

/// For how long one command waits for its answer.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(20);

/// Replies of 500 and above that are about how this server signs in (RFC 4954), not about the mail.
const SIGNING_IN: [u16; 4] = [530, 534, 535, 538];

/// Whether mail is encrypted on its way to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encryption {
    /// From the first byte: `smtps:`.
    Whole,
    /// After STARTTLS, and never without: `smtp:`.
    StartTls,
    /// Not at all: `smtp:…?tls=none`.
    Never,
}

/// A mail server: `smtps://[USER@]HOST[:PORT]` or `smtp://[USER@]HOST[:PORT][?tls=none]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpUrl {
    host: String,
    port: u16,
    user: Option<String>,
    /// It is refused, but not where the refusal would repeat it.
    has_password: bool,
    encryption: Encryption,
}

impl SmtpUrl {
    /// Whether it says who signs in.
    pub fn has_user(&self) -> bool {
        self.user.is_some()
    }

    /// Whether a password stands in it, which others could read.
    pub fn has_password(&self) -> bool {
        self.has_password
    }
}

impl FromStr for SmtpUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("a mail server is smtps://HOST or smtp://HOST: {error}"))?;
        let (encryption, port) = match (url.scheme(), url.query()) {
            ("smtps", None) => (Encryption::Whole, 465),
            ("smtp", None) => (Encryption::StartTls, 587),
            ("smtp", Some("tls=none")) => (Encryption::Never, 25),
            ("smtp" | "smtps", _) => return Err("after a mail server only ?tls=none may stand, with smtp:".to_owned()),
            (scheme, _) => return Err(format!("a mail server is smtps://HOST or smtp://HOST, not {scheme}:")),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err("after a mail server's name stands nothing but its port".to_owned());
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("the mail server has no name")?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let user = percent_decode_str(url.username()).decode_utf8().map_err(|_| "the user is not UTF-8")?;
        let user = Some(user.into_owned()).filter(|user| !user.is_empty());
        if user.is_some() && encryption == Encryption::Never && !is_this_machine(&host) {
            return Err("a password is not sent without encryption, but to this machine".to_owned());
        }
        let (port, has_password) = (url.port().unwrap_or(port), url.password().is_some());
        Ok(Self { host, port, user, has_password, encryption })
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What sends mails.
pub struct Mailer {
    server: SmtpUrl,
    from: Mailbox,
    password: Option<String>,
    transport: OnceLock<AsyncSmtpTransport<Tokio1Executor>>,
}

/// The password is not shown.
impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").field("server", &self.server).field("from", &self.from).finish_non_exhaustive()
    }
}

impl Mailer {
    /// One that gives mails to this server, in this name.
    pub fn new(server: SmtpUrl, from: Mailbox, password: Option<String>) -> Self {
        Self { server, from, password, transport: OnceLock::new() }
    }

    /// Gives a mail to the server once. That it took it is all that is known: a mail that comes back later goes to who it is from.
    ///
    /// # Errors
    /// Why nothing came of it, where the mail server did not answer.
    pub(super) async fn send(&self, letter: &Letter<'_>) -> Result<Reply, String> {
        let to = parse_mailto(&letter.webhook.url)?;
        let mail = letter.write(&self.from, to)?;
        match self.transport()?.send(mail).await {
            Ok(response) => Ok(taken(&response)),
            Err(error) => refused(&error),
        }
    }

    /// It is made when it is first needed, as the clients of [`super::Sender`] are.
    fn transport(&self) -> Result<&AsyncSmtpTransport<Tokio1Executor>, String> {
        if let Some(transport) = self.transport.get() {
            return Ok(transport);
        }
        let SmtpUrl { host, port, user, encryption, .. } = &self.server;
        let parameters = || {
            TlsParameters::new(host.clone()).map_err(|error| {
                tracing::error!(%error, "mail cannot be encrypted");
                "the server has no root certificates, so it sends no mail over TLS".to_owned()
            })
        };
        let tls = match encryption {
            Encryption::Whole => Tls::Wrapper(parameters()?),
            Encryption::StartTls => Tls::Required(parameters()?),
            Encryption::Never => Tls::None,
        };
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.clone())
            .port(*port)
            .tls(tls)
            .hello_name(ClientId::Domain(self.from.email.domain().to_owned()))
            .timeout(Some(COMMAND_TIMEOUT));
        let builder = match (user, &self.password) {
            (Some(user), Some(password)) => builder.credentials(Credentials::new(user.clone(), password.clone())),
            _ => builder,
        };
        Ok(self.transport.get_or_init(|| builder.build()))
    }
}

fn taken(response: &Response) -> Reply {
    let said = beginning(&response.message().collect::<Vec<_>>().join("\n"));
    let attempt = Attempt { status: Some(u16::from(response.code())), answer: said, ..Attempt::default() };
    Reply { attempt, verdict: Verdict::Delivered, retry_after: None }
}

/// What it means that a mail was not taken.
fn refused(error: &lettre::transport::smtp::Error) -> Result<Reply, String> {
    let Some(status) = error.status().map(u16::from) else { return Err(why(error)) };
    let verdict = verdict(status);
    let said = error.source().and_then(|said| beginning(&said.to_string()));
    let error = Some(format!("the mail server replied {status}"));
    let attempt = Attempt { status: Some(status), error, answer: said, ..Attempt::default() };
    Ok(Reply { attempt, verdict, retry_after: None })
}

/// A reply of 500 and above is for good (RFC 5321, section 4.2.1), unless it is about signing in: that is mended at the server.
fn verdict(status: u16) -> Verdict {
    match status {
        500.. if !SIGNING_IN.contains(&status) => Verdict::Refused,
        _ => Verdict::Failed,
    }
}

/// Why a mail server did not answer: the innermost cause.
fn why(error: &lettre::transport::smtp::Error) -> String {
    let what = if error.is_timeout() {
        "the mail server did not answer in time"
    } else if error.is_tls() {
        "no TLS with the mail server"
    } else if error.is_response() {
        "the mail server's reply is not SMTP"
    } else if error.is_client() {
        "the mail server cannot do what is needed"
    } else {
        "no connection to the mail server"
    };
    let mut cause = error.source();
    while let Some(deeper) = cause.and_then(Error::source) {
        cause = Some(deeper);
    }
    cause.map_or_else(|| what.to_owned(), |cause| format!("{what}: {cause}"))
}

/// The beginning of a reply as text.
fn beginning(text: &str) -> Option<String> {
    let end = text.floor_char_boundary(limits::WEBHOOK_ANSWER_BYTES);
    let text: String = text[..end].chars().filter(|c| !c.is_control() || *c == '\n').collect();
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_server_is_named_by_an_address() {
        let check = |text: &str, host: &str, port: u16, user: Option<&str>, encryption: Encryption| {
            let user = user.map(str::to_owned);
            let expect = SmtpUrl { host: host.to_owned(), port, user, has_password: false, encryption };
            assert_eq!(text.parse(), Ok(expect), "{text}");
        };
        check("smtps://mail.example.com", "mail.example.com", 465, None, Encryption::Whole);
        check("smtps://dist@mail.example.com:4650/", "mail.example.com", 4650, Some("dist"), Encryption::Whole);
        check(
            "smtp://a%40b.example@mail.example.com",
            "mail.example.com",
            587,
            Some("a@b.example"),
            Encryption::StartTls,
        );
        check("smtp://relay.lan?tls=none", "relay.lan", 25, None, Encryption::Never);
        check("smtp://u@127.0.0.1:2525?tls=none", "127.0.0.1", 2525, Some("u"), Encryption::Never);
        check("smtp://u@[::1]:25/?tls=none", "::1", 25, Some("u"), Encryption::Never);
    }

    #[test]
    fn what_would_give_a_password_away_is_no_mail_server() {
        let check = |text: &str, expect: &str| {
            let found = text.parse::<SmtpUrl>().unwrap_err();
            assert!(found.contains(expect), "{text}: {found}");
        };
        assert!("smtps://u:hunter2@mail.example.com".parse::<SmtpUrl>().unwrap().has_password());
        check("smtp://u@mail.example.com?tls=none", "not sent without encryption");
        check("smtps://mail.example.com?tls=none", "only ?tls=none");
        check("smtp://mail.example.com?tls=maybe", "only ?tls=none");
        check("https://mail.example.com", "not https:");
        check("mail.example.com", "smtps://HOST");
        check("smtp://mail.example.com/inbox", "nothing but its port");
        check("smtp://", "no name");
    }

    #[test]
    fn a_reply_is_for_good_unless_it_may_be_mended() {
        let check = |status: u16, expect: Verdict| assert_eq!(verdict(status), expect, "{status}");
        check(421, Verdict::Failed);
        check(451, Verdict::Failed);
        check(550, Verdict::Refused);
        check(554, Verdict::Refused);
        check(535, Verdict::Failed);
        check(530, Verdict::Failed);
    }
}
