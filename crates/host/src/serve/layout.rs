//! What a configuration comes to: addresses to listen on, certificates, and pools with their applications.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mews_model::lifecycle::{Settings, apart};
use mews_model::routing::{Listener, Router};
use mews_model::server_config::{Pool, ServerConfig, Site as ConfiguredSite};
use mews_model::url::{ListenUrl, Scheme};

use crate::app::Site;
use crate::control::TlsId;
use crate::listeners::{self, BindError, Listening, Passed, UnwantedSocket, Wanted};
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
    /// What this version cannot do.
    #[error("{0}")]
    Unsupported(String),
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
    /// Their certificates, as far as they are not there already.
    pub(crate) tls: BTreeMap<TlsId, Keeper>,
    /// The pools that have an application.
    pub(crate) pools: Vec<PoolSpec>,
    /// To be logged.
    pub(crate) warnings: Vec<String>,
}

impl Layout {
    /// Works it out, reads certificates, and listens.
    pub(crate) fn new(mut config: ServerConfig, present: &Present) -> Result<Self, LayoutError> {
        config.sites.retain(|site| site.auto_start);
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
        let owners = owners(&config, router.listeners())?;
        let listening = listeners::listen(&wanted, &present.listening, &present.passed)?;
        present.passed.all_taken(listening.iter().flat_map(|listening| listening.addresses()))?;
        let mut pools = Vec::new();
        for pool in &config.pools {
            let own = listening.iter().zip(&owners).filter(|(_, owner)| owner.as_deref() == Some(&pool.name));
            let own: Vec<Arc<Listening>> = own.map(|(listening, _)| Arc::clone(listening)).collect();
            pools.extend(pool_spec(&config, pool, own)?);
        }
        Ok(Self { config, listening, tls, pools, warnings })
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

/// The pool whose worker accepts at each address; `None` where nobody needs it.
fn owners(config: &ServerConfig, listeners: &[Listener]) -> Result<Vec<Option<String>>, LayoutError> {
    let mut owners = Vec::new();
    for listener in listeners {
        let mut pools: Vec<&str> = listener
            .sites()
            .into_iter()
            .filter_map(|index| config.sites.get(index))
            .flat_map(|site| &site.applications)
            .filter_map(|application| config.pool(&application.pool))
            .map(|pool| pool.name.as_str())
            .collect();
        pools.sort_unstable();
        pools.dedup();
        if let [first, second, ..] = pools.as_slice() {
            return Err(LayoutError::Unsupported(format!(
                "{} is shared by the pools '{first}' and '{second}', which needs the gateway; this version has none, so \
                 give each pool an address of its own",
                listener.url()
            )));
        }
        owners.push(pools.first().map(|pool| (*pool).to_owned()));
    }
    Ok(owners)
}

fn pool_spec(
    config: &ServerConfig,
    pool: &Pool,
    listening: Vec<Arc<Listening>>,
) -> Result<Option<PoolSpec>, LayoutError> {
    let here = |site: &ConfiguredSite| -> Vec<Site> {
        let own = site.applications.iter().filter(|app| app.pool.eq_ignore_ascii_case(&pool.name));
        own.map(|application| Site::configured_in(site, application, pool)).collect()
    };
    let mut applications: Vec<Site> = config.sites.iter().flat_map(here).collect();
    let (Some(site), rest) = (applications.pop(), applications) else { return Ok(None) };
    if !rest.is_empty() {
        return Err(LayoutError::Unsupported(format!(
            "the pool '{}' has {} applications, and this version hosts one in each; give each a pool of its own",
            pool.name,
            rest.len() + 1
        )));
    }
    Ok(Some(PoolSpec {
        name: Some(pool.name.clone()),
        site,
        plan: None,
        settings: Settings::of(pool, later(config, pool)),
        startup_limit: pool.startup_limit,
        shutdown_limit: pool.shutdown_limit,
        ping: pool.ping,
        listening,
    }))
}

/// How much later than others with the same age this pool recycles.
fn later(config: &ServerConfig, pool: &Pool) -> Duration {
    let same = |other: &&Pool| other.recycle.age == pool.recycle.age;
    let count = config.pools.iter().filter(same).count();
    let index = config.pools.iter().filter(same).position(|other| other.name == pool.name).unwrap_or(0);
    apart(index, count, RECYCLE_APART, RECYCLE_WITHIN)
}
