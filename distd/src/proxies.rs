//! Who a client is when its requests come through proxies.

use std::net::IpAddr;
use std::str::FromStr;

use axum::http::HeaderMap;
use ipnet::IpNet;

/// The header that proxies append the address of their client to.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Addresses of proxies: what they say of their clients is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl FromStr for Network {
    type Err = String;

    /// `10.0.0.0/8`, `::1`.
    fn from_str(text: &str) -> Result<Self, String> {
        let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        net.map(Self).ok_or_else(|| "it is an address or a network, such as 172.16.0.0/12".to_owned())
    }
}

/// The address of the client behind proxies: what stands last in the header that no proxy of ours wrote for another proxy of
/// ours. Where the peer is no such proxy, it is the client, whatever it claims.
pub(crate) fn client(peer: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    let values = headers.get_all(FORWARDED_FOR).into_iter().filter_map(|value| value.to_str().ok());
    let mut said: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    let mut client = peer.to_canonical();
    while is_trusted(client, proxies) {
        match said.pop().map(parse) {
            Some(Some(before)) => client = before,
            // The header ends, or says what is no address: who wrote that is the last who is known.
            _ => break,
        }
    }
    client
}

/// Whether an address is one of a proxy that is trusted.
pub(crate) fn is_trusted(address: IpAddr, proxies: &[Network]) -> bool {
    proxies.iter().any(|network| network.0.contains(&address))
}

/// An address as proxies write it: bare, in brackets, with a port.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.split(']').next());
    let socket = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    let address = text.parse().ok().or_else(socket).or_else(|| bare?.parse().ok());
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_what_a_trusted_proxy_wrote_is_believed() {
        let proxies: Vec<Network> = ["127.0.0.1", "172.16.0.0/12", "fd00::/8"].map(|it| it.parse().unwrap()).to_vec();
        let check = |peer: &str, said: &[&str], expect: &str| {
            let mut headers = HeaderMap::new();
            for value in said {
                headers.append(FORWARDED_FOR, HeaderValue::from_str(value).unwrap());
            }
            let found = client(peer.parse().unwrap(), &headers, &proxies);
            assert_eq!(found, expect.parse::<IpAddr>().unwrap(), "{peer} {said:?}");
        };
        check("203.0.113.7", &["198.51.100.1"], "203.0.113.7");
        check("127.0.0.1", &[], "127.0.0.1");
        check("127.0.0.1", &["198.51.100.1"], "198.51.100.1");
        check("::ffff:127.0.0.1", &["198.51.100.1"], "198.51.100.1");
        check("127.0.0.1", &["1.2.3.4, 198.51.100.1"], "198.51.100.1");
        check("127.0.0.1", &["1.2.3.4", "198.51.100.1, 172.17.0.1"], "198.51.100.1");
        check("127.0.0.1", &["198.51.100.1:5555"], "198.51.100.1");
        check("127.0.0.1", &["[2001:db8::1]:5555"], "2001:db8::1");
        check("fd00::2", &["2001:db8::1"], "2001:db8::1");
        check("127.0.0.1", &["198.51.100.1, unknown"], "127.0.0.1");
        check("127.0.0.1", &["198.51.100.1, 172.17.0.1, nonsense, 172.18.0.1"], "172.18.0.1");
    }

    #[test]
    fn a_network_is_an_address_or_a_range() {
        assert!("10.0.0.0/33".parse::<Network>().is_err());
        assert!("everyone".parse::<Network>().is_err());
    }
}
