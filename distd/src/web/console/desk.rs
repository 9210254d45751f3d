//! Who sits at the console: their rights, their session, what they asked for; and what comes in with a form.

use std::str::FromStr;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use maud::{Markup, html};
use protocol::scope::Need;

use super::frame::{self, Screen};
use crate::Server;
use crate::http::{Told, Visitor, read_form};
use crate::ops::sessions::{Session, check_form};
use crate::ops::{Caller, OpError};

/// A request of someone who holds a token, and what pages are drawn from.
pub(super) struct Desk {
    pub(super) server: Server,
    pub(super) caller: Caller,
    pub(super) session: Option<Session>,
    pub(super) request_id: String,
    /// Path and query, percent-encoded.
    pub(super) address: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) theme: Theme,
    pub(super) headers: HeaderMap,
    pub(super) now: Timestamp,
}

/// What a form leads to.
pub(super) enum Outcome {
    /// It is done: the page that shows it.
    Go(String),
    /// A page of its own: something to be read once, or the form again.
    Show(Screen),
}

/// Light, dark, or what the system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Theme {
    System,
    Light,
    Dark,
}

impl Theme {
    pub(super) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub(super) fn named(word: &str) -> Self {
        Self::ALL.into_iter().find(|theme| theme.as_str() == word).unwrap_or(Self::System)
    }

    fn kept(headers: &HeaderMap) -> Self {
        let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == "dist_theme").map_or(Self::System, |(_, word)| Self::named(word))
    }
}

impl FromRequestParts<Server> for Desk {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, Response> {
        let visitor = Visitor::from_request_parts(parts, server).await.map_err(IntoResponse::into_response)?;
        let desk = Self {
            server: server.clone(),
            caller: visitor.caller,
            session: visitor.session,
            request_id: visitor.origin.request_id,
            address: parts.uri.path_and_query().map_or_else(String::new, ToString::to_string),
            query: url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect(),
            theme: Theme::kept(&parts.headers),
            headers: parts.headers.clone(),
            now: server.clock.now(),
        };
        if desk.caller.whoami().token_id.is_none() {
            return Err(desk.sign_in());
        }
        Ok(desk)
    }
}

impl Desk {
    /// A value of the query, trimmed; empty where there is none.
    pub(super) fn asked(&self, name: &str) -> &str {
        self.query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    /// The page, or why there is none.
    pub(super) fn give(&self, made: Result<Screen, OpError>) -> Response {
        match made {
            Ok(screen) => screen.respond(self),
            Err(error) => {
                let told = Told::from(error);
                let screen = Screen::new("Refused", html! { h1 { (headline(&told)) } (self.trouble(&told)) })
                    .with_status(told.status);
                let mut response = screen.respond(self);
                told.mark(&mut response);
                response
            }
        }
    }

    /// What a form led to.
    pub(super) fn finish(&self, done: Result<Outcome, OpError>) -> Response {
        match done {
            Ok(Outcome::Go(address)) => Redirect::to(&address).into_response(),
            Ok(Outcome::Show(screen)) => self.give(Ok(screen)),
            Err(error) => self.give(Err(error)),
        }
    }

    /// An error in words: what happened, its code, what to do, and the request.
    pub(super) fn trouble(&self, told: &Told) -> Markup {
        html! {
            div.banner.block role="alert" {
                p { strong { (sentence(&told.body.message)) } }
                @if let Some(hint) = &told.body.hint { p { (sentence(hint)) } }
                p.muted { code { (told.body.code) } " · request " code { (self.request_id) } }
            }
        }
    }

    /// The hidden field that forms of the session carry.
    pub(super) fn seal(&self) -> Markup {
        html! { @if let Some(session) = &self.session { input type="hidden" name="csrf" value=(session.csrf); } }
    }

    /// A link to an act, or the same disabled with the reason where a right is missing.
    pub(super) fn act(&self, need: Need<'_>, href: &str, label: &str, key: Option<&str>) -> Markup {
        html! {
            @if self.caller.may(need) {
                a.button href=(href) data-key=[key] { (label) }
            } @else {
                span.button.off aria-disabled="true" { (label) small { " needs " code { (need.narrowest()) } } }
            }
        }
    }

    /// The button of a form, or the same disabled with the reason.
    pub(super) fn button(&self, need: Need<'_>, label: &str, class: &str) -> Markup {
        let may = self.caller.may(need);
        html! {
            button class=(class) type="submit" disabled[!may] { (label) }
            @if !may { small.muted { " needs " code { (need.narrowest()) } } }
        }
    }

    fn sign_in(&self) -> Response {
        let error = OpError::Unauthenticated("this needs a token");
        let mut response = frame::sign_in(self);
        Told::from(error).mark(&mut response);
        response
    }
}

/// What kind of refusal it is, in two words.
fn headline(told: &Told) -> &'static str {
    match told.status.as_u16() {
        401 | 403 => "Not allowed",
        404 | 410 => "Not here",
        409 => "Conflict",
        500.. => "It failed",
        _ => "Not taken",
    }
}

/// A sentence begins with a capital and ends with a full stop.
fn sentence(text: &str) -> String {
    let end = if text.ends_with(['.', '?']) { "" } else { "." };
    let is_word = |word: &str| word.chars().all(char::is_alphabetic);
    if !text.split([' ', ',', ':']).next().is_some_and(is_word) {
        return format!("{text}{end}");
    }
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}{end}", letters.as_str())
}

/// A form of the session, whose token it carries.
pub(super) struct Filled {
    pub(super) desk: Desk,
    fields: Vec<(String, String)>,
}

impl FromRequest<Server> for Filled {
    type Rejection = Response;

    async fn from_request(request: Request, server: &Server) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let desk = Desk::from_request_parts(&mut parts, server).await?;
        let read = read_form(Request::from_parts(parts, body)).await;
        let checked = read.and_then(|fields| {
            let given = fields.iter().find(|(name, _)| name == "csrf").map_or("", |(_, value)| value.as_str());
            match &desk.session {
                Some(session) => check_form(&session.csrf, given).map(|()| fields),
                None => Err(OpError::RequestInvalid("the console's forms are for a session: sign in".to_owned())),
            }
        });
        match checked {
            Ok(fields) => Ok(Self { desk, fields }),
            Err(error) => Err(desk.give(Err(error))),
        }
    }
}

impl Filled {
    /// A field, trimmed; empty where there is none.
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    /// Every value of a field that may be given several times.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// A field that may be left empty.
    pub(super) fn optional(&self, name: &str) -> Option<String> {
        Some(self.field(name)).filter(|text| !text.is_empty()).map(str::to_owned)
    }
}

/// Reads a validated value, of a path or of a form.
///
/// # Errors
/// [`OpError::RequestInvalid`] that names what it was to be.
pub(super) fn parse<T: FromStr<Err: std::fmt::Display>>(what: &str, text: &str) -> Result<T, OpError> {
    text.parse().map_err(|error| OpError::RequestInvalid(format!("{what} {text:?}: {error}")))
}

/// Reads a number that may be left out.
///
/// # Errors
/// As [`parse`].
pub(super) fn parse_opt<T: FromStr<Err: std::fmt::Display>>(what: &str, text: &str) -> Result<Option<T>, OpError> {
    if text.is_empty() { Ok(None) } else { parse(what, text).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_a_sentence() {
        assert_eq!(sentence("the channel moved"), "The channel moved.");
        assert_eq!(sentence("Ends."), "Ends.");
        assert_eq!(sentence(""), ".");
    }
}
