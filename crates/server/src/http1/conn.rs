//! What a connection's task and the threads that work on its exchange share.
//!
//! Lock order: `input`, then `output`. The handler is never called with either held.

use std::any::Any;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use super::body::Input;
use crate::access::Ending;
use crate::clock;
use crate::dispatch::InlineRun;
use crate::error::{BodyError, Gone, UpgradeError};
use crate::exchange::{BodyRead, Exchange, ResponseHead, Written};
use crate::handler::ConnectionInfo;
use crate::headers::{HeaderBlock, HeaderBlockRef};
use crate::output::{Env, Output, Phase, Upgrade, Wire};
use crate::reactor::{Hook, Io, Shard, Threads};
use crate::server::Shared;
use crate::stats::Counters;
use crate::sync::lock;
use crate::tls::Gate;

const ABORT_RETRY: Duration = Duration::from_millis(50);

/// See the module's documentation.
pub(crate) struct Conn {
    info: ConnectionInfo,
    pub(super) server: Arc<Shared>,
    pub(super) io: Arc<Io>,
    pub(super) wire: Wire,
    pub(super) input: Mutex<Input>,
    pub(super) output: Mutex<Output>,
    /// Answers every request in place of the application.
    pub(super) gate: Option<Gate>,
    /// What a handler keeps with the connection.
    state: OnceLock<Arc<dyn Any + Send + Sync>>,
    pub(super) inline_run: InlineRun,
}

impl Conn {
    pub(crate) fn new(
        info: ConnectionInfo,
        server: Arc<Shared>,
        io: Arc<Io>,
        wire: Wire,
        gate: Option<Gate>,
    ) -> Arc<Self> {
        Arc::new(Self {
            info,
            server,
            io,
            wire,
            input: Mutex::new(Input::default()),
            output: Mutex::new(Output::new()),
            gate,
            state: OnceLock::new(),
            inline_run: InlineRun::default(),
        })
    }

    pub(crate) fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    pub(crate) fn shard(&self) -> &Arc<Shard> {
        self.io.shard()
    }

    /// The place for a handler's state; none where requests of several clients may come on the connection.
    pub(crate) fn state(&self) -> Option<&OnceLock<Arc<dyn Any + Send + Sync>>> {
        (!self.info.several).then_some(&self.state)
    }

    /// Whether a request body of this length may be left unread without the connection ending.
    pub(crate) fn swallows(&self, length: u64) -> bool {
        length <= self.server.limits().drain_body
    }

    /// The threads that may run handlers.
    pub(crate) fn threads(&self) -> &Arc<Threads> {
        self.server.threads()
    }

    /// A client that left while a run was queued or young could not be reported yet.
    pub(crate) fn look_for_abort(&self) {
        if self.client_left() {
            self.io.wake();
        }
    }

