//! What is right and what is not, from what was seen. No request is made here.

use std::time::Duration;

use inspect::certificates::Certificate;
use jiff::{SignedDuration, Timestamp};
use protocol::api::Arrival;
use protocol::diagnosis::{self, CERTIFICATE_SOON};
use reqwest::Version;
use url::Url;

use super::mend::{self, Mend};

/// The address that the second request says it was forwarded for: nobody's (RFC 5737).
pub(super) const NOBODY: &str = "192.0.2.1";
/// Clocks may differ by this much.
const CLOCK: SignedDuration = SignedDuration::from_secs(30);
/// Beyond this, links and tokens end at the wrong time.
const CLOCK_WRONG: SignedDuration = SignedDuration::from_mins(5);
/// What was sent or is sent over 400 ms and takes less than this was kept back somewhere.
const SPREAD: Duration = Duration::from_millis(200);

/// One check, with what mends it in each place.
pub(super) type Check = diagnosis::Check<Mend>;

/// Two requests, the second of which said that it was forwarded for [`NOBODY`], and the answer to the first.
pub(super) struct Way<'a> {
    pub(super) used: &'a Url,
    pub(super) version: Version,
    /// What the proxy calls itself; the server calls itself nothing.
    pub(super) named: Option<&'a str>,
    pub(super) plain: &'a Arrival,
    pub(super) forged: &'a Arrival,
}

impl Way<'_> {
    /// Whether there is a proxy in between, as far as it shows.
    pub(super) fn has_proxy(&self) -> bool {
        self.named.is_some()
            || self.plain.forwarded_for.is_some()
            || self.plain.forwarded_proto.is_some()
            || format!("{:?}", self.version) != self.plain.http_version
    }

    fn is_https(&self) -> bool {
        self.used.scheme() == "https"
    }

    /// What only the way itself shows.
    pub(super) fn checks(&self, client_version: &str) -> Vec<Check> {
        let mut checks = vec![self.versions(client_version), self.proxy(), self.public_url(), self.http2()];
        if self.has_proxy() {
            checks.extend([self.client_address(), self.forwarded_proto(), self.host()]);
        }
        checks
    }

    fn versions(&self, client: &str) -> Check {
        let server = &self.plain.server_version;
        let seen = format!("client {client}, server {server}");
        let minor = |version: &str| version.splitn(3, '.').take(2).map(str::to_owned).collect::<Vec<_>>();
        if minor(client) == minor(server) { Check::ok("versions", seen) } else { Check::warn("versions", seen) }
    }

    fn proxy(&self) -> Check {
        match (self.has_proxy(), self.named) {
            (true, Some(name)) => Check::ok("proxy", format!("there is one: {name}")),
            (true, None) => Check::ok("proxy", "there is one"),
            (false, _) => Check::ok("proxy", "none shows itself"),
        }
    }

    fn public_url(&self) -> Check {
        let used = self.used.as_str().trim_end_matches('/');
        let mend = || mend::server(format!("public_url = \"{used}\""));
        let Some(public) = self.plain.public_url.as_deref().map(|url| url.trim_end_matches('/')) else {
            return Check::warn("public_url", "the server does not know its address; install pages need it")
                .mended_by(mend());
        };
        match (public.starts_with("https:"), self.is_https()) {
            (false, true) => {
                let seen = format!("links are made with {public}, although you came by https: iPhones install nothing");
                Check::fail("http_links", seen).mended_by(mend())
            }
            (true, false) => {
                let seen =
                    format!("links are made with {public}, and you came by http: your token travels in the open");
                Check::fail("plain_http", seen).mended_by(Mend { distd: None, ..mend::HTTP2 })
            }
            _ if public == used => Check::ok("public_url", public),
            _ => Check::warn("public_url", format!("links are made with {public}, and you came by {used}"))
                .mended_by(mend()),
        }
    }

    fn http2(&self) -> Check {
        let seen = format!("{:?}", self.version);
        match (self.is_https(), self.version == Version::HTTP_2) {
            (true, false) => {
                Check::warn("http2", format!("{seen}: each transfer needs a connection")).mended_by(mend::HTTP2)
            }
            _ => Check::ok("http2", seen),
        }
    }

    fn client_address(&self) -> Check {
        let (plain, forged) = (self.plain, self.forged);
        let client = plain.client_address.as_deref().unwrap_or("nobody");
        if plain.forwarded_for.is_none() {
            let seen = format!("the proxy does not say who you are; the audit log has {client} for everyone");
            return Check::fail("client_address", seen).mended_by(mend::CLIENT_ADDRESS);
        }
        if !plain.is_peer_trusted {
            let peer = plain.peer_address.as_deref().unwrap_or_default();
            let seen = format!("the proxy at {peer} is not trusted; the audit log has it for everyone");
            return Check::fail("proxy_untrusted", seen)
                .mended_by(mend::server(format!("trusted_proxy = [\"{peer}\"]")));
        }
        if forged.client_address.as_deref() == Some(NOBODY) {
            let seen = "the proxy passes on what clients say of themselves: anyone can pose as anyone";
            return Check::fail("client_address", seen).mended_by(mend::CLIENT_ADDRESS);
        }
        Check::ok("client_address", client)
    }

    fn forwarded_proto(&self) -> Check {
        match self.plain.forwarded_proto.as_deref() {
            Some(proto) if proto == self.used.scheme() => Check::ok("forwarded_proto", proto),
            said => {
                let said = said.unwrap_or("nothing");
                let seen = format!("the proxy says {said} where you came by {}", self.used.scheme());
                Check::warn("forwarded_proto", seen).mended_by(mend::FORWARDED_PROTO)
            }
        }
    }

    fn host(&self) -> Check {
        let used = self.used.host_str().unwrap_or_default();
        let said = self.plain.host.as_deref().unwrap_or("nothing");
        let name = Url::parse(&format!("http://{said}/")).ok().and_then(|url| url.host_str().map(str::to_owned));
        if name.as_deref() == Some(used) {
            return Check::ok("host", said);
        }
        Check::fail("host", format!("the proxy says {said} where you asked for {used}")).mended_by(mend::HOST)
    }
}

