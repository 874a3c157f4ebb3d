//! The bytes of one exchange on their way: the request to the upstream, the answer to the client, or both ways raw
//! after an upgrade. Called with the relay's lock held.

mod download;
mod upload;

use std::sync::Arc;

use super::ForwardOptions;
use super::failure::{Failure, Wait};
use super::link::Link;
use super::reply::{Asked, Reply};
use super::request::Shape;
use super::scratch;
use crate::error::Gone;
use crate::exchange::Exchange;
use crate::headers::HeaderBlockRef;

/// How long a client that waits for `100 Continue` is left waiting for the upstream's.
const EXPECT_MS: u64 = 1000;
/// How long a tunnel may be silent once one of its directions has ended.
const HALF_OPEN_MS: u64 = 120_000;
/// How often it is looked whether the upstream of such a tunnel is one that has been closed.
const CLOSED_CHECK_MS: u64 = 100;
/// Pieces moved before other connections of the shard get their turn.
const ROUNDS: usize = 16;

/// Where the request body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// Nothing is read before the upstream says `100 Continue`, answers, or the time is over.
    Held {
        until: u64,
    },
    Flowing,
    Sent,
    /// The upstream does not take the rest.
    Refused,
}

/// Why a step was the last one.
#[derive(Debug)]
pub(super) enum Stop {
    /// Everything is done; whether the connection can be used again.
    Complete {
        reusable: bool,
    },
    Failed(Failure),
    /// Nothing of the request was sent, and the connection is dead.
    Stale,
    ClientGone,
    /// The tunnel's other end is gone.
    Cut,
}

impl From<Gone> for Stop {
    fn from(Gone: Gone) -> Self {
        Self::ClientGone
    }
}

/// See the module's documentation.
pub(super) struct State {
    /// The request's head; kept until the end, for what is said if it is a bad one.
    pub(super) head: Vec<u8>,
    head_at: usize,
    /// Bytes for the upstream that the kernel did not take.
    out: Vec<u8>,
    out_at: usize,
    body: Body,
    /// `body_ready` follows.
    body_pending: bool,
    /// The upstream's socket takes nothing now.
    upstream_full: bool,
    /// `writable` follows.
    client_full: bool,
    /// Bytes have been sent to the upstream, so the connection is established.
    pub(super) connected: bool,
    pub(super) reused: bool,
    reply: Reply,
    chunked: bool,
    tunnel: bool,
    client_ended: bool,
    upstream_ended: bool,
    /// The upstream has been told of the client's end.
    end_passed: bool,
    /// Since when the upstream is waited for, coarse; 0 = it is not.
    pub(super) waiting_since: u64,
    moved: bool,
}

impl State {
    pub(super) fn new(shape: Shape, head: Vec<u8>, options: &ForwardOptions) -> Self {
        let asked = Asked {
            is_head: shape.is_head,
            upgrade: shape.upgrade,
            trailers: shape.trailers,
            connection: options.forward_connection_header,
        };
        let body = match shape {
            Shape { has_body: false, .. } => Body::Sent,
            Shape { expect: true, .. } => Body::Held { until: 0 },
            _ => Body::Flowing,
        };
        Self {
            head,
            head_at: 0,
            out: Vec::new(),
            out_at: 0,
            body,
            body_pending: false,
            upstream_full: false,
            client_full: false,
            connected: false,
            reused: false,
            reply: Reply::new(asked),
            chunked: shape.chunked,
            tunnel: false,
            client_ended: false,
            upstream_ended: false,
            end_passed: false,
            waiting_since: 0,
            moved: false,
        }
    }

    /// The exchange has got a connection; `now` is coarse.
    pub(super) fn begin(&mut self, reused: bool, now: u64) {
        self.head_at = 0;
        self.connected = reused;
        self.reused = reused;
        self.upstream_full = false;
        if let Body::Held { until } = &mut self.body {
            *until = now + EXPECT_MS;
        }
    }

    pub(super) fn body_ready(&mut self) {
        self.body_pending = false;
    }

