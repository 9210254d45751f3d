//! Promotion: what it would do, then the act. It compares and sets: who decided on another state sees the new one first.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, PreEscaped, html};
use protocol::api::{
    Access, DownloadsQuery, ExpectedRelease, PromoteRequest, Promotion, PromotionQuery, Release, ReleaseRef,
};
use protocol::compare::Comparison;
use protocol::scope::Need;
use protocol::{AppSlug, ChannelName, GateCode, Level, Platform, Revision, RevisionRange};

use super::desk::{Desk, Filled, Outcome, parse};
use super::frame::Screen;
use super::{at, bits, diff};
use crate::http::Told;
use crate::ops::install::counts;
use crate::ops::{self, OpError};
use crate::web::install::notes;

/// What the screen shows.
struct PromoteView {
    plan: Promotion,
    /// `None` where the channel is new.
    comparison: Option<Comparison>,
    from: Option<Release>,
    to: Release,
    audience: Audience,
}

/// Who is on the channel, as far as that is known.
struct Audience {
    access: Access,
    /// Links to the channel that work; `None` where the caller may not know.
    links: Option<usize>,
    /// Downloads of 7 days of what is live there.
    downloads: Option<u64>,
}

pub(super) async fn page(desk: Desk, Path((app, channel)): Path<(String, String)>) -> Response {
    let made = async {
        let (app, channel) = (parse("app", &app)?, parse("channel", &channel)?);
        screen(&desk, app, channel, desk.asked("revision"), None, "").await
    };
    let made = made.await;
    desk.give(made)
}

pub(super) async fn act(Path((app, channel)): Path<(String, String)>, filled: Filled) -> Response {
    let done = promote(&filled, &app, &channel).await;
    filled.desk.finish(done)
}

async fn promote(filled: &Filled, app: &str, channel: &str) -> Result<Outcome, OpError> {
    let desk = &filled.desk;
    let (app, channel): (AppSlug, ChannelName) = (parse("app", app)?, parse("channel", channel)?);
    let request = PromoteRequest {
        revision: parse("revision", filled.field("revision"))?,
        expected: match filled.field("expected") {
            "none" => ExpectedRelease::Nothing,
            id => ExpectedRelease::Release(parse("expected", id)?),
        },
        overrides: filled.all("override").map(|code| parse::<GateCode>("gate", code)).collect::<Result<_, _>>()?,
        reason: filled.optional("reason"),
    };
    let done = ops::channels::promote(&desk.server, desk.caller.clone(), app.clone(), channel.clone(), request).await;
    match done {
        Ok(_) => Ok(Outcome::Go(format!("{}?done=promote", at::channel(&app, &channel)))),
        Err(
            error @ (OpError::RefMoved { .. }
            | OpError::GateBlocked { .. }
            | OpError::ChannelPinned { .. }
            | OpError::RequestInvalid(_)),
        ) => {
            let told = Told::from(error);
            let reason = filled.field("reason");
            screen(desk, app, channel, filled.field("revision"), Some(&told), reason).await.map(Outcome::Show)
        }
        Err(error) => Err(error),
    }
}

async fn screen(
    desk: &Desk,
    app: AppSlug,
    channel: ChannelName,
    revision: &str,
    trouble: Option<&Told>,
    reason: &str,
) -> Result<Screen, OpError> {
    let view = load(desk, app.clone(), channel, revision).await?;
    let title = format!("Promote {} to {} {}", view.plan.to.name, app, view.plan.channel);
    let screen = Screen::new(title, draw(desk, &view, trouble, reason)).of(&app);
    Ok(screen.with_status(trouble.map_or(StatusCode::OK, |told| told.status)))
}

async fn load(desk: &Desk, app: AppSlug, channel: ChannelName, revision: &str) -> Result<PromoteView, OpError> {
    let (server, caller) = (&desk.server, || desk.caller.clone());
    let query = PromotionQuery { revision: revision.to_owned() };
    let plan = ops::promotion::show(server, caller(), app.clone(), channel.clone(), query).await?;
    let release = async |to: &ReleaseRef| {
        let revision = Revision::release(&to.name);
        ops::releases::show(server, caller(), app.clone(), revision).await.map(|shown| shown.release)
    };
    let to = release(&plan.to).await?;
    let (mut from, mut comparison) = (None, None);
    if let Some(live) = &plan.from {
        let range = RevisionRange { from: Revision::release(&live.name), to: Revision::release(&plan.to.name) };
        comparison = Some(ops::compare::compare(server, caller(), app.clone(), range, 0).await?);
        from = Some(release(live).await?);
    }
    let audience = audience(desk, &app, &channel, from.as_ref()).await?;
    Ok(PromoteView { plan, comparison, from, to, audience })
}

async fn audience(
    desk: &Desk,
    app: &AppSlug,
    channel: &ChannelName,
    live: Option<&Release>,
) -> Result<Audience, OpError> {
    let (server, caller) = (&desk.server, || desk.caller.clone());
    let of_app = ops::apps::show(server, caller(), app.clone()).await?.access;
    let access = ops::rules::show(server, caller(), app.clone()).await?.channel_access(of_app, channel);
    let works = |link: &&protocol::api::Link| {
        let is_used_up = link.max_uses.is_some_and(|most| link.uses >= most);
        link.channel == *channel && link.revoked_at.is_none() && link.expires_at > desk.now && !is_used_up
    };
    let links = if desk.caller.may(Need::Promote(app, channel)) {
        let found = ops::links::list(server, caller(), app.clone()).await?;
        Some(found.links.iter().filter(works).count())
    } else {
        None
    };
    let days = counts::list(server, caller(), app.clone(), DownloadsQuery { days: Some(7) }).await.ok();
    let downloads = days
        .zip(live)
        .map(|(found, live)| found.downloads.iter().filter(|day| day.release.id == live.id).map(|day| day.count).sum());
    Ok(Audience { access, links, downloads })
}

