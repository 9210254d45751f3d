//! Rollback: earlier releases of the channel beside the current one, a reason, one click. The channel is pinned there.

use std::collections::HashSet;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use protocol::api::{Channel, ReflogLine, ReleaseRef, RollbackRequest};
use protocol::scope::Need;
use protocol::{AppSlug, ChannelName, Revision};

use super::desk::{Desk, Filled, Outcome, parse};
use super::frame::Screen;
use super::{at, bits};
use crate::http::Told;
use crate::ops::page::Page;
use crate::ops::{self, OpError};

/// Moves that are looked at for earlier releases.
const MOVES: u32 = 100;

/// What the screen shows.
struct RollbackView {
    app: AppSlug,
    channel: Channel,
    /// Releases that the channel had before, latest first, each with the move that brought it there.
    earlier: Vec<(ReleaseRef, ReflogLine)>,
}

pub(super) async fn page(desk: Desk, Path((app, channel)): Path<(String, String)>) -> Response {
    let made = async { screen(&desk, parse("app", &app)?, parse("channel", &channel)?, None).await };
    let made = made.await;
    desk.give(made)
}

pub(super) async fn act(Path((app, channel)): Path<(String, String)>, filled: Filled) -> Response {
    let done = roll_back(&filled, &app, &channel).await;
    filled.desk.finish(done)
}

async fn roll_back(filled: &Filled, app: &str, channel: &str) -> Result<Outcome, OpError> {
    let desk = &filled.desk;
    let (app, channel): (AppSlug, ChannelName) = (parse("app", app)?, parse("channel", channel)?);
    let request = RollbackRequest {
        to: filled.optional("to").map(|to| parse::<Revision>("revision", &to)).transpose()?,
        expected: Some(parse("expected", filled.field("expected"))?),
        reason: filled.optional("reason"),
    };
    let done = ops::rollback::rollback(&desk.server, desk.caller.clone(), app.clone(), channel.clone(), request).await;
    match done {
        Ok(_) => Ok(Outcome::Go(format!("{}?done=rollback", at::channel(&app, &channel)))),
        Err(
            error @ (OpError::RefMoved { .. }
            | OpError::RollbackTargetInvalid { .. }
            | OpError::ReleaseRevoked { .. }
            | OpError::NothingToRollBack { .. }),
        ) => screen(desk, app, channel, Some(&Told::from(error))).await.map(Outcome::Show),
        Err(error) => Err(error),
    }
}

async fn screen(desk: &Desk, app: AppSlug, channel: ChannelName, trouble: Option<&Told>) -> Result<Screen, OpError> {
    let (server, caller) = (&desk.server, || desk.caller.clone());
    let found = ops::channels::show(server, caller(), app.clone(), channel.clone()).await?;
    let page = Page::parse(None, Some(MOVES))?;
    let moves = ops::channels::reflog(server, caller(), app.clone(), channel, page).await?.entries;
    let earlier = earlier(&found.release, moves);
    let view = RollbackView { app: app.clone(), channel: found, earlier };
    let status = trouble.map_or(StatusCode::OK, |told| told.status);
    Ok(Screen::new(format!("Roll back {app} {}", view.channel.name), draw(desk, &view, trouble))
        .of(&app)
        .with_status(status))
}

/// What a channel had before what it has, each once.
fn earlier(current: &ReleaseRef, moves: Vec<ReflogLine>) -> Vec<(ReleaseRef, ReflogLine)> {
    let mut seen = HashSet::from([current.id]);
    let brought = moves.into_iter().filter_map(|line| line.new.clone().map(|new| (new, line)));
    brought.filter(|(new, _)| seen.insert(new.id)).collect()
}

fn draw(desk: &Desk, view: &RollbackView, trouble: Option<&Told>) -> Markup {
    let (app, channel) = (&view.app, &view.channel);
    html! {
        h1 { "Roll back " (channel.name) }
        @if let Some(told) = trouble { (desk.trouble(told)) }
        p.fromto { strong { (channel.name) } " is at " strong { (bits::release(app, &channel.release)) } ", since " (bits::when(desk.now, channel.moved_at)) " by " (channel.moved_by) }
        @if view.earlier.is_empty() {
            (bits::empty("There is nothing to go back to.", &html! { p { "This channel has had one release." } }))
        } @else {
            form.act method="post" action=(at::channel_act(app, &channel.name, "rollback")) {
                (desk.seal())
                input type="hidden" name="expected" value=(channel.release.id);
                fieldset {
                    legend { "Back to" }
                    @for (index, (release, line)) in view.earlier.iter().enumerate() {
                        div.choice {
                            label {
                                input type="radio" name="to" value=(release.name) checked[index == 0];
                                " " strong { (release.name) } " " span.muted { "came by " (line.action) " " (bits::when(desk.now, line.at)) " by " (line.actor) }
                            }
                            a href=(at::diff(app, &Revision::release(&channel.release.name), &Revision::release(&release.name))) { "diff" span.hidden { " with " (release.name) } }
                        }
                    }
                }
                label for="reason" { "Reason" }
                input #reason name="reason" required maxlength="1024" autocomplete="off";
                p.muted { "The channel is pinned there: no publish and no promotion moves it until it is unpinned. Apps that are installed stay as they are, where the system takes no older version." }
                p { (desk.button(Need::Promote(app, &channel.name), &format!("Roll back {}", channel.name), "primary danger"))
                    " " a.button.quiet href=(at::channel(app, &channel.name)) { "Cancel" } }
            }
        }
    }
}
