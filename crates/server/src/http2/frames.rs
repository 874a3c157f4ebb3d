//! What each frame of the client does.

use std::sync::Arc;

use super::conn::Connection;
use super::frame::{self, Code, Frame, MAX_WINDOW, flag, kind, setting};
use super::head;
use super::receiver::{Fault, Receiver, Unfinished};
use super::state::{Notice, State};
use crate::access::Ending as Outcome;
use crate::clock;
use crate::headers::HeaderBlock;
use crate::output::Phase;
use crate::stats::Counters;
use crate::sync::lock;

impl Connection {
    pub(super) fn frame(
        self: &Arc<Self>,
        receiver: &mut Receiver,
        frame: Frame,
        payload: &[u8],
    ) -> Result<(), Fault> {
        if let Some(unfinished) = receiver.unfinished {
            if frame.kind != kind::CONTINUATION || frame.stream != unfinished.stream {
                return Err(Fault::protocol("another frame within a header block"));
            }
            return self.continuation(receiver, frame, payload, unfinished);
        }
        match frame.kind {
            kind::DATA => self.data(frame, payload),
            kind::HEADERS => self.headers(receiver, frame, payload),
            kind::PRIORITY => self.priority(frame, payload),
            kind::RST_STREAM => self.rst_stream(frame, payload),
            kind::SETTINGS => self.settings(frame, payload),
            kind::PUSH_PROMISE => Err(Fault::protocol("a client must not push")),
            kind::PING => self.ping(frame, payload),
            kind::GOAWAY => self.go_away(frame, payload),
            kind::WINDOW_UPDATE => self.window_update(frame, payload),
            kind::CONTINUATION => Err(Fault::protocol("CONTINUATION without a header block")),
            _ => self.spend(&mut lock(&self.state)),
        }
    }

    /// Counts a frame that asks for nothing.
    fn spend(&self, state: &mut State) -> Result<(), Fault> {
        if state.spend_frame(clock::coarse_ms()) {
            Ok(())
        } else {
            Counters::add(&self.server.counters().http2_frame_floods);
            Err(Fault::calm("too many frames that ask for nothing"))
        }
    }

    /// The client's fault on one stream: it is reset.
    pub(super) fn stream_error(
        &self,
        state: &mut State,
        id: u32,
        code: Code,
        why: &'static str,
    ) -> Result<(), Fault> {
        tracing::debug!(connection = self.info.id, stream = id, code = code.0, why, "a stream is reset");
        match state.by_id(id) {
            Some(index) => state.reset(index, code, Outcome::ClientGone),
            None => state.reset_unknown(id, code),
        }
        if state.spend_error(clock::coarse_ms()) {
            Ok(())
        } else {
            Counters::add(&self.server.counters().http2_reset_floods);
            Err(Fault::calm("too many streams had to be reset"))
        }
    }

