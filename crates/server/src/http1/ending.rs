//! How a request's remains and a connection end: draining an unread body, the last bytes, the lingering
//! close, and refusals.

use super::conn::Conn;
use super::connection::{Http1, Next, Stage};
use super::rejection::Rejection;
use crate::access::{Cause, Ending, Unserved};
use crate::clock;
use crate::exchange::BodyRead;
use crate::output::{Output, Phase, reason};
use crate::stats::Counters;
use crate::sync::lock;
use std::time::Duration;

/// How long a closing connection waits for the client to have read its last response.
const LINGER: Duration = Duration::from_secs(2);
/// Bytes swallowed in that time.
const LINGER_BYTES: usize = 1 << 20;

/// How often an unread body is read from in one turn.
const DRAIN_READS: usize = 16;

/// A TLS record: the fatal alert `protocol_version`.
const PROTOCOL_ALERT: &[u8] = &[21, 3, 1, 0, 2, 2, 70];

impl Conn {
    /// Resets the connection of a client that has not taken a byte for too long, or too few; whether it is one.
    pub(super) fn give_up_stuck(&self, output: &mut Output, now: u64) -> bool {
        let stuck = output.is_stuck(now);
        if stuck {
            tracing::debug!(connection = self.info().id, "the client does not read; the connection is reset");
            Counters::add(&self.server.counters().write_timeouts);
            self.wire.reset();
            output.kill(Ending::TooSlow);
        }
        stuck
    }
}

impl Http1 {
    /// Swallows what is left of a request's body: its sender may have to send all of it again on this very connection, to
    /// sign in.
    pub(super) fn drain(&mut self, mut until: u64, mut left: u64) -> Next {
        self.uncork();
        let conn = &self.conn;
        let limits = conn.server.limits();
        let mut scratch = [0; 16 * 1024];
        let mut input = lock(&conn.input);
        for _ in 0..DRAIN_READS {
            match input.read(&conn.wire, &conn.io, limits, &mut scratch) {
                Ok(BodyRead::Data(count)) if left >= count as u64 => {
                    left -= count as u64;
                    until = clock::deadline(limits.drain_timeout);
                }
                Ok(BodyRead::WouldBlock) if clock::coarse_ms() < until && !conn.io.broken() => {
                    input.take_want();
                    drop(input);
                    let mut output = lock(&conn.output);
                    output.pump(&conn.wire, conn.env(), conn.io.take_writable());
                    conn.io.set_deadline(until);
                    self.stage = Stage::Drain { until, left };
                    return Next::Wait;
                }
                Ok(BodyRead::End) => {
                    self.buffer = input.take_buffer();
                    self.stage = Stage::Head;
                    return Next::Again;
                }
                _ => {
                    Counters::add(&conn.server.counters().drain_limit_hits);
                    self.stage = Stage::Closing;
                    return Next::Again;
                }
            }
        }
        // Others have their turn.
        self.stage = Stage::Drain { until, left };
        conn.io.wake();
        Next::Wait
    }

    pub(super) fn close_now(&mut self) -> Next {
        let mut output = lock(&self.conn.output);
        if output.is_empty() || output.phase() == Phase::Dead {
            return Next::End;
        }
        output.close_after();
        drop(output);
        self.stage = Stage::Closing;
        Next::Again
    }

    pub(super) fn closing(&mut self) -> Next {
        let conn = &self.conn;
        let mut output = lock(&conn.output);
        output.uncork(&conn.wire, conn.env());
        output.pump(&conn.wire, conn.env(), conn.io.take_writable());
        if output.phase() == Phase::Dead || conn.io.broken() {
            return Next::End;
        }
        if output.is_empty() && output.finish_sending(&conn.wire, conn.env()) {
            drop(output);
            self.stage = Stage::Linger { until: clock::deadline(LINGER), left: LINGER_BYTES };
            return Next::Again;
        }
        if conn.give_up_stuck(&mut output, clock::coarse_ms()) {
            return Next::End;
        }
        conn.io.set_deadline(output.deadline());
        Next::Wait
    }

    /// Reads on until the client closes: closing over unread bytes would reset the connection and could
    /// take the response away from the client.
    pub(super) fn linger(&mut self, until: u64, mut left: usize) -> Next {
        let conn = &self.conn;
        let mut scratch = [0; 8192];
        while conn.io.can_read() {
            match conn.wire.receive(&conn.io, &mut scratch) {
                Ok(0) => return Next::End,
                Ok(count) => {
                    left = left.saturating_sub(count);
                    if left == 0 {
                        return Next::End;
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return Next::End,
            }
        }
        if clock::coarse_ms() >= until {
            return Next::End;
        }
        self.stage = Stage::Linger { until, left };
        conn.io.set_deadline(until);
        Next::Wait
    }

    /// How long the head at the front of the buffer has been coming, as far as it was waited for.
    fn head_age_ns(&self) -> i64 {
        if self.give_up == 0 || self.buffer.is_empty() {
            return 0;
        }
        let limit = self.conn.server.limits().header_timeout;
        let left = Duration::from_millis(self.give_up.saturating_sub(clock::coarse_ms()));
        i64::try_from(limit.saturating_sub(left).as_nanos()).unwrap_or(i64::MAX)
    }

    /// Tells a client that speaks TLS, in its own words, that this port does not.
    pub(super) fn refuse_tls(&mut self) -> Next {
        tracing::debug!(connection = self.conn.info().id, "TLS came to a port that speaks plain HTTP");
        lock(&self.conn.output).raw_response(PROTOCOL_ALERT);
        self.buffer.clear();
        self.stage = Stage::Closing;
        Next::Again
    }

    /// Refuses the request at the front of the buffer and closes.
    pub(super) fn reject(&mut self, rejection: Rejection) -> Next {
        let conn = &self.conn;
        Counters::add(rejection.counter(conn.server.counters()));
        tracing::debug!(
            connection = conn.info().id,
            status = rejection.status,
            reason = rejection.reason,
            "a request was refused"
        );
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(
            format!("HTTP/1.1 {} {}\r\nDate: ", rejection.status, reason(rejection.status)).as_bytes(),
        );
        clock::append_date(&mut bytes);
        let body = rejection.reason;
        let rest = format!(
            "\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}\n",
            body.len() + 1
        );
        bytes.extend_from_slice(rest.as_bytes());
        conn.server.accounting().unserved(&Unserved {
            remote: conn.info().remote,
            local: conn.info().local,
            head: self.buffer.data(),
            cause: Cause::Rejected(rejection),
            sent: bytes.len(),
            duration_ns: self.head_age_ns(),
        });
        let mut output = lock(&conn.output);
        output.raw_response(&bytes);
        drop(output);
        self.buffer.clear();
        self.stage = Stage::Closing;
        Next::Again
    }
}
