//! How requests are told apart: what each pool's workers and the gateway need to know of the sites.

use std::sync::Arc;

use mews_model::routing::{RoutedSite, Router};
use mews_model::server_config::{HostName, ServerConfig, Site};

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
        let only = |site: &RoutedSite| {
            site.paths.len() == 1 && site.bindings.iter().all(|binding| binding.host == HostName::Any)
        };
        let trivial = routes.sites.len() == 1 && routes.sites.iter().all(only) && own == 1;
        (!trivial).then_some(routes)
    }

    /// What the gateway needs to know that accepts at these addresses.
    pub(super) fn of_gateway(&self, addresses: &[Arc<Listening>]) -> Routes {
        self.routes(addresses, |_| None)
    }

    /// `here` gives the applications of the pool that asks their numbers, in the order of the configuration.
    fn routes(&self, addresses: &[Arc<Listening>], mut here: impl FnMut(PoolId) -> Option<Owner>) -> Routes {
        let places: Vec<(usize, &Arc<Listening>)> = self
            .listening
            .iter()
            .enumerate()
            .filter(|(_, listening)| addresses.iter().any(|address| Arc::ptr_eq(address, listening)))
            .collect();
        let listeners = || places.iter().filter_map(|(place, _)| self.router.listeners().get(*place));
        let mut indices: Vec<usize> = listeners().flat_map(|listener| listener.sites()).collect();
        indices.sort_unstable();
        indices.dedup();
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
        let numbers = places.iter().filter_map(|(place, listening)| {
            let listener = self.router.listeners().get(*place)?;
            Some((listening.number(), place_of(listener.url())?))
        });
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
