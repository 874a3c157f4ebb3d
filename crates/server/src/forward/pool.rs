//! The connections of one shard to one upstream: those that are idle, how many are being made, and who waits.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex};

use super::link::Link;
use super::relay::Relay;
use crate::reactor::Shard;

/// Connections being made at the same time. More would only fill the upstream's queue, whose overflow costs each of
/// them a second.
const CONNECTING_MAX: usize = 64;

/// What a shard has of an upstream, on cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct Slot {
    pub(super) pool: Mutex<Pool>,
    pub(super) in_flight: AtomicUsize,
    pub(super) requests: AtomicU64,
    pub(super) connects: AtomicU64,
    pub(super) reused: AtomicU64,
    pub(super) failures: AtomicU64,
}

/// A relay that waits for a connection, and where it has to go on.
pub(super) struct Waiting {
    pub(super) relay: Arc<Relay>,
    pub(super) shard: Arc<Shard>,
}

/// See the module's documentation.
#[derive(Default)]
pub(super) struct Pool {
    /// The one used last is at the end.
    idle: Vec<Arc<Link>>,
    connecting: usize,
    waiting: VecDeque<Waiting>,
    pub(super) closed: bool,
}

impl Pool {
    /// The idle connection of the shard that was used last.
    pub(super) fn take_idle(&mut self, shard: &Arc<Shard>) -> Option<Arc<Link>> {
        let at = self.idle.iter().rposition(|link| Arc::ptr_eq(link.shard(), shard))?;
        Some(self.idle.remove(at))
    }

    /// Takes out a certain connection; `false`: somebody else has it.
    pub(super) fn remove(&mut self, link: &Arc<Link>) -> bool {
        let Some(at) = self.idle.iter().position(|idle| Arc::ptr_eq(idle, link)) else { return false };
        self.idle.remove(at);
        true
    }

    /// Keeps a connection, unless there are `most`; the given one is handed back then.
    pub(super) fn keep(&mut self, link: Arc<Link>, most: usize) -> Result<(), Arc<Link>> {
        if self.closed || self.idle.len() >= most {
            return Err(link);
        }
        self.idle.push(link);
        Ok(())
    }

    /// Keeps nothing from now on; answers what was kept.
    pub(super) fn close(&mut self) -> Vec<Arc<Link>> {
        self.closed = true;
        std::mem::take(&mut self.idle)
    }

    /// Whether another connection may be made; the permit is given back with [`Self::release`].
    pub(super) fn permit(&mut self) -> bool {
        let free = self.connecting < CONNECTING_MAX;
        self.connecting += usize::from(free);
        free
    }

    /// Has `relay` wait; `first` = it has waited already.
    pub(super) fn wait(&mut self, waiting: Waiting, first: bool) {
        if first {
            self.waiting.push_front(waiting);
        } else {
            self.waiting.push_back(waiting);
        }
    }

    /// Gives a permit back, or on to the relay that is answered.
    pub(super) fn release(&mut self) -> Option<Waiting> {
        let next = self.waiting.pop_front();
        if next.is_none() {
            self.connecting = self.connecting.saturating_sub(1);
        }
        next
    }

    /// The relay that waits longest, because a connection has become idle.
    pub(super) fn next(&mut self) -> Option<Waiting> {
        self.waiting.pop_front()
    }

    /// Takes a relay out that waits no more.
    pub(super) fn forget(&mut self, relay: &Relay) {
        self.waiting.retain(|waiting| !std::ptr::eq(&*waiting.relay, relay));
    }

    #[cfg(test)]
    fn counts(&self) -> (usize, usize, usize) {
        (self.idle.len(), self.connecting, self.waiting.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_are_limited_and_come_back() {
        let mut pool = Pool::default();
        for _ in 0..CONNECTING_MAX {
            assert!(pool.permit());
        }
        assert!(!pool.permit());
        assert!(pool.release().is_none());
        assert!(pool.permit());
        assert_eq!(pool.counts(), (0, CONNECTING_MAX, 0));
    }

    #[test]
    fn a_permit_goes_on_to_who_waits_longest() {
        let shard = Shard::new(0, Arc::default()).unwrap();
        let waiting = || Waiting { relay: Arc::new(Relay::for_test()), shard: shard.clone() };
        let (one, two) = (waiting(), waiting());
        let (first, second) = (one.relay.clone(), two.relay.clone());
        let mut pool = Pool::default();
        assert!(pool.permit());
        pool.wait(one, false);
        pool.wait(two, false);
        let one = pool.release().unwrap();
        assert!(Arc::ptr_eq(&one.relay, &first));
        assert_eq!(pool.counts(), (0, 1, 1));
        pool.wait(one, true);
        assert!(Arc::ptr_eq(&pool.next().unwrap().relay, &first));
        pool.forget(&second);
        assert!(pool.release().is_none());
        assert_eq!(pool.counts(), (0, 0, 0));
    }
}
