//! Responses on their way into frames: within the windows that the client leaves, no stream before the others.

use std::os::fd::OwnedFd;

use super::frame::{self, Code, Frame, MAX_PAYLOAD, flag, kind};
use super::state::{Notice, State};
use super::stream::Stall;
use crate::access::Ending as Outcome;
use crate::clock;
use crate::config::Limits;
use crate::error::Gone;
use crate::exchange::ResponseHead;
use crate::headers::HeaderBlockRef;
use crate::output::{BadHead, Phase};

/// Body bytes framed before they are sent; more waits with its stream.
pub(super) const OUT_MAX: usize = 64 * 1024;
/// How long streams are still accepted once the application has asked for the connection to be closed.
const FAREWELL_MS: u64 = 1000;

const DEFAULT_HEAD: ResponseHead<'static> = ResponseHead {
    status: 200,
    reason: b"",
    headers: HeaderBlockRef::EMPTY,
    content_length: None,
    close: false,
};

impl State {
    /// Sends the head if that has not been done. `exact`: the response ends with this call, and has a body so long;
    /// `trailers` follow it.
    pub(super) fn start(
        &mut self,
        index: usize,
        head: Option<&ResponseHead<'_>>,
        exact: Option<usize>,
        trailers: bool,
    ) -> Result<(), Gone> {
        let stream = &self.streams[index];
        let is_head = stream.is_head;
        match stream.phase {
            Phase::Waiting => {}
            Phase::Body | Phase::Raw => return Ok(()),
            Phase::Idle | Phase::Complete | Phase::Dead => return Err(Gone),
        }
        let head = head.unwrap_or(&DEFAULT_HEAD);
        let exact = exact.map(|length| length as u64);
        let (length, discard) = match head.status {
            200..300 if stream.extended_connect => {
                // To the client that would mean that a WebSocket begins.
                self.answer(index, 501, "the application did not accept the WebSocket");
                return Err(Gone);
            }
            ..200 => return self.refuse(index, &BadHead::Status(head.status)),
            204 => (None, true),
            205 => (Some(0), true),
            304 => (head.content_length, true),
            _ if is_head => (head.content_length.or(exact.filter(|&length| length > 0)), true),
            _ => (head.content_length.or(exact.filter(|_| !trailers)), false),
        };
        let empty = discard || (exact == Some(0) && length.is_none_or(|length| length == 0));
        let end_stream = exact.is_some() && empty && !trailers;
        match self.put_head(index, head, length, end_stream) {
            Ok(false) => {}
            Ok(true) => self.announce(clock::coarse_ms() + FAREWELL_MS),
            Err(error) => return self.refuse(index, &error),
        }
        let stream = &mut self.streams[index];
        stream.phase = Phase::Body;
        stream.discard = discard;
        stream.left = if discard { None } else { length };
        stream.ended = end_stream;
        Ok(())
    }

    /// A head that cannot be sent is answered with 500.
    fn refuse(&mut self, index: usize, error: &BadHead) -> Result<(), Gone> {
        tracing::error!(%error, "the application's response head cannot be sent; the client gets 500");
        self.answer(index, 500, "");
        Err(Gone)
    }

    /// Answers a stream whose response has not begun.
    pub(super) fn answer(&mut self, index: usize, status: u16, text: &str) {
        let stream = &self.streams[index];
        let fits = stream.window.min(self.window) > text.len() as i64;
        // Without room the status has to do.
        let body = if stream.is_head || !fits { "" } else { text };
        let mut headers = crate::headers::HeaderBlock::new();
        if !body.is_empty() {
            headers.push(b"Content-Type", b"text/plain");
        }
        let head = ResponseHead { status, headers: headers.as_ref(), ..DEFAULT_HEAD };
        let length = Some(body.len() as u64);
        // Its few fields are ours and can be sent.
        let _ = self.put_head(index, &head, length, body.is_empty());
        if !body.is_empty() {
            self.frame_data(index, body.as_bytes(), true);
        }
        let stream = &mut self.streams[index];
        stream.ended = true;
        stream.phase = Phase::Complete;
        self.settle(index);
    }

