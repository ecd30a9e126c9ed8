//! Where a request comes from, for the list of a session's devices (contract `login-flow.md` 7.1).
//!
//! The client's address is the gateway's word. Headers that claim another one count only when the hop that sent the request
//! is named by `serve.trusted_proxies`: anybody can write a header.

use crate::call::Call;
use latchkey_core::session::Device;
use std::net::IpAddr;
use uuid::Uuid;

/// Longest text kept of what a client says about itself, in bytes.
const LONGEST: usize = 512;

/// A network, as `serve.trusted_proxies` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Reads `10.0.0.0/8`, or one address.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address.parse().ok()?, Some(prefix.parse().ok()?)),
            None => (text.parse().ok()?, None),
        };
        let most = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        let prefix = prefix.unwrap_or(most);
        (prefix <= most).then_some(Self { address, prefix })
    }

    fn contains(&self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let shift = 32 - u32::from(self.prefix);
                u64::from(a.to_bits()) >> shift == u64::from(b.to_bits()) >> shift
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                let shift = 128 - u32::from(self.prefix);
                a.to_bits().checked_shr(shift) == b.to_bits().checked_shr(shift)
            }
            _ => false,
        }
    }
}

/// The client's address: the gateway's word, or that of a hop which the configuration trusts.
pub fn address(call: &Call<'_>) -> Option<String> {
    let claimed = |name: &str| claimed(call, name);
    ["true-client-ip", "cf-connecting-ip", "x-real-ip"]
        .iter()
        .find_map(|name| claimed(name).map(str::to_owned))
        .or_else(|| {
            let hops = claimed("x-forwarded-for").and_then(|chain| before(chain, call.source_ip.as_deref()));
            hops.filter(|hops| !hops.trim().is_empty()).map(nearest_public)
        })
        .or_else(|| call.source_ip.clone())
}

/// A header's value, when the hop that sent the request is one to believe.
fn claimed<'a>(call: &'a Call<'_>, name: &str) -> Option<&'a str> {
    let hop = call.source_ip.as_deref().and_then(|text| text.parse::<IpAddr>().ok());
    let trusted = hop.is_some_and(|hop| call.edge.trusted.iter().any(|network| network.contains(hop)));
    call.header(name).filter(|value| trusted && !value.is_empty())
}

/// The device of a request.
pub fn of(call: &Call<'_>, id: Uuid) -> Device {
    let place: Vec<&str> = ["cf-ipcity", "cf-ipcountry"].iter().filter_map(|name| claimed(call, name)).collect();
    let agents: Vec<&str> =
        call.headers.get_all("user-agent").iter().filter_map(|v| std::str::from_utf8(v.as_bytes()).ok()).collect();
    Device {
        id,
        ip_address: address(call).map(cut),
        user_agent: (!agents.is_empty()).then(|| cut(agents.join(" "))),
        location: Some(cut(place.join(", "))),
    }
}

/// The hops before the last, which the gateway itself added; `None` when it was the only one.
fn before<'a>(chain: &'a str, last: Option<&str>) -> Option<&'a str> {
    let (earlier, end) = chain.rsplit_once(',').map_or((None, chain), |(earlier, end)| (Some(earlier), end));
    if last == Some(end.trim()) { earlier } else { Some(chain) }
}

/// The rightmost address that is not private; empty when all are.
fn nearest_public(chain: &str) -> String {
    let nearest = chain.rsplit(',').map(str::trim).find(|text| text.parse().is_ok_and(is_public));
    nearest.unwrap_or("").to_owned()
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => !(a.is_private() || a.is_loopback() || a.is_link_local() || a.is_unspecified()),
        IpAddr::V6(a) => !(a.is_loopback() || a.is_unspecified() || a.is_unique_local() || a.is_unicast_link_local()),
    }
}

fn cut(mut text: String) -> String {
    let end = text.floor_char_boundary(LONGEST);
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_public_address_of_a_chain() {
        assert_eq!(nearest_public("10.10.8.1, 172.19.2.7"), "");
        assert_eq!(nearest_public("217.73.188.139,162.158.203.149, 172.19.2.7"), "162.158.203.149");
        assert_eq!(nearest_public("122.122.122.122 , 123.123.123.123"), "123.123.123.123");
        assert_eq!(nearest_public("rubbish, ::1"), "");
    }

    #[test]
    fn networks() {
        let within = |network: &str, address: &str| Network::parse(network).unwrap().contains(address.parse().unwrap());
        assert!(within("10.0.0.0/8", "10.255.0.1"));
        assert!(!within("10.0.0.0/8", "11.0.0.1"));
        assert!(within("0.0.0.0/0", "203.0.113.7"));
        assert!(within("::1", "::1"));
        assert!(within("::/0", "2001:db8::1"));
        assert!(!within("10.0.0.0/8", "::1"));
        for bad in ["", "10.0.0.0/33", "::1/129", "x/8", "10.0.0.0/x"] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }
}
