//! What exchanges ask of their connection. Callable from any thread, also when the stream is over.

use std::os::fd::OwnedFd;
use std::sync::MutexGuard;

use super::conn::{Connection, Urgency};
use super::frame::Code;
use super::sending::OUT_MAX;
use super::state::State;
use crate::access::Ending as Outcome;
use crate::clock;
use crate::error::{BodyError, Gone, UpgradeError};
use crate::exchange::{BodyRead, ResponseHead, Written};
use crate::headers::{HeaderBlock, HeaderBlockRef};
use crate::output::Phase;
use crate::sync::lock;

impl Connection {
    pub(crate) fn read_body(&self, seq: u64, dst: &mut [u8]) -> Result<BodyRead, BodyError> {
        let mut state = lock(&self.state);
        let Some(index) = state.find(seq) else { return Err(BodyError::Gone) };
        let stream = &mut state.streams[index];
        if std::mem::take(&mut stream.expect) && stream.phase == Phase::Waiting {
            let id = stream.id;
            // Without fields there is nothing that could not be sent.
            let _ = state.put_interim(id, 100, HeaderBlockRef::EMPTY);
        }
        let input = &mut state.streams[index].input;
        let result = input.read(self.server.limits(), dst);
        let give_up = input.give_up;
        match result {
            Ok(BodyRead::Data(count)) => state.give_back(index, count),
            Ok(BodyRead::WouldBlock) if give_up != 0 => {
                state.check_by(give_up);
                self.io.bring_forward(give_up);
            }
            _ => {}
        }
        if !state.out.is_empty() {
            self.changed(state);
        }
        result
    }

    pub(crate) fn request_trailers<R>(&self, seq: u64, f: impl FnOnce(&HeaderBlock) -> R) -> R {
        let trailers = {
            let state = lock(&self.state);
            state.find(seq).map(|index| state.streams[index].input.trailers().clone())
        };
        f(&trailers.unwrap_or_default())
    }

    pub(crate) fn interim(&self, seq: u64, status: u16, headers: HeaderBlockRef<'_>) -> Result<(), Gone> {
        let mut state = lock(&self.state);
        let index = state.find_open(seq).ok_or(Gone)?;
        let stream = &mut state.streams[index];
        let wanted = stream.phase == Phase::Waiting
            && match status {
                100 => std::mem::take(&mut stream.expect),
                102..=199 => true,
                _ => false,
            };
        let id = stream.id;
        if wanted && state.out.len() < OUT_MAX {
            if let Err(error) = state.put_interim(id, status, headers) {
                tracing::warn!(%error, status, "an interim response cannot be sent and is left out");
            }
            self.changed(state);
        }
        Ok(())
    }

    pub(crate) fn write(
        &self,
        seq: u64,
        head: Option<&ResponseHead<'_>>,
        first: &[u8],
        extra: &[u8],
    ) -> Result<Written, Gone> {
        let limits = self.server.limits();
        let mut state = lock(&self.state);
        let index = state.find_open(seq).ok_or(Gone)?;
        if let Err(Gone) = state.start(index, head, None, false) {
            self.changed(state);
            return Err(Gone);
        }
        let mut taken = state.push(index, limits, first, extra);
        while state.out.len() >= OUT_MAX {
            // The socket takes it from here on, so that large bodies need not wait for anybody.
            drop(state);
            self.after_change(Urgency::Now);
            state = lock(&self.state);
            if state.find_open(seq) != Some(index) {
                return Err(Gone);
            }
            if taken == extra.len() || state.out.len() >= OUT_MAX {
                break;
            }
            let more = state.push(index, limits, &[], &extra[taken..]);
            taken += more;
            if more == 0 {
                break;
            }
        }
        let room = state.has_room(index, limits);
        state.streams[index].want_writable |= !room || taken < extra.len();
        self.changed(state);
        Ok(Written { extra_taken: taken, room })
    }

    pub(crate) fn send_file(
        &self,
        seq: u64,
        head: Option<&ResponseHead<'_>>,
        file: OwnedFd,
        offset: u64,
        count: u64,
    ) -> Result<bool, Gone> {
        let limits = self.server.limits();
        let mut state = lock(&self.state);
        let index = state.find_open(seq).ok_or(Gone)?;
        if let Err(Gone) = state.start(index, head, None, false) {
            self.changed(state);
            return Err(Gone);
        }
        state.push_file(index, limits, file, offset, count);
        state.pump(limits);
        // The end of a file that is too short shows in the pump.
        let open = state.find_open(seq).is_some();
        let done = open && !state.streams[index].pending.has_file();
        if open && !done {
            state.streams[index].want_writable = true;
        }
        self.changed(state);
        if open { Ok(done) } else { Err(Gone) }
    }

