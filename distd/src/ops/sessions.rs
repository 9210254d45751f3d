//! Sessions: a browser that signed in with a token, and is that token's holder until it signs out.
//!
//! The cookie holds 256 random bits, of which the database has only the SHA-256. Scopes are those that the token has when they
//! are asked for: a token that is revoked or expires takes its sessions along. What changes something through a session has to
//! carry its form token as well ([`Session::csrf`]), beside what the routes check of the request's origin.

use std::net::IpAddr;

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use protocol::Digest;
use protocol::api::AuditAction;
use protocol::scope::Need;
use rusqlite::{Connection, Transaction};
use serde_json::json;
use subtle::ConstantTimeEq;

use super::authenticate::{Credential, authenticate};
use super::caller::Record;
use super::{Caller, OpError};
use crate::Server;
use crate::db::{self, sessions::SessionRow};

/// For how long a session works, at most: a week.
const LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A session that works.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// What forms of the session carry.
    pub(crate) csrf: String,
    /// The name of its token.
    pub(crate) actor: String,
}

/// A session that was just begun.
#[derive(Debug)]
pub(crate) struct Begun {
    /// What the cookie holds: 64 lowercase hexadecimal digits.
    pub(crate) secret: String,
    /// For how long the browser keeps it, in seconds.
    pub(crate) max_age_seconds: i64,
}

/// Where a request comes from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) address: Option<IpAddr>,
    pub(crate) request_id: String,
}

/// Begins a session for the holder of a token.
///
/// # Errors
/// As [`authenticate`].
pub(crate) async fn begin(server: &Server, token: &str, origin: Origin) -> Result<Begun, OpError> {
    let caller = authenticate(server, Credential::Token(token.trim()), origin.address).await?;
    let caller = caller.from_request(origin.address.map(|address| address.to_string()), Some(origin.request_id));
    let who = caller.whoami();
    let token_id = who.token_id.ok_or(OpError::Unauthenticated("this needs a token"))?;
    let now = server.clock.now();
    let expires_at = who.expires_at.map_or(now + LIFETIME, |expiry| expiry.min(now + LIFETIME));
    let secret = draw();
    let secret_sha256 = Digest::of(secret.as_bytes());
    let row = SessionRow { secret_sha256, token_id, csrf: draw(), created_at: now, expires_at };
    server
        .db
        .write(move |tx| {
            db::sessions::remove_ended(tx, now)?;
            db::sessions::insert(tx, &row)?;
            record(tx, &caller, AuditAction::SessionBegin, &row, now)
        })
        .await?;
    Ok(Begun { secret, max_age_seconds: expires_at.duration_since(now).as_secs() })
}

/// Whom the cookie of a session stands for; `None` where it stands for nobody any more.
pub(crate) async fn find(server: &Server, secret: &str) -> Result<Option<(Caller, Session)>, OpError> {
    let secret_sha256 = Digest::of(secret.as_bytes());
    let now = server.clock.now();
    server
        .db
        .read(move |connection| {
            let session = db::sessions::find(connection, &secret_sha256)?.filter(|session| now < session.expires_at);
            let Some(session) = session else { return Ok(None) };
            let Some((token, _)) = db::tokens::find(connection, &session.token_id)? else { return Ok(None) };
            let Ok(caller) = Caller::holding(token, now) else { return Ok(None) };
            let actor = caller.actor().to_owned();
            Ok(Some((caller, Session { csrf: session.csrf, actor })))
        })
        .await
}

/// Ends a session. One that has ended stays so.
///
/// # Errors
/// [`OpError::RequestInvalid`] where the form token is not the session's.
pub(crate) async fn end(server: &Server, caller: Caller, secret: &str, csrf: &str) -> Result<(), OpError> {
    let (secret_sha256, csrf, now) = (Digest::of(secret.as_bytes()), csrf.to_owned(), server.clock.now());
    server
        .db
        .write(move |tx| {
            let Some(session) = db::sessions::find(tx, &secret_sha256)? else { return Ok(()) };
            check_form(&session.csrf, &csrf)?;
            db::sessions::remove(tx, &secret_sha256)?;
            record(tx, &caller, AuditAction::SessionEnd, &session, now)
        })
        .await
}

/// A session, as a list shows it.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    /// Names it: the first 12 digits of the SHA-256 of what its cookie holds.
    pub(crate) id: String,
    /// Its token.
    pub(crate) token: String,
    /// The name of that token.
    pub(crate) actor: String,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// Sessions that work, newest first, at most 500: all of them for an administrator, those of their own token for anyone else.
pub(crate) async fn list(server: &Server, caller: Caller) -> Result<Vec<Listed>, OpError> {
    let now = server.clock.now();
    server
        .db
        .read(move |connection| {
            let mut listed = Vec::new();
            for row in visible(connection, &caller, now)? {
                let Some((token, _)) = db::tokens::find(connection, &row.token_id)? else { continue };
                if Caller::holding(token.clone(), now).is_ok() {
                    let (id, actor) = (row.secret_sha256.short(), token.name);
                    let SessionRow { token_id: token, created_at, expires_at, .. } = row;
                    listed.push(Listed { id, token, actor, created_at, expires_at });
                }
            }
            Ok(listed)
        })
        .await
}

fn visible(connection: &Connection, caller: &Caller, now: Timestamp) -> Result<Vec<SessionRow>, OpError> {
    if caller.may(Need::Admin) {
        return Ok(db::sessions::list(connection, None, now)?);
    }
    let Some(own) = caller.token_id() else { return Err(OpError::Unauthenticated("this needs a token")) };
    Ok(db::sessions::list(connection, Some(own), now)?)
}

/// Ends a session that [`list`] names. One that is not there is not in the list either, and stays so.
pub(crate) async fn end_listed(server: &Server, caller: Caller, id: String) -> Result<(), OpError> {
    let now = server.clock.now();
    server
        .db
        .write(move |tx| {
            let found = visible(tx, &caller, now)?.into_iter().find(|row| row.secret_sha256.short() == id);
            let Some(session) = found else { return Ok(()) };
            db::sessions::remove(tx, &session.secret_sha256)?;
            record(tx, &caller, AuditAction::SessionEnd, &session, now)
        })
        .await
}

/// Refuses a form that does not carry the form token of its session.
///
/// # Errors
/// [`OpError::RequestInvalid`].
pub(crate) fn check_form(expected: &str, given: &str) -> Result<(), OpError> {
    if bool::from(expected.as_bytes().ct_eq(given.as_bytes())) {
        return Ok(());
    }
    Err(OpError::RequestInvalid("the form is not one of this session: load the page again".to_owned()))
}

fn record(
    tx: &Transaction<'_>,
    caller: &Caller,
    action: AuditAction,
    session: &SessionRow,
    at: Timestamp,
) -> Result<(), OpError> {
    let record = Record {
        action,
        app: None,
        subject: session.token_id.clone(),
        old: None,
        new: None,
        reason: None,
        details: json!({ "expires_at": session.expires_at }),
    };
    caller.record(tx, at, record)
}

fn draw() -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the system has a source of random bytes");
    HEXLOWER.encode(&bytes)
}
