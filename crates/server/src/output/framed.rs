//! Body bytes: collected, framed and written, or refused when the window is full.

use std::io;
use std::os::fd::OwnedFd;

use super::{CORK_MAX, Env, Framing, Output, Wire, encode};

/// Largest chunk made of bytes that are written directly.
const CHUNK: usize = 64 * 1024;

impl Output {
    /// Takes `first` whole and a part of `extra`; answers how long that part is.
    pub(super) fn push(
        &mut self,
        wire: &Wire,
        env: Env<'_>,
        first: &[u8],
        extra: &[u8],
    ) -> io::Result<usize> {
        if self.framing == Framing::Open {
            if self.held.len() + first.len() + extra.len() <= CORK_MAX {
                self.held.extend_from_slice(first);
                self.held.extend_from_slice(extra);
                return Ok(extra.len());
            }
            self.settle(env);
        }
        match self.framing {
            Framing::Discard => Ok(extra.len()),
            Framing::Length(left) => self.push_counted(wire, env, left, first, extra),
            Framing::Chunked => self.push_chunks(wire, env, first, extra),
            Framing::UntilClose | Framing::Open => self.push_plain(wire, env, first, extra),
        }
    }

    fn push_counted(
        &mut self,
        wire: &Wire,
        env: Env<'_>,
        left: u64,
        first: &[u8],
        extra: &[u8],
    ) -> io::Result<usize> {
        let limit = usize::try_from(left).unwrap_or(usize::MAX);
        if first.len().saturating_add(extra.len()) <= limit {
            let taken = self.push_plain(wire, env, first, extra)?;
            self.framing = Framing::Length(left - (first.len() + taken) as u64);
            return Ok(taken);
        }
        self.note_excess();
        let first = &first[..first.len().min(limit)];
        let kept = &extra[..extra.len().min(limit - first.len())];
        let taken = self.push_plain(wire, env, first, kept)?;
        self.framing = Framing::Length(left - (first.len() + taken) as u64);
        Ok(if taken == kept.len() { extra.len() } else { taken })
    }

    fn note_excess(&mut self) {
        self.close = true;
        if !std::mem::replace(&mut self.excess_logged, true) {
            tracing::warn!(
                "a response is longer than its Content-Length; the excess is cut and the connection closed"
            );
        }
    }

    fn push_plain(&mut self, wire: &Wire, env: Env<'_>, first: &[u8], extra: &[u8]) -> io::Result<usize> {
        if self.corked && self.queue.pending() + first.len() + extra.len() <= CORK_MAX {
            self.queue.tail().extend_from_slice(first);
            self.queue.tail().extend_from_slice(extra);
            return Ok(extra.len());
        }
        let sent = self.queue.send(wire, &[first, extra])?;
        self.queue.tail().extend_from_slice(first.get(sent..).unwrap_or_default());
        let mut taken = sent.saturating_sub(first.len());
        let room = env.limits.write_window.saturating_sub(self.queue.pending());
        let copied = &extra[taken..];
        let copied = &copied[..copied.len().min(room)];
        self.queue.tail().extend_from_slice(copied);
        taken += copied.len();
        Ok(taken)
    }

    fn push_chunks(
        &mut self,
        wire: &Wire,
        env: Env<'_>,
        mut first: &[u8],
        extra: &[u8],
    ) -> io::Result<usize> {
        let mut taken = 0;
        let mut size_line = Vec::with_capacity(20);
        loop {
            let full = self.queue.pending() >= env.limits.write_window || self.queue.has_file();
            let piece = if full { &[] } else { &extra[taken..taken + (extra.len() - taken).min(CHUNK)] };
            let size = first.len() + piece.len();
            if size == 0 {
                if !self.corked {
                    self.queue.send(wire, &[])?;
                }
                return Ok(taken);
            }
            size_line.clear();
            encode::chunk_size(&mut size_line, size as u64);
            let parts = [&size_line[..], first, piece, b"\r\n"];
            let collect = self.corked && self.queue.pending() + size + 22 <= CORK_MAX;
            let mut sent = if collect { 0 } else { self.queue.send(wire, &parts)? };
            for part in parts {
                let skip = sent.min(part.len());
                sent -= skip;
                self.queue.tail().extend_from_slice(&part[skip..]);
            }
            taken += piece.len();
            first = &[];
            if taken == extra.len() {
                return Ok(taken);
            }
        }
    }

    /// Frames bytes that are in memory already.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        let chunked = self.framing == Framing::Chunked;
        let tail = self.queue.tail();
        if chunked {
            encode::chunk_size(tail, bytes.len() as u64);
        }
        tail.extend_from_slice(bytes);
        if chunked {
            tail.extend_from_slice(b"\r\n");
        }
    }

    /// Queues a file range behind everything written so far.
    pub(super) fn push_file(&mut self, env: Env<'_>, file: OwnedFd, offset: u64, mut count: u64) {
        if self.framing == Framing::Open {
            self.settle(env);
        }
        match self.framing {
            Framing::Discard => {}
            Framing::Length(left) => {
                if count > left {
                    self.note_excess();
                    count = left;
                }
                self.framing = Framing::Length(left - count);
                self.queue.file(file, offset, count);
            }
            Framing::Chunked if count > 0 => {
                encode::chunk_size(self.queue.tail(), count);
                self.queue.file(file, offset, count);
                self.queue.tail().extend_from_slice(b"\r\n");
            }
            Framing::Chunked | Framing::UntilClose | Framing::Open => self.queue.file(file, offset, count),
        }
    }
}
