//! What leaves a connection, in order: the state of the current response, and bytes not sent yet.
//!
//! *Direct write*: whoever produces bytes writes them to the socket on its own thread, under the
//! connection's output lock; only what the kernel does not take is queued and left to the connection's
//! task. *Corked*: while the handler runs inline on the driver, bytes are only collected, so that a
//! response that is complete when the call returns leaves in one write, with `Content-Length` and
//! together with other pipelined responses. A driver that gets stuck is uncorked by the watchdog.

mod backlog;
mod encode;
mod extra;
mod framed;
mod pump;
mod queue;
pub(crate) mod socket;
mod start;
mod stream;
#[cfg(test)]
mod tests;
mod wire;

use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};

use crate::access::{Account, Ending};
use crate::application::Application;
use crate::config::Limits;
use crate::error::Gone;
use crate::exchange::{Exchange, ResponseHead, Written};
use crate::headers::HeaderBlockRef;

pub(crate) use backlog::Backlog;
pub(crate) use encode::{BadHead, check_fields, reason};
pub(crate) use extra::ExtraHeaders;
pub(crate) use queue::Queue;
pub(crate) use stream::Stream;
pub(crate) use wire::{Sent, Wire};

/// Corked bytes above this are written anyway.
const CORK_MAX: usize = 64 * 1024;

pub(crate) use crate::http1::is_forbidden_trailer;

/// How far the current response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No exchange is in flight.
    Idle,
    /// The head has not been given.
    Waiting,
    /// The head has been given, the body not entirely.
    Body,
    /// Upgraded: raw bytes.
    Raw,
    /// Everything has been given; bytes may still be queued.
    Complete,
    /// Nothing will be sent any more.
    Dead,
}

/// How the body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// The head is in the queue without its framing, the body in `held`: not decided yet.
    Open,
    /// So many bytes are left.
    Length(u64),
    Chunked,
    UntilClose,
    /// There is no body; what is given is dropped. Counts it.
    Discard,
}

/// Facts of a request that shape its response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestFacts {
    /// 10 or 11.
    pub(crate) version: u8,
    pub(crate) is_head: bool,
    /// The client asked for the connection to be closed.
    pub(crate) close: bool,
    pub(crate) trailers: bool,
    /// The client waits for `100 Continue`.
    pub(crate) expect: bool,
}

/// Facts of the server at the time of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Env<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) draining: bool,
}

