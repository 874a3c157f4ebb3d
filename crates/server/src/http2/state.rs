//! What the streams of a connection share: the registry, the windows, the compression of responses, and the frames that
//! are ready to leave.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::budget::Budget;
use super::frame::{self, Code};
use super::hpack::Encoder;
use super::keep_alive::KeepAlive;
use super::stream::{Request, Stream};
use crate::access::Ending as Outcome;
use crate::clock;
use crate::config::{Http2Limits, Limits};
use crate::exchange::Exchange;
use crate::output::Phase;

/// Streams reset by us whose last frames may still be on their way.
const REMEMBERED: usize = 256;
/// The windows that both sides begin with.
const INITIAL_WINDOW: i64 = 65_535;

/// What a handler is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    BodyReady,
    Writable,
}

/// How far the server has said that the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Farewell {
    Unsaid,
    /// Streams that are on their way are still served, until this coarse time.
    Announced(u64),
    /// No stream above this one is served.
    Final(u32),
}

/// Whether the connection is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Open,
    /// What is ready is sent until this coarse time.
    Closing(u64),
    /// Everything has been sent: waits for the client's end, so that it can read the rest.
    Lingering {
        until: u64,
        left: usize,
    },
    Over,
}

/// What was given up because the client took too long.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct GivenUp {
    /// Request bodies.
    pub(super) bodies: u64,
    pub(super) responses: u64,
}

/// A request whose handler is to be run on the I/O thread.
pub(super) struct Run {
    pub(super) exchange: Arc<Exchange>,
    pub(super) key: u64,
}

/// See the module's documentation.
pub(super) struct State {
    pub(super) streams: Vec<Stream>,
    free: Vec<usize>,
    ids: HashMap<u32, usize>,
    /// Streams that count as open.
    open: usize,
    /// Streams that the client thinks closed and whose handler still works.
    pub(super) in_use: usize,
    /// Frames in the order in which they leave.
    pub(super) out: Vec<u8>,
    pub(super) encoder: Encoder,
    /// What may be sent on all streams.
    pub(super) window: i64,
    /// The window that a stream begins with.
    pub(super) initial_window: i64,
    /// What the client may send on all streams.
    receive_window: i64,
    returned: i64,
    windows: (i64, i64),
    /// Streams with something to send, and room for it.
    pub(super) ready: VecDeque<usize>,
    /// Frames are only collected: the connection's task sends them at the end of its turn.
    pub(super) corked: bool,
    pub(super) notices: Vec<(Arc<Exchange>, Notice)>,
    /// Exchanges that are to be told that their client is gone.
    pub(super) lost: Vec<u64>,
    pub(super) runs: VecDeque<Run>,
    pub(super) farewell: Farewell,
    pub(super) ending: Ending,
    /// The client begins no stream any more.
    pub(super) client_leaves: bool,
    /// The client has acknowledged our settings, and so knows the limits.
    pub(super) settled: bool,
    /// The highest stream begun.
    pub(super) last: u32,
    /// Since when no stream is in use, as the coarse time at which that has lasted too long; 0 = not set.
    pub(super) idle_until: u64,
    /// Coarse time of the next look at the streams' deadlines.
    pub(super) check_at: u64,
    pub(super) alive: KeepAlive,
    reset_by_us: VecDeque<u32>,
    resets: Budget,
    errors: Budget,
    frames: Budget,
    budget_window: u64,
}

