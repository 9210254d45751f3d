//! Jump and act: what the palette lists, and a page of its own without script.

use std::collections::HashSet;

use axum::response::Response;
use maud::{Markup, html};
use protocol::AppSlug;
use protocol::scope::Need;

use super::at;
use super::desk::Desk;
use super::frame::Screen;
use crate::ops::releases::Wanted;
use crate::ops::{self, OpError};

/// Targets of one answer.
const MOST: usize = 20;

/// Apps whose channels and releases are looked at.
const APPS: usize = 8;

struct Target {
    label: String,
    what: &'static str,
    href: String,
}

pub(super) async fn page(desk: Desk) -> Response {
    let made = load(&desk).await.map(|targets| Screen::new("Jump", draw(&desk, &targets)));
    desk.give(made)
}

async fn load(desk: &Desk) -> Result<Vec<Target>, OpError> {
    let asked = desk.asked("q").to_lowercase();
    let words: Vec<&str> = asked.split_whitespace().collect();
    let mut targets = places();
    let apps = ops::apps::list(&desk.server, desk.caller.clone()).await?.apps;
    let named =
        |slug: &str, name: &str| words.iter().any(|word| slug.contains(word) || name.to_lowercase().contains(word));
    let (mut near, rest): (Vec<_>, Vec<_>) = apps.into_iter().partition(|app| named(app.slug.as_str(), &app.name));
    near.extend(rest);
    for app in near.into_iter().take(APPS) {
        targets.push(Target { label: app.name.clone(), what: "app", href: at::app(&app.slug) });
        of_app(desk, &app.slug, &words, &mut targets).await?;
    }
    targets.retain(|target| {
        let text = format!("{} {}", target.label, target.what).to_lowercase();
        words.iter().all(|word| text.contains(word))
    });
    let mut seen = HashSet::new();
    targets.retain(|target| seen.insert(target.href.clone()));
    targets.truncate(MOST);
    Ok(targets)
}

fn places() -> Vec<Target> {
    let place = |label: &str, href: &str| Target { label: label.to_owned(), what: "screen", href: href.to_owned() };
    vec![
        place("Apps", at::APPS),
        place("Uploads", at::UPLOADS),
        place("Audit log", at::AUDIT),
        place("Tokens", at::TOKENS),
        place("Storage and health", at::STORAGE),
        place("Sessions and rights", at::SESSIONS),
        place("Keys", at::KEYS),
    ]
}

async fn of_app(desk: &Desk, app: &AppSlug, words: &[&str], targets: &mut Vec<Target>) -> Result<(), OpError> {
    let channels = ops::channels::list(&desk.server, desk.caller.clone(), app.clone()).await?.channels;
    for channel in &channels {
        let label = format!("{app} {}", channel.name);
        targets.push(Target { label: label.clone(), what: "channel", href: at::channel(app, &channel.name) });
        if !desk.caller.may(Need::Promote(app, &channel.name)) {
            continue;
        }
        targets.push(Target {
            label: format!("Roll back {label}"),
            what: "act",
            href: at::channel_act(app, &channel.name, "rollback"),
        });
        for from in channels.iter().filter(|from| from.release.id != channel.release.id) {
            targets.push(Target {
                label: format!("Promote {app} {} to {}", from.release.name, channel.name),
                what: "act",
                href: at::promote(app, &channel.name, &from.release.name),
            });
        }
    }
    // What is left of the words beside the app may be a release.
    let text = words.iter().find(|word| word.bytes().any(|byte| byte.is_ascii_digit()));
    if let Some(text) = text {
        let wanted = Wanted { text: (*text).to_owned(), limit: Some(5), ..Wanted::default() };
        let found = ops::releases::search(&desk.server, desk.caller.clone(), app.clone(), wanted).await?;
        targets.extend(found.releases.iter().map(|release| Target {
            label: format!("{app} {} {}", release.name, release.id.short()),
            what: "release",
            href: at::release(app, &release.name),
        }));
    }
    Ok(())
}

fn draw(desk: &Desk, targets: &[Target]) -> Markup {
    html! {
        h1 { "Jump" }
        form.row method="get" {
            label { "To " input name="q" type="search" value=(desk.asked("q")) spellcheck="false" autofocus; }
            button type="submit" { "Find" }
        }
        ul.targets #targets {
            @for target in targets { li { a href=(target.href) { (target.label) " " span.muted { (target.what) } } } }
            @if targets.is_empty() { li.muted { "Nothing of that name." } }
        }
    }
}
