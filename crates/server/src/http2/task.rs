//! A connection's task: reading, running, sending, and how the connection ends.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use super::conn::Connection;
use super::frame::{self, Code};
use super::keep_alive::Silence;
use super::receiver::{CLOSING_MS, Fault};
use super::state::{Ending, Farewell};
use crate::clock;
use crate::reactor::Hook;
use crate::stats::Counters;
use crate::sync::lock;

/// Reads in a turn, before what was answered is sent and other connections get theirs.
const READS: usize = 4;
/// An idle connection gives its memory back after this long.
const TRIM_AFTER: Duration = Duration::from_secs(5);
/// How long a closing connection waits for the client to have read the rest.
const LINGER: Duration = Duration::from_secs(2);
/// What the PING of a server says.
const PING: &[u8; 8] = b"mews\0\0\0\0";
/// Bytes swallowed in that time.
const LINGER_BYTES: usize = 1 << 20;

/// See the module's documentation.
struct Http2 {
    conn: Arc<Connection>,
    /// Coarse time at which an idle connection's memory is given back; 0 = it has been, or is not idle.
    trim_at: u64,
}

/// Serves a connection whose task runs already; to be awaited by that task.
pub(crate) fn connection(conn: Arc<Connection>) -> impl Future<Output = ()> + Send {
    let hook: Arc<dyn Hook> = conn.clone();
    conn.io.set_hook(Arc::downgrade(&hook) as Weak<dyn Hook>);
    // Events reach the hook as well, for when the task is stuck.
    conn.io.set_in_flight(true);
    conn.greet();
    Http2 { conn, trim_at: 0 }
}

impl Future for Http2 {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.conn.stuck.store(false, Ordering::SeqCst);
        this.conn.polling.store(true, Ordering::SeqCst);
        let over = this.turn();
        this.conn.polling.store(false, Ordering::SeqCst);
        if over { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Http2 {
    fn drop(&mut self) {
        self.conn.closed();
        self.conn.server.connection_closed();
    }
}

impl Http2 {
    /// `true`: the connection is over.
    fn turn(&mut self) -> bool {
        let conn = self.conn.clone();
        lock(&conn.state).corked = true;
        for _ in 0..READS {
            let more = conn.advance();
            if !conn.run_inline() {
                // The thread that drives the shard now goes on with the connection.
                conn.io.wake();
                lock(&conn.state).corked = false;
                return false;
            }
            if !more {
                break;
            }
        }
        conn.check_times(clock::coarse_ms());
        conn.deliver();
        lock(&conn.state).corked = false;
        conn.flush();
        if conn.deliver() {
            conn.flush();
        }
        self.watch()
    }

    /// Looks at the times and at how far the end is. `true`: the connection is over.
    fn watch(&mut self) -> bool {
        let conn = &self.conn;
        let now = clock::coarse_ms();
        if lock(&conn.leaving).is_stuck(now) {
            tracing::debug!(connection = conn.info.id, "the client does not read; the connection is reset");
            Counters::add(&conn.server.counters().write_timeouts);
            conn.wire.reset();
            return true;
        }
        if conn.io.broken() {
            return true;
        }
        let ending = lock(&conn.state).ending;
        match ending {
            Ending::Open => self.watch_open(now),
            Ending::Closing(until) => self.close(now, until),
            Ending::Lingering { until, left } => self.linger(now, until, left),
            Ending::Over => true,
        }
    }

    fn watch_open(&mut self, now: u64) -> bool {
        let conn = &self.conn;
        let limits = conn.server.limits();
        let head_until = conn.head_until.load(Ordering::Relaxed);
        if head_until != 0 && now >= head_until {
            Counters::add(&conn.server.counters().rejected_timeout);
            conn.fail(Fault {
                code: Code::PROTOCOL_ERROR,
                why: "a request head, or the preface, was not complete in time",
            });
            conn.io.wake();
            return false;
        }
        let mut state = lock(&conn.state);
        let drain = conn.server.drain_deadline();
        if drain != 0 {
            state.announce(drain);
        }
        if let Farewell::Announced(until) = state.farewell
            && now >= until
        {
            state.say_final(Code::NO_ERROR);
        }
        let mut deadline = state.check_at;
        if let Farewell::Announced(until) = state.farewell {
            deadline = deadline.min(until);
        }
        if head_until != 0 {
            deadline = deadline.min(head_until);
        }
        if state.in_use == 0 {
            if state.idle_until == 0 {
                state.idle_until = clock::deadline(limits.keep_alive_timeout);
            }
            let served = matches!(state.farewell, Farewell::Final(_)) || state.client_leaves;
            if served || now >= state.idle_until {
                if !served {
                    Counters::add(&conn.server.counters().idle_timeouts);
                }
                state.say_final(Code::NO_ERROR);
                state.ending = Ending::Closing(now + CLOSING_MS);
                conn.io.wake();
                return false;
            }
            deadline = deadline.min(state.idle_until);
            if self.trim_at == 0 {
                self.trim_at = now + TRIM_AFTER.as_millis() as u64;
            } else if self.trim_at != u64::MAX && now >= self.trim_at {
                self.trim_at = u64::MAX;
                state.shrink();
                drop(state);
                lock(&conn.leaving).queue.free();
                lock(&conn.receiver).free();
                state = lock(&conn.state);
            }
            deadline = deadline.min(self.trim_at);
        } else {
            self.trim_at = 0;
            match state.alive.look(now, conn.heard_at.load(Ordering::Relaxed)) {
                Silence::Until(at) => deadline = deadline.min(at),
                Silence::Ask { until } => {
                    frame::put(&mut state.out, frame::kind::PING, 0, 0, PING);
                    deadline = deadline.min(until);
                }
                Silence::Dead => {
                    tracing::debug!(
                        connection = conn.info.id,
                        "the client answers no PING; the connection is reset"
                    );
                    Counters::add(&conn.server.counters().http2_silent);
                    conn.wire.reset();
                    return true;
                }
            }
        }
        let unsent = !state.out.is_empty();
        if !state.lost.is_empty() {
            deadline = deadline.min(now + 50);
        }
        drop(state);
        let leaving = lock(&conn.leaving);
        deadline = deadline.min(leaving.deadline());
        let blocked = leaving.queue.is_blocked();
        drop(leaving);
        conn.io.set_deadline(if deadline == u64::MAX { 0 } else { deadline });
        if !blocked && (unsent || conn.io.can_read()) {
            conn.io.wake();
        }
        false
    }

    fn close(&mut self, now: u64, until: u64) -> bool {
        let conn = &self.conn;
        let mut leaving = lock(&conn.leaving);
        let mut state = lock(&conn.state);
        if now >= until {
            return true;
        }
        if state.out.is_empty() && leaving.queue.finish(&conn.wire) {
            let until = clock::deadline(LINGER);
            state.ending = Ending::Lingering { until, left: LINGER_BYTES };
            conn.io.wake();
        }
        conn.io.set_deadline(until);
        false
    }

    fn linger(&mut self, now: u64, until: u64, mut left: usize) -> bool {
        let conn = &self.conn;
        if now >= until || !conn.swallow(&mut left) {
            return true;
        }
        lock(&conn.state).ending = Ending::Lingering { until, left };
        conn.io.set_deadline(until);
        false
    }
}
