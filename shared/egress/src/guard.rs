//! Addresses that a configured service may not be at: our own machine, our own network, the cloud's metadata.
//!
//! The resolver checks the addresses of a name at the moment of the connection and not before it. So a name whose addresses change
//! after a first look-up does not get past the check (DNS rebinding).

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use tower_service::Service;

/// A host at an address that must not be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its host is at a private, local or otherwise special address")]
pub struct Forbidden;

/// Resolves names, and leaves out addresses that must not be called.
#[derive(Clone, Debug)]
pub struct Resolver {
    inner: GaiResolver,
    only_public: bool,
}

impl Resolver {
    pub(crate) fn new(only_public: bool) -> Self {
        Self { inner: GaiResolver::new(), only_public }
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (resolving, only_public) = (self.inner.call(name), self.only_public);
        Box::pin(async move {
            let found: Vec<SocketAddr> = resolving.await?.collect();
            // One private address is enough to refuse the name, because no public server lists one beside its own.
            if only_public && found.iter().any(|address| !is_public(address.ip())) {
                return Err(Forbidden.into());
            }
            Ok(found.into_iter())
        })
    }
}

/// Whether a call failed because of where it would have led.
pub(crate) fn is_forbidden(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut at = Some(error);
    while let Some(error) = at {
        if error.is::<Forbidden>() {
            return true;
        }
        at = error.source();
    }
    false
}

/// Whether a host that is written as an address may be called; names are for the [`Resolver`].
pub(crate) fn host_is_public(host: &str) -> bool {
    host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().map_or(true, is_public)
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4_is_public(v4),
        IpAddr::V6(v6) => v6_is_public(v6),
    }
}

/// Everything but IANA's special-purpose registry.
fn v4_is_public(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match a {
        0 | 10 | 127 => true,
        100 => (64..128).contains(&b),
        169 => b == 254,
        172 => (16..32).contains(&b),
        192 => b == 168 || (b == 0 && (c == 0 || c == 2)) || (b == 88 && c == 99),
        198 => b == 18 || b == 19 || (b == 51 && c == 100),
        203 => b == 0 && c == 113,
        224.. => true,
        _ => false,
    };
    !special
}

/// Only what is routed (2000::/3) and leads to no special address of the old kind.
fn v6_is_public(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    let old = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        v4_is_public(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        [0, 0, 0, 0, 0, 0xffff, high, low] => old(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => old(high, low),
        [0x2002, high, low, ..] => old(high, low),
        [0x2001, second, ..] => second > 0x01ff && second != 0x0db8,
        [0x3fff, second, ..] => second > 0x0fff,
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_not_public() {
        for special in [
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "198.18.0.1",
            "192.0.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "::127.0.0.1",
            "fec0::1",
            "[::1]",
        ] {
            assert!(!host_is_public(special), "{special}");
        }
        for public in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "[2a00:1450::1]",
            "example.org",
        ] {
            assert!(host_is_public(public), "{public}");
        }
    }
}
