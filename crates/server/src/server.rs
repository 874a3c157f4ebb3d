//! A server: its threads, its listeners, and the orders it is given.

mod shared;

use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::access::Accounting;
use crate::application::{Application, Router, Serve};
use crate::clock;
use crate::config::{Limits, Listener, ServerConfig};
use crate::dispatch::Table;
use crate::handler::Handler;
use crate::listener::{self, Addresses, Arrival, Arrivals, Spoken};
use crate::peek::Dispatch;
use crate::reactor::{Shard, Signal, Threads, Watchdog};
use crate::stats::{Counters, Stats};
use crate::sync::lock;

pub(crate) use shared::Shared;

/// How long `shutdown` waits for threads that may be inside a handler.
const JOIN_LIMIT: Duration = Duration::from_secs(2);

/// The one application that a handler is.
fn only(
    handler: Arc<dyn Handler>,
    limits: &Limits,
    headers: &[(String, String)],
    accounting: &Arc<Accounting>,
) -> Application {
    Application::new(handler)
        .with_max_request_body(limits.max_request_body)
        .with_response_headers(headers)
        .with_accounting(accounting.clone())
}

/// A running server. Dropping it is [`Server::shutdown`].
pub struct Server {
    shared: Arc<Shared>,
    signal: Arc<Signal>,
    watchdog: Watchdog,
    waiting: Mutex<Vec<Waiting>>,
}

/// A socket that nothing is accepted from yet.
struct Waiting {
    socket: TcpListener,
    number: usize,
    spoken: Spoken,
}

impl Server {
    /// Starts the threads. Nothing is accepted before [`Server::accept`]: clients wait in the kernel.
    pub fn start(
        config: ServerConfig,
        listeners: Vec<Listener>,
        handler: Arc<dyn Handler>,
    ) -> io::Result<Server> {
        let signal = Arc::new(Signal::default());
        let count = config.io_threads.max(1);
        let shards =
            (0..count).map(|index| Shard::new(index, signal.clone())).collect::<io::Result<Vec<_>>>()?;
        let threads = Threads::new(config.thread_start, config.max_threads, count);
        let watchdog = Watchdog::start(
            signal.clone(),
            shards.clone(),
            threads.clone(),
            config.stall_after,
            config.enter,
        )?;
        for shard in &shards {
            threads.drive(shard.clone(), 0);
        }
        let serve = Serve::One(only(handler, &config.limits, &config.response_headers, &config.accounting));
        let addresses = Addresses::new(config.limits.max_connections_per_address);
        let shared = Arc::new(Shared {
            limits: config.limits,
            http2: config.http2,
            response_headers: config.response_headers,
            serve: Mutex::new(serve),
            serve_version: AtomicU64::new(1),
            accounting: config.accounting,
            dispatch: shards.iter().map(|_| Table::new()).collect(),
            shards,
            threads,
            counters: Counters::default(),
            addresses,
            sources: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            handshakes: AtomicUsize::new(0),
            idle: (Mutex::new(()), Condvar::new()),
            draining: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            acceptors: Mutex::new(Vec::new()),
        });
        let waiting = listeners.into_iter().map(|Listener { socket, tls, number }| Waiting {
            socket,
            number,
            spoken: tls.map_or(Spoken::Plain, Spoken::Secure),
        });
        Ok(Self { shared, signal, watchdog, waiting: Mutex::new(waiting.collect()) })
    }

    /// Begins accepting. Idempotent; without effect after [`Server::stop_accepting`].
    pub fn accept(&self) {
        let listeners = std::mem::take(&mut *lock(&self.waiting));
        if self.shared.is_closed() {
            return;
        }
        for (index, Waiting { socket, number, spoken }) in listeners.into_iter().enumerate() {
            let shard = &self.shared.shards[index % self.shared.shards.len()];
            match listener::start(&self.shared, shard, socket, number, spoken) {
                Ok(acceptor) => lock(&self.shared.acceptors).push(acceptor),
                Err(error) => {
                    tracing::error!(%error, "a listening socket cannot be used; it accepts nothing")
                }
            }
        }
    }

    /// Has connections to this socket shared out, from the next [`Server::accept`] on: each is looked at and given away,
    /// or served here. `tls`: clients begin with a handshake.
    pub fn share_out(&self, socket: TcpListener, number: usize, tls: bool, to: Arc<dyn Dispatch>) {
        lock(&self.waiting).push(Waiting { socket, number, spoken: Spoken::Shared(tls, to) });
    }

    /// Takes the connections that come in here, until [`Server::stop_accepting`].
    ///
    /// # Errors
    /// When the descriptor cannot be watched.
    pub fn take_over(&self, arrivals: Box<dyn Arrivals>) -> io::Result<()> {
        let mut acceptors = lock(&self.shared.acceptors);
        // The task of one that has ended has let it go.
        acceptors.retain(|acceptor| Arc::strong_count(acceptor) > 1);
        let shard = &self.shared.shards[acceptors.len() % self.shared.shards.len()];
        acceptors.push(listener::start_arrivals(&self.shared, shard, arrivals)?);
        Ok(())
    }

