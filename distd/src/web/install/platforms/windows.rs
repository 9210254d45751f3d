//! Windows: installers, packages and archives. App packages are files like the others: `ms-appinstaller:` is switched off on
//! most machines (CVE-2021-43890).

use inspect::{Signing, Summary};
use maud::{Markup, html};
use protocol::Kind;

use super::{download, steps};
use crate::web::install::sheet::Sheet;
use crate::web::install::view::{Action, Section};
use crate::web::words::Windows;

pub(super) fn body(sheet: &Sheet<'_>, section: &Section<'_>, action: Action<'_>) -> Markup {
    let words = &sheet.words.windows;
    let Action::Download(item) = action else { return download(sheet, section, action) };
    let how = match item.line.kind {
        Kind::Exe | Kind::Msi => words.steps_installer,
        Kind::Msix => words.steps_msix,
        Kind::Zip => words.steps_zip,
        _ => &[],
    };
    let verify = format!("(Get-FileHash '{}').Hash -eq '{}'", quoted(item.line.filename.as_str()), item.line.sha256);
    html! {
        (download(sheet, section, action))
        @if !how.is_empty() { (steps(how)) }
        @if let Some((text, is_warning)) = item.summary.and_then(|summary| opening(words, summary)) {
            p.notice[is_warning] role=[is_warning.then_some("note")] { (text) }
        }
        (sheet.command(sheet.words.label.verify, &verify))
    }
}

/// A quotation mark inside a text in single ones, for PowerShell.
fn quoted(name: &str) -> String {
    name.replace('\'', "''")
}

fn opening(words: &Windows, summary: &Summary) -> Option<(&'static str, bool)> {
    match summary.signing {
        Signing::Signed => Some((words.signed, false)),
        Signing::Unsigned | Signing::AdHoc => Some((words.unsigned, true)),
        Signing::Invalid => Some((words.invalid, true)),
        Signing::NotApplicable => None,
    }
}
