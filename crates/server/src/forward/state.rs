//! The bytes of one exchange on their way: the request to the upstream, the answer to the client, or both ways raw
//! after an upgrade. Called with the relay's lock held.

use std::io::{self, ErrorKind, IoSlice};
use std::sync::Arc;

use super::ForwardOptions;
use super::failure::{Failure, Wait};
use super::link::Link;
use super::reply::{Asked, Fault, Fed, Reply, Sink};
use super::request::{Shape, is_forwardable_trailer};
use super::scratch::{self, Scratch};
use crate::error::{BodyError, Gone};
use crate::exchange::{BodyRead, Exchange, ResponseHead};
use crate::headers::{HeaderBlock, HeaderBlockRef};

/// How long a client that waits for `100 Continue` is left waiting for the upstream's.
const EXPECT_MS: u64 = 1000;
/// How long a tunnel may be silent once one of its directions has ended.
const HALF_OPEN_MS: u64 = 120_000;
/// Pieces moved before other connections of the shard get their turn.
const ROUNDS: usize = 16;
/// Room for a chunk's size line before its bytes, and for its end and the body's behind them.
const BEFORE: usize = 8;
const AFTER: usize = 2 + 5;
/// A body read with less room than this is left for the next piece.
const USEFUL: usize = 4 * 1024;

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
    /// The request's head; kept until the answer's, for what is said if there is none.
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

    /// Sends what is left over.
    fn send(&mut self, link: &Link) -> Result<bool, Stop> {
        if !self.has_unsent() || self.is_blocked(link) {
            return Ok(false);
        }
        self.transmit(link, &[])
    }

    fn is_blocked(&mut self, link: &Link) -> bool {
        if self.upstream_full && (link.io.take_writable() || link.io.broken()) {
            self.upstream_full = false;
        }
        self.upstream_full
    }

    /// Sends the rest of the head or what is left over, then `bytes`; keeps what the kernel does not take. Answers
    /// whether anything has left.
    fn transmit(&mut self, link: &Link, bytes: &[u8]) -> Result<bool, Stop> {
        let head = &self.head[self.head_at..];
        let left = &self.out[self.out_at..];
        let total = head.len() + left.len() + bytes.len();
        let parts = [head, left, bytes];
        let mut filled = parts.iter().filter(|part| !part.is_empty());
        let result = match (filled.next(), filled.next()) {
            (None, _) => return Ok(false),
            (Some(one), None) => link.wire.write(one),
            _ => link.wire.write_all_of(&parts.map(IoSlice::new)),
        };
        let mut count = match result {
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => 0,
            Err(error) => {
                self.refused(link, error)?;
                return Ok(true);
            }
        };
        let sent = count;
        self.connected |= sent > 0;
        self.upstream_full = sent < total;
        let from_head = count.min(head.len());
        count -= from_head;
        let from_left = count.min(left.len());
        count -= from_left;
        self.head_at += from_head;
        self.out_at += from_left;
        if self.out_at == self.out.len() {
            self.out.clear();
            self.out_at = 0;
        }
        self.out.extend_from_slice(&bytes[count..]);
        Ok(sent > 0)
    }

    /// The upstream takes nothing more. What it has answered may still be read.
    fn refused(&mut self, link: &Link, error: io::Error) -> Result<(), Stop> {
        if !self.connected {
            return Err(Stop::Failed(Failure::Connect(error)));
        }
        if self.reused && self.head_at == 0 {
            return Err(Stop::Stale);
        }
        self.head_at = self.head.len();
        self.out = Vec::new();
        self.out_at = 0;
        self.body = Body::Refused;
        if self.tunnel && self.upstream_ended {
            // It has said everything; that it hears nothing more ends the other direction.
            self.client_ended = true;
        }
        // No event may follow the one that told of this.
        link.io.more_to_read();
        Ok(())
    }

    /// Takes body bytes from the client and sends them; together with the head if that is still due.
    fn take_body(&mut self, exchange: &Exchange, link: &Link, scratch: &mut Scratch) -> Result<bool, Stop> {
        if self.body != Body::Flowing || self.body_pending || self.is_blocked(link) {
            return Ok(false);
        }
        let bytes = &mut scratch.bytes[..];
        let limit = bytes.len() - AFTER;
        let (mut at, mut over) = (BEFORE, false);
        while limit - at >= USEFUL {
            match exchange.read_body(&mut bytes[at..limit]) {
                Ok(BodyRead::Data(count)) => at += count,
                Ok(BodyRead::End) => {
                    over = true;
                    break;
                }
                Ok(BodyRead::WouldBlock) => {
                    self.body_pending = true;
                    break;
                }
                Err(BodyError::Gone) => return Err(Stop::ClientGone),
                Err(error) => return Err(Stop::Failed(Failure::Client(error))),
            }
        }
        let mut start = BEFORE;
        let mut late = Vec::new();
        if self.chunked {
            if at > BEFORE {
                start -= size_line(&mut bytes[..BEFORE], at - BEFORE);
                bytes[at..at + 2].copy_from_slice(b"\r\n");
                at += 2;
            }
            if over {
                late = exchange.request_trailers(body_end);
                if let Some(room) = bytes.get_mut(at..at + late.len()) {
                    room.copy_from_slice(&late);
                    at += late.len();
                    late.clear();
                }
            }
        }
        if over {
            self.body = Body::Sent;
            self.client_ended = true;
        }
        if at > start {
            self.transmit(link, &bytes[start..at])?;
        }
        if !late.is_empty() {
            self.transmit(link, &late)?;
        }
        Ok(over || at > start)
    }

    /// Reads what the upstream has sent, and passes it on.
    fn receive(
        &mut self,
        exchange: &Arc<Exchange>,
        link: &Link,
        scratch: &mut Scratch,
    ) -> Result<bool, Stop> {
        if self.client_full || self.upstream_ended || !link.io.can_read() {
            return Ok(false);
        }
        link.io.begin_read();
        match link.wire.read(&mut scratch.bytes) {
            Ok(0) => self.upstream_ends(exchange).map(|()| true),
            Ok(count) => {
                if count == scratch.bytes.len() {
                    link.io.more_to_read();
                }
                self.answer(exchange, scratch, count).map(|()| true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) if !self.connected => Err(Stop::Failed(Failure::Connect(error))),
            Err(_) if self.reused && self.head_at == 0 => Err(Stop::Stale),
            Err(_) if self.tunnel => Err(Stop::Cut),
            Err(_) => Err(Stop::Failed(Failure::Reset)),
        }
    }

    /// `count` bytes of the answer are in the scratch.
    fn answer(&mut self, exchange: &Exchange, scratch: &mut Scratch, count: usize) -> Result<(), Stop> {
        let Scratch { bytes, decoded, block } = scratch;
        let bytes = &bytes[..count];
        if self.tunnel {
            return self.raw(exchange, bytes);
        }
        let mut client = Client { exchange, full: false, go_on: false };
        let fed = self.reply.feed(bytes, decoded, block, &mut client);
        self.client_full |= client.full;
        if client.go_on && matches!(self.body, Body::Held { .. }) {
            self.body = Body::Flowing;
        }
        match fed.map_err(|fault| self.fault(fault))? {
            Fed::More => {}
            Fed::Complete { excess } => {
                let reusable =
                    self.reply.keeps_alive() && !excess && self.body == Body::Sent && !self.has_unsent();
                return Err(Stop::Complete { reusable });
            }
            Fed::Switched { rest } => {
                self.tunnel = true;
                self.body = Body::Flowing;
                self.client_ended = false;
                self.head = Vec::new();
                self.head_at = 0;
                return self.raw(exchange, &bytes[count - rest..]);
            }
        }
        if !self.reply.awaits_head() && matches!(self.body, Body::Held { .. }) {
            // Nobody wants the body: the server deals with what the client sends of it.
            self.body = Body::Refused;
        }
        Ok(())
    }

    fn raw(&mut self, exchange: &Exchange, bytes: &[u8]) -> Result<(), Stop> {
        if !bytes.is_empty() {
            self.client_full |= !exchange.write(None, bytes, b"")?.room;
        }
        Ok(())
    }

    /// The upstream sends nothing more.
    fn upstream_ends(&mut self, exchange: &Exchange) -> Result<(), Stop> {
        if self.tunnel {
            if self.body == Body::Refused {
                return Err(Stop::Cut);
            }
            self.upstream_ended = true;
            exchange.end_sending()?;
            return Ok(());
        }
        if self.reused && self.head_at == 0 {
            return Err(Stop::Stale);
        }
        let mut client = Client { exchange, full: false, go_on: false };
        match self.reply.end(&mut client) {
            Ok(_) => Err(Stop::Complete { reusable: false }),
            Err(fault) => Err(self.fault(fault)),
        }
    }

    fn fault(&self, fault: Fault) -> Stop {
        Stop::Failed(match fault {
            Fault::Gone => return Stop::ClientGone,
            Fault::Malformed(what) => Failure::Malformed(what),
            Fault::HeadTooLarge => Failure::HeadTooLarge,
            Fault::TooManyFields => Failure::TooManyFields,
            Fault::Nothing if self.body == Body::Refused => Failure::Reset,
            Fault::Nothing => Failure::NoAnswer,
            Fault::Short => Failure::Short,
        })
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

/// The client as the answer's destination.
struct Client<'a> {
    exchange: &'a Exchange,
    full: bool,
    /// 100 has been seen.
    go_on: bool,
}

impl Sink for Client<'_> {
    fn interim(&mut self, status: u16, headers: HeaderBlockRef<'_>) -> Result<(), Gone> {
        self.go_on |= status == 100;
        self.exchange.interim(status, headers)
    }

    fn part(
        &mut self,
        head: Option<&ResponseHead<'_>>,
        bytes: &[u8],
        end: Option<HeaderBlockRef<'_>>,
    ) -> Result<(), Gone> {
        match end {
            Some(trailers) => self.exchange.finish(head, bytes, trailers),
            None => {
                self.full |= !self.exchange.write(head, bytes, b"")?.room;
                Ok(())
            }
        }
    }

    fn switch(&mut self, head: &ResponseHead<'_>) -> Result<(), Gone> {
        self.exchange.upgrade(head).map_err(|error| {
            tracing::debug!(%error, "an upgrade could not be completed");
            Gone
        })
    }
}

