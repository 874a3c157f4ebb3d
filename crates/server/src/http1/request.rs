//! A request of a connection, from its complete head to the end of its response.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::body::Framed;
use super::chunked::Decoder;
use super::connection::{Http1, Next, Stage};
use super::head::{self, Head};
use super::rejection::Rejection;
use super::scan::Scan;
use crate::access::{Account, Trace};
use crate::clock;
use crate::dispatch::{self, Place, PoolRun};
use crate::exchange::Exchange;
use crate::handler::{DispatchHint, RequestHead};
use crate::output::{Phase, RequestFacts};
use crate::sync::lock;

impl Http1 {
    /// A complete head of `len` bytes with `fields` lines is at the front of the buffer.
    pub(super) fn request(&mut self, len: usize, fields: usize) -> Next {
        let start_ns = clock::now_ns();
        let mut buffer = std::mem::take(&mut self.buffer);
        let bytes = buffer.data().get(..len).unwrap_or_default();
        let server = self.conn.server.clone();
        let limits = server.limits();
        let parsed = head::parse(bytes, fields).and_then(|head| {
            let too_large = |most| head.framing.content_length.is_some_and(|length| length > most);
            if limits.refuse_announced_body && limits.max_request_body.is_some_and(too_large) {
                Err(Rejection::BODY)
            } else {
                Ok(head)
            }
        });
        let head = match parsed {
            Ok(head) => head,
            Err(rejection) => {
                self.buffer = buffer;
                return self.reject(rejection);
            }
        };
        let (exchange, place, key) = self.begin(&head, len, start_ns);
        let framing = head.framing;
        drop(head);
        self.scan = Scan::default();
        self.give_up = 0;
        buffer.consume(len);
        if framing.has_body() || !buffer.is_empty() {
            let framed = if framing.chunked {
                Framed::Chunked(Box::new(Decoder::new(
                    limits.header_bytes,
                    limits.header_count.min(head::MAX_FIELDS),
                )))
            } else {
                framing.content_length.map_or(Framed::End, Framed::Length)
            };
            let most = exchange.max_request_body();
            lock(&self.conn.input).begin(self.seq, buffer, framed, most);
            self.lent = true;
        } else {
            self.buffer = buffer;
        }
        self.stage = Stage::Exchange;
        if self.conn.client_left() {
            // The half-close came along with the request: no further event will tell of it.
            self.conn.retry_abort();
        }
        match place {
            Place::Inline => self.run_inline(exchange, key),
            Place::Pool => self.run_on_pool(exchange, key),
        }
    }

    /// Makes the exchange and has the handler copy the head.
    fn begin(&mut self, head: &Head<'_>, length: usize, start_ns: i64) -> (Arc<Exchange>, Place, u64) {
        let conn = &self.conn;
        let server = &conn.server;
        self.seq += 1;
        let framing = head.framing;
        let upgradable = head.version == 11 && !framing.has_body();
        let request_id = conn.io.shard().next_request_id();
        let request = RequestHead {
            method: head.method,
            target: head.target,
            version: head.version,
            headers: &head.headers,
            content_length: framing.content_length,
            has_body: framing.has_body(),
            chunked: framing.chunked,
            expect_continue: framing.expect_continue,
            trailers_allowed: framing.te_trailers,
            upgradable,
            extended_connect: false,
            request_id,
            parse_start_ns: start_ns,
            parse_end_ns: clock::now_ns(),
        };
        let application = self.served.application(server, conn.gate.as_ref(), &request, conn.info());
        let traced = Trace::of(&application, &request);
        let headers = traced.headers(&head.headers);
        let request = RequestHead { headers: &headers, ..request };
        let account = Account::new(&application, conn.info(), &request, length, &traced);
        let exchange = Arc::new(Exchange::new(
            conn.clone(),
            application.clone(),
            account.clone(),
            self.seq,
            request_id,
            framing.has_body(),
            upgradable,
        ));
        let (place, key) = match application.handler().dispatch_hint() {
            DispatchHint::NeverBlocks => (Place::Inline, 0),
            DispatchHint::Learn => {
                let key = dispatch::key(head.method, head.target);
                (server.dispatch(conn.io.shard()).decide(key), key)
            }
        };
        let facts = RequestFacts {
            version: head.version,
            is_head: head.method == b"HEAD",
            close: framing.close,
            trailers: framing.te_trailers,
            expect: framing.expect_continue,
        };
        {
            let mut output = lock(&conn.output);
            if place == Place::Pool {
                output.uncork(&conn.wire, conn.env());
            }
            let exchange = Arc::downgrade(&exchange);
            output.begin(self.seq, facts, exchange, application, Some(account), place == Place::Inline);
        }
        conn.io.set_in_flight(true);
        conn.io.set_deadline(0);
        if catch_unwind(AssertUnwindSafe(|| exchange.handler().prepare(&request, &exchange))).is_err() {
            tracing::error!(request_id, "the handler panicked while it prepared a request");
            let mut output = lock(&conn.output);
            let _ = output.fail(&conn.wire, conn.env());
            drop(output);
            // The handler is not run: there is nothing to wait for on the pool.
            return (exchange, Place::Inline, 0);
        }
        (exchange, place, key)
    }

