//! The life of one forwarded exchange: held, waiting for a connection, moving bytes, over. Everything that happens to
//! either side ends up in [`Relay::advance`], on whichever I/O thread it happens.

mod connect;
mod end;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::ForwardOptions;
use super::failure::Failure;
use super::link::{Ending, Link};
use super::pool::Waiting;
use super::request::Shape;
use super::state::{State, Stop};
use super::upstream::Upstream;
use crate::clock;
use crate::exchange::Exchange;
use crate::stats::Counters;
use crate::sync::lock;

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

    #[cfg(test)]
    pub(super) fn for_test() -> Self {
        Self::new(Shape::default(), Vec::new(), &ForwardOptions::default())
    }
}
