//! Whom a request is for, in the terms of one process of the host.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use mews_model::routing::{Endpoint, RoutedSite, Router, split_target};
use mews_server::RequestHead;
use mews_server::headers::known;
use serde::{Deserialize, Serialize};

use crate::handover::PoolId;

/// The sites behind the listeners that a process is concerned with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Routes {
    /// The sites.
    pub(crate) sites: Vec<RoutedSite>,
    /// For each of them, whose each of its applications is.
    pub(crate) owners: Vec<Vec<Owner>>,
    /// The number of each listener, and its place in the list that the router makes of the sites.
    pub(crate) listeners: Vec<(usize, usize)>,
}

impl Routes {
    /// How many applications are the process's own.
    pub(crate) fn here(&self) -> usize {
        let number = |owner: &Owner| match owner {
            Owner::Here(number) => number + 1,
            Owner::Pool(_) => 0,
        };
        self.owners.iter().flatten().map(number).max().unwrap_or(0)
    }
}

/// Whose an application is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Owner {
    /// The process's own: its application of this number.
    Here(usize),
    /// Another pool's.
    Pool(PoolId),
}

/// The same, ready to be asked.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    router: Router,
    names: Vec<String>,
    owners: Vec<Vec<Owner>>,
    /// By number.
    listeners: Vec<Option<usize>>,
}

impl Table {
    pub(crate) fn new(routes: &Routes) -> Self {
        let most = routes.listeners.iter().map(|(number, _)| *number).max();
        let mut listeners = vec![None; most.map_or(0, |most| most + 1)];
        for (number, place) in &routes.listeners {
            if let Some(entry) = listeners.get_mut(*number) {
                *entry = Some(*place);
            }
        }
        let names = routes.sites.iter().map(|site| site.name.clone()).collect();
        Self { router: Router::of(&routes.sites), names, owners: routes.owners.clone(), listeners }
    }

    /// The sites of connections that came through this listener to this address.
    pub(crate) fn endpoint(&self, listener: usize, local: Option<SocketAddr>) -> Option<&Endpoint> {
        let place = self.listeners.get(listener).copied().flatten()?;
        let local = local.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |local| local.ip());
        self.router.listeners().get(place).map(|listener| listener.endpoint(local))
    }

    /// The name of a site.
    pub(crate) fn name(&self, site: usize) -> &str {
        self.names.get(site).map_or("", String::as_str)
    }

    /// Whether HTTP/2 is spoken there by TLS clients that ask for this name; see [`mews_server::Router::http2`].
    pub(crate) fn http2(
        &self,
        listener: usize,
        local: Option<SocketAddr>,
        server_name: Option<&str>,
    ) -> Option<bool> {
        let Some(endpoint) = self.endpoint(listener, local) else { return Some(false) };
        match server_name {
            Some(name) => Some(endpoint.http2(name.as_bytes())),
            None => endpoint.http2_of_all(),
        }
    }

    /// Whose the application of a site for a path is.
    pub(crate) fn owner(&self, site: usize, path: &[u8]) -> Option<Owner> {
        self.owners.get(site)?.get(self.router.application(site, path)).copied()
    }

    /// The other pools that applications belong to.
    pub(crate) fn pools(&self) -> impl Iterator<Item = PoolId> {
        let all = self.owners.iter().flatten().filter_map(|owner| match owner {
            Owner::Pool(pool) => Some(*pool),
            Owner::Here(_) => None,
        });
        all.collect::<BTreeSet<PoolId>>().into_iter()
    }

    /// The site whose business a connection is that names none.
    pub(crate) fn default_site(&self, listener: usize, endpoint: &Endpoint) -> Option<usize> {
        let place = self.listeners.get(listener).copied().flatten()?;
        let first = || self.router.listeners().get(place)?.sites().first().copied();
        endpoint.site(b"").or_else(first)
    }
}

/// The host that a request names, and its path as sent.
pub(crate) fn host_of<'a>(head: &RequestHead<'a>) -> (&'a [u8], &'a [u8]) {
    let target = split_target(head.target);
    let field =
        || head.headers.iter().find(|field| field.known == known::HOST).map_or(&[][..], |field| field.value);
    (target.host.unwrap_or_else(field), target.path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mews_model::server_config::{Binding, HostName};
    use mews_model::url::parse_url;

    #[test]
    fn owners_are_found_by_listener_host_and_path() {
        let site = |host: &str, paths: &[&str]| RoutedSite {
            name: host.to_owned(),
            bindings: vec![Binding {
                listen: parse_url("http://*:80").unwrap(),
                host: HostName::Exact(host.to_owned()),
                http2: host == "a.test",
            }],
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        };
        let table = Table::new(&Routes {
            sites: vec![site("a.test", &["/", "/api"]), site("b.test", &["/"])],
            owners: vec![vec![Owner::Here(0), Owner::Pool(PoolId(7))], vec![Owner::Pool(PoolId(9))]],
            listeners: vec![(4, 0)],
        });
        assert!(table.endpoint(0, None).is_none() && table.endpoint(9, None).is_none());
        let endpoint = table.endpoint(4, "192.0.2.1:80".parse().ok()).unwrap();
        let owner = |host: &str, path: &str| table.owner(endpoint.site(host.as_bytes())?, path.as_bytes());
        assert_eq!(owner("a.test", "/"), Some(Owner::Here(0)));
        assert_eq!(owner("A.test:80", "/API/x?y"), Some(Owner::Pool(PoolId(7))));
        assert_eq!(owner("b.test", "/api"), Some(Owner::Pool(PoolId(9))));
        assert_eq!(owner("c.test", "/"), None);
        assert_eq!(table.default_site(4, endpoint), Some(0));
        let http2 = |name| table.http2(4, None, name);
        assert_eq!(
            [http2(None), http2(Some("a.test")), http2(Some("b.test")), http2(Some(""))],
            [None, Some(true), Some(false), Some(true)]
        );
        assert_eq!(table.http2(9, None, None), Some(false));
    }
}
