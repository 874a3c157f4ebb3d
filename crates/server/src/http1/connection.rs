//! The state machine of a connection: head, exchange, what is left of the body, and the end.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use super::buffer::Buffer;
use super::conn::Conn;
use super::rejection::Rejection;
use super::scan::{Scan, Scanned};
use crate::application::Served;
use crate::clock;
use crate::output::Phase;
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
    pub(super) scan: Scan,
    pub(super) stage: Stage,
    pub(super) served: Served,
    pub(super) seq: u64,
    /// The buffer is with `Conn::input`.
    pub(super) lent: bool,
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
        if conn.give_up_stuck(&mut output, now) {
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
}
