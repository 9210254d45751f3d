//! One app: its channels as a board, and its releases as a table.

use std::collections::HashMap;

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};
use protocol::api::{App, Channel, DownloadsQuery, ReflogLine, Release};
use protocol::scope::Need;
use protocol::{AppSlug, ChannelName, Platform, ReleaseId, Revision};

use super::desk::{Desk, parse, parse_opt};
use super::frame::Screen;
use super::{apps, at, bits};
use crate::ops::install::counts;
use crate::ops::page::Page;
use crate::ops::releases::Wanted;
use crate::ops::{self, OpError};

/// Channels that have a lane; the rest are chips.
const LANES: usize = 12;

/// Moves told in a lane.
const MOVES: u32 = 4;

/// What the screen shows.
struct AppView {
    app: App,
    lanes: Vec<Lane>,
    releases: Vec<Release>,
    next: Option<String>,
    /// Platforms of the releases listed.
    platforms: Vec<Platform>,
    /// Downloads of 7 days, by release; `None` where the caller may not know.
    downloads: Option<HashMap<ReleaseId, u64>>,
}

struct Lane {
    channel: Channel,
    moves: Vec<ReflogLine>,
    /// How far it is ahead of the lane before it: that channel, and in how many releases, where that can be told quickly.
    ahead: Option<(ChannelName, Option<usize>)>,
}

pub(super) async fn page(desk: Desk, Path(app): Path<String>) -> Response {
    let made = load(&desk, &app).await.map(|view| {
        let slug = view.app.slug.clone();
        Screen::new(view.app.name.clone(), draw(&desk, &view)).of(&slug)
    });
    desk.give(made)
}

async fn load(desk: &Desk, app: &str) -> Result<AppView, OpError> {
    let (server, caller) = (&desk.server, || desk.caller.clone());
    let slug: AppSlug = parse("app", app)?;
    let app = ops::apps::show(server, caller(), slug.clone()).await?;
    let lanes = load_lanes(desk, &slug).await?;
    let wanted = Wanted {
        text: desk.asked("q").to_owned(),
        platform: parse_opt("platform", desk.asked("platform"))?,
        after: Some(desk.asked("after").to_owned()).filter(|after| !after.is_empty()),
        limit: None,
    };
    let found = ops::releases::search(server, caller(), slug.clone(), wanted).await?;
    let downloads = counts::list(server, caller(), slug, DownloadsQuery { days: Some(7) }).await.ok().map(|found| {
        found.downloads.iter().fold(HashMap::new(), |mut sums, day| {
            *sums.entry(day.release.id).or_default() += day.count;
            sums
        })
    });
    let mut platforms: Vec<Platform> =
        found.releases.iter().flat_map(|release| release.reports.iter().map(|report| report.platform)).collect();
    platforms.sort_unstable();
    platforms.dedup();
    Ok(AppView { app, lanes, releases: found.releases, next: found.next, platforms, downloads })
}

async fn load_lanes(desk: &Desk, slug: &AppSlug) -> Result<Vec<Lane>, OpError> {
    let (server, caller) = (&desk.server, || desk.caller.clone());
    let mut channels = ops::channels::list(server, caller(), slug.clone()).await?.channels;
    channels.sort_by_key(|channel| ripeness(&channel.name));
    channels.truncate(LANES);
    let pairs = channels.windows(2).map(|pair| (pair[0].release.id, pair[1].release.id)).collect();
    let counts = ops::channels::ahead(server, caller(), slug.clone(), pairs).await?;
    let before = channels.iter().map(|channel| channel.name.clone()).zip(counts);
    let ahead: Vec<_> = std::iter::once(None).chain(before.map(Some)).collect();
    let mut lanes = Vec::new();
    for (channel, ahead) in channels.into_iter().zip(ahead) {
        let page = Page::parse(None, Some(MOVES))?;
        let moves = ops::channels::reflog(server, caller(), slug.clone(), channel.name.clone(), page).await?.entries;
        lanes.push(Lane { channel, moves, ahead });
    }
    Ok(lanes)
}

/// Lanes go from what most people get to what changes most; channels of other names follow, by name.
fn ripeness(channel: &ChannelName) -> (usize, ChannelName) {
    const ORDER: [&str; 3] = ["stable", "beta", "nightly"];
    let place = ORDER.iter().position(|name| *name == channel.as_str()).unwrap_or(ORDER.len());
    (place, channel.clone())
}

fn draw(desk: &Desk, view: &AppView) -> Markup {
    html! {
        h1.hidden { (view.app.name) }
        @if let Some(mirror) = &view.app.mirror {
            p.muted {
                "Mirror of " (mirror.source) ": nothing is published or moved here. "
                @match mirror.updated_at { Some(at) => { "Last equal " (bits::when(desk.now, at)) "." }, None => "Not yet equal." }
            }
        }
        @if view.lanes.is_empty() {
            p.muted { "No channel yet: a release that is pushed to one, or promoted, makes it." }
        } @else {
            section.board aria-label="Channels" { @for lane in &view.lanes { (draw_lane(desk, view, lane)) } }
        }
        (draw_filter(desk, view))
        @if view.releases.is_empty() { (nothing(desk, view)) } @else { (draw_table(desk, view)) }
        (bits::more(
            &at::app(&view.app.slug),
            &[("q", desk.asked("q")), ("platform", desk.asked("platform")), ("after", desk.asked("after"))],
            view.next.as_deref(),
        ))
    }
}

