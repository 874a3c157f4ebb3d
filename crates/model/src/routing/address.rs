//! Addresses of the machine as sets: which bindings have connections in common.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::url::{ListenHost, ListenUrl};

/// The addresses of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    None,
    One(IpAddr),
    All,
}

impl Family {
    fn covers(self, inner: Self) -> bool {
        self == Self::All || inner == Self::None || self == inner
    }

    fn meets(self, other: Self) -> bool {
        self != Self::None && other != Self::None && (self.covers(other) || other.covers(self))
    }
}

/// IPv4 and IPv6.
fn families(host: &ListenHost) -> [Family; 2] {
    match host {
        ListenHost::Any | ListenHost::Name(_) | ListenHost::Ip(IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => {
            [Family::All, Family::All]
        }
        ListenHost::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) => [Family::All, Family::None],
        ListenHost::Ip(ip @ IpAddr::V4(_)) => [Family::One(*ip), Family::None],
        ListenHost::Ip(ip @ IpAddr::V6(_)) => [Family::None, Family::One(*ip)],
        ListenHost::Localhost => {
            [Family::One(Ipv4Addr::LOCALHOST.into()), Family::One(Ipv6Addr::LOCALHOST.into())]
        }
    }
}

/// Whether two addresses have connections in common.
pub(crate) fn overlap(a: &ListenUrl, b: &ListenUrl) -> bool {
    let [a4, a6] = families(&a.host);
    let [b4, b6] = families(&b.host);
    same_port(a, b) && (a4.meets(b4) || a6.meets(b6))
}

/// Whether all connections to one address are connections to the other too.
pub(crate) fn covers(outer: &ListenUrl, inner: &ListenUrl) -> bool {
    let [outer4, outer6] = families(&outer.host);
    let [inner4, inner6] = families(&inner.host);
    same_port(outer, inner) && outer4.covers(inner4) && outer6.covers(inner6)
}

/// Any free port is one port for each scheme.
fn same_port(a: &ListenUrl, b: &ListenUrl) -> bool {
    a.port == b.port && (a.port != 0 || a.scheme == b.scheme)
}

/// Whether a connection to this address of the machine belongs to the host of a binding. An unspecified address stands
/// for any of its family that nobody names.
pub(super) fn takes(host: &ListenHost, local: IpAddr) -> bool {
    let [v4, v6] = families(host);
    match local {
        IpAddr::V4(_) => v4 == Family::All || v4 == Family::One(local),
        IpAddr::V6(_) => v6 == Family::All || v6 == Family::One(local),
    }
}

/// The addresses that a host names.
pub(super) fn named(host: &ListenHost) -> impl Iterator<Item = IpAddr> {
    families(host).into_iter().filter_map(|family| match family {
        Family::One(ip) => Some(ip),
        Family::None | Family::All => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::parse_url;

    #[test]
    fn sockets_and_what_they_share() {
        for (a, b, meet, first, second) in [
            ("http://*:80", "https://127.0.0.1:80", true, true, false),
            ("http://[::]:80", "http://127.0.0.1:80", true, true, false),
            ("http://[::]:80", "http://*:80", true, true, true),
            ("http://0.0.0.0:80", "http://*:80", true, false, true),
            ("http://0.0.0.0:80", "http://localhost:80", true, false, false),
            ("http://localhost:80", "http://[::1]:80", true, true, false),
            ("http://*:0", "http://*:0", true, true, true),
            ("http://0.0.0.0:80", "http://[::1]:80", false, false, false),
            ("http://*:0", "https://*:0", false, false, false),
            ("http://127.0.0.1:80", "http://127.0.0.2:80", false, false, false),
            ("http://*:80", "http://*:81", false, false, false),
        ] {
            let (one, two) = (parse_url(a).unwrap(), parse_url(b).unwrap());
            assert_eq!((overlap(&one, &two), overlap(&two, &one)), (meet, meet), "{a} {b}");
            assert_eq!((covers(&one, &two), covers(&two, &one)), (first, second), "{a} {b}");
        }
    }
}
