//! Where a webhook may go.
//!
//! Whoever administers an app chooses addresses that the server then calls, from inside its network. So only public addresses
//! are called unless the operator says otherwise, and what is looked at is the very address that is connected to: a name is
//! resolved once, by [`Resolver`], and what it leads to is filtered there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use lettre::Address;
use percent_encoding::percent_decode_str;
use protocol::limits;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// How far webhooks go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// To public addresses, over https.
    #[default]
    Public,
    /// Anywhere, also to this machine and its network, and without encryption.
    Anywhere,
}

impl Reach {
    /// Whether an address may be connected to.
    pub(crate) fn allows(self, address: IpAddr) -> bool {
        self == Self::Anywhere || is_public(address)
    }
}

/// Reads the address of a webhook, and says what is wrong with it.
///
/// # Errors
/// A sentence for who made it.
pub(crate) fn parse_url(text: &str, reach: Reach) -> Result<Url, String> {
    if text.len() > limits::WEBHOOK_URL_BYTES {
        return Err(format!("an address has at most {} bytes", limits::WEBHOOK_URL_BYTES));
    }
    let url = Url::parse(text).map_err(|error| format!("the address of a webhook is a whole URL: {error}"))?;
    match (url.scheme(), reach) {
        ("https", _) | ("http", Reach::Anywhere) => {}
        ("http", Reach::Public) => {
            return Err("webhooks go over https; with --webhook-allow-private this server takes http too".to_owned());
        }
        (scheme, _) => return Err(format!("webhooks are not sent to {scheme}: addresses")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address with a user or password in it is not taken".to_owned());
    }
    if url.fragment().is_some() {
        return Err("an address with a # is not taken".to_owned());
    }
    check_host(&url, reach)?;
    Ok(url)
}

/// Whether an address is a mail address.
pub(crate) fn is_mail(text: &str) -> bool {
    text.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("mailto:"))
}

/// Reads `mailto:` and one mail address (RFC 6068), and says what is wrong with it. What one would say of the mail besides,
/// such as `?subject=`, is not taken.
///
/// # Errors
/// A sentence for who made it.
pub(crate) fn parse_mailto(text: &str) -> Result<Address, String> {
    if text.len() > limits::WEBHOOK_URL_BYTES {
        return Err(format!("an address has at most {} bytes", limits::WEBHOOK_URL_BYTES));
    }
    let whole = || "a mail goes to mailto: and one mail address, such as mailto:qa@example.com".to_owned();
    let named = text.get(7..).filter(|_| is_mail(text)).ok_or_else(whole)?;
    if named.contains(['?', '#', ',']) {
        return Err(whole());
    }
    let named = percent_decode_str(named).decode_utf8().map_err(|_| whole())?;
    if named.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(whole());
    }
    named.parse().map_err(|error| format!("{}: {error}", whole()))
}

/// A number is looked at right here, since nothing resolves it later.
fn check_host(url: &Url, reach: Reach) -> Result<(), String> {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(_)) => return Ok(()),
        None => return Err("the address has no host".to_owned()),
    };
    if reach.allows(address) { Ok(()) } else { Err(refused(&address.to_string())) }
}

fn refused(what: &str) -> String {
    format!("{what} is not a public address, and this server sends webhooks to public ones only")
}

/// Resolves names as the system does, and gives only addresses that may be connected to.
pub(super) struct Resolver(pub(super) Reach);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let name = name.as_str().to_owned();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed = choose(&name, &found, reach)?;
            Ok::<Addrs, _>(Box::new(allowed.into_iter()))
        })
    }
}

/// Of what a name leads to, the addresses that may be connected to.
fn choose(name: &str, found: &[SocketAddr], reach: Reach) -> Result<Vec<SocketAddr>, String> {
    let allowed: Vec<SocketAddr> = found.iter().copied().filter(|address| reach.allows(address.ip())).collect();
    match (allowed.is_empty(), found.first()) {
        (true, Some(first)) => Err(refused(&format!("{name} ({})", first.ip()))),
        (true, None) => Err(format!("{name} has no address")),
        _ => Ok(allowed),
    }
}

/// Whether an address is one of the public internet (IANA's special-purpose address registries). What embeds an IPv4 address
/// is what that address is.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded(address) {
            Some(inner) => is_public_v4(inner),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || a == 0
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19));
    !is_special
}

