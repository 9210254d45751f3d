//! What is staged and not published: releases that several runners put together.

use axum::response::Response;
use maud::{Markup, html};
use protocol::AppSlug;
use protocol::api::StagedRelease;

use super::desk::Desk;
use super::frame::Screen;
use super::{at, bits};
use crate::ops::{self, OpError};

/// Releases of one screen.
const ROWS: usize = 100;

pub(super) async fn page(desk: Desk) -> Response {
    let made = load(&desk).await.map(|staged| Screen::new("Uploads", draw(&desk, &staged)));
    desk.give(made)
}

async fn load(desk: &Desk) -> Result<Vec<(AppSlug, StagedRelease)>, OpError> {
    let mut staged = Vec::new();
    for app in ops::apps::list(&desk.server, desk.caller.clone()).await?.apps {
        // Of an app that is only public in part, nothing staged is told.
        match ops::staging::list(&desk.server, desk.caller.clone(), app.slug.clone()).await {
            Ok(found) => staged.extend(found.releases.into_iter().map(|release| (app.slug.clone(), release))),
            Err(OpError::Forbidden { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(staged)
}

fn draw(desk: &Desk, staged: &[(AppSlug, StagedRelease)]) -> Markup {
    html! {
        h1 { "Uploads and stages" }
        @if staged.is_empty() {
            (bits::empty("Nothing is staged.", &html! {
                p { "Build jobs that make one release together stage their parts; one job publishes them." }
                (bits::block("dist ci stage --manifest dist.json --part linux\ndist ci finalize --expect linux,macos,windows"))
            }))
        }
        @for (app, release) in staged.iter().take(ROWS) { (draw_release(desk, app, release)) }
        @if staged.len() > ROWS { p.muted { (staged.len() - ROWS) " more: " code { "dist ci status APP" } } }
    }
}

/// `3 of 5 parts`, where a job told how many there are.
fn parts(release: &StagedRelease) -> String {
    let there = release.parts.len();
    match release.expected_parts() {
        Some(of) if of as usize >= there => format!("{there} of {}", bits::count(u64::from(of), "part")),
        _ => bits::count(there as u64, "part"),
    }
}

fn draw_release(desk: &Desk, app: &AppSlug, release: &StagedRelease) -> Markup {
    let ends = release.parts.iter().map(|part| part.expires_at).min();
    html! {
        section {
            h2 { a href=(at::app(app)) { (app) } " " (release.release)
                span.muted { " " (parts(release)) @if let Some(ends) = ends { ", the first expires " (bits::when(desk.now, ends)) } } }
            table data-rows="" {
                thead { tr { th { "part" } th { "files" } th.num { "size" } th { "job" } th { "commit" } th { "staged" } th { "expires" } } }
                tbody { @for part in &release.parts {
                    @let run = part.source.run_url.as_deref().filter(|url| url.starts_with("https://") || url.starts_with("http://"));
                    tr {
                        td.first { strong { (part.part) } }
                        td.wrap data-label="files" { @for line in part.artifacts.iter().take(12) { (line.filename) " " } }
                        td.num data-label="size" { (bits::size(part.artifacts.iter().map(|line| line.size).sum())) }
                        td data-label="job" { @match run { Some(run) => a href=(run) rel="noreferrer" data-open="" { "CI run" }, None => span.muted { "unknown" } } }
                        td data-label="commit" { code { (part.source.commit.as_deref().map_or("–", |commit| &commit[..commit.floor_char_boundary(12)])) } }
                        td data-label="staged" { (bits::when(desk.now, part.staged_at)) " by " (part.staged_by) }
                        td data-label="expires" { (bits::when(desk.now, part.expires_at)) }
                    }
                } }
            }
        }
    }
}
