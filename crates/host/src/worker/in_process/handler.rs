//! The application as a handler of the server: a request becomes a slot, and a call into managed code.

use std::sync::Arc;

use mews_clr::abi::{Connection, Dispatched, Header, Request, Runtime, Tls, request_flags};
use mews_server::{Exchange as ServerExchange, Handler, HeaderBlockRef, RequestHead, ResponseHead};

use super::exchange::Exchange;

/// A tag that no slot has: the request could not be given one.
const NO_SLOT: u64 = u64::MAX;

/// Hands requests to the application that lives in this process.
pub(super) struct InProcessHandler {
    runtime: &'static Runtime<Exchange>,
}

impl InProcessHandler {
    pub(super) fn new(runtime: &'static Runtime<Exchange>) -> Self {
        Self { runtime }
    }
}

impl Handler for InProcessHandler {
    fn prepare(&self, head: &RequestHead<'_>, exchange: &Arc<ServerExchange>) {
        let info = exchange.connection();
        let connection = Connection {
            id: info.id,
            started_ns: info.started_ns,
            remote: info.remote,
            local: info.local,
            tls: info.tls.as_deref().map(|tls| Tls {
                protocol: tls.protocol,
                cipher_suite: tls.cipher_suite,
                sni: tls.server_name.as_bytes(),
                client_certificate: tls.client_certificate.as_deref().unwrap_or_default(),
                legs_ns: tls.legs_ns,
            }),
        };
        let user = exchange.user().map(|user| user.encode()).unwrap_or_default();
        let request = Request {
            method: head.method,
            target: head.target,
            version: head.version,
            flags: flags(head, exchange.asks_for_trace()),
            headers: head.headers.iter().map(|header| Header {
                name: header.name,
                value: header.value,
                known: header.known,
            }),
            content_length: head.content_length,
            request_id: head.request_id,
            parse_start_ns: head.parse_start_ns,
            parse_end_ns: head.parse_end_ns,
            user: &user,
            connection: &connection,
        };
        let tag = self.runtime.open(&request, Exchange(exchange.clone())).unwrap_or_else(|error| {
            tracing::error!(%error, "a request was refused");
            NO_SLOT
        });
        exchange.set_tag(tag);
    }

    fn run(&self, exchange: &Arc<ServerExchange>) {
        let tag = exchange.tag();
        if tag == NO_SLOT {
            answer(exchange, 503);
            return;
        }
        match self.runtime.dispatch(tag) {
            Dispatched::Completed | Dispatched::Pending => {}
            Dispatched::Failed => answer(exchange, 500),
            // The application's server has stopped; the next worker takes the client's next try.
            Dispatched::NotStarted => answer(exchange, 503),
        }
    }

    fn body_ready(&self, exchange: &ServerExchange) {
        self.runtime.body_ready(exchange.tag());
    }

    fn writable(&self, exchange: &ServerExchange) {
        self.runtime.writable(exchange.tag());
    }

    fn aborted(&self, exchange: &ServerExchange) {
        self.runtime.aborted(exchange.tag());
    }

    fn discarded(&self, exchange: &ServerExchange) {
        // The slot holds the exchange, and nobody else will give it back.
        self.runtime.discard(exchange.tag());
    }
}

fn flags(head: &RequestHead<'_>, asks_for_trace: bool) -> u8 {
    let mut flags = 0;
    for (set, flag) in [
        (head.has_body, request_flags::BODY),
        (head.chunked, request_flags::CHUNKED),
        (head.expect_continue, request_flags::EXPECT_CONTINUE),
        (head.trailers_allowed, request_flags::TRAILERS),
        (head.upgradable, request_flags::UPGRADE),
        (head.extended_connect, request_flags::EXTENDED_CONNECT),
        (asks_for_trace, request_flags::TRACE),
    ] {
        if set {
            flags |= flag;
        }
    }
    flags
}

/// An answer without a body, if none has been begun.
fn answer(exchange: &ServerExchange, status: u16) {
    let head = ResponseHead {
        status,
        reason: b"",
        headers: HeaderBlockRef(b""),
        content_length: Some(0),
        close: true,
    };
    if exchange.response_started() {
        exchange.abort();
    } else if exchange.finish(Some(&head), b"", HeaderBlockRef(b"")).is_err() {
        tracing::debug!("the client left before it could be answered");
    }
}
