//! The receiving side of an exchange: its request body, or the raw bytes after an upgrade. Read from the
//! socket on demand, on the reader's thread; nothing is read ahead beyond one buffer.

use std::io;

use super::buffer::Buffer;
use super::chunked::{Decoder, Status};
use crate::clock;
use crate::config::Limits;
use crate::error::BodyError;
use crate::exchange::BodyRead;
use crate::headers::HeaderBlock;
use crate::output::Wire;
use crate::reactor::Io;

/// Bytes read from the socket at once into the buffer.
const PIECE: usize = 16 * 1024;
/// From this size on, the reader's own memory is read into directly.
const DIRECT: usize = 2 * 1024;

/// How the bytes after the head are delimited.
#[derive(Debug, Default)]
pub(super) enum Framed {
    /// Nothing is left.
    #[default]
    End,
    /// So many bytes are left.
    Length(u64),
    /// Chunked.
    Chunked(Box<Decoder>),
    /// Upgraded: until the client closes its direction.
    Raw,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Input {
    seq: u64,
    buffer: Buffer,
    framed: Framed,
    error: Option<BodyError>,
    /// The error has been counted.
    counted: bool,
    want: bool,
    /// Coarse time since which the reader has waited for the client; 0 = it does not.
    waiting_since: u64,
    /// How long it has waited before, in milliseconds.
    waited: u64,
    /// Bytes that have come while the body was read.
    arrived: u64,
    give_up: u64,
    received: u64,
    /// Most bytes of a body whose length was not announced.
    most: Option<u64>,
    trailers: HeaderBlock,
}

enum Fill {
    Some(usize),
    Nothing,
    Closed,
    Failed,
}

impl Input {
    /// A new exchange whose body, or whose successor, begins in `buffer`.
    pub(super) fn begin(&mut self, seq: u64, buffer: Buffer, framed: Framed, most: Option<u64>) {
        *self = Self { seq, buffer, framed, most, ..Self::default() };
    }

    /// Everything received from now on is raw. Keeps what is buffered if it belongs to `seq`.
    pub(super) fn begin_raw(&mut self, seq: u64) {
        if self.seq == seq {
            self.framed = Framed::Raw;
        } else {
            self.begin(seq, Buffer::default(), Framed::Raw, None);
        }
    }

    pub(super) fn seq(&self) -> u64 {
        self.seq
    }

    pub(super) fn trailers(&self) -> &HeaderBlock {
        &self.trailers
    }

    /// The body has been read to its end.
    pub(super) fn is_complete(&self) -> bool {
        self.error.is_none() && matches!(self.framed, Framed::End | Framed::Length(0))
    }

    pub(super) fn has_failed(&self) -> bool {
        self.error.is_some()
    }

    /// What has gone wrong; once.
    pub(super) fn take_error(&mut self) -> Option<BodyError> {
        self.error.filter(|_| !std::mem::replace(&mut self.counted, true))
    }

    /// Bytes of the next request are buffered.
    pub(super) fn has_next(&self) -> bool {
        self.is_complete() && !self.buffer.is_empty()
    }

    /// The bytes after the body.
    pub(super) fn take_buffer(&mut self) -> Buffer {
        std::mem::take(&mut self.buffer)
    }

    /// Nothing received is left to be read, as far as can be told without reading.
    pub(super) fn is_dry(&self, wire: &Wire) -> bool {
        self.is_complete() || (self.buffer.is_empty() && wire.waiting() == 0)
    }

    /// A waiting reader must be told: bytes have come, or its time is over. Once for each wait.
    pub(super) fn take_ready(&mut self, io: &Io, now: u64) -> bool {
        if !self.want {
            return false;
        }
        if self.give_up != 0 && now >= self.give_up {
            self.error = Some(BodyError::TimedOut);
        } else if !io.can_read() {
            return false;
        }
        self.want = false;
        self.give_up = 0;
        self.end_wait(now);
        true
    }

    /// A reader waits; it is told in any case because nothing more will come.
    pub(super) fn take_want(&mut self) -> bool {
        self.give_up = 0;
        std::mem::take(&mut self.want)
    }

    /// When [`Self::take_ready`] must be asked again; 0 = never.
    pub(super) fn deadline(&self) -> u64 {
        self.give_up
    }

    /// See `Exchange::read_body`.
    pub(super) fn read(
        &mut self,
        wire: &Wire,
        io: &Io,
        limits: &Limits,
        dst: &mut [u8],
    ) -> Result<BodyRead, BodyError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let result = self.try_read(wire, io, limits, dst);
        if let Err(error) = result {
            self.error = Some(error);
        }
        result
    }

