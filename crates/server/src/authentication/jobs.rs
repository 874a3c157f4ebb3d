//! How many credentials are judged at the same time, and how many wait: judging may block.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::exchange::Exchange;
use crate::sync::lock;

type Work = Box<dyn FnOnce(&Arc<Exchange>, Permit) + Send>;

/// One kind of work.
pub(super) struct Jobs {
    state: Mutex<State>,
    most_running: usize,
    most_waiting: usize,
}

#[derive(Default)]
struct State {
    running: usize,
    waiting: VecDeque<(Arc<Exchange>, Work)>,
}

/// The right to block; given back when it is dropped.
pub(super) struct Permit(Arc<Jobs>);

impl Jobs {
    pub(super) fn new(most_running: usize, most_waiting: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), most_running, most_waiting })
    }

    /// Has `work` done on a pool thread, now or later; `false` when too many wait. Called in the exchange's `run`.
    pub(super) fn submit(
        self: &Arc<Self>,
        exchange: &Arc<Exchange>,
        work: impl FnOnce(&Arc<Exchange>, Permit) + Send + 'static,
    ) -> bool {
        {
            let mut state = lock(&self.state);
            if state.running >= self.most_running {
                if state.waiting.len() >= self.most_waiting {
                    return false;
                }
                exchange.set_deferred();
                state.waiting.push_back((exchange.clone(), Box::new(work)));
                return true;
            }
            state.running += 1;
        }
        let permit = Permit(self.clone());
        exchange.defer(move |exchange| work(exchange, permit));
        true
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let next = {
            let mut state = lock(&self.0.state);
            let next = state.waiting.pop_front();
            if next.is_none() {
                state.running -= 1;
            }
            next
        };
        if let Some((exchange, work)) = next {
            let permit = Permit(self.0.clone());
            exchange.defer(move |exchange| work(exchange, permit));
        }
    }
}
