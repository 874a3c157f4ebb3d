//! One stream: what has come of its request and what is left of its response.

use std::sync::{Arc, Weak};

use super::pending::Pending;
use crate::access::{Account, Ending as Outcome};
use crate::application::Application;
use crate::clock;
use crate::config::Limits;
use crate::error::BodyError;
use crate::exchange::{BodyRead, Exchange};
use crate::headers::HeaderBlock;
use crate::http1::Buffer;
use crate::output::Phase;

/// The request's body, or the client's bytes after an extended CONNECT was accepted.
#[derive(Debug, Default)]
pub(super) struct Input {
    buffer: Buffer,
    /// Nothing more comes.
    pub(super) ended: bool,
    /// What the client may still send.
    pub(super) window: i64,
    /// Bytes used that the client's window has not been given back.
    pub(super) returned: i64,
    /// What is left of the announced length.
    left: Option<u64>,
    received: u64,
    /// The largest body that its application takes.
    most: Option<u64>,
    raw: bool,
    want: bool,
    /// Coarse time since which the reader has waited for the client; 0 = it does not.
    waiting_since: u64,
    /// How long it has waited before, in milliseconds.
    waited: u64,
    /// Coarse time at which a waiting reader is told that it waits in vain; 0 = never.
    pub(super) give_up: u64,
    error: Option<BodyError>,
    /// That the body is too large has been counted.
    counted: bool,
    trailers: HeaderBlock,
}

impl Input {
    fn begin(&mut self, window: i64, request: &Request) {
        self.buffer.clear();
        *self = Self {
            buffer: std::mem::take(&mut self.buffer),
            ended: request.ended,
            window,
            left: request.content_length,
            most: request.max_body,
            ..Self::default()
        };
    }

    pub(super) fn begin_raw(&mut self) {
        self.raw = true;
    }

    /// Takes what has come; `false`: it is more than was announced. Answers how many bytes nobody will read.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<usize, ()> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(bytes.len() as u64).ok_or(())?;
        }
        self.received += bytes.len() as u64;
        if self.waiting_since != 0 && !bytes.is_empty() {
            self.waited += clock::coarse_ms().saturating_sub(self.waiting_since);
            self.waiting_since = 0;
        }
        if !self.raw && self.most.is_some_and(|most| self.received > most) {
            self.error.get_or_insert(BodyError::TooLarge);
        }
        if self.error.is_some() {
            return Ok(bytes.len());
        }
        if !bytes.is_empty() {
            self.buffer.room(bytes.len())[..bytes.len()].copy_from_slice(bytes);
            self.buffer.filled(bytes.len());
        }
        Ok(0)
    }

    /// How long the client may still send nothing.
    fn patience_ms(&self, limits: &Limits) -> u64 {
        let stall = u64::try_from(limits.body_timeout.as_millis()).unwrap_or(u64::MAX);
        stall.min(limits.min_request_rate.allowance_ms(self.received).saturating_sub(self.waited))
    }

    /// Nothing more comes; `false`: less came than was announced.
    pub(super) fn end(&mut self, trailers: HeaderBlock) -> bool {
        self.ended = true;
        self.trailers = trailers;
        self.left.is_none_or(|left| left == 0)
    }

    /// It has become larger than the application takes; once.
    pub(super) fn take_overrun(&mut self) -> bool {
        self.error == Some(BodyError::TooLarge) && !std::mem::replace(&mut self.counted, true)
    }

    /// Everything is over. Answers the bytes that were not read.
    pub(super) fn kill(&mut self) -> usize {
        let unread = self.buffer.len();
        self.buffer.clear();
        self.buffer.free();
        self.ended = true;
        self.error = Some(BodyError::Gone);
        unread
    }

    /// A waiting reader must be told: something has come or happened. Once for each wait.
    pub(super) fn take_want(&mut self) -> bool {
        self.give_up = 0;
        std::mem::take(&mut self.want)
    }

    /// A waiting reader has waited for too long.
    pub(super) fn expire(&mut self, now: u64) -> bool {
        if !self.want || self.give_up == 0 || now < self.give_up {
            return false;
        }
        self.error = Some(BodyError::TimedOut);
        self.take_want()
    }

    pub(super) fn trailers(&self) -> &HeaderBlock {
        &self.trailers
    }

    /// See `Exchange::read_body`.
    pub(super) fn read(&mut self, limits: &Limits, dst: &mut [u8]) -> Result<BodyRead, BodyError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if !self.buffer.is_empty() {
            let count = dst.len().min(self.buffer.len());
            dst[..count].copy_from_slice(&self.buffer.data()[..count]);
            self.buffer.consume(count);
            if self.ended && self.buffer.is_empty() {
                self.buffer.free();
            }
            return Ok(BodyRead::Data(count));
        }
        if self.ended {
            return Ok(BodyRead::End);
        }
        self.want = true;
        if self.waiting_since == 0 {
            self.waiting_since = clock::coarse_ms();
        }
        self.give_up = if self.raw { 0 } else { self.waiting_since.saturating_add(self.patience_ms(limits)) };
        Ok(BodyRead::WouldBlock)
    }
}

