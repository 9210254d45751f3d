//! The page itself, from top to bottom.

use jiff::Timestamp;
use maud::{Markup, html};
use protocol::{ByteSize, Platform};

use super::device::{Form, Inside};
use super::view::{Section, View};
use super::{notes, platforms, qr};
use crate::ops::sessions::Session;
use crate::web::page;
use crate::web::words::Words;

/// Everything that a page shows.
pub(super) struct Sheet<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) words: &'static Words,
    pub(super) now: Timestamp,
    /// The whole address of the page, where the server knows its own.
    pub(super) page_url: Option<String>,
    /// Where the icon is.
    pub(super) icon: Option<String>,
    /// The whole address of the icon.
    pub(super) icon_url: Option<String>,
    /// The path of the page.
    pub(super) path: &'a str,
    /// The language, where it was chosen.
    pub(super) language: Option<&'static str>,
    pub(super) shows_all_notes: bool,
    pub(super) session: Option<&'a Session>,
}

impl Sheet<'_> {
    /// What chats show of the page (ogp.me).
    pub(super) fn head(&self) -> Markup {
        let shown = self.view.shown;
        let title = match &shown.channel {
            Some(channel) => format!("{} {} · {channel}", shown.name, shown.release.name),
            None => format!("{} {}", shown.name, shown.release.name),
        };
        let systems: Vec<&str> =
            self.view.sections().iter().map(|section| self.words.platform(section.platform)).collect();
        let description = systems.join(" · ");
        html! {
            meta name="description" content=(description);
            meta property="og:type" content="website";
            meta property="og:title" content=(title);
            meta property="og:description" content=(description);
            @if let Some(url) = &self.page_url { meta property="og:url" content=(url); }
            @if let Some(url) = &self.icon_url { meta property="og:image" content=(url); }
            meta name="twitter:card" content="summary";
        }
    }

    /// The page below its frame.
    pub(super) fn content(&self) -> Markup {
        let sections = self.view.sections();
        let own = self.view.own(&sections);
        let (first, others) = sections.split_at(own);
        html! {
            (self.hero())
            (self.inside_notice())
            @if sections.is_empty() { p { (self.words.label.nothing) } }
            @for section in first { (self.own_section(section)) }
            (self.notes())
            @if !others.is_empty() { (self.others(others, first.is_empty())) }
            (self.code())
            (self.checksums())
            @if let Some(session) = self.session { (page::sign_out(self.words, session)) }
        }
    }

    fn hero(&self) -> Markup {
        let shown = self.view.shown;
        let release = &shown.release;
        let letter = shown.name.chars().next().unwrap_or('?').to_uppercase().to_string();
        let build = release.name.build().map(|build| format!(" ({build})")).unwrap_or_default();
        html! {
            header.hero {
                @match &self.icon {
                    Some(icon) => { img.icon src=(icon) alt="" width="72" height="72"; }
                    None => { span.icon.letter aria-hidden="true" { (letter) } }
                }
                div {
                    h1 { (shown.name) @if let Some(channel) = &shown.channel { " " span.chip { (channel) } } }
                    p.muted {
                        (release.name.version()) (build) " · " (self.when(release.published_at)) " · " (self.size())
                    }
                }
            }
        }
    }

    /// The size of what the device gets, else of all.
    fn size(&self) -> ByteSize {
        let sections = self.view.sections();
        let own = self.view.own(&sections);
        let first = sections.first().filter(|_| own > 0).and_then(|section| section.items.first());
        ByteSize(first.map_or(self.view.shown.release.size_bytes, |item| item.line.size))
    }

    fn when(&self, at: Timestamp) -> Markup {
        const SECONDS_OF_A_DAY: i64 = 24 * 60 * 60;
        let days = self.now.as_second().div_euclid(SECONDS_OF_A_DAY) - at.as_second().div_euclid(SECONDS_OF_A_DAY);
        let said = match u64::try_from(days).unwrap_or(0) {
            0 => self.words.time.today.to_owned(),
            1 => self.words.time.yesterday.to_owned(),
            days @ 2..30 => (self.words.time.days_ago)(days),
            _ => at.strftime("%Y-%m-%d").to_string(),
        };
        html! { time datetime=(at) title=(at.strftime("%Y-%m-%d %H:%M UTC")) { (said) } }
    }

    /// In an app's own browser, the way out of it.
    fn inside_notice(&self) -> Markup {
        let Some(inside) = self.view.device.inside else { return html! {} };
        let app = if let Inside::Named(name) = inside { Some(name) } else { None };
        let browser = match self.view.device.form {
            Form::IPhone | Form::IPad => "Safari",
            Form::Phone => "Chrome",
            Form::Computer | Form::Program => return html! {},
        };
        html! {
            p.notice role="note" { strong { ((self.words.inside)(app, browser)) } }
            @if let Some(url) = &self.page_url { p { code { (url) } (self.copy(url)) } }
        }
    }

    /// A platform of the device that asks.
    fn own_section(&self, section: &Section<'_>) -> Markup {
        let maybe = self.view.is_maybe_ipad().then(|| section.platform.as_str());
        html! {
            section.own data-maybe=[maybe] {
                h2 { (self.words.platform(section.platform)) }
                (platforms::body(self, section))
            }
        }
    }

    /// The other platforms, each one tap away; all of them open where nothing is known of the device.
    fn others(&self, sections: &[Section<'_>], is_all: bool) -> Markup {
        let label = &self.words.label;
        html! {
            h2 #platforms { (if is_all { label.platforms } else { label.other_platforms }) }
            div.platforms {
                @for section in sections {
                    details.platform open[is_all && sections.len() <= 2] {
                        summary { (self.words.platform(section.platform)) }
                        (platforms::body(self, section))
                    }
                }
            }
        }
    }

    fn notes(&self) -> Markup {
        let Some(markdown) = self.view.shown.release.manifest.notes.as_deref() else { return html! {} };
        let notes = if self.shows_all_notes { notes::whole(markdown) } else { notes::beginning(markdown) };
        let language = self.language.map(|tag| format!("&lang={tag}")).unwrap_or_default();
        html! {
            section.notes aria-labelledby="news" {
                h2 #news { (self.words.label.whats_new) }
                (notes)
                @if notes.is_cut {
                    p { a href={ "?notes=all" (language) "#news" } { (self.words.act.all_notes) } }
                }
            }
        }
    }

    /// A code to scan, where someone sits before a computer.
    fn code(&self) -> Markup {
        let Some(url) = self.page_url.as_ref().filter(|_| !self.view.device.form.is_handheld()) else {
            return html! {};
        };
        let label = self.words.label.scan;
        html! {
            @if let Some(code) = qr::code(url, label) {
                figure.code { (code) figcaption.muted { (label) } }
            }
        }
    }

    fn checksums(&self) -> Markup {
        let release = &self.view.shown.release;
        let lines = &release.manifest.artifacts;
        let label = &self.words.label;
        html! {
            details.checksums {
                summary { (label.checksums) }
                p.muted { (label.checksums_hint) }
                dl {
                    @for line in lines { dt { (line.filename) } dd { code { (line.sha256) } } }
                    dt { (label.release) } dd { code { (release.id) } }
                    dt { (label.published) } dd { (release.published_at.strftime("%Y-%m-%d %H:%M UTC")) }
                }
            }
        }
    }

    /// A button that copies a text, where there is script.
    pub(super) fn copy(&self, text: &str) -> Markup {
        html! {
            button.quiet type="button" hidden data-copy=(text) data-copied=(self.words.act.copied) { (self.words.act.copy) }
        }
    }

    /// A command to copy.
    pub(super) fn command(&self, label: &str, command: &str) -> Markup {
        html! {
            div.command {
                p.muted { (label) " " (self.copy(command)) }
                pre tabindex="0" aria-label=(label) { code { (command) } }
            }
        }
    }

    /// Whether the platform is one of the device that asks.
    pub(super) fn is_own(&self, platform: Platform) -> bool {
        self.view.device.platforms.contains(&platform)
    }
}
