//! The answer's way to the client, or the tunnel's.

use std::io::ErrorKind;
use std::sync::Arc;

use super::{Body, State, Stop};
use crate::error::Gone;
use crate::exchange::{Exchange, ResponseHead};
use crate::forward::failure::Failure;
use crate::forward::link::Link;
use crate::forward::reply::{Fault, Fed, Sink};
use crate::forward::scratch::Scratch;
use crate::headers::HeaderBlockRef;

impl State {
    /// Reads what the upstream has sent, and passes it on.
    pub(super) fn receive(
        &mut self,
        exchange: &Arc<Exchange>,
        link: &Link,
        scratch: &mut Scratch,
    ) -> Result<bool, Stop> {
        if self.client_full || self.upstream_ended || !link.io.can_read() {
            return Ok(false);
        }
        link.io.begin_read();
        match link.wire.read(&mut scratch.bytes) {
            Ok(0) => self.upstream_ends(exchange).map(|()| true),
            Ok(count) => {
                if count == scratch.bytes.len() {
                    link.io.more_to_read();
                }
                self.answer(exchange, scratch, count).map(|()| true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) if !self.connected => Err(Stop::Failed(Failure::Connect(error))),
            Err(_) if self.reused && self.head_at == 0 => Err(Stop::Stale),
            Err(_) if self.tunnel => Err(Stop::Cut),
            Err(_) => Err(Stop::Failed(Failure::Reset)),
        }
    }

    /// `count` bytes of the answer are in the scratch.
    fn answer(&mut self, exchange: &Exchange, scratch: &mut Scratch, count: usize) -> Result<(), Stop> {
        let Scratch { bytes, decoded, block } = scratch;
        let bytes = &bytes[..count];
        if self.tunnel {
            return self.raw(exchange, bytes);
        }
        let mut client = Client { exchange, full: false, go_on: false };
        let fed = self.reply.feed(bytes, decoded, block, &mut client);
        self.client_full |= client.full;
        if client.go_on && matches!(self.body, Body::Held { .. }) {
            self.body = Body::Flowing;
        }
        match fed.map_err(|fault| self.fault(fault))? {
            Fed::More => {}
            Fed::Complete { excess } => {
                let reusable =
                    self.reply.keeps_alive() && !excess && self.body == Body::Sent && !self.has_unsent();
                return Err(Stop::Complete { reusable });
            }
            Fed::Switched { rest } => {
                self.tunnel = true;
                self.body = Body::Flowing;
                self.client_ended = false;
                self.head = Vec::new();
                self.head_at = 0;
                return self.raw(exchange, &bytes[count - rest..]);
            }
        }
        if !self.reply.awaits_head() && matches!(self.body, Body::Held { .. }) {
            // Nobody wants the body: the server deals with what the client sends of it.
            self.body = Body::Refused;
        }
        Ok(())
    }

    fn raw(&mut self, exchange: &Exchange, bytes: &[u8]) -> Result<(), Stop> {
        if !bytes.is_empty() {
            self.client_full |= !exchange.write(None, bytes, b"")?.room;
        }
        Ok(())
    }

    /// The upstream sends nothing more.
    fn upstream_ends(&mut self, exchange: &Exchange) -> Result<(), Stop> {
        if self.tunnel {
            if self.body == Body::Refused {
                return Err(Stop::Cut);
            }
            self.upstream_ended = true;
            exchange.end_sending()?;
            return Ok(());
        }
        if self.reused && self.head_at == 0 {
            return Err(Stop::Stale);
        }
        let mut client = Client { exchange, full: false, go_on: false };
        match self.reply.end(&mut client) {
            Ok(_) => Err(Stop::Complete { reusable: false }),
            Err(fault) => Err(self.fault(fault)),
        }
    }

    fn fault(&self, fault: Fault) -> Stop {
        Stop::Failed(match fault {
            Fault::Gone => return Stop::ClientGone,
            Fault::Malformed(what) => Failure::Malformed(what),
            Fault::HeadTooLarge => Failure::HeadTooLarge,
            Fault::TooManyFields => Failure::TooManyFields,
            Fault::Nothing if self.body == Body::Refused => Failure::Reset,
            Fault::Nothing => Failure::NoAnswer,
            Fault::Short => Failure::Short,
        })
    }
}

/// The client as the answer's destination.
struct Client<'a> {
    exchange: &'a Exchange,
    full: bool,
    /// 100 has been seen.
    go_on: bool,
}

impl Sink for Client<'_> {
    fn interim(&mut self, status: u16, headers: HeaderBlockRef<'_>) -> Result<(), Gone> {
        self.go_on |= status == 100;
        self.exchange.interim(status, headers)
    }

    fn part(
        &mut self,
        head: Option<&ResponseHead<'_>>,
        bytes: &[u8],
        end: Option<HeaderBlockRef<'_>>,
    ) -> Result<(), Gone> {
        match end {
            Some(trailers) => self.exchange.finish(head, bytes, trailers),
            None => {
                self.full |= !self.exchange.write(head, bytes, b"")?.room;
                Ok(())
            }
        }
    }

    fn switch(&mut self, head: &ResponseHead<'_>) -> Result<(), Gone> {
        self.exchange.upgrade(head).map_err(|error| {
            tracing::debug!(%error, "an upgrade could not be completed");
            Gone
        })
    }
}
