//! Tokens: who has which rights, until when, and when they were last used. A secret is shown once.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use protocol::Scope;
use protocol::api::{CreateToken, CreatedToken, RotateToken, Token};
use protocol::scope::Need;

use super::desk::{Desk, Filled, Outcome, parse, parse_opt};
use super::frame::Screen;
use super::{at, bits};
use crate::http::Told;
use crate::ops::{self, OpError};

/// Rows of one screen.
const ROWS: usize = 100;

const DAY_SECONDS: u64 = 24 * 60 * 60;

pub(super) async fn page(desk: Desk) -> Response {
    let made = screen(&desk, None, None).await;
    desk.give(made)
}

pub(super) async fn create(filled: Filled) -> Response {
    let done = async {
        let desk = &filled.desk;
        let made = match wanted(&filled) {
            Ok(wanted) => ops::tokens::create(&desk.server, desk.caller.clone(), wanted).await,
            Err(error) => Err(error),
        };
        match made {
            Ok(made) => screen(desk, Some(&made), None).await,
            Err(error @ OpError::RequestInvalid(_)) => screen(desk, None, Some(&Told::from(error))).await,
            Err(error) => Err(error),
        }
    };
    let done = done.await;
    filled.desk.give(done)
}

pub(super) async fn rotate(Path(id): Path<String>, filled: Filled) -> Response {
    let done = async {
        let desk = &filled.desk;
        let wanted = RotateToken { overlap_seconds: None };
        let made = ops::tokens::rotate(&desk.server, desk.caller.clone(), id, wanted).await?;
        screen(desk, Some(&made), None).await
    };
    let done = done.await;
    filled.desk.give(done)
}

pub(super) async fn revoke(Path(id): Path<String>, filled: Filled) -> Response {
    let done = ops::tokens::revoke(&filled.desk.server, filled.desk.caller.clone(), id).await;
    filled.desk.finish(done.map(|_| Outcome::Go(at::TOKENS.to_owned())))
}

fn wanted(filled: &Filled) -> Result<CreateToken, OpError> {
    let days: Option<u64> = parse_opt("days", filled.field("days"))?;
    let scopes: Result<Vec<Scope>, _> =
        filled.field("scopes").split_whitespace().map(|scope| parse("scope", scope)).collect();
    Ok(CreateToken {
        name: filled.field("name").to_owned(),
        scopes: scopes?,
        expires_in_seconds: days.map(|days| days.saturating_mul(DAY_SECONDS)),
        never_expires: filled.field("never") == "yes",
    })
}

async fn screen(desk: &Desk, made: Option<&CreatedToken>, trouble: Option<&Told>) -> Result<Screen, OpError> {
    let tokens = ops::tokens::list(&desk.server, desk.caller.clone()).await?.tokens;
    let status = trouble.map_or(StatusCode::OK, |told| told.status);
    Ok(Screen::new("Tokens", draw(desk, &tokens, made, trouble)).with_status(status))
}

fn draw(desk: &Desk, tokens: &[Token], made: Option<&CreatedToken>, trouble: Option<&Told>) -> Markup {
    let (filter, after) = (desk.asked("q").to_lowercase(), desk.asked("after"));
    let wanted =
        tokens.iter().filter(|token| token.name.to_lowercase().contains(&filter) || token.id.contains(&filter));
    let skipped: Vec<&Token> = wanted
        .skip_while(|token| !after.is_empty() && token.id != after)
        .skip(usize::from(!after.is_empty()))
        .collect();
    let shown = &skipped[..skipped.len().min(ROWS)];
    let next = (skipped.len() > ROWS).then(|| shown[ROWS - 1].id.as_str());
    html! {
        div.head {
            h1 { "Tokens" }
            form.filter method="get" {
                label.hidden for="filter" { "Filter tokens" }
                input #filter name="q" type="search" value=(desk.asked("q")) placeholder="/ filter" autocomplete="off" spellcheck="false";
            }
        }
        @if let Some(made) = made { (secret(made)) }
        @if let Some(told) = trouble { (desk.trouble(told)) }
        (form(desk))
        table data-rows="" {
            thead { tr { th { "name" } th { "id" } th { "may" } th { "expires" } th { "last used" } th { "made" } th { "state" } th { "act" } } }
            tbody { @for token in shown { (row(desk, token)) } }
        }
        (bits::more(at::TOKENS, &[("q", desk.asked("q")), ("after", after)], next))
    }
}

