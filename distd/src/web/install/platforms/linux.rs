//! Linux: which packages a system takes is not known, so each comes with its command.

use maud::{Markup, html};
use protocol::{Kind, Platform};

use super::{download, echo_checksum, shell};
use crate::web::install::sheet::Sheet;
use crate::web::install::view::{Action, Item, Section};
use crate::web::words::Linux;

pub(super) fn body(sheet: &Sheet<'_>, section: &Section<'_>, action: Action<'_>) -> Markup {
    let words = &sheet.words.linux;
    let Action::Download(first) = action else { return download(sheet, section, action) };
    let verify = format!("{} | sha256sum -c", echo_checksum(first.line));
    // A Chromebook says Android as well.
    let is_chromebook = sheet.is_own(Platform::Linux) && sheet.is_own(Platform::Android);
    let mut kinds = Vec::new();
    let one_of_each = section.items.iter().filter(|item| {
        let is_new = !kinds.contains(&item.line.kind);
        kinds.push(item.line.kind);
        is_new
    });
    html! {
        (download(sheet, section, action))
        @if is_chromebook { p.what { (words.chromebook) } }
        @for item in one_of_each {
            @if let Some((label, command)) = command(words, item) { (sheet.command(label, &command)) }
        }
        (sheet.command(sheet.words.label.verify, &verify))
    }
}

/// For whom, and what installs it.
fn command(words: &Linux, item: &Item<'_>) -> Option<(&'static str, String)> {
    let file = shell(&format!("./{}", item.line.filename));
    match item.line.kind {
        Kind::Deb => Some((words.deb, format!("sudo apt install {file}"))),
        Kind::Rpm => Some((words.rpm, format!("sudo dnf install {file}    # zypper install {file}"))),
        Kind::Appimage => Some((words.appimage, format!("chmod +x {file} && {file}"))),
        Kind::Tarball => Some((words.archive, format!("tar -xf {file}"))),
        Kind::Zip => Some((words.archive, format!("unzip {file}"))),
        _ => None,
    }
}
