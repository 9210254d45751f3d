//! What a promotion would do, and what a move did.

use protocol::Level;
use protocol::api::{GateResult, Moved, Promotion, ReleaseRef};
use protocol::clients::{ClientEffect, Reach};

use super::table::printable;
use super::{Align, Look, Table, Tone, gate_lines, passed_line, wrap};

/// From where to where, how far that is, and what the gates say.
pub(crate) fn render_promotion(look: &Look, plan: &Promotion) -> String {
    let name = look.bold(&format!("{} {}", plan.app, plan.channel));
    let from = plan.from.as_ref().map_or_else(|| "new channel".to_owned(), |from| from.name.to_string());
    if plan.from.as_ref().is_some_and(|from| from.id == plan.to.id) {
        return format!("{name}   {from}   it is there already\n");
    }
    let head = format!("{name}   {from} → {}   {}\n", look.bold(plan.to.name.as_str()), distance(plan));
    head + &gate_lines(look, &plan.report.gates, &[]) + &passed_line(look, &plan.report.passed)
}

/// `3 releases, 2 notes`
fn distance(plan: &Promotion) -> String {
    let counted = |count: u64, one: &str, several: &str| format!("{count} {}", if count == 1 { one } else { several });
    let mut parts = Vec::new();
    if plan.ahead > 0 {
        parts.push(counted(plan.ahead, "release", "releases"));
        parts.push(counted(plan.notes, "note", "notes"));
    }
    if plan.behind > 0 {
        parts.push(format!("{} back", counted(plan.behind, "release", "releases")));
    }
    parts.join(", ")
}

/// The releases that a promotion passes, newest first, with their notes.
pub(crate) fn render_passed(look: &Look, plan: &Promotion) -> String {
    let mut text = String::new();
    for passed in &plan.releases {
        let (name, id) = (look.bold(passed.release.name.as_str()), look.dim(&passed.release.id.short()));
        text += &["\n", &name, "  ", &id, "  ", &look.when(passed.published_at), "\n"].concat();
        for line in passed.notes.iter().flat_map(|notes| notes.trim().lines()) {
            text += format!("  {}", wrap_line(look, line)).trim_end();
            text.push('\n');
        }
    }
    let more = plan.ahead.saturating_sub(plan.releases.len() as u64);
    if more > 0 {
        text += &["\nand ", &more.to_string(), " more before them\n"].concat();
    }
    text
}

/// A line of notes with its own indent.
fn wrap_line(look: &Look, line: &str) -> String {
    let text = printable(line);
    let indent = text.len() - text.trim_start().len();
    format!("{:indent$}{}", "", wrap(look, &text, 2 + indent))
}

/// Why a promotion does not go through, and how it would.
pub(crate) fn render_refusal(look: &Look, plan: &Promotion, blocks: &[&GateResult]) -> String {
    let (app, channel) = (&plan.app, &plan.channel);
    let count = blocks.len();
    let counted = if count == 1 { "1 gate blocks".to_owned() } else { format!("{count} gates block") };
    let fixed = blocks.iter().any(|result| !result.gate.gate.can_be_overridden());
    let flags: Vec<String> = blocks.iter().map(|result| format!("--override {}", result.gate)).collect();
    let way = if fixed {
        format!("dist restore {app}@{} brings the release back into use.", plan.to.name)
    } else {
        let flags = flags.join(" ");
        let pinned = blocks.iter().any(|result| result.gate.gate == protocol::Gate::ChannelPinned);
        let unpin = if pinned { format!("dist unpin {app}@{channel} lets the channel move. ") } else { String::new() };
        format!(
            "{unpin}Override with {flags} --reason \"…\" (needs promote:{app}/{channel} and override:{app}/{channel})."
        )
    };
    let head = look.tone(Tone::Bad, "Refused:");
    // The first word is as wide without its colour.
    let text = wrap(look, &format!("Refused: {counted}. {way}"), 0);
    format!("{}\n", text.replacen("Refused:", &head, 1))
}

/// Where a channel was and is, in one sentence, and what is to be said of it.
pub(crate) fn render_moved(look: &Look, moved: &Moved, ahead: u64) -> String {
    let (channel, to) = (&moved.channel, &moved.to.name);
    let between = match ahead {
        0 | 1 => String::new(),
        2 => " 1 release in between.".to_owned(),
        more => format!(" {} releases in between.", more - 1),
    };
    let sentence = match &moved.from {
        Some(from) if from.id == moved.to.id => format!("{channel} points at {to} already. Nothing moved.\n"),
        Some(from) => format!("{channel} now points at {to} (was {}).{between}\n", from.name),
        None => format!("{channel} now points at {to} (new channel).\n"),
    };
    let told: Vec<GateResult> = moved.gates.iter().filter(|result| result.level != Level::Off).cloned().collect();
    sentence + &gate_lines(look, &told, &moved.overridden)
}

/// Where a channel went back to, that it stays there, and whom that reaches.
pub(crate) fn render_rollback(look: &Look, app: &str, moved: &Moved) -> String {
    let mut text = render_moved(look, moved, 0);
    if moved.pin.is_some() {
        let channel = &moved.channel;
        let pinned = format!(
            "It is pinned there: nothing is published or promoted onto {channel} until `dist unpin {app}@{channel}`."
        );
        text += &(wrap(look, &pinned, 0) + "\n");
    }
    if !moved.clients.is_empty() {
        text += "\n";
        text += &reached(look, &moved.clients, &moved.to);
    }
    text
}

fn reached(look: &Look, clients: &[ClientEffect], to: &ReleaseRef) -> String {
    let mut table = Table::new(&[
        ("platform", Align::Left),
        ("updater", Align::Left),
        ("installed apps", Align::Left),
        ("why", Align::Left),
    ]);
    for client in clients {
        let what = match client.reach {
            Reach::InstalledGoBack => "go back",
            Reach::NewInstallsOnly => "stay",
        };
        table.row([client.platform.to_string(), client.updater.to_string(), what.to_owned(), client.why.clone()]);
    }
    let new = format!("Who installs anew gets {}.", to.name);
    format!("{}{new}\n", table.render(look))
}

#[cfg(test)]
mod tests;
