//! The audit log: who changed what, from what to what, why, and in which request; and whether the chain holds.

use axum::response::Response;
use maud::{Markup, html};
use protocol::AppSlug;
use protocol::api::{AuditAction, AuditEvent, AuditPage, AuditQuery};
use protocol::audit_chain::ChainSummary;

use super::desk::{Desk, parse, parse_opt};
use super::frame::Screen;
use super::{at, bits};
use crate::ops::{self, OpError};

/// What the screen shows.
struct AuditView {
    page: AuditPage,
    /// The whole chain, where that was asked for.
    chain: Option<ChainSummary>,
}

pub(super) async fn page(desk: Desk) -> Response {
    let made = load(&desk).await.map(|view| Screen::new("Audit log", draw(&desk, &view)));
    desk.give(made)
}

async fn load(desk: &Desk) -> Result<AuditView, OpError> {
    let text = |name: &str| Some(desk.asked(name).to_owned()).filter(|text| !text.is_empty());
    // A day is what the field of the form gives; a moment is taken as well.
    let moment = |name: &str| {
        let told = text(name).map(|at| if at.len() == 10 { format!("{at}T00:00:00Z") } else { at });
        told.map(|at| parse("time", &at)).transpose()
    };
    let query = AuditQuery {
        app: parse_opt::<AppSlug>("app", desk.asked("app"))?,
        actor: text("actor"),
        action: parse_opt::<AuditAction>("action", desk.asked("action"))?,
        since: moment("since")?,
        until: moment("until")?,
        from: None,
        after: text("after"),
        limit: None,
    };
    let page = ops::audit::list(&desk.server, desk.caller.clone(), query).await?;
    let chain = match desk.asked("chain") {
        "check" => Some(ops::audit::chain(&desk.server, desk.caller.clone()).await?),
        _ => None,
    };
    Ok(AuditView { page, chain })
}

fn draw(desk: &Desk, view: &AuditView) -> Markup {
    let names = ["app", "actor", "action", "since", "until"];
    let pairs: Vec<(&str, &str)> = names.iter().chain(&["after"]).map(|name| (*name, desk.asked(name))).collect();
    html! {
        div.head {
            h1 { "Audit log" }
            (chain(desk, view))
        }
        form.row.filters method="get" {
            label { "App " input #filter name="app" value=(desk.asked("app")) autocomplete="off" spellcheck="false"; }
            label { "Actor " input name="actor" value=(desk.asked("actor")) autocomplete="off" spellcheck="false"; }
            label { "Action "
                select name="action" {
                    option value="" { "every action" }
                    @for action in AuditAction::ALL { option value=(action) selected[desk.asked("action") == action.as_str()] { (action) } }
                }
            }
            label { "Since " input name="since" type="date" value=(desk.asked("since")); }
            label { "Until " input name="until" type="date" value=(desk.asked("until")); }
            button type="submit" { "Filter" }
            @if names.iter().any(|name| !desk.asked(name).is_empty()) { a.button.quiet href=(at::AUDIT) { "Show all" } }
        }
        @if view.page.events.is_empty() { (bits::empty("No event matches.", &html! {})) } @else {
            table data-rows="" {
                thead { tr { th { "#" } th { "when" } th { "who" } th { "what" } th { "app" } th { "on" } th { "from → to" } th { "reason" } th { "request" } } }
                tbody { @for event in &view.page.events { (row(desk, event)) } }
            }
        }
        (bits::more(at::AUDIT, &pairs, view.page.next.as_deref()))
    }
}

/// Whether what is shown has the hashes it says; the whole chain where that was asked for.
fn chain(desk: &Desk, view: &AuditView) -> Markup {
    let damaged = view.page.events.iter().filter(|event| event.computed_hash() != event.hash).count();
    html! {
        @if damaged > 0 { (bits::state("block", &format!("{damaged} events shown do not have their hash"))) }
        @else { (bits::state("ok", "the events shown have their hashes")) }
        @match &view.chain {
            Some(chain) if chain.faults.is_empty() => {
                (bits::state("ok", &format!("the chain holds: {} events", chain.events)))
                span.muted { " newest " code { (chain.head.seq) ":" (chain.head.hash.short()) } (bits::copy(&format!("{}:{}", chain.head.seq, chain.head.hash), "mark")) }
            },
            Some(chain) => { (bits::state("block", &format!("the chain has {} faults", chain.faults.len()))) span.muted { " dist audit verify tells each" } },
            None => a.button.quiet href=(at::with_query(at::AUDIT, &[("app", desk.asked("app")), ("chain", "check")])) { "Check the whole chain" },
        }
    }
}

fn row(desk: &Desk, event: &AuditEvent) -> Markup {
    html! {
        tr id={ "e" (event.seq) } {
            td.first { a href={ "#e" (event.seq) } data-open="" { (event.seq) } }
            td data-label="when" { (bits::when(desk.now, event.at)) }
            td data-label="who" { (event.actor) @if let Some(address) = &event.address { small.muted { " " (address) } } }
            td data-label="what" { code { (event.action) } }
            td data-label="app" { @match &event.app { Some(app) => a href=(at::app(app)) { (app) }, None => "–" } }
            td.wrap data-label="on" { (short(&event.subject)) }
            td.wrap data-label="from → to" {
                @if event.old.is_none() && event.new.is_none() { "–" }
                @else { (event.old.as_deref().map_or_else(|| "nothing".to_owned(), short)) " → " (event.new.as_deref().map_or_else(|| "nothing".to_owned(), short)) }
            }
            td.wrap data-label="reason" { (event.reason.as_deref().unwrap_or("–")) }
            td data-label="request" { @match &event.request_id { Some(id) => code { (id) }, None => "–" } }
        }
    }
}

/// A whole digest is shortened, as everywhere.
fn short(text: &str) -> String {
    text.parse::<protocol::Digest>().map_or_else(|_| text.to_owned(), |digest| digest.short())
}
