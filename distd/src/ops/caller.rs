//! Who asks, and what they may do.

use jiff::Timestamp;
use protocol::api::{AuditAction, Token, Whoami};
use protocol::scope::Need;
use protocol::{AppSlug, Scope, TokenText};
use rusqlite::Transaction;
use serde_json::Value;
use subtle::ConstantTimeEq;

use super::{OpError, mirror};
use crate::Server;
use crate::db::{self, audit::NewEvent};

/// The name in the audit log of a command on the data directory itself.
const LOCAL: &str = "local";

/// The name in reflogs and in the audit log of what the server does by itself.
const SERVER: &str = "distd";

/// Who asks: the holder of a token, someone without one, or an administrator on the machine.
#[derive(Debug, Clone)]
pub struct Caller {
    actor: String,
    token_id: Option<String>,
    scopes: Vec<Scope>,
    expires_at: Option<Timestamp>,
    address: Option<String>,
    request_id: Option<String>,
}

/// A change to be recorded, as an operation knows it.
pub(super) struct Record<'a> {
    pub(super) action: AuditAction,
    pub(super) app: Option<&'a AppSlug>,
    pub(super) subject: String,
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
    pub(super) reason: Option<&'a str>,
    pub(super) details: Value,
}

impl Caller {
    /// Someone without a token.
    pub fn anonymous() -> Self {
        Self {
            actor: "anonymous".to_owned(),
            token_id: None,
            scopes: Vec::new(),
            expires_at: None,
            address: None,
            request_id: None,
        }
    }

    /// An administrator who has the data directory itself.
    pub fn local() -> Self {
        Self { actor: LOCAL.to_owned(), scopes: vec![Scope::admin()], ..Self::anonymous() }
    }

    /// The server itself, where it does something that nobody asked for just then.
    pub(super) fn server() -> Self {
        Self { actor: SERVER.to_owned(), ..Self::anonymous() }
    }

    /// The holder of a token.
    ///
    /// # Errors
    /// [`OpError::Unauthenticated`] when it is not a token, unknown, expired or revoked. The secret is compared in constant
    /// time, and an unknown id is answered like a wrong secret.
    pub async fn of_token(server: &Server, text: &str) -> Result<Self, OpError> {
        const UNKNOWN: OpError = OpError::Unauthenticated("the token is not known here");
        let text: TokenText =
            text.parse().map_err(|_| OpError::Unauthenticated("the credential is not a dist token"))?;
        let id = text.id().to_owned();
        let found = server.db.read(move |connection| Ok::<_, OpError>(db::tokens::find(connection, &id)?)).await?;
        let (token, secret) = found.ok_or(UNKNOWN)?;
        if !bool::from(secret.as_bytes().ct_eq(text.secret_sha256().as_bytes())) {
            return Err(UNKNOWN);
        }
        Self::holding(token, server.clock.now())
    }

    /// The holder of a token that is known to be theirs.
    ///
    /// # Errors
    /// [`OpError::Unauthenticated`] when it was revoked or has expired.
    pub(super) fn holding(token: Token, now: Timestamp) -> Result<Self, OpError> {
        if token.revoked_at.is_some() {
            return Err(OpError::Unauthenticated("the token was revoked"));
        }
        if token.expires_at.is_some_and(|expiry| expiry <= now) {
            return Err(OpError::Unauthenticated("the token has expired"));
        }
        Ok(Self {
            actor: token.name,
            token_id: Some(token.id),
            scopes: token.scopes,
            expires_at: token.expires_at,
            ..Self::anonymous()
        })
    }

    /// The same caller, with where the request came from.
    #[must_use]
    pub fn from_request(self, address: Option<String>, request_id: Option<String>) -> Self {
        Self { address, request_id, ..self }
    }

    /// The same caller as the holder of a token that was just made, without what it allows.
    pub(super) fn known_as(self, token: &Token) -> Self {
        Self { actor: token.name.clone(), token_id: Some(token.id.clone()), ..self }
    }

    /// The name in reflogs and in the audit log.
    pub(super) fn actor(&self) -> &str {
        &self.actor
    }

    /// Who the caller is.
    pub(crate) fn whoami(&self) -> Whoami {
        Whoami {
            actor: self.actor.clone(),
            token_id: self.token_id.clone(),
            scopes: self.scopes.clone(),
            expires_at: self.expires_at,
            server_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Whether one of the scopes is enough.
    pub(crate) fn may(&self, need: Need<'_>) -> bool {
        self.scopes.iter().any(|scope| scope.allows(need))
    }

    /// Refuses unless one of the scopes is enough.
    pub(super) fn require(&self, need: Need<'_>) -> Result<(), OpError> {
        if self.may(need) {
            return Ok(());
        }
        if self.token_id.is_none() {
            return Err(OpError::Unauthenticated("this needs a token"));
        }
        Err(OpError::Forbidden { actor: self.actor.clone(), needed: need.narrowest() })
    }

    /// The id of the caller's token.
    pub(super) fn token_id(&self) -> Option<&str> {
        self.token_id.as_deref()
    }

    /// The address that the request came from.
    pub(super) fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// Writes the audit event of a change, in the transaction that makes it.
    ///
    /// # Errors
    /// [`OpError::AppIsMirror`] where the app is a mirror and the change is its source's to make: every change passes here.
    pub(super) fn record(&self, tx: &Transaction<'_>, at: Timestamp, record: Record<'_>) -> Result<(), OpError> {
        if let Some(app) = record.app.filter(|_| mirror::is_for_source(record.action)) {
            mirror::refuse(tx, app)?;
        }
        super::webhooks::enqueue(tx, &self.actor, at, &record)?;
        let Record { action, app, subject, old, new, reason, details } = record;
        db::audit::append(
            tx,
            &NewEvent {
                at,
                actor: &self.actor,
                token_id: self.token_id.as_deref(),
                action,
                app,
                subject,
                old,
                new,
                reason,
                address: self.address.clone(),
                request_id: self.request_id.as_deref(),
                details,
            },
        )?;
        Ok(())
    }
}
