//! The life of one forwarded exchange: held, waiting for a connection, moving bytes, over. Everything that happens to
//! either side ends up in [`Relay::advance`], on whichever I/O thread it happens.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::ForwardOptions;
use super::failure::Failure;
use super::held;
use super::link::{Ending, Link};
use super::pool::Waiting;
use super::request::Shape;
use super::scratch;
use super::state::{State, Stop};
use super::upstream::Upstream;
use crate::clock;
use crate::exchange::Exchange;
use crate::pages::PageHandler;
use crate::reactor::Shard;
use crate::stats::Counters;
use crate::sync::lock;

/// How often a request on which nothing was sent goes back to the backend.
const RETURNS_MAX: u8 = 3;
/// How long a request is kept that met a port on which nobody listens. An upstream whose process has ended is closed
/// within that time, and the request is another one's.
const REFUSED_MS: u64 = 500;
/// How often it is looked whether that is so.
const REFUSED_CHECK_MS: u64 = 10;

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Something on the connection to the upstream, or a deadline.
    Upstream,
    /// The client has sent body bytes.
    BodyReady,
    /// The client takes bytes again.
    Writable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nobody has chosen an upstream.
    Held,
    /// Waits for a connection, or for its shard's thread.
    Queued,
    Active,
    /// Nobody listened, so nothing was sent: waits for the upstream to be closed.
    Refused,
    Over,
}

struct Inner {
    phase: Phase,
    /// From the choice of an upstream until the end.
    exchange: Option<Arc<Exchange>>,
    /// While active.
    link: Option<Arc<Link>>,
    /// While queued.
    upstream: Option<Arc<Upstream>>,
    /// Holds a permit to make a connection.
    permit: bool,
    /// The head has been completed with what the upstream wants; its length before that.
    sealed: Option<usize>,
    /// How often the request went back to the backend.
    returns: u8,
    /// While refused: until when, and why.
    refused: Option<(u64, io::Error)>,
    state: State,
}

/// See the module's documentation.
pub(super) struct Relay {
    options: ForwardOptions,
    abandoned: AtomicBool,
    inner: Mutex<Inner>,
}

/// What is left to do once the relay's lock is free.
struct Rest {
    exchange: Arc<Exchange>,
    link: Option<Arc<Link>>,
    upstream: Option<Arc<Upstream>>,
    permit: bool,
    head: Vec<u8>,
    stop: Stop,
}

impl Relay {
    pub(super) fn new(shape: Shape, head: Vec<u8>, options: &ForwardOptions) -> Self {
        Self {
            options: *options,
            abandoned: AtomicBool::new(false),
            inner: Mutex::new(Inner {
                phase: Phase::Held,
                exchange: None,
                link: None,
                upstream: None,
                permit: false,
                sealed: None,
                returns: 0,
                refused: None,
                state: State::new(shape, head, options),
            }),
        }
    }

