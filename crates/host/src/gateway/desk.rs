//! Whom a connection is for, and what is answered here: requests for a host that no site has, and those for pools whose
//! workers cannot be waited for.

use std::net::TcpStream;
use std::sync::Arc;

use arc_swap::ArcSwap;
use mews_model::routing::split_target;
use mews_server::{Application, Client, ConnectionInfo, Dispatch, Handler, RequestHead, Router, Said};

use super::pools::{Kind, Pools};
use super::tally::Tally;
use crate::handover::{Parcel, PoolId};
use crate::routing::{Owner, Routes, Table, host_of};
use crate::worker::pages;

/// See the module's documentation.
pub(super) struct Desk {
    table: ArcSwap<Table>,
    tally: Arc<Tally>,
    unknown: Application,
    unavailable: Application,
}

/// For requests that are answered here although a pool should.
pub(super) fn unavailable() -> Arc<dyn Handler> {
    Arc::new(pages::no_worker())
}

impl Desk {
    pub(super) fn new(routes: &Routes, tally: &Arc<Tally>) -> Self {
        Self {
            tally: Arc::clone(tally),
            table: ArcSwap::from_pointee(Table::new(routes)),
            unknown: Application::new(Arc::new(pages::invalid_host())),
            unavailable: Application::new(unavailable()),
        }
    }

    /// From now on connections are shared out like this.
    pub(super) fn replace(&self, routes: &Routes) {
        self.table.store(Arc::new(Table::new(routes)));
    }

    /// What hands connections to these pools.
    pub(super) fn counter(self: &Arc<Self>, pools: &Arc<Pools>) -> Arc<dyn Dispatch> {
        Arc::new(Counter { desk: Arc::clone(self), pools: Arc::clone(pools) })
    }

    fn pool(&self, client: &Client, said: Said<'_>) -> Option<PoolId> {
        let table = self.table.load();
        let endpoint = table.endpoint(client.listener, client.local)?;
        let (site, path) = match said {
            Said::Head { host, target } => {
                let target = split_target(target);
                (endpoint.site(target.host.unwrap_or(host))?, target.path)
            }
            Said::Hello { server_name } => {
                let named = Some(server_name).filter(|name| !name.is_empty());
                let site = named.and_then(|name| endpoint.site(name.as_bytes()));
                (site.or_else(|| table.default_site(client.listener, endpoint))?, &b"/"[..])
            }
            Said::Http2 => (table.default_site(client.listener, endpoint)?, &b"/"[..]),
        };
        let Owner::Pool(pool) = table.owner(site, path)? else { return None };
        self.tally.handed_over(client.listener, table.name(site));
        Some(pool)
    }
}

impl Router for Desk {
    fn route(&self, head: &RequestHead<'_>, connection: &ConnectionInfo) -> &Application {
        let table = self.table.load();
        let endpoint = table.endpoint(connection.listener, connection.local);
        let site = endpoint.and_then(|endpoint| endpoint.site(host_of(head).0));
        if site.is_some() { &self.unavailable } else { &self.unknown }
    }

    /// What is answered here is said in HTTP/1.
    fn http2(&self, _: &Client, _: Option<&str>) -> Option<bool> {
        Some(false)
    }
}

struct Counter {
    desk: Arc<Desk>,
    pools: Arc<Pools>,
}

impl Dispatch for Counter {
    fn choose(&self, client: &Client, said: Said<'_>) -> Option<usize> {
        let Some(PoolId(pool)) = self.desk.pool(client, said) else {
            self.desk.tally.unknown_host();
            return None;
        };
        usize::try_from(pool).ok()
    }

    fn give(&self, to: usize, connection: TcpStream, client: Client) {
        // It came from a pool's number.
        let Ok(pool) = u32::try_from(to) else { return };
        let parcel = Parcel { kind: Kind::Client(client.listener), descriptor: connection.into() };
        self.pools.deliver(PoolId(pool), parcel);
    }
}
