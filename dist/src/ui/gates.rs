//! What gates say of a release.

use protocol::api::{GatePass, GateResult};
use protocol::{GateCode, Level};

use super::table::printable;
use super::{Look, Tone};

/// One line for each gate that says something, `indent` and all; ends in a newline unless empty.
pub(crate) fn gates(look: &Look, results: &[GateResult]) -> String {
    gate_lines(look, results, &[])
}

/// The same, where some of those that block are overridden.
pub(crate) fn gate_lines(look: &Look, results: &[GateResult], overridden: &[GateCode]) -> String {
    let told = || results.iter().filter(|result| result.level != Level::Off);
    let widest = told().map(|result| result.gate.to_string().len()).max().unwrap_or_default();
    let line = |result: &GateResult| {
        let tone = if result.level == Level::Block { Tone::Bad } else { Tone::Warn };
        let level = look.tone(tone, &format!("{:<5}", result.level.as_str()));
        let tail = if overridden.contains(&result.gate) { " (overridden)" } else { "" };
        let message = wrap(look, &format!("{}{tail}", printable(&result.message)), 11 + widest);
        format!("  {level}  {:<widest$}  {message}\n", result.gate)
    };
    told().map(line).collect()
}

/// The line of what passes: `ok     version-rises, profile-valid (212 days)`; empty where nothing was asked.
pub(crate) fn passed_line(look: &Look, passed: &[GatePass]) -> String {
    let word = |pass: &GatePass| match &pass.detail {
        Some(detail) => format!("{} ({detail})", pass.word),
        None => pass.word.clone(),
    };
    let words: Vec<String> = passed.iter().map(word).collect();
    if words.is_empty() {
        return String::new();
    }
    format!("  {}  {}\n", look.tone(Tone::Good, "ok   "), wrap(look, &words.join(", "), 9))
}

/// Text on as many lines as the terminal's width takes, further ones indented. A word that is too long for a line stays whole.
pub(crate) fn wrap(look: &Look, text: &str, indent: usize) -> String {
    let room = look.width.map_or(usize::MAX, |width| usize::from(width).saturating_sub(indent).max(20));
    let (mut lines, mut used) = (vec![String::new()], 0);
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > room {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += length;
        }
    }
    lines.join(&format!("\n{:indent$}", ""))
}
