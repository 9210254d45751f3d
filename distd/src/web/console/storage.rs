//! How the store is: what is in it, when it was cared for, what gc would delete, and the configuration in force.

use axum::response::Response;
use maud::{Markup, html};
use protocol::api::{App, GcReport, GcRequest, LastCheck, StoreStatus};

use super::desk::Desk;
use super::frame::Screen;
use super::{at, bits};
use crate::config::{Setting, Source};
use crate::ops::{self, OpError, care};

/// Apps that are told as the largest.
const LARGEST: usize = 10;

/// What the screen shows.
struct StorageView {
    status: StoreStatus,
    largest: Vec<(App, u64)>,
    gc: Option<GcReport>,
}

pub(super) async fn page(desk: Desk) -> Response {
    let made = load(&desk).await.map(|view| Screen::new("Storage and health", draw(&desk, &view)));
    desk.give(made)
}

async fn load(desk: &Desk) -> Result<StorageView, OpError> {
    let (server, caller) = (&desk.server, || desk.caller.clone());
    let status = care::status(server, caller()).await?;
    let mut largest = ops::apps::sizes(server, caller()).await?;
    largest.truncate(LARGEST);
    let gc = match desk.asked("gc") {
        "preview" => Some(care::gc_over_api(server, caller(), GcRequest { dry_run: true }).await?),
        _ => None,
    };
    Ok(StorageView { status, largest, gc })
}

fn draw(desk: &Desk, view: &StorageView) -> Markup {
    html! {
        h1 { "Storage and health" }
        div.columns {
            section { h2 { "Objects" } (objects(view)) }
            section { h2 { "Care" } (cared(desk, view)) }
        }
        section {
            h2 { "Largest apps" }
            table data-rows="" {
                thead { tr { th { "app" } th.num { "releases" } th.num { "bytes of its releases" } } }
                tbody { @for (app, bytes) in &view.largest { tr {
                    td.first { a data-open="" href=(at::app(&app.slug)) { (app.name) } }
                    td.num data-label="releases" { (app.releases) }
                    td.num data-label="bytes" { (bits::size(*bytes)) }
                } } }
            }
            p.muted { "Objects that several releases share count for each of them." }
        }
        section { h2 { "Garbage" } (garbage(view)) }
        section { h2 { "Configuration in force" } (configuration(desk)) }
    }
}

fn objects(view: &StorageView) -> Markup {
    let status = &view.status;
    let is_low = status.free_bytes <= status.reserve_bytes;
    html! {
        dl {
            dt { "objects" } dd { (status.objects) }
            dt { "bytes" } dd { (bits::size(status.bytes)) }
            dt { "free" } dd { (bits::size(status.free_bytes)) " " @if is_low { (bits::state("block", "below the reserve: uploads are refused")) } }
            dt { "reserve" } dd { (bits::size(status.reserve_bytes)) }
            dt { "in the trash" } dd { (status.trashed) }
            dt { "in quarantine" } dd { (status.quarantined) " " @if status.quarantined > 0 { (bits::state("block", "damaged objects were moved aside")) } }
            @if status.unreadable > 0 { dt { "unreadable" } dd { (status.unreadable) " " (bits::state("block", "the disk does not give them")) } }
        }
    }
}

fn cared(desk: &Desk, view: &StorageView) -> Markup {
    let status = &view.status;
    html! {
        dl {
            dt { "last fsck" }
            dd { @match (&status.check, status.check_at) {
                (Some(check), Some(at)) => { (checked(check)) " " (bits::when(desk.now, at)) },
                _ => { (bits::state("warn", "never")) " " code { "dist fsck" } },
            } }
            dt { "background check" }
            dd { @if status.scrub.days == 0 { "off" } @else {
                "every object within " (status.scrub.days) " d, "
                @if status.scrub.overdue > 0 { (bits::state("warn", &format!("{} overdue", status.scrub.overdue))) } @else { (bits::state("ok", "none overdue")) }
            } }
            dt { "last gc" } dd { @match status.gc_at { Some(ran) => (bits::when(desk.now, ran)), None => "never" } }
            dt { "last backup" }
            dd {
                @match (&status.backup_error, status.backup_at) {
                    (Some(error), Some(ran)) => {
                        (bits::state("block", "failed")) " " (bits::when(desk.now, ran)) ": " (error)
                        @if let Some(whole) = status.whole_backup_at { "; the last whole one " (bits::when(desk.now, whole)) }
                    },
                    (None, Some(ran)) => { (bits::state("ok", "whole")) " " (bits::when(desk.now, ran)) },
                    (_, None) => { (bits::state("warn", "none known")) " " code { "distd backup" } },
                }
            }
        }
    }
}

fn checked(check: &LastCheck) -> Markup {
    let depth = if check.quick { " (sizes and links)" } else { "" };
    match (&check.failure, check.errors) {
        (Some(failure), _) => bits::state("block", &format!("could not be made: {failure}")),
        (None, 0) if check.interrupted => bits::state("warn", &format!("ended before it was through{depth}")),
        (None, 0) => bits::state("ok", &format!("clean{depth}")),
        (None, errors) => {
            bits::state("block", &format!("{} wrong{depth}; dist fsck tells each", bits::count(errors, "thing")))
        }
    }
}

fn garbage(view: &StorageView) -> Markup {
    html! {
        @match &view.gc {
            None => p { a.button href=(at::with_query(at::STORAGE, &[("gc", "preview")])) { "Preview what gc would do" } },
            Some(gc) if gc.is_empty() => p { (bits::state("ok", "Gc would change nothing now.")) },
            Some(gc) => {
                dl {
                    dt { "given up by retention" } dd { (gc.expired.len()) " releases" }
                    dt { "uploads dropped" } dd { (gc.abandoned.len()) }
                    dt { "into the trash" } dd { (gc.trashed.len()) " objects" }
                    dt { "out of the trash" } dd { (gc.restored.len()) " objects" }
                    dt { "deleted" } dd { (gc.deleted.len()) " objects" }
                    dt { "freed" } dd { (bits::size(gc.freed_bytes())) }
                }
                p.muted { "Nothing was changed. " code { "dist gc" } " does it." }
                @if let Some(held) = &gc.held { p { (bits::state("warn", "held")) " " (held) } }
                ul.plain { @for object in gc.deleted.iter().take(20) { li { (bits::digest(&object.digest)) " " (bits::size(object.size)) } } }
            },
        }
    }
}

fn configuration(desk: &Desk) -> Markup {
    let settings = desk.server.settings();
    html! {
        dl {
            dt { "version" } dd { (desk.caller.whoami().server_version) }
            dt { "public address" } dd { @match &settings.site.public_url { Some(url) => (url), None => (bits::state("warn", "not set: iPhones cannot install")) } }
        }
        table {
            thead { tr { th { "option" } th { "value" } th { "from" } } }
            tbody {
                @for setting in &settings.configuration {
                    tr { td { code { (setting.key) } } td.wrap { (value(setting)) } td { (setting.source) } }
                }
            }
        }
    }
}

fn value(setting: &Setting) -> &str {
    match (&setting.value, setting.is_secret && setting.source != Source::Default) {
        (_, true) => "hidden",
        (Some(value), false) => value,
        (None, false) => "—",
    }
}
