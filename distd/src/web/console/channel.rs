//! One channel: where it is, how it got there, whether it is pinned.

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};
use protocol::api::{Channel, PinRequest, ReflogLine};
use protocol::scope::Need;
use protocol::{AppSlug, ChannelName, Revision, paths};

use super::desk::{Desk, Filled, Outcome, parse};
use super::frame::Screen;
use super::{at, bits};
use crate::ops::page::Page;
use crate::ops::{self, OpError};

/// What the screen shows.
struct ChannelView {
    app: AppSlug,
    channel: Channel,
    moves: Vec<ReflogLine>,
    next: Option<String>,
}

pub(super) async fn page(desk: Desk, Path((app, channel)): Path<(String, String)>) -> Response {
    let made = load(&desk, &app, &channel)
        .await
        .map(|view| Screen::new(format!("{} {}", view.app, view.channel.name), draw(&desk, &view)).of(&view.app));
    desk.give(made)
}

/// Pins the channel where it is.
pub(super) async fn pin(Path((app, channel)): Path<(String, String)>, filled: Filled) -> Response {
    let done = async {
        let (app, channel): (AppSlug, ChannelName) = (parse("app", &app)?, parse("channel", &channel)?);
        let request = PinRequest { reason: filled.optional("reason") };
        let caller = filled.desk.caller.clone();
        ops::pins::pin(&filled.desk.server, caller, app.clone(), channel.clone(), request).await?;
        Ok(Outcome::Go(format!("{}?done=pin", at::channel(&app, &channel))))
    };
    let done = done.await;
    filled.desk.finish(done)
}

/// Lets it move again.
pub(super) async fn unpin(Path((app, channel)): Path<(String, String)>, filled: Filled) -> Response {
    let done = async {
        let (app, channel): (AppSlug, ChannelName) = (parse("app", &app)?, parse("channel", &channel)?);
        ops::pins::unpin(&filled.desk.server, filled.desk.caller.clone(), app.clone(), channel.clone()).await?;
        Ok(Outcome::Go(format!("{}?done=unpin", at::channel(&app, &channel))))
    };
    let done = done.await;
    filled.desk.finish(done)
}

async fn load(desk: &Desk, app: &str, channel: &str) -> Result<ChannelView, OpError> {
    let (app, channel): (AppSlug, ChannelName) = (parse("app", app)?, parse("channel", channel)?);
    let (server, caller) = (&desk.server, || desk.caller.clone());
    let found = ops::channels::show(server, caller(), app.clone(), channel.clone()).await?;
    let after = Some(desk.asked("after")).filter(|after| !after.is_empty());
    let page = ops::channels::reflog(server, caller(), app.clone(), channel, Page::parse(after, None)?).await?;
    Ok(ChannelView { app, channel: found, moves: page.entries, next: page.next })
}

fn draw(desk: &Desk, view: &ChannelView) -> Markup {
    let (app, channel) = (&view.app, &view.channel);
    let need = Need::Promote(app, &channel.name);
    html! {
        (done(desk, view))
        div.head data-channel=(channel.name) data-at=(channel.release.id) {
            h1 { (channel.name) }
            p.large { (bits::release(app, &channel.release)) }
            p.muted { (bits::digest(&channel.release.id)) " · " (bits::when(desk.now, channel.moved_at)) " · " (channel.moved_by) " · " (bits::count(channel.moves, "move")) }
        }
        p.acts {
            (desk.act(need, &at::channel_act(app, &channel.name, "rollback"), "Roll back", Some("r")))
            a.button.quiet href=(paths::install(app, &channel.name)) { "Install page" }
        }
        (pin_form(desk, view))
        form.row method="get" action=(at::channel_act(app, &channel.name, "promote")) {
            label { "Promote a release here " input name="revision" required placeholder="beta, 2.4.0+241, 9f3ac01" spellcheck="false"; }
            button.quiet type="submit" data-key="p" { "See what it would do" }
        }
        section {
            h2 { "History" }
            table data-rows="" {
                thead { tr { th { "#" } th { "to" } th { "from" } th { "how" } th { "when" } th { "who" } th { "reason" } th { "diff" } } }
                tbody { @for line in &view.moves { (draw_move(desk, app, line)) } }
            }
            (bits::more(&at::channel(app, &channel.name), &[("after", desk.asked("after"))], view.next.as_deref()))
        }
    }
}

/// What was just done here, told from where the channel is.
fn done(desk: &Desk, view: &ChannelView) -> Markup {
    let (app, channel, last) = (&view.app, &view.channel, view.moves.first());
    let was = last.and_then(|line| line.old.as_ref());
    html! {
        @match desk.asked("done") {
            "promote" | "rollback" => div.banner.ok role="status" {
                strong { (channel.name) " now points at " (channel.release.name) }
                @if let Some(was) = was { " (was " (bits::release(app, was)) ")" } "."
                @if channel.pin.is_some() { " It is pinned there: it moves again once it is unpinned." }
            },
            "pin" => div.banner.ok role="status" { strong { (channel.name) " is pinned at " (channel.release.name) } "." },
            "unpin" => div.banner.ok role="status" { strong { (channel.name) " moves again" } "." },
            _ => {},
        }
    }
}

fn pin_form(desk: &Desk, view: &ChannelView) -> Markup {
    let (app, channel) = (&view.app, &view.channel);
    let need = Need::Promote(app, &channel.name);
    html! {
        @match &channel.pin {
            Some(pin) => form.row.pinned method="post" action=(at::channel_act(app, &channel.name, "unpin")) {
                (desk.seal())
                (bits::state("warn", "pinned"))
                span { " " (bits::when(desk.now, pin.at)) " by " (pin.by) @if let Some(reason) = &pin.reason { ": " (reason) } }
                (desk.button(need, &format!("Unpin {}", channel.name), ""))
            },
            None => form.row method="post" action=(at::channel_act(app, &channel.name, "pin")) {
                (desk.seal())
                label { "Pin it at " (channel.release.name) " " input name="reason" placeholder="reason, optional" maxlength="1024" autocomplete="off"; }
                (desk.button(need, &format!("Pin {}", channel.name), "quiet"))
            },
        }
    }
}

fn draw_move(desk: &Desk, app: &AppSlug, line: &ReflogLine) -> Markup {
    html! {
        tr {
            td.first { (line.seq) }
            td data-label="to" { @match &line.new { Some(new) => a data-open="" href=(at::release(app, &new.name)) { (new.name) }, None => "deleted" } }
            td data-label="from" { @match &line.old { Some(old) => (bits::release(app, old)), None => span.muted { "nothing" } } }
            td data-label="how" { (line.action) }
            td data-label="when" { (bits::when(desk.now, line.at)) }
            td data-label="who" { (line.actor) }
            td.wrap data-label="reason" { (line.reason.as_deref().unwrap_or("–")) }
            td data-label="diff" {
                @if let (Some(old), Some(new)) = (&line.old, &line.new) {
                    a href=(at::diff(app, &Revision::release(&old.name), &Revision::release(&new.name))) { "diff" }
                } @else { "–" }
            }
        }
    }
}