/// `::ffff:a.b.c.d`, and what NAT64 (`64:ff9b::/96`) and 6to4 (`2002::/16`) would connect to.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let parts = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match parts {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            Some(v4(high, low))
        }
        _ => None,
    }
}

/// Global unicast (`2000::/3`) without what is set aside in it: protocol assignments with Teredo, and documentation.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let is_set_aside = (first == 0x2001 && (second < 0x200 || second == 0xdb8)) || (first == 0x3fff && second < 0x1000);
    first & 0xe000 == 0x2000 && !is_set_aside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_public_internet_are_public() {
        let check = |text: &str, expect: bool| assert_eq!(is_public(text.parse().unwrap()), expect, "{text}");
        for public in
            ["1.1.1.1", "93.184.216.34", "100.63.0.1", "100.128.0.1", "172.15.0.1", "172.32.0.1", "223.255.255.1"]
        {
            check(public, true);
            check(&format!("::ffff:{public}"), true);
            check(&format!("64:ff9b::{public}"), true);
        }
        for special in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
        ] {
            check(special, false);
            check(&format!("::ffff:{special}"), false);
            check(&format!("64:ff9b::{special}"), false);
        }
        check("2606:4700:4700::1111", true);
        check("2002:101:101::1", true);
        for special in [
            "::",
            "::1",
            "::7f00:1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd12:3456::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::1",
            "2002:a00:1::1",
            "3fff::1",
            "64:ff9b:1::1",
            "100::1",
            "5f00::1",
        ] {
            check(special, false);
        }
    }

    #[test]
    fn of_a_name_only_public_addresses_are_connected_to() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let (public, private) = (address("1.1.1.1:0"), address("10.0.0.1:0"));
        assert_eq!(choose("a", &[private, public], Reach::Public), Ok(vec![public]));
        assert_eq!(choose("a", &[private], Reach::Anywhere), Ok(vec![private]));
        let error = choose("a", &[private], Reach::Public).unwrap_err();
        assert_eq!(error, "a (10.0.0.1) is not a public address, and this server sends webhooks to public ones only");
        assert!(choose("a", &[], Reach::Anywhere).is_err());
    }

    #[test]
    fn an_address_is_checked_before_it_is_taken() {
        let check = |text: &str, reach: Reach, expect: bool| {
            let found = parse_url(text, reach);
            assert_eq!(found.is_ok(), expect, "{text} {reach:?}: {found:?}");
        };
        check("https://ci.example.com/hooks?a=b", Reach::Public, true);
        for private in [
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://10.0.0.1:8443/",
            "https://169.254.169.254/latest/",
            "http://ci.example.com/",
        ] {
            check(private, Reach::Public, false);
            check(private, Reach::Anywhere, true);
        }
        for never in [
            "ci.example.com",
            "ftp://example.com/",
            "file:///etc/passwd",
            "https://a:b@example.com/",
            "https://example.com/#a",
        ] {
            check(never, Reach::Anywhere, false);
        }
        check(&format!("https://example.com/{}", "a".repeat(2048)), Reach::Anywhere, false);
    }

    #[test]
    fn a_mail_goes_to_one_address() {
        let check = |text: &str, expect: Option<&str>| {
            let found = parse_mailto(text);
            assert_eq!(found.as_ref().ok().map(ToString::to_string).as_deref(), expect, "{text}: {found:?}");
        };
        check("mailto:qa@example.com", Some("qa@example.com"));
        check("MAILTO:qa+dist@example.com", Some("qa+dist@example.com"));
        check("mailto:q%2Ba@example.com", Some("q+a@example.com"));
        check("mailto:质量@例子.中国", Some("质量@例子.中国"));
        for never in [
            "mailto:",
            "mailto:qa",
            "qa@example.com",
            "https://example.com/",
            "mailto:qa@example.com?bcc=all@example.com",
            "mailto:a@example.com,b@example.com",
            "mailto:a@example.com%0d%0aRCPT%20TO:<b@example.com>",
            "mailto:a@example.com%20",
            "mailto:a@example.com>%00",
            "mailto:%ff@example.com",
            "mailto:QA <qa@example.com>",
        ] {
            check(never, None);
        }
    }
}