    /// Whether the client has left.
    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }

    /// An upstream has been chosen. Callable from any thread.
    pub(super) fn start(self: &Arc<Self>, exchange: Arc<Exchange>, upstream: &Arc<Upstream>) {
        let shard = exchange.shard().clone();
        let slot = upstream.slot(&shard);
        Counters::add(&slot.requests);
        // Counted before it is looked whether the upstream is closed: whoever closes it and then sees none in flight
        // can rely on that.
        slot.in_flight.fetch_add(1, Ordering::SeqCst);
        let here = shard.driven_here();
        let mut inner = lock(&self.inner);
        if inner.phase != Phase::Held {
            drop(inner);
            slot.in_flight.fetch_sub(1, Ordering::SeqCst);
            exchange.abort();
            return;
        }
        inner.phase = Phase::Queued;
        inner.exchange = Some(exchange);
        if upstream.is_closed() {
            inner.upstream = Some(upstream.clone());
            self.fail(inner, Stop::Failed(Failure::Closed));
        } else if here {
            self.connect(inner, &shard, upstream, false);
        } else {
            inner.upstream = Some(upstream.clone());
            drop(inner);
            Self::resume(Waiting { relay: self.clone(), shard }, upstream.clone(), false);
        }
    }

    /// A connection may have become free, or may be made: `permit`.
    pub(super) fn resume(waiting: Waiting, upstream: Arc<Upstream>, permit: bool) {
        let Waiting { relay, shard } = waiting;
        let home = shard.clone();
        shard.call(Box::new(move || relay.connect(lock(&relay.inner), &home, &upstream, permit)));
    }

    /// Finds a connection and begins to send. On the shard's thread.
    fn connect(
        self: &Arc<Self>,
        mut inner: MutexGuard<'_, Inner>,
        shard: &Arc<Shard>,
        upstream: &Arc<Upstream>,
        mut permit: bool,
    ) {
        let now = clock::coarse_ms();
        let exchange = match (inner.phase, &inner.exchange) {
            (Phase::Queued, Some(exchange)) => exchange.clone(),
            _ => {
                drop(inner);
                if permit {
                    upstream.release_permit(shard);
                }
                return;
            }
        };
        if inner.sealed.is_none() {
            inner.sealed = Some(inner.state.head.len());
            inner.state.head.extend_from_slice(upstream.head_end());
        }
        let stop = loop {
            let (link, reused) = if let Some(link) = upstream.take_idle(shard) {
                (link, true)
            } else {
                if !permit && !self.ask_permit(&mut inner, shard, upstream, now) {
                    return;
                }
                permit = true;
                if self.is_late(&inner, now) {
                    break Stop::Failed(inner.state.time_over(&self.options));
                }
                match upstream.connect(shard, exchange.connection()) {
                    Ok(link) => (link, false),
                    Err(error) => break Stop::Failed(Failure::Connect(error)),
                }
            };
            link.attach(self.clone());
            inner.permit = permit && !reused;
            if permit && reused {
                permit = false;
                upstream.release_permit(shard);
            }
            inner.phase = Phase::Active;
            inner.upstream = None;
            inner.link = Some(link.clone());
            inner.state.begin(reused, now);
            if link.is_over() {
                break Stop::Cut;
            }
            match inner.state.step(&exchange, &link, &self.options, now) {
                Ok(()) => {
                    inner.settle_permit(&link);
                    return;
                }
                Err(Stop::Stale) => {
                    link.detach();
                    link.end(Ending::Close);
                    inner.link = None;
                    inner.phase = Phase::Queued;
                }
                Err(stop) => break stop,
            }
        };
        if inner.link.is_none() {
            inner.permit = permit;
            inner.upstream = Some(upstream.clone());
        }
        self.fail(inner, stop);
    }

    /// Gets the permit to make a connection, or has the relay wait for one.
    fn ask_permit(
        self: &Arc<Self>,
        inner: &mut Inner,
        shard: &Arc<Shard>,
        upstream: &Arc<Upstream>,
        now: u64,
    ) -> bool {
        let mut pool = lock(&upstream.slot(shard).pool);
        if pool.permit() {
            return true;
        }
        let again = inner.state.waiting_since != 0;
        if !again {
            inner.state.waiting_since = now;
        }
        inner.upstream = Some(upstream.clone());
        pool.wait(Waiting { relay: self.clone(), shard: shard.clone() }, again);
        false
    }

    /// Whether the wait for a connection has taken too long. Nobody sets a deadline for those who wait: they are
    /// looked at, the oldest first, whenever a younger connection attempt has ended.
    fn is_late(&self, inner: &Inner, now: u64) -> bool {
        let since = inner.state.waiting_since;
        let limit = self.options.request_timeout;
        since != 0
            && limit.is_some_and(|limit| u128::from(now.saturating_sub(since)) >= limit.as_millis().max(1))
    }

    /// Something has happened.
    pub(super) fn advance(&self, cause: Cause) {
        let mut inner = lock(&self.inner);
        match cause {
            Cause::Upstream => {}
            Cause::BodyReady => inner.state.body_ready(),
            Cause::Writable => inner.state.writable(),
        }
        if inner.phase == Phase::Refused {
            self.look_again(inner);
            return;
        }
        let Inner { phase: Phase::Active, exchange: Some(exchange), link: Some(link), state, .. } =
            &mut *inner
        else {
            return;
        };
        let result = state.step(exchange, link, &self.options, clock::coarse_ms());
        match result {
            Ok(()) => {
                if inner.permit
                    && let Some(link) = inner.link.clone()
                {
                    inner.settle_permit(&link);
                }
            }
            Err(Stop::Stale) => {
                let (shard, upstream) = (link.shard().clone(), link.upstream().clone());
                let relay = link.detach();
                link.end(Ending::Close);
                inner.link = None;
                inner.phase = Phase::Queued;
                inner.upstream = Some(upstream.clone());
                if let Some(relay) = relay {
                    relay.connect(inner, &shard, &upstream, false);
                }
            }
            Err(stop) => self.fail(inner, stop),
        }
    }

    /// Concludes, unless the request was not sent and may be answered by another upstream.
    fn fail(&self, mut inner: MutexGuard<'_, Inner>, stop: Stop) {
        let upstream = inner.link.as_ref().map(|link| link.upstream()).or(inner.upstream.as_ref());
        let closed = upstream.is_some_and(|upstream| upstream.is_closed());
        let again = inner.returns < RETURNS_MAX;
        match stop {
            Stop::Failed(Failure::Closed | Failure::Connect(_)) if closed && again => self.give_back(inner),
            Stop::Failed(Failure::Connect(error))
                if error.kind() == io::ErrorKind::ConnectionRefused && again && inner.link.is_some() =>
            {
                if std::mem::take(&mut inner.permit)
                    && let Some(link) = inner.link.clone()
                {
                    link.upstream().release_permit(link.shard());
                }
                inner.phase = Phase::Refused;
                inner.refused = Some((clock::coarse_ms() + REFUSED_MS, error));
                self.look_again(inner);
            }
            stop => self.conclude(inner, stop),
        }
    }

    /// Whether the upstream on which nobody listens has been closed by now.
    fn look_again(&self, mut inner: MutexGuard<'_, Inner>) {
        let now = clock::coarse_ms();
        let Inner { link: Some(link), refused, .. } = &mut *inner else { return };
        if link.upstream().is_closed() {
            self.give_back(inner);
        } else if let Some((_, error)) = refused.take_if(|(until, _)| now >= *until) {
            self.conclude(inner, Stop::Failed(Failure::Connect(error)));
        } else {
            link.io.set_deadline(now + REFUSED_CHECK_MS);
        }
    }

    /// Has the backend choose again.
    fn give_back(&self, mut inner: MutexGuard<'_, Inner>) {
        inner.phase = Phase::Held;
        inner.returns += 1;
        inner.refused = None;
        inner.state.waiting_since = 0;
        if let Some(length) = inner.sealed.take() {
            inner.state.head.truncate(length);
        }
        let (link, upstream) = (inner.link.take(), inner.upstream.take());
        let permit = std::mem::take(&mut inner.permit);
        let Some(exchange) = inner.exchange.take() else { return };
        drop(inner);
        if let Some(link) = &link {
            link.detach();
            link.end(Ending::Close);
        }
        let shard = exchange.shard().clone();
        if let Some(upstream) = link.as_ref().map(|link| link.upstream()).or(upstream.as_ref()) {
            if permit {
                upstream.release_permit(&shard);
            }
            if link.is_none() {
                lock(&upstream.slot(&shard).pool).forget(self);
            }
            upstream.slot(&shard).in_flight.fetch_sub(1, Ordering::SeqCst);
        }
        if shard.driven_here() {
            exchange.run();
        } else {
            shard.call(Box::new(move || exchange.run()));
        }
    }

    /// The client has left.
    pub(super) fn abort(&self, exchange: &Exchange) {
        self.abandoned.store(true, Ordering::Release);
        let mut inner = lock(&self.inner);
        match inner.phase {
            Phase::Held => {
                inner.phase = Phase::Over;
                drop(inner);
                exchange.abort();
            }
            Phase::Queued | Phase::Active | Phase::Refused => self.conclude(inner, Stop::ClientGone),
            Phase::Over => {}
        }
    }

    /// The connection's task has ended without the relay's doing.
    pub(super) fn lost(&self) {
        let inner = lock(&self.inner);
        if matches!(inner.phase, Phase::Queued | Phase::Active | Phase::Refused) {
            self.conclude(inner, Stop::Cut);
        }
    }

    /// Takes the request's head to answer with something else; `None`: an upstream has been chosen, or the client has
    /// left.
    pub(super) fn give_up(&self) -> Option<Vec<u8>> {
        let mut inner = lock(&self.inner);
        if inner.phase != Phase::Held {
            return None;
        }
        inner.phase = Phase::Over;
        Some(std::mem::take(&mut inner.state.head))
    }

    fn conclude(&self, mut inner: MutexGuard<'_, Inner>, stop: Stop) {
        inner.phase = Phase::Over;
        let (link, upstream) = (inner.link.take(), inner.upstream.take());
        let permit = std::mem::take(&mut inner.permit);
        let head = std::mem::take(&mut inner.state.head);
        let Some(exchange) = inner.exchange.take() else { return };
        drop(inner);
        Rest { exchange, link, upstream, permit, head, stop }.finish(self);
    }

    #[cfg(test)]
    pub(super) fn for_test() -> Self {
        Self::new(Shape::default(), Vec::new(), &ForwardOptions::default())
    }
}

