//! `/signin` and `/signout`: a browser begins and ends a session.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::html;

use super::page::{self, Page, sign_in_form};
use super::reader::Reader;
use crate::Server;
use crate::http::{Refused, Visitor, cookie_secret, forget_cookie, keep_cookie, read_form};
use crate::ops::{OpError, sessions};

/// Where a token is given.
pub(super) async fn show(visitor: Visitor, reader: Reader) -> Response {
    let words = reader.words;
    let content = html! {
        @if let Some(session) = &visitor.session {
            h1 { (words.sign_in.done) }
            (page::sign_out(words, session))
        } @else {
            (sign_in_form(words, reader.asked("next").unwrap_or("/signin"), None))
        }
    };
    Page { title: words.sign_in.title, head: html! {}, content }.respond(&reader)
}

/// Begins a session, and leads back.
pub(super) async fn begin(
    State(server): State<Server>,
    visitor: Visitor,
    reader: Reader,
    request: Request,
) -> Response {
    let form = match read_form(request).await {
        Ok(form) => form,
        Err(error) => return not_taken(&reader, &error),
    };
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let (token, next) = (field("token"), local(field("next")));
    match sessions::begin(&server, token, visitor.origin).await {
        Ok(begun) => lead_to(next, keep_cookie(&server, &begun)),
        Err(error) => refuse(&reader, token, next, &error),
    }
}

/// Ends the session of the browser.
pub(super) async fn end(State(server): State<Server>, visitor: Visitor, reader: Reader, request: Request) -> Response {
    let secret = cookie_secret(&server, request.headers());
    let form = read_form(request).await;
    let csrf = form.map(|form| form.into_iter().find(|(key, _)| key == "csrf").map_or_else(String::new, |(_, it)| it));
    let ended = match (csrf, secret) {
        (Ok(csrf), Some(secret)) => sessions::end(&server, visitor.caller, &secret, &csrf).await,
        (Ok(_), None) => Ok(()),
        (Err(error), _) => Err(error),
    };
    match ended {
        Ok(()) => lead_to("/signin", forget_cookie(&server)),
        Err(error) => not_taken(&reader, &error),
    }
}

fn not_taken(reader: &Reader, error: &OpError) -> Response {
    let (title, advice) = reader.words.problem.form;
    tracing::debug!(%error, "a form was not taken");
    let content = html! { h1 { (title) } p { (advice) } };
    (StatusCode::BAD_REQUEST, Page { title, head: html! {}, content }.respond(reader)).into_response()
}

/// The form again, with what was wrong.
fn refuse(reader: &Reader, token: &str, next: &str, error: &OpError) -> Response {
    let words = reader.words;
    let (status, why) = match error {
        OpError::TooManyAttempts { .. } => (StatusCode::TOO_MANY_REQUESTS, words.sign_in.too_many),
        OpError::Unauthenticated(_) => (StatusCode::UNAUTHORIZED, words.sign_in.refused),
        other => return page::problem(reader, None, other),
    };
    let content = sign_in_form(words, next, Some(why));
    let page = Page { title: words.sign_in.title, head: html! {}, content };
    let mut response = (status, page.respond(reader)).into_response();
    if let Some(refused) = Refused::of(error) {
        response.extensions_mut().insert(Refused { in_form: Some(token.to_owned()), ..refused });
    }
    response
}

fn lead_to(place: &str, cookie: HeaderValue) -> Response {
    let place = HeaderValue::from_str(place).unwrap_or(HeaderValue::from_static("/signin"));
    let headers = [
        (header::LOCATION, place),
        (header::SET_COOKIE, cookie),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// A path on this server; anything else leads nowhere.
fn local(next: &str) -> &str {
    let is_local = next.starts_with('/')
        && !next.starts_with("//")
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_local { next } else { "/signin" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_to_no_other_server() {
        let check = |next: &str, expect: &str| assert_eq!(local(next), expect, "{next}");
        check("/install/acme/beta?lang=de", "/install/acme/beta?lang=de");
        for bad in ["", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "javascript:x", "/ä"] {
            check(bad, "/signin");
        }
    }
}
