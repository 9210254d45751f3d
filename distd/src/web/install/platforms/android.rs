//! Android: packages, never bundles.

use jiff::Timestamp;
use maud::{Markup, html};
use protocol::Kind;

use super::{download, steps};
use crate::ops::install::choose::is_universal;
use crate::web::install::sheet::Sheet;
use crate::web::install::view::{Action, Section};
use crate::web::words::Android;

/// From when certified devices in some countries install only apps of registered developers, and from when all do
/// (developer.android.com, "Android developer verification").
const IN_PLACES: &str = "2026-09-30T00:00:00Z";
const EVERYWHERE: &str = "2027-01-01T00:00:00Z";

pub(super) fn body(sheet: &Sheet<'_>, section: &Section<'_>, action: Action<'_>) -> Markup {
    let words = &sheet.words.android;
    let has_bundle = section.items.iter().any(|item| item.line.kind == Kind::Aab);
    let Action::Download(item) = action else {
        return html! {
            (download(sheet, section, action))
            @if has_bundle { p.notice role="note" { (words.bundle) } }
        };
    };
    let is_guess = sheet.view.device.arch.is_none() && !is_universal(&item.line.arch);
    html! {
        (download(sheet, section, action))
        @if is_guess { p.what { (words.which) } }
        (steps(words.steps))
        @if let Some(text) = verification(words, sheet.now) { p.muted { (text) } }
    }
}

fn verification(words: &Android, now: Timestamp) -> Option<&'static str> {
    let is_past = |moment: &str| moment.parse().is_ok_and(|moment: Timestamp| moment <= now);
    match (is_past(IN_PLACES), is_past(EVERYWHERE)) {
        (_, true) => Some(words.verified_everywhere),
        (true, false) => Some(words.verified_in_places),
        (false, false) => None,
    }
}

/// `Android 7.0 (API 24)`: names of API levels (source.android.com, "Codenames, tags, and build numbers").
pub(super) fn named_version(api: &str) -> String {
    const VERSIONS: [&str; 16] =
        ["5.0", "5.1", "6.0", "7.0", "7.1", "8.0", "8.1", "9", "10", "11", "12", "12L", "13", "14", "15", "16"];
    let known = api.parse::<usize>().ok().and_then(|level| VERSIONS.get(level.checked_sub(21)?));
    known.map_or_else(|| format!("Android API {api}"), |version| format!("Android {version} (API {api})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::words::EN;

    #[test]
    fn what_is_said_of_verification_depends_on_the_day() {
        let check = |day: &str, expect: Option<&str>| {
            let now = format!("{day}T12:00:00Z").parse().unwrap();
            assert_eq!(verification(&EN.android, now), expect, "{day}");
        };
        check("2026-09-29", None);
        check("2026-09-30", Some(EN.android.verified_in_places));
        check("2026-12-31", Some(EN.android.verified_in_places));
        check("2027-01-01", Some(EN.android.verified_everywhere));
    }

    #[test]
    fn api_levels_have_names() {
        assert_eq!(named_version("24"), "Android 7.0 (API 24)");
        assert_eq!(named_version("36"), "Android 16 (API 36)");
        assert_eq!(named_version("9"), "Android API 9");
        assert_eq!(named_version("Baklava"), "Android API Baklava");
    }
}