impl Inner {
    /// An established connection needs no permit any more.
    fn settle_permit(&mut self, link: &Link) {
        if self.permit && self.state.connected {
            self.permit = false;
            link.upstream().release_permit(link.shard());
        }
    }
}

impl Rest {
    fn finish(mut self, relay: &Relay) {
        let link = self.link.take();
        if let Some(link) = &link {
            link.detach();
        }
        let upstream = match (&link, &self.upstream) {
            (Some(link), _) => link.upstream(),
            (None, Some(upstream)) => upstream,
            (None, None) => return,
        };
        let shard = self.exchange.shard();
        let slot = upstream.slot(shard);
        if self.permit {
            upstream.release_permit(shard);
        }
        if link.is_none() {
            lock(&slot.pool).forget(relay);
        }
        if let Stop::Complete { reusable: true } = self.stop {
            slot.in_flight.fetch_sub(1, Ordering::SeqCst);
            if let Some(link) = link {
                Upstream::keep(link, &relay.options);
            }
            scratch::give_head(self.head);
            return;
        }
        if let Some(link) = &link {
            link.end(match self.stop {
                Stop::Complete { .. } => Ending::Close,
                _ => Ending::Reset,
            });
        }
        match &self.stop {
            Stop::Complete { .. } => {}
            Stop::Failed(failure) => {
                if failure.is_upstreams() {
                    Counters::add(&slot.failures);
                }
                self.answer(failure, upstream);
            }
            Stop::ClientGone | Stop::Cut | Stop::Stale => self.exchange.abort(),
        }
        slot.in_flight.fetch_sub(1, Ordering::SeqCst);
        scratch::give_head(self.head);
    }

    /// Tells the log and, while that is possible, the client.
    fn answer(&self, failure: &Failure, upstream: &Upstream) {
        let (method, path) = held::method_and_path(&self.head);
        let (request_id, origin) = (self.exchange.request_id(), upstream.origin());
        let sentence = failure.sentence();
        if upstream.is_private() && matches!(failure, Failure::NoAnswer | Failure::Reset) {
            // There it was aborted, or the worker has ended.
            return self.exchange.abort();
        }
        if failure.is_upstreams() {
            tracing::warn!(request_id, method = %method, path = %path, upstream = %origin, "{sentence}");
        } else {
            tracing::debug!(request_id, method = %method, path = %path, "{sentence}");
        }
        if self.exchange.response_started() {
            self.exchange.abort();
        } else {
            held::answer(&self.exchange, &self.head, &PageHandler::new(&failure.page()));
        }
    }
}
