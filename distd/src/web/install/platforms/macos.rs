//! macOS: images, packages and archives, and what the system says when they are first opened.

use inspect::{Signing, Summary};
use maud::{Markup, html};
use protocol::Kind;

use super::{download, echo_checksum, steps};
use crate::ops::install::choose::is_universal;
use crate::web::install::sheet::Sheet;
use crate::web::install::view::{Action, Section};
use crate::web::words::Mac;

pub(super) fn body(sheet: &Sheet<'_>, section: &Section<'_>, action: Action<'_>) -> Markup {
    let words = &sheet.words.mac;
    let Action::Download(item) = action else { return download(sheet, section, action) };
    let how = match item.line.kind {
        Kind::Dmg => words.steps_dmg,
        Kind::Pkg => words.steps_pkg,
        _ => words.steps_zip,
    };
    let has_several = section.items.iter().any(|item| !is_universal(&item.line.arch)) && section.items.len() > 1;
    let verify = format!("{} | shasum -a 256 -c", echo_checksum(item.line));
    html! {
        (download(sheet, section, action))
        @if has_several && sheet.view.device.arch.is_none() { p.what { (words.which) } }
        (steps(how))
        @if let Some((text, is_warning)) = item.summary.and_then(|summary| opening(words, summary)) {
            p.notice[is_warning] role=[is_warning.then_some("note")] { (text) }
        }
        (sheet.command(sheet.words.label.verify, &verify))
    }
}

/// What happens when it is first opened, and whether that needs something to be done.
fn opening(words: &Mac, summary: &Summary) -> Option<(&'static str, bool)> {
    match (summary.signing, summary.stapled) {
        (Signing::Signed, Some(true)) => Some((words.stapled, false)),
        (Signing::Signed, _) => Some((words.no_ticket, true)),
        (Signing::AdHoc | Signing::Unsigned | Signing::Invalid, _) => Some((words.unsigned, true)),
        (Signing::NotApplicable, _) => None,
    }
}
