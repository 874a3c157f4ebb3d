//! Chooses the process for each request.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;
use mews_model::lifecycle::Slot;
use mews_server::forward::{Backend, Held, Upstream};

use super::inbox::{Inbox, Message};
use crate::worker::pages;

/// The app's processes as the I/O threads see them: one place for each, with its process if that is ready.
pub(super) struct Processes {
    ready: Box<[ArcSwapOption<Upstream>]>,
    /// Counts requests, to take the places in turn.
    requests: AtomicUsize,
    inbox: Inbox,
}

impl Processes {
    /// Places without processes.
    pub(super) fn new(count: usize) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            ready: (0..count.max(1)).map(|_| ArcSwapOption::empty()).collect(),
            requests: AtomicUsize::new(0),
            inbox: Inbox::new()?,
        }))
    }

    pub(super) fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// From now on requests for the slot are forwarded there, or brought to the manager. Answers what was there.
    pub(super) fn set_ready(&self, slot: Slot, upstream: Option<Arc<Upstream>>) -> Option<Arc<Upstream>> {
        self.ready.get(slot.0)?.swap(upstream)
    }

    /// A process that is ready, but not that of `slot`.
    pub(super) fn other_ready(&self, slot: Slot) -> Option<Arc<Upstream>> {
        let others = self.ready.iter().enumerate().filter(|(index, _)| *index != slot.0);
        others.filter_map(|(_, ready)| ready.load_full()).min_by_key(|upstream| upstream.in_flight())
    }

    /// Brings something to the manager; a request that comes after its end is answered.
    pub(super) fn tell(&self, message: Message) {
        if let Some(Message::Request(_, request)) = self.inbox.push(message) {
            request.fail(&pages::stopping());
        }
    }

    /// The counter is incremented first, so with several slots the second one is the first to be used.
    fn next_slot(&self) -> usize {
        self.requests.fetch_add(1, Ordering::Relaxed).wrapping_add(1) % self.ready.len()
    }
}

impl Backend for Processes {
    fn route(&self, request: Held) {
        let slot = self.next_slot();
        let ready = self.ready.get(slot).map(ArcSwapOption::load);
        match ready.as_deref() {
            Some(Some(upstream)) => request.forward(upstream),
            _ => self.tell(Message::Request(Slot(slot), request)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_take_turns_from_the_second_on() {
        let processes = Processes::new(3).unwrap();
        let slots: Vec<usize> = (0..7).map(|_| processes.next_slot()).collect();
        assert_eq!(slots, [1, 2, 0, 1, 2, 0, 1]);
        assert_eq!(Processes::new(0).unwrap().next_slot(), 0);
    }

    #[test]
    fn a_process_is_put_in_its_place_and_taken_out() {
        let processes = Processes::new(2).unwrap();
        let upstream = Upstream::new("127.0.0.1:9".parse().unwrap(), "token");
        assert!(processes.set_ready(Slot(1), Some(Arc::clone(&upstream))).is_none());
        assert!(processes.set_ready(Slot(7), Some(Arc::clone(&upstream))).is_none());
        let before = processes.set_ready(Slot(1), None).unwrap();
        assert!(Arc::ptr_eq(&before, &upstream));
    }
}
