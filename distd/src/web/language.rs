//! Which language a reader gets. Pure.

use super::words::{DE, EN, Words, ZH};

/// Those that the pages are in. The first is for everybody else.
pub(super) const ALL: [&Words; 3] = [&EN, &ZH, &DE];

/// The language that was chosen, else the one that the browser asks for most (`Accept-Language`; RFC 9110, section 12.5.4).
pub(super) fn choose(chosen: Option<&str>, accepted: &str) -> &'static Words {
    if let Some(words) = chosen.and_then(|tag| ALL.into_iter().find(|words| words.tag == tag)) {
        return words;
    }
    let mut best: Option<(u32, &'static Words)> = None;
    for range in accepted.split(',').take(32) {
        let Some((weight, words)) = read(range) else { continue };
        if best.is_none_or(|(most, _)| weight > most) {
            best = Some((weight, words));
        }
    }
    best.map_or(ALL[0], |(_, words)| words)
}

/// `de-CH;q=0.9`: its weight in thousandths, and our language.
fn read(range: &str) -> Option<(u32, &'static Words)> {
    let (tag, parameters) = range.split_once(';').unwrap_or((range, "q=1"));
    let weight: f32 = parameters.trim().strip_prefix("q=")?.trim().parse().ok()?;
    let primary = tag.trim().split('-').next()?.to_ascii_lowercase();
    let words = ALL.into_iter().find(|words| words.tag.split('-').next() == Some(primary.as_str()))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=1000")]
    let thousandths = (weight.clamp(0.0, 1.0) * 1000.0) as u32;
    (thousandths > 0).then_some((thousandths, words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_one_asked_for_most() {
        let check = |chosen: Option<&str>, accepted: &str, expect: &str| {
            assert_eq!(choose(chosen, accepted).tag, expect, "{chosen:?} {accepted}");
        };
        check(None, "", "en");
        check(None, "de", "de");
        check(None, "de-CH,de;q=0.9,en;q=0.8", "de");
        check(None, "en;q=0.5, de-AT;q=0.7", "de");
        check(None, "zh-CN,zh;q=0.9,en-US;q=0.8", "zh-Hans");
        check(None, "zh-Hans-SG", "zh-Hans");
        check(None, "fr-FR,fr;q=0.9,de;q=0.3", "de");
        check(None, "fr", "en");
        check(None, "de;q=0,en;q=0.1", "en");
        check(None, "de;q=NaN, en", "en");
        check(Some("de"), "zh", "de");
        check(Some("xx"), "zh", "zh-Hans");
    }
}
