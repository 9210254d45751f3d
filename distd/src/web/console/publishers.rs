//! Trusted publishers of an app: pipelines that publish with their own identity, without a secret.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use protocol::AppSlug;
use protocol::api::{DEFAULT_AUDIENCE, Publisher, PublisherKind, PublisherRule};
use protocol::scope::Need;

use super::desk::{Desk, Filled, Outcome, parse, parse_opt};
use super::frame::Screen;
use super::{at, bits};
use crate::http::Told;
use crate::ops::{self, OpError};

pub(super) async fn page(desk: Desk, Path(app): Path<String>) -> Response {
    let made = async { screen(&desk, parse("app", &app)?, None).await };
    let made = made.await;
    desk.give(made)
}

pub(super) async fn add(Path(app): Path<String>, filled: Filled) -> Response {
    let done = async {
        let (desk, app): (_, AppSlug) = (&filled.desk, parse("app", &app)?);
        let made = match rule(&filled) {
            Ok(rule) => ops::publishers::add(&desk.server, desk.caller.clone(), app.clone(), rule).await,
            Err(error) => Err(error),
        };
        match made {
            Ok(_) => Ok(Outcome::Go(at::part(&app, "publishers"))),
            Err(error @ (OpError::RequestInvalid(_) | OpError::PublisherInvalid(_))) => {
                screen(desk, app, Some(&Told::from(error))).await.map(Outcome::Show)
            }
            Err(error) => Err(error),
        }
    };
    let done = done.await;
    filled.desk.finish(done)
}

pub(super) async fn remove(Path((app, id)): Path<(String, String)>, filled: Filled) -> Response {
    let done = async {
        let app: AppSlug = parse("app", &app)?;
        ops::publishers::remove(&filled.desk.server, filled.desk.caller.clone(), app.clone(), id).await?;
        Ok(Outcome::Go(at::part(&app, "publishers")))
    };
    let done = done.await;
    filled.desk.finish(done)
}

fn rule(filled: &Filled) -> Result<PublisherRule, OpError> {
    let claims = filled.field("claims").split_whitespace().map(|pair| {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| OpError::RequestInvalid(format!("claim {pair:?}: one is written name=value")))?;
        Ok((name.to_owned(), value.to_owned()))
    });
    let channels = filled.field("channels").split_whitespace().map(|channel| parse("channel", channel));
    Ok(PublisherRule {
        kind: parse("kind", filled.field("kind"))?,
        issuer: filled.optional("issuer"),
        audience: filled.optional("audience").unwrap_or_else(|| DEFAULT_AUDIENCE.to_owned()),
        repository_id: parse_opt("repository id", filled.field("repository_id"))?,
        owner_id: parse_opt("owner id", filled.field("owner_id"))?,
        workflow: filled.optional("workflow"),
        reference: filled.optional("reference"),
        environment: filled.optional("environment"),
        claims: claims.collect::<Result<_, OpError>>()?,
        channels: channels.collect::<Result<_, OpError>>()?,
    })
}

async fn screen(desk: &Desk, app: AppSlug, trouble: Option<&Told>) -> Result<Screen, OpError> {
    let found = ops::publishers::list(&desk.server, desk.caller.clone(), app.clone()).await?.publishers;
    let status = trouble.map_or(StatusCode::OK, |told| told.status);
    Ok(Screen::new(format!("Publishers of {app}"), draw(desk, &app, &found, trouble)).of(&app).with_status(status))
}

fn draw(desk: &Desk, app: &AppSlug, publishers: &[Publisher], trouble: Option<&Told>) -> Markup {
    html! {
        h1 { "Trusted publishers" }
        @if let Some(told) = trouble { (desk.trouble(told)) }
        (form(desk, app))
        @if publishers.is_empty() {
            (bits::empty("No trusted publisher.", &html! { p { "A pipeline that one matches publishes with its own identity token; no secret is kept in CI." } }))
        } @else {
            table data-rows="" {
                thead { tr { th { "id" } th { "system" } th { "pipeline" } th { "may move" } th { "added" } th { "act" } } }
                tbody { @for publisher in publishers { (row(desk, app, publisher)) } }
            }
        }
    }
}

fn row(desk: &Desk, app: &AppSlug, publisher: &Publisher) -> Markup {
    let rule = &publisher.rule;
    let number = |value: Option<u64>| value.map(|value| value.to_string());
    let asked = [
        ("repository", number(rule.repository_id)),
        ("owner", number(rule.owner_id)),
        ("workflow", rule.workflow.clone()),
        ("ref", rule.reference.clone()),
        ("environment", rule.environment.clone()),
    ];
    html! {
        tr {
            td.first { code { (publisher.id) } }
            td data-label="system" { (rule.kind) " " span.muted { (rule.issuer().unwrap_or_default()) } }
            td.wrap data-label="pipeline" {
                @for (name, value) in &asked { @if let Some(value) = value { (name) " " code { (value) } " " } }
                @for (name, value) in &rule.claims { (name) " " code { (value) } " " }
            }
            td.wrap data-label="may move" { @for channel in &rule.channels { (bits::channel(app, channel)) } @if rule.channels.is_empty() { "no channel" } }
            td data-label="added" { (bits::when(desk.now, publisher.created_at)) " by " (publisher.created_by) }
            td data-label="act" {
                form.inline method="post" action={ (at::part(app, "publishers")) "/" (publisher.id) "/remove" } {
                    (desk.seal()) button.quiet.danger type="submit" aria-label={ "Remove publisher " (publisher.id) } { "Remove" }
                }
            }
        }
    }
}

fn form(desk: &Desk, app: &AppSlug) -> Markup {
    let fields = [
        ("repository_id", "Repository id", "GitHub, Forgejo: the number, which a rename does not change"),
        ("owner_id", "Owner id", "the number of the organisation or user"),
        ("workflow", "Workflow", "release.yml"),
        ("reference", "Ref", "refs/heads/main, refs/tags/v*"),
        ("environment", "Environment", "optional"),
        ("issuer", "Issuer", "https://…, where the system has none of its own"),
        ("claims", "Further claims", "name=value, several with blanks between"),
        ("channels", "Channels it may move", "beta nightly"),
    ];
    html! {
        details.new {
            summary { "Add a trusted publisher" }
            form.act method="post" action=(at::part(app, "publishers")) {
                (desk.seal())
                label for="kind" { "System" }
                select #kind name="kind" { @for kind in PublisherKind::ALL { option value=(kind) { (kind) } } }
                @for (name, label, hint) in fields {
                    label for=(name) { (label) span.muted { " " (hint) } }
                    input id=(name) name=(name) autocomplete="off" spellcheck="false";
                }
                p { (desk.button(Need::AdminApp(app), "Add publisher", "primary")) }
            }
        }
    }
}
