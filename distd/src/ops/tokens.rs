//! Tokens: make, list, revoke.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use protocol::api::{AuditAction, CreateToken, CreatedToken, RotateToken, Token, Tokens};
use protocol::scope::Need;
use protocol::{Scope, TokenText};
use rusqlite::Transaction;
use serde_json::json;

use super::caller::Record;
use super::{Caller, OpError};
use crate::Server;
use crate::db::{self, Database};

/// For how long a token works unless said otherwise: 90 days.
const DEFAULT_SECONDS: u64 = 90 * 24 * 60 * 60;

/// The longest that a token may be asked to work: ten years.
const MOST_SECONDS: u64 = 10 * 365 * 24 * 60 * 60;

/// For how long a token works on beside the one in its place: a day. At most 30.
const DEFAULT_OVERLAP_SECONDS: u64 = 24 * 60 * 60;
const MOST_OVERLAP_SECONDS: u64 = 30 * 24 * 60 * 60;

/// Longest name of a token.
pub(super) const NAME_BYTES: usize = 64;

/// Makes a token. Its text is in the answer and nowhere else.
pub(crate) async fn create(server: &Server, caller: Caller, wanted: CreateToken) -> Result<CreatedToken, OpError> {
    caller.require(Need::Admin)?;
    let made = make(&wanted, caller.actor(), server.clock.now())?;
    server.db.write(move |tx| insert(tx, &caller, &made).map(|()| made)).await
}

/// Makes a token on a data directory itself, whether or not a server runs on it.
///
/// # Errors
/// When the request is not valid or the database cannot be written.
pub fn create_local(db: &Database, wanted: &CreateToken, now: Timestamp) -> Result<CreatedToken, OpError> {
    let caller = Caller::local();
    let made = make(wanted, caller.actor(), now)?;
    db.write_blocking(|tx| insert(tx, &caller, &made))?;
    Ok(made)
}

/// Makes the first administrator's token, where there is none that works.
///
/// # Errors
/// When the database cannot be written.
pub async fn create_first(server: &Server) -> Result<Option<CreatedToken>, OpError> {
    let wanted = CreateToken {
        name: "first-admin".to_owned(),
        scopes: vec![Scope::admin()],
        expires_in_seconds: None,
        never_expires: true,
    };
    let (caller, now) = (Caller::local(), server.clock.now());
    let made = make(&wanted, caller.actor(), now)?;
    server
        .db
        .write(move |tx| {
            if db::tokens::has_admin(tx, now)? {
                return Ok(None);
            }
            insert(tx, &caller, &made).map(|()| Some(made))
        })
        .await
}

/// All tokens, newest first.
pub(crate) async fn list(server: &Server, caller: Caller) -> Result<Tokens, OpError> {
    caller.require(Need::Admin)?;
    server.db.read(|connection| Ok(Tokens { tokens: db::tokens::list(connection)? })).await
}

/// Revokes a token: the next request with it is refused. Revoking it again changes nothing.
pub(crate) async fn revoke(server: &Server, caller: Caller, id: String) -> Result<Token, OpError> {
    caller.require(Need::Admin)?;
    let at = server.clock.now();
    server
        .db
        .write(move |tx| {
            if db::tokens::revoke(tx, &id, at)? {
                caller.record(tx, at, record(AuditAction::TokenRevoke, &id, json!({})))?;
            }
            let found = db::tokens::find(tx, &id)?;
            found.map(|(token, _)| token).ok_or(OpError::TokenNotFound(id))
        })
        .await
}

/// When each token was last used, as far as that is noted already. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct TokenUses(Arc<Mutex<HashMap<String, Timestamp>>>);

/// How fine the last use of a token is kept: a write a minute for each token, not one a request.
const USE_PRECISION: SignedDuration = SignedDuration::from_secs(60);

/// Notes that the caller's token was used, and from where.
pub(crate) async fn note_use(server: &Server, caller: &Caller) -> Result<(), OpError> {
    let Some(id) = caller.token_id() else { return Ok(()) };
    let now = server.clock.now();
    if !server.uses.is_due(id, now) {
        return Ok(());
    }
    let (id, from) = (id.to_owned(), caller.address().map(str::to_owned));
    server.db.write(move |tx| Ok(db::tokens::note_use(tx, &id, from.as_deref(), now)?)).await
}

impl TokenUses {
    fn is_due(&self, id: &str, now: Timestamp) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = noted.get(id).is_none_or(|last| now.duration_since(*last) >= USE_PRECISION);
        if is_due {
            noted.insert(id.to_owned(), now);
        }
        is_due
    }
}

