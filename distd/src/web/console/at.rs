//! The addresses of the console. Values are encoded here and nowhere else.

use protocol::paths::query_value;
use protocol::{AppSlug, ChannelName, ReleaseName, Revision};

pub(super) const APPS: &str = "/console";
pub(super) const UPLOADS: &str = "/console/uploads";
pub(super) const TOKENS: &str = "/console/tokens";
pub(super) const AUDIT: &str = "/console/audit";
pub(super) const STORAGE: &str = "/console/storage";
pub(super) const SESSIONS: &str = "/console/sessions";
pub(super) const JUMP: &str = "/console/jump";
pub(super) const KEYS: &str = "/console/keys";
pub(super) const THEME: &str = "/console/theme";
pub(super) const EVENTS: &str = "/console/events";

pub(super) fn app(app: &AppSlug) -> String {
    format!("{APPS}/apps/{app}")
}

pub(super) fn release(app: &AppSlug, name: &ReleaseName) -> String {
    format!("{APPS}/apps/{app}/releases/{}", query_value(name.as_str()))
}

pub(super) fn release_act(app: &AppSlug, name: &ReleaseName, act: &str) -> String {
    format!("{}/{act}", release(app, name))
}

pub(super) fn icon(app: &AppSlug, digest: &protocol::Digest) -> String {
    format!("{APPS}/apps/{app}/icons/{digest}")
}

pub(super) fn diff(app: &AppSlug, from: &Revision, to: &Revision) -> String {
    format!("{APPS}/apps/{app}/diff?from={}&to={}", query_value(&from.to_string()), query_value(&to.to_string()))
}

pub(super) fn diff_form(app: &AppSlug) -> String {
    format!("{APPS}/apps/{app}/diff")
}

pub(super) fn channel(app: &AppSlug, channel: &ChannelName) -> String {
    format!("{APPS}/apps/{app}/channels/{channel}")
}

pub(super) fn channel_act(app: &AppSlug, name: &ChannelName, act: &str) -> String {
    format!("{}/{act}", channel(app, name))
}

pub(super) fn promote(app: &AppSlug, channel: &ChannelName, name: &ReleaseName) -> String {
    format!("{}?revision={}", channel_act(app, channel, "promote"), query_value(name.as_str()))
}

pub(super) fn part(app: &AppSlug, part: &str) -> String {
    format!("{APPS}/apps/{app}/{part}")
}

pub(super) fn preview(app: &AppSlug, channel: &ChannelName, device: &str) -> String {
    format!("{APPS}/apps/{app}/preview/{channel}/{device}")
}

/// A page with a query of these pairs, of which those without a value are left out.
pub(super) fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={}", query_value(value)))
        .collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_an_address_is_encoded() {
        let (app, beta) = ("acme".parse().unwrap(), "beta".parse().unwrap());
        let name: ReleaseName = "2.4.0+241".parse().unwrap();
        assert_eq!(release(&app, &name), "/console/apps/acme/releases/2%2E4%2E0%2B241");
        assert_eq!(promote(&app, &beta, &name), "/console/apps/acme/channels/beta/promote?revision=2%2E4%2E0%2B241");
        assert_eq!(with_query("/a", &[("q", "x y"), ("p", "")]), "/a?q=x%20y");
        assert_eq!(with_query("/a", &[("p", "")]), "/a");
    }
}
