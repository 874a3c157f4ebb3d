//! A connection of a TLS listener until it is secured: bounded in time, and answering plain HTTP with a page instead of
//! an alert.

use std::future::Future;
use std::io;
use std::os::fd::AsFd as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use mio::net::TcpStream;
use rustls::ServerConnection;

use super::clients::Gate;
use super::config::{Current, HTTP2, Tls};
use super::session::Session;
use super::{ServerCertificate, TlsError, TlsInfo, end_point};
use crate::access::{Cause, Unserved};
use crate::clock;
use crate::handler::{Client, ConnectionInfo};
use crate::output::{Wire, socket};
use crate::peek::Hello;
use crate::reactor::Io;
use crate::server::Shared;
use crate::stats::Counters;

/// The first byte of a TLS connection: a handshake record.
const HANDSHAKE_RECORD: u8 = 22;

/// What has become of a connection.
pub(crate) enum Opened {
    /// It is encrypted.
    Secured {
        wire: Wire,
        info: Box<TlsInfo>,
        /// It was agreed to speak HTTP/2.
        http2: bool,
        /// Answers its requests in place of the application.
        gate: Option<Gate>,
    },
    /// The client speaks plain HTTP.
    Plain(Wire),
    /// Nobody is there any more.
    Failed,
}

/// The future of an [`Opened`]. Dropping it closes the connection.
pub(crate) struct Opening {
    id: u64,
    started_ns: i64,
    client: Client,
    io: Arc<Io>,
    server: Arc<Shared>,
    stream: Option<TcpStream>,
    current: Arc<Current>,
    /// `None` until it is known what may be agreed on.
    session: Option<Session>,
    hello: Hello,
    /// See [`TlsInfo::legs_ns`].
    legs_ns: [i64; 4],
    certificate: Option<ServerCertificate>,
    /// Coarse time at which it is given up.
    until: u64,
}

impl Opening {
    pub(crate) fn new(
        info: &ConnectionInfo,
        io: Arc<Io>,
        server: Arc<Shared>,
        stream: TcpStream,
        tls: &Tls,
    ) -> Result<Self, TlsError> {
        let current = tls.current();
        let client = info.client();
        let session = match server.speaks_http2(&client, true, None) {
            Some(http2) => Some(session(&current, http2)?),
            None => None,
        };
        let until = clock::deadline(server.limits().handshake_timeout);
        server.handshake_began();
        Ok(Self {
            id: info.id,
            started_ns: info.started_ns,
            client,
            io,
            server,
            stream: Some(stream),
            current,
            session,
            hello: Hello::default(),
            legs_ns: [0; 4],
            certificate: None,
            until,
        })
    }