/// Writes a chunk's size line to the end of `into`; answers its length. `size` has at most five digits.
fn size_line(into: &mut [u8], mut size: usize) -> usize {
    let mut at = into.len() - 2;
    into[at..].copy_from_slice(b"\r\n");
    while at > 0 && (size > 0 || at == into.len() - 2) {
        at -= 1;
        into[at] = b"0123456789abcdef"[size & 15];
        size >>= 4;
    }
    into.len() - at
}

/// What ends a chunked body with these trailers.
fn body_end(trailers: &HeaderBlock) -> Vec<u8> {
    let mut end = Vec::with_capacity(8);
    end.extend_from_slice(b"0\r\n");
    for trailer in trailers.as_ref().iter().flatten() {
        if is_forwardable_trailer(trailer.name) {
            end.extend_from_slice(trailer.name);
            end.extend_from_slice(b": ");
            end.extend_from_slice(trailer.value);
            end.extend_from_slice(b"\r\n");
        }
    }
    end.extend_from_slice(b"\r\n");
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_lines() {
        for size in [1, 9, 10, 15, 16, 255, 4096, 0xffff, 0x10000, 0xf_ffff] {
            let mut into = [b'x'; BEFORE];
            let length = size_line(&mut into, size);
            assert_eq!(into[BEFORE - length..], *format!("{size:x}\r\n").as_bytes());
        }
    }

    #[test]
    fn trailers_of_the_server_are_not_the_clients_to_send() {
        let mut trailers = HeaderBlock::new();
        assert_eq!(body_end(&trailers), b"0\r\n\r\n");
        trailers.push(b"X-Sum", b"9").push(b"ms-aspnetcore-token", b"x").push(b"X-Forwarded-Proto", b"https");
        assert_eq!(body_end(&trailers), b"0\r\nX-Sum: 9\r\n\r\n");
    }
}