    fn run_inline(&mut self, exchange: Arc<Exchange>, key: u64) -> Next {
        let conn = &self.conn;
        let shard = conn.io.shard();
        conn.inline_run.begin(key);
        shard.enter_handler(&conn.io);
        shard.counters.inline_runs.fetch_add(1, Ordering::Relaxed);
        exchange.run();
        drop(exchange);
        let driven = shard.driven_here();
        if conn.inline_run.end() {
            conn.server.dispatch(shard).recovered(key);
        }
        if driven {
            return Next::Again;
        }
        // Another thread drives the shard now: it goes on with the connection.
        self.uncork();
        conn.io.wake();
        Next::Wait
    }

    fn run_on_pool(&mut self, exchange: Arc<Exchange>, key: u64) -> Next {
        let conn = self.conn.clone();
        conn.io.shard().counters.pool_runs.fetch_add(1, Ordering::Relaxed);
        let server = conn.server.clone();
        server.threads().run(move || {
            let run = PoolRun::begin();
            exchange.run();
            drop(exchange);
            let ran = run.end();
            conn.look_for_abort();
            conn.server.dispatch(conn.io.shard()).pool_run(key, ran);
        });
        Next::Wait
    }

    pub(super) fn exchange(&mut self) -> Next {
        let conn = self.conn.clone();
        let more = self.lent && lock(&conn.input).has_next();
        let mut output = lock(&conn.output);
        if output.is_corked() {
            let hold = more && output.phase() == Phase::Complete && !output.closes();
            if !hold {
                output.uncork(&conn.wire, conn.env());
            }
        }
        match output.phase() {
            Phase::Complete => {}
            Phase::Dead => return Next::End,
            Phase::Idle | Phase::Waiting | Phase::Body | Phase::Raw => {
                drop(output);
                conn.service_exchange();
                return Next::Wait;
            }
        }
        conn.io.set_in_flight(false);
        if !output.is_corked() && output.pending() >= conn.server.limits().write_window {
            // The client takes responses more slowly than it asks for them.
            output.pump(&conn.wire, conn.env(), conn.io.take_writable());
            if conn.give_up_stuck(&mut output, clock::coarse_ms()) {
                return Next::End;
            }
            if output.phase() == Phase::Dead || conn.io.broken() {
                return Next::End;
            }
            if output.pending() >= conn.server.limits().write_window {
                conn.io.set_deadline(output.deadline());
                return Next::Wait;
            }
        }
        let close = output.closes();
        drop(output);
        self.after_response(close)
    }

    /// The response is complete; decides what the connection does next.
    fn after_response(&mut self, close: bool) -> Next {
        let mut stage = if close { Stage::Closing } else { Stage::Head };
        if std::mem::take(&mut self.lent) {
            let mut input = lock(&self.conn.input);
            if input.is_complete() {
                self.buffer = input.take_buffer();
            } else if input.has_failed() {
                stage = Stage::Closing;
            } else if !close {
                let limits = self.conn.server.limits();
                stage =
                    Stage::Drain { until: clock::deadline(limits.drain_timeout), left: limits.drain_body };
            }
        }
        self.stage = stage;
        Next::Again
    }
}
