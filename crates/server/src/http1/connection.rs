//! The state machine of a connection: head, exchange, what is left of the body, and the end.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use super::body::Framed;
use super::buffer::Buffer;
use super::chunked::Decoder;
use super::conn::Conn;
use super::head::{self, Head};
use super::rejection::Rejection;
use super::scan::{Scan, Scanned};
use crate::access::{Account, Ending, Trace};
use crate::application::Served;
use crate::clock;
use crate::dispatch::{self, Place, PoolRun};
use crate::exchange::Exchange;
use crate::handler::{DispatchHint, RequestHead};
use crate::output::{Phase, RequestFacts};
use crate::reactor::{Hook, Task};
use crate::stats::Counters;
use crate::sync::lock;

/// First size of the read buffer.
const READ: usize = 8 * 1024;
/// An idle connection gives its memory back after this long.
const TRIM_AFTER: Duration = Duration::from_secs(5);
/// Pipelined requests answered before other connections get their turn.
const TURNS: usize = 64;

/// How a client begins that speaks TLS.
const TLS_RECORD: &[u8] = &[22, 3];

pub(super) enum Stage {
    /// Nothing is to be served: the client is told why.
    Refuse(Rejection),
    /// Between requests, or within a head.
    Head,
    /// A response is due.
    Exchange,
    /// Swallowing what the handler left of the request body.
    Drain { until: u64, left: u64 },
    /// Sending the rest, then closing.
    Closing,
    /// Everything is sent; waiting for the client's end so that it can read it.
    Linger { until: u64, left: usize },
}

pub(super) enum Next {
    Again,
    Wait,
    End,
}

/// See the module's documentation.
pub(super) struct Http1 {
    pub(super) conn: Arc<Conn>,
    pub(super) buffer: Buffer,
    scan: Scan,
    pub(super) stage: Stage,
    served: Served,
    seq: u64,
    /// The buffer is with `Conn::input`.
    lent: bool,
    /// Coarse time at which the idle connection or the incomplete head is given up; 0 = not set.
    pub(super) give_up: u64,
    trim_at: u64,
    /// Whether it was made sure that nothing has come before an idle connection is closed.
    looked: bool,
}

/// Starts serving a registered connection.
pub(crate) fn serve(conn: Arc<Conn>) {
    let io = conn.io.clone();
    let hook = hook(&conn);
    let task = Task::new(io.shard().clone(), Http1::new(conn, Stage::Head));
    io.start(task, Some(hook));
}

/// Serves a connection whose task runs already; to be awaited by that task.
pub(crate) fn connection(conn: Arc<Conn>) -> impl Future<Output = ()> + Send {
    conn.io.set_hook(hook(&conn));
    Http1::new(conn, Stage::Head)
}

/// The same for a client that is only to be told why it is not served.
pub(crate) fn refuse(conn: Arc<Conn>, rejection: Rejection) -> impl Future<Output = ()> + Send {
    conn.io.set_hook(hook(&conn));
    Http1::new(conn, Stage::Refuse(rejection))
}

fn hook(conn: &Arc<Conn>) -> Weak<dyn Hook> {
    let hook: Arc<dyn Hook> = conn.clone();
    Arc::downgrade(&hook)
}

impl Future for Http1 {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        for _ in 0..TURNS {
            let next = match this.stage {
                Stage::Refuse(rejection) => this.reject(rejection),
                Stage::Head => this.head(),
                Stage::Exchange => this.exchange(),
                Stage::Drain { until, left } => this.drain(until, left),
                Stage::Closing => this.closing(),
                Stage::Linger { until, left } => this.linger(until, left),
            };
            match next {
                Next::Again => {}
                Next::Wait => return Poll::Pending,
                Next::End => return Poll::Ready(()),
            }
        }
        this.uncork();
        this.conn.io.wake();
        Poll::Pending
    }
}

impl Drop for Http1 {
    fn drop(&mut self) {
        self.conn.closed();
        self.conn.server.connection_closed();
    }
}

