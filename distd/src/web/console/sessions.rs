//! Browsers that are signed in, and what one may do oneself.

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};

use super::desk::{Desk, Filled, Outcome};
use super::frame::Screen;
use super::{at, bits, tokens};
use crate::ops::sessions::{self, Listed};

pub(super) async fn page(desk: Desk) -> Response {
    let made = sessions::list(&desk.server, desk.caller.clone()).await;
    let made = made.map(|listed| Screen::new("Sessions and rights", draw(&desk, &listed)));
    desk.give(made)
}

pub(super) async fn end(Path(id): Path<String>, filled: Filled) -> Response {
    let done = sessions::end_listed(&filled.desk.server, filled.desk.caller.clone(), id).await;
    filled.desk.finish(done.map(|()| Outcome::Go(at::SESSIONS.to_owned())))
}

fn draw(desk: &Desk, listed: &[Listed]) -> Markup {
    let who = desk.caller.whoami();
    html! {
        h1 { "Sessions and rights" }
        section {
            h2 { (who.actor) " may" }
            ul.plain { @for scope in &who.scopes { li { (tokens::words(&scope.to_string())) " " code { (scope) } } } }
            p.muted {
                "Token " code { (who.token_id.as_deref().unwrap_or("none")) }
                @if let Some(expiry) = who.expires_at { ", expires " (bits::when(desk.now, expiry)) } @else { ", never expires" }
            }
        }
        section {
            h2 { "Sessions" }
            table data-rows="" {
                thead { tr { th { "who" } th { "token" } th { "session" } th { "began" } th { "ends" } th { "act" } } }
                tbody { @for session in listed { tr {
                    td.first { (session.actor) }
                    td data-label="token" { code { (session.token) } }
                    td data-label="session" { code { (session.id) } }
                    td data-label="began" { (bits::when(desk.now, session.created_at)) }
                    td data-label="ends" { (bits::when(desk.now, session.expires_at)) }
                    td data-label="act" {
                        form.inline method="post" action={ (at::SESSIONS) "/" (session.id) "/end" } {
                            (desk.seal()) button.quiet.danger type="submit" aria-label={ "End session " (session.id) " of " (session.actor) } { "End" }
                        }
                    }
                } } }
            }
        }
    }
}
