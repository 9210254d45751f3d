//! What the audit log is told of a refused request: gathered around the request, decided by `ops::refusals`.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use axum::extract::Request;
use protocol::{AppSlug, TokenText};

use super::error::Refused;
use super::extract::{address, credential};
use crate::Server;
use crate::ops::Caller;
use crate::ops::authenticate::Credential;
use crate::ops::refusals::{self, Refusal};

/// Where whoever finds out who the caller is leaves them, in the extensions of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct CallerSlot(Arc<OnceLock<Caller>>);

impl CallerSlot {
    /// Leaves the caller. The first one stays.
    pub(super) fn fill(&self, caller: &Caller) {
        let _ = self.0.set(caller.clone());
    }
}

/// One request, watched from outside.
pub(super) struct Watch {
    slot: CallerSlot,
    subject: String,
    app: Option<AppSlug>,
    has_credential: bool,
    token: Option<TokenText>,
    address: Option<IpAddr>,
    request_id: String,
}

impl Watch {
    /// Looks at what a request presents, before it goes in.
    pub(super) fn begin(request: &mut Request, template: Option<&str>, request_id: &str) -> Self {
        let credential = credential(request.headers());
        let token = match credential {
            Credential::Token(text) => text.parse().ok(),
            Credential::None | Credential::Other => None,
        };
        let watch = Self {
            slot: CallerSlot::default(),
            subject: format!("{} {}", request.method(), template.unwrap_or("(no such address)")),
            app: template.and_then(|template| app_in(template, request.uri().path())),
            has_credential: !matches!(credential, Credential::None),
            token,
            address: address(request.extensions()),
            request_id: request_id.to_owned(),
        };
        request.extensions_mut().insert(watch.slot.clone());
        watch
    }

    /// Has it recorded where the answer keeps out someone who presented a credential.
    pub(super) async fn end(self, server: &Server, refused: Option<Refused>) {
        let caller = self.slot.0.get().cloned();
        let is_known = caller.as_ref().is_some_and(|caller| caller.whoami().token_id.is_some());
        let presented = |refused: &Refused| self.has_credential || is_known || refused.in_form.is_some();
        let Some(Refused { code, needed, in_form }) = refused.filter(presented) else { return };
        let refusal = Refusal {
            subject: self.subject,
            app: self.app,
            code,
            needed,
            token: self.token.or_else(|| in_form?.parse().ok()),
            caller,
            address: self.address,
            request_id: self.request_id,
        };
        let server = server.clone();
        // On its own, so that a client who goes away is recorded as well.
        let recording = tokio::spawn(async move { refusals::record(&server, refusal).await });
        if let Err(error) = recording.await {
            tracing::error!(%error, "a refused request could not be recorded");
        }
    }
}

/// The app that a path names.
fn app_in(template: &str, path: &str) -> Option<AppSlug> {
    let at = template.split('/').position(|pattern| pattern == "{app}")?;
    path.split('/').nth(at)?.parse().ok()
}
