//! Takes frames out of what the client sends.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::conn::Connection;
use super::frame::{self, Code, Frame, HEAD, MAX_PAYLOAD, PREFACE, flag, kind};
use super::hpack::{Decoder, Fields};
use super::state::{Ending, Farewell};
use crate::application::Served;
use crate::clock;
use crate::http1::Buffer;
use crate::stats::Counters;
use crate::sync::lock;

/// Room for reading; a frame fits into it.
const READ: usize = 32 * 1024;
/// Frames that wait for the client to read: above it nothing more is read from the client.
const OUT_STOP: usize = 128 * 1024;
/// How long the rest of an ended connection may take.
pub(super) const CLOSING_MS: u64 = 5_000;

/// Why the connection ends: what the client is told, and the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: Code,
    pub(super) why: &'static str,
}

impl Fault {
    pub(super) const fn protocol(why: &'static str) -> Self {
        Self { code: Code::PROTOCOL_ERROR, why }
    }

    pub(super) const fn calm(why: &'static str) -> Self {
        Self { code: Code::ENHANCE_YOUR_CALM, why }
    }

    pub(super) const fn size(why: &'static str) -> Self {
        Self { code: Code::FRAME_SIZE_ERROR, why }
    }
}

/// What the client must send next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Preface,
    Settings,
    Frames,
}

/// A header block whose end has not come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unfinished {
    pub(super) stream: u32,
    pub(super) end_stream: bool,
    pub(super) pieces: u32,
}

/// The reading side of a connection.
#[derive(Default)]
pub(super) struct Receiver {
    buffer: Buffer,
    stage: Stage,
    pub(super) decoder: Decoder,
    pub(super) fields: Fields,
    /// What has come of the unfinished block.
    pub(super) block: Vec<u8>,
    pub(super) unfinished: Option<Unfinished>,
    pub(super) cookies: Vec<u8>,
    pub(super) served: Served,
}

impl Receiver {
    /// Gives memory back.
    pub(super) fn free(&mut self) {
        self.buffer.free();
        self.block = Vec::new();
        self.cookies = Vec::new();
        self.fields.free();
        self.decoder.free();
    }
}

impl Connection {
    /// Reads once and deals with all frames that are complete. `false`: there is nothing to do now.
    pub(super) fn advance(self: &Arc<Self>) -> bool {
        let mut receiver = lock(&self.receiver);
        {
            let state = lock(&self.state);
            let stopped = state.ending != Ending::Open || state.out.len() >= OUT_STOP;
            if stopped || !self.io.can_read() {
                return false;
            }
        }
        let room = receiver.buffer.room(READ);
        match self.wire.receive(&self.io, room) {
            Ok(count @ 1..) => {
                receiver.buffer.filled(count);
                self.heard_at.store(clock::coarse_ms(), Ordering::Relaxed);
                if let Err(fault) = self.frames(&mut receiver) {
                    self.fail(fault);
                }
                true
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            // With the client's direction the connection ends: nothing could be acknowledged any more.
            Ok(_) | Err(_) => {
                lock(&self.state).die();
                false
            }
        }
    }

    fn frames(self: &Arc<Self>, receiver: &mut Receiver) -> Result<(), Fault> {
        let mut buffer = std::mem::take(&mut receiver.buffer);
        let mut result = self.preface(receiver, &mut buffer);
        if result == Ok(true) {
            result = self.complete_frames(receiver, &mut buffer).map(|()| true);
        }
        let partial = Frame::parse(buffer.data());
        receiver.buffer = buffer;
        // A body may take its time, which others watch. A head may not.
        let waits_for_head = receiver.stage != Stage::Frames
            || receiver.unfinished.is_some()
            || (!receiver.buffer.is_empty() && partial.is_none_or(|frame| frame.kind != kind::DATA));
        if !waits_for_head {
            self.head_until.store(0, Ordering::Relaxed);
        } else if self.head_until.load(Ordering::Relaxed) == 0 {
            let until = clock::deadline(self.server.limits().header_timeout);
            self.head_until.store(until, Ordering::Relaxed);
        }
        result.map(|_| ())
    }

    /// Takes the preface; `true` when it has come.
    fn preface(&self, receiver: &mut Receiver, buffer: &mut Buffer) -> Result<bool, Fault> {
        if receiver.stage != Stage::Preface {
            return Ok(true);
        }
        let data = buffer.data();
        let seen = data.len().min(PREFACE.len());
        if data[..seen] != PREFACE[..seen] {
            return Err(Fault::protocol("the connection does not begin with the preface of HTTP/2"));
        }
        if seen < PREFACE.len() {
            return Ok(false);
        }
        buffer.consume(seen);
        receiver.stage = Stage::Settings;
        Ok(true)
    }

    fn complete_frames(self: &Arc<Self>, receiver: &mut Receiver, buffer: &mut Buffer) -> Result<(), Fault> {
        while let Some(frame) = Frame::parse(buffer.data()) {
            if frame.length > MAX_PAYLOAD {
                return Err(Fault::size("a frame is larger than allowed"));
            }
            let Some(payload) = buffer.data().get(HEAD..HEAD + frame.length) else { return Ok(()) };
            if receiver.stage == Stage::Settings {
                if frame.kind != kind::SETTINGS || frame.has(flag::ACK) {
                    return Err(Fault::protocol("the first frame is not SETTINGS"));
                }
                receiver.stage = Stage::Frames;
            }
            self.frame(receiver, frame, payload)?;
            buffer.consume(HEAD + frame.length);
        }
        Ok(())
    }

    /// The client has broken the rules, or gone too far: it is told, and the connection ends.
    pub(super) fn fail(&self, fault: Fault) {
        let counters = self.server.counters();
        let counter = match fault.code {
            Code::ENHANCE_YOUR_CALM => &counters.http2_calmed,
            _ => &counters.http2_errors,
        };
        Counters::add(counter);
        tracing::debug!(
            connection = self.info.id,
            code = fault.code.0,
            why = fault.why,
            "an HTTP/2 connection is ended"
        );
        let mut state = lock(&self.state);
        if state.ending != Ending::Open {
            return;
        }
        state.kill_all();
        // Whatever was said before: this is the last word.
        state.farewell = Farewell::Unsaid;
        state.say_final(fault.code);
        state.ending = Ending::Closing(clock::coarse_ms() + CLOSING_MS);
    }

    /// Reads and drops what still comes; `false`: the client has ended too, or sends too much.
    pub(super) fn swallow(&self, left: &mut usize) -> bool {
        let mut scratch = [0; 4096];
        while self.io.can_read() {
            match self.wire.receive(&self.io, &mut scratch) {
                Ok(count @ 1..) if count < *left => *left -= count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(_) | Err(_) => return false,
            }
        }
        true
    }

    /// Says what is expected of the client.
    pub(super) fn greet(&self) {
        let limits = self.server.limits();
        let size = u32::try_from(limits.header_bytes).unwrap_or(u32::MAX);
        let mut state = lock(&self.state);
        frame::settings(
            &mut state.out,
            &[
                (frame::setting::HEADER_TABLE_SIZE, super::hpack::TABLE_SIZE as u32),
                (frame::setting::MAX_CONCURRENT_STREAMS, limits.http2.streams),
                (frame::setting::INITIAL_WINDOW_SIZE, limits.http2.stream_window),
                (frame::setting::MAX_FRAME_SIZE, MAX_PAYLOAD as u32),
                (frame::setting::MAX_HEADER_LIST_SIZE, size),
                (frame::setting::ENABLE_CONNECT_PROTOCOL, 1),
            ],
        );
        state.open_window();
    }
}
