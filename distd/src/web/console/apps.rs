//! Every app at a glance: where its channels are, who published last, what there is to worry about.

use axum::response::Response;
use maud::{Markup, html};
use protocol::api::{App, Channel, DownloadsQuery, PageQuery, Release};

use super::desk::Desk;
use super::frame::Screen;
use super::{at, bits};
use crate::ops::install::counts;
use crate::ops::{self, OpError};

/// Apps of one screen.
const ROWS: usize = 50;

/// What the screen shows.
struct AppsView {
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    app: App,
    channels: Vec<Channel>,
    last: Option<Release>,
    icon: Option<String>,
    /// Of 7 days; `None` where the caller may not know.
    downloads: Option<u64>,
}

pub(super) async fn page(desk: Desk) -> Response {
    let made = load(&desk).await.map(|view| Screen::new("Apps", draw(&desk, &view)));
    desk.give(made)
}

async fn load(desk: &Desk) -> Result<AppsView, OpError> {
    let (after, filter) = (desk.asked("after"), desk.asked("q").to_lowercase());
    let mut apps = ops::apps::list(&desk.server, desk.caller.clone()).await?.apps;
    apps.retain(|app| app.slug.as_str() > after);
    apps.retain(|app| app.slug.as_str().contains(&filter) || app.name.to_lowercase().contains(&filter));
    let next = apps.get(ROWS).map(|_| apps[ROWS - 1].slug.to_string());
    apps.truncate(ROWS);
    let mut rows = Vec::with_capacity(apps.len());
    for app in apps {
        rows.push(row(desk, app).await?);
    }
    Ok(AppsView { rows, next })
}

async fn row(desk: &Desk, app: App) -> Result<Row, OpError> {
    let (server, caller) = (&desk.server, || desk.caller.clone());
    let channels = ops::channels::list(server, caller(), app.slug.clone()).await?.channels;
    let query = PageQuery { after: None, limit: Some(1) };
    let last = ops::releases::list(server, caller(), app.slug.clone(), query).await?.releases.pop();
    let query = DownloadsQuery { days: Some(7) };
    let downloads = counts::list(server, caller(), app.slug.clone(), query).await.ok();
    let downloads = downloads.map(|found| found.downloads.iter().map(|day| day.count).sum());
    let icon = match &last {
        Some(last) => icon(desk, last).await,
        None => None,
    };
    Ok(Row { app, channels, last, icon, downloads })
}

/// The address of the icon of a release, where one of its artifacts has one.
pub(super) async fn icon(desk: &Desk, release: &Release) -> Option<String> {
    let revision = protocol::Revision::release(&release.name);
    let shown =
        ops::install::of_release(&desk.server, desk.caller.clone(), release.app.clone(), revision).await.ok()?;
    shown.icons.first().map(|digest| at::icon(&release.app, digest))
}

fn draw(desk: &Desk, view: &AppsView) -> Markup {
    let filter = desk.asked("q");
    html! {
        div.head {
            h1 { "Apps" }
            form.filter method="get" {
                label.hidden for="filter" { "Filter apps" }
                input #filter name="q" type="search" value=(filter) placeholder="/ filter" autocomplete="off" spellcheck="false";
            }
        }
        @if view.rows.is_empty() {
            @if filter.is_empty() { (nothing_yet(desk)) } @else { (bits::empty("No app of that name.", &html! { a href=(at::APPS) { "Show all" } })) }
        } @else {
            table data-rows="" {
                thead { tr { th { "app" } th { "channels" } th { "last publish" } th { "state" } th.num { "downloads 7 d" } th { "access" } } }
                tbody { @for row in &view.rows { (draw_row(desk, row)) } }
            }
        }
        (bits::more(at::APPS, &[("q", filter), ("after", desk.asked("after"))], view.next.as_deref()))
    }
}

fn draw_row(desk: &Desk, row: &Row) -> Markup {
    let app = &row.app;
    html! {
        tr data-app=(app.slug) {
            td.first {
                @match &row.icon {
                    Some(icon) => img.icon src=(icon) alt="" width="24" height="24" loading="lazy";,
                    None => span.icon.letter aria-hidden="true" { (app.name.chars().next().unwrap_or('?')) },
                }
                a data-open="" href=(at::app(&app.slug)) { (app.name) }
                @if app.name != app.slug.as_str() { " " span.muted { (app.slug) } }
            }
            td.wrap data-label="channels" {
                @for channel in &row.channels {
                    a.chip href=(at::channel(&app.slug, &channel.name)) {
                        (channel.name) " " strong { (channel.release.name) } " " (bits::when(desk.now, channel.moved_at))
                        @if channel.pin.is_some() { " · pinned" }
                    }
                }
                @if row.channels.is_empty() { span.muted { "none" } }
            }
            td data-label="last publish" {
                @match &row.last {
                    Some(last) => { (bits::when(desk.now, last.published_at)) " · " (last.published_by) },
                    None => span.muted { "never" },
                }
            }
            td data-label="state" { @if let Some(last) = &row.last { (state(last)) } }
            td.num data-label="downloads 7 d" { @match row.downloads { Some(count) => (count), None => span.muted { "needs read" } } }
            td data-label="access" { (app.access) }
        }
    }
}

/// What the newest release has to be worried about.
fn state(last: &Release) -> Markup {
    let (warnings, errors) = bits::warnings(&last.reports);
    html! {
        @if last.revoked.is_some() { (bits::state("block", "newest is revoked")) }
        @else if errors > 0 { (bits::state("block", &format!("{errors} errors"))) }
        @else if warnings > 0 { (bits::state("warn", &format!("{warnings} warnings"))) }
        @else { (bits::state("ok", "no findings")) }
    }
}

/// How an app and its first release get here, with this server's address.
fn nothing_yet(desk: &Desk) -> Markup {
    let server = address(desk);
    let text = format!(
        "export DIST_SERVER={server}\nexport DIST_TOKEN=…\ndist app create acme\ndist init            # writes dist.json from what the build made\ndist ci publish --manifest dist.json"
    );
    bits::empty(
        "No app yet.",
        &html! { p { "An app is created once; CI publishes its releases." } (bits::block(&text)) },
    )
}

/// The address that people reach this server at, as far as it knows.
pub(super) fn address(desk: &Desk) -> String {
    let told = desk.headers.get("host").and_then(|host| host.to_str().ok());
    let seen = told.map_or_else(|| "http://127.0.0.1:8080".to_owned(), |host| format!("http://{host}"));
    desk.server.settings().site.public_url.as_ref().map_or(seen, protocol::ServerUrl::origin)
}
