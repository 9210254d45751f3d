//! Release notes: Markdown (`CommonMark`, with tables and strikethrough) as HTML that does nothing.
//!
//! Raw HTML is not written at all, an address is `https`, `http` or `mailto` or it is none, and a picture is a link to it: the
//! page loads nothing from elsewhere.

use maud::PreEscaped;
use pulldown_cmark::{Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, html};

/// The most HTML that is put on a page, in bytes.
const PAGE_BYTES: usize = 12 * 1024;

/// Notes as they stand on a page.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::web) struct Notes {
    /// The HTML.
    pub(in crate::web) html: String,
    /// Whether something was left out for their length.
    pub(in crate::web) is_cut: bool,
}

/// The beginning of the notes, as much as a small page takes.
pub(in crate::web) fn beginning(markdown: &str) -> Notes {
    let mut text = markdown;
    loop {
        let html = render(text);
        if html.len() <= PAGE_BYTES {
            return Notes { html, is_cut: text.len() < markdown.len() };
        }
        text = cut(text, text.len() * 2 / 3);
    }
}

/// All of the notes.
pub(super) fn whole(markdown: &str) -> Notes {
    Notes { html: render(markdown), is_cut: false }
}

/// At most `most` bytes of a text, up to the end of a line where there is one.
fn cut(text: &str, most: usize) -> &str {
    let most = text.floor_char_boundary(most);
    let end = text[..most].rfind('\n').unwrap_or(most);
    &text[..end]
}

fn render(markdown: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let events = Parser::new_ext(markdown, options).filter_map(harmless);
    let mut text = String::new();
    html::push_html(&mut text, events);
    text
}

fn harmless(event: Event<'_>) -> Option<Event<'_>> {
    match event {
        Event::Html(_) | Event::InlineHtml(_) | Event::Start(Tag::HtmlBlock) | Event::End(TagEnd::HtmlBlock) => None,
        Event::Start(Tag::Image { dest_url, title, .. } | Tag::Link { dest_url, title, .. }) => {
            let dest_url = if is_harmless(&dest_url) { dest_url } else { "".into() };
            Some(Event::Start(Tag::Link { link_type: LinkType::Inline, dest_url, title, id: "".into() }))
        }
        Event::End(TagEnd::Image) => Some(Event::End(TagEnd::Link)),
        // The page has headings of its own above these.
        Event::Start(Tag::Heading { level, .. }) => {
            Some(Event::Start(Tag::Heading { level: below(level), id: None, classes: Vec::new(), attrs: Vec::new() }))
        }
        Event::End(TagEnd::Heading(level)) => Some(Event::End(TagEnd::Heading(below(level)))),
        other => Some(other),
    }
}

fn is_harmless(url: &str) -> bool {
    let lower = url.trim().to_ascii_lowercase();
    ["https://", "http://", "mailto:"].iter().any(|scheme| lower.starts_with(scheme))
}

fn below(level: HeadingLevel) -> HeadingLevel {
    if level == HeadingLevel::H1 || level == HeadingLevel::H2 { HeadingLevel::H3 } else { HeadingLevel::H4 }
}

impl maud::Render for Notes {
    fn render_to(&self, buffer: &mut String) {
        PreEscaped(&self.html).render_to(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_do_nothing() {
        let check = |markdown: &str, expect: &str| assert_eq!(render(markdown).trim_end(), expect, "{markdown}");
        check("# Fix *login*", "<h3>Fix <em>login</em></h3>");
        check("#### Small", "<h4>Small</h4>");
        check("<script>alert(1)</script>", "");
        check("a <b onclick=x>bold</b> move", "<p>a bold move</p>");
        check("<img src=x onerror=alert(1)>", "");
        check("[x](javascript:alert(1))", "<p><a href=\"\">x</a></p>");
        check("[x](JaVaScRiPt:alert(1))", "<p><a href=\"\">x</a></p>");
        check("[x](data:text/html,y)", "<p><a href=\"\">x</a></p>");
        check("[x](https://a.b/?c&d)", "<p><a href=\"https://a.b/?c&amp;d\">x</a></p>");
        check("![cat](https://a.b/cat.png)", "<p><a href=\"https://a.b/cat.png\">cat</a></p>");
        check("<https://a.b>", "<p><a href=\"https://a.b\">https://a.b</a></p>");
        check("`<script>` & ~~old~~", "<p><code>&lt;script&gt;</code> &amp; <del>old</del></p>");
        check("[x]: javascript:alert(1)\n\n[x]", "<p><a href=\"\">x</a></p>");
    }

    #[test]
    fn long_notes_are_cut_at_a_line() {
        let short = beginning("one\n\ntwo");
        assert_eq!((short.html.as_str(), short.is_cut), ("<p>one</p>\n<p>two</p>\n", false));
        let long = "- one change of many\n".repeat(10_000);
        let notes = beginning(&long);
        assert!(notes.is_cut && notes.html.len() <= PAGE_BYTES && notes.html.len() > PAGE_BYTES / 2);
        assert!(notes.html.contains("<li>one change of many</li>") && notes.html.trim_end().ends_with("</ul>"));
        assert!(beginning(&"é".repeat(50_000)).is_cut);
    }
}