/// The one time that it can be read.
fn secret(made: &CreatedToken) -> Markup {
    html! {
        div.banner.ok role="status" {
            p { strong { "The token " (made.about.name) } " is shown now and never again." }
            (bits::block(&made.token))
        }
    }
}

fn form(desk: &Desk) -> Markup {
    html! {
        details.new {
            summary { "Create a token" }
            form.act method="post" action=(at::TOKENS) {
                (desk.seal())
                label for="name" { "Name" span.muted { " what the audit log calls its holder" } }
                input #name name="name" required maxlength="64" autocomplete="off";
                label for="scopes" { "Scopes" span.muted { " one or several: read:acme, publish:acme/beta, promote:acme/stable, override:acme/stable, admin" } }
                input #scopes name="scopes" required autocomplete="off" spellcheck="false";
                label for="days" { "Works for so many days" span.muted { " 90 unless given" } }
                input #days name="days" type="number" min="1" max="3650" placeholder="90";
                label.check { input type="checkbox" name="never" value="yes"; " never expires" }
                p { (desk.button(Need::Admin, "Create token", "primary")) }
            }
        }
    }
}

fn row(desk: &Desk, token: &Token) -> Markup {
    let has_ended = token.revoked_at.is_some() || token.expires_at.is_some_and(|expiry| expiry <= desk.now);
    html! {
        tr {
            td.first { strong { (token.name) } }
            td data-label="id" { code { (token.id) } }
            td.wrap data-label="may" { @for scope in &token.scopes { span.scope { (words(&scope.to_string())) } } }
            td data-label="expires" { @match token.expires_at { Some(expiry) => (bits::when(desk.now, expiry)), None => "never" } }
            td data-label="last used" {
                @match token.used_at { Some(used) => { (bits::when(desk.now, used)) @if let Some(from) = &token.used_from { " from " (from) } }, None => span.muted { "never" } }
            }
            td data-label="made" { (bits::when(desk.now, token.created_at)) " by " (token.created_by) }
            td data-label="state" {
                @if token.revoked_at.is_some() { (bits::state("mute", "revoked")) }
                @else if has_ended { (bits::state("mute", "expired")) }
                @else { (bits::state("ok", "works")) }
            }
            td data-label="act" {
                @if !has_ended {
                    form.inline method="post" action={ (at::TOKENS) "/" (token.id) "/rotate" } { (desk.seal()) button.quiet type="submit" aria-label={ "Rotate " (token.name) } { "Rotate" } }
                    form.inline method="post" action={ (at::TOKENS) "/" (token.id) "/revoke" } { (desk.seal()) button.quiet.danger type="submit" aria-label={ "Revoke " (token.name) } { "Revoke" } }
                } @else { "–" }
            }
        }
    }
}

/// A scope in words.
pub(super) fn words(scope: &str) -> String {
    let (action, rest) = scope.split_once(':').unwrap_or((scope, "*"));
    let (app, channel) = rest.split_once('/').map_or((rest, None), |(app, channel)| (app, Some(channel)));
    let app = if app == "*" { "every app".to_owned() } else { app.to_owned() };
    let channel = channel.map(|channel| if channel == "*" { "every channel".to_owned() } else { channel.to_owned() });
    match (action, channel) {
        ("read", _) => format!("see and download {app}"),
        ("publish", None) => format!("publish {app}, no channel"),
        ("publish", Some(channel)) => format!("publish {app} to {channel}"),
        ("promote", None) => format!("move every channel of {app}, revoke releases"),
        ("promote", Some(channel)) => format!("move {channel} of {app}"),
        ("override", None) => format!("override gates of {app}"),
        ("override", Some(channel)) => format!("override gates of {channel} of {app}"),
        ("admin", _) if app == "every app" => "everything".to_owned(),
        ("admin", _) => format!("everything with {app}"),
        _ => scope.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_told_in_words() {
        let check = |scope: &str, expect: &str| {
            let scope: Scope = scope.parse().unwrap();
            assert_eq!(words(&scope.to_string()), expect);
        };
        check("admin", "everything");
        check("admin:acme", "everything with acme");
        check("read:*", "see and download every app");
        check("publish:acme", "publish acme, no channel");
        check("publish:acme/*", "publish acme to every channel");
        check("promote:acme/stable", "move stable of acme");
        check("promote:acme", "move every channel of acme, revoke releases");
        check("override:acme/stable", "override gates of stable of acme");
    }
}
