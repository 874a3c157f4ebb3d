//! The response's half of an exchange: what the handler says, and what the host adds to it.

use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;

use super::{Exchange, Transport, carried};
use crate::compression;
use crate::error::{Gone, UpgradeError};
use crate::headers::{HeaderBlock, HeaderBlockRef, known};

/// A response head. Borrowed: it is encoded before the call it is given to returns.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// Status code, 200 to 999 (101 only with `upgrade`).
    pub status: u16,
    /// Reason phrase; empty = the standard one.
    pub reason: &'a [u8],
    /// Fields. `Content-Length`, `Transfer-Encoding` and `Connection: close` in them are left out: framing
    /// is the server's.
    pub headers: HeaderBlockRef<'a>,
    /// The body's length, when known.
    pub content_length: Option<u64>,
    /// Close the connection afterwards.
    pub close: bool,
}

impl ResponseHead<'static> {
    /// A bare 200.
    pub(crate) const OK: Self =
        Self { status: 200, reason: b"", headers: HeaderBlockRef::EMPTY, content_length: None, close: false };
}

/// What a write took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Bytes of `extra` that were taken.
    pub extra_taken: usize,
    /// Whether the window has room left. If not, or if `extra` was not taken whole, `Handler::writable`
    /// follows once.
    pub room: bool,
}

/// What the host adds to the response's head, whoever makes it.
#[derive(Debug, Default)]
pub(crate) struct Extras {
    /// `WWW-Authenticate` of a 401.
    pub(crate) challenges: Vec<String>,
    /// `WWW-Authenticate` of any other answer: what proves the host to the client.
    pub(crate) proof: Option<String>,
    /// `Persistent-Auth`.
    pub(crate) persistent: Option<bool>,
}

impl Exchange {
    /// Sends an interim response, 100 to 199 but 101. It is left out, without an error, when it would disturb: to
    /// HTTP/1.0 clients, after the response has started, 100 to a client that does not wait for it, and others while
    /// the client does not take what was sent before.
    pub fn interim(&self, status: u16, headers: HeaderBlockRef<'_>) -> Result<(), Gone> {
        carried!(self, interim(self.seq, status, headers))
    }

    /// Starts the response with `head` (ignored once it has started; `None` at the start = a bare 200),
    /// then writes. `first` is always taken whole, `extra` as far as the window has room. Both empty:
    /// everything held is pushed out.
    pub fn write(
        &self,
        head: Option<&ResponseHead<'_>>,
        first: &[u8],
        extra: &[u8],
    ) -> Result<Written, Gone> {
        match self.compressed() {
            None => self.pass_on(head, first, extra),
            Some(response) => response.write(self, head, first, extra),
        }
    }

    /// Sends `count` bytes of `file` from `offset`, behind everything written so far, without copying
    /// them through memory. `false`: `Handler::writable` follows when all has been handed to the kernel.
    pub fn send_file(
        &self,
        head: Option<&ResponseHead<'_>>,
        file: OwnedFd,
        offset: u64,
        count: u64,
    ) -> Result<bool, Gone> {
        match self.compressed() {
            None => self.pass_file_on(head, file, offset, count),
            Some(response) => response.send_file(self, head, file, offset, count),
        }
    }

    /// Completes the response with `last` and, where the framing allows it, `trailers`. Fewer bytes than
    /// the announced `Content-Length` reset the connection.
    pub fn finish(
        &self,
        head: Option<&ResponseHead<'_>>,
        last: &[u8],
        trailers: HeaderBlockRef<'_>,
    ) -> Result<(), Gone> {
        // Before the bytes leave: the client may close at once, and that is no abort.
        self.over.store(true, Ordering::Release);
        match self.compressed() {
            None => self.pass_end_on(head, last, trailers),
            Some(response) => response.finish(self, head, last, trailers),
        }
    }

    /// Answers 101 with `head` and turns the connection into raw bytes both ways; an extended CONNECT of HTTP/2 is answered
    /// with 200, and its stream carries them. `finish` ends it.
    pub fn upgrade(&self, head: &ResponseHead<'_>) -> Result<(), UpgradeError> {
        if !self.upgradable {
            return Err(UpgradeError::NotUpgradable);
        }
        self.leave_uncompressed();
        self.dressed(Some(head), |head| {
            carried!(self, upgrade(self.seq, head.unwrap_or(&ResponseHead::OK)))
        })?;
        self.upgraded.store(true, Ordering::Release);
        Ok(())
    }

