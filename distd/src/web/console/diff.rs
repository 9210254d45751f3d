//! What differs between any two releases.

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};
use protocol::compare::{ArtifactChange, ChangeKind, Comparison, LineChange, ValueChange};
use protocol::{AppSlug, Revision, RevisionRange};

use super::desk::{Desk, parse};
use super::frame::Screen;
use super::{at, bits};
use crate::ops::{self, OpError};

/// Files of each archive that are listed.
const FILES: usize = 20;

/// What the screen shows.
struct DiffView {
    app: AppSlug,
    from: String,
    to: String,
    /// `None` until both ends are given.
    comparison: Option<Comparison>,
}

pub(super) async fn page(desk: Desk, Path(app): Path<String>) -> Response {
    let made = load(&desk, &app).await.map(|view| {
        let title = format!("{} {} to {}", view.app, view.from, view.to);
        Screen::new(title, draw(&view)).of(&view.app)
    });
    desk.give(made)
}

async fn load(desk: &Desk, app: &str) -> Result<DiffView, OpError> {
    let app: AppSlug = parse("app", app)?;
    let (from, to) = (desk.asked("from").to_owned(), desk.asked("to").to_owned());
    if from.is_empty() || to.is_empty() {
        ops::apps::show(&desk.server, desk.caller.clone(), app.clone()).await?;
        return Ok(DiffView { app, from, to, comparison: None });
    }
    let (left, right): (Revision, Revision) = (parse("from", &from)?, parse("to", &to)?);
    let range = RevisionRange { from: left, to: right };
    let comparison = ops::compare::compare(&desk.server, desk.caller.clone(), app.clone(), range, FILES).await?;
    Ok(DiffView { app, from, to, comparison: Some(comparison) })
}

fn draw(view: &DiffView) -> Markup {
    html! {
        h1 { "Diff" }
        form.row method="get" action=(at::diff_form(&view.app)) {
            label { "From " input name="from" value=(view.from) required placeholder="stable" spellcheck="false"; }
            label { "to " input name="to" value=(view.to) required placeholder="beta, 2.4.0+241, 9f3ac01, beta~2" spellcheck="false"; }
            button type="submit" { "Compare" }
        }
        @match &view.comparison {
            None => p.muted { "Any two releases: a channel, a release's name, the first digits of an id, each with " code { "~N" } " or " code { "@{N}" } "." },
            Some(comparison) => (whole(&view.app, comparison)),
        }
    }
}

/// The difference itself, as it also stands on the promotion screen.
pub(super) fn whole(app: &AppSlug, comparison: &Comparison) -> Markup {
    html! {
        p.fromto {
            (bits::release(app, &comparison.from)) " → " strong { (bits::release(app, &comparison.to)) }
            span.muted { " " (bits::size(comparison.size.old)) " → " (bits::size(comparison.size.new)) " (" (bits::delta(comparison.size.old, comparison.size.new)) ")" }
        }
        @if comparison.is_empty() { p { (bits::state("ok", "Nothing differs.")) } }
        @for change in &comparison.artifacts { (artifact(change)) }
        @if comparison.artifacts_unchanged > 0 { p.muted { (comparison.artifacts_unchanged) " artifacts are the same." } }
        @for link in &comparison.links_added { p { "+ link " code { (link.url) } } }
        @for link in &comparison.links_removed { p { "− link " code { (link.url) } } }
        @if let Some(source) = &comparison.source {
            @if source.old.commit != source.new.commit {
                p { "Commit " code { (source.old.commit.as_deref().unwrap_or("none")) } " → " code { (source.new.commit.as_deref().unwrap_or("none")) } }
            }
        }
        @if let Some(notes) = &comparison.notes {
            h3 { "Notes " span.muted { "+" (notes.added) " −" (notes.removed) } }
            @for hunk in &notes.hunks {
                pre.hunk tabindex="0" { @for line in &hunk.lines { (note_line(line.change, &line.text)) } }
            }
        }
    }
}

fn note_line(change: LineChange, text: &str) -> Markup {
    let (class, sign) = match change {
        LineChange::Added => ("added", "+ "),
        LineChange::Removed => ("removed", "− "),
        LineChange::Same => ("same", "  "),
    };
    html! { span class=(class) { (sign) (text) "\n" } }
}

fn artifact(change: &ArtifactChange) -> Markup {
    let Some(line) = change.line() else { return html! {} };
    let size = change.size();
    html! {
        details.change open[!change.facts.is_empty()] {
            summary {
                (bits::state(if change.change == ChangeKind::Removed { "warn" } else { "mute" }, change.change.as_str())) " "
                @if let Some(old) = change.old.as_ref().filter(|old| old.filename != line.filename) { (old.filename) " → " }
                strong { (line.filename) } " " (line.platform.display_name()) " " (line.arch) " "
                span.muted { (bits::size(size.old)) " → " (bits::size(size.new)) " (" (bits::delta(size.old, size.new)) ")" }
            }
            @if !change.facts.is_empty() {
                dl { @for fact in &change.facts { dt { (fact.fact.as_str().replace('-', " ")) } dd { (value(&fact.change)) } } }
            } @else if change.change == ChangeKind::Changed && change.is_inspected { p.muted { "It says of itself what it said before." } }
            @else if change.change == ChangeKind::Changed { p.muted { "It was not inspected on both sides." } }
            @if let Some(files) = &change.files {
                p { "Files: " (files.added) " added, " (files.removed) " removed, " (files.changed) " changed"
                    @if !files.is_complete { span.muted { " of those that were listed" } } }
                ul.plain { @for file in &files.listed { li { (file.change) " " code { (file.path) } " " span.muted { (bits::delta(file.size.old, file.size.new)) } } } }
            }
        }
    }
}

fn value(change: &ValueChange) -> Markup {
    html! {
        @match change {
            ValueChange::Value { old, new } => { (old.as_deref().unwrap_or("none")) " → " strong { (new.as_deref().unwrap_or("none")) } },
            ValueChange::Set { added, removed } => {
                @for one in added { span.added { "+ " (one) } " " }
                @for one in removed { span.removed { "− " (one) } " " }
            },
        }
    }
}