    /// Takes `first` whole and a part of `extra`; answers how long that part is.
    pub(super) fn push(&mut self, index: usize, limits: &Limits, mut first: &[u8], extra: &[u8]) -> usize {
        let stream = &mut self.streams[index];
        if stream.discard {
            return extra.len();
        }
        let mut kept = extra;
        if let Some(left) = stream.left {
            let most = usize::try_from(left).unwrap_or(usize::MAX);
            if first.len().saturating_add(extra.len()) > most {
                self.note_excess(index);
                first = &first[..first.len().min(most)];
                kept = &extra[..extra.len().min(most - first.len())];
            }
        }
        let mut taken = 0;
        let mut sent = 0;
        if self.streams[index].pending.is_empty() {
            sent = self.frame_data(index, first, false);
            if sent == first.len() {
                taken = self.frame_data(index, kept, false);
            }
        }
        let stream = &mut self.streams[index];
        stream.pending.push(&first[sent..]);
        let room = limits.write_window.saturating_sub(stream.pending.bytes());
        let more = &kept[taken..];
        let more = &more[..more.len().min(room)];
        stream.pending.push(more);
        taken += more.len();
        if let Some(left) = &mut stream.left {
            *left = left.saturating_sub((first.len() + taken) as u64);
        }
        self.await_room(index, limits);
        if taken == kept.len() { extra.len() } else { taken }
    }

    /// Queues a file range behind everything given so far.
    pub(super) fn push_file(
        &mut self,
        index: usize,
        limits: &Limits,
        file: OwnedFd,
        offset: u64,
        mut count: u64,
    ) {
        let stream = &mut self.streams[index];
        if stream.discard {
            return;
        }
        if let Some(left) = stream.left {
            if count > left {
                self.note_excess(index);
                count = left;
            }
            self.streams[index].left = Some(left - count);
        }
        self.streams[index].pending.push_file(file, offset, count);
        self.await_room(index, limits);
    }

    fn note_excess(&mut self, index: usize) {
        if !std::mem::replace(&mut self.streams[index].excess_logged, true) {
            tracing::warn!("a response is longer than its Content-Length; the excess is cut");
        }
    }

    /// Whether the handler may go on writing.
    pub(super) fn has_room(&self, index: usize, limits: &Limits) -> bool {
        let pending = &self.streams[index].pending;
        pending.bytes() < limits.write_window.max(1) && !pending.has_file()
    }

    /// Completes the response. One that is shorter than announced resets the stream.
    pub(super) fn complete(
        &mut self,
        index: usize,
        limits: &Limits,
        last: &[u8],
        trailers: HeaderBlockRef<'_>,
    ) -> Result<(), Gone> {
        let whole = self.streams[index].left.is_none_or(|left| left == last.len() as u64);
        if whole && trailers.is_empty() && !last.is_empty() && !self.streams[index].discard {
            // The common case: the last frame carries the end.
            if self.streams[index].pending.is_empty() {
                let sent = self.frame_data(index, last, true);
                self.streams[index].pending.push(&last[sent..]);
            } else {
                self.streams[index].pending.push(last);
            }
            self.streams[index].left = Some(0);
        } else {
            self.push(index, limits, last, &[]);
        }
        let stream = &mut self.streams[index];
        if let Some(missing @ 1..) = stream.left {
            tracing::warn!(missing, "a response ended before its Content-Length; the stream is reset");
            self.reset(index, Code::INTERNAL_ERROR, Outcome::Aborted);
            return Err(Gone);
        }
        stream.phase = Phase::Complete;
        if !stream.ended && !trailers.is_empty() {
            stream.trailers = trailers.0.to_vec();
        }
        self.earn_reset();
        if self.streams[index].pending.is_empty() {
            self.end(index);
        } else {
            self.await_room(index, limits);
        }
        Ok(())
    }

    /// Says that our direction has ended; nothing is pending.
    fn end(&mut self, index: usize) {
        let stream = &mut self.streams[index];
        if !std::mem::replace(&mut stream.ended, true) {
            let id = stream.id;
            let trailers = std::mem::take(&mut stream.trailers);
            if trailers.is_empty() {
                frame::put(&mut self.out, kind::DATA, flag::END_STREAM, id, b"");
            } else {
                self.put_trailers(id, HeaderBlockRef(&trailers));
            }
        }
        self.settle(index);
    }

