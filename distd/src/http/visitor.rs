//! Who opens a page: the holder of a token, by its header or by the session that their browser began with it, or anyone.
//!
//! Only pages and what they lead to look at sessions. The API does not, so that no page elsewhere can use one for it.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use protocol::limits;

use super::error::ApiError;
use super::extract::{address, credential};
use super::layer::RequestId;
use super::refusal::CallerSlot;
use crate::Server;
use crate::ops::authenticate::{Credential, authenticate};
use crate::ops::sessions::{self, Begun, Origin, Session};
use crate::ops::{self, Caller, OpError};

/// The largest form that is taken in, in bytes.
const FORM_BYTES: usize = 16 * 1024;

/// Who opens a page.
pub(crate) struct Visitor {
    pub(crate) caller: Caller,
    /// The session of their browser, where it has one that works.
    pub(crate) session: Option<Session>,
    pub(crate) origin: Origin,
}

impl FromRequestParts<Server> for Visitor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, ApiError> {
        let address = address(&parts.extensions);
        let presented = credential(&parts.headers);
        let (caller, session) = match (presented, cookie_secret(server, &parts.headers)) {
            (Credential::None, Some(secret)) => match sessions::find(server, &secret).await? {
                Some((caller, session)) => (caller, Some(session)),
                None => (Caller::anonymous(), None),
            },
            _ => (authenticate(server, presented, address).await?, None),
        };
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        let origin = Origin { address, request_id: request_id.clone().unwrap_or_default() };
        let caller = caller.from_request(address.map(|address| address.to_string()), request_id);
        if let Some(slot) = parts.extensions.get::<CallerSlot>() {
            slot.fill(&caller);
        }
        ops::tokens::note_use(server, &caller).await?;
        Ok(Self { caller, session, origin })
    }
}

/// Whether browsers are told to send the cookie over https only.
fn is_secure(server: &Server) -> bool {
    server.settings().site.https().is_some()
}

/// With the prefix no other host, not even one beside this, can set it (RFC 6265bis, section 4.1.3).
fn cookie_name(server: &Server) -> &'static str {
    if is_secure(server) { "__Host-dist_session" } else { "dist_session" }
}

/// What the session's cookie of a request holds.
pub(crate) fn cookie_secret(server: &Server, headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, secret) = pairs.find(|(name, _)| *name == cookie_name(server))?;
    (secret.len() == 64).then(|| secret.to_owned())
}

/// Has the browser keep a session. `Lax`, so that a link in a chat finds it; what changes something is checked by origin and
/// form token.
pub(crate) fn keep_cookie(server: &Server, begun: &Begun) -> HeaderValue {
    set_cookie(server, &begun.secret, begun.max_age_seconds)
}

/// Has the browser forget its session.
pub(crate) fn forget_cookie(server: &Server) -> HeaderValue {
    set_cookie(server, "", 0)
}

fn set_cookie(server: &Server, value: &str, max_age: i64) -> HeaderValue {
    let secure = if is_secure(server) { "; Secure" } else { "" };
    let text = format!("{}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}", cookie_name(server));
    let mut value = HeaderValue::from_str(&text).expect("hexadecimal digits and our own words are visible ASCII");
    value.set_sensitive(true);
    value
}

/// The fields of a form, bounded in size and in time.
pub(crate) async fn read_form(request: Request) -> Result<Vec<(String, String)>, OpError> {
    let limit = Duration::from_secs(limits::JSON_BODY_SECONDS);
    let invalid = |message: &str| OpError::RequestInvalid(message.to_owned());
    let arrived = tokio::time::timeout(limit, Bytes::from_request(request, &())).await;
    let bytes =
        arrived.map_err(|_| invalid("the form did not arrive"))?.map_err(|_| invalid("the form is too large"))?;
    if bytes.len() > FORM_BYTES {
        return Err(invalid("the form is too large"));
    }
    Ok(url::form_urlencoded::parse(&bytes).into_owned().collect())
}
