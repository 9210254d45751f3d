//! One release: findings first, then its artifacts, what they say of themselves, notes, where it is and was.

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use inspect::Severity;
use maud::{Markup, PreEscaped, html};
use protocol::api::{Channel, DownloadsQuery, ShownRelease, Stay};
use protocol::compare::{FactValue, Facts, read_facts};
use protocol::scope::Need;
use protocol::{AppSlug, ArtifactLine, Revision, paths};

use super::desk::{Desk, parse};
use super::frame::Screen;
use super::{app, at, bits};
use crate::ops::install::counts;
use crate::ops::{self, OpError};
use crate::web::install::notes;

/// Artifacts whose details are told; a release has rarely so many.
const TOLD: usize = 24;

/// What the screen shows.
struct ReleaseView {
    shown: ShownRelease,
    channels: Vec<Channel>,
    facts: Vec<(String, Facts)>,
    /// Of 7 days, by artifact.
    downloads: Vec<u64>,
}

pub(super) async fn page(desk: Desk, Path((app, revision)): Path<(String, String)>) -> Response {
    let made = load(&desk, &app, &revision).await.map(|view| {
        let release = &view.shown.release;
        Screen::new(format!("{} {}", release.app, release.name), draw(&desk, &view)).of(&release.app)
    });
    desk.give(made)
}

/// The manifest, as the bytes that its id is the digest of.
pub(super) async fn manifest(desk: Desk, Path((app, revision)): Path<(String, String)>) -> Response {
    let found = async {
        let (app, revision): (AppSlug, Revision) = (parse("app", &app)?, parse("revision", &revision)?);
        ops::releases::show(&desk.server, desk.caller.clone(), app, revision).await
    };
    match found.await {
        Ok(shown) => {
            let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
            (headers, shown.release.manifest.canonical_bytes()).into_response()
        }
        Err(error) => desk.give(Err(error)),
    }
}

/// The icon of an artifact.
pub(super) async fn icon(desk: Desk, Path((app, digest)): Path<(String, String)>) -> Response {
    let found = async {
        let (app, digest) = (parse("app", &app)?, parse("digest", &digest)?);
        ops::reports::icon(&desk.server, desk.caller.clone(), app, digest).await
    };
    match found.await {
        Ok(png) => {
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static("image/png")),
                (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=86400")),
            ];
            (headers, png).into_response()
        }
        Err(error) => desk.give(Err(error)),
    }
}

async fn load(desk: &Desk, app: &str, revision: &str) -> Result<ReleaseView, OpError> {
    let (server, caller) = (&desk.server, || desk.caller.clone());
    let (slug, revision): (AppSlug, Revision) = (parse("app", app)?, parse("revision", revision)?);
    let shown = ops::releases::show(server, caller(), slug.clone(), revision).await?;
    let channels = ops::channels::list(server, caller(), slug.clone()).await?.channels;
    let mut facts = Vec::new();
    for line in shown.release.manifest.artifacts.iter().take(TOLD) {
        if let Ok(report) = ops::reports::show(server, caller(), slug.clone(), line.sha256).await {
            facts.push((line.filename.to_string(), read_facts(&report)));
        }
    }
    let days = counts::list(server, caller(), slug, DownloadsQuery { days: Some(7) }).await;
    let days = days.map(|found| found.downloads).unwrap_or_default();
    let of = |line: &ArtifactLine| {
        let own = days.iter().filter(|day| day.sha256 == line.sha256 && day.release.id == shown.release.id);
        own.map(|day| day.count).sum()
    };
    let downloads = shown.release.manifest.artifacts.iter().map(of).collect();
    Ok(ReleaseView { shown, channels, facts, downloads })
}

fn draw(desk: &Desk, view: &ReleaseView) -> Markup {
    let release = &view.shown.release;
    html! {
        div.head {
            h1 { (release.name) }
            @for channel in &release.channels { (bits::channel(&release.app, channel)) }
            p.muted { (bits::digest(&release.id)) " · " (bits::when(desk.now, release.published_at)) " · " (release.published_by) " · " (bits::size(release.size_bytes)) }
            (copy_link(desk, release))
        }
        @if let Some(revocation) = &release.revoked {
            div.banner.block { p { strong { "Revoked" } " " (bits::when(desk.now, revocation.at)) " by " (revocation.by) ": " (revocation.reason) }
                p { "It is kept and shown; it is not promoted, installed or downloaded." } }
        }
        (acts(desk, view))
        (findings(view))
        (artifacts(view))
        @if let Some(text) = &release.manifest.notes {
            section { h2 { "Notes" } div.notes { (PreEscaped(notes::beginning(text).html)) } }
        }
        div.columns {
            section { h2 { "Where it is and was" } (stays(desk, &release.app, &view.shown.stays)) }
            section { h2 { "Provenance" } (provenance(view)) }
        }
        (reports(view))
        section {
            h2 { "Manifest" }
            details { summary { "Raw JSON" } (bits::block(&pretty(view))) }
            p { a href=(at::release_act(&release.app, &release.name, "manifest")) { "The exact bytes" } span.muted { ", whose SHA-256 is the release's id" } }
        }
    }
}

