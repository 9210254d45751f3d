//! What every page shares: the frame, the style, and how a problem is shown.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use protocol::{paths, token};

use super::language;
use super::reader::Reader;
use super::words::Words;
use crate::http::Refused;
use crate::ops::OpError;
use crate::ops::sessions::Session;

/// A page before it has its frame.
pub(super) struct Page<'a> {
    pub(super) title: &'a str,
    /// What chats show of it, and other words of the head.
    pub(super) head: Markup,
    pub(super) content: Markup,
}

impl Page<'_> {
    /// The whole page.
    pub(super) fn respond(self, reader: &Reader) -> Response {
        let words = reader.words;
        let markup = html! {
            (DOCTYPE)
            html lang=(words.tag) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="robots" content="noindex";
                    title { (self.title) }
                    (self.head)
                    link rel="icon" type="image/svg+xml" href="/assets/icon.svg";
                    link rel="stylesheet" href="/assets/style.css";
                    script src="/assets/page.js" defer {}
                }
                body { main { (self.content) } footer { (languages(reader)) } }
            }
        };
        // What a page is depends on the language, the device and who asks.
        let headers = [
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::CONTENT_LANGUAGE, HeaderValue::from_static(words.tag)),
        ];
        (headers, Html(markup.into_string())).into_response()
    }
}

/// The switch between languages.
fn languages(reader: &Reader) -> Markup {
    let words = reader.words;
    html! {
        nav.languages aria-label=(words.language) {
            @for other in language::ALL {
                @if other.tag == words.tag {
                    span aria-current="true" lang=(other.tag) { (other.name) }
                } @else {
                    a href={ "?lang=" (other.tag) } lang=(other.tag) hreflang=(other.tag) { (other.name) }
                }
            }
        }
    }
}

/// A page that says why there is nothing to see, and what to do.
pub(super) fn problem(reader: &Reader, session: Option<&Session>, error: &OpError) -> Response {
    let words = reader.words;
    let is_closed = matches!(error, OpError::Unauthenticated(_) | OpError::Forbidden { .. });
    let (status, (title, advice)) = classify(words, error);
    let content = html! {
        h1 { (title) }
        p { (advice) }
        @if let OpError::RequestInvalid(message) = error { p.muted lang="en" { (token::redacted(message)) } }
        @if let OpError::ReleaseRevoked { app, what, revocation } = error {
            p { s { (app) " " (what) } ": " (revocation.reason) }
        }
        @if let OpError::FileNotFound { .. } = error { p.muted lang="en" { (error) } }
        @if is_closed {
            @match session {
                Some(session) => { p { ((words.sign_in.not_enough)(&session.actor)) } (sign_out(words, session)) }
                None => (sign_in_form(words, &reader.path, None)),
            }
        }
    };
    let mut response = (status, Page { title, head: html! {}, content }.respond(reader)).into_response();
    if let Some(refused) = Refused::of(error) {
        response.extensions_mut().insert(refused);
    }
    response
}

fn classify(words: &Words, error: &OpError) -> (StatusCode, (&'static str, &'static str)) {
    let problem = &words.problem;
    match error {
        OpError::Unauthenticated(_) | OpError::Forbidden { .. } => (StatusCode::UNAUTHORIZED, problem.private),
        OpError::TooManyAttempts { .. } => {
            (StatusCode::TOO_MANY_REQUESTS, (words.sign_in.title, words.sign_in.too_many))
        }
        OpError::LinkInvalid => (StatusCode::NOT_FOUND, problem.link),
        OpError::ReleaseRevoked { .. } => (StatusCode::GONE, problem.withdrawn),
        OpError::ReleaseExpired { .. } => (StatusCode::GONE, problem.expired),
        OpError::Database(_) | OpError::Storage { .. } => {
            tracing::error!(%error, "page failed");
            (StatusCode::INTERNAL_SERVER_ERROR, problem.failed)
        }
        _ => (StatusCode::NOT_FOUND, problem.nothing),
    }
}

/// Where a token is given, and where it leads back to.
pub(super) fn sign_in_form(words: &Words, next: &str, refusal: Option<&str>) -> Markup {
    let described = refusal.map(|_| "refusal");
    html! {
        form.sign-in method="post" action=(paths::SIGN_IN) {
            h2 { (words.sign_in.title) }
            p.muted { (words.sign_in.why) }
            @if let Some(refusal) = refusal { p.refusal #refusal role="alert" { (refusal) } }
            input type="hidden" name="next" value=(next);
            label for="token" { (words.sign_in.token) }
            input #token name="token" type="password" autocomplete="current-password" required spellcheck="false"
                aria-invalid=[refusal.map(|_| "true")] aria-describedby=[described];
            button.button type="submit" { (words.sign_in.button) }
        }
    }
}

/// Who is signed in, and how they sign out.
pub(super) fn sign_out(words: &Words, session: &Session) -> Markup {
    html! {
        form.sign-out method="post" action=(paths::SIGN_OUT) {
            span.muted { ((words.sign_in.signed_in)(&session.actor)) }
            input type="hidden" name="csrf" value=(session.csrf);
            button.quiet type="submit" { (words.sign_in.sign_out) }
        }
    }
}

/// The one style sheet.
pub(super) async fn style() -> Response {
    asset("text/css; charset=utf-8", include_str!("style.css"))
}

/// The one script: what it adds, pages do without.
pub(super) async fn script() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("page.js"))
}

/// What tabs of pages are shown with.
pub(super) async fn icon() -> Response {
    asset("image/svg+xml", include_str!("icon.svg"))
}

fn asset(media_type: &'static str, text: &'static str) -> Response {
    let headers = HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")),
    ]);
    (headers, text).into_response()
}
