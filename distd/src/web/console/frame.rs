//! The frame of every screen: where one is, where one can go, who one is.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use protocol::{AppSlug, paths};

use super::desk::{Desk, Theme};
use super::{assets, at};

/// A screen before it has its frame.
pub(super) struct Screen {
    title: String,
    app: Option<AppSlug>,
    body: Markup,
    status: StatusCode,
}

impl Screen {
    pub(super) fn new(title: impl Into<String>, body: Markup) -> Self {
        Self { title: title.into(), app: None, body, status: StatusCode::OK }
    }

    /// One of the screens of an app.
    pub(super) fn of(self, app: &AppSlug) -> Self {
        Self { app: Some(app.clone()), ..self }
    }

    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The whole page.
    pub(super) fn respond(self, desk: &Desk) -> Response {
        let live = self.app.as_ref().map_or_else(
            || (desk.address == at::APPS).then(|| at::EVENTS.to_owned()),
            |app| Some(format!("{}?app={app}", at::EVENTS)),
        );
        let body = html! {
            a.skip href="#content" { "Skip to content" }
            (bar(desk, self.app.as_ref()))
            main #content data-live=[live] {
                @if let Some(app) = &self.app { (tabs(desk, app)) }
                (self.body)
            }
            footer {
                span #live-state role="status" {}
                span.muted { "As of " time datetime=(desk.now) { (desk.now.strftime("%H:%M UTC")) } " · request " code { (desk.request_id) } }
                a href=(at::KEYS) data-key="?" { "Keys" }
                (themes(desk))
            }
        };
        page(&self.title, desk.theme, self.status, &body)
    }
}

fn page(title: &str, theme: Theme, status: StatusCode, body: &Markup) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang="en" data-theme=(theme.as_str()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) " · dist" }
                link rel="icon" type="image/svg+xml" href="/assets/icon.svg";
                link rel="stylesheet" href=(assets::style_path());
                script src=(assets::script_path()) defer {}
            }
            body { (body) }
        }
    };
    let headers = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (status, headers, Html(markup.into_string())).into_response()
}

fn bar(desk: &Desk, app: Option<&AppSlug>) -> Markup {
    let releases = app.map(|app| format!("{}#releases", at::app(app)));
    let places = [
        ("Apps", at::APPS.to_owned(), Some("a")),
        ("Releases", releases.unwrap_or_else(|| at::APPS.to_owned()), Some("r")),
        ("Uploads", at::UPLOADS.to_owned(), None),
        ("Audit", at::AUDIT.to_owned(), Some("l")),
        ("Access", at::TOKENS.to_owned(), Some("t")),
        ("Storage", at::STORAGE.to_owned(), None),
    ];
    let here = desk.address.split(['?', '#']).next().unwrap_or_default();
    html! {
        header.bar {
            a.brand href=(at::APPS) { "dist" }
            nav aria-label="Console" {
                @for (name, href, go) in &places {
                    @let is_here = here == href && *go != Some("r");
                    a href=(href) data-go=[*go] aria-current=[is_here.then_some("page")] { (name) }
                }
            }
            form.jump action=(at::JUMP) role="search" {
                label.hidden for="jump" { "Jump to an app, channel, release or act" }
                input #jump name="q" type="search" placeholder="Jump · Ctrl-K" autocomplete="off" spellcheck="false";
            }
            details.menu {
                summary { (desk.caller.whoami().actor) }
                div {
                    a href=(at::SESSIONS) { "Sessions and rights" }
                    @if let Some(session) = &desk.session {
                        form method="post" action=(paths::SIGN_OUT) {
                            input type="hidden" name="csrf" value=(session.csrf);
                            button.quiet type="submit" { "Sign out" }
                        }
                    }
                }
            }
        }
    }
}

fn tabs(desk: &Desk, app: &AppSlug) -> Markup {
    let here = desk.address.split('?').next().unwrap_or_default();
    let tabs = [
        ("Channels and releases", at::app(app)),
        ("Diff", at::diff_form(app)),
        ("Links", at::part(app, "links")),
        ("Publishers", at::part(app, "publishers")),
        ("Install pages", at::part(app, "preview")),
    ];
    html! {
        nav.tabs aria-label={ "App " (app) } {
            a.crumb href=(at::APPS) { "Apps" } span aria-hidden="true" { "/" }
            strong { (app) }
            @for (name, href) in &tabs {
                a href=(href) aria-current=[(here == href).then_some("page")] { (name) }
            }
        }
    }
}

fn themes(desk: &Desk) -> Markup {
    html! {
        form.themes method="post" action=(at::THEME) {
            input type="hidden" name="next" value=(desk.address);
            (desk.seal())
            span.muted #theme-label { "Theme" }
            @for theme in Theme::ALL {
                button.quiet name="theme" value=(theme.as_str()) aria-pressed=(desk.theme == theme) { (theme.as_str()) }
            }
        }
    }
}

/// Where someone signs in, and comes back to what they asked for.
pub(super) fn sign_in(desk: &Desk) -> Response {
    let body = html! {
        header.bar { a.brand href=(at::APPS) { "dist" } }
        main.narrow #content {
            h1 { "Sign in" }
            p.muted { "The console does what a token may. It is sent once, and a session kept for at most a week." }
            form.stack method="post" action=(paths::SIGN_IN) {
                input type="hidden" name="next" value=(desk.address);
                label for="token" { "Token" }
                input #token name="token" type="password" autocomplete="current-password" required spellcheck="false" autofocus;
                button.primary type="submit" { "Sign in" }
            }
            p.muted { "No token yet: " code { "distd token create NAME --scope read" } " on the server makes one." }
        }
    };
    page("Sign in", desk.theme, StatusCode::UNAUTHORIZED, &body)
}