fn copy_link(desk: &Desk, release: &protocol::api::Release) -> Markup {
    let path = paths::install_release(&release.app, &app::revision(release));
    let url =
        desk.server.settings().site.address(&path).unwrap_or_else(|| format!("{}{path}", super::apps::address(desk)));
    html! { button.copy.quiet type="button" hidden data-copy=(url) data-key="c" { "Copy install link" } }
}

fn acts(desk: &Desk, view: &ReleaseView) -> Markup {
    let release = &view.shown.release;
    let (slug, name) = (&release.app, &release.name);
    let elsewhere: Vec<&Channel> = view.channels.iter().filter(|channel| channel.release.id != release.id).collect();
    html! {
        p.acts {
            @if release.revoked.is_none() {
                @for (index, channel) in elsewhere.iter().enumerate() {
                    (desk.act(Need::Promote(slug, &channel.name), &at::promote(slug, &channel.name, name), &format!("Promote to {}", channel.name), (index == 0).then_some("p")))
                }
            }
            @for (index, channel) in release.channels.iter().enumerate() {
                (desk.act(Need::Promote(slug, channel), &at::channel_act(slug, channel, "rollback"), &format!("Roll back {channel}"), (index == 0).then_some("r")))
            }
            @for channel in &elsewhere {
                a.button.quiet href=(at::diff(slug, &Revision::release(&channel.release.name), &Revision::release(name))) { "Diff with " (channel.name) }
            }
            @if let Some(parent) = &release.manifest.parent {
                a.button.quiet href=(at::with_query(&at::diff_form(slug), &[("from", &parent.short()), ("to", name.as_str())])) { "Diff with parent" }
            }
            @if release.revoked.is_some() {
                (desk.act(Need::PromoteAll(slug), &at::release_act(slug, name, "restore"), "Restore", None))
            } @else {
                (desk.act(Need::PromoteAll(slug), &at::release_act(slug, name, "revoke"), "Revoke", None))
            }
        }
    }
}

fn findings(view: &ReleaseView) -> Markup {
    let mut rows: Vec<(&inspect::Finding, String)> = Vec::new();
    for report in &view.shown.release.reports {
        rows.extend(report.findings.iter().map(|finding| (finding, report.filename.to_string())));
    }
    rows.sort_by_key(|(finding, _)| std::cmp::Reverse(finding.severity));
    let worst = rows.first().map(|(finding, _)| finding.severity);
    html! {
        section {
            h2 { "Findings" }
            @if rows.is_empty() { p { (bits::state("ok", "Inspection found nothing to tell.")) } }
            @else {
                @if worst == Some(Severity::Info) { p { (bits::state("ok", "Nothing speaks against it.")) } }
                ul.findings {
                    @for (finding, file) in rows {
                        li { (bits::state(bits::severity_class(finding.severity), bits::severity_word(finding.severity))) " " code { (finding.code) } " " (finding.message) " " span.muted { (file) } }
                    }
                }
            }
        }
    }
}

fn artifacts(view: &ReleaseView) -> Markup {
    let release = &view.shown.release;
    html! {
        section {
            h2 { "Artifacts" }
            table data-rows="" {
                thead { tr {
                    th { "file" } th { "platform" } th { "arch" } th { "kind" } th.num { "size" } th { "digest" } th { "signing" }
                    th { "signer" } th { "expires" } th { "min. OS" } th.num { "downloads 7 d" }
                } }
                tbody {
                    @for (index, line) in release.manifest.artifacts.iter().enumerate() {
                        @let summary = release.reports.get(index).and_then(|report| report.summary.as_ref());
                        tr {
                            td.first {
                                @if release.revoked.is_some() { (line.filename) }
                                @else { a data-open="" href=(paths::artifact(&release.app, &release.name, &line.filename)) { (line.filename) } }
                            }
                            td data-label="platform" { (line.platform.display_name()) }
                            td data-label="arch" { (line.arch) }
                            td data-label="kind" { (line.kind) }
                            td.num data-label="size" { (bits::size(line.size)) }
                            td data-label="digest" { (bits::digest(&line.sha256)) }
                            td data-label="signing" { (signing(summary)) }
                            td.wrap data-label="signer" { (signer(summary)) }
                            td data-label="expires" { (expiry(release, line)) }
                            td data-label="min. OS" { (summary.and_then(|it| it.minimum_os.as_deref()).unwrap_or("–")) }
                            td.num data-label="downloads 7 d" { (view.downloads.get(index).copied().unwrap_or(0)) }
                        }
                    }
                }
            }
            @for link in &release.manifest.links { p { "Link: " (link.platform.display_name()) " " code { (link.url) } } }
        }
    }
}

