//! The request's way to the upstream: its head and the client's body, framed again.

use std::io::{self, ErrorKind, IoSlice};

use super::{Body, State, Stop};
use crate::error::BodyError;
use crate::exchange::{BodyRead, Exchange};
use crate::forward::failure::Failure;
use crate::forward::link::Link;
use crate::forward::request::is_forwardable_trailer;
use crate::forward::scratch::Scratch;
use crate::headers::HeaderBlock;

/// Room for a chunk's size line before its bytes, and for its end and the body's behind them.
const BEFORE: usize = 8;
const AFTER: usize = 2 + 5;
/// A body read with less room than this is left for the next piece.
const USEFUL: usize = 4 * 1024;

impl State {
    /// Sends what is left over.
    pub(super) fn send(&mut self, link: &Link) -> Result<bool, Stop> {
        if !self.has_unsent() || self.is_blocked(link) {
            return Ok(false);
        }
        self.transmit(link, &[])
    }

    fn is_blocked(&mut self, link: &Link) -> bool {
        if self.upstream_full && (link.io.take_writable() || link.io.broken()) {
            self.upstream_full = false;
        }
        self.upstream_full
    }

    /// Sends the rest of the head or what is left over, then `bytes`; keeps what the kernel does not take. Answers
    /// whether anything has left.
    fn transmit(&mut self, link: &Link, bytes: &[u8]) -> Result<bool, Stop> {
        let head = &self.head[self.head_at..];
        let left = &self.out[self.out_at..];
        let total = head.len() + left.len() + bytes.len();
        let parts = [head, left, bytes];
        let mut filled = parts.iter().filter(|part| !part.is_empty());
        let result = match (filled.next(), filled.next()) {
            (None, _) => return Ok(false),
            (Some(one), None) => link.wire.write(one),
            _ => link.wire.write_all_of(&parts.map(IoSlice::new)),
        };
        let mut count = match result {
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => 0,
            Err(error) => {
                let refused = self.refused(link, error);
                if refused.is_err() {
                    // The next connection gets it, if there is to be one.
                    self.out.extend_from_slice(bytes);
                }
                return refused.map(|()| true);
            }
        };
        let sent = count;
        self.connected |= sent > 0;
        self.upstream_full = sent < total;
        let from_head = count.min(head.len());
        count -= from_head;
        let from_left = count.min(left.len());
        count -= from_left;
        self.head_at += from_head;
        self.out_at += from_left;
        if self.out_at == self.out.len() {
            self.out.clear();
            self.out_at = 0;
        }
        self.out.extend_from_slice(&bytes[count..]);
        Ok(sent > 0)
    }

    /// The upstream takes nothing more. What it has answered may still be read.
    fn refused(&mut self, link: &Link, error: io::Error) -> Result<(), Stop> {
        if !self.connected {
            return Err(Stop::Failed(Failure::Connect(error)));
        }
        if self.reused && self.head_at == 0 {
            return Err(Stop::Stale);
        }
        self.head_at = self.head.len();
        self.out = Vec::new();
        self.out_at = 0;
        self.body = Body::Refused;
        if self.tunnel && self.upstream_ended {
            // It has said everything; that it hears nothing more ends the other direction.
            self.client_ended = true;
        }
        // No event may follow the one that told of this.
        link.io.more_to_read();
        Ok(())
    }

    /// Takes body bytes from the client and sends them; together with the head if that is still due.
    pub(super) fn take_body(
        &mut self,
        exchange: &Exchange,
        link: &Link,
        scratch: &mut Scratch,
    ) -> Result<bool, Stop> {
        if self.body != Body::Flowing || self.body_pending || self.is_blocked(link) {
            return Ok(false);
        }
        let bytes = &mut scratch.bytes[..];
        let limit = bytes.len() - AFTER;
        let (mut at, mut over) = (BEFORE, false);
        while limit - at >= USEFUL {
            match exchange.read_body(&mut bytes[at..limit]) {
                Ok(BodyRead::Data(count)) => at += count,
                Ok(BodyRead::End) => {
                    over = true;
                    break;
                }
                Ok(BodyRead::WouldBlock) => {
                    self.body_pending = true;
                    break;
                }
                Err(BodyError::Gone) => return Err(Stop::ClientGone),
                Err(error) => return Err(Stop::Failed(Failure::Client(error))),
            }
        }
        let mut start = BEFORE;
        let mut late = Vec::new();
        if self.chunked {
            if at > BEFORE {
                start -= size_line(&mut bytes[..BEFORE], at - BEFORE);
                bytes[at..at + 2].copy_from_slice(b"\r\n");
                at += 2;
            }
            if over {
                late = exchange.request_trailers(body_end);
                if let Some(room) = bytes.get_mut(at..at + late.len()) {
                    room.copy_from_slice(&late);
                    at += late.len();
                    late.clear();
                }
            }
        }
        if over {
            self.body = Body::Sent;
            self.client_ended = true;
        }
        if at > start {
            let sent = self.transmit(link, &bytes[start..at]);
            if sent.is_err() {
                self.out.extend_from_slice(&late);
            }
            sent?;
        }
        if !late.is_empty() {
            self.transmit(link, &late)?;
        }
        Ok(over || at > start)
    }
}

