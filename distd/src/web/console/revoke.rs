//! Revoking a release, which takes its name typed, and restoring one.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use protocol::api::{Release, RestoreRequest, RevokeRequest};
use protocol::scope::Need;
use protocol::{AppSlug, Revision};

use super::desk::{Desk, Filled, Outcome, parse};
use super::frame::Screen;
use super::{app, at, bits};
use crate::http::Told;
use crate::ops::{self, OpError};

pub(super) async fn page(desk: Desk, Path((app, revision)): Path<(String, String)>) -> Response {
    let made = load(&desk, &app, &revision).await.map(|release| revocation(&desk, &release, None));
    desk.give(made)
}

pub(super) async fn restore_page(desk: Desk, Path((app, revision)): Path<(String, String)>) -> Response {
    let made = load(&desk, &app, &revision).await.map(|release| restoration(&desk, &release));
    desk.give(made)
}

pub(super) async fn act(Path((app, revision)): Path<(String, String)>, filled: Filled) -> Response {
    let done = revoke(&filled, &app, &revision).await;
    filled.desk.finish(done)
}

pub(super) async fn restore(Path((app, revision)): Path<(String, String)>, filled: Filled) -> Response {
    let done = async {
        let release = load(&filled.desk, &app, &revision).await?;
        let request = RestoreRequest { reason: filled.optional("reason") };
        let (slug, revision) = (release.app.clone(), app::revision(&release));
        ops::revoke::restore(&filled.desk.server, filled.desk.caller.clone(), slug, revision, request).await?;
        Ok(Outcome::Go(at::release(&release.app, &release.name)))
    };
    let done = done.await;
    filled.desk.finish(done)
}

async fn load(desk: &Desk, app: &str, revision: &str) -> Result<Release, OpError> {
    let (app, revision): (AppSlug, Revision) = (parse("app", app)?, parse("revision", revision)?);
    ops::releases::show(&desk.server, desk.caller.clone(), app, revision).await.map(|shown| shown.release)
}

async fn revoke(filled: &Filled, app: &str, revision: &str) -> Result<Outcome, OpError> {
    let desk = &filled.desk;
    let release = load(desk, app, revision).await?;
    let typed = filled.field("name");
    if typed != release.name.as_str() {
        let error = OpError::RequestInvalid(format!("the name typed is {typed:?}, the release is {}", release.name));
        return Ok(Outcome::Show(revocation(desk, &release, Some(&Told::from(error)))));
    }
    let request =
        RevokeRequest { reason: filled.field("reason").to_owned(), rollback: filled.field("rollback") == "yes" };
    let (slug, revision) = (release.app.clone(), app::revision(&release));
    match ops::revoke::revoke(&desk.server, desk.caller.clone(), slug, revision, request).await {
        Ok(_) => Ok(Outcome::Go(at::release(&release.app, &release.name))),
        Err(error @ (OpError::ReleaseLive { .. } | OpError::RequestInvalid(_) | OpError::NothingToRollBack { .. })) => {
            Ok(Outcome::Show(revocation(desk, &release, Some(&Told::from(error)))))
        }
        Err(error) => Err(error),
    }
}

fn revocation(desk: &Desk, release: &Release, trouble: Option<&Told>) -> Screen {
    let body = html! {
        h1 { "Revoke " (release.app) " " (release.name) }
        @if let Some(told) = trouble { (desk.trouble(told)) }
        p { "It is kept and shown, and no longer promoted, installed or downloaded. Whoever tries is told why. It can be restored." }
        (live(release))
        form.act method="post" action=(at::release_act(&release.app, &release.name, "revoke")) {
            (desk.seal())
            @if !release.channels.is_empty() {
                label.check { input type="checkbox" name="rollback" value="yes"; " Roll these channels back first, and pin them" }
            }
            label for="reason" { "Reason" span.muted { " told to whoever tries to download it" } }
            input #reason name="reason" required maxlength="1024" autocomplete="off";
            label for="name" { "Type " code { (release.name) } " to confirm" }
            input #name name="name" required autocomplete="off" spellcheck="false";
            p { (desk.button(Need::PromoteAll(&release.app), &format!("Revoke {}", release.name), "primary danger"))
                " " a.button.quiet href=(at::release(&release.app, &release.name)) { "Cancel" } }
        }
    };
    let status = trouble.map_or(StatusCode::OK, |told| told.status);
    Screen::new(format!("Revoke {} {}", release.app, release.name), body).of(&release.app).with_status(status)
}

fn live(release: &Release) -> Markup {
    html! {
        @if release.channels.is_empty() { p { (bits::state("ok", "No channel points at it.")) } }
        @else { p { (bits::state("warn", "live on")) " " @for channel in &release.channels { (bits::channel(&release.app, channel)) } } }
    }
}

fn restoration(desk: &Desk, release: &Release) -> Screen {
    let body = html! {
        h1 { "Restore " (release.app) " " (release.name) }
        @match &release.revoked {
            Some(revocation) => {
                p { "It was revoked " (bits::when(desk.now, revocation.at)) " by " (revocation.by) ": " (revocation.reason) }
                form.act method="post" action=(at::release_act(&release.app, &release.name, "restore")) {
                    (desk.seal())
                    label for="reason" { "Reason" span.muted { " optional" } }
                    input #reason name="reason" maxlength="1024" autocomplete="off";
                    p { (desk.button(Need::PromoteAll(&release.app), &format!("Restore {}", release.name), "primary"))
                        " " a.button.quiet href=(at::release(&release.app, &release.name)) { "Cancel" } }
                }
            },
            None => p { "It is not revoked. " a href=(at::release(&release.app, &release.name)) { "Back to the release" } },
        }
    };
    Screen::new(format!("Restore {} {}", release.app, release.name), body).of(&release.app)
}