/// The output of one connection. Every method that takes a [`Wire`] may write to it.
#[derive(Debug)]
pub(crate) struct Output {
    queue: Queue,
    phase: Phase,
    framing: Framing,
    /// Body bytes of a response whose framing is open.
    held: Vec<u8>,
    corked: bool,
    facts: RequestFacts,
    /// Number of the current request on this connection.
    seq: u64,
    exchange: Weak<Exchange>,
    /// Whose response it is.
    application: Option<Arc<Application>>,
    /// Of the current exchange, until its last byte has left.
    account: Option<Arc<Account>>,
    /// The response's status; 0 = its head has not been given.
    status: u16,
    /// Where the response begins among all bytes of the connection.
    began: u64,
    close: bool,
    want_writable: bool,
    excess_logged: bool,
    /// After an upgrade: our direction ends behind what is queued, and whether it has.
    ending: Option<bool>,
    /// A client that does not take what waits for it.
    backlog: Option<Backlog>,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self {
            queue: Queue::default(),
            phase: Phase::Idle,
            framing: Framing::Open,
            held: Vec::new(),
            corked: false,
            facts: RequestFacts::default(),
            seq: 0,
            exchange: Weak::new(),
            application: None,
            account: None,
            status: 0,
            began: 0,
            close: false,
            want_writable: false,
            excess_logged: false,
            ending: None,
            backlog: None,
        }
    }

    /// A new exchange starts. Later calls name it by `seq`.
    pub(crate) fn begin(
        &mut self,
        seq: u64,
        facts: RequestFacts,
        exchange: Weak<Exchange>,
        application: Arc<Application>,
        account: Option<Arc<Account>>,
        corked: bool,
    ) {
        // Of the response before, some may not have left yet; it is not waited for.
        self.end_account(self.queue.position(), Ending::Complete);
        self.account = account;
        self.status = 0;
        self.began = self.queue.position();
        self.phase = if self.phase == Phase::Dead { Phase::Dead } else { Phase::Waiting };
        self.framing = Framing::Open;
        self.held.clear();
        self.corked |= corked;
        self.facts = facts;
        self.seq = seq;
        self.exchange = exchange;
        self.application = Some(application);
        self.close = false;
        self.want_writable = false;
        self.excess_logged = false;
        self.ending = None;
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) fn exchange(&self) -> &Weak<Exchange> {
        &self.exchange
    }

    /// Whether `seq` is the current exchange and its response not complete.
    pub(crate) fn is_open(&self, seq: u64) -> bool {
        self.seq == seq && matches!(self.phase, Phase::Waiting | Phase::Body | Phase::Raw)
    }

    /// Whether the response of `seq` has begun.
    pub(crate) fn has_started(&self, seq: u64) -> bool {
        self.seq != seq || self.phase != Phase::Waiting
    }

    /// Whether the connection ends after this response.
    pub(crate) fn closes(&self) -> bool {
        self.close
    }

    /// Has the connection end after this response.
    pub(crate) fn close_after(&mut self) {
        self.close = true;
    }

    pub(crate) fn is_corked(&self) -> bool {
        self.corked
    }

    pub(crate) fn pending(&self) -> usize {
        self.queue.pending()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether the client still waits for `100 Continue`; the answer is `false` from then on.
    pub(crate) fn take_expect(&mut self) -> bool {
        std::mem::take(&mut self.facts.expect) && self.phase == Phase::Waiting
    }

    /// Sends `100 Continue` now, also when corked: the reader waits for what the client sends upon it.
    pub(crate) fn send_continue(&mut self, wire: &Wire, env: Env<'_>) -> Result<(), Gone> {
        self.queue.tail().extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        self.flush(wire, env)
    }

    /// After an upgrade: ends our direction behind everything queued.
    pub(crate) fn end_sending(&mut self, wire: &Wire, env: Env<'_>) -> Result<(), Gone> {
        if self.phase == Phase::Raw && self.ending.is_none() {
            self.ending = Some(false);
            self.flush(wire, env)?;
        }
        Ok(())
    }

    /// Before the connection closes: ends our direction behind everything queued; `true` when that has been done.
    pub(crate) fn finish_sending(&mut self, wire: &Wire, env: Env<'_>) -> bool {
        let told = self.queue.finish(wire);
        self.update_backlog(wire, env);
        told
    }

    /// Whether the client can take what it got for complete: nothing has been begun and not been sent.
    pub(crate) fn is_settled(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Complete) && self.queue.is_empty()
    }

    /// Whether our direction has ended while the client's may go on.
    pub(crate) fn has_ended_sending(&self) -> bool {
        self.phase == Phase::Raw && self.ending == Some(true)
    }

    /// Takes `first` whole and as much of `extra` as the window has room for.
    pub(crate) fn write(
        &mut self,
        wire: &Wire,
        env: Env<'_>,
        head: Option<&ResponseHead<'_>>,
        first: &[u8],
        extra: &[u8],
    ) -> Result<Written, Gone> {
        self.ensure_started(wire, env, head, None, false)?;
        let taken = self.push(wire, env, first, extra);
        let extra_taken = self.alive(wire, taken)?;
        self.update_backlog(wire, env);
        let room = self.has_room(env);
        self.want_writable |= !room || extra_taken < extra.len();
        Ok(Written { extra_taken, room })
    }

    /// Queues a file range and sends what the kernel takes; `true` when all of it has been handed over.
    pub(crate) fn send_file(
        &mut self,
        wire: &Wire,
        env: Env<'_>,
        head: Option<&ResponseHead<'_>>,
        file: OwnedFd,
        offset: u64,
        count: u64,
    ) -> Result<bool, Gone> {
        self.ensure_started(wire, env, head, None, false)?;
        self.push_file(env, file, offset, count);
        self.flush(wire, env)?;
        let done = !self.queue.has_file();
        self.want_writable |= !done;
        Ok(done)
    }

    /// Completes the response. A response shorter than its `Content-Length` resets the connection.
    pub(crate) fn finish(
        &mut self,
        wire: &Wire,
        env: Env<'_>,
        head: Option<&ResponseHead<'_>>,
        last: &[u8],
        trailers: HeaderBlockRef<'_>,
    ) -> Result<(), Gone> {
        let with_trailers = self.facts.trailers && !trailers.is_empty();
        let corked = std::mem::replace(&mut self.corked, true);
        let started = self.ensure_started(wire, env, head, Some(last.len()), with_trailers);
        let result = started.and_then(|()| self.complete(wire, env, last, trailers, with_trailers));
        self.corked = corked;
        let flushed = if corked { Ok(()) } else { self.flush(wire, env) };
        result.and(flushed)
    }

    /// Answers 101 and makes both directions raw.
    pub(crate) fn upgrade(
        &mut self,
        wire: &Wire,
        env: Env<'_>,
        head: &ResponseHead<'_>,
    ) -> Result<(), Upgrade> {
        let asked = encode::head(self.queue.tail(), head).map_err(|error| {
            tracing::warn!(%error, "an upgrade's response head cannot be sent");
            Upgrade::BadHead
        })?;
        if !asked.connection {
            encode::field(self.queue.tail(), b"Connection", b"Upgrade");
        }
        self.queue.tail().extend_from_slice(b"\r\n");
        self.phase = Phase::Raw;
        self.status = head.status;
        self.framing = Framing::UntilClose;
        self.close = true;
        // Raw bytes are a conversation: none may wait for the handler to return.
        self.corked = false;
        self.flush(wire, env).map_err(|Gone| Upgrade::Gone)
    }

    /// Ends everything at once.
    pub(crate) fn kill(&mut self, why: Ending) {
        self.end_account(self.queue.taken(), why);
        self.phase = Phase::Dead;
        self.queue.clear();
        self.held = Vec::new();
        self.corked = false;
        self.backlog = None;
    }

    /// The exchange ended without a response: 500, or a reset when a part of it has been sent.
    pub(crate) fn fail(&mut self, wire: &Wire, env: Env<'_>) -> Result<(), Gone> {
        if self.phase == Phase::Waiting {
            self.answer_500();
            if !self.corked { self.flush(wire, env) } else { Ok(()) }
        } else {
            wire.reset();
            self.kill(Ending::Aborted);
            Err(Gone)
        }
    }

    /// Appends a complete response that no handler made, and has the connection close.
    pub(crate) fn raw_response(&mut self, bytes: &[u8]) {
        self.queue.tail().extend_from_slice(bytes);
        self.close = true;
        self.phase = Phase::Complete;
    }
}

/// Why an upgrade failed at the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upgrade {
    BadHead,
    Gone,
}
