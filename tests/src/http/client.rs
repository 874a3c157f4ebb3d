//! One connection.

use super::body::{Body, Step, find};
use super::message::{Request, Response};
use super::raw::Closed;
use crate::PATIENCE;
use anyhow::{Context as _, Result, bail, ensure};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

const PIECE: usize = 64 * 1024;
const LONGEST_HEAD: usize = 1024 * 1024;

/// A connection to a host, kept alive from request to request. Reads and writes fail after [`PATIENCE`].
pub struct Client {
    stream: TcpStream,
    received: Vec<u8>,
    body: Body,
}

impl Client {
    /// Connects to `port` of 127.0.0.1.
    ///
    /// # Panics
    /// Nobody listens there.
    pub fn connect(port: u16) -> Self {
        Self::connect_to((Ipv4Addr::LOCALHOST, port).into())
    }

    /// Connects to `address`.
    ///
    /// # Panics
    /// Nobody listens there.
    pub fn connect_to(address: SocketAddr) -> Self {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => Self::over(stream),
            Err(error) => panic!("cannot connect to {address}: {error}"),
        }
    }

    /// Speaks over a socket that is connected already.
    ///
    /// # Panics
    /// The socket takes no options.
    pub fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("TCP_NODELAY can be set");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit can be set");
        stream.set_write_timeout(Some(PATIENCE)).expect("a time limit can be set");
        Self { stream, received: Vec::new(), body: Body::Ended }
    }

    /// The socket itself.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Another handle of the same connection, for writing while this one reads.
    ///
    /// # Panics
    /// The process is out of descriptors.
    pub fn writer(&self) -> TcpStream {
        self.stream.try_clone().expect("a descriptor can be duplicated")
    }

    /// Changes how long reads wait.
    ///
    /// # Panics
    /// `limit` is zero.
    pub fn set_patience(&self, limit: Duration) {
        self.stream.set_read_timeout(Some(limit)).expect("a time limit can be set");
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// The connection has been closed, or takes nothing.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).context("sending")
    }

    /// Takes what has been received and belongs to no response: the first bytes of an upgraded connection.
    pub fn buffered(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.received)
    }

    /// Ends this side's stream; reading goes on.
    pub fn shutdown_write(&self) {
        // Fails when the server has closed already, which the next read tells.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Sends a request and reads its response to the end.
    ///
    /// # Errors
    /// The connection was cut, or the response is malformed or incomplete.
    pub fn request(&mut self, request: &Request) -> Result<Response> {
        self.send(&request.bytes())?;
        self.response(&request.method)
    }

    /// `GET target`, whole.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn get(&mut self, target: &str) -> Result<Response> {
        self.request(&Request::get(target)).with_context(|| format!("GET {target}"))
    }

    /// Reads the response to a request of `method` that was sent before.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn response(&mut self, method: &str) -> Result<Response> {
        let mut response = self.head(method)?;
        self.rest(&mut response)?;
        Ok(response)
    }

    /// Reads a response's head; the body is then read with [`Client::piece`] or [`Client::rest`].
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn head(&mut self, method: &str) -> Result<Response> {
        ensure!(matches!(self.body, Body::Ended), "the previous body has not been read");
        let mut interim = Vec::new();
        loop {
            let mut response = Response::parse(&self.head_bytes()?)?;
            if matches!(response.status, 100..=199) && response.status != 101 {
                interim.push(response.status);
                continue;
            }
            self.body = Body::of(method, &response)?;
            response.interim = interim;
            return Ok(response);
        }
    }

    fn head_bytes(&mut self) -> Result<Vec<u8>> {
        loop {
            if let Some(end) = find(&self.received, b"\r\n\r\n") {
                let rest = self.received.split_off(end + 4);
                let mut head = std::mem::replace(&mut self.received, rest);
                head.truncate(end);
                return Ok(head);
            }
            ensure!(self.received.len() < LONGEST_HEAD, "a head without end");
            if !self.fill()? {
                bail!(cut(format!(
                    "the connection was closed before a head's end, after {:?}",
                    self.shown()
                )));
            }
        }
    }

    /// The next decoded bytes of the body as soon as any have come; `None` at its end.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn piece(&mut self) -> Result<Option<Vec<u8>>> {
        self.next().map(|step| match step {
            Step::Piece(piece) => Some(piece),
            Step::NeedMore | Step::End(_) => None,
        })
    }

    fn next(&mut self) -> Result<Step> {
        loop {
            match self.body.step(&mut self.received)? {
                Step::NeedMore => {}
                step => return Ok(step),
            }
            if !self.fill()? {
                if matches!(self.body, Body::UntilClose) {
                    self.body = Body::Ended;
                    return Ok(Step::End(Vec::new()));
                }
                bail!(cut(format!("the connection was closed in the middle of a body ({:?})", self.body)));
            }
        }
    }

    /// Reads the rest of the body into `response`.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn rest(&mut self, response: &mut Response) -> Result<()> {
        loop {
            match self.next()? {
                Step::Piece(piece) => response.body.extend(piece),
                Step::NeedMore => {}
                Step::End(trailers) => {
                    response.trailers = trailers;
                    return Ok(());
                }
            }
        }
    }

    /// Reads body bytes until `wanted` has come, and answers all that came up to then.
    ///
    /// # Errors
    /// As [`Client::request`]; also when the body ends before.
    pub fn until(&mut self, wanted: &str) -> Result<String> {
        let mut seen = Vec::new();
        while find(&seen, wanted.as_bytes()).is_none() {
            match self.piece()? {
                Some(piece) => seen.extend(piece),
                None => bail!("the body ended without {wanted:?}: {:?}", String::from_utf8_lossy(&seen)),
            }
        }
        Ok(String::from_utf8_lossy(&seen).into_owned())
    }

    /// Reads until the server closes and says how; bytes that come before are an error.
    ///
    /// # Errors
    /// More bytes come, or the server does not close.
    pub fn closed(&mut self) -> Result<Closed> {
        ensure!(self.received.is_empty(), "unexpected bytes: {:?}", self.shown());
        match self.fill() {
            Ok(false) => Ok(Closed::Finished),
            Ok(true) => bail!("unexpected bytes: {:?}", self.shown()),
            Err(error) if super::is_cut(&error) => Ok(Closed::Reset),
            Err(error) => Err(error),
        }
    }

    /// Whether the server has closed the connection while nothing was asked of it, as far as is known by now. Who keeps
    /// connections looks before they send: a server may close one that is idle.
    ///
    /// # Panics
    /// The socket cannot be made not to wait.
    pub fn was_closed(&self) -> bool {
        self.stream.set_nonblocking(true).expect("a socket can be made not to wait");
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).expect("a socket can be made to wait");
        match peeked {
            Ok(count) => count == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }

    /// Receives once; `false` at the end of the stream.
    fn fill(&mut self) -> Result<bool> {
        let mut piece = [0; PIECE];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return Ok(false),
                Ok(count) => {
                    self.received.extend(&piece[..count]);
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("receiving"),
            }
        }
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.received).chars().take(500).collect()
    }
}

fn cut(text: String) -> std::io::Error {
    std::io::Error::new(ErrorKind::UnexpectedEof, text)
}