/// Makes a token in place of another, which works on for a while. The holder of a token may do that with it.
pub(crate) async fn rotate(
    server: &Server,
    caller: Caller,
    id: String,
    wanted: RotateToken,
) -> Result<CreatedToken, OpError> {
    if caller.token_id() != Some(id.as_str()) {
        caller.require(Need::Admin)?;
    }
    let overlap = wanted.overlap_seconds.unwrap_or(DEFAULT_OVERLAP_SECONDS);
    if overlap > MOST_OVERLAP_SECONDS {
        return Err(OpError::RequestInvalid(format!(
            "the old token works on for at most {MOST_OVERLAP_SECONDS} seconds"
        )));
    }
    let overlap = SignedDuration::from_secs(i64::try_from(overlap).expect("bounded by 30 days"));
    let now = server.clock.now();
    server
        .db
        .write(move |tx| {
            let (old, _) = db::tokens::find(tx, &id)?.ok_or_else(|| OpError::TokenNotFound(id.clone()))?;
            let has_ended = old.revoked_at.is_some() || old.expires_at.is_some_and(|expiry| expiry <= now);
            if has_ended {
                return Err(OpError::RequestInvalid(format!("the token {id} works no more: create one")));
            }
            let made = draw(&old.name, &old.scopes, old.lifetime(), caller.actor(), now);
            keep(tx, &made)?;
            db::tokens::end_by(tx, &id, now + overlap)?;
            let details = json!({
                "name": old.name, "scopes": old.scopes, "expires_at": made.about.expires_at, "old_ends_at": now + overlap,
            });
            let record = Record {
                old: Some(id.clone()),
                new: Some(made.about.id.clone()),
                ..record(AuditAction::TokenRotate, &id, details)
            };
            caller.record(tx, now, record)?;
            Ok(made)
        })
        .await
}

/// Checks what is wanted and draws the secret.
fn make(wanted: &CreateToken, actor: &str, now: Timestamp) -> Result<CreatedToken, OpError> {
    let invalid = |message: String| Err(OpError::RequestInvalid(message));
    let name = wanted.name.trim();
    if name.is_empty() || name.len() > NAME_BYTES || name.chars().any(char::is_control) {
        return invalid(format!("a token's name is one line of 1 to {NAME_BYTES} bytes"));
    }
    if wanted.scopes.is_empty() {
        return invalid("a token needs at least one scope".to_owned());
    }
    if wanted.never_expires && wanted.expires_in_seconds.is_some() {
        return invalid("a token either never expires or expires; both were asked for".to_owned());
    }
    let seconds = wanted.expires_in_seconds.unwrap_or(DEFAULT_SECONDS);
    if !(1..=MOST_SECONDS).contains(&seconds) {
        return invalid(format!("a token works for 1 to {MOST_SECONDS} seconds, or never expires"));
    }
    let lifetime = SignedDuration::from_secs(i64::try_from(seconds).expect("bounded by ten years"));
    let lifetime = (!wanted.never_expires).then_some(lifetime);
    Ok(draw(name, &wanted.scopes, lifetime, actor, now))
}

/// A new token. Its secret is nowhere else yet.
pub(super) fn draw(
    name: &str,
    scopes: &[Scope],
    lifetime: Option<SignedDuration>,
    actor: &str,
    now: Timestamp,
) -> CreatedToken {
    let text = TokenText::from_random(random(), random());
    CreatedToken {
        token: text.reveal(),
        about: Token {
            id: text.id().to_owned(),
            name: name.to_owned(),
            scopes: scopes.to_vec(),
            created_at: now,
            created_by: actor.to_owned(),
            expires_at: lifetime.map(|lifetime| now + lifetime),
            revoked_at: None,
            used_at: None,
            used_from: None,
        },
    }
}

/// Bytes that nobody can guess.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has a source of random bytes");
    bytes
}

fn insert(tx: &Transaction<'_>, caller: &Caller, made: &CreatedToken) -> Result<(), OpError> {
    keep(tx, made)?;
    let details = json!({
        "name": made.about.name, "scopes": made.about.scopes, "expires_at": made.about.expires_at,
    });
    caller.record(tx, made.about.created_at, record(AuditAction::TokenCreate, &made.about.id, details))
}

/// Writes a token down, without its secret.
pub(super) fn keep(tx: &Transaction<'_>, made: &CreatedToken) -> Result<(), OpError> {
    let text: TokenText = made.token.parse().expect("it was written by the same code");
    Ok(db::tokens::insert(tx, &made.about, &text.secret_sha256())?)
}

fn record(action: AuditAction, id: &str, details: serde_json::Value) -> Record<'static> {
    Record { action, app: None, subject: id.to_owned(), old: None, new: None, reason: None, details }
}
