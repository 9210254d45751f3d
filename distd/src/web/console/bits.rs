//! The component sheet: what stands on several screens, each written once.

use inspect::Severity;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use protocol::api::{ArtifactReport, Release, ReleaseRef};
use protocol::{AppSlug, ByteSize, ChannelName, Digest, Level, Platform};

use super::at;

/// A moment, relative to now; the exact one on hover.
pub(super) fn when(now: Timestamp, at: Timestamp) -> Markup {
    html! { time datetime=(at) title=(at.strftime("%Y-%m-%d %H:%M:%S UTC")) { (relative(now, at)) } }
}

/// "2 h ago", "in 23 h", "now".
pub(super) fn relative(now: Timestamp, at: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs();
    let text = span(SignedDuration::from_secs(seconds.abs()));
    if seconds.abs() < 5 {
        return "now".to_owned();
    }
    if seconds > 0 { format!("{text} ago") } else { format!("in {text}") }
}

/// How long something is, in its largest unit: "45 s", "9 min", "23 h", "212 d".
fn span(length: SignedDuration) -> String {
    let seconds = length.as_secs();
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86400),
    }
}

/// A digest, shortened as everywhere, whole when it is copied.
pub(super) fn digest(digest: &Digest) -> Markup {
    html! { code.digest title=(digest) { (digest.short()) } (copy(&digest.to_string(), "digest")) }
}

/// Copies a text. Shown where there is a script, which can.
pub(super) fn copy(text: &str, what: &str) -> Markup {
    html! { button.copy.quiet type="button" hidden data-copy=(text) aria-label={ "Copy " (what) } { "copy" } }
}

/// A number and its noun: "1 gate", "2 gates".
pub(super) fn count(number: u64, one: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{number} {one}{end}")
}

/// Bytes in binary units.
pub(super) fn size(bytes: u64) -> String {
    ByteSize(bytes).to_string()
}

/// By how much a size changed.
pub(super) fn delta(old: u64, new: u64) -> String {
    let sign = if new < old { "−" } else { "+" };
    if new == old { "±0".to_owned() } else { format!("{sign}{}", size(new.abs_diff(old))) }
}

/// A release as a link to its screen.
pub(super) fn release(app: &AppSlug, to: &ReleaseRef) -> Markup {
    html! { a href=(at::release(app, &to.name)) { (to.name) } }
}

/// A channel as a link to its screen.
pub(super) fn channel(app: &AppSlug, name: &ChannelName) -> Markup {
    html! { a.chip href=(at::channel(app, name)) { (name) } }
}

/// A state in a word, with its colour and its sign.
pub(super) fn state(class: &str, text: &str) -> Markup {
    let sign = match class {
        "ok" => "✓",
        "warn" => "!",
        "block" => "×",
        _ => "–",
    };
    html! { span class={ "state " (class) } { span aria-hidden="true" { (sign) } " " (text) } }
}

/// How a gate's level or a finding's severity looks.
pub(super) fn level_class(level: Level) -> &'static str {
    match level {
        Level::Block => "block",
        Level::Warn => "warn",
        Level::Off => "mute",
    }
}

pub(super) fn severity_class(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "block",
        Severity::Warning => "warn",
        Severity::Info => "mute",
    }
}

pub(super) fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

/// The worst finding of each platform of a release, and those of `others` that it has not.
pub(super) fn platforms(release: &Release, others: &[Platform]) -> Markup {
    let mut seen: Vec<(Platform, Option<Severity>)> = Vec::new();
    for report in &release.reports {
        let worst = report.findings.iter().map(|finding| finding.severity).max();
        match seen.iter_mut().find(|(platform, _)| *platform == report.platform) {
            Some((_, known)) => *known = (*known).max(worst),
            None => seen.push((report.platform, worst)),
        }
    }
    let missing: Vec<Platform> =
        others.iter().copied().filter(|other| !seen.iter().any(|(platform, _)| platform == other)).collect();
    html! {
        span.plats {
            @for (on, worst) in &seen {
                @match worst {
                    Some(Severity::Error) => (state("block", &format!("{} error", on.display_name()))),
                    Some(Severity::Warning) => (state("warn", &format!("{} warn", on.display_name()))),
                    _ => (state("ok", on.display_name())),
                }
            }
            @for on in missing { (state("mute", &format!("{} missing", on.display_name()))) }
        }
    }
}

/// How the artifacts of a release are signed, in one word each, worst first.
pub(super) fn signing(reports: &[ArtifactReport]) -> Markup {
    use inspect::Signing;
    let count = |wanted: Signing| {
        reports.iter().filter(|report| report.summary.as_ref().is_some_and(|it| it.signing == wanted)).count()
    };
    let (invalid, unsigned, ad_hoc, signed) =
        (count(Signing::Invalid), count(Signing::Unsigned), count(Signing::AdHoc), count(Signing::Signed));
    html! {
        @if invalid > 0 { (state("block", &format!("{invalid} invalid"))) " " }
        @if unsigned > 0 { (state("warn", &format!("{unsigned} unsigned"))) " " }
        @if ad_hoc > 0 { (state("warn", &format!("{ad_hoc} ad hoc"))) " " }
        @if signed > 0 { (state("ok", &format!("{signed} signed"))) }
        @if invalid + unsigned + ad_hoc + signed == 0 { span.muted { "not applicable" } }
    }
}

/// How many findings warn and how many are errors.
pub(super) fn warnings(reports: &[ArtifactReport]) -> (usize, usize) {
    let count = |wanted: Severity| {
        reports.iter().flat_map(|report| &report.findings).filter(|finding| finding.severity == wanted).count()
    };
    (count(Severity::Warning), count(Severity::Error))
}

/// Text that is copied whole.
pub(super) fn block(text: &str) -> Markup {
    html! { div.code { pre tabindex="0" { code { (text) } } (copy(text, "text")) } }
}

/// What is shown where there is nothing yet: what would be here, and how it gets here.
pub(super) fn empty(title: &str, then: &Markup) -> Markup {
    html! { div.empty { p { strong { (title) } } (then) } }
}

/// The link to the next page, where there is one.
pub(super) fn more(path: &str, pairs: &[(&str, &str)], next: Option<&str>) -> Markup {
    let is_later = pairs.iter().any(|(name, value)| *name == "after" && !value.is_empty());
    let others: Vec<(&str, &str)> = pairs.iter().copied().filter(|(name, _)| *name != "after").collect();
    html! {
        @if is_later || next.is_some() {
            p.pages {
                @if is_later { a.button href=(at::with_query(path, &others)) { "Newest" } }
                @if let Some(next) = next {
                    @let pairs = [others.as_slice(), &[("after", next)]].concat();
                    a.button href=(at::with_query(path, &pairs)) rel="next" { "Older" }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_their_largest_unit() {
        let now: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        let check = |seconds: i64, expect: &str| {
            assert_eq!(relative(now, now - SignedDuration::from_secs(seconds)), expect);
        };
        check(0, "now");
        check(45, "45 s ago");
        check(9 * 60, "9 min ago");
        check(47 * 3600, "47 h ago");
        check(6 * 86400, "6 d ago");
        check(-23 * 3600 - 10, "in 23 h");
    }

    #[test]
    fn a_change_of_size_has_its_sign() {
        assert_eq!(delta(0, 1024), "+1.0 KiB");
        assert_eq!(delta(1024, 0), "−1.0 KiB");
        assert_eq!(delta(5, 5), "±0");
    }
}
