//! What a connection has proved, kept with the connection.

use std::sync::{Arc, Mutex};

use mews_model::authentication::Handshakes;

use super::authority::Context;
use crate::exchange::Exchange;
use crate::sync::lock;

/// The machine of one connection.
#[derive(Default)]
pub(super) struct Slot(Mutex<State>);

#[derive(Default)]
struct State {
    /// For whose requests it was proved: a connection may lead to several applications.
    owner: u64,
    handshakes: Handshakes<Context>,
}

impl Slot {
    /// That of the exchange's connection; none where requests of several clients may come on it.
    pub(super) fn of(exchange: &Exchange) -> Option<Arc<Self>> {
        exchange.connection_state(Self::default)
    }

    /// What is there already.
    pub(super) fn existing(exchange: &Exchange) -> Option<Arc<Self>> {
        exchange.known_connection_state()
    }

    /// Asks the machine. What was proved for another owner's requests is forgotten.
    pub(super) fn with<R>(&self, owner: u64, ask: impl FnOnce(&mut Handshakes<Context>) -> R) -> R {
        let mut state = lock(&self.0);
        if state.owner != owner {
            state.owner = owner;
            state.handshakes.forget();
        }
        ask(&mut state.handshakes)
    }

    /// Drops the handshake that is half done.
    pub(super) fn give_up(&self) {
        lock(&self.0).handshakes.give_up();
    }

    pub(super) fn is_half_done(&self) -> bool {
        lock(&self.0).handshakes.is_half_done()
    }
}
