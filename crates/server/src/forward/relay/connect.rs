//! A relay's way to a connection: an idle one, or a new one once that is permitted.

use std::sync::{Arc, MutexGuard};

use super::{Inner, Phase, Relay};
use crate::clock;
use crate::forward::failure::Failure;
use crate::forward::link::{Ending, Link};
use crate::forward::pool::Waiting;
use crate::forward::state::Stop;
use crate::forward::upstream::Upstream;
use crate::reactor::Shard;
use crate::sync::lock;

impl Relay {
    /// A connection may have become free, or may be made: `permit`.
    pub(in crate::forward) fn resume(waiting: Waiting, upstream: Arc<Upstream>, permit: bool) {
        let Waiting { relay, shard } = waiting;
        let home = shard.clone();
        shard.call(Box::new(move || relay.connect(lock(&relay.inner), &home, &upstream, permit)));
    }

    /// Finds a connection and begins to send. On the shard's thread.
    pub(super) fn connect(
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
}

impl Inner {
    /// An established connection needs no permit any more.
    pub(super) fn settle_permit(&mut self, link: &Link) {
        if self.permit && self.state.connected {
            self.permit = false;
            link.upstream().release_permit(link.shard());
        }
    }
}