    pub(super) fn writable(&mut self) {
        self.client_full = false;
    }

    /// Moves what can be moved, and says until when nothing happening is fine.
    pub(super) fn step(
        &mut self,
        exchange: &Arc<Exchange>,
        link: &Arc<Link>,
        options: &ForwardOptions,
        now: u64,
    ) -> Result<(), Stop> {
        self.moved = false;
        if matches!(self.body, Body::Held { until } if until != 0 && now >= until) {
            // The client sends the body after this time anyway.
            self.body = Body::Flowing;
        }
        scratch::with(|scratch| {
            for _ in 0..ROUNDS {
                let taken = self.take_body(exchange, link, scratch)?;
                let sent = self.send(link)?;
                let received = self.receive(exchange, link, scratch)?;
                self.end_tunnel(exchange, link)?;
                if !(taken || sent || received) {
                    return Ok::<(), Stop>(());
                }
                self.moved = true;
            }
            link.io.wake();
            Ok(())
        })?;
        if self.upstream_ended && link.upstream().is_closed() {
            // Its process has ended or is about to: what the client may still send is for nobody.
            exchange.finish(None, b"", HeaderBlockRef::EMPTY)?;
            return Err(Stop::Complete { reusable: false });
        }
        self.watch(link, options, now)
    }

    /// Sets the deadline, or finds that the last one has passed.
    fn watch(&mut self, link: &Link, options: &ForwardOptions, now: u64) -> Result<(), Stop> {
        let limit = if self.tunnel {
            (self.client_ended || self.upstream_ended).then_some(HALF_OPEN_MS)
        } else if self.waits_for_upstream() {
            options.request_timeout.map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))
        } else {
            None
        };
        let mut deadline = 0;
        match limit {
            None => self.waiting_since = 0,
            Some(limit) => {
                // A wait that began without a connection goes on.
                if self.waiting_since == 0 || (self.moved && self.connected) {
                    self.waiting_since = now;
                }
                deadline = self.waiting_since.saturating_add(limit.max(1));
                if now >= deadline {
                    return Err(self.timed_out(options));
                }
            }
        }
        if self.upstream_ended {
            deadline = deadline.min(now + CLOSED_CHECK_MS);
        }
        if let Body::Held { until } = self.body {
            deadline = if deadline == 0 { until } else { deadline.min(until) };
        }
        link.io.set_deadline(deadline);
        Ok(())
    }

    fn timed_out(&self, options: &ForwardOptions) -> Stop {
        if self.tunnel {
            return Stop::Cut;
        }
        Stop::Failed(self.time_over(options))
    }

    /// What the upstream did not do in time.
    pub(super) fn time_over(&self, options: &ForwardOptions) -> Failure {
        let wait = match () {
            () if !self.connected => Wait::Connect,
            () if self.has_unsent() => Wait::Take,
            () if self.reply.awaits_head() => Wait::Answer,
            () => Wait::More,
        };
        Failure::TimedOut(wait, options.request_timeout.unwrap_or_default())
    }

    /// Whether the next move is the upstream's. While the client sends its body or does not take the answer, the
    /// server's own limits count.
    fn waits_for_upstream(&self) -> bool {
        self.has_unsent() || (self.body != Body::Flowing && !self.client_full)
    }

    fn has_unsent(&self) -> bool {
        self.head_at < self.head.len() || self.out_at < self.out.len()
    }

    /// Passes the client's end of a tunnel on, and notices when both have ended.
    fn end_tunnel(&mut self, exchange: &Exchange, link: &Link) -> Result<(), Stop> {
        if !self.tunnel || !self.client_ended || self.has_unsent() {
            return Ok(());
        }
        if self.upstream_ended {
            exchange.finish(None, b"", HeaderBlockRef::EMPTY)?;
            return Err(Stop::Complete { reusable: false });
        }
        if !std::mem::replace(&mut self.end_passed, true) {
            link.wire.finish_writing();
        }
        Ok(())
    }
}
