//! Webhooks that are mails: what a mail server gets of a change, and what becomes of its replies.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use data_encoding::BASE64;
use distd::Site;
use distd::webhooks::{Mailer, Reach, Sender};
use jiff::SignedDuration;
use protocol::api::{Delivery, DeliveryState, WebhookFormat};
use protocol::{ErrorCode, paths};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::audit::events_after;
use crate::harness::{Client, TestServer, refused};
use crate::webhooks::{acme, create, log, publish, send_all, show};

/// A mail server, which takes what it is given and replies as it is told.
#[derive(Clone)]
struct Postbox {
    port: u16,
    /// Every line that it was sent which is no line of a mail.
    heard: Arc<Mutex<Vec<String>>>,
    mails: Arc<Mutex<Vec<String>>>,
    /// The next replies to these verbs. `.` is the end of a mail.
    replies: Arc<Mutex<VecDeque<(&'static str, &'static str)>>>,
}

impl Postbox {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let postbox = Self { port, heard: Arc::default(), mails: Arc::default(), replies: Arc::default() };
        let shared = postbox.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let shared = shared.clone();
                // Where the client breaks off, nobody waits for an answer.
                tokio::spawn(async move { shared.converse(connection).await });
            }
        });
        postbox
    }

    async fn converse(&self, connection: TcpStream) -> std::io::Result<()> {
        let (reading, mut writing) = connection.into_split();
        let mut lines = BufReader::new(reading).lines();
        writing.write_all(b"220 postbox\r\n").await?;
        while let Some(line) = lines.next_line().await? {
            self.heard.lock().unwrap().push(line.clone());
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_owned();
            let reply = self.reply(&verb);
            let takes = reply.starts_with("354");
            writing.write_all(reply.as_bytes()).await?;
            if takes {
                let mut mail = String::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    mail += &(line + "\n");
                }
                let reply = self.reply(".");
                if reply.starts_with('2') {
                    self.mails.lock().unwrap().push(mail);
                }
                writing.write_all(reply.as_bytes()).await?;
            }
        }
        Ok(())
    }

    fn reply(&self, verb: &str) -> String {
        let mut replies = self.replies.lock().unwrap();
        if replies.front().is_some_and(|(next, _)| *next == verb) {
            return format!("{}\r\n", replies.pop_front().unwrap().1);
        }
        let usual = match verb {
            "EHLO" => "250-postbox\r\n250-8BITMIME\r\n250 AUTH PLAIN",
            "AUTH" => "235 2.7.0 welcome",
            "DATA" => "354 go on",
            "." => "250 2.0.0 queued as 7F3A",
            "QUIT" => "221 bye",
            _ => "250 2.1.0 ok",
        };
        format!("{usual}\r\n")
    }

    fn answer(&self, verb: &'static str, reply: &'static str) {
        self.replies.lock().unwrap().push_back((verb, reply));
    }

    fn take_mails(&self) -> Vec<String> {
        std::mem::take(&mut *self.mails.lock().unwrap())
    }

    fn take_heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

/// A server that gives its mails to this address, and an app with nothing in it.
async fn stage(smtp: &str, password: Option<&str>) -> (TestServer, Client) {
    let from = "dist <dist@example.org>".parse().unwrap();
    let mailer = Mailer::new(smtp.parse().unwrap(), from, password.map(str::to_owned));
    let site = Site { public_url: Some("https://dist.example.com".parse().unwrap()), ..Site::default() };
    // Webhooks go to public addresses only: the mail server is the operator's choice, and so may be here.
    let server = TestServer::start_sending(site, Sender::new(Reach::Public).mailing(Some(mailer))).await;
    let admin = server.admin();
    admin.create_app("acme", "token").await;
    (server, admin)
}

fn plain(postbox: &Postbox) -> String {
    format!("smtp://127.0.0.1:{}?tls=none", postbox.port)
}

