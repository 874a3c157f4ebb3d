//! What a configuration comes to: addresses to listen on, certificates, and pools with their applications.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mews_model::lifecycle::{Settings, apart};
use mews_model::routing::{Listener, Router};
use mews_model::server_config::{Pool, ServerConfig, Site as ConfiguredSite};
use mews_model::url::{ListenUrl, Scheme};

use super::routes::{Numbered, pools_of};
use crate::app::Site;
use crate::control::TlsId;
use crate::handover::PoolId;
use crate::listeners::{self, BindError, Listening, Passed, UnwantedSocket, Wanted};
use crate::metrics::MetricsAddress;
use crate::routing::Routes;
use crate::serve_config::LoadError;
use crate::supervisor::PoolSpec;
use crate::tls::{Configured, Keeper, Source, TlsProblem};

/// Pools that recycle at the same time do so one after the other, as far apart as this, but all within `RECYCLE_WITHIN`.
const RECYCLE_APART: Duration = Duration::from_secs(10);
const RECYCLE_WITHIN: Duration = Duration::from_secs(30 * 60);

/// Why a configuration cannot be hosted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LayoutError {
    /// The file.
    #[error("{0}")]
    File(LoadError),
    /// Certificates of a site.
    #[error("site '{site}': {problem}")]
    Certificates {
        /// Its name.
        site: String,
        /// What is wrong.
        problem: TlsProblem,
    },
    /// Sites that cannot share an address.
    #[error(
        "the sites '{0}' and '{1}' share {2} and differ in client_certificates or client_ca; make these the same, or \
         give the sites different addresses"
    )]
    Clients(String, String, String),
    /// An address that cannot be listened on.
    #[error(transparent)]
    Address(#[from] BindError),
    /// A socket that was passed for nothing.
    #[error(transparent)]
    Passed(#[from] UnwantedSocket),
}

/// What is there already, and is kept where it is still wanted.
#[derive(Debug, Default)]
pub(crate) struct Present {
    /// Addresses that are listened on.
    pub(crate) listening: Vec<Arc<Listening>>,
    /// Where the certificates in use come from.
    pub(crate) tls: Vec<(TlsId, Configured)>,
    /// The numbers of the pools, by their names.
    pub(crate) pools: BTreeMap<String, PoolId>,
    /// Sockets that the service manager has opened.
    pub(crate) passed: Passed,
}

impl Present {
    /// The certificates of an address, if they are the same.
    fn tls_of(&self, url: &ListenUrl, configured: &Configured) -> Option<TlsId> {
        let known = self.listening.iter().find(|listening| listening.listen() == url)?.tls()?;
        self.tls.iter().any(|(id, source)| *id == known && source == configured).then_some(known)
    }

    fn next_tls(&self) -> u32 {
        self.tls.iter().map(|(id, _)| id.0 + 1).max().unwrap_or(0)
    }
}

/// What is to be hosted.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// The configuration that this comes from; empty for `mews run`.
    pub(crate) config: ServerConfig,
    /// Addresses that are listened on.
    pub(crate) listening: Vec<Arc<Listening>>,
    /// Those of them that applications of several pools are behind.
    pub(crate) shared: Vec<Arc<Listening>>,
    /// What the gateway needs to know about these.
    pub(crate) routes: Option<Routes>,
    /// Their certificates, as far as they are not there already.
    pub(crate) tls: BTreeMap<TlsId, Keeper>,
    /// The pools that have an application.
    pub(crate) pools: Vec<PoolSpec>,
    /// Where metrics are asked for.
    pub(crate) metrics: Option<MetricsAddress>,
    /// Whether sockets came from the service manager, which keeps them.
    pub(crate) sockets_stay: bool,
    /// To be logged.
    pub(crate) warnings: Vec<String>,
}

impl Layout {
    /// Works it out, reads certificates, and listens.
    pub(crate) fn new(config: ServerConfig, present: &Present) -> Result<Self, LayoutError> {
        let sockets_stay = present.passed.any();
        let router = Router::new(&config);
        let mut warnings = Vec::new();
        let mut tls = BTreeMap::new();
        let mut wanted = Vec::new();
        for listener in router.listeners() {
            let id = match listener.url().scheme {
                Scheme::Http => None,
                Scheme::Https => {
                    let (names, configured) = certificates(&config, listener)?;
                    match present.tls_of(listener.url(), &configured) {
                        Some(known) => Some(known),
                        None => {
                            let next =
                                TlsId(present.next_tls() + u32::try_from(tls.len()).unwrap_or(u32::MAX));
                            tls.insert(next, read(&names, configured, listener, &mut warnings)?);
                            Some(next)
                        }
                    }
                }
            };
            wanted.push(Wanted { listen: listener.url().clone(), tls: id });
        }
        let listening = listeners::listen(&wanted, &present.listening, &present.passed)?;
        present.passed.all_taken(listening.iter().flat_map(|listening| listening.addresses()))?;
        let ids = number(&config, &present.pools);
        let numbered = Numbered { config: &config, router: &router, listening: &listening, pools: &ids };
        let users: Vec<Vec<usize>> =
            router.listeners().iter().map(|listener| users(&config, listener)).collect();
        let mut pools = Vec::new();
        for (index, pool) in config.pools.iter().enumerate() {
            let of = |alone: bool| -> Vec<Arc<Listening>> {
                let behind = |users: &Vec<usize>| users.contains(&index) && (users.len() == 1) == alone;
                let addresses = listening.iter().zip(&users).filter(|(_, users)| behind(users));
                addresses.map(|(listening, _)| Arc::clone(listening)).collect()
            };
            let (own, shared) = (of(true), of(false));
            let Some(id) = ids.get(index).copied() else { continue };
            let all: Vec<Arc<Listening>> = own.iter().chain(&shared).cloned().collect();
            let place = Place { id, routes: numbered.of_pool(id, &all), own, shared };
            pools.extend(pool_spec(&config, pool, place));
        }
        let several = listening.iter().zip(&users).filter(|(_, users)| users.len() > 1);
        let shared: Vec<Arc<Listening>> = several.map(|(listening, _)| Arc::clone(listening)).collect();
        let routes = (!shared.is_empty()).then(|| numbered.of_gateway(&shared));
        Ok(Self { config, listening, shared, routes, tls, pools, metrics: None, sockets_stay, warnings })
    }
}

