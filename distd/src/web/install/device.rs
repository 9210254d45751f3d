//! What device asks: from the user agent and client hints. Pure.
//!
//! A user agent tells less than one would like: iPadOS calls itself a Macintosh, no Mac says its processor, and Windows on ARM
//! says that it is not. What cannot be known is `None`, and the page then offers both.

use axum::http::HeaderMap;
use protocol::{Arch, Platform};

/// What is known of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Device {
    /// Its systems, the likeliest first; empty where it is no device to install on.
    pub(super) platforms: Vec<Platform>,
    /// Its processor, in our words.
    pub(super) arch: Option<Arch>,
    /// What kind of thing.
    pub(super) form: Form,
    /// The app whose built-in browser it is.
    pub(super) inside: Option<Inside>,
}

/// What kind of thing asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// An iPhone or iPod touch.
    IPhone,
    /// An iPad that says so.
    IPad,
    /// Any other phone or tablet.
    Phone,
    /// A computer.
    Computer,
    /// A program.
    Program,
}

impl Form {
    /// Whether it is held in the hand, so that nobody scans a code on it.
    pub(super) fn is_handheld(self) -> bool {
        matches!(self, Self::IPhone | Self::IPad | Self::Phone)
    }
}

/// An app that shows pages itself, and blocks what they would install or download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    /// One that is known by name.
    Named(&'static str),
    /// One that says nothing.
    Unnamed,
}

/// Tokens of apps that show pages themselves.
const APPS: &[(&str, &str)] = &[
    ("MicroMessenger/", "WeChat"),
    ("FBAN/", "Facebook"),
    ("FBAV/", "Facebook"),
    ("FB_IAB/", "Facebook"),
    ("Instagram ", "Instagram"),
    (" Line/", "LINE"),
    ("Slack/", "Slack"),
    ("Slack_SSB/", "Slack"),
    ("Twitter for ", "X"),
    ("TwitterAndroid", "X"),
    ("LinkedInApp", "LinkedIn"),
    ("musical_ly", "TikTok"),
    ("BytedanceWebview", "TikTok"),
    ("Snapchat", "Snapchat"),
    ("Pinterest/", "Pinterest"),
    ("KAKAOTALK", "KakaoTalk"),
    ("DingTalk", "DingTalk"),
    ("Lark/", "Lark"),
    ("Weibo", "Weibo"),
    (" QQ/", "QQ"),
    ("AlipayClient", "Alipay"),
    ("Teams/", "Teams"),
    ("GSA/", "Google"),
];

/// Programs that fetch a page to show a preview of it, or to save it.
const PROGRAMS: &[&str] = &[
    "bot",
    "Bot",
    "facebookexternalhit",
    "WhatsApp/",
    "curl/",
    "Wget/",
    "python-requests",
    "Go-http-client",
    "okhttp/",
    "Slack-ImgProxy",
    "SkypeUriPreview",
    "Iframely",
    "dist/",
];

impl Device {
    /// What the headers of a request tell.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Self::read(text("user-agent"), text("sec-ch-ua-arch"), text("sec-ch-ua-bitness"))
    }

    /// The same from a user agent and the client hints `Sec-CH-UA-Arch` and `Sec-CH-UA-Bitness` (quoted, or empty).
    pub(super) fn read(agent: &str, arch_hint: &str, bitness_hint: &str) -> Self {
        let form = form_of(agent);
        let platforms = platforms_of(agent, form);
        let arch = hinted_arch(arch_hint, bitness_hint).or_else(|| written_arch(agent, &platforms));
        let inside = if form == Form::Program { None } else { inside_of(agent, form) };
        Self { platforms, arch: arch.and_then(|arch| arch.parse().ok()), form, inside }
    }
}

fn form_of(agent: &str) -> Form {
    let has = |token: &str| agent.contains(token);
    if agent.is_empty() || PROGRAMS.iter().any(|program| has(program)) && !has("Cubot") {
        Form::Program
    } else if has("iPad") {
        Form::IPad
    } else if has("iPhone") || has("iPod") {
        Form::IPhone
    } else if has("Android") {
        Form::Phone
    } else if has("Mozilla/") || has("Opera/") {
        Form::Computer
    } else {
        Form::Program
    }
}

fn platforms_of(agent: &str, form: Form) -> Vec<Platform> {
    let has = |token: &str| agent.contains(token);
    match form {
        Form::IPhone | Form::IPad => vec![Platform::Ios],
        Form::Phone => vec![Platform::Android],
        // What Safari on an iPad says as well.
        Form::Computer if has("Macintosh") && is_safari(agent) => vec![Platform::Macos, Platform::Ios],
        Form::Computer if has("Macintosh") => vec![Platform::Macos],
        Form::Computer if has("Windows NT") => vec![Platform::Windows],
        // Its container takes Linux packages; Android packages only where the owner allows it.
        Form::Computer if has("CrOS") => vec![Platform::Linux, Platform::Android],
        Form::Computer if has("Linux") || has("X11") => vec![Platform::Linux],
        Form::Computer | Form::Program => Vec::new(),
    }
}

fn is_safari(agent: &str) -> bool {
    let others = ["Chrome/", "Chromium/", "Firefox/", "Edg/", "OPR/", "Electron/"];
    agent.contains("AppleWebKit/") && !others.iter().any(|other| agent.contains(other))
}

fn hinted_arch(arch: &str, bitness: &str) -> Option<&'static str> {
    match (arch.trim_matches('"'), bitness.trim_matches('"')) {
        ("arm", "64") => Some("aarch64"),
        ("arm", "32") => Some("armv7"),
        ("x86", "64") => Some("x86_64"),
        ("x86", "32") => Some("x86"),
        _ => None,
    }
}

/// Windows and Macs write `x64` and `Intel` whatever they are, so they tell nothing.
fn written_arch(agent: &str, platforms: &[Platform]) -> Option<&'static str> {
    if !matches!(platforms.first(), Some(Platform::Linux | Platform::Android)) {
        return None;
    }
    let has = |token: &str| agent.contains(token);
    if has("aarch64") || has("arm64") || has("armv8") {
        Some("aarch64")
    } else if has("armv7") || has("armv6") {
        Some("armv7")
    } else if has("x86_64") || has("amd64") || has("x86-64") {
        // Chromium on any processor says it of desktop Linux, but an ARM build of Linux is rare.
        Some("x86_64")
    } else if has("i686") || has("i386") {
        Some("x86")
    } else {
        None
    }
}

fn inside_of(agent: &str, form: Form) -> Option<Inside> {
    let named = APPS.iter().find(|(token, _)| agent.contains(token)).map(|(_, name)| Inside::Named(name));
    named.or_else(|| is_embedded(agent, form).then_some(Inside::Unnamed))
}

/// Browsers on iPhones say `Safari/`, views in apps do not; Android marks views in apps with `; wv)`.
fn is_embedded(agent: &str, form: Form) -> bool {
    match form {
        Form::IPhone | Form::IPad => agent.contains("AppleWebKit/") && !agent.contains("Safari/"),
        Form::Phone => agent.contains("; wv)"),
        Form::Computer | Form::Program => false,
    }
}
