//! iPhones and iPads: what installs there is never just a file.

use maud::{Markup, html};
use protocol::api::{Install, InstallMode};

use super::steps;
use crate::web::install::sheet::Sheet;
use crate::web::install::view::{Action, Item, Section};

pub(super) fn body(sheet: &Sheet<'_>, section: &Section<'_>, action: Action<'_>) -> Markup {
    let words = &sheet.words.ios;
    match action {
        Action::Install(item, url) => install(sheet, item, url),
        Action::OnDevice(item) => html! { (what_it_is(sheet, item.install)) p { (words.on_device) } },
        Action::NeedsHttps(item) => {
            html! { (what_it_is(sheet, item.install)) p.notice role="note" { (words.needs_https) } }
        }
        Action::Open(_) => html! {
            (super::download(sheet, section, action))
            @if let Some(invitation) = section.invitation { (testflight(sheet, invitation)) }
        },
        Action::Nothing(reason) => html! {
            p.notice role="note" { @if let Some(reason) = reason { ((words.reason)(reason)) } }
            @if !sheet.view.is_for_makers { p.muted { (words.for_makers) " " a href={ "/signin?next=" (sheet.path) } { (sheet.words.sign_in.title) } } }
        },
        Action::Download(_) => super::download(sheet, section, action),
    }
}

fn install(sheet: &Sheet<'_>, item: Item<'_>, url: &str) -> Markup {
    let words = sheet.words;
    let is_maybe = sheet.view.is_maybe_ipad();
    let how = if item.install.mode == InstallMode::AdHoc { words.ios.steps_ad_hoc } else { words.ios.steps_enterprise };
    // From inside an app the tap does nothing.
    let is_tappable = sheet.view.device.inside.is_none();
    html! {
        @if is_tappable {
            div data-on=[is_maybe.then_some("ipad")] {
                a.button.primary href=(url) { ((words.act.install_on)(sheet.view.device_name())) }
            }
        }
        (what_it_is(sheet, item.install))
        @if is_maybe { p data-on="mac" hidden { (words.ios.on_device) } }
        div data-on=[is_maybe.then_some("ipad")] { (steps(how)) }
    }
}

/// Enterprise or ad hoc, and for how long.
fn what_it_is(sheet: &Sheet<'_>, way: &Install) -> Markup {
    let words = &sheet.words.ios;
    let what = match way.mode {
        InstallMode::AdHoc => (words.ad_hoc)(way.devices.unwrap_or(0)),
        _ => words.enterprise.to_owned(),
    };
    html! { p.what { (what) @if let Some(days) = way.days_left { " · " ((words.valid)(days)) } } }
}

fn testflight(sheet: &Sheet<'_>, invitation: &Install) -> Markup {
    let words = &sheet.words.ios;
    let left = match invitation.days_left {
        Some(0) | None => words.testflight_over.to_owned(),
        Some(days) => (words.testflight_left)(days),
    };
    html! { p.what { (left) } (steps(words.steps_testflight)) }
}
