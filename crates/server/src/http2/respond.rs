//! Response heads and trailers, in compressed form.

use super::frame;
use super::hpack::Remember;
use super::state::State;
use crate::clock;
use crate::exchange::ResponseHead;
use crate::headers::{HeaderBlockRef, is_sendable_value, is_token, known};
use crate::output::{BadHead, check_fields, is_forbidden_trailer};

impl State {
    /// Appends an interim response.
    pub(super) fn put_interim(
        &mut self,
        id: u32,
        status: u16,
        headers: HeaderBlockRef<'_>,
    ) -> Result<(), BadHead> {
        check_fields(headers)?;
        let at = self.begin_block();
        self.encoder.status(&mut self.out, status);
        self.put_fields(headers);
        frame::headers(&mut self.out, at, id, false);
        Ok(())
    }

    /// Appends a stream's response head; answers whether it asked for the connection to be closed. On an error nothing has
    /// been appended.
    pub(super) fn put_head(
        &mut self,
        index: usize,
        head: &ResponseHead<'_>,
        length: Option<u64>,
        end_stream: bool,
    ) -> Result<bool, BadHead> {
        if !(100..=999).contains(&head.status) {
            return Err(BadHead::Status(head.status));
        }
        // Checked before the first is encoded: the client's table must follow ours.
        check_fields(head.headers)?;
        let at = self.begin_block();
        self.encoder.status(&mut self.out, head.status);
        let (close, dated) = self.put_fields(head.headers);
        let Self { streams, encoder, out, .. } = self;
        let id = streams[index].id;
        let application = streams[index].application.as_deref();
        for (name, value) in
            application.iter().flat_map(|application| application.extra().missing_in(head.headers))
        {
            match known::number(name) {
                0 => encoder.named(out, name, value, Remember::Yes),
                number => encoder.known(out, number, value, Remember::Yes),
            }
        }
        if let Some(length) = length {
            let mut digits = itoa::Buffer::new();
            let text = digits.format(length).as_bytes();
            self.encoder.known(&mut self.out, known::CONTENT_LENGTH, text, Remember::No);
        }
        if !dated {
            let mut date = Vec::with_capacity(32);
            clock::append_date(&mut date);
            self.encoder.known(&mut self.out, known::DATE, &date, Remember::Yes);
        }
        frame::headers(&mut self.out, at, id, end_stream);
        let stream = &mut self.streams[index];
        stream.status = head.status;
        stream.framed += (self.out.len() + frame::HEAD - at) as u64;
        Ok(close || head.close)
    }

    /// Appends trailers, and with them the end of the stream. Those that cannot be sent are left out and logged.
    pub(super) fn put_trailers(&mut self, id: u32, trailers: HeaderBlockRef<'_>) {
        let at = self.begin_block();
        for item in trailers {
            match item {
                Ok(item) if is_token(item.name) && is_sendable_value(item.value) => {
                    if !is_forbidden_trailer(known::number(item.name)) && !is_connections(item.name) {
                        self.encoder.named(&mut self.out, item.name, item.value, Remember::No);
                    }
                }
                Ok(_) => tracing::warn!("a response trailer cannot be sent and is left out"),
                Err(error) => tracing::warn!(%error, "response trailers are left out"),
            }
        }
        if self.out.len() == at {
            // A block of nothing would be no header section.
            self.out.truncate(at - frame::HEAD);
            frame::put(&mut self.out, frame::kind::DATA, frame::flag::END_STREAM, id, b"");
        } else {
            frame::headers(&mut self.out, at, id, true);
        }
    }

    /// Begins a block; answers where in `out`.
    fn begin_block(&mut self) -> usize {
        self.out.extend_from_slice(&[0; frame::HEAD]);
        let at = self.out.len();
        self.encoder.begin(&mut self.out);
        at
    }

    /// Appends fields that have been checked. Answers whether `Connection: close` and `Date` were among them.
    fn put_fields(&mut self, headers: HeaderBlockRef<'_>) -> (bool, bool) {
        let (mut close, mut dated) = (false, false);
        for item in headers.iter().flatten() {
            let number = item.known_number();
            match number {
                known::CONNECTION => close |= item.value.eq_ignore_ascii_case(b"close"),
                known::CONTENT_LENGTH | known::TRANSFER_ENCODING | known::KEEP_ALIVE | known::UPGRADE => {}
                0 if is_connections(item.name) => {}
                0 => self.encoder.named(&mut self.out, item.name, item.value, Remember::No),
                _ => {
                    dated |= number == known::DATE;
                    self.encoder.known(&mut self.out, number, item.value, remember(number));
                }
            }
        }
        (close, dated)
    }
}

/// Whether a field without a well-known number belongs to HTTP/1 connections, or to how WebSockets begin there.
fn is_connections(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"Proxy-Connection") || name.eq_ignore_ascii_case(b"Sec-WebSocket-Accept")
}

/// Whether a field of this name is likely to come again with the same value.
fn remember(number: u8) -> Remember {
    match number {
        known::SET_COOKIE | known::AUTHORIZATION | known::COOKIE => Remember::Never,
        known::CONTENT_TYPE
        | known::CONTENT_ENCODING
        | known::CACHE_CONTROL
        | known::DATE
        | known::SERVER
        | known::VARY
        | known::ACCEPT_RANGES
        | known::STRICT_TRANSPORT_SECURITY => Remember::Yes,
        _ => Remember::No,
    }
}
