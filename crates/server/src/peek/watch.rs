//! A connection until its client has said enough. Whoever says nothing that can be served is served here: refused.

use std::future::poll_fn;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use mio::net::TcpStream;

use super::look::{HELLO_BYTES, Look, Seen};
use super::{Dispatch, with_room};
use crate::clock;
use crate::handler::{Client, ConnectionInfo};
use crate::http1::{self, Conn, Rejection};
use crate::output::{Wire, socket};
use crate::reactor::Io;
use crate::server::Shared;
use crate::stats::Counters;

/// While many connections are looked at, each has this long to say enough.
const PRESSED: Duration = Duration::from_secs(2);
/// How many are many, of those that may be open.
const MANY: usize = 2;

/// What has come of the waiting.
enum Outcome {
    /// Somebody else has it.
    Given,
    /// To be served here; with this, if anything.
    Here(Option<Rejection>),
    /// The client is gone, or has said nothing.
    Over,
}

/// A connection that is being looked at. Dropping it closes the connection.
struct Watch {
    io: Arc<Io>,
    server: Arc<Shared>,
    stream: Option<TcpStream>,
    client: Client,
    tls: bool,
    look: Look,
    began: u64,
    /// When the first byte came; 0 = none has.
    spoke: u64,
    /// Whether it was made sure that nothing has come before it is given up.
    looked: bool,
}

/// Looks at the connection and has it shared out, or serves it.
pub(crate) async fn watch(
    server: Arc<Shared>,
    io: Arc<Io>,
    stream: TcpStream,
    info: ConnectionInfo,
    tls: bool,
    to: Arc<dyn Dispatch>,
) {
    let mut watch = Watch {
        io: io.clone(),
        server: server.clone(),
        stream: Some(stream),
        client: info.client(),
        tls,
        look: Look::default(),
        began: clock::coarse_ms(),
        spoke: 0,
        looked: false,
    };
    let outcome = poll_fn(|_| watch.advance(&*to)).await;
    let Outcome::Here(rejection) = outcome else { return };
    let Some(stream) = watch.stream.take() else { return };
    let conn = Conn::new(info, server, io, Wire::new(stream), None);
    match rejection {
        Some(rejection) => http1::refuse(conn, rejection).await,
        None => http1::connection(conn).await,
    }
}

impl Watch {
    fn advance(&mut self, to: &dyn Dispatch) -> Poll<Outcome> {
        if self.io.can_read() {
            self.io.begin_read();
            let most =
                if self.tls { HELLO_BYTES } else { self.server.limits().header_bytes.saturating_add(1) };
            let peeked = with_room(most, |room| -> io::Result<Poll<Outcome>> {
                let stream = self.stream.as_ref().ok_or(io::ErrorKind::NotConnected)?;
                let count = socket::peek(stream.as_fd(), room)?;
                Ok(self.see(room.get(..count).unwrap_or_default(), to))
            });
            match peeked {
                Ok(Poll::Ready(outcome)) => return Poll::Ready(outcome),
                Ok(Poll::Pending) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Poll::Ready(Outcome::Over),
            }
        }
        self.wait()
    }

    fn see(&mut self, bytes: &[u8], to: &dyn Dispatch) -> Poll<Outcome> {
        if bytes.is_empty() {
            return Poll::Ready(Outcome::Over);
        }
        if self.spoke == 0 {
            self.spoke = clock::coarse_ms();
        }
        let seen =
            if self.tls { self.look.hello(bytes) } else { self.look.head(bytes, self.server.limits()) };
        match seen {
            // Nothing more will come of it.
            Seen::Partial if self.io.read_closed() => return Poll::Ready(Outcome::Over),
            Seen::Partial => return Poll::Pending,
            Seen::Refused if self.tls => return self.here(Some(Rejection::PLAIN)),
            Seen::Refused => return self.here(None),
            Seen::Hello(_) | Seen::Strange | Seen::Head(_) | Seen::Http2 => {}
        }
        let chosen = seen.said().and_then(|said| to.choose(&self.client, said));
        let Some(chosen) = chosen else { return self.here(None) };
        let Some(mut stream) = self.stream.take() else { return Poll::Ready(Outcome::Over) };
        // The system watches what is open, whoever has it open: it must be told to stop.
        let stopped = self.io.stop_watching(&mut stream);
        self.end();
        match stopped {
            Ok(()) => to.give(chosen, stream.into(), self.client.clone()),
            Err(error) => tracing::error!(%error, "a connection cannot be handed over"),
        }
        Poll::Ready(Outcome::Given)
    }

    fn here(&self, rejection: Option<Rejection>) -> Poll<Outcome> {
        // What was looked at is still to be read.
        self.io.more_to_read();
        Poll::Ready(Outcome::Here(rejection))
    }

    /// Until when nothing need happen.
    fn wait(&mut self) -> Poll<Outcome> {
        let now = clock::coarse_ms();
        let limits = self.server.limits();
        let (since, limit) = match self.spoke {
            _ if self.tls => (self.began, limits.handshake_timeout),
            0 => (self.began, limits.keep_alive_timeout),
            spoke => (spoke, limits.header_timeout),
        };
        let pressed = self.server.is_pressed(MANY);
        let limit = if pressed { limit.min(PRESSED) } else { limit };
        let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let until = since.saturating_add(ms(limit));
        let drain = self.server.drain_deadline();
        if now < until && (drain == 0 || now < drain) {
            // It is looked again soon whether too many have come.
            let look = self.began.saturating_add(ms(PRESSED));
            let next = if now < look { until.min(look) } else { until.min(now + ms(PRESSED)) };
            self.io.set_deadline(if drain == 0 { next } else { next.min(drain) });
            return Poll::Pending;
        }
        // On a busy machine the first bytes may have come some time before this is told of them.
        if !std::mem::replace(&mut self.looked, true) {
            self.io.more_to_read();
            self.io.wake();
            return Poll::Pending;
        }
        if self.tls || self.spoke == 0 || pressed || drain != 0 {
            if self.tls && drain == 0 {
                Counters::add(&self.server.counters().handshake_timeouts);
            }
            return Poll::Ready(Outcome::Over);
        }
        self.here(Some(Rejection::TIMEOUT))
    }

    fn end(&self) {
        self.io.release();
        self.server.connection_closed();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take() {
            socket::swallow(stream.as_fd());
            self.end();
        }
    }
}