    pub(super) fn env(&self) -> Env<'_> {
        Env { limits: self.server.limits(), draining: self.server.is_draining() }
    }

    pub(crate) fn read_body(&self, seq: u64, dst: &mut [u8]) -> Result<BodyRead, BodyError> {
        let mut input = lock(&self.input);
        if input.seq() != seq {
            return Err(BodyError::Gone);
        }
        {
            let mut output = lock(&self.output);
            // In the raw state a finished or dead output does not end reading what has arrived.
            if output.phase() == Phase::Dead {
                return Err(BodyError::Gone);
            }
            if output.take_expect() && output.send_continue(&self.wire, self.env()).is_err() {
                return Err(BodyError::Gone);
            }
        }
        let result = input.read(&self.wire, &self.io, self.server.limits(), dst);
        let deadline = input.deadline();
        let error = input.take_error();
        drop(input);
        match error {
            Some(BodyError::TooLarge) => Counters::add(&self.server.counters().body_overruns),
            Some(BodyError::TimedOut) => Counters::add(&self.server.counters().body_timeouts),
            Some(BodyError::Gone | BodyError::Malformed) | None => {}
        }
        match result {
            Ok(BodyRead::WouldBlock) if deadline != 0 => self.io.bring_forward(deadline),
            // The half-close that was held back until the body was read is told now.
            Ok(BodyRead::End) if self.io.read_closed() => self.io.wake(),
            Err(error) => {
                lock(&self.output).close_after();
                if error == BodyError::Gone {
                    self.io.wake();
                }
            }
            _ => {}
        }
        result
    }

    pub(crate) fn request_trailers<R>(&self, seq: u64, f: impl FnOnce(&HeaderBlock) -> R) -> R {
        let trailers = {
            let input = lock(&self.input);
            if input.seq() == seq { input.trailers().clone() } else { HeaderBlock::new() }
        };
        f(&trailers)
    }

    pub(crate) fn interim(&self, seq: u64, status: u16, headers: HeaderBlockRef<'_>) -> Result<(), Gone> {
        let mut output = lock(&self.output);
        if !output.is_open(seq) {
            return Err(Gone);
        }
        let sent = output.interim(&self.wire, self.env(), status, headers);
        self.after_write(&output);
        drop(output);
        if sent.is_err() {
            self.io.wake();
        }
        sent
    }

    pub(crate) fn end_sending(&self, seq: u64) -> Result<(), Gone> {
        let mut output = lock(&self.output);
        if !output.is_open(seq) {
            return Err(Gone);
        }
        let sent = output.end_sending(&self.wire, self.env());
        self.after_write(&output);
        drop(output);
        if sent.is_err() {
            self.io.wake();
        }
        sent
    }

    pub(crate) fn write(
        &self,
        seq: u64,
        head: Option<&ResponseHead<'_>>,
        first: &[u8],
        extra: &[u8],
    ) -> Result<Written, Gone> {
        let mut output = lock(&self.output);
        if !output.is_open(seq) {
            return Err(Gone);
        }
        let written = output.write(&self.wire, self.env(), head, first, extra);
        self.after_write(&output);
        let over = !output.is_open(seq) && !output.is_corked();
        drop(output);
        if over {
            self.io.wake();
        }
        written
    }

    pub(crate) fn send_file(
        &self,
        seq: u64,
        head: Option<&ResponseHead<'_>>,
        file: OwnedFd,
        offset: u64,
        count: u64,
    ) -> Result<bool, Gone> {
        let mut output = lock(&self.output);
        if !output.is_open(seq) {
            return Err(Gone);
        }
        let done = output.send_file(&self.wire, self.env(), head, file, offset, count);
        self.after_write(&output);
        let over = !output.is_open(seq) && !output.is_corked();
        drop(output);
        if over {
            self.io.wake();
        }
        done
    }

    fn after_write(&self, output: &Output) {
        if output.deadline() != 0 {
            self.io.bring_forward(output.deadline());
        }
    }

    pub(crate) fn finish(
        &self,
        seq: u64,
        head: Option<&ResponseHead<'_>>,
        last: &[u8],
        trailers: HeaderBlockRef<'_>,
    ) -> Result<(), Gone> {
        let mut output = lock(&self.output);
        if !output.is_open(seq) {
            return Err(Gone);
        }
        let result = output.finish(&self.wire, self.env(), head, last, trailers);
        self.after_response(output);
        result
    }

    /// The response is complete, or has become impossible. Inline, the connection's task goes on by
    /// itself; elsewhere it is woken only if there is something to do before the client's next bytes.
    fn after_response(&self, output: std::sync::MutexGuard<'_, Output>) {
        if output.is_corked() {
            return;
        }
        self.io.set_in_flight(false);
        let busy = output.phase() != Phase::Complete || output.closes() || !output.is_empty();
        // Under the lock: from then on the task may begin the next request, whose deadline must stay.
        self.io.set_deadline(clock::deadline(self.server.limits().keep_alive_timeout));
        self.after_write(&output);
        drop(output);
        let input = lock(&self.input);
        let unread = !input.is_complete() || input.has_next();
        drop(input);
        if busy || unread || self.io.can_read() || self.server.is_draining() {
            self.io.wake();
        }
    }

    pub(crate) fn upgrade(&self, seq: u64, head: &ResponseHead<'_>) -> Result<(), UpgradeError> {
        let mut input = lock(&self.input);
        let mut output = lock(&self.output);
        if !output.is_open(seq) {
            return Err(UpgradeError::Gone);
        }
        if output.phase() != Phase::Waiting {
            return Err(UpgradeError::Started);
        }
        let switching = ResponseHead { status: 101, ..*head };
        output.upgrade(&self.wire, self.env(), &switching).map_err(|error| match error {
            Upgrade::BadHead => UpgradeError::BadHead,
            Upgrade::Gone => UpgradeError::Gone,
        })?;
        input.begin_raw(seq);
        Ok(())
    }

    pub(crate) fn abort(&self, seq: u64) {
        let mut output = lock(&self.output);
        if output.is_open(seq) {
            // What was flushed before is the client's.
            output.uncork(&self.wire, self.env());
            self.wire.reset();
            output.kill(Ending::Aborted);
            drop(output);
            self.io.wake();
        }
    }

    pub(crate) fn response_started(&self, seq: u64) -> bool {
        lock(&self.output).has_started(seq)
    }

    /// The last owner of an exchange has let it go.
    pub(crate) fn abandoned(&self, seq: u64, request_id: u64) {
        let mut output = lock(&self.output);
        if !output.is_open(seq) {
            return;
        }
        tracing::error!(
            request_id,
            "a request was dropped without a response; the client gets 500 or a reset"
        );
        let _ = output.fail(&self.wire, self.env());
        self.after_response(output);
    }

    /// Sends what is queued and tells the handler what it waits for. Callable from any I/O thread at any
    /// time, also while the connection's task is inside the handler.
    pub(super) fn service_exchange(&self) {
        let now = clock::coarse_ms();
        let (mut ready, dry, input_deadline) = {
            let mut input = lock(&self.input);
            let ready = input.take_ready(&self.io, now);
            let dry = self.io.read_closed() && input.is_dry(&self.wire);
            (ready, dry, input.deadline())
        };
        let (writable, exchange, phase, output_deadline) = {
            let mut output = lock(&self.output);
            if !self.give_up_stuck(&mut output, now)
                && self.io.broken()
                && output.phase() != Phase::Dead
                && !output.has_ended_sending()
            {
                // With our own direction ended, the client's end looks like this too, and bytes may precede it:
                // then whoever reads finds out.
                output.kill(Ending::ClientGone);
            }
            let writable = output.pump(&self.wire, self.env(), self.io.take_writable());
            (writable, output.exchange().upgrade(), output.phase(), output.deadline())
        };
        let deadline = match (input_deadline, output_deadline) {
            (0, at) | (at, 0) => at,
            (one, other) => one.min(other),
        };
        if deadline != 0 {
            self.io.bring_forward(deadline);
        }
        if phase == Phase::Dead {
            // The task may have looked before this was so, or be the caller: either way it waits for something else.
            self.io.wake();
        }
        let Some(exchange) = exchange else { return };
        ready |= phase == Phase::Dead && lock(&self.input).take_want();
        if ready {
            exchange.handler().body_ready(&exchange);
        }
        if writable {
            exchange.handler().writable(&exchange);
        }
        if phase == Phase::Dead || (dry && matches!(phase, Phase::Waiting | Phase::Body)) {
            self.tell_aborted(&exchange, now);
        }
    }

    fn tell_aborted(&self, exchange: &Exchange, now: u64) {
        if !exchange.notify_aborted(now) {
            self.retry_abort();
        }
    }

    /// Has the abort of an exchange looked at again soon.
    pub(super) fn retry_abort(&self) {
        self.io.bring_forward(clock::deadline(ABORT_RETRY));
    }

    pub(crate) fn is_open(&self, seq: u64) -> bool {
        lock(&self.output).is_open(seq)
    }

    /// The client has closed its direction or the connection.
    pub(super) fn client_left(&self) -> bool {
        self.io.read_closed() || self.io.broken()
    }

    /// Sends nothing any more. Answers the exchange, and whether the client has got everything that was begun.
    fn end_output(&self) -> (Option<Arc<Exchange>>, bool) {
        let mut output = lock(&self.output);
        let settled = output.is_settled();
        output.kill(Ending::ClientGone);
        (output.exchange().upgrade(), settled)
    }

    fn end_wire(&self, settled: bool) {
        if settled { self.wire.close() } else { self.wire.cut() }
    }

    /// The task has ended: nothing more is sent, and whoever still holds an exchange learns it.
    pub(super) fn closed(&self) {
        let (exchange, settled) = self.end_output();
        self.io.set_in_flight(false);
        self.io.release();
        self.end_wire(settled);
        if let Some(exchange) = exchange {
            if lock(&self.input).take_want() {
                exchange.handler().body_ready(&exchange);
            }
            exchange.notify_closed();
        }
    }
}

impl Hook for Conn {
    fn service(&self) {
        self.service_exchange();
    }

    fn stalled(&self) {
        self.inline_run.stalled(self.server.dispatch(self.io.shard()));
        lock(&self.output).uncork(&self.wire, self.env());
    }

    fn kill(&self) {
        let (exchange, settled) = self.end_output();
        self.end_wire(settled);
        if let Some(exchange) = exchange {
            exchange.notify_closed();
        }
    }
}
