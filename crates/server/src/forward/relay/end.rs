//! How a relay ends: given back to the backend while nothing was sent, otherwise with its client's answer or without one.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};

use super::{Inner, Phase, Relay};
use crate::clock;
use crate::exchange::Exchange;
use crate::forward::failure::Failure;
use crate::forward::held;
use crate::forward::link::{Ending, Link};
use crate::forward::scratch;
use crate::forward::state::Stop;
use crate::forward::upstream::Upstream;
use crate::pages::PageHandler;
use crate::stats::Counters;
use crate::sync::lock;

/// How often a request on which nothing was sent goes back to the backend.
const RETURNS_MAX: u8 = 3;
/// How long a request is kept that met a port on which nobody listens. An upstream whose process has ended is closed
/// within that time, and the request is another one's.
const REFUSED_MS: u64 = 500;
/// How often it is looked whether that is so.
const REFUSED_CHECK_MS: u64 = 10;

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
    /// Concludes, unless the request was not sent and may be answered by another upstream.
    pub(super) fn fail(&self, mut inner: MutexGuard<'_, Inner>, stop: Stop) {
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
    pub(super) fn look_again(&self, mut inner: MutexGuard<'_, Inner>) {
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

    pub(super) fn conclude(&self, mut inner: MutexGuard<'_, Inner>, stop: Stop) {
        inner.phase = Phase::Over;
        let (link, upstream) = (inner.link.take(), inner.upstream.take());
        let permit = std::mem::take(&mut inner.permit);
        let head = std::mem::take(&mut inner.state.head);
        let Some(exchange) = inner.exchange.take() else { return };
        drop(inner);
        Rest { exchange, link, upstream, permit, head, stop }.finish(self);
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