    fn data(&self, frame: Frame, payload: &[u8]) -> Result<(), Fault> {
        let Some(bytes) = frame::unpadded(frame, payload) else {
            return Err(Fault::protocol("DATA with more padding than payload"));
        };
        let mut state = lock(&self.state);
        if frame.stream == 0 || frame.stream > state.last {
            return Err(Fault::protocol("DATA for a stream that was never begun"));
        }
        if !state.receive(frame.length) {
            return Err(Fault {
                code: Code::FLOW_CONTROL_ERROR,
                why: "more DATA than the connection's window",
            });
        }
        let end = frame.has(flag::END_STREAM);
        if !bytes.is_empty() {
            state.earn_frames(1);
        } else if !end {
            self.spend(&mut state)?;
        }
        let found = state.by_id(frame.stream).filter(|&index| !state.streams[index].closed);
        let Some(index) = found else {
            state.give_back_to_connection(frame.length);
            if state.was_reset_by_us(frame.stream) {
                return Ok(());
            }
            return Err(Fault { code: Code::STREAM_CLOSED, why: "DATA for a closed stream" });
        };
        let input = &mut state.streams[index].input;
        if input.ended {
            state.give_back_to_connection(frame.length);
            return self.stream_error(&mut state, frame.stream, Code::STREAM_CLOSED, "DATA behind the end");
        }
        input.window -= frame.length as i64;
        if input.window < 0 {
            state.give_back_to_connection(frame.length);
            let why = "more DATA than the stream's window";
            return self.stream_error(&mut state, frame.stream, Code::FLOW_CONTROL_ERROR, why);
        }
        let whole = input.take(bytes);
        let complete = !end || input.end(HeaderBlock::new());
        let (Ok(dropped), true) = (whole, complete) else {
            state.give_back_to_connection(bytes.len());
            let why = "the body is not as long as announced";
            return self.stream_error(&mut state, frame.stream, Code::PROTOCOL_ERROR, why);
        };
        if dropped > 0 && state.streams[index].input.take_overrun() {
            Counters::add(&self.server.counters().body_overruns);
        }
        // Padding, and what nobody will read, is used up at once.
        state.give_back(index, frame.length - bytes.len() + dropped);
        if (end || !bytes.is_empty()) && state.streams[index].input.take_want() {
            state.notify(index, Notice::BodyReady);
        }
        state.settle(index);
        Ok(())
    }

    fn headers(self: &Arc<Self>, receiver: &mut Receiver, frame: Frame, payload: &[u8]) -> Result<(), Fault> {
        let Some(mut block) = frame::unpadded(frame, payload) else {
            return Err(Fault::protocol("HEADERS with more padding than payload"));
        };
        if frame.stream.is_multiple_of(2) {
            return Err(Fault::protocol("HEADERS for a stream that a client cannot begin"));
        }
        if frame.has(flag::PRIORITY) {
            let Some((priority, rest)) = block.split_at_checked(5) else {
                return Err(Fault::size("HEADERS without room for its priority"));
            };
            if frame::number(priority).is_some_and(|parent| parent & frame::MAX_STREAM == frame.stream) {
                return Err(Fault::protocol("a stream depends on itself"));
            }
            block = rest;
        }
        let end_stream = frame.has(flag::END_STREAM);
        if frame.has(flag::END_HEADERS) {
            return self.block(receiver, frame.stream, end_stream, block);
        }
        receiver.block.clear();
        receiver.block.extend_from_slice(block);
        receiver.unfinished = Some(Unfinished { stream: frame.stream, end_stream, pieces: 0 });
        Ok(())
    }

    fn continuation(
        self: &Arc<Self>,
        receiver: &mut Receiver,
        frame: Frame,
        payload: &[u8],
        unfinished: Unfinished,
    ) -> Result<(), Fault> {
        let limits = self.server.limits();
        let pieces = unfinished.pieces + 1;
        // Compressed fields are not larger than what they stand for, but for the length of their lengths.
        let most = limits.header_bytes.saturating_add(4096);
        if pieces > limits.http2.continuations || receiver.block.len() + payload.len() > most {
            Counters::add(&self.server.counters().http2_header_floods);
            return Err(Fault::calm("a header block is larger than the limit"));
        }
        receiver.block.extend_from_slice(payload);
        if !frame.has(flag::END_HEADERS) {
            receiver.unfinished = Some(Unfinished { pieces, ..unfinished });
            return Ok(());
        }
        receiver.unfinished = None;
        let block = std::mem::take(&mut receiver.block);
        let result = self.block(receiver, unfinished.stream, unfinished.end_stream, &block);
        receiver.block = block;
        result
    }

