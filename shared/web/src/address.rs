//! The client's address, as the hops in front of the gateway name it.
//!
//! The gateway says which hop sent a request. What that hop says of earlier hops counts only when the configuration trusts it, and only
//! in the one header that it is known to set: any client can send the others. A chain is read from its right end, which our own side
//! wrote, up to the first untrusted hop: the client may have written everything left of it. An unreadable entry is replaced by the hop
//! that forwarded it, so that clients share a counter only if they share a hop.

use crate::call::Call;
use latchkey_config::ClientAddress;
use std::net::{IpAddr, Ipv6Addr};

/// Longest text that is parsed as an address: an IPv6 address with zone, brackets, port and quotes is shorter.
const LONGEST: usize = 100;

/// A network, as `serve.trusted_proxies` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Reads `10.0.0.0/8`, or one address.
    pub(crate) fn parse(text: &str) -> Option<Self> {
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

/// The origin of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// The address; an IPv4 address within IPv6 is unwrapped.
    pub(crate) address: IpAddr,
    /// Whether a trusted hop named it; otherwise it is the address of the hop itself.
    is_named: bool,
}

impl Client {
    /// The address as sessions show it. If a proxy named it, only a public one (contract `login-flow.md` 7.1).
    /// 7.1).
    pub(crate) fn shown(self) -> String {
        if self.is_named && !is_public(self.address) { String::new() } else { self.address.to_string() }
    }
}

/// The trusted hops of a request.
struct Hops<'a> {
    call: &'a Call<'a>,
    /// The sender, as the gateway says.
    last: IpAddr,
}

/// The client of a request; `None` when the gateway does not name the sender.
pub(crate) fn client(call: &Call<'_>) -> Option<Client> {
    let hops = Hops::of(call)?;
    let unnamed = Client { address: hops.last, is_named: false };
    if !hops.trusts(hops.last) {
        return Some(unnamed);
    }
    let named = match call.edge.config.client_address {
        ClientAddress::ForwardedFor => hops.forwarded_for(),
        ClientAddress::Forwarded => hops.forwarded(),
        ClientAddress::TrueClientIp => hops.single("true-client-ip"),
        ClientAddress::CfConnectingIp => hops.single("cf-connecting-ip"),
        ClientAddress::RealIp => hops.single("x-real-ip"),
        ClientAddress::CloudFrontViewerAddress => hops.viewer(),
        ClientAddress::Any => hops
            .forwarded_for()
            .or_else(|| ["true-client-ip", "cf-connecting-ip", "x-real-ip"].iter().find_map(|name| hops.single(name))),
    };
    Some(named.unwrap_or(unnamed))
}

/// City and country, from the content network that also names the client.
pub(crate) fn place(call: &Call<'_>) -> String {
    let names = match call.edge.config.client_address {
        ClientAddress::Any | ClientAddress::CfConnectingIp | ClientAddress::TrueClientIp => {
            ["cf-ipcity", "cf-ipcountry"]
        }
        ClientAddress::CloudFrontViewerAddress => ["cloudfront-viewer-city", "cloudfront-viewer-country-name"],
        ClientAddress::ForwardedFor | ClientAddress::Forwarded | ClientAddress::RealIp => return String::new(),
    };
    if !Hops::of(call).is_some_and(|hops| hops.trusts(hops.last)) {
        return String::new();
    }
    let said: Vec<&str> = names.iter().filter_map(|name| call.header(name)).filter(|said| !said.is_empty()).collect();
    said.join(", ")
}

impl<'a> Hops<'a> {
    /// `None` when the gateway does not name the sender.
    fn of(call: &'a Call<'a>) -> Option<Self> {
        Some(Self { call, last: read(call.source_ip.as_deref()?)? })
    }

    fn trusts(&self, hop: IpAddr) -> bool {
        self.call.edge.trusted.iter().any(|network| network.contains(hop))
    }

    /// Every line of a header, in the order sent.
    fn lines(&self, name: &str) -> impl Iterator<Item = &str> {
        self.call.headers.get_all(name).iter().filter_map(|line| std::str::from_utf8(line.as_bytes()).ok())
    }

    fn forwarded_for(&self) -> Option<Client> {
        let entries =
            self.lines("x-forwarded-for").flat_map(|line| line.split(',')).filter(|text| !text.trim().is_empty());
        self.nearest(entries.map(read).collect())
    }

    fn forwarded(&self) -> Option<Client> {
        self.nearest(self.lines("forwarded").flat_map(elements).map(node).collect())
    }

    /// A header with one address. Of several values, the last is from the hop that sent the request.
    fn single(&self, name: &str) -> Option<Client> {
        let entries = self.lines(name).flat_map(|line| line.split(','));
        let text = entries.filter(|text| !text.trim().is_empty()).last()?;
        Some(Client { address: read(text)?, is_named: true })
    }

