//! One server that requests are forwarded to: a process that listens on loopback, or another worker.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mio::net::{TcpStream, UnixStream};

use super::link::{Ending, Link};
use super::pool::Slot;
use super::relay::Relay;
use super::{Connect, ForwardOptions};
use crate::clock;
use crate::handler::ConnectionInfo;
use crate::output::Stream;
use crate::reactor::Shard;
use crate::stats::Counters;
use crate::sync::lock;

/// More shards than this share their slots.
const SLOTS: usize = 64;

/// One server that requests are forwarded to, and the idle connections to it. They are closed by [`Upstream::close`], when
/// they have been idle for too long, and with the server.
pub struct Upstream {
    origin: Origin,
    /// What ends a request's head: the token and the empty line.
    head_end: Vec<u8>,
    closed: AtomicBool,
    slots: Box<[Slot]>,
}

/// What has been forwarded to an upstream so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpstreamStats {
    /// Requests that were to be forwarded.
    pub requests: u64,
    /// Connections made.
    pub connects: u64,
    /// Requests that went over a connection that had been used before.
    pub reused: u64,
    /// Requests that failed because of the upstream.
    pub failures: u64,
}

impl Upstream {
    /// `token` is sent as `MS-ASPNETCORE-TOKEN` with every request; empty = no such field. Bytes that cannot be in a
    /// field are left out. No connection is made before the first request.
    pub fn new(address: SocketAddr, token: &str) -> Arc<Self> {
        let mut head_end = Vec::new();
        let token: Vec<u8> = token.bytes().filter(|byte| !byte.is_ascii_control()).collect();
        if !token.is_empty() {
            head_end.extend_from_slice(b"MS-ASPNETCORE-TOKEN: ");
            head_end.extend_from_slice(&token);
            head_end.extend_from_slice(b"\r\n");
        }
        head_end.extend_from_slice(b"\r\n");
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::with(Origin::Loopback(address), head_end, cores.next_power_of_two().clamp(1, SLOTS))
    }

    /// Another worker, for the requests of one client's connection, and so of one shard.
    pub(super) fn private(connect: Arc<dyn Connect>) -> Arc<Self> {
        Self::with(Origin::Private(connect), b"\r\n".to_vec(), 1)
    }

    fn with(origin: Origin, head_end: Vec<u8>, slots: usize) -> Arc<Self> {
        let slots = (0..slots).map(|_| Slot::default()).collect();
        Arc::new(Self { origin, head_end, closed: AtomicBool::new(false), slots })
    }

    /// Where it is.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether it is another worker: what ends there without an answer ends here as if it had been the same.
    pub(super) fn is_private(&self) -> bool {
        matches!(self.origin, Origin::Private(_))
    }

    /// See [`Connect::generation`].
    pub(super) fn generation(&self) -> u64 {
        match &self.origin {
            Origin::Loopback(_) => 0,
            Origin::Private(connect) => connect.generation(),
        }
    }

