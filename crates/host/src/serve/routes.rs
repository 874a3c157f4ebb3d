//! How requests are told apart: what each pool's workers and the gateway need to know of the sites.

use std::sync::Arc;

use mews_model::routing::{Listener, RoutedSite, Router};
use mews_model::server_config::{Binding, HostName, ServerConfig, Site};

use crate::handover::PoolId;
use crate::listeners::Listening;
use crate::routing::{Owner, Routes};

/// A configuration with the numbers that its parts have got.
pub(super) struct Numbered<'a> {
    pub(super) config: &'a ServerConfig,
    pub(super) router: &'a Router,
    /// In the order of the router's listeners.
    pub(super) listening: &'a [Arc<Listening>],
    /// In the order of the configuration's pools.
    pub(super) pools: &'a [PoolId],
}

impl Numbered<'_> {
    /// What the workers of this pool need to know, if it accepts or is handed connections at these addresses. `None`
    /// when all requests there are for its only application.
    pub(super) fn of_pool(&self, pool: PoolId, addresses: &[Arc<Listening>]) -> Option<Routes> {
        let mut own = 0;
        let routes = self.routes(addresses, |id| {
            (id == pool).then(|| {
                own += 1;
                Owner::Here(own - 1)
            })
        });
        // A worker that is told nothing goes by what the site says of HTTP/2.
        let like = |site: &Site, binding: &Binding| {
            binding.host == HostName::Any && binding.http2 == site.http2.at(binding.listen.scheme)
        };
        let only = |site: &Site| {
            site.applications.len() == 1 && site.bindings.iter().all(|binding| like(site, binding))
        };
        let sites = self.sites(addresses);
        let trivial = matches!(*sites, [index] if self.config.sites.get(index).is_some_and(only)) && own == 1;
        (!trivial).then_some(routes)
    }

    /// What the gateway needs to know that accepts at these addresses.
    pub(super) fn of_gateway(&self, addresses: &[Arc<Listening>]) -> Routes {
        self.routes(addresses, |_| None)
    }

    /// What the router makes of these addresses.
    fn places(&self, addresses: &[Arc<Listening>]) -> impl Iterator<Item = (&Listening, &Listener)> {
        let all = self.listening.iter().zip(self.router.listeners());
        let these = |listening: &Arc<Listening>| addresses.iter().any(|one| Arc::ptr_eq(one, listening));
        all.filter(move |(listening, _)| these(listening)).map(|(listening, at)| (&**listening, at))
    }

    /// The sites that have a binding at one of these addresses, as indices of the configuration's list.
    fn sites(&self, addresses: &[Arc<Listening>]) -> Vec<usize> {
        let mut sites: Vec<usize> = self.places(addresses).flat_map(|(_, at)| at.sites()).collect();
        sites.sort_unstable();
        sites.dedup();
        sites
    }

    /// `here` gives the applications of the pool that asks their numbers, in the order of the configuration.
    fn routes(&self, addresses: &[Arc<Listening>], mut here: impl FnMut(PoolId) -> Option<Owner>) -> Routes {
        let indices = self.sites(addresses);
        let mut sites = Vec::new();
        let mut owners = Vec::new();
        // In the order of the configuration over all sites, so that numbers do not depend on the addresses.
        for (index, site) in self.config.sites.iter().enumerate() {
            let of_site: Vec<Owner> =
                site.applications.iter().filter_map(|app| self.owner(app.pool.as_str(), &mut here)).collect();
            if indices.binary_search(&index).is_ok() {
                sites.push(RoutedSite::from(site));
                owners.push(of_site);
            }
        }
        let sub = Router::of(&sites);
        let place_of = |url| sub.listeners().iter().position(|listener| listener.url() == url);
        let numbers = self.places(addresses);
        let numbers = numbers.filter_map(|(listening, at)| Some((listening.number(), place_of(at.url())?)));
        let listeners = numbers.collect();
        Routes { sites, owners, listeners }
    }

    fn owner(&self, pool: &str, here: &mut impl FnMut(PoolId) -> Option<Owner>) -> Option<Owner> {
        let index = self.config.pools.iter().position(|known| known.name.eq_ignore_ascii_case(pool))?;
        let id = *self.pools.get(index)?;
        Some(here(id).unwrap_or(Owner::Pool(id)))
    }
}

/// The pools that have applications in these sites, as indices of the configuration's list.
pub(super) fn pools_of<'a>(config: &ServerConfig, sites: impl Iterator<Item = &'a Site>) -> Vec<usize> {
    let names = sites.flat_map(|site| &site.applications).map(|application| application.pool.as_str());
    let index = |name: &str| config.pools.iter().position(|pool| pool.name.eq_ignore_ascii_case(name));
    let mut pools: Vec<usize> = names.filter_map(index).collect();
    pools.sort_unstable();
    pools.dedup();
    pools
}
