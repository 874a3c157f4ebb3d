//! Bytes and files that have not left yet, in order.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;

use super::wire::{Sent, Wire};

/// Memory kept for the next response.
const KEPT: usize = 16 * 1024;

#[derive(Debug)]
enum Segment {
    Bytes(Vec<u8>),
    File { file: OwnedFd, offset: u64, left: u64 },
}

/// See the module's documentation. `tail` comes after all segments.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    segments: VecDeque<Segment>,
    /// Bytes of the front segment, or of `tail` when there is none, that have left.
    sent: usize,
    tail: Vec<u8>,
    /// Bytes in `segments`, without what has left.
    segment_bytes: usize,
    /// The kernel took less than offered; nothing is tried until the socket is writable.
    blocked: bool,
    /// The wire holds bytes that have left from here.
    held: bool,
    /// Counts bytes that have left, to see progress.
    progress: u64,
    /// Counts bytes of responses that the wire has taken.
    taken: u64,
}

impl Queue {
    /// Where bytes are appended.
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.tail
    }

    /// Bytes in memory that have not left; files are not counted.
    pub(crate) fn pending(&self) -> usize {
        let tail_sent = if self.segments.is_empty() { self.sent } else { 0 };
        self.segment_bytes + self.tail.len() - tail_sent
    }

    /// Whether everything has been handed to the kernel.
    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.tail.is_empty() && !self.held
    }

    /// Whether more than bytes in memory is in the way: a file, or what the wire holds.
    pub(crate) fn is_obstructed(&self) -> bool {
        self.held || self.has_file()
    }

    pub(crate) fn has_file(&self) -> bool {
        !self.segments.is_empty()
    }

    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// The socket has become writable.
    pub(crate) fn unblock(&mut self) {
        self.blocked = false;
    }

    /// Total bytes that have left.
    pub(crate) fn progress(&self) -> u64 {
        self.progress
    }

    /// Bytes that the wire has taken.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// What [`Self::taken`] will be when everything has left.
    pub(crate) fn position(&self) -> u64 {
        let files = self.segments.iter().map(|segment| match segment {
            Segment::Bytes(_) => 0,
            Segment::File { left, .. } => *left,
        });
        self.taken + self.pending() as u64 + files.sum::<u64>()
    }

    /// Appends a file range.
    pub(crate) fn file(&mut self, file: OwnedFd, offset: u64, count: u64) {
        if self.segments.is_empty() && self.sent > 0 {
            self.tail.drain(..self.sent);
            self.sent = 0;
        }
        if !self.tail.is_empty() {
            self.segment_bytes += self.tail.len();
            self.segments.push_back(Segment::Bytes(std::mem::take(&mut self.tail)));
        }
        if count > 0 {
            self.segments.push_back(Segment::File { file, offset, left: count });
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Self { progress: self.progress, taken: self.taken, ..Self::default() };
    }

    /// Gives memory back when nothing is held.
    pub(crate) fn free(&mut self) {
        if self.is_empty() {
            self.tail = Vec::new();
            self.segments = VecDeque::new();
        }
    }

    /// Sends what the kernel takes; `true` when nothing is left.
    pub(crate) fn flush(&mut self, wire: &Wire) -> io::Result<bool> {
        if self.held && !self.release(wire)? {
            return Ok(false);
        }
        while let Some(front) = self.segments.front_mut() {
            if self.blocked {
                return Ok(false);
            }
            let (result, size) = match front {
                Segment::Bytes(bytes) => {
                    (wire.send(&[IoSlice::new(&bytes[self.sent..])]), bytes.len() - self.sent)
                }
                Segment::File { file, offset, left } => {
                    (wire.send_file(file, *offset, *left), usize::try_from(*left).unwrap_or(usize::MAX))
                }
            };
            let count = match result {
                Ok(Sent { taken: 0, .. }) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(Sent { taken, held }) => {
                    self.held = held;
                    self.blocked = held;
                    taken
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return Ok(false);
                }
                Err(error) => return Err(error),
            };
            self.progress += count as u64;
            self.taken += count as u64;
            match front {
                Segment::Bytes(_) => {
                    self.sent += count;
                    self.segment_bytes -= count;
                }
                Segment::File { offset, left, .. } => {
                    *offset += count as u64;
                    *left -= count as u64;
                }
            }
            if count == size {
                self.sent = 0;
                self.segments.pop_front();
            }
        }
        if !self.tail.is_empty() {
            self.send(wire, &[])?;
        }
        Ok(self.is_empty())
    }

    /// Has the wire send what it holds; `true` when nothing is left there.
    fn release(&mut self, wire: &Wire) -> io::Result<bool> {
        if self.blocked {
            return Ok(false);
        }
        let flushed = wire.flush()?;
        self.progress += flushed.sent as u64;
        self.held = flushed.held;
        self.blocked = flushed.held;
        Ok(!flushed.held)
    }

    /// Says that nothing more will be sent, once nothing is left here; `true` when that has been said. Otherwise it
    /// has to be tried again when the queue is empty.
    pub(crate) fn finish(&mut self, wire: &Wire) -> bool {
        if !self.is_empty() {
            return false;
        }
        let told = wire.finish_writing();
        self.held = !told;
        self.blocked = !told;
        told
    }

    /// Sends the tail and then `parts` in one call, if nothing is before them. Answers how many bytes of
    /// `parts` have left; the rest is the caller's.
    pub(crate) fn send(&mut self, wire: &Wire, parts: &[&[u8]]) -> io::Result<usize> {
        if self.blocked || !self.segments.is_empty() {
            return Ok(0);
        }
        let tail_left = self.tail.len() - self.sent;
        let mut slices = [IoSlice::new(&[]); 6];
        let mut used = 0;
        let mut total = 0;
        for part in std::iter::once(&&self.tail[self.sent..]).chain(parts) {
            if !part.is_empty() && used < slices.len() {
                slices[used] = IoSlice::new(part);
                used += 1;
                total += part.len();
            }
        }
        if used == 0 {
            return Ok(0);
        }
        let count = match wire.send(&slices[..used]) {
            Ok(Sent { taken, held }) => {
                self.held = held;
                self.blocked = taken < total || held;
                taken
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.blocked = true;
                return Ok(0);
            }
            Err(error) => return Err(error),
        };
        self.progress += count as u64;
        self.taken += count as u64;
        if count < tail_left {
            self.sent += count;
            return Ok(0);
        }
        self.sent = 0;
        if self.tail.capacity() > KEPT {
            self.tail = Vec::new();
        } else {
            self.tail.clear();
        }
        Ok(count - tail_left)
    }
}