fn wanted() -> Value {
    json!({"url": "mailto:qa@example.com", "events": ["channel.move"]})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_arrives_as_a_mail_with_a_link() {
    let postbox = Postbox::start().await;
    let (server, admin) = stage(&plain(&postbox), None).await;
    let made = create(&admin, &wanted()).await;
    assert_eq!((made.webhook.format, made.secret), (WebhookFormat::Mail, None));
    publish(&admin, "1.2.0").await;
    assert_eq!(send_all(&server).await, 1);
    let delivery = log(&admin, &made.webhook.id).await.remove(0);
    assert_eq!((delivery.state, delivery.status, delivery.error), (DeliveryState::Delivered, Some(250), None));
    assert_eq!(delivery.answer.as_deref(), Some("2.0.0 queued as 7F3A"));
    let heard = postbox.take_heard();
    assert_eq!(heard[0], "EHLO example.org");
    assert!(heard[1].starts_with("MAIL FROM:<dist@example.org>"), "{heard:?}");
    assert_eq!(heard[2..4], ["RCPT TO:<qa@example.com>", "DATA"]);
    let expect = [
        "From: dist <dist@example.org>",
        "To: qa@example.com",
        "Subject: [acme] 1.2.0 is live on beta",
        "Date: Sun, 22 Nov 2026 09:00:00 +0000",
        &format!("Message-ID: <{}@example.org>", delivery.message),
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 7bit",
        "",
        "acme beta is now 1.2.0, published by first-admin",
        "",
        "https://dist.example.com/install/acme/beta",
        "",
        "-- ",
        "Sent by a webhook of acme. No more of these:",
        &format!("dist webhook delete acme {}", made.webhook.id),
        // What ends a mail begins a line of its own.
        "",
    ];
    let mails = postbox.take_mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].lines().collect::<Vec<_>>(), expect);
    let audit = serde_json::to_string(&events_after(&server, 0).await).unwrap();
    assert!(audit.contains("example.com") && !audit.contains("qa@"), "the log has the domain only");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_of_400_is_for_now_and_one_of_500_for_good() {
    let postbox = Postbox::start().await;
    let (server, admin) = stage(&plain(&postbox), None).await;
    let id = create(&admin, &wanted()).await.webhook.id;
    publish(&admin, "1.0.0").await;
    postbox.answer("RCPT", "451 4.7.1 greylisted, come back");
    assert_eq!(send_all(&server).await, 1);
    let first = log(&admin, &id).await.remove(0);
    let next = server.clock().now() + SignedDuration::from_secs(5);
    assert_eq!((first.state, first.status, first.next_at), (DeliveryState::Waiting, Some(451), Some(next)));
    assert_eq!(first.error.as_deref(), Some("the mail server replied 451"));
    assert_eq!(first.answer.as_deref(), Some("4.7.1 greylisted, come back"));
    server.advance(SignedDuration::from_secs(5));
    postbox.answer(".", "452 4.3.1 full");
    assert_eq!(send_all(&server).await, 1);
    server.advance(SignedDuration::from_mins(5));
    assert_eq!(send_all(&server).await, 1);
    let second = log(&admin, &id).await.remove(0);
    assert_eq!((second.state, second.attempts, second.status), (DeliveryState::Delivered, 3, Some(250)));
    let mails = postbox.take_mails();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains(&format!("Message-ID: <{}@example.org>", first.message)));

    publish(&admin, "2.0.0").await;
    postbox.answer("RCPT", "550 5.1.1 no such user");
    assert_eq!(send_all(&server).await, 1);
    let refused = log(&admin, &id).await.remove(0);
    assert_eq!((refused.state, refused.attempts, refused.next_at), (DeliveryState::Failed, 1, None));
    assert_eq!((refused.status, refused.answer.as_deref()), (Some(550), Some("5.1.1 no such user")));
    let webhook = show(&admin, &id).await;
    assert!(webhook.failing_since.is_some() && webhook.disabled_at.is_none(), "the next mail is sent");
    let path = paths::redeliver(&acme(), &id, refused.id);
    let again: Delivery = crate::harness::read(admin.post(&path, &json!({})).await).await;
    assert_eq!((again.state, again.message), (DeliveryState::Delivered, refused.message));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_signs_in_and_a_wrong_password_loses_no_mail() {
    let postbox = Postbox::start().await;
    let url = format!("smtp://di%40st@127.0.0.1:{}?tls=none", postbox.port);
    let (server, admin) = stage(&url, Some("hunter2")).await;
    let id = create(&admin, &wanted()).await.webhook.id;
    publish(&admin, "1.0.0").await;
    postbox.answer("AUTH", "535 5.7.8 wrong");
    assert_eq!(send_all(&server).await, 1);
    let refused = log(&admin, &id).await.remove(0);
    assert_eq!((refused.state, refused.status), (DeliveryState::Waiting, Some(535)));
    server.advance(SignedDuration::from_secs(5));
    assert_eq!(send_all(&server).await, 1);
    assert_eq!(log(&admin, &id).await[0].state, DeliveryState::Delivered);
    let sign_in = format!("AUTH PLAIN {}", BASE64.encode(b"\0di@st\0hunter2"));
    assert!(postbox.take_heard().contains(&sign_in));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_or_does_not_encrypt_gets_the_mail_later() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let (server, admin) = stage(&format!("smtp://127.0.0.1:{nobody}?tls=none"), None).await;
    let id = create(&admin, &wanted()).await.webhook.id;
    publish(&admin, "1.0.0").await;
    assert_eq!(send_all(&server).await, 1);
    let refused = log(&admin, &id).await.remove(0);
    assert_eq!((refused.state, refused.status), (DeliveryState::Waiting, None));
    let error = refused.error.unwrap();
    assert!(error.starts_with("no connection to the mail server: Connection refused"), "{error}");

    let postbox = Postbox::start().await;
    let (server, admin) = stage(&format!("smtp://dist@127.0.0.1:{}", postbox.port), Some("hunter2")).await;
    let id = create(&admin, &wanted()).await.webhook.id;
    publish(&admin, "1.0.0").await;
    assert_eq!(send_all(&server).await, 1);
    let refused = log(&admin, &id).await.remove(0);
    assert_eq!((refused.state, refused.status), (DeliveryState::Waiting, None), "{:?}", refused.error);
    let heard = postbox.take_heard();
    assert!(heard.iter().all(|line| line.starts_with("EHLO") || line == "QUIT"), "{heard:?}");
    assert!(postbox.take_mails().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_needs_a_mail_server_and_one_address() {
    let path = paths::webhooks(&acme());
    let server = TestServer::start().await;
    server.admin().create_app("acme", "token").await;
    let answer = server.admin().post(&path, &wanted()).await;
    let body: protocol::ErrorBody = answer.json().await.unwrap();
    assert_eq!((body.code, body.message.as_str()), (ErrorCode::MailNotConfigured, "this server sends no mail"));
    assert!(body.hint.unwrap().contains("smtp_url"));

    let (_server, admin) = stage("smtp://mail.example.com", None).await;
    for wrong in [
        json!({"url": "mailto:qa"}),
        json!({"url": "mailto:qa@example.com?cc=all@example.com"}),
        json!({"url": "mailto:qa@example.com%0aRCPT"}),
        json!({"url": "mailto:qa@example.com", "format": "slack"}),
        json!({"url": "https://example.com/", "format": "mail"}),
    ] {
        refused(admin.post(&path, &wrong).await, StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::WebhookInvalid).await;
    }
}