fn draw(desk: &Desk, view: &PromoteView, trouble: Option<&Told>, reason: &str) -> Markup {
    let plan = &view.plan;
    html! {
        h1 { "Promote " (plan.to.name) " to " (plan.channel) }
        @if let Some(told) = trouble { (desk.trouble(told)) }
        p.fromto {
            strong { (plan.channel) } " "
            @match &plan.from { Some(from) => (bits::release(&plan.app, from)), None => "does not exist yet" }
            " → " strong { (bits::release(&plan.app, &plan.to)) }
            span.muted { " " (bits::count(plan.ahead, "release")) ", " (plan.notes) " with notes" @if plan.behind > 0 { ", leaves " (plan.behind) " behind" } }
        }
        div.columns {
            section { h2 { "Gates" } (gates(plan)) }
            section { h2 { "Who will receive it" } (receivers(view)) }
        }
        (form(desk, view, reason))
        @if plan.releases.iter().any(|release| release.notes.is_some()) {
            section { h2 { "Notes between" }
                @for release in plan.releases.iter().take(20) {
                    @if let Some(text) = &release.notes { h3 { (release.release.name) } div.notes { (PreEscaped(notes::beginning(text).html)) } }
                } }
        }
        @if let Some(comparison) = &view.comparison { section { h2 { "What differs" } (diff::whole(&plan.app, comparison)) } }
    }
}

fn gates(plan: &Promotion) -> Markup {
    let mut results: Vec<_> = plan.report.gates.iter().collect();
    results.sort_by_key(|result| result.level);
    html! {
        ul.findings {
            @for result in results {
                li { (bits::state(bits::level_class(result.level), result.level.as_str())) " " code { (result.gate) } " " (result.message) }
            }
            @for pass in &plan.report.passed {
                li { (bits::state("ok", "ok")) " " code { (pass.word) } @if let Some(detail) = &pass.detail { " " span.muted { (detail) } } }
            }
        }
        @if plan.report.gates.is_empty() && plan.report.passed.is_empty() { p.muted { "This channel asks nothing." } }
    }
}

fn platforms_of(release: &Release) -> Vec<Platform> {
    let mut found: Vec<Platform> = release.manifest.artifacts.iter().map(|line| line.platform).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn receivers(view: &PromoteView) -> Markup {
    let (audience, to) = (&view.audience, platforms_of(&view.to));
    let from = view.from.as_ref().map(platforms_of).unwrap_or_default();
    let devices: u64 = view.to.install.iter().filter_map(|way| way.devices).sum();
    let who = match audience.access {
        Access::Public => "anyone who reaches the server",
        Access::Link => "holders of a link, and of a token that reads the app",
        Access::Token => "holders of a token that reads the app",
    };
    html! {
        ul.plain {
            li { "Access: " strong { (audience.access) } ", " (who) }
            @if let Some(links) = audience.links { li { (bits::count(links as u64, "working link")) " to this channel" } }
            @if let Some(count) = audience.downloads { li { (bits::count(count, "download")) " of what is live there in 7 days" } }
            @if devices > 0 { li { (bits::count(devices, "device")) " in its iOS profiles" } }
            @for platform in to.iter().filter(|it| !from.contains(it)) { li { (bits::state("ok", &format!("gains {}", platform.display_name()))) } }
            @for platform in from.iter().filter(|it| !to.contains(it)) { li { (bits::state("warn", &format!("loses {}", platform.display_name()))) } }
        }
    }
}

fn form(desk: &Desk, view: &PromoteView, reason: &str) -> Markup {
    let plan = &view.plan;
    let (app, channel) = (&plan.app, &plan.channel);
    if plan.from.as_ref().is_some_and(|from| from.id == plan.to.id) {
        return html! { p { (bits::state("ok", &format!("{channel} points at {} already.", plan.to.name))) } };
    }
    let expected = plan.from.as_ref().map_or("none".to_owned(), |from| from.id.to_string());
    let blocks: Vec<_> = plan.report.gates.iter().filter(|result| result.level == Level::Block).collect();
    let may_override = desk.caller.may(Need::Override(app, channel));
    html! {
        form.act method="post" action=(at::channel_act(app, channel, "promote")) {
            (desk.seal())
            input type="hidden" name="revision" value=(plan.to.name);
            input type="hidden" name="expected" value=(expected);
            @if !blocks.is_empty() {
                fieldset {
                    legend { (bits::count(blocks.len() as u64, "gate")) @if blocks.len() == 1 { " blocks" } @else { " block" } ". Override:" }
                    @for result in &blocks {
                        label.check {
                            input type="checkbox" name="override" value=(result.gate) disabled[!may_override || !result.gate.gate.can_be_overridden()];
                            " " code { (result.gate) } " " (result.message)
                            @if !result.gate.gate.can_be_overridden() { span.muted { " cannot be overridden" } }
                        }
                    }
                    @if !may_override { p.muted { "Overriding needs " code { (Need::Override(app, channel).narrowest()) } } }
                }
            }
            label for="reason" { "Reason" span.muted { @if blocks.is_empty() { " optional" } @else { " required with an override" } } }
            input #reason name="reason" value=(reason) maxlength="1024" autocomplete="off";
            p { (desk.button(Need::Promote(app, channel), &format!("Promote {} to {channel}", plan.to.name), "primary"))
                " " a.button.quiet href=(at::channel(app, channel)) { "Cancel" } }
        }
    }
}