    fn try_read(
        &mut self,
        wire: &Wire,
        io: &Io,
        limits: &Limits,
        dst: &mut [u8],
    ) -> Result<BodyRead, BodyError> {
        loop {
            let left = match &mut self.framed {
                Framed::End | Framed::Length(0) => return Ok(BodyRead::End),
                Framed::Length(left) => usize::try_from(*left).unwrap_or(usize::MAX),
                Framed::Raw => usize::MAX,
                Framed::Chunked(decoder) => {
                    let step = decoder.step(self.buffer.data(), dst).map_err(|_| BodyError::Malformed)?;
                    self.buffer.consume(step.used);
                    self.received += step.made as u64;
                    if self.most.is_some_and(|most| self.received > most) {
                        return Err(BodyError::TooLarge);
                    }
                    if step.status == Status::End {
                        self.trailers = decoder.take_trailers();
                        self.framed = Framed::End;
                    }
                    match step.status {
                        _ if step.made > 0 => return Ok(BodyRead::Data(step.made)),
                        Status::Output => return Ok(BodyRead::Data(0)),
                        Status::End => return Ok(BodyRead::End),
                        Status::Input => match self.fill(wire, io, limits) {
                            Fill::Some(_) => continue,
                            Fill::Nothing => return Ok(self.wait(limits)),
                            Fill::Closed | Fill::Failed => return Err(BodyError::Gone),
                        },
                    }
                }
            };
            if !self.buffer.is_empty() {
                let count = left.min(dst.len()).min(self.buffer.len());
                dst[..count].copy_from_slice(&self.buffer.data()[..count]);
                self.buffer.consume(count);
                self.took(count);
                return Ok(BodyRead::Data(count));
            }
            let direct = dst.len() >= DIRECT;
            let filled = if direct {
                let most = dst.len().min(left);
                receive(wire, io, &mut dst[..most])
            } else {
                self.fill(wire, io, limits)
            };
            match filled {
                Fill::Some(count) if direct => {
                    self.arrived(count);
                    self.took(count);
                    return Ok(BodyRead::Data(count));
                }
                Fill::Some(_) => {}
                Fill::Nothing => return Ok(self.wait(limits)),
                Fill::Closed if matches!(self.framed, Framed::Raw) => {
                    self.framed = Framed::End;
                    return Ok(BodyRead::End);
                }
                Fill::Closed | Fill::Failed => return Err(BodyError::Gone),
            }
        }
    }

    fn took(&mut self, count: usize) {
        if let Framed::Length(left) = &mut self.framed {
            *left = left.saturating_sub(count as u64);
        }
    }

    fn wait(&mut self, limits: &Limits) -> BodyRead {
        self.want = true;
        let now = clock::coarse_ms();
        if self.waiting_since == 0 {
            self.waiting_since = now;
        }
        self.give_up = match self.framed {
            Framed::Raw => 0,
            _ => {
                let stall = u64::try_from(limits.body_timeout.as_millis()).unwrap_or(u64::MAX);
                let left = limits.min_request_rate.allowance_ms(self.arrived).saturating_sub(self.waited);
                self.waiting_since.saturating_add(stall.min(left))
            }
        };
        BodyRead::WouldBlock
    }

    fn end_wait(&mut self, now: u64) {
        if self.waiting_since != 0 {
            self.waited += now.saturating_sub(self.waiting_since);
            self.waiting_since = 0;
        }
    }

    fn arrived(&mut self, count: usize) {
        self.arrived += count as u64;
        if self.waiting_since != 0 {
            self.end_wait(clock::coarse_ms());
        }
    }

    fn fill(&mut self, wire: &Wire, io: &Io, limits: &Limits) -> Fill {
        if !io.can_read() {
            return Fill::Nothing;
        }
        let room = self.buffer.room(PIECE.min(limits.body_window.max(1)));
        let room_len = room.len().min(limits.body_window.max(1));
        let filled = receive(wire, io, &mut room[..room_len]);
        if let Fill::Some(count) = filled {
            self.buffer.filled(count);
            self.arrived(count);
        }
        filled
    }
}

/// Reads once.
fn receive(wire: &Wire, io: &Io, into: &mut [u8]) -> Fill {
    if !io.can_read() {
        return Fill::Nothing;
    }
    match wire.receive(io, into) {
        Ok(0) => Fill::Closed,
        Ok(count) => Fill::Some(count),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Fill::Nothing,
        Err(_) => Fill::Failed,
    }
}