fn draw_lane(desk: &Desk, view: &AppView, lane: &Lane) -> Markup {
    let (slug, channel) = (&view.app.slug, &lane.channel);
    let others = view.lanes.iter().map(|lane| &lane.channel).filter(|other| other.release.id != channel.release.id);
    html! {
        article.lane data-channel=(channel.name) data-at=(channel.release.id) {
            h2 { a href=(at::channel(slug, &channel.name)) { (channel.name) } }
            p.large { (bits::release(slug, &channel.release)) }
            p.muted { (bits::when(desk.now, channel.moved_at)) " · " (channel.moved_by) }
            @if let Some(pin) = &channel.pin { p { (bits::state("warn", "pinned")) span.muted { " by " (pin.by) } } }
            @if let Some((channel, count)) = &lane.ahead { p.muted { (ahead(channel, *count)) } }
            ol.moves {
                @for line in &lane.moves {
                    li {
                        @match &line.new { Some(new) => (bits::release(slug, new)), None => "deleted" }
                        span.muted { " " (line.action) " " (bits::when(desk.now, line.at)) }
                    }
                }
            }
            p.acts {
                (desk.act(Need::Promote(slug, &channel.name), &at::channel_act(slug, &channel.name, "rollback"), "Roll back", None))
                @for other in others {
                    (desk.act(
                        Need::Promote(slug, &other.name),
                        &at::promote(slug, &other.name, &channel.release.name),
                        &format!("Promote to {}", other.name),
                        None,
                    ))
                }
            }
        }
    }
}

fn ahead(of: &ChannelName, count: Option<usize>) -> String {
    match count {
        Some(0) => format!("nothing new since {of}"),
        Some(count) => format!("{count} ahead of {of}"),
        None => format!("far ahead of {of}"),
    }
}

fn draw_filter(desk: &Desk, view: &AppView) -> Markup {
    html! {
        div.head #releases {
            h2 { "Releases " span.muted { (view.app.releases) } }
            form.filter method="get" {
                label.hidden for="filter" { "Filter releases by name, id or publisher" }
                input #filter name="q" type="search" value=(desk.asked("q")) placeholder="/ filter: name, id, who" autocomplete="off" spellcheck="false";
                label.hidden for="platform" { "Platform" }
                select #platform name="platform" {
                    option value="" { "every platform" }
                    @for platform in Platform::ALL {
                        option value=(platform) selected[desk.asked("platform") == platform.as_str()] { (platform.display_name()) }
                    }
                }
                button.quiet type="submit" { "Filter" }
            }
        }
    }
}

fn draw_table(desk: &Desk, view: &AppView) -> Markup {
    let next_older = view.releases.iter().skip(1).map(Some).chain([None]);
    html! {
        table data-rows="" {
            thead { tr {
                th { "release" } th { "id" } th { "platforms" } th { "signing" } th { "source" } th { "channels" }
                th.num { "size" } th { "when" } th { "who" } th.num { "downloads 7 d" }
            } }
            tbody { @for (release, older) in view.releases.iter().zip(next_older) { (draw_row(desk, view, release, older)) } }
        }
    }
}

fn draw_row(desk: &Desk, view: &AppView, release: &Release, older: Option<&Release>) -> Markup {
    let slug = &view.app.slug;
    html! {
        tr data-release=(release.id) {
            td.first {
                a data-open="" href=(at::release(slug, &release.name)) { (release.name) }
                @if release.revoked.is_some() { " " (bits::state("block", "revoked")) }
            }
            td data-label="id" { (bits::digest(&release.id)) }
            td.wrap data-label="platforms" { (bits::platforms(release, &view.platforms)) }
            td.wrap data-label="signing" { (bits::signing(&release.reports)) }
            td data-label="source" { (source(release)) }
            td.wrap data-label="channels" {
                @for channel in &release.channels { (bits::channel(slug, channel)) }
            }
            td.num data-label="size" {
                (bits::size(release.size_bytes))
                @if let Some(older) = older { " " small.muted { (bits::delta(older.size_bytes, release.size_bytes)) } }
            }
            td data-label="when" { (bits::when(desk.now, release.published_at)) }
            td data-label="who" { (release.published_by) }
            td.num data-label="downloads 7 d" {
                @match &view.downloads { Some(sums) => (sums.get(&release.id).copied().unwrap_or(0)), None => span.muted { "–" } }
            }
        }
    }
}

/// The commit, and the CI run where it is known.
pub(super) fn source(release: &Release) -> Markup {
    let source = &release.manifest.source;
    let commit = source.commit.as_deref().map(|commit| commit.chars().take(12).collect::<String>());
    let run = source.run_url.as_deref().filter(|url| url.starts_with("https://") || url.starts_with("http://"));
    html! {
        @if let Some(commit) = &commit { code { (commit) } }
        @if let Some(run) = run { " " a href=(run) rel="noreferrer" { "CI run" } }
        @if commit.is_none() && run.is_none() { span.muted { "unknown" } }
    }
}

fn nothing(desk: &Desk, view: &AppView) -> Markup {
    if !desk.asked("q").is_empty() || !desk.asked("platform").is_empty() {
        return bits::empty("No release matches.", &html! { a href=(at::app(&view.app.slug)) { "Show all" } });
    }
    let text = format!(
        "export DIST_SERVER={}\nexport DIST_TOKEN=…   # publish:{}/beta\ndist ci publish --manifest dist.json --channel beta",
        apps::address(desk),
        view.app.slug
    );
    bits::empty("No release yet.", &html! { p { "CI publishes the first one like this:" } (bits::block(&text)) })
}

/// A release's name as a revision.
pub(super) fn revision(release: &Release) -> Revision {
    Revision::release(&release.name)
}
