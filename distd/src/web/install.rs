//! `/install/{app}/…`: what a channel points at, or one release, with its files to download.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use protocol::api::{Release, Revocation};
use protocol::manifest::{ArtifactLine, Link};
use protocol::{AppSlug, ByteSize, ChannelName, Digest, Revision, paths};

use super::page;
use crate::Server;
use crate::ops::{self, Caller, OpError};

/// What a channel points at.
pub(super) async fn channel(
    State(server): State<Server>,
    caller: Caller,
    Path((app, channel)): Path<(String, String)>,
) -> Response {
    let revision = channel.parse().map(|channel: ChannelName| Revision::channel(&channel));
    match revision {
        Ok(revision) => show(&server, caller, app, revision, Some(channel)).await,
        Err(_) => page::problem(&nothing(&app)),
    }
}

/// One release.
pub(super) async fn release(
    State(server): State<Server>,
    caller: Caller,
    Path((app, revision)): Path<(String, String)>,
) -> Response {
    match revision.parse() {
        Ok(revision) => show(&server, caller, app, revision, None).await,
        Err(_) => page::problem(&nothing(&app)),
    }
}

fn nothing(app: &str) -> OpError {
    OpError::RequestInvalid(format!("{app} has no such page"))
}

async fn show(server: &Server, caller: Caller, app: String, revision: Revision, channel: Option<String>) -> Response {
    let Ok(slug) = app.parse::<AppSlug>() else { return page::problem(&nothing(&app)) };
    let about = ops::apps::show(server, caller.clone(), slug.clone()).await;
    let found = ops::releases::show(server, caller, slug, revision).await;
    match (about, found) {
        (Ok(about), Ok(release)) => {
            let address = |digest: &Digest| paths::object(&release.app, digest);
            let content = content(&about.name, channel.as_deref(), &release, &address);
            let page = page::page(&format!("{} {}", about.name, release.name), &content);
            if release.revoked.is_some() { (StatusCode::GONE, page).into_response() } else { page }
        }
        (Err(error), _) | (_, Err(error)) => page::problem(&error),
    }
}

/// The page of a release, whose files are at the addresses that `address` gives.
pub(super) fn content(
    name: &str,
    channel: Option<&str>,
    release: &Release,
    address: &dyn Fn(&Digest) -> String,
) -> Markup {
    let version = release.name.version();
    html! {
        h1 { (name) " " @if release.revoked.is_some() { s { (version) } } @else { (version) } }
        p.muted {
            @if let Some(channel) = channel { (channel) " · " }
            @if let Some(build) = release.name.build() { "build " (build) " · " }
            time datetime=(release.published_at) { (release.published_at.strftime("%Y-%m-%d %H:%M UTC")) }
            " · " code { (release.id.short()) }
        }
        @if let Some(revoked) = &release.revoked {
            (banner(revoked))
        } @else if !release.manifest.artifacts.is_empty() {
            h2 { "Files" }
            ul.files { @for line in &release.manifest.artifacts { (file(line, &address(&line.sha256))) } }
        }
        @if !release.manifest.links.is_empty() && release.revoked.is_none() {
            h2 { "Elsewhere" }
            ul.files { @for link in &release.manifest.links { (elsewhere(link)) } }
        }
        @if let Some(notes) = &release.manifest.notes {
            h2 { "What's new" }
            pre.notes { (notes) }
        }
    }
}

/// What stands in place of the files of a release that was withdrawn.
fn banner(revoked: &Revocation) -> Markup {
    html! {
        div.withdrawn role="status" {
            strong { "Withdrawn" } " on "
            time datetime=(revoked.at) { (revoked.at.strftime("%Y-%m-%d %H:%M UTC")) }
            ": " (revoked.reason)
            div.muted { "It can neither be installed nor downloaded. Take the release that its channel offers now." }
        }
    }
}

fn file(line: &ArtifactLine, address: &str) -> Markup {
    html! {
        li {
            div {
                div.name { (line.filename) }
                div.muted { (line.platform) " · " (line.arch) " · " (line.kind) " · " (ByteSize(line.size)) }
            }
            a.button href=(address) aria-label={ "Download " (line.filename) } { "Download" }
            code { "SHA-256 " (line.sha256) }
        }
    }
}

fn elsewhere(link: &Link) -> Markup {
    html! {
        li {
            div { div.name { (link.platform) } div.muted { (link.kind) } }
            a.button href=(link.url) rel="noreferrer" { "Open" }
        }
    }
}
