//! What is said of each platform: the one action, what will happen, the other files, the facts.

mod android;
mod ios;
mod linux;
mod macos;
mod windows;

use inspect::Summary;
use maud::{Markup, html};
use protocol::platform::LinkKind;
use protocol::{ArtifactLine, ByteSize, Kind, Platform};

use super::sheet::Sheet;
use super::view::{Action, Item, Section};
use crate::ops::install::choose::is_universal;
use crate::web::words::Words;

/// Everything of one platform, below its heading.
pub(super) fn body(sheet: &Sheet<'_>, section: &Section<'_>) -> Markup {
    let action = sheet.view.action(section);
    let what = match section.platform {
        Platform::Ios => ios::body(sheet, section, action),
        Platform::Android => android::body(sheet, section, action),
        Platform::Macos => macos::body(sheet, section, action),
        Platform::Windows => windows::body(sheet, section, action),
        Platform::Linux => linux::body(sheet, section, action),
        Platform::Any => download(sheet, section, action),
    };
    html! { (what) (other_files(sheet, section, action)) (facts(sheet, section)) }
}

/// The primary button of a file, or of a link.
fn download(sheet: &Sheet<'_>, section: &Section<'_>, action: Action<'_>) -> Markup {
    match action {
        Action::Download(item) => {
            let text = (sheet.words.act.download_for)(sheet.words.platform(section.platform));
            html! {
                a.button.primary.quiet[sheet.view.device.inside.is_some()] href=(item.place.file) download=(item.line.filename) {
                    (text) " " small { (processor(sheet.words, item)) (ByteSize(item.line.size)) }
                }
                p.filename { (item.line.filename) }
            }
        }
        Action::Open(link) => {
            let act = &sheet.words.act;
            let text = match link.kind {
                LinkKind::Testflight => act.open_testflight,
                LinkKind::AppStore => act.open_app_store,
                LinkKind::GooglePlay => act.open_google_play,
                LinkKind::Web => act.open_page,
            };
            html! { a.button.primary href=(link.url) rel="noreferrer" { (text) } }
        }
        Action::Install(..) | Action::OnDevice(_) | Action::NeedsHttps(_) | Action::Nothing(_) => html! {},
    }
}

/// `arm64 · `, where there are several.
fn processor(words: &Words, item: Item<'_>) -> String {
    if is_universal(&item.line.arch) { String::new() } else { format!("{} · ", arch_name(words, item)) }
}

/// What people call a processor on that platform.
fn arch_name<'a>(words: &'a Words, item: Item<'a>) -> &'a str {
    match (item.line.platform, item.line.arch.as_str()) {
        (Platform::Macos, "aarch64") => words.mac.apple_silicon,
        (Platform::Macos, "x86_64") => words.mac.intel,
        (Platform::Android, "aarch64") => "arm64",
        (Platform::Windows, "x86_64") => "x64",
        (Platform::Windows, "aarch64") => "ARM64",
        (_, "universal" | "any") => words.label.every_processor,
        (_, other) => other,
    }
}

/// What is not the primary one: each on a line of its own.
fn other_files(sheet: &Sheet<'_>, section: &Section<'_>, action: Action<'_>) -> Markup {
    let primary = match action {
        Action::Download(item) => Some(item.line.key()),
        _ => None,
    };
    let is_other = |item: &&Item<'_>| Some(item.line.key()) != primary && sheet.view.hands_out(item);
    // App Bundles and the like are there for those who hold a token; others learn of them in words.
    let others: Vec<&Item<'_>> = section.items.iter().filter(is_other).filter(|item| !is_tapped(item)).collect();
    html! {
        @if !others.is_empty() {
            h3 { (sheet.words.label.other_files) }
            ul.files { @for item in others { (file(sheet, *item)) } }
        }
    }
}

/// An IPA that installs by a tap is not offered as a file beside that.
fn is_tapped(item: &Item<'_>) -> bool {
    use protocol::api::InstallMode as Mode;
    matches!(item.install.mode, Mode::Enterprise | Mode::AdHoc)
}

fn file(sheet: &Sheet<'_>, item: Item<'_>) -> Markup {
    html! {
        li {
            div {
                div.name { (item.line.filename) }
                div.muted { (arch_name(sheet.words, item)) " · " (item.line.kind) " · " (ByteSize(item.line.size)) }
            }
            a.button.quiet href=(item.place.file) download=(item.line.filename)
                aria-label={ (sheet.words.act.download) " " (item.line.filename) } { (sheet.words.act.download) }
        }
    }
}

/// Steps to follow, in order.
fn steps(texts: &[&str]) -> Markup {
    html! { ol.steps { @for text in texts { li { (text) } } } }
}

/// What is known of the file that comes first.
fn facts(sheet: &Sheet<'_>, section: &Section<'_>) -> Markup {
    let Some(item) = section.items.first() else { return html! {} };
    let label = &sheet.words.label;
    let summary = item.summary;
    let of = |read: fn(&Summary) -> Option<&String>| summary.and_then(read);
    let minimum = summary.and_then(|summary| minimum_os(sheet.words, item.line.platform, summary));
    let signing = summary.and_then(|summary| sheet.words.signing_state(summary));
    let version_code = of(|summary| summary.build.as_ref()).filter(|_| item.line.kind == Kind::Apk);
    html! {
        dl.facts {
            @if let Some(minimum) = minimum { dt { (label.minimum_os) } dd { (minimum) } }
            @if let Some(signing) = signing { dt { (label.signing) } dd { (signing) } }
            @for signer in summary.map(|summary| summary.signers.as_slice()).unwrap_or_default() {
                dt { (label.signer) } dd { code { (signer) } }
            }
            @if let Some(id) = of(|summary| summary.id.as_ref()) { dt { (label.id) } dd { code { (id) } } }
            @if let Some(code) = version_code { dt { (label.version_code) } dd { (code) } }
            @if !is_universal(&item.line.arch) { dt { (label.processor) } dd { (arch_name(sheet.words, *item)) } }
        }
    }
}

/// `iOS 16.0 or later`.
fn minimum_os(words: &Words, platform: Platform, summary: &Summary) -> Option<String> {
    let version = summary.minimum_os.as_deref()?;
    let named = match platform {
        Platform::Ios => format!("iOS {version}"),
        Platform::Android => android::named_version(version),
        Platform::Macos => format!("macOS {version}"),
        Platform::Windows => format!("Windows {version}"),
        Platform::Linux | Platform::Any => version.to_owned(),
    };
    Some((words.label.or_later)(&named))
}

/// What `sha256sum -c` and `shasum -c` read.
fn echo_checksum(line: &ArtifactLine) -> String {
    format!("echo {}", shell(&format!("{}  {}", line.sha256, line.filename)))
}

/// A text as one word of a shell.
fn shell(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"./_-+~".contains(&byte);
    if text.bytes().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_of_the_shell() {
        assert_eq!(shell("./acme-1.0_amd64.deb"), "./acme-1.0_amd64.deb");
        assert_eq!(shell("./a b"), "'./a b'");
        assert_eq!(shell("./a'; rm -rf ~"), r"'./a'\''; rm -rf ~'");
    }
}
