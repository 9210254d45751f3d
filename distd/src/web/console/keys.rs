//! The keys, and the theme that someone chose.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;

use super::at;
use super::desk::{Desk, Filled, Theme};
use super::frame::Screen;

/// Key and what it does.
const KEYS: [(&str, &str); 13] = [
    ("/", "filter what is listed"),
    ("j", "next row"),
    ("k", "row before"),
    ("Enter", "open the row"),
    ("g a", "apps"),
    ("g r", "releases of this app"),
    ("g t", "tokens"),
    ("g l", "audit log"),
    ("p", "promote this release"),
    ("r", "roll back this channel"),
    ("c", "copy the install link"),
    ("?", "this list"),
    ("Ctrl-K", "jump and act"),
];

pub(super) async fn page(desk: Desk) -> Response {
    let body = html! {
        h1 { "Keys" }
        dl.keys { @for (key, what) in KEYS { dt { @for one in key.split(' ') { kbd { (one) } " " } } dd { (what) } } }
        p.muted { "Keys do nothing while something is typed into a field; Esc leaves the field. Everything they do is also a link or a button." }
    };
    desk.give(Ok(Screen::new("Keys", body)))
}

/// Keeps the theme in a cookie, which is all it is kept in, and goes back.
pub(super) async fn theme(filled: Filled) -> Response {
    let theme = Theme::named(filled.field("theme"));
    let next = filled.field("next");
    let next = if next.starts_with(at::APPS) { next } else { at::APPS };
    let cookie = format!("dist_theme={}; Path={}; Max-Age=31536000; SameSite=Lax; HttpOnly", theme.as_str(), at::APPS);
    let mut response = Redirect::to(next).into_response();
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}
