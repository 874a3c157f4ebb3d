//! Starting and completing a response: which framing its body gets and what the head says about it.

use super::{Env, Framing, Output, Phase, Wire, encode};
use crate::access::Ending;
use crate::error::Gone;
use crate::exchange::ResponseHead;
use crate::headers::HeaderBlockRef;

impl Output {
    /// Encodes the head if that has not been done. `exact` = the whole body's length when it is known
    /// because the response completes with this call.
    pub(super) fn ensure_started(
        &mut self,
        wire: &Wire,
        env: Env<'_>,
        head: Option<&ResponseHead<'_>>,
        exact: Option<usize>,
        with_trailers: bool,
    ) -> Result<(), Gone> {
        match self.phase {
            Phase::Waiting => {}
            Phase::Body | Phase::Raw => return Ok(()),
            Phase::Idle | Phase::Complete | Phase::Dead => return Err(Gone),
        }
        let head = head.unwrap_or(&ResponseHead::OK);
        if head.status < 200 {
            return self.refuse(wire, env, &encode::BadHead::Status(head.status));
        }
        let asked = match encode::head(self.queue.tail(), head) {
            Ok(asked) => asked,
            Err(error) => return self.refuse(wire, env, &error),
        };
        if let Some(application) = &self.application {
            application.extra().append(self.queue.tail(), head.headers);
        }
        self.close |= head.close || asked.close || self.facts.close || self.facts.expect;
        self.phase = Phase::Body;
        self.status = head.status;
        let exact = exact.map(|length| length as u64);
        let is_head = self.facts.is_head;
        match head.status {
            204 => self.end_head(env, None, Framing::Discard),
            205 => self.end_head(env, Some(0), Framing::Discard),
            304 => self.end_head(env, head.content_length, Framing::Discard),
            _ if is_head => {
                let length = head.content_length.or(exact.filter(|&length| length > 0));
                self.end_head(env, length, Framing::Discard);
            }
            _ => match head.content_length {
                Some(length) => self.end_head(env, Some(length), Framing::Length(length)),
                None => match exact {
                    Some(length) if !with_trailers => {
                        self.end_head(env, Some(length), Framing::Length(length))
                    }
                    _ => {
                        self.framing = Framing::Open;
                        if !self.corked || with_trailers {
                            self.settle(env);
                        }
                    }
                },
            },
        }
        Ok(())
    }

    /// Sends an interim response now, also when corked, if it is wanted.
    pub(crate) fn interim(
        &mut self,
        wire: &Wire,
        env: Env<'_>,
        status: u16,
        headers: HeaderBlockRef<'_>,
    ) -> Result<(), Gone> {
        if self.phase != Phase::Waiting || self.facts.version < 11 {
            return Ok(());
        }
        match status {
            100 if self.take_expect() => {}
            102..=199 if self.queue.pending() < env.limits.write_window => {}
            _ => return Ok(()),
        }
        if let Err(error) = encode::interim(self.queue.tail(), status, headers) {
            tracing::warn!(%error, status, "an interim response cannot be sent and is left out");
            return Ok(());
        }
        self.flush(wire, env)
    }

    /// The length stays unknown: the body is chunked, or ends with the connection for HTTP/1.0.
    pub(super) fn settle(&mut self, env: Env<'_>) {
        let framing = if self.facts.version >= 11 { Framing::Chunked } else { Framing::UntilClose };
        self.end_head(env, None, framing);
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            self.append(&held);
        }
    }

    /// Ends the head with `Connection` and framing.
    fn end_head(&mut self, env: Env<'_>, length: Option<u64>, framing: Framing) {
        self.framing = framing;
        self.close |= framing == Framing::UntilClose || env.draining;
        let tail = self.queue.tail();
        if self.close {
            tail.extend_from_slice(b"Connection: close\r\n");
        } else if self.facts.version < 11 {
            tail.extend_from_slice(b"Connection: keep-alive\r\n");
        }
        if let Some(length) = length {
            encode::content_length(tail, length);
        } else if framing == Framing::Chunked {
            tail.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        }
        tail.extend_from_slice(b"\r\n");
    }

    /// Appends the last bytes and the end of the body. Called corked.
    pub(super) fn complete(
        &mut self,
        wire: &Wire,
        env: Env<'_>,
        last: &[u8],
        trailers: HeaderBlockRef<'_>,
        with_trailers: bool,
    ) -> Result<(), Gone> {
        if self.framing == Framing::Open && with_trailers {
            self.settle(env);
        }
        if self.framing == Framing::Open {
            let length = (self.held.len() + last.len()) as u64;
            self.end_head(env, Some(length), Framing::Length(0));
            let mut held = std::mem::take(&mut self.held);
            self.queue.tail().extend_from_slice(&held);
            self.queue.tail().extend_from_slice(last);
            held.clear();
            self.held = held;
        } else {
            let pushed = self.push(wire, env, last, &[]);
            self.alive(wire, pushed)?;
        }
        match self.framing {
            Framing::Length(left) if left > 0 => {
                tracing::warn!(
                    missing = left,
                    "a response ended before its Content-Length; the connection is reset"
                );
                wire.reset();
                self.kill(Ending::Aborted);
                return Err(Gone);
            }
            Framing::Chunked => {
                self.queue.tail().extend_from_slice(b"0\r\n");
                if with_trailers {
                    encode::trailers(self.queue.tail(), trailers);
                }
                self.queue.tail().extend_from_slice(b"\r\n");
            }
            _ => {}
        }
        self.phase = Phase::Complete;
        Ok(())
    }

    fn refuse(&mut self, wire: &Wire, env: Env<'_>, error: &encode::BadHead) -> Result<(), Gone> {
        tracing::error!(%error, "the application's response head cannot be sent; the client gets 500");
        self.answer_500();
        if !self.corked {
            self.flush(wire, env)?;
        }
        Err(Gone)
    }

    /// A bare 500 in place of a response that has not begun.
    pub(super) fn answer_500(&mut self) {
        let tail = self.queue.tail();
        // A head without records cannot be refused.
        let _ = encode::head(tail, &ResponseHead { status: 500, ..ResponseHead::OK });
        tail.extend_from_slice(b"Connection: close\r\nContent-Length: 0\r\n\r\n");
        self.close = true;
        self.status = 500;
        self.phase = Phase::Complete;
    }
}
