//! The handler: makes a relay of each request and hands it to the backend.

use std::sync::Arc;

use super::held::Held;
use super::relay::{Cause, Relay};
use super::{Backend, ForwardOptions, request, scratch};
use crate::exchange::Exchange;
use crate::handler::{DispatchHint, Handler, RequestHead};

/// Forwards every request to where a [`Backend`] says.
pub struct ForwardHandler {
    options: ForwardOptions,
    backend: Arc<dyn Backend>,
}

impl ForwardHandler {
    /// Forwards with these options.
    pub fn new(options: ForwardOptions, backend: Arc<dyn Backend>) -> Self {
        Self { options, backend }
    }
}

impl Handler for ForwardHandler {
    fn prepare(&self, head: &RequestHead<'_>, exchange: &Arc<Exchange>) {
        let mut bytes = scratch::take_head();
        let shape = request::write(&mut bytes, head, exchange.connection(), &self.options);
        if self.options.as_proxy
            && let Some(user) = exchange.user()
        {
            request::user(&mut bytes, user);
        }
        exchange.attach(Arc::new(Relay::new(shape, bytes, &self.options)));
    }

    fn run(&self, exchange: &Arc<Exchange>) {
        if let Some(relay) = exchange.attachment_arc::<Relay>() {
            self.backend.route(Held::new(exchange.clone(), relay));
        }
    }

    fn body_ready(&self, exchange: &Exchange) {
        if let Some(relay) = exchange.attachment::<Relay>() {
            relay.advance(Cause::BodyReady);
        }
    }

    fn writable(&self, exchange: &Exchange) {
        if let Some(relay) = exchange.attachment::<Relay>() {
            relay.advance(Cause::Writable);
        }
    }

    fn aborted(&self, exchange: &Exchange) {
        if let Some(relay) = exchange.attachment::<Relay>() {
            relay.abort(exchange);
        }
    }

    fn dispatch_hint(&self) -> DispatchHint {
        DispatchHint::NeverBlocks
    }
}