/// What the sites of an address say about TLS, and their names.
fn certificates(config: &ServerConfig, listener: &Listener) -> Result<(String, Configured), LayoutError> {
    let sites: Vec<&ConfiguredSite> =
        listener.sites().into_iter().filter_map(|index| config.sites.get(index)).collect();
    let names = sites.iter().map(|site| site.name.as_str()).collect::<Vec<_>>().join("', '");
    let configured = Configured::of(sites).map_err(|differing| {
        let (first, second) = *differing;
        LayoutError::Clients(first.to_owned(), second.to_owned(), listener.url().to_string())
    })?;
    Ok((names, configured))
}

/// The certificates of an address.
pub(crate) fn keeper(
    config: &ServerConfig,
    listener: &Listener,
    warnings: &mut Vec<String>,
) -> Result<Keeper, LayoutError> {
    let (names, configured) = certificates(config, listener)?;
    read(&names, configured, listener, warnings)
}

fn read(
    names: &str,
    configured: Configured,
    listener: &Listener,
    warnings: &mut Vec<String>,
) -> Result<Keeper, LayoutError> {
    let urls = [listener.url().clone()];
    let (keeper, told) = Keeper::new(Source::Configured(configured), &urls)
        .map_err(|problem| LayoutError::Certificates { site: names.to_owned(), problem })?;
    warnings.extend(told.into_iter().map(|warning| format!("site '{names}': {warning}")));
    Ok(keeper)
}

/// The pools that have applications behind an address.
fn users(config: &ServerConfig, listener: &Listener) -> Vec<usize> {
    pools_of(config, listener.sites().into_iter().filter_map(|index| config.sites.get(index)))
}

/// A number for each pool: the one that it had, or a new one.
fn number(config: &ServerConfig, known: &BTreeMap<String, PoolId>) -> Vec<PoolId> {
    let mut next = known.values().map(|id| id.0 + 1).max().unwrap_or(0);
    let mut new = || {
        next += 1;
        PoolId(next - 1)
    };
    config.pools.iter().map(|pool| known.get(&pool.name).copied().unwrap_or_else(&mut new)).collect()
}

/// Where a pool's requests come from.
struct Place {
    id: PoolId,
    own: Vec<Arc<Listening>>,
    shared: Vec<Arc<Listening>>,
    routes: Option<Routes>,
}

fn pool_spec(config: &ServerConfig, pool: &Pool, place: Place) -> Option<PoolSpec> {
    let here = |site: &ConfiguredSite| -> Vec<Site> {
        let own = site.applications.iter().filter(|app| app.pool.eq_ignore_ascii_case(&pool.name));
        own.map(|application| Site::configured_in(site, application, pool)).collect()
    };
    let mut applications = config.sites.iter().flat_map(here);
    let site = applications.next()?;
    let more: Vec<Site> = applications.collect();
    let settings = Settings::of(pool, later(config, pool, |pool| pool.recycle.age));
    // A site that is not to start by itself answers with 503 until 'mews start' names it, or its pool.
    let starts = |site: &ConfiguredSite| {
        site.auto_start && site.applications.iter().any(|app| app.pool.eq_ignore_ascii_case(&pool.name))
    };
    let settings =
        Settings { auto_start: settings.auto_start && config.sites.iter().any(starts), ..settings };
    Some(PoolSpec {
        name: Some(pool.name.clone()),
        site,
        more,
        plan: None,
        settings,
        startup_limit: pool.startup_limit,
        shutdown_limit: pool.shutdown_limit,
        ping: pool.ping,
        at: pool.recycle.at.clone(),
        later: later(config, pool, |pool| pool.recycle.at.clone()),
        id: place.id,
        listening: place.own,
        shared: place.shared,
        routes: place.routes,
    })
}

/// How much later this pool recycles than the first that does so at the same time.
fn later<T: PartialEq>(config: &ServerConfig, pool: &Pool, when: impl Fn(&Pool) -> T) -> Duration {
    let same: Vec<&Pool> = config.pools.iter().filter(|other| when(other) == when(pool)).collect();
    let index = same.iter().position(|other| other.name == pool.name).unwrap_or(0);
    apart(index, same.len(), RECYCLE_APART, RECYCLE_WITHIN)
}