    /// CloudFront's own header always ends in a port, also after an IPv6 address without brackets.
    fn viewer(&self) -> Option<Client> {
        let text = self.lines("cloudfront-viewer-address").last()?.trim();
        let before_port = text.rsplit_once(':').filter(|(_, port)| is_port(port)).and_then(|(host, _)| read(host));
        Some(Client { address: before_port.or_else(|| read(text))?, is_named: true })
    }

    /// The nearest untrusted hop; if all are trusted, the first of the chain. An unreadable entry is replaced by the hop that wrote it.
    fn nearest(&self, mut chain: Vec<Option<IpAddr>>) -> Option<Client> {
        // The gateway appends the sender.
        if chain.last() == Some(&Some(self.last)) {
            chain.pop();
        }
        let mut nearest = None;
        for hop in chain.into_iter().rev() {
            let Some(hop) = hop else { break };
            nearest = Some(hop);
            if !self.trusts(hop) {
                break;
            }
        }
        nearest.map(|address| Client { address, is_named: true })
    }
}

/// An address as proxies write it: bare, with a port, in brackets, in quotation marks, with a zone.
fn read(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"').trim();
    if text.len() > LONGEST {
        return None;
    }
    let address = match text.strip_prefix('[') {
        Some(rest) => {
            let (inner, port) = rest.split_once(']')?;
            let is_whole = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
            is_whole.then(|| v6(inner).map(IpAddr::V6)).flatten()?
        }
        None => match bare(text) {
            Some(address) => address,
            None => bare(text.rsplit_once(':').filter(|(_, port)| is_port(port))?.0)?,
        },
    };
    Some(address.to_canonical())
}

fn bare(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| v6(text).map(IpAddr::V6))
}

fn v6(text: &str) -> Option<Ipv6Addr> {
    text.split_once('%').map_or(text, |(address, _zone)| address).parse().ok()
}

/// A port, or an obfuscated one (RFC 7239, section 6).
fn is_port(text: &str) -> bool {
    text.starts_with('_') || (!text.is_empty() && text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit()))
}

/// The address of an element of `Forwarded`, if it has one.
fn node(element: &str) -> Option<IpAddr> {
    let mut values = split_outside_quotes(element, ';').filter_map(|pair| pair.split_once('='));
    let (_, value) = values.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    read(&value.replace('\\', ""))
}

fn elements(line: &str) -> impl Iterator<Item = &str> {
    split_outside_quotes(line, ',').filter(|element| !element.trim().is_empty())
}

fn split_outside_quotes(text: &str, at: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c| {
        let is_end = c == at && !quoted;
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && c == '\\' && !escaped;
        is_end
    })
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => !(a.is_private() || a.is_loopback() || a.is_link_local() || a.is_unspecified()),
        IpAddr::V6(a) => !(a.is_loopback() || a.is_unspecified() || a.is_unique_local() || a.is_unicast_link_local()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn address_is_read_in_every_spelling() {
        for (text, address) in [
            ("203.0.113.7", "203.0.113.7"),
            (" 203.0.113.7:51234 ", "203.0.113.7"),
            ("\"203.0.113.7:51234\"", "203.0.113.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:DB8::1]:443", "2001:db8::1"),
            ("\"[2001:db8::1]:443\"", "2001:db8::1"),
            ("2001:db8:0:0:0:0:0:1:443", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]:80", "fe80::1"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("203.0.113.7:_port", "203.0.113.7"),
        ] {
            assert_eq!(read(text).map(|a| a.to_string()).as_deref(), Some(address), "{text}");
        }
        for nothing in [
            "",
            "unknown",
            "_hidden",
            "203.0.113",
            "203.0.113.7:",
            "[2001:db8::1",
            "[203.0.113.7]",
            "1.2.3.4.5",
            "x:80",
        ] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn elements_of_forwarded() {
        let read = |line: &str| elements(line).map(|e| node(e).map(|a| a.to_string())).collect::<Vec<_>>();
        assert_eq!(
            read("for=192.0.2.60;proto=http;by=203.0.113.43, For=\"[2001:db8:cafe::17]:4711\""),
            [Some("192.0.2.60".to_owned()), Some("2001:db8:cafe::17".to_owned())]
        );
        assert_eq!(
            read("proto=http; for = \"198.51.100.1:80\" , for=unknown, for=_x, proto=https"),
            [Some("198.51.100.1".to_owned()), None, None, None]
        );
        assert_eq!(read("for=\"a, for=192.0.2.1"), [None], "a quotation mark that does not end");
        assert_eq!(read("host=\"a,b\\\";for=192.0.2.1\";for=192.0.2.2"), [Some("192.0.2.2".to_owned())]);
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

    proptest! {
        #[test]
        fn hostile_headers_do_not_panic(text in "[\\[\\]:;=,\"\\\\%a-f0-9. é]{0,120}") {
            let _ = read(&text);
            let _: Vec<_> = elements(&text).map(node).collect();
        }
    }
}