    /// Serves one connection that somebody else has accepted.
    ///
    /// # Errors
    /// When it cannot be watched, or is gone.
    pub fn adopt(&self, arrival: Arrival) -> io::Result<()> {
        listener::adopt(&self.shared, arrival)
    }

    /// Uses another handler for the next requests; those in flight keep theirs.
    pub fn set_handler(&self, handler: Arc<dyn Handler>) {
        let Shared { limits, response_headers, accounting, .. } = &*self.shared;
        self.set_serve(Serve::One(only(handler, limits, response_headers, accounting)));
    }

    /// Uses this application, with limits and header fields of its own, for the next requests.
    pub fn set_application(&self, application: Application) {
        self.set_serve(Serve::One(application));
    }

    /// Has `router` choose the application for each of the next requests, with limits and header fields of its own.
    pub fn set_router(&self, router: Arc<dyn Router>) {
        self.set_serve(Serve::Each(router));
    }

    fn set_serve(&self, serve: Serve) {
        let mut current = lock(&self.shared.serve);
        let before = std::mem::replace(&mut *current, serve);
        self.shared.serve_version.fetch_add(1, Ordering::AcqRel);
        drop(current);
        drop(before);
    }

    /// Closes this server's copies of the listening sockets. Connections go on.
    pub fn stop_accepting(&self) {
        lock(&self.waiting).clear();
        self.shared.stop_accepting();
    }

    /// Stops accepting and says `Connection: close` on every response. Connections without a request in progress are closed
    /// after `grace`; until then one may begin a last request, so that a client which is sending it right now loses nothing.
    /// A later call can only shorten the grace.
    pub fn drain(&self, grace: Duration) {
        self.stop_accepting();
        let until = clock::deadline(grace);
        let _ = self.shared.draining.fetch_update(Ordering::AcqRel, Ordering::Acquire, |before| {
            (before == 0 || until < before).then_some(until)
        });
        for shard in &self.shared.shards {
            for io in shard.sockets() {
                io.wake();
            }
        }
    }

    /// Open connections.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Acquire)
    }

    /// Waits until all connections are gone, and with that everything is sent; `false` after `limit`. After
    /// [`Server::stop_accepting`] also those that were just being accepted or handed over.
    pub fn wait_idle(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let (mutex, changed) = &self.shared.idle;
        let mut guard = lock(mutex);
        while self.shared.is_in_use() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            guard = changed.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Calls `done` on an I/O thread, once every shard has been driven since: what was stuck would have been replaced, or
    /// the server is of no use. Never, when the server is stopped before.
    pub fn roll_call(&self, done: impl FnOnce() + Send + 'static) {
        let missing = Arc::new(AtomicUsize::new(self.shared.shards.len()));
        let done = Arc::new(Mutex::new(Some(done)));
        for shard in &self.shared.shards {
            let (missing, done) = (Arc::clone(&missing), Arc::clone(&done));
            shard.call(Box::new(move || {
                if missing.fetch_sub(1, Ordering::AcqRel) == 1
                    && let Some(done) = lock(&done).take()
                {
                    done();
                }
            }));
        }
    }

    /// Connections with an exchange in progress. Looks at each: not for every request.
    pub fn busy(&self) -> u64 {
        let sockets = self.shared.shards.iter().flat_map(|shard| shard.sockets());
        sockets.filter(|io| io.in_flight()).count() as u64
    }

    /// The counters now.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        self.shared.counters.fill(&mut stats);
        for shard in &self.shared.shards {
            stats.requests += shard.counters.requests.load(Ordering::Relaxed);
            stats.inline_runs += shard.counters.inline_runs.load(Ordering::Relaxed);
            stats.pool_runs += shard.counters.pool_runs.load(Ordering::Relaxed);
        }
        stats.connections = self.connections() as u64;
        stats.replaced_threads = self.signal.replaced();
        stats.threads = self.shared.threads.total() as u64;
        stats
    }

    /// Closes everything and waits for the threads, but not for ones that stay inside a handler.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop_accepting();
        for shard in &self.shared.shards {
            shard.stop();
        }
        self.watchdog.stop();
        // Handlers are told of aborted exchanges, and that only on a prepared thread.
        let shards = self.shared.shards.clone();
        if !self
            .shared
            .threads
            .run_first(JOIN_LIMIT, move || shards.iter().for_each(|shard| shard.cancel_all()))
        {
            tracing::warn!("no thread was free to close the connections in time");
        }
        lock(&self.shared.acceptors).clear();
        if !self.shared.threads.stop(JOIN_LIMIT) {
            tracing::warn!(
                threads = self.shared.threads.total(),
                "threads are still inside a handler and are left behind"
            );
        }
    }
}