/// How long the client may leave a response without room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stall {
    /// Coarse time of the next look.
    pub(super) until: u64,
    /// What had been sent when the wait, or the present part of it, began.
    pub(super) sent: u64,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Stream {
    /// 0 = the place is free.
    pub(super) id: u32,
    pub(super) exchange: Weak<Exchange>,
    /// Whose response it is.
    pub(super) application: Option<Arc<Application>>,
    /// Until the response has ended.
    account: Option<Arc<Account>>,
    /// The response's status; 0 = its head has not been given.
    pub(super) status: u16,
    /// Bytes of its frames.
    pub(super) framed: u64,
    /// Somebody holds the exchange.
    pub(super) alive: bool,
    pub(super) is_head: bool,
    /// A WebSocket is asked for.
    pub(super) extended_connect: bool,
    /// The client waits for `100 Continue`.
    pub(super) expect: bool,
    pub(super) input: Input,
    pub(super) phase: Phase,
    /// The response has no body; what is given is dropped.
    pub(super) discard: bool,
    /// What is left of the response's announced length.
    pub(super) left: Option<u64>,
    /// What may still be sent.
    pub(super) window: i64,
    pub(super) pending: Pending,
    /// Sent behind `pending`, once the response is complete.
    pub(super) trailers: Vec<u8>,
    /// Our direction has ended.
    pub(super) ended: bool,
    /// Both directions have ended, and it does not count as open any more.
    pub(super) closed: bool,
    pub(super) want_writable: bool,
    /// Is in the queue of those that can send.
    pub(super) queued: bool,
    pub(super) stall: Option<Stall>,
    /// Body bytes sent.
    pub(super) sent: u64,
    pub(super) excess_logged: bool,
}

impl Stream {
    pub(super) fn new() -> Self {
        Self {
            id: 0,
            exchange: Weak::new(),
            application: None,
            account: None,
            status: 0,
            framed: 0,
            alive: false,
            is_head: false,
            extended_connect: false,
            expect: false,
            input: Input::default(),
            phase: Phase::Idle,
            discard: false,
            left: None,
            window: 0,
            pending: Pending::default(),
            trailers: Vec::new(),
            ended: false,
            closed: false,
            want_writable: false,
            queued: false,
            stall: None,
            sent: 0,
            excess_logged: false,
        }
    }

    /// Takes the place for a request.
    pub(super) fn begin(&mut self, id: u32, request: Request, send_window: i64, receive_window: i64) {
        let mut input = std::mem::take(&mut self.input);
        input.begin(receive_window, &request);
        *self = Self {
            id,
            alive: true,
            application: request.application,
            account: request.account,
            is_head: request.is_head,
            extended_connect: request.extended_connect,
            expect: request.expect,
            input,
            phase: Phase::Waiting,
            window: send_window,
            ..Self::new()
        };
    }

    /// Whether the application has ended its direction of an accepted extended CONNECT.
    pub(super) fn has_said_end(&self) -> bool {
        self.phase == Phase::Complete && self.input.raw
    }

    /// Accounts for the request, if that has not been done.
    pub(super) fn account_for(&mut self, outcome: Outcome) {
        if let Some(account) = self.account.take() {
            account.end(self.status, self.framed, outcome);
        }
    }

    /// Whether its response can still be given.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Waiting | Phase::Body | Phase::Raw)
    }
}

/// Facts of a request that shape its stream.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) application: Option<Arc<Application>>,
    pub(super) account: Option<Arc<Account>>,
    pub(super) is_head: bool,
    pub(super) extended_connect: bool,
    pub(super) expect: bool,
    pub(super) content_length: Option<u64>,
    /// The largest body that its application takes.
    pub(super) max_body: Option<u64>,
    pub(super) ended: bool,
}
