//! What a server's connections and listeners share: its limits, its counters, and what it has been told.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use crate::access::Accounting;
use crate::application::Serve;
use crate::config::{Http2, Limits};
use crate::dispatch::Table;
use crate::handler::Client;
use crate::listener::{Acceptor, Addresses};
use crate::reactor::{Shard, Threads};
use crate::stats::Counters;
use crate::sync::lock;

/// What every connection of a server shares.
pub(crate) struct Shared {
    pub(super) limits: Limits,
    pub(super) http2: Http2,
    /// For the one application that a handler is.
    pub(super) response_headers: Vec<(String, String)>,
    pub(super) serve: Mutex<Serve>,
    /// Grows with every change of `serve`, so that connections need not lock to see that there was none.
    pub(super) serve_version: AtomicU64,
    pub(super) accounting: Arc<Accounting>,
    pub(super) shards: Vec<Arc<Shard>>,
    pub(super) dispatch: Vec<Table>,
    pub(super) threads: Arc<Threads>,
    pub(super) counters: Counters,
    pub(super) addresses: Arc<Addresses>,
    /// Listening sockets, and those that hand over connections which others have accepted.
    pub(super) sources: AtomicUsize,
    pub(super) connections: AtomicUsize,
    /// TLS handshakes that go on.
    pub(super) handshakes: AtomicUsize,
    pub(super) idle: (Mutex<()>, Condvar),
    /// Coarse time from which a draining server closes idle connections; 0 = not draining.
    pub(super) draining: AtomicU64,
    pub(super) closed: AtomicBool,
    pub(super) acceptors: Mutex<Vec<Arc<Acceptor>>>,
}

impl Shared {
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How requests are accounted for that are refused before their application is known.
    pub(crate) fn accounting(&self) -> &Arc<Accounting> {
        &self.accounting
    }

    /// Whether HTTP/2 is spoken on a new connection; see [`crate::Router::http2`].
    pub(crate) fn speaks_http2(
        &self,
        client: &Client,
        secure: bool,
        server_name: Option<&str>,
    ) -> Option<bool> {
        match &*lock(&self.serve) {
            Serve::Each(router) => router.http2(client, server_name),
            Serve::One(_) => Some(match self.http2 {
                Http2::Off => false,
                Http2::Tls => secure,
                Http2::Always => true,
            }),
        }
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The connections of each client.
    pub(crate) fn addresses(&self) -> &Arc<Addresses> {
        &self.addresses
    }

    pub(crate) fn shards(&self) -> &[Arc<Shard>] {
        &self.shards
    }

    pub(crate) fn threads(&self) -> &Arc<Threads> {
        &self.threads
    }

    pub(crate) fn dispatch(&self, shard: &Shard) -> &Table {
        &self.dispatch[shard.index()]
    }

    /// What new requests go to, if it is something else than at `version`.
    pub(crate) fn newer_serve(&self, version: u64) -> Option<(u64, Serve)> {
        if self.serve_version.load(Ordering::Acquire) == version {
            return None;
        }
        let serve = lock(&self.serve);
        Some((self.serve_version.load(Ordering::Acquire), serve.clone()))
    }

    /// Coarse time from which idle connections are closed; 0 = not draining.
    pub(crate) fn drain_deadline(&self) -> u64 {
        self.draining.load(Ordering::Acquire)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.drain_deadline() != 0
    }

    /// No connection is accepted any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(crate) fn is_full(&self) -> bool {
        let most = self.limits.max_connections;
        most != 0 && self.connections.load(Ordering::Acquire) >= most
    }

    /// Whether more than a `part`th of all connections that may be open are.
    pub(crate) fn is_pressed(&self, part: usize) -> bool {
        let most = self.limits.max_connections;
        most != 0 && self.connections.load(Ordering::Acquire) > most / part
    }

    /// Another source of connections is asked for them until the answer is dropped.
    pub(crate) fn source_began(self: &Arc<Self>) -> Source {
        self.sources.fetch_add(1, Ordering::AcqRel);
        Source(self.clone())
    }

    /// Whether there is a connection, or one may still come although the server is closed.
    pub(super) fn is_in_use(&self) -> bool {
        // In this order: a source's last connection counts before the source has ended.
        let may_come = self.is_closed() && self.sources.load(Ordering::Acquire) != 0;
        may_come || self.has_connections()
    }

    pub(crate) fn has_connections(&self) -> bool {
        self.connections.load(Ordering::Acquire) != 0
    }

    pub(crate) fn connection_opened(&self) {
        self.connections.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn connection_closed(&self) {
        if self.connections.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.tell_idle();
        }
        self.resume_accepting();
    }

    fn tell_idle(&self) {
        drop(lock(&self.idle.0));
        self.idle.1.notify_all();
    }

    /// Whether no other TLS handshake may begin.
    pub(crate) fn is_full_of_handshakes(&self) -> bool {
        let most = self.limits.max_handshakes;
        most != 0 && self.handshakes.load(Ordering::Acquire) >= most
    }

    pub(crate) fn handshake_began(&self) {
        self.handshakes.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn handshake_ended(&self) {
        let before = self.handshakes.fetch_sub(1, Ordering::AcqRel);
        if self.limits.max_handshakes != 0 && before >= self.limits.max_handshakes {
            self.resume_accepting();
        }
    }

    fn resume_accepting(&self) {
        for acceptor in &*lock(&self.acceptors) {
            acceptor.resume();
        }
    }

    pub(super) fn stop_accepting(&self) {
        self.closed.store(true, Ordering::Release);
        for acceptor in &*lock(&self.acceptors) {
            acceptor.wake();
        }
    }
}

/// Where connections come from, for as long as it is asked.
pub(crate) struct Source(Arc<Shared>);

impl Drop for Source {
    fn drop(&mut self) {
        if self.0.sources.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.tell_idle();
        }
    }
}