impl Http1 {
    fn new(conn: Arc<Conn>, stage: Stage) -> Self {
        Self {
            conn,
            buffer: Buffer::default(),
            scan: Scan::default(),
            stage,
            served: Served::default(),
            seq: 0,
            lent: false,
            give_up: 0,
            trim_at: 0,
            looked: false,
        }
    }

    pub(super) fn uncork(&self) {
        let mut output = lock(&self.conn.output);
        if output.is_corked() {
            output.uncork(&self.conn.wire, self.conn.env());
        }
    }

    fn head(&mut self) -> Next {
        let conn = self.conn.clone();
        if !self.buffer.is_empty() {
            match self.scan.step(self.buffer.data(), conn.server.limits()) {
                Ok(Scanned::Head { len, fields }) => return self.request(len, fields),
                Ok(Scanned::Partial) => {}
                Err(rejection) => return self.reject(rejection),
            }
        }
        // No request is waiting: what has been collected leaves now.
        self.uncork();
        if !conn.io.can_read() {
            return self.wait_for_head();
        }
        let first = self.buffer.is_empty();
        let room = self.buffer.room(if first { READ } else { READ / 2 });
        match conn.wire.receive(&conn.io, room) {
            // A client that ends within a head gets no answer: it has not asked anything.
            Ok(0) => self.close_now(),
            Ok(count) => {
                self.buffer.filled(count);
                self.looked = false;
                if first {
                    self.give_up = 0;
                    if self.seq == 0 && self.buffer.data().starts_with(TLS_RECORD) {
                        return self.refuse_tls();
                    }
                }
                Next::Again
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => self.wait_for_head(),
            // A cut between two requests leaves none incomplete.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => self.close_now(),
            Err(_) => Next::End,
        }
    }

    fn wait_for_head(&mut self) -> Next {
        let conn = &self.conn;
        let limits = conn.server.limits();
        let now = clock::coarse_ms();
        let mut output = lock(&conn.output);
        output.pump(&conn.wire, conn.env(), conn.io.take_writable());
        if output.is_stuck(now) {
            Counters::add(&conn.server.counters().write_timeouts);
            conn.wire.reset();
            output.kill(Ending::TooSlow);
            return Next::End;
        }
        if output.phase() == Phase::Dead || conn.io.broken() {
            return Next::End;
        }
        let idle = self.buffer.is_empty();
        if self.give_up == 0 {
            let limit = if idle { limits.keep_alive_timeout } else { limits.header_timeout };
            self.give_up = clock::deadline(limit);
            self.trim_at = now + TRIM_AFTER.as_millis() as u64;
        } else if now >= self.give_up {
            drop(output);
            if !idle {
                return self.reject(Rejection::TIMEOUT);
            }
            if self.may_have_come() {
                return Next::Again;
            }
            Counters::add(&self.conn.server.counters().idle_timeouts);
            return self.close_now();
        }
        let mut deadline = self.give_up;
        let drain = conn.server.drain_deadline();
        if drain != 0 {
            if now >= drain {
                drop(output);
                return if self.may_have_come() { Next::Again } else { self.close_now() };
            }
            deadline = deadline.min(drain);
        }
        if idle && self.trim_at != 0 {
            if now >= self.trim_at {
                self.buffer.free();
                output.free();
                self.trim_at = 0;
            } else {
                deadline = deadline.min(self.trim_at);
            }
        }
        if output.deadline() != 0 {
            deadline = deadline.min(output.deadline());
        }
        drop(output);
        conn.io.set_deadline(deadline);
        Next::Wait
    }

    /// Has the socket read once more before the connection is closed: on a busy machine a request may have come some time
    /// before this is told of it, and would be lost.
    fn may_have_come(&mut self) -> bool {
        if self.looked {
            return false;
        }
        self.looked = true;
        self.conn.io.more_to_read();
        true
    }

    /// A complete head of `len` bytes with `fields` lines is at the front of the buffer.
    fn request(&mut self, len: usize, fields: usize) -> Next {
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

    fn exchange(&mut self) -> Next {
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
            if output.is_stuck(clock::coarse_ms()) {
                Counters::add(&conn.server.counters().write_timeouts);
                conn.wire.reset();
                output.kill(Ending::TooSlow);
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