    /// A whole header block has come.
    fn block(
        self: &Arc<Self>,
        receiver: &mut Receiver,
        stream: u32,
        end_stream: bool,
        block: &[u8],
    ) -> Result<(), Fault> {
        let start_ns = clock::now_ns();
        receiver.fields.begin(self.server.limits());
        if let Err(malformed) = receiver.decoder.decode(block, &mut receiver.fields) {
            return Err(Fault { code: Code::COMPRESSION_ERROR, why: malformed.0 });
        }
        let mut state = lock(&self.state);
        if stream > state.last {
            drop(state);
            return self.request(receiver, stream, end_stream, start_ns);
        }
        let Some(index) = state.by_id(stream).filter(|&index| !state.streams[index].closed) else {
            if state.was_reset_by_us(stream) {
                return self.spend(&mut state);
            }
            return Err(Fault { code: Code::STREAM_CLOSED, why: "HEADERS for a closed stream" });
        };
        if state.streams[index].input.ended {
            return self.stream_error(&mut state, stream, Code::STREAM_CLOSED, "HEADERS behind the end");
        }
        if !end_stream {
            let why = "a second header block without the end of the stream";
            return self.stream_error(&mut state, stream, Code::PROTOCOL_ERROR, why);
        }
        let ended = head::trailers(&receiver.fields).and_then(|trailers| {
            let whole = state.streams[index].input.end(trailers);
            if whole { Ok(()) } else { Err("the body is not as long as announced") }
        });
        if let Err(why) = ended {
            return self.stream_error(&mut state, stream, Code::PROTOCOL_ERROR, why);
        }
        if state.streams[index].input.take_want() {
            state.notify(index, Notice::BodyReady);
        }
        state.settle(index);
        Ok(())
    }

    fn priority(&self, frame: Frame, payload: &[u8]) -> Result<(), Fault> {
        if frame.stream == 0 {
            return Err(Fault::protocol("PRIORITY for no stream"));
        }
        let mut state = lock(&self.state);
        self.spend(&mut state)?;
        let why = match frame::number(payload) {
            Some(parent) if payload.len() == 5 => {
                if parent & frame::MAX_STREAM != frame.stream {
                    return Ok(());
                }
                return self.stream_error(
                    &mut state,
                    frame.stream,
                    Code::PROTOCOL_ERROR,
                    "a stream depends on itself",
                );
            }
            _ => "PRIORITY of the wrong size",
        };
        self.stream_error(&mut state, frame.stream, Code::FRAME_SIZE_ERROR, why)
    }

    fn rst_stream(&self, frame: Frame, payload: &[u8]) -> Result<(), Fault> {
        if payload.len() != 4 {
            return Err(Fault::size("RST_STREAM of the wrong size"));
        }
        let mut state = lock(&self.state);
        if frame.stream == 0 || frame.stream > state.last {
            return Err(Fault::protocol("RST_STREAM for a stream that was never begun"));
        }
        let Some(index) = state.by_id(frame.stream).filter(|&index| !state.streams[index].closed) else {
            return self.spend(&mut state);
        };
        let complete = state.streams[index].phase == Phase::Complete;
        state.kill(index, Outcome::ClientGone);
        if !complete && !state.spend_reset(clock::coarse_ms()) {
            Counters::add(&self.server.counters().http2_reset_floods);
            return Err(Fault::calm("too many streams were reset by the client"));
        }
        Ok(())
    }

    fn settings(&self, frame: Frame, payload: &[u8]) -> Result<(), Fault> {
        if frame.stream != 0 {
            return Err(Fault::protocol("SETTINGS for a stream"));
        }
        let mut state = lock(&self.state);
        if frame.has(flag::ACK) {
            if !payload.is_empty() {
                return Err(Fault::size("an acknowledgement of SETTINGS with a payload"));
            }
            state.settled = true;
            return self.spend(&mut state);
        }
        let (settings, []) = payload.as_chunks::<6>() else {
            return Err(Fault::size("SETTINGS of the wrong size"));
        };
        self.spend(&mut state)?;
        for &[n1, n2, v1, v2, v3, v4] in settings {
            apply(&mut state, u16::from_be_bytes([n1, n2]), u32::from_be_bytes([v1, v2, v3, v4]))?;
        }
        frame::put(&mut state.out, kind::SETTINGS, flag::ACK, 0, b"");
        Ok(())
    }

