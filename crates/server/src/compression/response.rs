//! One response on its way through an encoder, or past it.
//!
//! Each write of the application leaves the encoder at once: nobody waits for what an encoder holds. What the connection
//! does not take makes the application wait, as it does without compression.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use mews_model::compression::{Coding, Compression};
use rustix::io::Errno;

use super::counted::Counted;
use super::decision::{Decision, decide, fields};
use super::encoder::Encoder;
use crate::error::Gone;
use crate::exchange::{Exchange, ResponseHead, Written};
use crate::headers::{HeaderBlockRef, known};
use crate::sync::lock;

/// Bytes that are encoded before the connection is asked whether it takes them.
const PIECE: usize = 16 * 1024;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Response {
    rules: Arc<Compression>,
    /// What the client accepts of it.
    coding: Option<Coding>,
    is_head: bool,
    weakened: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// The head has not been given.
    Waiting,
    /// Everything goes past the encoder.
    AsIs,
    Encoding(Box<Encoding>),
}

#[derive(Debug)]
struct Encoding {
    encoder: Encoder,
    counted: Counted,
    /// What is left of the length that the application announced; the client does not learn of it.
    left: Option<u64>,
    /// Bytes went in that may not have come out.
    unflushed: bool,
    /// What of a file has not gone in.
    file: Option<FilePart>,
}

#[derive(Debug)]
struct FilePart {
    file: OwnedFd,
    offset: u64,
    left: u64,
}

impl Response {
    pub(super) fn new(
        rules: Arc<Compression>,
        coding: Option<Coding>,
        is_head: bool,
        weakened: bool,
    ) -> Self {
        Self { rules, coding, is_head, weakened, state: Mutex::new(State::Waiting) }
    }

    /// Has the response stay as it is, if its head has not been given.
    pub(crate) fn leave(&self) {
        let mut state = lock(&self.state);
        if matches!(*state, State::Waiting) {
            *state = State::AsIs;
        }
    }

    /// See [`Exchange::write`].
    pub(crate) fn write(
        &self,
        exchange: &Exchange,
        head: Option<&ResponseHead<'_>>,
        first: &[u8],
        extra: &[u8],
    ) -> Result<Written, Gone> {
        let mut state = lock(&self.state);
        self.begin(&mut state, exchange, head, None, |state, head| match state {
            State::Encoding(encoding) => encoding.write(exchange, head, first, extra),
            State::Waiting | State::AsIs => exchange.pass_on(head, first, extra),
        })
    }

    /// See [`Exchange::send_file`].
    pub(crate) fn send_file(
        &self,
        exchange: &Exchange,
        head: Option<&ResponseHead<'_>>,
        file: OwnedFd,
        offset: u64,
        count: u64,
    ) -> Result<bool, Gone> {
        let mut state = lock(&self.state);
        self.begin(&mut state, exchange, head, None, |state, head| match state {
            State::Encoding(encoding) => {
                let left = encoding.within(count);
                encoding.file = Some(FilePart { file, offset, left });
                encoding.pump(exchange, head)
            }
            State::Waiting | State::AsIs => exchange.pass_file_on(head, file, offset, count),
        })
    }

    /// See [`Exchange::finish`].
    pub(crate) fn finish(
        &self,
        exchange: &Exchange,
        head: Option<&ResponseHead<'_>>,
        last: &[u8],
        trailers: HeaderBlockRef<'_>,
    ) -> Result<(), Gone> {
        let mut state = lock(&self.state);
        self.begin(
            &mut state,
            exchange,
            head,
            Some(last.len() as u64),
            |state, head| match std::mem::replace(state, State::AsIs) {
                State::Encoding(encoding) => encoding.finish(exchange, head, last, trailers),
                State::Waiting | State::AsIs => exchange.pass_end_on(head, last, trailers),
            },
        )
    }

    /// The connection takes bytes again. Whether the application is to learn of it; otherwise a file goes on.
    pub(super) fn writable(&self, exchange: &Exchange) -> bool {
        match &mut *lock(&self.state) {
            State::Encoding(encoding) if encoding.file.is_some() => {
                encoding.pump(exchange, None).unwrap_or(true)
            }
            _ => true,
        }
    }