    fn advance(&mut self) -> Poll<Opened> {
        let drain = self.server.drain_deadline();
        let until = if drain == 0 { self.until } else { self.until.min(drain) };
        if clock::coarse_ms() >= until {
            if drain == 0 {
                Counters::add(&self.server.counters().handshake_timeouts);
                tracing::debug!(connection = self.id, "a TLS handshake was not complete in time");
                self.account(Cause::HandshakeTimeout);
            }
            return Poll::Ready(Opened::Failed);
        }
        self.io.set_deadline(until);
        let Some(stream) = &self.stream else { return Poll::Ready(Opened::Failed) };
        let session = match &mut self.session {
            Some(session) => session,
            None => {
                let name = ready!(self.hello.name(stream, &self.io));
                let http2 = self.server.speaks_http2(&self.client, true, Some(&name)).unwrap_or(false);
                match session(&self.current, http2) {
                    Ok(session) => self.session.insert(session),
                    Err(error) => {
                        tracing::debug!(connection = self.id, %error, "a TLS handshake could not begin");
                        return Poll::Ready(Opened::Failed);
                    }
                }
            }
        };
        if self.legs_ns[0] == 0 {
            if !self.io.can_read() {
                return Poll::Pending;
            }
            self.io.begin_read();
            let mut first = [0];
            match socket::peek(stream.as_fd(), &mut first) {
                Ok(0) => return Poll::Ready(Opened::Failed),
                Ok(_) => self.io.more_to_read(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(_) => return Poll::Ready(Opened::Failed),
            }
            if first[0] != HANDSHAKE_RECORD && first[0].is_ascii_alphabetic() {
                return Poll::Ready(self.plain());
            }
            self.legs_ns[0] = clock::now_ns();
        }
        let shaken = shake(session, stream, &self.io, &mut self.legs_ns);
        if let Some(certificate) = end_point::take_chosen() {
            self.certificate = Some(certificate);
        }
        match shaken {
            Ok(true) => Poll::Ready(self.secured()),
            Ok(false) => Poll::Pending,
            Err(error) => {
                Counters::add(&self.server.counters().handshake_failures);
                tracing::debug!(connection = self.id, %error, "a TLS handshake failed");
                // So that it can read the alert.
                socket::swallow(stream.as_fd());
                self.account(Cause::Handshake);
                Poll::Ready(Opened::Failed)
            }
        }
    }

    fn account(&self, cause: Cause) {
        self.server.accounting().unserved(&Unserved {
            remote: self.client.remote,
            local: self.client.local,
            head: b"",
            cause,
            sent: 0,
            duration_ns: clock::now_ns() - self.started_ns,
        });
    }

    fn plain(&mut self) -> Opened {
        tracing::debug!(connection = self.id, "plain HTTP came to a TLS port");
        match self.stream.take() {
            Some(stream) => Opened::Plain(Wire::new(stream)),
            None => Opened::Failed,
        }
    }

    fn secured(&mut self) -> Opened {
        let (Some(stream), Some(session)) = (self.stream.take(), self.session.take()) else {
            return Opened::Failed;
        };
        Counters::add(&self.server.counters().handshakes);
        let connection = session.connection();
        let chain = connection.peer_certificates();
        let info = TlsInfo {
            protocol: connection.protocol_version().map_or(0, u16::from),
            cipher_suite: connection.negotiated_cipher_suite().map_or(0, |suite| u16::from(suite.suite())),
            server_name: connection.server_name().map(str::to_ascii_lowercase).unwrap_or_default(),
            client_certificate: chain.and_then(<[_]>::first).map(|first| first.as_ref().into()),
            client_is_trusted: self.current.clients.check(),
            server_certificate: self.certificate.take(),
            legs_ns: self.legs_ns,
        };
        let http2 = connection.alpn_protocol() == Some(HTTP2);
        let gate = self.current.clients.gate(chain);
        // The first request may have come along with the handshake's end and lie decrypted in the session.
        self.io.more_to_read();
        Opened::Secured { wire: Wire::secured(stream, session), info: Box::new(info), http2, gate }
    }
}

/// The beginning of a handshake in which HTTP/2 is offered, or is not.
fn session(current: &Current, http2: bool) -> Result<Session, TlsError> {
    let config = if http2 { &current.with_http2 } else { &current.config };
    let connection = ServerConnection::new(config.clone());
    Ok(Session::new(connection.map_err(|error| TlsError::Setup(error.to_string()))?))
}

/// Goes on as far as it gets without waiting. Answers whether the handshake is over and everything has been sent.
fn shake(session: &mut Session, stream: &TcpStream, io: &Io, legs_ns: &mut [i64; 4]) -> io::Result<bool> {
    loop {
        let flushed = session.flush(stream.as_fd())?;
        if flushed.sent > 0 {
            legs_ns[3] = clock::now_ns();
            if legs_ns[1] == 0 {
                legs_ns[1] = legs_ns[3];
            }
        }
        if flushed.held {
            return Ok(false);
        }
        if !session.connection().is_handshaking() {
            return Ok(true);
        }
        if !io.can_read() {
            return Ok(false);
        }
        io.begin_read();
        let pulled = session.pull(stream.as_fd());
        if pulled.is_ok() {
            legs_ns[3] = clock::now_ns();
            if legs_ns[1] != 0 && legs_ns[2] == 0 {
                legs_ns[2] = legs_ns[3];
            }
        }
        match pulled {
            Ok(pulled) if pulled.count == 0 => {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the client closed the connection before it was complete",
                ));
            }
            Ok(pulled) => {
                if !pulled.drained {
                    io.more_to_read();
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

impl Future for Opening {
    type Output = Opened;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Opened> {
        self.get_mut().advance()
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.server.handshake_ended();
        if self.stream.take().is_some() {
            self.io.release();
            self.server.connection_closed();
        }
    }
}
