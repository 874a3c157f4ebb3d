//! What the gateway counts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use mews_model::metrics::{Snapshot, names};
use mews_server::Server;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// By the number of the listener, and the name of the site.
    handed_over: Mutex<BTreeMap<usize, BTreeMap<String, u64>>>,
    unknown_host: AtomicU64,
    no_worker: AtomicU64,
    /// Connections that have come back to be answered here: they were accepted before.
    adopted: AtomicU64,
    relayed: AtomicU64,
}

impl Tally {
    /// A pool was found for a connection that came to this listener.
    pub(super) fn handed_over(&self, listener: usize, site: &str) {
        let mut counts = self.handed_over.lock().unwrap_or_else(PoisonError::into_inner);
        let sites = counts.entry(listener).or_default();
        match sites.get_mut(site) {
            Some(count) => *count += 1,
            None => {
                sites.insert(site.to_owned(), 1);
            }
        }
    }

    /// A connection names a host that no site has.
    pub(super) fn unknown_host(&self) {
        self.unknown_host.fetch_add(1, Relaxed);
    }

    /// No worker can be waited for; whether the client is told so.
    pub(super) fn no_worker(&self, told: bool) {
        self.no_worker.fetch_add(1, Relaxed);
        self.adopted.fetch_add(u64::from(told), Relaxed);
    }

    /// A worker forwards requests to another.
    pub(super) fn relayed(&self) {
        self.relayed.fetch_add(1, Relaxed);
    }

    /// Adds what was counted up to now. `urls`: of the listeners, by their numbers.
    pub(super) fn fill(
        &self,
        snapshot: &mut Snapshot,
        server: &Server,
        urls: &BTreeMap<usize, String>,
        waiting: usize,
    ) {
        server.fill_refusals(snapshot);
        let get = |count: &AtomicU64| count.load(Relaxed);
        let accepted = server.stats().accepted.saturating_sub(get(&self.adopted));
        snapshot.level(names::GATEWAY_CONNECTIONS, &[], server.connections() as u64);
        snapshot.level(names::GATEWAY_WAITING, &[], waiting as u64);
        snapshot.count(names::GATEWAY_ACCEPTED, &[], accepted);
        let counts = self.handed_over.lock().unwrap_or_else(PoisonError::into_inner);
        for (listener, sites) in &*counts {
            let url = urls.get(listener).map_or("", String::as_str);
            for (site, count) in sites {
                snapshot.count(names::GATEWAY_HANDED_OVER, &[url, site], *count);
            }
        }
        snapshot.count(names::GATEWAY_REFUSED, &["unknown_host"], get(&self.unknown_host));
        snapshot.count(names::GATEWAY_REFUSED, &["no_worker"], get(&self.no_worker));
        snapshot.count(names::GATEWAY_RELAYED, &[], get(&self.relayed));
    }
}