/// The server's clock, which was read between two moments here.
pub(super) fn clock(before: Timestamp, server: Timestamp, after: Timestamp) -> Check {
    let off = if server < before { before.duration_since(server) } else { server.duration_since(after) };
    let seen = if server < before { "behind yours" } else { "ahead of yours" };
    match off {
        off if off <= CLOCK => Check::ok("clock", "as yours"),
        off if off <= CLOCK_WRONG => Check::warn("clock", format!("the server's is {} s {seen}", off.as_secs())),
        off => Check::fail("clock", format!("the server's is {} s {seen}; set the wrong one", off.as_secs())),
    }
}

/// The chain that a server shows.
pub(super) fn certificate(chain: &[Certificate], now: Timestamp) -> Check {
    let ends = chain.iter().filter_map(|it| Some((it.not_after.parse::<Timestamp>().ok()?, it))).min_by_key(|it| it.0);
    let Some((end, first)) = ends else { return Check::fail("certificate", "the server shows none that can be read") };
    let left = end.duration_since(now);
    let (days, of, count) = (left.as_hours() / 24, &first.subject, chain.len());
    match left {
        left if left.is_negative() => Check::fail("certificate", format!("{of} ended {} days ago", -days)),
        left if left < CERTIFICATE_SOON => Check::warn("certificate", format!("{of} ends in {days} days; renew it")),
        _ => Check::ok("certificate", format!("{count} in the chain; {of} is the first to end, in {days} days")),
    }
}

/// Whether what was sent in pieces arrived in pieces.
pub(super) fn request_buffering(arrival: Duration) -> Check {
    let (code, ms) = ("request_buffering", arrival.as_millis());
    if arrival >= SPREAD {
        return Check::ok(code, format!("what was sent over 400 ms arrived over {ms} ms"));
    }
    let seen = format!("what was sent over 400 ms arrived over {ms} ms: uploads are kept until they are whole");
    Check::fail(code, seen).mended_by(mend::REQUEST_BUFFERING)
}

/// The same for an answer.
pub(super) fn response_buffering(arrival: Duration) -> Check {
    let (code, ms) = ("response_buffering", arrival.as_millis());
    if arrival >= SPREAD {
        return Check::ok(code, format!("what was answered over 400 ms arrived over {ms} ms"));
    }
    let seen = format!("what was answered over 400 ms arrived over {ms} ms: downloads are kept back");
    Check::fail(code, seen).mended_by(mend::RESPONSE_BUFFERING)
}

#[cfg(test)]
mod tests;