    /// A socket that is connected to it, or about to be.
    pub(super) fn open(&self, client: &ConnectionInfo) -> io::Result<Stream> {
        let address = match &self.origin {
            Origin::Loopback(address) => *address,
            Origin::Private(connect) => {
                let stream = connect.connect(client)?;
                stream.set_nonblocking(true)?;
                return Ok(UnixStream::from_std(stream).into());
            }
        };
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        // Without a listener the kernel may pick the very port as the local one and connect the socket to itself.
        if stream.local_addr()? == address {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        Ok(stream.into())
    }

    /// Requests that are forwarded to it now, upgraded ones included.
    pub fn in_flight(&self) -> usize {
        self.slots.iter().map(|slot| slot.in_flight.load(Ordering::SeqCst)).sum()
    }

    /// Begins no request any more and closes the idle connections; requests in flight go on. A request forwarded
    /// after this is never sent: it goes back to the backend, and is answered with 502.3 if that insists.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        for slot in &self.slots {
            let idle = lock(&slot.pool).close();
            for link in idle {
                link.end(Ending::Close);
            }
        }
    }

    /// The counters now.
    pub fn stats(&self) -> UpstreamStats {
        let mut stats = UpstreamStats::default();
        for slot in &self.slots {
            let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
            stats.requests += get(&slot.requests);
            stats.connects += get(&slot.connects);
            stats.reused += get(&slot.reused);
            stats.failures += get(&slot.failures);
        }
        stats
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(super) fn head_end(&self) -> &[u8] {
        &self.head_end
    }

    pub(super) fn slot(&self, shard: &Shard) -> &Slot {
        &self.slots[shard.index() & (self.slots.len() - 1)]
    }

    /// An idle connection that the upstream has not ended and on which nothing is left over.
    pub(super) fn take_idle(&self, shard: &Arc<Shard>) -> Option<Arc<Link>> {
        let slot = self.slot(shard);
        loop {
            let link = lock(&slot.pool).take_idle(shard)?;
            if link.generation() == self.generation() && link.is_quiet() {
                Counters::add(&slot.reused);
                return Some(link);
            }
            link.end(Ending::Close);
        }
    }

    /// A new connection, perhaps not established yet.
    pub(super) fn connect(
        self: &Arc<Self>,
        shard: &Arc<Shard>,
        client: &ConnectionInfo,
    ) -> io::Result<Arc<Link>> {
        let link = Link::open(self, shard, client)?;
        Counters::add(&self.slot(shard).connects);
        Ok(link)
    }

    /// Gives back the permit to make a connection.
    pub(super) fn release_permit(self: &Arc<Self>, shard: &Shard) {
        let next = lock(&self.slot(shard).pool).release();
        if let Some(next) = next {
            Relay::resume(next, self.clone(), true);
        }
    }

    /// Keeps a connection that nobody uses any more, or ends it.
    pub(super) fn keep(link: Arc<Link>, options: &ForwardOptions) {
        // The connection is counted rather than the upstream, which all shards share.
        let copy = link.clone();
        let this = copy.upstream();
        let slot = this.slot(link.shard());
        link.idle_until(clock::deadline(options.idle_timeout));
        let mut pool = lock(&slot.pool);
        let kept = pool.keep(link, options.idle_connections);
        let next = if kept.is_ok() { pool.next() } else { None };
        drop(pool);
        if let Err(link) = kept {
            link.end(Ending::Close);
        }
        if let Some(next) = next {
            Relay::resume(next, this.clone(), false);
        }
    }

    /// Keeps a connection that was only looked at.
    pub(super) fn put_back(&self, link: Arc<Link>) {
        let kept = lock(&self.slot(link.shard()).pool).keep(link, usize::MAX);
        if let Err(link) = kept {
            link.end(Ending::Close);
        }
    }

    /// Takes an idle connection out of use; `false`: it is in use.
    pub(super) fn discard(&self, link: &Arc<Link>) -> bool {
        lock(&self.slot(link.shard()).pool).remove(link)
    }
}

/// Where an upstream is.
pub(super) enum Origin {
    /// It listens on loopback.
    Loopback(SocketAddr),
    /// Another worker, which only we are connected to.
    Private(Arc<dyn Connect>),
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loopback(address) => address.fmt(f),
            Self::Private(_) => f.write_str("another worker"),
        }
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the token.
        f.debug_struct("Upstream")
            .field("origin", &self.origin)
            .field("closed", &self.is_closed())
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_cannot_break_the_head_and_is_not_shown() {
        let address = "127.0.0.1:1".parse().unwrap();
        let upstream = Upstream::new(address, "a se\r\ncret");
        assert_eq!(upstream.head_end(), b"MS-ASPNETCORE-TOKEN: a secret\r\n\r\n");
        assert!(!format!("{upstream:?}").contains("secret"));
        assert_eq!(Upstream::new(address, "").head_end(), b"\r\n");
    }
}