/// Writes a chunk's size line to the end of `into`; answers its length. `size` has at most five digits.
fn size_line(into: &mut [u8], mut size: usize) -> usize {
    let mut at = into.len() - 2;
    into[at..].copy_from_slice(b"\r\n");
    while at > 0 && (size > 0 || at == into.len() - 2) {
        at -= 1;
        into[at] = b"0123456789abcdef"[size & 15];
        size >>= 4;
    }
    into.len() - at
}

/// What ends a chunked body with these trailers.
fn body_end(trailers: &HeaderBlock) -> Vec<u8> {
    let mut end = Vec::with_capacity(8);
    end.extend_from_slice(b"0\r\n");
    for trailer in trailers.as_ref().iter().flatten() {
        if is_forwardable_trailer(trailer.name) {
            end.extend_from_slice(trailer.name);
            end.extend_from_slice(b": ");
            end.extend_from_slice(trailer.value);
            end.extend_from_slice(b"\r\n");
        }
    }
    end.extend_from_slice(b"\r\n");
    end
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::forward::request::Shape;
    use crate::forward::{ForwardOptions, Upstream};
    use crate::handler::{Client, ConnectionInfo};
    use crate::reactor::Shard;

    #[test]
    fn what_a_dead_connection_did_not_take_goes_over_the_next_one() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let upstream = Upstream::new(listener.local_addr().unwrap(), "");
        let shard = Shard::new(0, Arc::default()).unwrap();
        let client = ConnectionInfo::new(1, 0, Client::default());
        let connect = || {
            let link = Link::open(&upstream, &shard, &client).unwrap();
            (link, listener.accept().unwrap().0)
        };
        let shape = Shape { has_body: true, ..Shape::default() };
        let mut state = State::new(shape, b"head".to_vec(), &ForwardOptions::default());
        let (link, peer) = connect();
        socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
        drop(peer);
        state.begin(true, 1);
        assert!(matches!(state.transmit(&link, b"body"), Err(Stop::Stale)));
        let (link, mut peer) = connect();
        state.begin(false, 1);
        assert!(state.transmit(&link, b" and more").unwrap());
        assert!(state.connected && !state.has_unsent());
        let mut received = [0; 17];
        peer.read_exact(&mut received).unwrap();
        assert_eq!(&received, b"headbody and more");
        // Once something has been sent, nothing is repeated: what was not taken is given up.
        socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
        drop(peer);
        assert!(state.transmit(&link, b"lost").is_ok());
        assert_eq!((state.body, state.has_unsent()), (Body::Refused, false));
    }

    #[test]
    fn size_lines() {
        for size in [1, 9, 10, 15, 16, 255, 4096, 0xffff, 0x10000, 0xf_ffff] {
            let mut into = [b'x'; BEFORE];
            let length = size_line(&mut into, size);
            assert_eq!(into[BEFORE - length..], *format!("{size:x}\r\n").as_bytes());
        }
    }

    #[test]
    fn trailers_of_the_server_are_not_the_clients_to_send() {
        let mut trailers = HeaderBlock::new();
        assert_eq!(body_end(&trailers), b"0\r\n\r\n");
        trailers.push(b"X-Sum", b"9").push(b"ms-aspnetcore-token", b"x").push(b"X-Forwarded-Proto", b"https");
        assert_eq!(body_end(&trailers), b"0\r\nX-Sum: 9\r\n\r\n");
    }
}
