//! How many handshakes may be half done: each holds memory of the authority's, and clients can begin as many as they like.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};

use super::slot::Slot;
use crate::sync::lock;

/// Handshakes that may be half done at the same time. When there are more, the oldest is over.
const MOST: usize = 512;

/// The connections with a handshake that may be half done, the oldest first.
#[derive(Default)]
pub(super) struct Halves(Mutex<VecDeque<Weak<Slot>>>);

impl Halves {
    /// A handshake of this connection is half done.
    pub(super) fn add(&self, slot: &Arc<Slot>) {
        let mut over = Vec::new();
        {
            let mut all = lock(&self.0);
            all.push_back(Arc::downgrade(slot));
            if all.len() > MOST {
                all.retain(|slot| slot.upgrade().is_some_and(|slot| slot.is_half_done()));
                let excess = all.len().saturating_sub(MOST);
                over.extend(all.drain(..excess).filter_map(|slot| slot.upgrade()));
            }
        }
        for slot in over {
            slot.give_up();
        }
    }
}

#[cfg(test)]
mod tests {
    use mews_model::authentication::{Proved, Windows};
    use mews_model::web_config::TokenChecking;

    use super::*;

    #[test]
    fn the_oldest_is_given_up_when_there_are_too_many() {
        let rules = Windows {
            offered: Vec::new(),
            ntlm: true,
            persist_single_request: false,
            persist_kerberos: false,
            token_checking: TokenChecking::None,
        };
        let halves = Halves::default();
        let slots: Vec<Arc<Slot>> = (0..MOST + 100).map(|_| Arc::new(Slot::default())).collect();
        for slot in &slots {
            slot.with(1, |machine| {
                let step = machine.token(std::time::Duration::ZERO);
                machine.judged(step.turn, Proved::Continue(Box::new(())), &rules);
            });
            halves.add(slot);
        }
        assert!(slots[..100].iter().all(|slot| !slot.is_half_done()));
        assert!(slots[100..].iter().all(|slot| slot.is_half_done()));
        drop(slots);
        halves.add(&Arc::new(Slot::default()));
        assert_eq!(lock(&halves.0).len(), 0, "connections that are gone are forgotten");
    }
}
