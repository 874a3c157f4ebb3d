//! The addresses that are listened on, and the sites behind each.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::RoutedSite;
use super::address::{covers, named, takes};
use super::host::Names;
use crate::server_config::Binding;
use crate::url::{ListenHost, ListenUrl};

/// An address that is listened on, and the sites of its connections.
#[derive(Clone, Debug)]
pub struct Listener {
    url: ListenUrl,
    /// Addresses of the machine that some binding names.
    named: Vec<(IpAddr, Endpoint)>,
    /// Other connections, IPv4 and IPv6.
    rest: [Endpoint; 2],
}

/// The sites of one address and port.
#[derive(Clone, Debug, Default)]
pub struct Endpoint {
    names: Names<Taker>,
    /// Of all bindings, the one at the narrowest address first.
    takers: Vec<Taker>,
}

/// What a host name leads to.
#[derive(Clone, Copy, Debug)]
struct Taker {
    site: usize,
    http2: bool,
}

impl Listener {
    /// What to listen on.
    pub fn url(&self) -> &ListenUrl {
        &self.url
    }

    /// Every site that has a binding here, in the order of the file.
    pub fn sites(&self) -> Vec<usize> {
        let mut sites: Vec<usize> = self.endpoints().flat_map(Endpoint::sites).collect();
        sites.sort_unstable();
        sites.dedup();
        sites
    }

    /// The sites of a connection that came to this address of the machine.
    pub fn endpoint(&self, local: IpAddr) -> &Endpoint {
        let local = local.to_canonical();
        let [v4, v6] = &self.rest;
        let rest = if local.is_ipv4() { v4 } else { v6 };
        self.named.iter().find(|(ip, _)| *ip == local).map_or(rest, |(_, endpoint)| endpoint)
    }

    fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.named.iter().map(|(_, endpoint)| endpoint).chain(&self.rest)
    }
}

impl Endpoint {
    /// The index of the site for a host name, as a `Host` field or a ClientHello's SNI has it: in any case, with a
    /// port or without. Exact names win over wildcards, longer wildcards over shorter ones, and these over sites that
    /// take every name; an empty name belongs to these.
    pub fn site(&self, host: &[u8]) -> Option<usize> {
        Some(self.names.find(host)?.site)
    }

    /// Whether HTTP/2 is spoken by clients that ask for a host name; those that ask for none, or for an unknown one, are the
    /// business of the site that takes every name, or else of the first.
    pub fn http2(&self, host: &[u8]) -> bool {
        self.names.find(host).or_else(|| self.takers.first().copied()).is_some_and(|taker| taker.http2)
    }

    /// The same where the name does not matter.
    pub fn http2_of_all(&self) -> Option<bool> {
        let first = self.takers.first().is_some_and(|taker| taker.http2);
        self.takers.iter().all(|taker| taker.http2 == first).then_some(first)
    }

    fn sites(&self) -> impl Iterator<Item = usize> {
        self.takers.iter().map(|taker| taker.site)
    }
}

/// The listeners of all sites.
pub(super) fn listeners(sites: &[RoutedSite]) -> Vec<Listener> {
    let bindings: Vec<(usize, &Binding)> = sites
        .iter()
        .enumerate()
        .flat_map(|(site, value)| value.bindings.iter().map(move |binding| (site, binding)))
        .collect();
    let mut urls: Vec<&ListenUrl> = Vec::new();
    for (_, binding) in &bindings {
        if !urls.contains(&&binding.listen) {
            urls.push(&binding.listen);
        }
    }
    let outermost = urls.iter().enumerate().filter(|(at, url)| {
        // Of two spellings of the same, the first.
        let mut others = urls.iter().enumerate();
        !others.any(|(other_at, other)| covers(other, url) && (other_at < *at || !covers(url, other)))
    });
    outermost.map(|(_, url)| listener(url, &bindings)).collect()
}

fn listener(url: &ListenUrl, bindings: &[(usize, &Binding)]) -> Listener {
    let here = || bindings.iter().filter(|(_, binding)| covers(url, &binding.listen));
    let endpoint = |local: IpAddr| {
        let mut all: Vec<_> = here().filter(|(_, binding)| takes(&binding.listen.host, local)).collect();
        // Of one name at several addresses, the one at the narrowest address counts.
        all.sort_by_key(|(_, binding)| breadth(&binding.listen.host));
        let mut endpoint = Endpoint::default();
        for (site, binding) in all {
            let taker = Taker { site: *site, http2: binding.http2 };
            endpoint.names.add(&binding.host, taker);
            endpoint.takers.push(taker);
        }
        endpoint
    };
    let mut addresses: Vec<IpAddr> = here().flat_map(|(_, binding)| named(&binding.listen.host)).collect();
    addresses.sort_unstable();
    addresses.dedup();
    Listener {
        url: url.clone(),
        named: addresses.into_iter().map(|ip| (ip, endpoint(ip))).collect(),
        rest: [endpoint(Ipv4Addr::UNSPECIFIED.into()), endpoint(Ipv6Addr::UNSPECIFIED.into())],
    }
}

fn breadth(host: &ListenHost) -> u8 {
    match host {
        ListenHost::Ip(ip) if !ip.is_unspecified() => 0,
        ListenHost::Localhost => 1,
        ListenHost::Ip(ip) if ip.is_ipv4() => 2,
        _ => 3,
    }
}