impl State {
    pub(super) fn new(limits: &Http2Limits) -> Self {
        let now = clock::coarse_ms();
        Self {
            streams: Vec::new(),
            free: Vec::new(),
            ids: HashMap::new(),
            open: 0,
            in_use: 0,
            out: Vec::new(),
            encoder: Encoder::default(),
            window: INITIAL_WINDOW,
            initial_window: INITIAL_WINDOW,
            receive_window: INITIAL_WINDOW,
            returned: 0,
            windows: (i64::from(limits.stream_window), i64::from(limits.connection_window)),
            ready: VecDeque::new(),
            corked: false,
            notices: Vec::new(),
            lost: Vec::new(),
            runs: VecDeque::new(),
            farewell: Farewell::Unsaid,
            ending: Ending::Open,
            client_leaves: false,
            settled: false,
            last: 0,
            idle_until: 0,
            check_at: u64::MAX,
            alive: KeepAlive::new(limits),
            reset_by_us: VecDeque::new(),
            resets: Budget::new(limits.resets, now),
            errors: Budget::new(limits.errors, now),
            frames: Budget::new(limits.frames, now),
            budget_window: u64::try_from(limits.budget_window.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Raises the connection's window from the protocol's initial one to ours.
    pub(super) fn open_window(&mut self) {
        let more = self.windows.1 - self.receive_window;
        if more > 0 {
            self.receive_window += more;
            frame::window_update(&mut self.out, 0, more as u32);
        }
    }

    /// Open streams.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// The place of a stream, if it is in use.
    pub(super) fn by_id(&self, id: u32) -> Option<usize> {
        self.ids.get(&id).copied()
    }

    /// The place of an exchange's stream.
    pub(super) fn find(&self, seq: u64) -> Option<usize> {
        let index = (seq & 0xffff_ffff) as usize;
        self.streams
            .get(index)
            .filter(|stream| stream.id != 0 && u64::from(stream.id) == seq >> 32)
            .map(|_| index)
    }

    /// The same while its response can be given.
    pub(super) fn find_open(&self, seq: u64) -> Option<usize> {
        self.find(seq).filter(|&index| self.streams[index].is_open())
    }

    /// The number that names a stream's exchange.
    pub(super) fn seq(&self, index: usize) -> u64 {
        u64::from(self.streams[index].id) << 32 | index as u64
    }

    /// Begins a stream.
    pub(super) fn begin(&mut self, id: u32, request: Request) -> usize {
        let index = self.free.pop().unwrap_or_else(|| {
            self.streams.push(Stream::new());
            self.streams.len() - 1
        });
        self.streams[index].begin(id, request, self.initial_window, self.windows.0);
        self.ids.insert(id, index);
        self.open += 1;
        self.in_use += 1;
        self.idle_until = 0;
        self.frames.earn(4);
        index
    }

    /// Draws the consequences when a direction of a stream has ended or its exchange has been dropped.
    pub(super) fn settle(&mut self, index: usize) {
        let stream = &mut self.streams[index];
        if stream.ended && !stream.alive && !stream.input.ended {
            // Nobody reads what the client still sends. The response is whole: that is no error.
            let id = stream.id;
            let unread = stream.input.kill();
            frame::reset(&mut self.out, id, Code::NO_ERROR);
            self.remember_reset(id);
            self.give_back_to_connection(unread);
        }
        let stream = &mut self.streams[index];
        if stream.ended {
            // A killed one has been accounted for.
            stream.account_for(Outcome::Complete);
        }
        if stream.ended && stream.input.ended && !stream.closed {
            stream.closed = true;
            self.open -= 1;
        }
        if stream.closed && !stream.alive {
            self.ids.remove(&stream.id);
            stream.id = 0;
            stream.application = None;
            // It may still be in the queue of those that can send: it has nothing to send.
            self.free.push(index);
            self.in_use -= 1;
        }
    }

    /// Ends both directions of a stream without a word to the client. The handler is told, unless it is its own doing.
    pub(super) fn kill(&mut self, index: usize, outcome: Outcome) {
        let tell = outcome != Outcome::Aborted;
        let seq = self.seq(index);
        let stream = &mut self.streams[index];
        stream.account_for(outcome);
        let unread = stream.input.kill();
        stream.phase = Phase::Dead;
        stream.pending = Default::default();
        stream.trailers = Vec::new();
        stream.stall = None;
        stream.ended = true;
        let reads = stream.input.take_want();
        let writes = std::mem::take(&mut stream.want_writable);
        if stream.alive && tell {
            self.lost.push(seq);
        }
        if reads {
            self.notify(index, Notice::BodyReady);
        }
        if writes {
            self.notify(index, Notice::Writable);
        }
        self.give_back_to_connection(unread);
        self.settle(index);
    }

    /// Resets a stream, unless the client has nothing to expect of it any more.
    pub(super) fn reset(&mut self, index: usize, code: Code, outcome: Outcome) {
        let stream = &self.streams[index];
        if !stream.closed {
            let id = stream.id;
            frame::reset(&mut self.out, id, code);
            self.remember_reset(id);
        }
        self.kill(index, outcome);
    }

    /// Resets a stream that has no place.
    pub(super) fn reset_unknown(&mut self, id: u32, code: Code) {
        frame::reset(&mut self.out, id, code);
        self.remember_reset(id);
    }

    fn remember_reset(&mut self, id: u32) {
        if self.reset_by_us.len() == REMEMBERED {
            self.reset_by_us.pop_front();
        }
        self.reset_by_us.push_back(id);
    }

    /// Whether frames for this closed stream may have been sent before the client knew.
    pub(super) fn was_reset_by_us(&self, id: u32) -> bool {
        self.reset_by_us.contains(&id)
    }

    /// Everything is over: nothing more is sent or received.
    pub(super) fn die(&mut self) {
        self.ending = Ending::Over;
        self.kill_all();
        self.out = Vec::new();
    }

    /// Ends all streams without a word.
    pub(super) fn kill_all(&mut self) {
        for index in 0..self.streams.len() {
            if self.streams[index].id != 0 && self.streams[index].phase != Phase::Dead {
                self.kill(index, Outcome::ClientGone);
            }
        }
        self.ready.clear();
    }

    /// Has the handler told; it is told by whoever may call it.
    pub(super) fn notify(&mut self, index: usize, notice: Notice) {
        if let Some(exchange) = self.streams[index].exchange.upgrade() {
            self.notices.push((exchange, notice));
        }
    }

    /// The client may send so many bytes more on a stream, because as many have been used.
    pub(super) fn give_back(&mut self, index: usize, count: usize) {
        let input = &mut self.streams[index].input;
        input.returned += count as i64;
        if !input.ended && input.returned * 2 >= self.windows.0 {
            let more = std::mem::take(&mut input.returned);
            input.window += more;
            let id = self.streams[index].id;
            frame::window_update(&mut self.out, id, more as u32);
        }
        self.give_back_to_connection(count);
    }

    /// The same for the connection's window.
    pub(super) fn give_back_to_connection(&mut self, count: usize) {
        self.returned += count as i64;
        if self.returned * 2 >= self.windows.1 && self.ending == Ending::Open {
            let more = std::mem::take(&mut self.returned);
            self.receive_window += more;
            frame::window_update(&mut self.out, 0, more as u32);
        }
    }

    /// Counts bytes that have come against the connection's window; `false`: the client has disregarded it.
    pub(super) fn receive(&mut self, count: usize) -> bool {
        self.receive_window -= count as i64;
        self.receive_window >= 0
    }

    /// The client has reset a stream whose response was not complete.
    pub(super) fn spend_reset(&mut self, now: u64) -> bool {
        self.resets.spend(now, self.budget_window)
    }

    /// The client has made us reset a stream.
    pub(super) fn spend_error(&mut self, now: u64) -> bool {
        self.errors.spend(now, self.budget_window)
    }

    /// The client has sent a frame that asks for nothing.
    pub(super) fn spend_frame(&mut self, now: u64) -> bool {
        self.frames.spend(now, self.budget_window)
    }

    /// Something was done that the client will have to answer with such frames.
    pub(super) fn earn_frames(&mut self, count: u32) {
        self.frames.earn(count);
    }

    /// A response has been given whole.
    pub(super) fn earn_reset(&mut self) {
        self.resets.earn(1);
    }

    /// Has the streams' deadlines looked at then, if not earlier.
    pub(super) fn check_by(&mut self, at: u64) {
        if at != 0 {
            self.check_at = self.check_at.min(at);
        }
    }

    /// Tells readers and writers whose time is over. Answers how many there were of each.
    pub(super) fn check(&mut self, now: u64, limits: &Limits) -> GivenUp {
        self.check_at = u64::MAX;
        let mut given_up = GivenUp::default();
        for index in 0..self.streams.len() {
            if self.streams[index].id == 0 {
                continue;
            }
            if self.streams[index].input.expire(now) {
                given_up.bodies += 1;
                self.notify(index, Notice::BodyReady);
            }
            let give_up = self.streams[index].input.give_up;
            self.check_by(give_up);
            let sent = self.streams[index].sent;
            let Some(stall) = &mut self.streams[index].stall else { continue };
            if now >= stall.until {
                let least = limits
                    .min_response_rate
                    .bytes_per_second
                    .saturating_mul(limits.write_timeout.as_secs())
                    .max(1);
                if sent - stall.sent < least {
                    given_up.responses += 1;
                    self.reset(index, Code::CANCEL, Outcome::TooSlow);
                    continue;
                }
                stall.sent = sent;
                stall.until = now + limits.write_timeout.as_millis() as u64;
            }
            let until = stall.until;
            self.check_by(until);
        }
        given_up
    }

    /// Says that the connection ends: streams are accepted until `until`.
    pub(super) fn announce(&mut self, until: u64) {
        match &mut self.farewell {
            Farewell::Unsaid => {
                frame::go_away(&mut self.out, frame::MAX_STREAM, Code::NO_ERROR);
                self.farewell = Farewell::Announced(until);
            }
            Farewell::Announced(earlier) => *earlier = until.min(*earlier),
            Farewell::Final(_) => {}
        }
    }

    /// From now on no further stream is accepted.
    pub(super) fn say_final(&mut self, code: Code) {
        if !matches!(self.farewell, Farewell::Final(_)) || code != Code::NO_ERROR {
            frame::go_away(&mut self.out, self.last, code);
            self.farewell = Farewell::Final(self.last);
        }
    }

    /// Whether either side has said that the connection ends.
    pub(super) fn is_leaving(&self) -> bool {
        self.client_leaves || self.farewell != Farewell::Unsaid || self.ending != Ending::Open
    }

    /// Gives memory back; only while no stream is in use.
    pub(super) fn shrink(&mut self) {
        if self.in_use == 0 {
            self.streams = Vec::new();
            self.free = Vec::new();
            self.ready = VecDeque::new();
            self.ids = HashMap::new();
            if self.out.is_empty() {
                self.out = Vec::new();
            }
        }
    }
}