    fn ping(&self, frame: Frame, payload: &[u8]) -> Result<(), Fault> {
        if frame.stream != 0 {
            return Err(Fault::protocol("PING for a stream"));
        }
        if payload.len() != 8 {
            return Err(Fault::size("PING of the wrong size"));
        }
        let mut state = lock(&self.state);
        if frame.has(flag::ACK) && state.alive.answered() {
            return Ok(());
        }
        self.spend(&mut state)?;
        if !frame.has(flag::ACK) {
            frame::put(&mut state.out, kind::PING, flag::ACK, 0, payload);
        }
        Ok(())
    }

    fn go_away(&self, frame: Frame, payload: &[u8]) -> Result<(), Fault> {
        if frame.stream != 0 {
            return Err(Fault::protocol("GOAWAY for a stream"));
        }
        if payload.len() < 8 {
            return Err(Fault::size("GOAWAY of the wrong size"));
        }
        let mut state = lock(&self.state);
        state.client_leaves = true;
        self.spend(&mut state)
    }

    fn window_update(&self, frame: Frame, payload: &[u8]) -> Result<(), Fault> {
        let (Some(increment), 4) = (frame::number(payload), payload.len()) else {
            return Err(Fault::size("WINDOW_UPDATE of the wrong size"));
        };
        let increment = i64::from(increment) & MAX_WINDOW;
        let mut state = lock(&self.state);
        self.spend(&mut state)?;
        if frame.stream == 0 {
            if increment == 0 {
                return Err(Fault::protocol("WINDOW_UPDATE by nothing"));
            }
            state.window += increment;
            if state.window > MAX_WINDOW {
                return Err(Fault { code: Code::FLOW_CONTROL_ERROR, why: "a window larger than possible" });
            }
            return Ok(());
        }
        if frame.stream > state.last {
            return Err(Fault::protocol("WINDOW_UPDATE for a stream that was never begun"));
        }
        let Some(index) = state.by_id(frame.stream).filter(|&index| !state.streams[index].closed) else {
            return Ok(());
        };
        if increment == 0 {
            return self.stream_error(
                &mut state,
                frame.stream,
                Code::PROTOCOL_ERROR,
                "WINDOW_UPDATE by nothing",
            );
        }
        let stream = &mut state.streams[index];
        stream.window += increment;
        if stream.window > MAX_WINDOW {
            let why = "a window larger than possible";
            return self.stream_error(&mut state, frame.stream, Code::FLOW_CONTROL_ERROR, why);
        }
        state.make_ready(index);
        Ok(())
    }
}

/// Takes one of the client's settings over.
fn apply(state: &mut State, number: u16, value: u32) -> Result<(), Fault> {
    match number {
        setting::HEADER_TABLE_SIZE => state.encoder.set_max(value as usize),
        setting::ENABLE_PUSH if value > 1 => return Err(Fault::protocol("ENABLE_PUSH is neither 0 nor 1")),
        setting::INITIAL_WINDOW_SIZE => {
            let window = i64::from(value);
            let too_large = Fault { code: Code::FLOW_CONTROL_ERROR, why: "a window larger than possible" };
            if window > MAX_WINDOW {
                return Err(too_large);
            }
            let change = window - state.initial_window;
            state.initial_window = window;
            for index in 0..state.streams.len() {
                state.streams[index].window += change;
                if state.streams[index].id != 0 && state.streams[index].window > MAX_WINDOW {
                    return Err(too_large);
                }
                state.make_ready(index);
            }
        }
        setting::MAX_FRAME_SIZE if !(1 << 14..1 << 24).contains(&value) => {
            return Err(Fault::protocol("MAX_FRAME_SIZE out of its range"));
        }
        // Larger frames than the smallest allowed are never sent, nothing is pushed, and what concerns head lists is advice.
        _ => {}
    }
    Ok(())
}
