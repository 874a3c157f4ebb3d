//! Hands each request to the application that it is for: one of this worker's, or another pool's.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use mews_server::{
    Application, Client, ConnectionInfo, ForwardHandler, PrivateBackend, RequestHead, Router, Server, Tls,
};

use super::{Control, Place, pages};
use crate::handover::{PoolId, Strays};
use crate::routing::{Owner, Table, host_of};

/// What a worker serves, as far as requests are told apart.
pub(super) struct Sites {
    server: Arc<Server>,
    strays: Strays,
    /// What each listener speaks.
    tls: HashMap<usize, Option<Tls>>,
    state: Mutex<State>,
}

struct State {
    table: Arc<Table>,
    here: Vec<Application>,
}

impl Sites {
    /// Has `server` serve these applications, and what the gateway hands over. `None` where all requests are for the one
    /// application that it serves anyway.
    pub(super) fn serve(
        server: &Arc<Server>,
        here: Vec<Application>,
        place: &Place,
        control: &Control,
    ) -> Option<Arc<Self>> {
        let table = Arc::new(Table::new(place.routes.as_ref()?));
        let tls = place.listeners.iter().map(|listener| (listener.number, listener.tls.clone())).collect();
        let state = State { table, here };
        let server = Arc::clone(server);
        let sites = Arc::new(Self { server, strays: Strays::default(), tls, state: Mutex::new(state) });
        sites.renew();
        control.on_routes({
            let sites = Arc::clone(&sites);
            move |routes| {
                sites.with(|state| state.table = Arc::new(Table::new(routes)));
            }
        });
        control.on_channel({
            let sites = Arc::clone(&sites);
            move |_, channel| sites.take_over(channel)
        });
        Some(sites)
    }

    /// From now on these are the worker's applications.
    pub(super) fn replace(&self, here: Vec<Application>) {
        self.with(|state| state.here = here);
    }

    fn with(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.renew();
    }

    fn take_over(&self, channel: OwnedFd) {
        let arrivals = self.strays.attach(channel, self.tls.clone());
        if let Err(error) = self.server.take_over(arrivals) {
            tracing::error!("connections cannot be taken over from the gateway: {error}");
        }
    }

    fn renew(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let router = AppRouter::new(&state.table, &state.here, &self.strays, &self.tls);
        self.server.set_router(Arc::new(router));
    }
}

struct AppRouter {
    table: Arc<Table>,
    here: Vec<Application>,
    pools: BTreeMap<PoolId, Application>,
    tls: HashMap<usize, Option<Tls>>,
    unknown: Application,
    misdirected: Application,
    missing: Application,
}

impl AppRouter {
    fn new(
        table: &Arc<Table>,
        here: &[Application],
        strays: &Strays,
        tls: &HashMap<usize, Option<Tls>>,
    ) -> Self {
        let relay = |pool: PoolId| {
            let backend = Arc::new(PrivateBackend::new(strays.to(pool)));
            Application::new(Arc::new(ForwardHandler::new(PrivateBackend::options(), backend)))
        };
        Self {
            here: here.to_vec(),
            pools: table.pools().map(|pool| (pool, relay(pool))).collect(),
            table: Arc::clone(table),
            tls: tls.clone(),
            unknown: Application::new(Arc::new(pages::invalid_host())),
            misdirected: Application::new(Arc::new(pages::misdirected())),
            missing: Application::new(Arc::new(pages::no_worker())),
        }
    }

    /// Whether the client took a connection that it was given for another host, and would be given another one for this: with
    /// another certificate, so that what it relies on is not said of the host, or without HTTP/2.
    fn is_misdirected(&self, connection: &ConnectionInfo, version: u8, (site, host): (usize, &[u8])) -> bool {
        let Some(tls) = connection.tls.as_ref().filter(|tls| !tls.server_name.is_empty()) else {
            return false;
        };
        let endpoint = self.table.endpoint(connection.listener, connection.local);
        if version >= 20 && endpoint.is_some_and(|endpoint| !endpoint.http2(host)) {
            return true;
        }
        let named = endpoint.and_then(|endpoint| endpoint.site(tls.server_name.as_bytes()));
        if named == Some(site) {
            return false;
        }
        let certificates = self.tls.get(&connection.listener).and_then(Option::as_ref);
        !certificates.is_some_and(|certificates| certificates.covers(&tls.server_name, host))
    }
}

impl Router for AppRouter {
    fn route(&self, head: &RequestHead<'_>, connection: &ConnectionInfo) -> &Application {
        let (host, path) = host_of(head);
        let endpoint = self.table.endpoint(connection.listener, connection.local);
        let Some(site) = endpoint.and_then(|endpoint| endpoint.site(host)) else { return &self.unknown };
        if connection.tls.is_some() && self.is_misdirected(connection, head.version, (site, host)) {
            return &self.misdirected;
        }
        let found = match self.table.owner(site, path) {
            Some(Owner::Here(number)) => self.here.get(number),
            Some(Owner::Pool(pool)) => self.pools.get(&pool),
            None => None,
        };
        found.unwrap_or(&self.missing)
    }

    fn http2(&self, client: &Client, server_name: Option<&str>) -> Option<bool> {
        self.table.http2(client.listener, client.local, server_name)
    }
}
