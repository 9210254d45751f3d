//! Capability links of an app: who has one sees a channel and fetches its files.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use protocol::AppSlug;
use protocol::api::{Channel, CreateLink, Link};
use protocol::scope::Need;

use super::desk::{Desk, Filled, Outcome, parse, parse_opt};
use super::frame::Screen;
use super::{apps, at, bits};
use crate::http::Told;
use crate::ops::{self, OpError};

/// Rows of one screen, newest first; those before are told by number.
const ROWS: usize = 200;

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// What the screen shows.
struct LinksView {
    app: AppSlug,
    links: Vec<Link>,
    channels: Vec<Channel>,
}

pub(super) async fn page(desk: Desk, Path(app): Path<String>) -> Response {
    let made = async { screen(&desk, parse("app", &app)?, None).await };
    let made = made.await;
    desk.give(made)
}

pub(super) async fn create(Path(app): Path<String>, filled: Filled) -> Response {
    let done = async {
        let (desk, app): (_, AppSlug) = (&filled.desk, parse("app", &app)?);
        let made = match wanted(&filled) {
            Ok(wanted) => ops::links::create(&desk.server, desk.caller.clone(), app.clone(), wanted).await,
            Err(error) => Err(error),
        };
        match made {
            Ok(_) => Ok(Outcome::Go(at::part(&app, "links"))),
            Err(error @ (OpError::RequestInvalid(_) | OpError::LinkNotAllowed { .. })) => {
                screen(desk, app, Some(&Told::from(error))).await.map(Outcome::Show)
            }
            Err(error) => Err(error),
        }
    };
    let done = done.await;
    filled.desk.finish(done)
}

pub(super) async fn revoke(Path((app, id)): Path<(String, String)>, filled: Filled) -> Response {
    let done = async {
        let app: AppSlug = parse("app", &app)?;
        ops::links::revoke(&filled.desk.server, filled.desk.caller.clone(), app.clone(), id).await?;
        Ok(Outcome::Go(at::part(&app, "links")))
    };
    let done = done.await;
    filled.desk.finish(done)
}

fn wanted(filled: &Filled) -> Result<CreateLink, OpError> {
    let days: Option<u64> = parse_opt("days", filled.field("days"))?;
    Ok(CreateLink {
        channel: parse("channel", filled.field("channel"))?,
        expires_in_seconds: days.map(|days| days.saturating_mul(DAY_SECONDS)),
        max_uses: parse_opt("uses", filled.field("uses"))?,
        note: filled.optional("note"),
    })
}

async fn screen(desk: &Desk, app: AppSlug, trouble: Option<&Told>) -> Result<Screen, OpError> {
    let links = ops::links::list(&desk.server, desk.caller.clone(), app.clone()).await?.links;
    let channels = ops::channels::list(&desk.server, desk.caller.clone(), app.clone()).await?.channels;
    let view = LinksView { app: app.clone(), links, channels };
    let status = trouble.map_or(StatusCode::OK, |told| told.status);
    Ok(Screen::new(format!("Links of {app}"), draw(desk, &view, trouble)).of(&app).with_status(status))
}

fn draw(desk: &Desk, view: &LinksView, trouble: Option<&Told>) -> Markup {
    let mut links: Vec<&Link> = view.links.iter().collect();
    links.sort_by_key(|link| std::cmp::Reverse(link.created_at));
    html! {
        h1 { "Links" }
        @if let Some(told) = trouble { (desk.trouble(told)) }
        (form(desk, view))
        @if links.is_empty() {
            (bits::empty("No link yet.", &html! { p { "A link lets testers install what a channel points at, without a token." } }))
        } @else {
            table data-rows="" {
                thead { tr { th { "channel" } th { "note" } th { "address" } th { "expires" } th.num { "uses" } th { "made" } th { "state" } th { "act" } } }
                tbody { @for link in links.iter().take(ROWS) { (row(desk, view, link)) } }
            }
            @if links.len() > ROWS { p.muted { (links.len() - ROWS) " older ones: " code { "dist link list " (view.app) } } }
        }
    }
}

fn form(desk: &Desk, view: &LinksView) -> Markup {
    let may = |channel: &&Channel| desk.caller.may(Need::Promote(&view.app, &channel.name));
    html! {
        @if view.channels.iter().any(|channel| may(&channel)) {
            details.new {
                summary { "Create a link" }
                form.act method="post" action=(at::part(&view.app, "links")) {
                    (desk.seal())
                    label for="channel" { "Channel" }
                    select #channel name="channel" { @for channel in view.channels.iter().filter(may) { option value=(channel.name) { (channel.name) } } }
                    label for="note" { "Note" span.muted { " who it is for" } }
                    input #note name="note" maxlength="200" autocomplete="off";
                    label for="days" { "Works for so many days" span.muted { " 30 unless given" } }
                    input #days name="days" type="number" min="1" max="3650" placeholder="30";
                    label for="uses" { "Most downloads" span.muted { " as many as there are, unless given" } }
                    input #uses name="uses" type="number" min="1";
                    p { button.primary type="submit" { "Create link" } }
                }
            }
        } @else {
            p.muted { "Making links needs " code { "promote:" (view.app) "/CHANNEL" } "." }
        }
    }
}

fn row(desk: &Desk, view: &LinksView, link: &Link) -> Markup {
    let url = desk
        .server
        .settings()
        .site
        .address(&link.path)
        .unwrap_or_else(|| format!("{}{}", apps::address(desk), link.path));
    let is_used_up = link.max_uses.is_some_and(|most| link.uses >= most);
    let works = link.revoked_at.is_none() && link.expires_at > desk.now && !is_used_up;
    html! {
        tr {
            td.first { (bits::channel(&view.app, &link.channel)) }
            td.wrap data-label="note" { (link.note.as_deref().unwrap_or("–")) }
            td data-label="address" { @if works { a href=(url) data-open="" { (link.id) } " " (bits::copy(&url, "link")) } @else { (link.id) } }
            td data-label="expires" { (bits::when(desk.now, link.expires_at)) }
            td.num data-label="uses" { (link.uses) @if let Some(most) = link.max_uses { " of " (most) } }
            td data-label="made" { (bits::when(desk.now, link.created_at)) " by " (link.created_by) }
            td data-label="state" {
                @if link.revoked_at.is_some() { (bits::state("mute", "revoked")) }
                @else if works { (bits::state("ok", "works")) }
                @else if is_used_up { (bits::state("mute", "used up")) }
                @else { (bits::state("mute", "expired")) }
            }
            td data-label="act" {
                @if works {
                    form.inline method="post" action={ (at::part(&view.app, "links")) "/" (link.id) "/revoke" } {
                        (desk.seal()) button.quiet.danger type="submit" aria-label={ "Revoke link " (link.id) } { "Revoke" }
                    }
                } @else { "–" }
            }
        }
    }
}