    /// Frames what the windows allow of `bytes`; answers how much. `end`: they are the last.
    fn frame_data(&mut self, index: usize, bytes: &[u8], end: bool) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let most = self.most(index);
            if most == 0 {
                break;
            }
            let piece = &bytes[at..bytes.len().min(at + most)];
            at += piece.len();
            let stream = &mut self.streams[index];
            let last = end && at == bytes.len();
            stream.ended |= last;
            let flags = if last { flag::END_STREAM } else { 0 };
            frame::put(&mut self.out, kind::DATA, flags, stream.id, piece);
            self.count_sent(index, piece.len());
        }
        at
    }

    /// The largest piece that may be framed now.
    fn most(&self, index: usize) -> usize {
        if self.out.len() >= OUT_MAX {
            return 0;
        }
        let window = self.streams[index].window.min(self.window);
        usize::try_from(window).unwrap_or(0).min(MAX_PAYLOAD)
    }

    fn count_sent(&mut self, index: usize, count: usize) {
        let stream = &mut self.streams[index];
        stream.window -= count as i64;
        stream.sent += count as u64;
        stream.framed += (count + frame::HEAD) as u64;
        self.window -= count as i64;
        // Each will be answered with updates of both windows.
        self.earn_frames(2);
    }

    /// Something of the stream may be waiting: it is sent when there is room, and given up when that takes too long.
    fn await_room(&mut self, index: usize, limits: &Limits) {
        let stream = &mut self.streams[index];
        if stream.pending.is_empty() {
            return;
        }
        if stream.stall.is_none() {
            let until = clock::deadline(limits.write_timeout);
            stream.stall = Some(Stall { until, sent: stream.sent });
            self.check_by(until);
        }
        self.make_ready(index);
    }

    /// Puts a stream into the queue of those that can send.
    pub(super) fn make_ready(&mut self, index: usize) {
        let stream = &mut self.streams[index];
        if !stream.pending.is_empty() && stream.window > 0 && !std::mem::replace(&mut stream.queued, true) {
            self.ready.push_back(index);
        }
    }

    /// Frames what waits, one piece of each stream after another, as far as there is room.
    pub(super) fn pump(&mut self, limits: &Limits) {
        while self.window > 0 && self.out.len() < OUT_MAX {
            let Some(index) = self.ready.pop_front() else { return };
            self.streams[index].queued = false;
            self.send_piece(index);
            let stream = &mut self.streams[index];
            if stream.pending.bytes() <= limits.write_window / 2
                && !stream.pending.has_file()
                && std::mem::take(&mut stream.want_writable)
            {
                self.notify(index, Notice::Writable);
            }
            self.make_ready(index);
        }
    }

    fn send_piece(&mut self, index: usize) {
        let most = self.most(index);
        let stream = &mut self.streams[index];
        if most == 0 || stream.pending.is_empty() {
            return;
        }
        let id = stream.id;
        let before = self.out.len();
        let mut frame = Frame { length: 0, kind: kind::DATA, flags: 0, stream: id };
        frame.put(&mut self.out);
        let start = self.out.len();
        let taken = stream.pending.take(&mut self.out, most);
        frame.length = self.out.len() - start;
        if let Err(error) = taken {
            tracing::warn!(%error, "a file could not be read to the end that was announced; the stream is reset");
            self.out.truncate(before);
            // The handler does not know.
            let seq = self.seq(index);
            self.lost.push(seq);
            self.reset(index, Code::INTERNAL_ERROR, Outcome::Aborted);
            return;
        }
        let over = stream.pending.is_empty();
        if over {
            stream.stall = None;
        }
        if over && stream.phase == Phase::Complete && stream.trailers.is_empty() {
            frame.flags = flag::END_STREAM;
            stream.ended = true;
        }
        let mut head = Vec::with_capacity(frame::HEAD);
        frame.put(&mut head);
        self.out[before..start].copy_from_slice(&head);
        self.count_sent(index, frame.length);
        if over && self.streams[index].phase == Phase::Complete {
            self.end(index);
        }
    }
}