    pub(crate) fn finish(
        &self,
        seq: u64,
        head: Option<&ResponseHead<'_>>,
        last: &[u8],
        trailers: HeaderBlockRef<'_>,
    ) -> Result<(), Gone> {
        let mut state = lock(&self.state);
        if state.find(seq).is_some_and(|index| state.streams[index].has_said_end()) {
            return Ok(());
        }
        let index = state.find_open(seq).ok_or(Gone)?;
        let started = state.start(index, head, Some(last.len()), !trailers.is_empty());
        let result = started.and_then(|()| state.complete(index, self.server.limits(), last, trailers));
        self.changed(state);
        result
    }

    /// Accepts an extended CONNECT: the stream carries the application's bytes both ways from here on.
    pub(crate) fn upgrade(&self, seq: u64, head: &ResponseHead<'_>) -> Result<(), UpgradeError> {
        let mut state = lock(&self.state);
        let index = state.find_open(seq).ok_or(UpgradeError::Gone)?;
        if state.streams[index].phase != Phase::Waiting {
            return Err(UpgradeError::Started);
        }
        let accepted = ResponseHead { status: 200, reason: b"", content_length: None, ..*head };
        if let Err(error) = state.put_head(index, &accepted, None, false) {
            tracing::warn!(%error, "an upgrade's response head cannot be sent");
            return Err(UpgradeError::BadHead);
        }
        let stream = &mut state.streams[index];
        stream.phase = Phase::Raw;
        stream.input.begin_raw();
        self.changed(state);
        Ok(())
    }

    /// After an upgrade: ends our direction behind everything given.
    pub(crate) fn end_sending(&self, seq: u64) -> Result<(), Gone> {
        // What is still read afterwards is the request's other direction, as with any stream.
        self.finish(seq, None, b"", HeaderBlockRef::EMPTY)
    }

    /// Resets the stream, unless the response is complete.
    pub(crate) fn abort(&self, seq: u64) {
        let mut state = lock(&self.state);
        if let Some(index) = state.find_open(seq) {
            state.reset(index, Code::CANCEL, Outcome::Aborted);
            self.changed(state);
        }
    }

    /// Resets the stream with a code of the application's. A response that is complete is not taken back: then it only says
    /// that no more of the request is wanted.
    pub(crate) fn reset(&self, seq: u64, code: u32) {
        let mut state = lock(&self.state);
        let Some(index) = state.find(seq) else { return };
        let stream = &state.streams[index];
        if stream.is_open() || (stream.ended && !stream.closed) {
            state.reset(index, Code(code), Outcome::Aborted);
            self.changed(state);
        }
    }

    pub(crate) fn response_started(&self, seq: u64) -> bool {
        let state = lock(&self.state);
        state.find(seq).is_none_or(|index| state.streams[index].phase != Phase::Waiting)
    }

    pub(crate) fn is_open(&self, seq: u64) -> bool {
        lock(&self.state).find_open(seq).is_some()
    }

    /// The last owner of an exchange has let it go.
    pub(crate) fn abandoned(&self, seq: u64, request_id: u64) {
        let mut state = lock(&self.state);
        let Some(index) = state.find(seq) else { return };
        if state.streams[index].is_open() {
            tracing::error!(
                request_id,
                "a request was dropped without a response; the client gets 500 or a reset"
            );
            if state.streams[index].phase == Phase::Waiting {
                state.answer(index, 500, "");
            } else {
                state.reset(index, Code::INTERNAL_ERROR, Outcome::Aborted);
            }
        }
        state.streams[index].alive = false;
        state.settle(index);
        if state.in_use == 0 && !state.corked {
            // The task may not be polled before the time is over.
            state.idle_until = clock::deadline(self.server.limits().keep_alive_timeout);
            self.io.bring_forward(state.idle_until);
            if state.is_leaving() {
                self.io.wake();
            }
        }
        if !state.out.is_empty() {
            self.changed(state);
        }
    }

    /// Has what was added to `out` sent: at once when this is the only stream, otherwise by the task together with what
    /// the others add.
    fn changed(&self, state: MutexGuard<'_, State>) {
        let urgency = match () {
            () if state.corked && state.out.len() < OUT_MAX => Urgency::None,
            () if state.in_use > 1 && state.out.len() < OUT_MAX => Urgency::Task,
            () => Urgency::Now,
        };
        drop(state);
        self.after_change(urgency);
    }
}
