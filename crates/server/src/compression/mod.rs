//! A handler around another one: responses are compressed as their clients accept it.
//!
//! The handler looks at each request and leaves a [`Response`] with its exchange, through which everything goes that is
//! sent then. Whether the response is compressed is decided once, when its head is given; exchanges of applications
//! without compression have none of this.

mod counted;
mod decision;
mod encoder;
mod response;
mod validators;

use std::sync::Arc;

use mews_model::compression::Compression;

use crate::exchange::Exchange;
use crate::handler::{DispatchHint, Handler, RequestHead};
use crate::headers::known;

pub(crate) use response::Response;

/// See the module's documentation.
pub struct CompressionHandler {
    inner: Arc<dyn Handler>,
    rules: Arc<Compression>,
}

impl CompressionHandler {
    /// Compresses what `inner` answers.
    pub fn new(inner: Arc<dyn Handler>, rules: Compression) -> Self {
        Self { inner, rules: Arc::new(rules) }
    }
}

impl Handler for CompressionHandler {
    fn prepare(&self, head: &RequestHead<'_>, exchange: &Arc<Exchange>) {
        // To older clients the end of a body of unknown length is the end of the connection.
        if head.version < 11 || head.extended_connect {
            return self.inner.prepare(head, exchange);
        }
        let accepted = head.headers.iter().filter(|field| field.known == known::ACCEPT_ENCODING);
        let coding = self.rules.codings.choose(accepted.map(|field| field.value));
        let strengthened = validators::strengthened(head.headers);
        exchange.compress(Response::new(
            self.rules.clone(),
            coding,
            head.method == b"HEAD",
            strengthened.is_some(),
        ));
        match strengthened {
            None => self.inner.prepare(head, exchange),
            Some(list) => {
                let fields = validators::replaced(head.headers, &list);
                self.inner.prepare(&RequestHead { headers: &fields, ..*head }, exchange);
            }
        }
    }

    fn run(&self, exchange: &Arc<Exchange>) {
        self.inner.run(exchange);
    }

    fn body_ready(&self, exchange: &Exchange) {
        self.inner.body_ready(exchange);
    }

    fn writable(&self, exchange: &Exchange) {
        if exchange.compressed().is_none_or(|response| response.writable(exchange)) {
            self.inner.writable(exchange);
        }
    }

    fn aborted(&self, exchange: &Exchange) {
        self.inner.aborted(exchange);
    }

    fn discarded(&self, exchange: &Exchange) {
        self.inner.discarded(exchange);
    }

    fn dispatch_hint(&self) -> DispatchHint {
        self.inner.dispatch_hint()
    }
}