    /// Decides, the first time, and calls `send` with the head that goes out. `whole`: the body's length, if it ends with
    /// this call.
    fn begin<R>(
        &self,
        state: &mut State,
        exchange: &Exchange,
        head: Option<&ResponseHead<'_>>,
        whole: Option<u64>,
        send: impl FnOnce(&mut State, Option<&ResponseHead<'_>>) -> Result<R, Gone>,
    ) -> Result<R, Gone> {
        if !matches!(state, State::Waiting) {
            return send(state, head);
        }
        *state = State::AsIs;
        let head = head.unwrap_or(&ResponseHead::OK);
        // What answers HEAD has no body, whatever its length.
        let length = head.content_length.or(whole.filter(|_| !self.is_head));
        let decision = decide(&self.rules, self.coding, head, length, self.weakened);
        let vary = exchange.application().extra().value(known::VARY);
        let Some(fields) = fields(decision, head, vary) else { return send(state, Some(head)) };
        let mut changed = ResponseHead { headers: fields.as_ref(), ..*head };
        if let Decision::Compress(coding) = decision {
            changed.content_length = None;
            if !self.is_head {
                let encoder = Encoder::new(coding, length).map_err(|error| failed(exchange, &error))?;
                let left = head.content_length;
                let counted = Counted::new(coding, exchange.application().accounting());
                *state = State::Encoding(Box::new(Encoding {
                    encoder,
                    counted,
                    left,
                    unflushed: false,
                    file: None,
                }));
            }
        }
        send(state, Some(&changed))
    }
}

impl Encoding {
    /// How many of `count` bytes belong to the body.
    fn within(&mut self, count: u64) -> u64 {
        let Some(left) = &mut self.left else { return count };
        let taken = count.min(*left);
        *left -= taken;
        if taken < count {
            tracing::warn!("a response is longer than its Content-Length; the excess is cut");
        }
        taken
    }

    fn push(&mut self, exchange: &Exchange, bytes: &[u8]) -> Result<(), Gone> {
        if self.file.is_some() {
            return Err(failed(exchange, &io::Error::other("it went on before its file had left")));
        }
        let count = self.within(bytes.len() as u64);
        let bytes = bytes.get(..usize::try_from(count).unwrap_or(usize::MAX)).unwrap_or(bytes);
        self.encode(exchange, bytes)
    }

    fn encode(&mut self, exchange: &Exchange, bytes: &[u8]) -> Result<(), Gone> {
        self.unflushed |= !bytes.is_empty();
        self.counted.before += bytes.len() as u64;
        self.encoder.push(bytes).map_err(|error| failed(exchange, &error))
    }

    /// What has come out.
    fn take(&mut self) -> Vec<u8> {
        let bytes = self.encoder.take();
        self.counted.after += bytes.len() as u64;
        bytes
    }

    fn flush(&mut self, exchange: &Exchange) -> Result<(), Gone> {
        if std::mem::take(&mut self.unflushed) {
            self.encoder.flush().map_err(|error| failed(exchange, &error))?;
        }
        Ok(())
    }

    fn write(
        &mut self,
        exchange: &Exchange,
        mut head: Option<&ResponseHead<'_>>,
        first: &[u8],
        extra: &[u8],
    ) -> Result<Written, Gone> {
        self.push(exchange, first)?;
        let mut taken = 0;
        loop {
            let end = extra.len().min(taken + PIECE);
            self.push(exchange, &extra[taken..end])?;
            taken = end;
            let is_last = taken == extra.len();
            if is_last {
                self.flush(exchange)?;
            }
            let room = exchange.pass_on(head.take(), &self.take(), b"")?.room;
            if is_last || !room {
                return Ok(Written { extra_taken: taken, room });
            }
        }
    }

    /// Sends the file as far as the connection takes it; `true` when it has left.
    fn pump(&mut self, exchange: &Exchange, mut head: Option<&ResponseHead<'_>>) -> Result<bool, Gone> {
        let mut piece = vec![0; PIECE];
        while let Some(part) = &mut self.file {
            let most = usize::try_from(part.left).unwrap_or(usize::MAX).min(PIECE);
            let count = part.read(&mut piece[..most]).map_err(|error| failed(exchange, &error))?;
            let is_last = part.left == 0;
            self.encode(exchange, &piece[..count])?;
            if is_last {
                self.file = None;
                self.flush(exchange)?;
            }
            if !exchange.pass_on(head.take(), &self.take(), b"")?.room {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn finish(
        mut self,
        exchange: &Exchange,
        head: Option<&ResponseHead<'_>>,
        last: &[u8],
        trailers: HeaderBlockRef<'_>,
    ) -> Result<(), Gone> {
        self.push(exchange, last)?;
        if let Some(missing @ 1..) = self.left {
            tracing::warn!(missing, "a response ended before its Content-Length; it is broken off");
            exchange.abort();
            return Err(Gone);
        }
        let rest = self.encoder.finish().map_err(|error| failed(exchange, &error))?;
        self.counted.after += rest.len() as u64;
        exchange.pass_end_on(head, &rest, trailers)
    }
}

impl FilePart {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = loop {
            match rustix::io::pread(&self.file, &mut *into, self.offset) {
                Err(Errno::INTR) => {}
                done => break done?,
            }
        };
        if count == 0 && !into.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "a file became shorter while it was sent",
            ));
        }
        self.offset += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

/// The client must not take what it got for the whole.
fn failed(exchange: &Exchange, error: &io::Error) -> Gone {
    tracing::error!(request_id = exchange.request_id(), %error, "a response cannot be compressed further; it is broken off");
    exchange.abort();
    Gone
}