    /// After an upgrade: says that nothing more will be sent, behind everything written so far. Reading goes on;
    /// `finish` is still due.
    pub fn end_sending(&self) -> Result<(), Gone> {
        carried!(self, end_sending(self.seq))
    }

    /// Resets the connection or stream, unless the response is complete.
    pub fn abort(&self) {
        self.over.store(true, Ordering::Release);
        carried!(self, abort(self.seq));
    }

    /// Resets the stream with an error code; `false` where there are no streams. A response that is complete stays: then
    /// the client is only told that the rest of its request is not wanted.
    pub fn reset(&self, code: u32) -> bool {
        match &self.transport {
            Transport::Http1(_) => false,
            Transport::Http2(conn) => {
                self.over.store(true, Ordering::Release);
                conn.reset(self.seq, code);
                true
            }
        }
    }

    /// Whether the response has started, is complete or can no longer be sent.
    pub fn response_started(&self) -> bool {
        carried!(self, response_started(self.seq))
    }

    /// Has the response go through this; once, before it begins.
    pub(crate) fn compress(&self, response: compression::Response) {
        let _ = self.compressed.set(Box::new(response));
    }

    pub(crate) fn compressed(&self) -> Option<&compression::Response> {
        self.compressed.get().map(|response| &**response)
    }

    /// Has the response sent as it is, whatever its client accepts; without effect once it has begun.
    pub fn leave_uncompressed(&self) {
        if let Some(response) = self.compressed() {
            response.leave();
        }
    }

    /// [`Exchange::write`], of bytes that are as the client gets them.
    pub(crate) fn pass_on(
        &self,
        head: Option<&ResponseHead<'_>>,
        first: &[u8],
        extra: &[u8],
    ) -> Result<Written, Gone> {
        self.dressed(head, |head| carried!(self, write(self.seq, head, first, extra)))
    }

    /// [`Exchange::send_file`], the same.
    pub(crate) fn pass_file_on(
        &self,
        head: Option<&ResponseHead<'_>>,
        file: OwnedFd,
        offset: u64,
        count: u64,
    ) -> Result<bool, Gone> {
        self.dressed(head, |head| carried!(self, send_file(self.seq, head, file, offset, count)))
    }

    /// [`Exchange::finish`], the same.
    pub(crate) fn pass_end_on(
        &self,
        head: Option<&ResponseHead<'_>>,
        last: &[u8],
        trailers: HeaderBlockRef<'_>,
    ) -> Result<(), Gone> {
        self.dressed(head, |head| carried!(self, finish(self.seq, head, last, trailers)))
    }

    /// Calls `send` with the head, to which everything is added that the host has to say itself.
    fn dressed<R>(
        &self,
        head: Option<&ResponseHead<'_>>,
        send: impl FnOnce(Option<&ResponseHead<'_>>) -> R,
    ) -> R {
        match self.extras.get() {
            Some(extras) if !self.response_started() => {
                let head = head.unwrap_or(&ResponseHead::OK);
                let headers = extras.added(head);
                send(Some(&ResponseHead { headers: headers.as_ref(), ..*head }))
            }
            _ => send(head),
        }
    }
}

impl Extras {
    /// The head's fields with those that are added.
    fn added(&self, head: &ResponseHead<'_>) -> HeaderBlock {
        let mut headers = HeaderBlock::copy(head.headers);
        let own =
            head.headers.iter().flatten().any(|field| field.name.eq_ignore_ascii_case(b"WWW-Authenticate"));
        if head.status == 401 {
            // An app that has a challenge of its own gets the host's beside it, as with IIS.
            for challenge in &self.challenges {
                headers.push_known(known::WWW_AUTHENTICATE, challenge.as_bytes());
            }
        } else if let Some(proof) = self.proof.as_ref().filter(|_| !own) {
            headers.push_known(known::WWW_AUTHENTICATE, proof.as_bytes());
        }
        if let Some(persistent) = self.persistent {
            headers.push(b"Persistent-Auth", if persistent { b"true" } else { b"false" });
        }
        headers
    }
}