fn signing(summary: Option<&inspect::Summary>) -> Markup {
    use inspect::Signing;
    let Some(summary) = summary else { return html! { span.muted { "not inspected" } } };
    let stapled = match summary.stapled {
        Some(true) => ", ticket stapled",
        Some(false) => ", no ticket found",
        None => "",
    };
    match summary.signing {
        Signing::Signed => bits::state("ok", &format!("signed{stapled}")),
        Signing::Unsigned => bits::state("warn", "unsigned"),
        Signing::AdHoc => bits::state("warn", "ad hoc"),
        Signing::Invalid => bits::state("block", "invalid"),
        Signing::NotApplicable => html! { span.muted { "not applicable" } },
    }
}

fn signer(summary: Option<&inspect::Summary>) -> Markup {
    let Some(summary) = summary else { return html! { "–" } };
    let signers: Vec<String> = summary.signers.iter().map(|signer| signer.chars().take(12).collect()).collect();
    let text = summary.team_id.clone().unwrap_or_else(|| signers.join(", "));
    html! { @if text.is_empty() { span.muted { "–" } } @else { code { (text) } } }
}

fn expiry(release: &protocol::api::Release, line: &ArtifactLine) -> Markup {
    let days = release.install.iter().find(|way| way.sha256 == Some(line.sha256)).and_then(|way| way.days_left);
    match days {
        Some(days @ 0..14) => bits::state("warn", &format!("in {days} d")),
        Some(days) => html! { "in " (days) " d" },
        None => html! { span.muted { "–" } },
    }
}

fn stays(desk: &Desk, slug: &AppSlug, stays: &[Stay]) -> Markup {
    html! {
        @if stays.is_empty() { p.muted { "It was on no channel." } }
        ul.plain {
            @for stay in stays {
                li {
                    (bits::channel(slug, &stay.channel)) " " (stay.action) " " (bits::when(desk.now, stay.since)) " by " (stay.by)
                    @if let Some(reason) = &stay.reason { ": " (reason) }
                    @match (&stay.until, &stay.followed_by) {
                        (None, _) => { " " (bits::state("ok", "live")) },
                        (Some(until), Some(next)) => span.muted { ", until " (bits::when(desk.now, *until)) ", then " (bits::release(slug, next)) },
                        (Some(until), None) => span.muted { ", until " (bits::when(desk.now, *until)) },
                    }
                }
            }
        }
    }
}

fn provenance(view: &ReleaseView) -> Markup {
    let (release, source) = (&view.shown.release, &view.shown.release.manifest.source);
    html! {
        dl {
            @for (name, value) in [("commit", &source.commit), ("branch", &source.branch), ("repository", &source.repository)] {
                @if let Some(value) = value { dt { (name) } dd { code { (value) } } }
            }
            dt { "source" } dd { (app::source(release)) }
            dt { "parent" }
            dd { @match &release.manifest.parent {
                Some(parent) => a href={ (at::app(&release.app)) "/releases/" (parent) } { code { (parent.short()) } },
                None => span.muted { "none: a first release" },
            } }
            dt { "built" } dd { (release.manifest.created_at.strftime("%Y-%m-%d %H:%M UTC")) }
            dt { "published by" } dd { (release.published_by) }
        }
    }
}

fn reports(view: &ReleaseView) -> Markup {
    html! {
        section {
            h2 { "What the artifacts say" }
            @if view.facts.is_empty() { p.muted { "None was inspected." } }
            @for (file, facts) in &view.facts {
                details { summary { (file) }
                    dl { @for (fact, value) in facts { @if let Some(text) = told(value) { dt { (fact.as_str().replace('-', " ")) } dd { (text) } } } }
                }
            }
        }
    }
}

fn told(value: &FactValue) -> Option<String> {
    match value {
        FactValue::One(text) => text.clone(),
        FactValue::Many(values) if values.is_empty() => None,
        FactValue::Many(values) => Some(values.iter().take(200).cloned().collect::<Vec<_>>().join(", ")),
    }
}

fn pretty(view: &ReleaseView) -> String {
    serde_json::to_string_pretty(&view.shown.release.manifest).unwrap_or_default()
}
