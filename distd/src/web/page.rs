//! What every page shares: the frame, the style, and how a problem is shown.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use crate::http::Refused;
use crate::ops::OpError;

/// A whole page.
pub(super) fn page(title: &str, content: &Markup) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="stylesheet" href="/assets/style.css";
            }
            body { main { (content) } }
        }
    };
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Html(markup.into_string())).into_response()
}

/// A page that says why there is nothing to see, and what to do.
pub(super) fn problem(error: &OpError) -> Response {
    let (status, title, advice) = match error {
        OpError::Unauthenticated(_) | OpError::Forbidden { .. } => (
            StatusCode::UNAUTHORIZED,
            "This app is not public",
            "Its releases can be downloaded with a token: dist pull. Ask whoever sent you the link.",
        ),
        OpError::LinkInvalid => (
            StatusCode::NOT_FOUND,
            "This link does not work",
            "It has ended, was revoked, was used up, or was not copied whole. Ask whoever sent it for a new one.",
        ),
        OpError::ReleaseRevoked { revocation, .. } => return withdrawn(&revocation.reason),
        OpError::Database(_) | OpError::Storage { .. } => {
            tracing::error!(%error, "page failed");
            (StatusCode::INTERNAL_SERVER_ERROR, "The server could not do this", "Try again in a moment.")
        }
        _ => {
            (StatusCode::NOT_FOUND, "There is nothing here", "The address may be old or mistyped. Ask whoever sent it.")
        }
    };
    let mut response = (status, page(title, &html! { h1 { (title) } p { (advice) } })).into_response();
    if let Some(refused) = Refused::of(error) {
        response.extensions_mut().insert(refused);
    }
    response
}

/// A page that says why a file cannot be had any more.
fn withdrawn(reason: &str) -> Response {
    let title = "This release was withdrawn";
    let content = html! { h1 { (title) } p { (reason) } p { "Take the one that its channel offers now." } };
    (StatusCode::GONE, page(title, &content)).into_response()
}

/// The one style sheet.
pub(super) async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")),
    ];
    (headers, include_str!("style.css")).into_response()
}
